"""What the journal is told, by a real datagram socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from wakeword.errors import ConfigError
from wakeword.status.journal import TOLD, Journal, message


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    """The other end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "socket"))
        made.settimeout(60)
        yield made


def test_a_wake_is_told_with_its_fields(journald: socket.socket) -> None:
    journal = Journal(journald.getsockname())
    journal.tell({"from": "listen", "event": "level", "dbfs": -40.0})  # not worth it
    journal.tell({"from": "listen", "event": "wake", "word": "jarvis", "stage1": 0.5, "stage2": 1, "start_s": 7.0})
    told = dict(line.split("=", 1) for line in journald.recv(4_096).decode().splitlines())
    assert told.pop("MESSAGE").startswith("WAKE    jarvis")
    assert told == {
        "PRIORITY": "5", "SYSLOG_IDENTIFIER": "wakeword", "WAKEWORD_FROM": "listen", "WAKEWORD_EVENT": "wake",
        "WAKEWORD_WORD": "jarvis", "WAKEWORD_STAGE1": "0.5", "WAKEWORD_STAGE2": "1", "WAKEWORD_START_S": "7.0",
    }  # fmt: skip
    journal.close()


def test_what_was_said_is_never_told() -> None:
    assert message({"from": "uplink", "event": "transcript", "sid": 1, "text": "open the door"}) == b""
    assert ("uplink", "transcript") not in TOLD


def test_no_line_can_add_a_field_or_change_one() -> None:
    line = {
        "from": "uplink",
        "event": "error",
        "what": "no\nPRIORITY=0\x1b[2J",
        "Bad name": 1,
        "from_\n": 2,
        "deep": [3],
    }
    told = message(line).decode().splitlines()
    assert [field.split("=")[0] for field in told] == [
        "MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "WAKEWORD_FROM", "WAKEWORD_EVENT", "WAKEWORD_WHAT",
    ]  # fmt: skip
    assert told[-1] == "WAKEWORD_WHAT=no PRIORITY=0 [2J"


def test_a_journal_that_does_not_read_holds_nobody_up(journald: socket.socket) -> None:
    journal = Journal(journald.getsockname())
    for _ in range(2_000):  # more than a socket holds
        journal.tell({"from": "gate", "event": "denied", "why": "x" * 500})
    assert journald.recv(4_096)
    journal.close()


def test_without_a_journal_that_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no journal: No such file"):
        Journal(str(tmp_path / "nowhere"))
