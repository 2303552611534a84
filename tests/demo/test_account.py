"""The demo's account: what belongs to which line, what left, and every way in which two books can disagree.

second     0         1         2         3         4         5         6         7         8
lines           |-- computer, … --|            |--- travis … ---|           |- jarvis. -|
decisions             ^ wake                       ^ reject                     (none)
session 1    [==== window ====|==== live ====]
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from wakeword.demo.account import Event, Told, account
from wakeword.demo.room import Line

ROOM = b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(9_000))  # 9 s, no stretch twice
COMPUTER = Line(1.0, 3.0, "Computer, what time is it?", "a", "computer", "near")
TRAVIS = Line(4.5, 6.0, "Travis is late.", "b", "", "near-miss")
JARVIS = Line(7.5, 8.2, "Jarvis.", "c", "jarvis", "far")
LINES = [COMPUTER, TRAVIS, JARVIS]
SALT = bytes(16)


def decision(event: str, word: str, end_s: float, stage1: float = 0.9, stage2: float = 0.8) -> Event:
    return {"event": event, "word": word, "start_s": end_s - 0.5, "end_s": end_s, "stage1": stage1, "stage2": stage2}


def digest(kind: str, sound: bytes) -> str:
    return hashlib.sha256(f"wakegate-{kind}\n".encode() + SALT + sound).hexdigest()


def session(start_s: float, end_s: float, window_s: float, sid: int = 1) -> tuple[list[dict[str, Any]], Event]:
    """The records of one session and the service's report, which agree."""
    sound = ROOM[round(start_s * 32_000) : round(end_s * 32_000)]
    window = sound[: round(window_s * 32_000)]
    records = [
        {
            "k": "wake",
            "wid": 70 + sid,
            "s1": 900_000,
            "s2": 800_000,
            "win_b": len(window),
            "win_h": digest("win", window),
        },
        {"k": "open", "wid": 70 + sid, "sid": sid},
        {"k": "close", "sid": sid, "bytes": len(sound), "why": "end", "sum_h": digest("sum", sound)},
    ]
    hashes = {"window_sha256": digest("win", window), "sum_sha256": digest("sum", sound)}
    return records, {"session": sid, "bytes": len(sound), "problems": [], "pcm": sound, **hashes}


EVENTS = [decision("wake", "computer", 1.6), decision("reject", "jarvis", 4.9, 0.7, 0.2)]
RECORDS, REPORT = session(0.0, 3.2, 1.7)


def test_everything_agrees() -> None:
    books = account(LINES, EVENTS, RECORDS, [REPORT], ROOM)
    assert books.told == [
        Told(COMPUTER, 0.9, 0.8, "computer", (1,), 2.0),
        Told(TRAVIS, 0.7, 0.2, "", (), 0.0),
        Told(JARVIS, None, None, "", (), 0.0),
    ]
    (sent,) = books.sent
    assert (sent.session, sent.word, sent.stage1, sent.stage2, sent.why) == (1, "computer", 0.9, 0.8, "end")
    assert (sent.log_bytes, sent.service_bytes, sent.start_s, sent.end_s) == (102_400, 102_400, 0.0, 3.2)
    assert books.problems == []
    assert (books.misses, books.false_accepts) == (1, 0)


def test_a_wake_on_a_line_without_its_word_is_a_false_accept() -> None:
    books = account(LINES, [*EVENTS, decision("wake", "jarvis", 5.0)], RECORDS, [REPORT], ROOM)
    assert [told.false_accept for told in books.told] == [False, True, False]
    assert books.told[1].stage1 == 0.9, "the wake counts, not the reject beside it"
    assert books.false_accepts == 1


def test_another_word_on_a_line_is_a_false_accept_and_a_miss() -> None:
    books = account(LINES, [decision("wake", "alexa", 8.0)], [], [], ROOM)
    assert (books.told[2].missed, books.told[2].false_accept) == (True, True)


def test_a_wake_between_lines_is_a_false_accept_and_a_reject_there_is_none() -> None:
    books = account(LINES, [decision("wake", "alexa", 6.9), decision("reject", "alexa", 0.2)], [], [], ROOM)
    assert len(books.outside) == 2
    assert books.false_accepts == 1


@pytest.mark.parametrize(("end_s", "belongs"), [(0.69, False), (0.71, True), (3.69, True), (3.71, False)])
def test_a_decision_belongs_to_its_line_and_a_little_around(end_s: float, belongs: bool) -> None:
    assert bool(account([COMPUTER], [decision("reject", "alexa", end_s)], [], [], ROOM).told[0].stage1) is belongs


def test_what_two_sessions_have_of_a_line_is_counted_once() -> None:
    first, one = session(0.0, 2.0, 1.0, sid=1)
    second, two = session(1.5, 2.5, 0.5, sid=2)
    books = account([COMPUTER], EVENTS, [*first, *second], [one, two], ROOM)
    assert (books.told[0].sessions, books.told[0].left_s) == ((1, 2), 1.5)


def test_the_tail_of_a_session_in_other_talk_is_told() -> None:
    records, report = session(0.0, 5.0, 1.7)
    assert account(LINES, EVENTS, records, [report], ROOM).told[1].left_s == 0.5


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bytes": 102_398}, "the log says 102400 bytes, the service 102398"),
        ({"sum_sha256": "0" * 64}, "not what the log's `close` hashed"),
        ({"window_sha256": "0" * 64}, "not what the log's `wake` hashed"),
        ({"pcm": REPORT["pcm"][:-2] + b"\1\2"}, "not a stretch of the room"),
        ({"pcm": ROOM[1:1_001]}, "not a stretch of the room"),
        ({"problems": ["the connection ended"]}, "the connection ended"),
    ],
)
def test_any_difference_is_a_problem(change: Event, problem: str) -> None:
    (found,) = account(LINES, EVENTS, RECORDS, [{**REPORT, **change}], ROOM).problems
    assert problem in found


def test_a_session_that_the_service_lacks_or_has_twice_is_a_problem() -> None:
    assert account(LINES, EVENTS, RECORDS, [], ROOM).problems == ["session 1: the service has it 0 times"]
    assert account(LINES, EVENTS, RECORDS, [REPORT] * 2, ROOM).problems == ["session 1: the service has it 2 times"]


def test_a_session_that_the_log_lacks_is_a_problem() -> None:
    books = account(LINES, EVENTS, RECORDS, [REPORT, {**REPORT, "session": 9}], ROOM)
    assert books.problems == ["the service has a session 9, the log does not"]


def test_a_session_never_closed_is_a_problem() -> None:
    (found,) = account(LINES, EVENTS, RECORDS[:2], [REPORT], ROOM).problems
    assert found == "session 1: the log never closed it"


def test_a_session_that_the_gate_denied_is_a_problem() -> None:
    denied = {"event": "denied", "why": "wall"}
    assert account(LINES, [denied], [], [], ROOM).problems == ["the gate denied a session: wall"]


def test_a_line_without_any_decision_has_no_scores() -> None:
    quiet = replace(COMPUTER, start_s=20.0, end_s=21.0)
    assert account([quiet], EVENTS, RECORDS, [REPORT], ROOM).told == [Told(quiet, None, None, "", (), 0.0)]
