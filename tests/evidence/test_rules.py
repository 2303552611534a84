"""Each rule, by changing one thing in a sequence that keeps them all; the vectors have one case of each rule.

line     1    2   3    4      5        6     7     8     9     10    11    12     13    14    15
record   head key gap  policy selftest mute  beat  seal  wake  open  seal  close  seal  beat  seal
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wakeword.evidence.record import Record, Value
from wakeword.evidence.rules import Rules

POLICY: Record = {
    "k": "policy", "s1_min": 500_000, "s2_min": 500_000, "lag_ms": 400, "m1": "a", "m2": "b", "cap_b": 100_000,
    "cap_ms": 9_000, "win_b": 65_536, "rate": 32_000, "hour": 2, "beat_ms": 300_000,
}  # fmt: skip
Lines = list[Record]
Change = Callable[[Lines], object]


def lines(*, epoch: int = 1, first: int = 0, at: int = 50_000, sid: int = 1, passed: int = 0) -> Lines:
    """One file with one session of 50,000 bytes."""
    wall = 1_767_225_600 + at // 1_000
    seal: Record = {"k": "seal"}
    gap_open = 0
    early = {"t": at, "w": wall}
    late = {"t": at + 2_000, "w": wall + 2}
    last = {"t": at + 5_000, "w": wall + 5}
    return [
        {"k": "head", "first": first, "e": epoch},
        {"k": "key", "boot": "this", **early},
        {"k": "gap", "why": "first", "ms": 0, "open": gap_open, **early},
        POLICY | early,
        {"k": "selftest", "deny": True, "kat": True, "mic": True, "net": True, **early},
        {"k": "mute", "on": False, "src": "boot", **early},
        {"k": "beat", "frames": 0, "muted": False, "sess": sid - 1, "pass_b": passed, **early},
        dict(seal),
        {
            "k": "wake", "wid": at + 1_990, "s1": 700_000, "s2": 700_000, "lag_ms": 90, "m1": "a", "m2": "b",
            "win_b": 40_000, **late,
        },
        {"k": "open", "sid": sid, "wid": at + 1_990, "cap_b": 100_000, "cap_ms": 9_000, **late},
        dict(seal),
        {"k": "close", "sid": sid, "bytes": 50_000, "ms": 900, "why": "end", "t": at + 3_000, "w": wall + 3},
        dict(seal),
        {"k": "beat", "frames": 400, "muted": False, "sess": sid, "pass_b": passed + 50_000, **last},
        dict(seal),
    ]  # fmt: skip


def found(sequence: Lines, *, seals: bool = True) -> list[tuple[str, int]]:
    """(invariant, line) of each finding. `seals`: put a seal between records of different times, as belongs there."""
    findings: list[tuple[str, int]] = []
    rules = Rules(lambda invariant, where, _: findings.append((invariant, int(where))))
    for number, record in enumerate(sequence, 1):
        before = sequence[number - 2]
        if seals and number > 1 and "t" in record and "t" in before and record["t"] != before["t"]:
            rules.take({"k": "seal"}, "0")
        if record["k"] == "head":
            rules.begin_file(after_missing=number == 1 and record["first"] != 0)
        rules.take(record, str(number))
    return findings


def put(line: int, **values: Value) -> Change:
    return lambda sequence: sequence[line - 1].update(values)


def drop(line: int) -> Change:
    return lambda sequence: sequence.pop(line - 1)


def insert(line: int, **record: Any) -> Change:
    return lambda sequence: sequence.insert(line - 1, record)


def both(*changes: Change) -> Change:
    return lambda sequence: [change(sequence) for change in changes]


def as_fast(passed: int) -> Change:
    """So many bytes in 900 ms, within caps that are wide enough."""
    caps = both(put(4, cap_b=300_000), put(10, cap_b=300_000))
    return both(caps, put(12, bytes=passed), put(14, pass_b=passed))


LATER = {"t": 54_000, "w": 1_767_225_654}  # between the close and the last beat
CASES: list[tuple[str, Change, list[tuple[str, int]]]] = [
    ("as it is", both(), []),
    ("a wake that nothing follows", drop(10), [("I5", 10), ("I8", 11)]),
    ("an open without a wake", drop(9), [("I5", 9)]),
    ("an open for another wake", put(10, wid=51_989), [("I5", 10)]),
    ("stage 1 too low", put(9, s1=499_999), [("I6", 9)]),
    ("exactly the thresholds", put(9, s1=500_000, s2=500_000, lag_ms=400), []),
    ("decided late", put(9, lag_ms=401), [("I6", 9)]),
    ("another model", put(9, m2="c"), [("I6", 9)]),
    ("a wake of the future", both(put(9, wid=52_001), put(10, wid=52_001)), [("I7", 9)]),
    ("a wake of long ago", both(put(9, wid=46_999), put(10, wid=46_999)), [("I7", 9)]),
    ("an old wake that is just fresh", both(put(9, wid=47_000), put(10, wid=47_000)), []),
    ("a session number skipped", both(put(10, sid=2), put(12, sid=2), put(14, sess=2)), [("I8", 10)]),
    ("a close of nothing", insert(13, k="close", sid=1, bytes=0, ms=0, why="end", **LATER), [("I8", 13)]),
    ("a stop inside a session", insert(12, k="stop", t=52_500, w=1_767_225_652), [("I8", 12)]),
    ("a byte cap above the policy", put(10, cap_b=100_001), [("I9", 10)]),
    ("a time cap above the policy", put(10, cap_ms=9_001), [("I9", 10)]),
    ("less than the window", both(put(12, bytes=39_999), put(14, pass_b=39_999)), [("I9", 12)]),
    ("less than the window, uplink lost", both(put(12, bytes=9, why="uplink"), put(14, pass_b=9)), []),
    ("longer than the cap", both(put(12, ms=9_001, t=62_000, w=1_767_225_662), put(14, t=65_000, w=1_767_225_665)),
     [("I9", 12)]),
    ("longer than went by", put(12, ms=1_001), [("I9", 12)]),
    ("faster than real time", as_fast(199_873), [("I9", 12)]),
    ("as fast as allowed", as_fast(199_872), []),
    ("open while muted", put(6, on=True), [("I11", 7), ("I11", 9), ("I11", 14)]),
    ("mute inside a session", insert(12, k="mute", on=True, t=52_500, w=1_767_225_652), [("I11", 12), ("I11", 15)]),
    ("a beat that hides mute", insert(14, k="mute", on=True, **LATER), [("I11", 15)]),
    ("sound in the second muted beat",
     both(put(14, muted=True, frames=5), insert(14, k="beat", frames=9, muted=True, sess=1, pass_b=50_000, **LATER),
          insert(14, k="mute", on=True, **LATER)), [("I11", 16)]),
    ("time runs backwards", put(14, t=52_000, w=1_767_225_652), [("I12", 14)]),
    ("the wall clock jumps", put(14, w=1_767_229_255), [("I12", 14)]),
    ("the wall clock jumps and it is said",
     both(put(14, w=1_767_229_255), insert(14, k="gap", why="clock", ms=3_600_000, open=0, t=55_000, w=1_767_229_255)),
     []),
    ("the wall clock jumps otherwise than is said",
     both(put(14, w=1_767_229_255), insert(14, k="gap", why="clock", ms=3_000_000, open=0, t=55_000, w=1_767_229_255)),
     [("I12", 14)]),
    ("silence", put(14, t=368_001, w=1_767_225_968), [("I13", 14)]),
    ("the longest silence", put(14, t=368_000, w=1_767_225_968), []),
    ("silence that is said", insert(14, k="gap", why="late", ms=0, open=0, t=368_001, w=1_767_225_968),
     [("I12", 15)]),
    ("no policy", drop(4), [("I15", 8)]),
    ("a policy out of bounds", put(4, hour=61), [("I15", 4)]),
    *[(f"self-test: {wall}", put(5, **{wall: False}), [("I16", 10)]) for wall in ("deny", "kat", "mic", "net")],
    ("no self-test", drop(5), [("I16", 9)]),
    ("a fault that latches", insert(9, k="fault", latch=True, t=51_000, w=1_767_225_651), [("I16", 11)]),
    ("a fault that does not", insert(9, k="fault", latch=False, t=51_000, w=1_767_225_651), []),
    ("a second session while one is open",
     both(insert(12, k="open", sid=2, wid=52_400, cap_b=100_000, cap_ms=9_000, t=52_500, w=1_767_225_652),
          insert(12, k="wake", wid=52_400, s1=700_000, s2=700_000, lag_ms=90, m1="a", m2="b", win_b=0, t=52_500,
                 w=1_767_225_652)),
     [("I8", 13), ("I8", 14), ("I9", 14), ("I17", 16)]),
    ("sessions understated", put(14, sess=0), [("I17", 14)]),
    ("bytes understated", put(14, pass_b=49_999), [("I17", 14)]),
    ("a beat inside a session is not held to the sum",
     insert(12, k="beat", frames=0, muted=False, sess=1, pass_b=9, t=52_500, w=1_767_225_652), []),
]  # fmt: skip


@pytest.mark.parametrize(("what", "change", "expected"), CASES, ids=[case[0] for case in CASES])
def test_one_change(what: str, change: Change, expected: list[tuple[str, int]]) -> None:
    sequence = lines()
    change(sequence)
    assert found(sequence) == expected, what


def test_records_of_different_times_have_a_seal_between_them() -> None:
    sequence = lines()
    del sequence[12]  # the seal behind the close
    assert found(sequence, seals=False) == [("I5", 13)]
    sequence[12] |= {"t": sequence[11]["t"], "w": sequence[11]["w"]}
    assert found(sequence, seals=False) == []
    sequence[12]["w"] = int(sequence[11]["w"]) + 1
    assert found(sequence, seals=False) == [("I5", 13)]


def test_a_file_that_was_pruned_has_fewer_seals() -> None:
    sequence = lines()
    sequence[5:7] = [{"k": "cut"}] * 2
    del sequence[12]
    assert found(sequence, seals=False) == []


def two_files(**gap: Value) -> Lines:
    later = lines(epoch=2, first=9, at=60_000, sid=2, passed=50_000)
    later[2].update({"why": "crash", "ms": 5_000} | gap)
    return lines() + later


def test_two_files_in_a_row() -> None:
    assert found(two_files()) == []


EARLIER = both(*(put(line, t=54_999, w=1_767_225_655) for line in range(17, 23)))  # the second start's whole group


@pytest.mark.parametrize(
    ("what", "change", "expected"),
    [
        ("the gap names a session that was closed", put(18, open=1), [("I8", 18)]),
        ("a wake id of the file before", both(put(24, wid=51_990), put(25, wid=51_990)), [("I7", 24)]),
        ("the quota of both files", put(19, hour=1), [("I10", 25)]),
        ("time runs backwards in one boot", EARLIER, [("I12", 17)]),
        ("a latched fault ends with its file", insert(14, k="fault", latch=True, **LATER), []),
    ],
)
def test_one_change_in_two_files(what: str, change: Change, expected: list[tuple[str, int]]) -> None:
    sequence = two_files()
    change(sequence)
    assert found(sequence) == expected, what


def test_another_boot_begins_its_time_and_its_wake_ids_anew() -> None:
    later = lines(epoch=2, first=9, at=1_000, sid=2, passed=50_000)
    later[1]["boot"] = "next"
    assert found(lines() + later) == []
    later[1]["boot"] = "this"
    assert found(lines() + later) == [("I12", 17), ("I7", 24)]


def test_a_session_that_a_crash_left_open_counts_as_its_cap() -> None:
    sequence = two_files(open=1)
    del sequence[11:15]
    for beat in (sequence[17], sequence[24]):
        beat["pass_b"] = int(beat["pass_b"]) + 50_000
    assert [record["k"] for record in (sequence[17], sequence[24])] == ["beat", "beat"]
    assert found(sequence) == []
    sequence[13]["open"] = 0
    assert found(sequence) == [("I8", 14)]


def count(at: int, out: int, back: int = 0, unique: int = 0, gen: str = "g") -> Record:
    return {
        "k": "kcount", "gen": gen, "eg_b": out, "in_b": back, "uq_b": unique, "t": 50_000 + at,
        "w": 1_767_225_650 + at // 1_000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "findings"),
    [
        ([count(0, 0), count(4_000, 91_384)], 0),  # 1.5 x 50,000 + 16,384
        ([count(0, 0), count(4_000, 91_385)], 1),
        ([count(0, 0), count(4_000, 92_384, back=25_000)], 0),
        ([count(0, 0), count(4_000, 0, unique=59_270)], 0),  # 50,000 + 22 x 49 + 8,192
        ([count(0, 0), count(4_000, 0, unique=59_271)], 1),
        ([count(0, 9), count(4_000, 8)], 1),
        ([count(0, 9), count(4_000, 10_000_000, gen="other")], 0),
        ([count(4_000, 0), count(4_500, 1)], 1),  # between two quiet counts not one byte
    ],
)
def test_the_kernels_counts(counts: list[Record], findings: int) -> None:
    sequence = lines()
    sequence[13:13] = [record for record in counts if record["t"] != 50_000]
    sequence[7:7] = [record for record in counts if record["t"] == 50_000]
    assert [invariant for invariant, _ in found(sequence)] == ["I18"] * findings


def test_after_a_cut_nothing_is_assumed() -> None:
    sequence = lines()
    sequence[3:7] = [{"k": "cut"}] * 4
    sequence[8:10] = [{"k": "cut"}] * 2
    assert found(sequence) == []


def test_a_log_whose_past_is_gone_starts_from_its_first_beat() -> None:
    assert found(lines(epoch=7, first=90, sid=12, passed=1_000_000)) == []
