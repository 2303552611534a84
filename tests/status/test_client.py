"""The other side of the events socket, against servers that are well, silent, or gone."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wakeword.errors import CheckFailed
from wakeword.status import client


@contextmanager
def daemon(path: Path, *said: object) -> Iterator[list[bytes]]:
    """Says these lines to whoever connects, hears one, and hangs up."""
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as asked:
            connection.sendall(b"".join(json.dumps(line).encode() + b"\n" for line in said))
            heard.append(asked.readline())

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        serving = threading.Thread(target=serve)
        serving.start()
        yield heard
        serving.join()


def test_the_answer_is_what_status_says_after_the_state(tmp_path: Path) -> None:
    lines = (
        {"from": "status", "event": "state"},
        {"from": "listen", "event": "level"},
        {"from": "status", "event": "asked"},
    )
    with daemon(tmp_path / "socket", *lines) as heard:
        assert client.ask(str(tmp_path / "socket"), {"do": "hold", "ms": 5}) == {"from": "status", "event": "asked"}
    assert [json.loads(line) for line in heard] == [{"do": "hold", "ms": 5}]


def test_a_daemon_that_hangs_up_or_says_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        daemon(tmp_path / "one", {"from": "status", "event": "state"}),
        pytest.raises(CheckFailed, match="the daemon does not answer"),
    ):
        client.ask(str(tmp_path / "one"), {"do": "state"})
    monkeypatch.setattr(client, "PATIENCE_S", 0.05)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "two"))
        server.listen()
        with pytest.raises(CheckFailed, match="the daemon does not answer"):
            client.ask(str(tmp_path / "two"), {"do": "state"})


def test_no_daemon_at_all_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="no daemon answers: no such file"):
        client.ask(str(tmp_path / "none"), {"do": "state"})
