"""Words and days, from logs whose records are known."""

from __future__ import annotations

import pytest
from evidence_room import Room

from wakeword.evidence.record import CLOSE_REASONS, KINDS, Record
from wakeword.evidence.report import ENDS, GAPS, Day, days, moment, timeline


def said(room: Room, *, beats: bool = False) -> list[str]:
    return [sentence for _, _, sentence in timeline(room.check(), beats=beats)]


def test_every_reason_has_words() -> None:
    assert set(ENDS) == {*CLOSE_REASONS, "crash"}
    words = KINDS["gap"]["why"].words  # type: ignore[union-attr]  # a OneOf
    assert set(GAPS) == set(words)


def test_moment_is_utc() -> None:
    assert moment(1_767_225_599) == "2025-12-31 23:59:59"


# wall (UTC)   00:00        00:10   crash    00:15         23:55         00:05
# records      start  beat  session ......   start  muted  beat   ....   beat
def test_days_count_what_records_vouch_for(room: Room) -> None:
    evidence = room.start()
    room.clock.turn(300_000)
    evidence.commit([evidence.beat(0, muted=False)])
    room.clock.turn(300_000)
    room.session(evidence, sent=None)
    evidence.close()
    room.clock.turn(300_000)
    evidence = room.start(beat_ms=900_000)
    evidence.commit([{"k": "mute", "on": True, "src": "user"}])
    for _ in range(95):
        room.clock.turn(900_000)
        evidence.commit([evidence.beat(0, muted=True)])
    evidence.close()
    first = Day("2026-01-01", covered_s=600 + 85_500, muted_s=85_500, gaps=1, sessions=1, bytes=480_000)
    assert days(room.check()) == [first]
    evidence = room.start(beat_ms=900_000, muted=True)
    room.clock.turn(600_000)
    evidence.commit([evidence.beat(0, muted=True)])
    evidence.close()
    assert days(room.check())[1:] == [Day("2026-01-02", covered_s=600, muted_s=600, gaps=1)]


def test_a_stretch_over_midnight_is_cut_there(room: Room) -> None:
    evidence = room.start(beat_ms=900_000)
    for _ in range(97):
        room.clock.turn(900_000)
        evidence.commit([evidence.beat(0, muted=False)])
    evidence.close()
    assert [(day.date, day.covered_s) for day in days(room.check())] == [("2026-01-01", 86_400), ("2026-01-02", 900)]


def test_time_before_a_gap_is_not_covered(room: Room) -> None:
    evidence = room.start()
    room.clock.turn(3_600_000)
    evidence.commit([evidence.beat(0, muted=False)])
    evidence.close()
    assert [(day.covered_s, day.gaps) for day in days(room.check())] == [(0, 1)]
    assert "no record for longer than promised, 3600.0 s" in said(room)


def test_every_kind_in_words(room: Room) -> None:
    evidence = room.start(muted=True)
    evidence.commit([
        {"k": "mute", "on": False, "src": "user"},
        {"k": "mute", "on": True, "src": "user"},
        {"k": "mute", "on": False, "src": "user"},
        {"k": "tally", "cand": 5, "rej": 4, "deny": 1, "ms": 7_200_000},
        {"k": "kcount", "gen": "0" * 16, "eg_b": 10, "in_b": 5, "uq_b": 1, "src": "nft"},
        {"k": "prune", "cut_n": 0, "drop_e": 0, "why": "age"},
        {"k": "fault", "code": "stale", "arg": 0, "latch": False},
        {"k": "fault", "code": "frame", "arg": 4, "latch": True},
    ])  # fmt: skip
    evidence.close()
    assert said(room, beats=True)[4:] == [
        "muted since before the start",
        "alive: 0 s heard, muted; 0 bytes passed so far",
        "no longer muted",
        "muted",
        "no longer muted",
        "in the last 2.0 h: 5 candidates, 4 rejected by stage 2, 1 wakes denied",
        "the kernel counted 10 bytes out, 1 of payload, 5 in",
        "records below 0 reduced to hashes (age)",
        "FAULT stale (0): the wake was denied",
        "FAULT frame (4): the gate closed until its next start",
    ]


COLLECT: Record = {"k": "collect", "until": 1_790_600_000, "kept": 3}
TELLING: list[tuple[Record, str]] = [
    (COLLECT | {"why": "on"}, "by consent, candidates are kept on the device until 2026-09-28 12:53:20"),
    (COLLECT | {"why": "day"}, "candidates on the device, by consent: 3 kept since the last such line"),
    (
        COLLECT | {"why": "expired"},
        "candidates are no longer kept: the time agreed on is over; 3 kept since the last such line",
    ),
    (
        COLLECT | {"why": "forgotten"},
        "candidates are no longer kept, and those that were are deleted; 3 kept since the last such line",
    ),
    (
        {"k": "cause", "who": "listen", "how": "signal", "code": 9},
        "listen ended before this start, by signal 9",
    ),
    (
        {"k": "cause", "who": "uplink", "how": "exit", "code": 1},
        "uplink ended before this start, by itself, exit code 1",
    ),
    (
        {"k": "kcount", "gen": "0" * 16, "eg_b": 0, "in_b": 0, "uq_b": 7, "src": "own"},
        "the uplink says that it sent 7 bytes of payload so far",
    ),
    (
        {"k": "kcount", "gen": "0" * 16, "eg_b": 10, "in_b": 5, "uq_b": 0, "src": "bpf"},
        "the kernel counted 10 bytes out, 5 in",
    ),
    (
        {"k": "fault", "code": "zeros", "arg": 1, "latch": False},
        "the microphone is not well: zeros, once since the last such line",
    ),
]


@pytest.mark.parametrize(("record", "sentence"), TELLING)
def test_records_that_only_tell_something_in_words(room: Room, record: Record, sentence: str) -> None:
    evidence = room.start()
    evidence.commit([record])
    evidence.close()
    assert said(room, beats=True)[-1] == sentence


def test_a_start_after_a_crash_says_what_was_left(room: Room) -> None:
    evidence = room.start()
    room.session(evidence, sent=None)
    evidence.close()
    path = room.folder / "00000001.seg"
    path.write_bytes(path.read_bytes() + b"torn")
    room.clock.turn(7_000)
    room.start().close()
    assert (
        "started again after a crash or a power cut, 7.0 s; 4 torn bytes were left behind; session 1 had been open"
        in said(room)
    )
