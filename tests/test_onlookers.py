"""Who watches `wakeword run`: systemd is told how it is, and a status process that is not there is not missed."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from wakeword import config, onlookers
from wakeword.errors import ConfigError
from wakeword.notify import Notifier
from wakeword.onlookers import Line, Onlookers, status_settings
from wakeword.settings import StatusSettings


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.setblocking(False)
        yield made


@pytest.fixture
def notifier(manager: socket.socket) -> Iterator[Notifier]:
    """To it; a sign of life is due every microsecond."""
    made = Notifier({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "3"})
    yield made
    made.close()


def told(manager: socket.socket) -> list[str]:
    """All that systemd was told since the last look."""
    found = []
    while True:
        try:
            found.append(manager.recv(4_096).decode())
        except BlockingIOError:
            return found


def test_systemd_is_told_how_it_is(manager: socket.socket, notifier: Notifier) -> None:
    lines: list[Line] = [
        {"from": "listen", "event": "listening"}, {"from": "listen", "event": "level", "at_s": 1.0},
        {"from": "listen", "event": "fault", "what": "unplugged"}, {"from": "listen", "event": "mute", "on": True},
        {"from": "run", "event": "reloading"}, {"from": "listen", "event": "listening"},
    ]  # fmt: skip
    with Onlookers(StatusSettings(), notifier) as watching:
        assert watching.hold is None
        said = []
        for line in lines:
            watching.tell(b"{}\n", line)
            said.append(told(manager))
    assert said[0] == ["READY=1\nSTATUS=listening"]
    assert said[1] == ["WATCHDOG=1"]
    assert said[2] == ["STATUS=unplugged"]
    assert said[3] == ["STATUS=muted: the microphone is closed"]
    assert said[4][0].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert said[5] == ["READY=1\nSTATUS=listening"]
    assert told(manager) == ["STOPPING=1"]


def test_sound_that_does_not_advance_is_no_sign_of_life(manager: socket.socket, notifier: Notifier) -> None:
    with Onlookers(StatusSettings(), notifier) as watching:
        for _ in range(3):
            watching.tell(b"{}\n", {"from": "listen", "event": "level", "at_s": 5.0})
        assert told(manager) == ["WATCHDOG=1"]


def test_a_status_process_that_cannot_start_is_not_missed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Onlookers(StatusSettings(events=str(tmp_path / "no" / "such" / "folder"))) as watching:
        assert watching._process
        watching._process.wait(60)
        for _ in range(1_000):
            watching.tell(b"x" * 4_000 + b"\n", {})
    assert "status.events" in capfd.readouterr().err


def test_metrics_without_their_library_are_refused_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = config.Config(status=config.Status(metrics="127.0.0.1:9107", journal=True))
    assert status_settings(wanted).wanted
    monkeypatch.setattr(onlookers.importlib.util, "find_spec", lambda name: None)
    assert importlib.util.find_spec("prometheus_client") is None
    with pytest.raises(ConfigError, match="metrics need prometheus_client"):
        status_settings(wanted)
    assert not status_settings(config.Config()).wanted
