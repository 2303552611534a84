"""Release bars: the file is checked to the line, and each bar fails for what it is there for."""

from __future__ import annotations

from pathlib import Path

import pytest
from eval_sweeps import WORD, negative, positive, row, said, write_run

from wakeword.errors import ConfigError
from wakeword.eval import bars, summary
from wakeword.eval.bars import Bars, FalseBars, GroupBars, MissBars
from wakeword.eval.figures import Word
from wakeword.eval.groups import Column


def write(folder: Path, text: str) -> Path:
    path = folder / "bars.yaml"
    path.write_text(text)
    return path


def test_the_file_of_the_documentation_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8")
    found = bars.read(write(tmp_path, page.split("```yaml\n")[1].split("```")[0]))
    assert found == Bars(
        misses=MissBars(share_at_most=0.05, by_condition={"clean": 0.01, "0 dB": 0.25}),
        false_accepts=FalseBars(per_hour_at_most=0.5),
        groups=GroupBars(gap_at_most=0.05, share_at_most=0.15, per_hour_at_most=1.0, least_utterances=30),
    )


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("misses:\n  shareatmost: 0.1\n", 2, r"unknown key 'shareatmost' \(nearest: share_at_most\)"),
        ("mises:\n  share_at_most: 0.1\n", 1, r"unknown key 'mises' \(nearest: misses\)"),
        ("misses:\n  share_at_most: 5\n", 2, "misses.share_at_most: input should be less than or equal to 1"),
        ("false_accepts:\n  per_hour_at_most: many\n", 2, "false_accepts.per_hour_at_most: .* number"),
        ("groups:\n  gap_at_most: 0.1\n  gap_at_most: 0.2\n", 3, "stands here twice"),
        ("", 0, "no bar is set"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=says) as caught:
        bars.read(path)
    assert caught.value.where == (f"{path}:{line}" if line else str(path))


# clean: 1 of 4 missed; at 0 dB 2 of 4; the first two clips are f, the others m; 2 false accepts in 10 h, in the bath
@pytest.fixture
def counted(tmp_path: Path) -> tuple[list[Word], list[Column]]:
    utterances, files, rows = [], [], []
    for condition, snr, missed in (("clean", None, 1), ("music-0dB", 0.0, 2)):
        for n in range(4):
            name = f"{n}#{condition}"
            sex = {"group_sex": "f" if n < 2 else "m"}
            files.append(positive(name, condition=condition))
            utterances.append(said(name, name, condition=condition, snr_db=snr, speaker=f"s{n}", groups=sex))
            rows.append(row(name, 1.0, (0.9, 0.2 if n < missed else 0.8), name))
    files += [
        negative("bath", 4.0, groups={"group_room": "bath"}),
        negative("hall", 6.0, groups={"group_room": "hall"}),
    ]
    rows += [row("bath", 1.0, (0.9, 0.9)), row("bath", 9.0, (0.9, 0.9))]
    return summary.figures(write_run(tmp_path / "run", utterances, files, rows))


def passed(found: list[bars.Finding]) -> dict[tuple[str, str], bool | None]:
    assert {finding.word for finding in found} <= {WORD}
    return {(finding.bar, finding.of): finding.passed for finding in found}


def test_misses_are_held_against_each_conditions_bar(counted: tuple[list[Word], list[Column]]) -> None:
    for share, kept in ((0.375, True), (0.37, False)):  # the mean of 1/4 and 2/4
        found = bars.judge(Bars(misses=MissBars(share_at_most=share)), *counted)
        assert passed(found) == {("misses.share_at_most", "all conditions"): kept}
    found = bars.judge(Bars(misses=MissBars(by_condition={"clean": 0.25, "0 dB": 0.4, "music-0dB": 0.5})), *counted)
    assert passed(found) == {
        ("misses.by_condition", "clean"): True, ("misses.by_condition", "0 dB"): False,
        ("misses.by_condition", "music-0dB"): True,
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"no condition 'bath' .*it has clean, music-0dB"):
        bars.judge(Bars(misses=MissBars(by_condition={"bath": 0.1})), *counted)


def test_false_accepts_are_held_against_the_bar_by_their_upper_end(counted: tuple[list[Word], list[Column]]) -> None:
    for most, kept in ((0.73, True), (0.72, False)):  # 2 in 10 h: 0.2, at most 0.7225
        found = bars.judge(Bars(false_accepts=FalseBars(per_hour_at_most=most)), *counted)
        assert passed(found) == {("false_accepts.per_hour_at_most", ""): kept}


def test_groups_are_held_against_theirs_and_small_ones_are_not_asked(counted: tuple[list[Word], list[Column]]) -> None:
    found = bars.judge(Bars(groups=GroupBars(share_at_most=0.5, least_utterances=4)), *counted)
    assert passed(found) == {
        ("groups.share_at_most", "group_sex=f"): False, ("groups.share_at_most", "group_sex=m"): True,
    }  # fmt: skip
    found = bars.judge(Bars(groups=GroupBars(share_at_most=0.5, least_utterances=5)), *counted)
    assert set(passed(found).values()) == {None}
    found = bars.judge(Bars(groups=GroupBars(per_hour_at_most=1.0)), *counted)
    assert passed(found) == {
        ("groups.per_hour_at_most", "group_room=bath"): False, ("groups.per_hour_at_most", "group_room=hall"): True,
    }  # fmt: skip


def test_a_gap_of_four_speakers_stays_open(counted: tuple[list[Word], list[Column]]) -> None:
    (found,) = bars.judge(Bars(groups=GroupBars(gap_at_most=0.05)), *counted)
    assert (found.of, found.passed, found.value) == ("group_sex", None, pytest.approx(0.75))
    assert "too few speakers to tell" in found.says


@pytest.mark.parametrize(("worse", "limit", "kept"), [(8, 0.05, False), (8, 0.9, True), (1, 0.05, True)])
def test_a_gap_fails_above_its_limit_if_chance_does_not_do_as_much(
    tmp_path: Path, worse: int, limit: float, kept: bool
) -> None:
    utterances, files, rows = [], [], []
    for speaker in range(16):
        for clip in range(10):
            name = f"{speaker}-{clip}"
            files.append(positive(name))
            utterances.append(
                said(name, name, speaker=f"s{speaker}", groups={"group_sex": "f" if speaker % 2 else "m"})
            )
            missed = worse if speaker % 2 else 1
            rows.append(row(name, 1.0, (0.9, 0.2 if clip < missed else 0.8), name))
    counted = summary.figures(write_run(tmp_path / "run", utterances, files, rows))
    (found,) = bars.judge(Bars(groups=GroupBars(gap_at_most=limit)), *counted)
    assert found.passed is kept
