"""An evidence log in words and numbers: what happened when, and how much of each day is accounted for.

All times are UTC by the gate's wall clock. Nothing is decided here: `verify.py` checks, this shows.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from wakeword.evidence import note
from wakeword.evidence.record import FORBIDDEN_ACTS, MICROPHONE_FAULTS, Record
from wakeword.evidence.rules import Session
from wakeword.evidence.verify import Result

DAY_S = 86_400
LATEST_S = 253_402_300_799  # the year 9999: a log can claim any time, a calendar cannot show it
STRETCH_S = 918  # what two neighbouring records can vouch for: the longest silence that any policy allows
PPM = 1_000_000
BYTES_PER_S = 32_000

GAPS = {
    "first": "the log begins",
    "stop": "started again after an orderly stop",
    "crash": "started again after a crash or a power cut",
    "clock": "the wall clock was moved",
    "suspend": "the machine slept",
    "listen": "nothing came from listen",
    "late": "no record for longer than promised",
}
ENDS = {
    "end": "silence", "cap_b": "its byte cap", "cap_ms": "its time cap", "rate": "audio faster than real time",
    "mute": "mute", "stop": "the service", "uplink": "loss of the uplink", "listen": "loss of listen",
    "proto": "a broken rule", "shutdown": "shutdown", "crash": "a crash",
}  # fmt: skip


@dataclass
class Day:
    """What one UTC day's records account for."""

    date: str
    covered_s: int = 0
    muted_s: int = 0
    gaps: int = 0
    sessions: int = 0
    bytes: int = 0  # at most: a session that a crash cut short counts as its whole cap


def moment(wall_s: int) -> str:
    """2026-11-22 03:50:16; "no such time" beyond the calendar."""
    if not 0 <= wall_s <= LATEST_S:
        return "no such time"
    return f"{datetime.datetime.fromtimestamp(wall_s, datetime.UTC):%Y-%m-%d %H:%M:%S}"


def most_bytes(session: Session) -> int:
    """What it passed; its cap when nobody could write that down."""
    return session.cap_bytes if session.why == "crash" else session.passed_bytes


def days(result: Result) -> list[Day]:
    """Per day, in order. Two neighbouring records of one file vouch for the time between, unless the later is a gap."""
    table: dict[str, Day] = {}

    def day_of(wall_s: int) -> Day:
        date = moment(wall_s)[:10]
        return table.setdefault(date, Day(date))

    for start_s, end_s, muted in stretches(result):
        for from_s, seconds in by_day(start_s, end_s):
            day = day_of(from_s)  # a clock that was set back passes the same hours twice
            day.covered_s = min(DAY_S, day.covered_s + seconds)
            day.muted_s = min(DAY_S, day.muted_s + (seconds if muted else 0))
    for entry in result.entries:
        if entry.record["k"] == "gap" and int(entry.record["w"]) <= LATEST_S:
            day_of(int(entry.record["w"])).gaps += entry.record["why"] != "first"
    for session in result.sessions:
        if session.wall_s > LATEST_S:
            continue
        day_of(session.wall_s).sessions += 1
        day_of(session.wall_s).bytes += most_bytes(session)
    return [table[date] for date in sorted(table)]


def stretches(result: Result) -> Iterator[tuple[int, int, bool]]:
    """(from, to, was it muted): the time that neighbouring records vouch for, wall seconds."""
    last_s: int | None = None
    muted = False
    for entry in result.entries:
        record = entry.record
        if record["k"] in ("head", "cut"):
            last_s = None
        if "w" not in record or int(record["w"]) > LATEST_S:
            continue
        if last_s is not None and record["k"] != "gap" and 0 < int(record["w"]) - last_s <= STRETCH_S:
            yield last_s, int(record["w"]), muted
        last_s = int(record["w"])
        muted = bool(record["on"]) if record["k"] == "mute" else muted


def by_day(start_s: int, end_s: int) -> Iterator[tuple[int, int]]:
    """The stretch cut at midnights: (from, seconds)."""
    while start_s < end_s:
        until = min(end_s, (start_s // DAY_S + 1) * DAY_S)
        yield start_s, until - start_s
        start_s = until


def as_json(result: Result) -> dict[str, object]:
    """What every verifier says, in the form that docs/audit-log.md gives; `findings` empty and `holds` true, or not."""
    return {
        "holds": not result.findings,
        "origin": result.origin,
        "size": result.size,
        "root": note.encode64(result.root),
        "findings": [asdict(finding) for finding in result.findings],
        "sessions": [
            {
                "sid": session.sid, "where": session.where, "wall_s": session.wall_s, "bytes": most_bytes(session),
                "why": session.why, "length_ms": session.length_ms, "stage1_ppm": session.stage1_ppm,
                "stage2_ppm": session.stage2_ppm,
            }
            for session in result.sessions
        ],
        "days": [asdict(day) for day in days(result)],
        "records_cut": result.cut_records,
        "records_cut_beyond": result.cut_beyond,
        "files_missing": result.missing_files,
        "open_tail_bytes": result.open_tail_bytes,
        "signatures_checked": result.signatures_checked,
        "receipts": result.receipts,
        "receipts_matched": result.receipts_matched,
        "receipts_ignored": result.receipts_ignored,
        "newest_receipt_s": result.newest_receipt_s,
        "newest_receipt_size": result.newest_receipt_size,
    }  # fmt: skip


def timeline(result: Result, *, beats: bool = False) -> Iterator[tuple[str, Record, str]]:
    """(moment, record, sentence) for each record that says something to a reader; `beats` adds the heartbeats."""
    for entry in result.entries:
        record = entry.record
        sentence = _sentence(record)
        if sentence and (beats or record["k"] not in ("beat", "kcount")):
            yield moment(int(record["w"])), record, sentence


def _sentence(record: Record) -> str:
    """One record in words; "" for what only machines need."""
    kind = str(record["k"])
    return _SENTENCES[kind](record) if kind in _SENTENCES else ""


def _gap(record: Record) -> str:
    sentence = GAPS[str(record["why"])]
    if record["ms"]:
        sentence += f", {int(record['ms']) / 1_000:.1f} s"
    if record["tail_b"]:
        sentence += f"; {record['tail_b']} torn bytes were left behind"
    return sentence + (f"; session {record['open']} had been open" if record["open"] else "")


def _policy(record: Record) -> str:
    scores = f"stage 1 from {int(record['s1_min']) / PPM:.3f}, stage 2 from {int(record['s2_min']) / PPM:.3f}"
    caps = f"at most {int(record['cap_ms']) / 1_000:.1f} s and {record['cap_b']} bytes a session"
    return f"rules: {scores}; {caps}, {record['hour']} sessions an hour"


def _selftest(record: Record) -> str:
    missing = [wall for wall in ("deny", "kat", "mic", "net") if not record[wall]]
    return f"self-test: NOT holding: {', '.join(missing)}" if missing else "self-test: all walls hold"


def _mute(record: Record) -> str:
    if record["src"] == "boot":
        return "muted since before the start" if record["on"] else ""
    return "muted" if record["on"] else "no longer muted"


def _beat(record: Record) -> str:
    heard = f"{int(record['frames']) / 100:.0f} s heard"
    return f"alive: {heard}{', muted' if record['muted'] else ''}; {record['pass_b']} bytes passed so far"


def _tally(record: Record) -> str:
    counts = f"{record['cand']} candidates, {record['rej']} rejected by stage 2, {record['deny']} wakes denied"
    return f"in the last {int(record['ms']) / 3_600_000:.1f} h: {counts}"


def _wake(record: Record) -> str:
    scores = f"stage 1 {int(record['s1']) / PPM:.3f}, stage 2 {int(record['s2']) / PPM:.3f}"
    return f"wake: {scores}, window {int(record['win_b']) / BYTES_PER_S:.2f} s, decided in {record['lag_ms']} ms"


def _close(record: Record) -> str:
    audio_s = int(record["bytes"]) / BYTES_PER_S
    took = f"{record['bytes']} bytes ({audio_s:.2f} s of audio) in {int(record['ms']) / 1_000:.2f} s"
    return f"session {record['sid']} closed by {ENDS[str(record['why'])]}: {took}"


def _fault(record: Record) -> str:
    if record["code"] in MICROPHONE_FAULTS:
        times = "once" if record["arg"] == 1 else f"{record['arg']} times"
        return f"the microphone is not well: {record['code']}, {times} since the last such line"
    after = "the gate closed until its next start" if record["latch"] else "the wake was denied"
    return f"FAULT {record['code']} ({record['arg']}): {after}"


def _walls(record: Record) -> str:
    reached = [act for act in FORBIDDEN_ACTS if record[act] == 0]
    may = [act for act in FORBIDDEN_ACTS if record[act] == -1]
    said = f"NOT prevented: {', '.join(reached)}" if reached else "everything it tried was prevented"
    return f"{record['who']} tried what it must not do: {said}" + (f"; not tried: {', '.join(may)}" if may else "")


def _meter(record: Record) -> str:
    if record["src"] == "none" or not (record["eg"] or record["uq"]):
        return "nothing counts the uplink's bytes on this machine"
    what = " and ".join(name for name, counted in (("packets", record["eg"]), ("payload", record["uq"])) if counted)
    who = "the uplink itself, which is a claim" if record["src"] == "own" else f"the kernel ({record['src']})"
    return f"the uplink's {what} are counted by {who}"


def _collect(record: Record) -> str:
    kept = f"{record['kept']} kept since the last such line"
    return {
        "on": f"by consent, candidates are kept on the device until {moment(int(record['until']))}",
        "day": f"candidates on the device, by consent: {kept}",
        "expired": f"candidates are no longer kept: the time agreed on is over; {kept}",
        "forgotten": f"candidates are no longer kept, and those that were are deleted; {kept}",
    }[str(record["why"])]


def _cause(record: Record) -> str:
    how = {
        "exit": f"by itself, exit code {record['code']}",
        "signal": f"by signal {record['code']}",
        "watchdog": "by being killed, since it no longer answered",
        "late": "by being killed, since it did not end in time",
    }
    return f"{record['who']} ended before this start, {how[str(record['how'])]}"


def _kcount(record: Record) -> str:
    if record["src"] == "own":
        return f"the uplink says that it sent {record['uq_b']} bytes of payload so far"
    payload = f", {record['uq_b']} of payload" if record["uq_b"] else ""
    return f"the kernel counted {record['eg_b']} bytes out{payload}, {record['in_b']} in"


def _stats(record: Record) -> str:
    day = moment(int(record["day"]) * DAY_S)[:10]
    budget = f"epsilon {int(record['eps']) / 1_000:g}, {int(record['spent']) / 1_000:g} spent so far"
    if not record["bytes"]:
        return f"no report was sent; the last was that of {day}: {budget}"
    return f"by consent, the noisy counts of {day} were reported: {record['bytes']} bytes, {budget}"


_SENTENCES: dict[str, Callable[[Record], str]] = {
    "key": lambda record: f"start: file {record['e']:08d}, a new key{' (daily)' if record['why'] == 'daily' else ''}",
    "gap": _gap,
    "policy": _policy,
    "selftest": _selftest,
    "mute": _mute,
    "beat": _beat,
    "tally": _tally,
    "wake": _wake,
    "open": lambda record: f"session {record['sid']} opened",
    "close": _close,
    "kcount": _kcount,
    "prune": lambda record: f"records below {record['cut_n']} reduced to hashes ({record['why']})",
    "fault": _fault,
    "stop": lambda record: f"stop ({record['why']})",
    "walls": _walls,
    "meter": _meter,
    "cause": _cause,
    "hold": lambda record: f"held {record['count']} times while the speaker spoke, {int(record['ms']) / 1_000:.0f} s",
    "collect": _collect,
    "stats": _stats,
}
