"""Status lines as a person reads them."""

from __future__ import annotations

from typing import Any

import pytest

from wakeword.display import described

WOKEN = {"word": "jarvis", "stage1": 0.987, "stage2": 0.9, "start_s": 18.6, "end_s": 19.2, "accepted": True}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ({"from": "listen", "event": "listening", "source": "usb"}, "listening to usb"),
        (
            {"from": "listen", "event": "wake", **WOKEN},
            "WAKE    jarvis      stage 1 0.99  stage 2 0.90  at 18.60 to 19.20 s",
        ),
        (
            {"from": "listen", "event": "reject", **WOKEN},
            "reject  jarvis      stage 1 0.99  stage 2 0.90  at 18.60 to 19.20 s",
        ),
        ({"from": "listen", "event": "mute", "on": True}, "muted: the microphone is closed"),
        ({"from": "listen", "event": "mute", "on": False}, "unmuted"),
        ({"from": "listen", "event": "fault", "what": "gone"}, "listen: fault: gone"),
        ({"from": "gate", "event": "fault", "code": "eof"}, "gate: fault: eof"),
        ({"from": "listen", "event": "ended", "at_s": 7.25}, "the sound has ended after 7.2 s"),
        ({"from": "gate", "event": "open", "sid": 4}, "session 4 open: written down, now sending"),
        (
            {"from": "gate", "event": "close", "sid": 4, "why": "cap_ms", "bytes": 480_000, "ms": 15_000},
            "session 4 closed: cap_ms, 480,000 bytes in 15.0 s",
        ),
        ({"from": "gate", "event": "denied", "why": "quota"}, "denied by the gate: quota; nothing was sent"),
        ({"from": "uplink", "event": "transcript", "text": "what time is it"}, "transcript: what time is it"),
        ({"from": "uplink", "event": "sent", "sid": 4, "bytes": 480_000}, "sent 480,000 bytes of session 4"),
        (
            {"from": "run", "event": "ended", "process": "gate", "code": 74, "in_order": False},
            "gate has ended with code 74",
        ),
        ({"from": "run", "event": "ended", "process": "gate", "code": 0, "in_order": True}, ""),
        ({"from": "listen", "event": "candidate", **WOKEN}, ""),
        ({"from": "listen", "event": "level", "dbfs": -50}, ""),
        ({"from": "moon", "event": "rise"}, ""),
        ({}, ""),
    ],
)
def test_a_line_reads(line: dict[str, Any], text: str) -> None:
    assert described(line) == text


@pytest.mark.parametrize("event", ["wake", "reject", "listening", "mute", "fault", "warning", "ended"])
def test_a_line_that_lacks_its_fields_is_still_described(event: str) -> None:
    assert described({"from": "listen", "event": event}) != "" or event == "warning"
