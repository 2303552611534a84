"""Short runs of the ordeals, and proof that they bite: a guard that is taken away is missed."""

from __future__ import annotations

import shutil
from collections import Counter
from functools import partial

import pytest

from wakeword.ordeal import books, fuzz, inject, kills, teeth, wire
from wakeword.ordeal.crash import Trial, Tried
from wakeword.ordeal.life import BrokenPromiseError
from wakeword.states import Gate

NO_BOOKS = books.needed()


def test_nothing_is_lost_in_some_crash_states() -> None:
    tried = Tried()
    Trial(1, tried, lambda: tried.states >= 300, most_states=6).run()
    assert tried.states >= 300


@pytest.mark.parametrize(
    "guard",
    [
        "fdatasync after a group",
        "fsync of the folder",
        "the record before the first sample",
    ],
)
def test_a_guard_that_is_taken_away_is_missed(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teeth, "MUTANTS", {guard: teeth.MUTANTS[guard]})
    [bite] = teeth.bites(1, 2_000)
    assert bite.caught


def test_hostile_messages_open_nothing() -> None:
    counts: Counter[str] = Counter()
    said = list(fuzz.run(1, 6_000, counts))
    assert said[-1] >= 6_000
    assert counts["sessions"] > 100


def test_hostile_messages_open_nothing_in_the_real_gate() -> None:
    counts: Counter[str] = Counter()
    said = list(wire.run(1, 120, counts))
    assert said[-1] >= 120
    assert counts["gates"] == counts["gates that ended with 0"] + counts["gates that ended with 1"]
    assert counts["sessions of real gates"] > 0


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("_wrong", lambda gate, wake: ""),
        ("_set_mute", lambda gate, on: setattr(gate, "muted", on)),
    ],
)
def test_a_gate_with_a_rule_missing_is_found_by_hostile_messages(
    name: str, wrong: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gate, name, wrong)
    with pytest.raises((BrokenPromiseError, AssertionError)):
        list(fuzz.run(1, 60_000, Counter()))


def test_a_few_kills_of_the_real_gate() -> None:
    counts: Counter[str] = Counter()
    assert list(kills.run(1, 8, counts)) == list(range(1, 9))
    assert counts["logs verified"] == 1


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt install strace)")
def test_faults_at_the_first_sync_of_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inject, "cases", lambda first: [("fdatasync", fault, first) for fault in inject.FAULTS])
    counts: Counter[str] = Counter()
    assert list(inject.run(2, counts)) == [1, 2, 3]
    assert counts["sessions after"] >= 1
    assert sum(number for what, number in counts.items() if "sessions opened" in what) == 0


@pytest.mark.skipif(bool(NO_BOOKS), reason=NO_BOOKS or "-")
def test_log_kernel_and_service_agree_and_what_was_planted_is_found() -> None:
    """`run` raises unless every sum is equal that must be."""
    seen: list[int] = []
    kept = books.run(2, 1, seen.append)
    assert seen == [1, 2]
    assert kept.log == kept.service > 0
    assert kept.kernel_payload == kept.uplink_payload


def test_enough_is_enough() -> None:
    tried = Tried()
    Trial(2, tried, partial(lambda: True)).run()
    assert tried.states == 0
