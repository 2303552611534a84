"""The status process and its sockets, beside a real daemon."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from daemon import HANG_S, Daemon, Service, verify

from wakeword.events import RATE_HZ

LOUD = str(Path(__file__).parent.parent / "models" / "loud")
Int16 = npt.NDArray[np.int16]


@pytest.fixture
def recorded(tmp_path: Path, room: Int16) -> Path:
    path = tmp_path / "recorded.wav"
    soundfile.write(path, np.concatenate([np.zeros(4 * RATE_HZ, np.int16), room[7 * RATE_HZ : 13 * RATE_HZ]]), RATE_HZ)
    return path


@pytest.fixture
def sockets(tmp_path: Path) -> dict[str, str]:
    """Short paths, named to the daemon by its environment."""
    return {
        "WAKEWORD_STATUS__EVENTS": str(tmp_path / "events.sock"),
        "WAKEWORD_STATUS__METRICS": f"unix:{tmp_path / 'metrics.sock'}",
    }


def wakeword(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wakeword", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_S)


def scraped(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(HANG_S)
        link.connect(str(path))
        link.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        with link.makefile("rb") as answer:
            return answer.read().decode()


def status_pid(daemon: Daemon) -> int:
    return daemon.pids()["status"]


def test_events_metrics_and_holds(tmp_path: Path, recorded: Path, receiver: Service, sockets: dict[str, str]) -> None:
    options = ("--word", LOUD, "--input", str(recorded))
    with Daemon(tmp_path, receiver.url, *options, environment=sockets) as daemon:
        daemon.event("listen", "listening")
        path = tmp_path / "events.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        held = wakeword("hold", "--for", "30s", "--events", str(path))
        assert (held.returncode, held.stdout) == (0, "held for 30 s\n")
        daemon.until(lambda line: line["event"] == "hold" and line["on"])
        told = wakeword("status", "--json", "--events", str(path))
        assert told.returncode == 0
        assert json.loads(told.stdout)["held"] is True
        answer = scraped(tmp_path / "metrics.sock")
        assert answer.startswith("HTTP/1.1 200 OK\r\n")
        assert "\nwakeword_held 1.0\n" in answer
        assert daemon.to_the_end() == 0
    assert daemon.of("listen", "wake") == []  # the word came while it was held
    assert receiver.connections == 0
    records = [json.loads(line) for part in daemon.evidence.glob("*.seg") for line in part.read_bytes().splitlines()]
    (hold,) = [record for record in records if record["k"] == "hold"]
    assert hold["count"] == 1
    assert hold["ms"] > 2_000
    verify(daemon.evidence)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_status_process_that_is_stuck_or_dead_holds_nobody_up(
    tmp_path: Path, recorded: Path, receiver: Service, sockets: dict[str, str], number: signal.Signals
) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded), environment=sockets) as daemon:
        daemon.event("listen", "listening")
        os.kill(status_pid(daemon), number)
        assert daemon.to_the_end() == 0
    assert len(receiver.sessions) == 1
    assert verify(daemon.evidence)["sessions"]


def test_a_client_that_says_nonsense_is_told_what_could_be_asked(
    tmp_path: Path, recorded: Path, receiver: Service, sockets: dict[str, str]
) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded), environment=sockets) as daemon:
        daemon.event("listen", "listening")
        with socket.socket(socket.AF_UNIX) as link, link.makefile("rb") as answers:
            link.settimeout(HANG_S)
            link.connect(str(tmp_path / "events.sock"))
            assert json.loads(answers.readline())["event"] == "state"
            for wish in (b"{}", b"[1]", b'{"do": "hold", "ms": 60001}', b'{"do": "hold", "ms": true}', b"\xff"):
                link.sendall(wish + b"\n")
                answer = json.loads(answers.readline())
                while answer["from"] != "status":
                    answer = json.loads(answers.readline())
                assert answer["event"] == "refused"
            link.sendall(b"x" * 5_000 + b"\n")
            while answers.readline():  # to the end: it is cut off
                pass
        assert daemon.stop() == 0


def test_no_daemon_and_no_socket_are_errors(tmp_path: Path) -> None:
    nobody = wakeword("status", "--events", str(tmp_path / "none.sock"))
    assert nobody.returncode == 1
    assert "no daemon answers" in nobody.stderr
    unset = wakeword(
        "hold", "--for", "5s", "--config", str(Path(__file__).parent.parent.parent / "configs" / "default.yaml")
    )
    assert unset.returncode == 2
    assert "no events socket is configured" in unset.stderr
