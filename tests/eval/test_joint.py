"""Any pair of thresholds: the steps against a simulation that plays every pair by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from eval_sweeps import build, negative, positive, row, said
from hypothesis import given
from hypothesis import strategies as st

from wakeword.errors import ConfigError
from wakeword.eval import joint, tables
from wakeword.eval.tables import Alternative

SCORES = st.integers(1, 9).map(lambda tenth: tenth / 10)


@st.composite
def rows(draw: st.DrawFn) -> list[Alternative]:
    """Up to 14 candidates in a clip `p` with two utterances and in a recording `n`, deaf for 0 to 3 s after a wake."""
    found = []
    for _ in range(draw(st.integers(0, 14))):
        file, decided = draw(st.sampled_from("pn")), draw(st.integers(0, 80)) / 10
        upto = draw(SCORES)
        found.append(
            row(
                file, decided, (upto, draw(SCORES)),
                draw(st.sampled_from(["", "-", "u1", "u2"])) if file == "p" else draw(st.sampled_from(["", "-"])),
                above=draw(st.sampled_from([0.0, upto / 2])), rest_until_s=decided + draw(st.integers(0, 30)) / 10,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.file, one.decided_s))


def sweep(found: list[Alternative]) -> joint.Sweep:
    return build([said("u1", "p"), said("u2", "p")], [positive("p"), negative("n", 0.5)], found)


def played(found: list[Alternative], one: float, two: float) -> tuple[set[str], int]:
    """Who is heard and how often it wakes falsely, by the words of `tables.Alternative`."""
    heard, false, deaf = set(), 0, {"p": -1.0, "n": -1.0}
    for each in found:
        if each.above < one <= each.upto and each.stage2 >= two and each.decided_s > deaf[each.file]:
            deaf[each.file] = each.rest_until_s
            heard |= {each.utterance} - {"", "-"}
            false += each.file == "n" and each.utterance == ""
    return heard, false


@given(rows(), SCORES, SCORES)
def test_a_pair_of_thresholds_decides_as_if_played(found: list[Alternative], one: float, two: float) -> None:
    table, (heard, false) = sweep(found), played(found, one, two)
    assert {f"u{number + 1}" for number in np.flatnonzero(table.heard(one, two))} == heard
    assert len(table.false_accepts(one, two)) == false


@given(rows(), SCORES)
def test_the_steps_add_up_to_every_threshold(found: list[Alternative], one: float) -> None:
    table = sweep(found)
    steps = table.steps(one)
    assert (np.diff(steps.level) <= 0).all()
    for two in [0.1, 0.2, 0.35, 0.5, 0.8, 1.0]:
        until = steps.level >= two
        false = until & (steps.utterance == joint.FALSE)
        assert steps.change[false].sum() == len(table.false_accepts(one, two))
        for number, heard in enumerate(table.heard(one, two)):
            assert steps.change[until & (steps.utterance == number)].sum() == heard


# second         0     1     2     3        deaf for 2 s after a wake
# false             0.3                     accepted from 0.3 down: the word after it is then lost
# word                    0.8
def test_a_false_wake_can_hide_the_word_that_follows() -> None:
    table = sweep([row("p", 1.0, (0.9, 0.3)), row("p", 2.0, (0.9, 0.8), "u1")])
    assert table.heard(0.5, 0.5).tolist() == [True, False]
    assert table.heard(0.5, 0.2).tolist() == [False, False]
    steps = table.steps(0.5)
    assert (steps.level.tolist(), steps.change.tolist(), steps.utterance.tolist()) == ([0.8, 0.3], [1, -1], [0, 0])


def test_only_negative_recordings_count_hours_and_false_accepts() -> None:
    table = sweep([row("n", 1.0, (0.9, 0.9)), row("p", 1.0, (0.9, 0.9)), row("n", 9.0, (0.9, 0.9), "-")])
    assert table.hours == 0.5
    assert table.file[table.false_accepts(0.5, 0.5)].tolist() == [1]
    assert len(table.candidates(0.5)) == 1


def test_a_candidate_exists_between_its_two_thresholds_only() -> None:
    table = sweep([row("p", 1.0, (0.7, 0.9), "u1", above=0.4, upto=0.6)])
    assert [bool(table.heard(one, 0.5)[0]) for one in (0.4, 0.5, 0.6, 0.7)] == [False, True, True, False]
    assert [bool(table.asked(one)[0]) for one in (0.4, 0.5, 0.6, 0.7)] == [False, True, True, False]


@given(rows(), st.lists(st.integers(0, 1), min_size=1, max_size=4))
def test_what_is_taken_twice_counts_twice(found: list[Alternative], files: list[int]) -> None:
    table = sweep(found)
    taken = table.take(files)
    assert taken.hours == 0.5 * files.count(1)
    assert len(taken.false_accepts(0.3, 0.3)) == files.count(1) * len(table.false_accepts(0.3, 0.3))
    assert taken.heard(0.3, 0.3).tolist() == files.count(0) * table.heard(0.3, 0.3).tolist()
    assert len(taken.utterances) == 2 * files.count(0)


def test_a_word_that_the_run_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no word 'jarvis' in this run \(it has computer\)"):
        joint.load(tables.Run(tmp_path, {"words": {"computer": {}}}), "jarvis")
