"""What systemd is told, by a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wakeword.notify import Notifier

Make = Callable[[dict[str, str]], Notifier]


class Manager:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": address}

    def told(self) -> list[str]:
        told = []
        while True:
            try:
                told.append(self.socket.recv(4_096).decode())
            except BlockingIOError:
                return told


@pytest.fixture
def notifier() -> Iterator[Make]:
    """Makes notifiers, and closes them."""
    made: list[Notifier] = []

    def make(environment: dict[str, str]) -> Notifier:
        made.append(Notifier(environment))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(f"@wakeword-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify"))
    yield made
    made.socket.close()


def test_ready_is_said_once_and_the_text_each_time(manager: Manager, notifier: Make) -> None:
    told = notifier(manager.environment)
    told.ready("listening")
    told.ready("muted\nREADY=0")
    told.status("fault")
    told.stopping()
    assert manager.told() == ["READY=1\nSTATUS=listening", "STATUS=muted READY=0", "STATUS=fault", "STOPPING=1"]


def test_after_a_reload_it_is_ready_again(manager: Manager, notifier: Make) -> None:
    told = notifier(manager.environment)
    told.ready("listening")
    told.reloading()
    told.ready("listening")
    _, reloading, ready = manager.told()
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert ready == "READY=1\nSTATUS=listening"


def test_pings_are_sent_some_times_in_a_period_however_often_it_is_alive(
    manager: Manager, notifier: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = notifier(manager.environment | {"WATCHDOG_USEC": "3000000"})
    for tenths in range(41):
        monkeypatch.setattr("time.monotonic", lambda at=tenths: 100 + at / 10)
        told.alive()
    assert manager.told() == ["WATCHDOG=1"] * 5


def test_a_watchdog_meant_for_another_process_is_not_ours(manager: Manager, notifier: Make) -> None:
    notifier(manager.environment | {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}).alive()
    assert manager.told() == []


def test_children_do_not_inherit_it(manager: Manager, notifier: Make) -> None:
    environment = manager.environment | {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    notifier(environment)
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize("address", ["", "/no/such/socket", "vsock:1:2"])
def test_nobody_there_is_no_trouble(address: str, notifier: Make) -> None:
    told = notifier({"NOTIFY_SOCKET": address})
    told.ready("listening")
    told.alive()
