"""Figures: counts with their bounds, pooled and apart, and tables that say the same."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from wakeword.eval.bounds import poisson, wilson
from wakeword.versus import choose, table
from wakeword.versus.choose import Clip, Hearing, Setting
from wakeword.versus.engines import FLOOR
from wakeword.versus.streams import Said
from wakeword.versus.table import Result

CONDITIONS = ("clean", "babble-10dB", "music-10dB", "babble-0dB", "music-0dB")
NOTHING = choose.gather([])


@pytest.fixture
def result() -> Result:
    """Two speakers say the word once in each condition; the second is never heard in babble, nobody is at 0 dB."""
    clips = [Clip(Said("", speaker, 0), name, NOTHING) for name in CONDITIONS for speaker in ("s1", "s2")]
    heard = [
        "-0dB" not in clip.condition and not (clip.said.speaker == "s2" and "babble" in clip.condition)
        for clip in clips
    ]
    hearing = Hearing("alexa", tuple(clips), NOTHING, 10.0, (0.5,))
    return Result("an engine", hearing, "0.5", Setting(0.5, 0.25, 3, tuple(heard)))


def test_misses_are_counted_by_condition_by_kind_of_noise_and_by_speaker(result: Result) -> None:
    assert result.missed("clean") == wilson(0, 2)
    assert result.missed("10dB") == wilson(1, 4)
    assert result.missed("babble-10dB") == wilson(1, 2)
    assert result.missed("0dB", "s1") == wilson(2, 2)
    assert result.conditions == ["clean", "10dB", "0dB", *sorted(CONDITIONS[1:])]
    assert result.false_accepts == poisson(3, 10.0)


def test_the_file_holds_every_speaker_and_condition(result: Result, tmp_path: Path) -> None:
    table.write(tmp_path / "misses.csv", [result])
    with (tmp_path / "misses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 7  # all speakers and each of two; three classes and four kinds of noise
    (row,) = [row for row in rows if (row["condition"], row["speaker"]) == ("10dB", "s2")]
    assert (row["missed_count"], row["missed_of"]) == ("1", "2")
    assert float(row["missed_high"]) == pytest.approx(wilson(1, 2).high, abs=1e-5)
    assert (row["false_accepts_count"], row["false_accepts_hours"], row["threshold"]) == ("3", "10.0", "0.25")


def test_tables_show_percentages_counts_and_kinds_of_noise(result: Result) -> None:
    others = [replace(result, bound=bound, setting=None) for bound in ("0.1", "1")]
    percent, counted, kinds = table.markdown([others[0], result, others[1]]).split("\n\n")
    assert percent.splitlines()[2] == "| an engine | alexa (2) | – | 0.0 / 25.0 / 100.0 % | – |"
    cells = [cell.strip() for cell in counted.splitlines()[2].split("|")]
    assert cells[3:9] == ["≤ 0.5", "0.250", "0 of 2 (0.0–65.8 %)", "1 of 4 (4.6–69.9 %)",
                          "4 of 4 (51.0–100.0 %)", "3 in 10.0 h (0.06–0.88/h)"]  # fmt: skip
    assert len(counted.splitlines()) == 3  # nothing is known of a bound that no setting keeps
    assert kinds.splitlines()[2] == "| an engine | alexa | 2 of 2 | 1 of 2 | 2 of 2 | 0 of 2 | none missed |  |"


@pytest.mark.parametrize(("levels", "threshold", "told"), [
    ((0.5,), 0.25, "0.250"), ((0.1, 0.5), 0.25, "0.5, 0.250"), ((0.1, 0.5), FLOOR, "sensitivity 0.5"),
], ids=["a score", "two stages", "no score"])  # fmt: skip
def test_a_setting_is_told_by_what_can_be_turned(
    result: Result, levels: tuple[float, ...], threshold: float, told: str
) -> None:
    assert result.setting
    hearing, setting = replace(result.hearing, levels=levels), replace(result.setting, threshold=threshold)
    results = [replace(result, hearing=hearing, setting=setting, bound=bound) for bound in ("0.1", "0.5", "1")]
    counted = table.markdown(results).split("\n\n")[1]
    assert counted.splitlines()[2].split(" | ")[3] == told


def test_means_are_over_the_words_that_are_shipped_here_for_engines_that_have_them_all(result: Result) -> None:
    def rows(engine: str, word: str, heard: bool) -> list[Result]:
        hearing = replace(result.hearing, word=word)
        setting = Setting(0.5, 0.5, 0, (heard,) * len(CONDITIONS) * 2)
        return [Result(engine, hearing, bound, setting) for bound in ("0.1", "0.5", "1")]

    ours = [*rows("ours", "alexa", True), *rows("ours", "jarvis", False)]
    ours += [replace(row, bound=table.SHIPPED) for row in ours if row.bound == "1"]
    others = [*rows("both", "alexa", True), *rows("both", "jarvis", True), *rows("one", "alexa", True)]
    means = [line for line in table.markdown([*others, *ours]).splitlines() if "mean of" in line]
    assert [line.split(" | ")[:3] for line in means] == [
        ["| both", "mean of alexa, jarvis", "0.0 / 0.0 / 0.0 %"],
        ["| ours", "mean of alexa, jarvis", "50.0 / 50.0 / 50.0 %"],
    ]
