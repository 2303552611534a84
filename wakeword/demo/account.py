"""What was said, what left, and whether the log and the service agree about it. Pure: facts in, an account out.

A decision belongs to the line during which its word ended, or shortly after (`LATE_S`: stage 1 may put the end a little
late). A line that has a wake word and no wake of that word is a miss; any other wake is a false accept. What left is
not taken from anyone's word: each received recording is looked for in the room's samples, and where it lies there says
which seconds of which line were in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wakeword.demo.room import Line
from wakeword.events import RATE_HZ
from wakeword.evidence.record import Record

Event = dict[str, Any]  # Any: JSON of another process
EARLY_S, LATE_S = 0.3, 0.7
BYTES_A_SECOND = 2 * RATE_HZ


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the room and what became of it."""

    line: Line
    stage1: float | None  # of the best candidate; None when stage 1 never asked
    stage2: float | None
    woke: str  # the word that woke on it, "" for none
    sessions: tuple[int, ...]  # that have some of it, in order
    left_s: float  # how much of it was uploaded, in whatever session

    @property
    def missed(self) -> bool:
        """It had a wake word, and that word did not wake."""
        return bool(self.line.word) and self.woke != self.line.word

    @property
    def false_accept(self) -> bool:
        """It woke a word that was not in it."""
        return bool(self.woke) and self.woke != self.line.word


@dataclass(frozen=True, slots=True)
class Sent:
    """One session, in the log's words and the service's."""

    session: int
    word: str  # that woke; "" when no status line told
    stage1: float  # from the log
    stage2: float
    why: str  # it ended, in the log's word
    log_bytes: int
    service_bytes: int | None  # None: the service has no such session
    start_s: float | None  # where its samples lie in the room; None: nowhere, sample for sample
    end_s: float | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """The whole of it."""

    told: list[Told]
    sent: list[Sent]
    outside: list[Event]  # wakes and rejects that belong to no line: noise, music, a pause
    unexplained: list[str]  # what must not be and belongs to no session of the log

    @property
    def problems(self) -> list[str]:
        """Whatever must not be: the two books disagree, or the gate was not able to open."""
        found = [f"session {sent.session}: {problem}" for sent in self.sent for problem in sent.problems]
        return found + self.unexplained

    @property
    def false_accepts(self) -> int:
        """Wakes that nobody asked for, in lines and between them."""
        between_lines = [event for event in self.outside if event["event"] == "wake"]
        return sum(told.false_accept for told in self.told) + len(between_lines)

    @property
    def misses(self) -> int:
        """Wake words said that opened nothing."""
        return sum(told.missed for told in self.told)


def account(
    lines: Sequence[Line], events: Sequence[Event], records: Sequence[Record], received: Sequence[Event], room: bytes
) -> Account:
    """Compare. `events` are the daemon's status lines, `records` the log's, `received` the service's reports (each
    with its sound as "pcm"), `room` the recording's samples.
    """  # fmt: skip
    decisions = [event for event in events if event.get("event") in ("wake", "reject")]
    sent = [_sent(opened, records, received, decisions, room) for opened in records if opened["k"] == "open"]
    told = [_told(line, [d for d in decisions if _belongs(d, line)], sent) for line in lines]
    outside = [decision for decision in decisions if not any(_belongs(decision, line) for line in lines)]
    logged = {s.session for s in sent}
    extra = [report["session"] for report in received if report["session"] not in logged]
    unexplained = [f"the service has a session {session}, the log does not" for session in extra]
    denied = [event.get("why") for event in events if event.get("event") == "denied"]
    return Account(told, sent, outside, unexplained + [f"the gate denied a session: {why}" for why in denied])


def _belongs(decision: Event, line: Line) -> bool:
    return line.start_s - EARLY_S <= float(decision["end_s"]) <= line.end_s + LATE_S


def _told(line: Line, decisions: list[Event], sent: list[Sent]) -> Told:
    """The line with its best decision: a wake, or else the reject of the highest score."""
    parts = [(s.session, *part) for s in sent if (part := _part(line, s))]
    sessions = tuple(session for session, _, _ in parts)
    left_s = round(_union_s([(start, end) for _, start, end in parts]), 2)
    if not decisions:
        return Told(line, None, None, "", sessions, left_s)
    best = max(decisions, key=lambda decision: (decision["event"] == "wake", decision["stage1"]))
    woke = best["word"] if best["event"] == "wake" else ""
    return Told(line, best["stage1"], best["stage2"], woke, sessions, left_s)


def _part(line: Line, sent: Sent) -> tuple[float, float] | None:
    """The seconds of the line that are in the session."""
    if sent.start_s is None or sent.end_s is None:
        return None
    start, end = max(line.start_s, sent.start_s), min(line.end_s, sent.end_s)
    return (start, end) if start < end else None


def _union_s(parts: list[tuple[float, float]]) -> float:
    """Their length, what stands in two of them counted once: a pre-roll may reach into the session before."""
    total, reached = 0.0, 0.0
    for start, end in sorted(parts):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _sent(
    opened: Record, records: Sequence[Record], received: Sequence[Event], decisions: list[Event], room: bytes
) -> Sent:
    """One session from its `open` record on."""
    sid = opened["sid"]
    wake = next(record for record in records if record["k"] == "wake" and record["wid"] == opened["wid"])
    close = next((record for record in records if record["k"] == "close" and record["sid"] == sid), None)
    theirs = [report for report in received if report["session"] == sid]
    start_s, end_s = _place(theirs[0]["pcm"], room) if theirs else (None, None)
    window_end_s = None if start_s is None else start_s + int(wake["win_b"]) / BYTES_A_SECOND
    word = next((d["word"] for d in decisions if d["event"] == "wake" and _within(d, start_s, window_end_s)), "")
    return Sent(
        session=int(sid),
        word=word,
        stage1=int(wake["s1"]) / 1e6,
        stage2=int(wake["s2"]) / 1e6,
        why=str(close["why"]) if close else "never closed",
        log_bytes=int(close["bytes"]) if close else 0,
        service_bytes=theirs[0]["bytes"] if theirs else None,
        start_s=start_s,
        end_s=end_s,
        problems=tuple(_problems(wake, close, theirs, start_s)),
    )


def _within(decision: Event, start_s: float | None, end_s: float | None) -> bool:
    return start_s is not None and end_s is not None and start_s <= float(decision["end_s"]) <= end_s + LATE_S


def _problems(wake: Record, close: Record | None, theirs: list[Event], start_s: float | None) -> list[str]:
    """What the two books, and the room, do not agree about."""
    if close is None:
        return ["the log never closed it"]
    if len(theirs) != 1:
        return [f"the service has it {len(theirs)} times"]
    report = theirs[0]
    found = [str(problem) for problem in report["problems"]]
    if report["bytes"] != close["bytes"]:
        found.append(f"the log says {close['bytes']} bytes, the service {report['bytes']}")
    if report["sum_sha256"] != close["sum_h"]:
        found.append("its sound is not what the log's `close` hashed")
    if report["window_sha256"] != wake["win_h"]:
        found.append("its pre-roll is not what the log's `wake` hashed")
    if start_s is None:
        found.append("its samples are not a stretch of the room")
    return found


def _place(pcm: bytes, room: bytes) -> tuple[float, float] | tuple[None, None]:
    """Where in the room these very samples lie, in seconds."""
    at = room.find(pcm)
    while at > 0 and at % 2:  # half a sample off is a chance hit
        at = room.find(pcm, at + 1)
    return (None, None) if at < 0 else (at / BYTES_A_SECOND, (at + len(pcm)) / BYTES_A_SECOND)
