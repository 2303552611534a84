"""A status line of the three processes -> one readable line. No clock, no terminal: `wakeword run` adds those."""

from __future__ import annotations

from typing import Any

Line = dict[str, Any]  # Any: JSON that another process wrote; a field may be missing


def described(line: Line) -> str:
    """Text for a person; "" for what nobody needs to read all day (levels, and candidates, which a verdict follows)."""
    known = _BY_EVENT.get((str(line.get("from")), str(line.get("event"))))
    return known(line) if known else ""


def _verdict(line: Line) -> str:
    name = {"wake": "WAKE  ", "reject": "reject"}[line["event"]]
    scores = f"stage 1 {line.get('stage1', 0):.2f}  stage 2 {line.get('stage2', 0):.2f}"
    when = f"at {line.get('start_s', 0):.2f} to {line.get('end_s', 0):.2f} s"
    return f"{name}  {line.get('word', '?'):<10}  {scores}  {when}"


def _close(line: Line) -> str:
    sent = f"{line.get('bytes', 0):,} bytes in {line.get('ms', 0) / 1000:.1f} s"
    return f"session {line.get('sid', '?')} closed: {line.get('why', '?')}, {sent}"


def _ended(line: Line) -> str:
    return "" if line.get("in_order") else f"{line.get('process')} has ended with code {line.get('code')}"


def _fault(line: Line) -> str:
    return f"{line.get('from')}: fault: {line.get('what', line.get('code', 'unknown'))}"


def _collect(line: Line) -> str:
    how = {"on": "candidates are kept for tuning, by consent", "expired": "the consent to keep candidates has expired",
           "forgotten": "kept candidates were forgotten"}  # fmt: skip
    return how.get(str(line.get("why")), "")


_BY_EVENT = {
    ("listen", "listening"): lambda line: f"listening to {line.get('source', 'the microphone')}",
    ("listen", "wake"): _verdict,
    ("listen", "reject"): _verdict,
    ("listen", "mute"): lambda line: "muted: the microphone is closed" if line.get("on") else "unmuted",
    ("listen", "collect"): _collect,
    ("listen", "fault"): _fault,
    ("listen", "warning"): lambda line: str(line.get("what", "")),
    ("listen", "ended"): lambda line: f"the sound has ended after {line.get('at_s', 0):.1f} s",
    ("gate", "open"): lambda line: f"session {line.get('sid', '?')} open: written down, now sending",
    ("gate", "close"): _close,
    ("gate", "denied"): lambda line: f"denied by the gate: {line.get('why', '?')}; nothing was sent",
    ("gate", "fault"): _fault,
    ("uplink", "connected"): lambda line: f"connected to the service for session {line.get('sid', '?')}",
    ("uplink", "transcript"): lambda line: f"transcript: {line.get('text', '')}",
    ("uplink", "stop"): lambda line: "the service has enough",
    ("uplink", "sent"): lambda line: f"sent {line.get('bytes', 0):,} bytes of session {line.get('sid', '?')}",
    ("uplink", "error"): lambda line: f"uplink: {line.get('what', 'error')}",
    ("run", "ended"): _ended,
}
