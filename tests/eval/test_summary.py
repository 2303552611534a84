"""summary.json and what is said at the end of an evaluation: the documentation's words, and the right numbers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from eval_sweeps import WORD, drawn, negative, positive, row, said, write_run

from wakeword.cli.summary import conclude
from wakeword.eval import bars, compare, summary
from wakeword.eval.tables import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Ten clips of two speakers, two of them missed; 2 false accepts in 8 h."""
    utterances = [said(f"u{n}", f"p{n}", speaker="ann" if n < 5 else "bob", groups={"group_sex": "f" if n < 5 else "m"})
                  for n in range(10)]  # fmt: skip
    rows = [row(f"p{n}", 1.0, (0.9, 0.2 if n in (1, 2) else 0.9), f"u{n}") for n in range(10)]
    rows += [row("n", 60.0 * n + 1, (0.8, 0.7)) for n in range(2)]
    files = [*(positive(f"p{n}") for n in range(10)), negative("n", 8.0, speaker="tv")]
    return write_run(tmp_path / "run", utterances, files, rows)


def test_the_figures_are_written_with_counts_and_bounds(run: Run) -> None:
    form = summary.summary(run, *summary.figures(run))
    word = json.loads(summary.write(run.folder, form).read_text("utf-8"))["words"][WORD]
    clean = word["conditions"][0]
    assert (clean["name"], clean["utterances"], clean["misses"], clean["frr"]) == ("clean", 10, 2, 0.2)
    assert (clean["frr_low"], clean["frr_high"]) == (pytest.approx(0.0566822), pytest.approx(0.5098375))
    assert clean["stage2"] == word["all"]["stage2"]
    assert word["false_accepts"]["cascade"] == {
        "count": 2, "hours": 8.0, "per_hour": 0.25,
        "low": pytest.approx(0.0302762, abs=1e-7), "high": pytest.approx(0.903086),
    }  # fmt: skip
    assert word["false_accepts"]["by_speaker"][0]["name"] == "tv"
    assert [(one["name"], one["misses"]) for one in word["speakers"]] == [("ann", 2), ("bob", 0)]
    assert word["thresholds"] == {"stage1": 0.5, "stage2": 0.5, "point": "default"}
    assert word["latency_s"]["median"] == 0.15
    assert [group["misses"] for group in word["groups"][0]["groups"]] == [2, 0]
    assert word["groups"][0]["misses_gap"]["can_tell"] is False


def test_every_entry_is_documented(run: Run) -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8").split("## summary.json")[1]
    named = set(re.findall(r"`(\w+)`", page))
    form = summary.summary(run, *summary.figures(run), [bars.Finding("misses", WORD, "all", 0.2, 0.1, False, "20 %")])
    word = form["words"][WORD]
    misses = {*word["all"]} - {"name"}
    column = word["groups"][0]
    assert {*form, *form["bars"][0], *word} <= named
    assert misses | {*word["latency_s"], *word["errors_together"], *word["false_accepts"], *word["det"]} <= named
    assert {*word["false_accepts"]["cascade"], *column["misses_gap"]} <= named


def test_the_curves_are_those_of_both_stages_and_of_the_two_together(run: Run) -> None:
    curves = summary.summary(run, *summary.figures(run))["words"][WORD]["det"]
    assert curves["cascade"] == [[0.9, 0.2, 0.0, 0.0]]  # at 0.9 stage 1 alone refuses both false candidates
    assert [0.8, 0.0, 0.25] in curves["stage1"]
    assert [0.7, 0.2, 0.25] in curves["stage2"]


def test_it_is_strict_json_even_where_nothing_is_known(tmp_path: Path) -> None:
    empty = write_run(tmp_path / "run", [said("u", "p")], [positive("p")], [])
    form = summary.summary(empty, *summary.figures(empty))
    assert json.loads(json.dumps(form, allow_nan=False))["words"][WORD]["false_accepts"]["cascade"]["high"] is None


def test_people_are_told_in_sentences(run: Run) -> None:
    told = "\n".join(summary.sentences(*summary.figures(run)))
    assert (
        "computer: 2 false accepts in 8.00 h, 0.25 an hour (95 %: 0.03 to 0.90); stage 1 alone asks 0.2 times" in told
    )
    assert "decided 150 ms after the word's end" in told
    assert "'f' is missed 40.0 points more than 'm': too few speakers to tell" in told


def test_none_in_few_hours_says_only_below(tmp_path: Path) -> None:
    quiet = write_run(tmp_path / "run", [said("u", "p")], [positive("p"), negative("n", 3.0)], [])
    assert (
        "no false accept in 3.00 h, which says only: below 1.23 an hour."
        in summary.sentences(*summary.figures(quiet))[0]
    )


def test_the_end_of_an_evaluation(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    words, groups = summary.figures(run)
    kept = bars.Bars(misses=bars.MissBars(share_at_most=0.2))
    missed = bars.Bars(misses=bars.MissBars(share_at_most=0.1), groups=bars.GroupBars(gap_at_most=0.1))
    assert conclude(run, words, groups, compare.compare(words, words), kept, as_json=False) == 0
    out = capsys.readouterr().out
    assert "20.0 %" in out
    assert "bar kept    misses.share_at_most  computer all conditions: 20.0 %, limit 20 %" in out
    assert "0 are missed that were heard: not significant" in out
    assert conclude(run, words, groups, [], missed, as_json=False) == 1
    out = capsys.readouterr().out
    assert out.index("bar MISSED") < out.index("bar open")
    assert conclude(run, words, groups, [], missed, as_json=True) == 1
    assert json.loads(capsys.readouterr().out) == json.loads((run.folder / "summary.json").read_text("utf-8"))


def test_a_large_sweep_is_summed_up_without_a_curve_of_thousands_of_points(tmp_path: Path) -> None:
    sweep = drawn(np.random.default_rng(1), speakers=5, files=100, per_hour=200.0)
    assert len(sweep.file) > 4_500
    rows = [
        row(sweep.files[f].file, decided / 1000, (one, two), sweep.utterances[owner].utterance if owner >= 0 else "")
        for f, decided, (one, two), owner in zip(
            sweep.file.tolist(), sweep.decided_ms.tolist(), sweep.scores.tolist(), sweep.owner.tolist(), strict=True
        )
    ]
    big = write_run(tmp_path / "run", sweep.utterances, sweep.files, rows)
    curves = summary.summary(big, *summary.figures(big))["words"][WORD]["det"]
    assert 10 < len(curves["cascade"]) <= 200
    assert 50 < len(curves["stage1"]) <= 200
