"""`wakeword wyoming`: what it refuses, and what it says to people. What it serves: tests/wyoming/."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("wyoming.event", reason="needs the library wyoming: pip install '.[wyoming]'")

from wakeword.cli.wyoming import described

HANG_S = 120


def wyoming(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wakeword", "wyoming", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_S)


@pytest.mark.parametrize(("options", "says"), [
    (["--uri", "10400"], "wakeword: not an address: 10400 (tcp://127.0.0.1:10400, or unix:///PATH)"),
    (["--uri", "tcp://127.0.0.1"], "wakeword: not an address: tcp://127.0.0.1 (tcp://127.0.0.1:10400, or unix:///PATH)"),
    (["--uri", "tcp://127.0.0.1:99999"], "wakeword: not an address: tcp://127.0.0.1:99999 (tcp://127.0.0.1:10400)"),
    (["--uri", "stdio://"], "wakeword: not an address: stdio:// (tcp://127.0.0.1:10400, or unix:///PATH)"),
    (["--clients", "0"], "wakeword: --clients 0 is not between 1 and 1000"),
    (["--word", "hal"], "wakeword: no model 'hal'"),
    (["--uri", "unix:///no/such/folder/s"], "wakeword: unix:///no/such/folder/s: cannot listen: No such file"),
    (["--uri", "unix:///tmp/wakeword.s", "--zeroconf"], "wakeword: unix:///tmp/wakeword.s: only a tcp:// address"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")  # fmt: skip
def test_what_cannot_be_is_refused_with_a_hint(options: list[str], says: str) -> None:
    ended = wyoming(*options)
    assert ended.returncode == 2
    assert ended.stderr.startswith(says)
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        uri = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        ended = wyoming("--uri", uri, "--word", "computer")
    assert ended.returncode == 2
    assert uri in ended.stderr


def test_a_missing_library_is_named_with_its_remedy(tmp_path: Path) -> None:
    code = (
        "import importlib.util, sys; real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *a: None if name == 'zeroconf' else real(name, *a)\n"
        "from wakeword.cli import main; sys.exit(main(['wyoming', '--zeroconf']))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=HANG_S)
    assert ended.returncode == 2
    assert ended.stderr == "wakeword: the library zeroconf is not installed (pip install 'wakeword[wyoming]')\n"


def test_people_are_told_the_address_and_it_ends_in_order() -> None:
    command = [sys.executable, "-m", "wakeword", "wyoming", "--uri", "tcp://127.0.0.1:0", "--word", "computer"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(HANG_S) == 0
    assert said.startswith("serving computer on tcp://127.0.0.1:")


def test_an_event_is_one_line_for_people() -> None:
    client = {"client": "10.0.0.7:5", "why": "too many clients"}
    assert described({"event": "connected", "client": "10.0.0.7:5"}) == "10.0.0.7:5  connected"
    assert described({"event": "disconnected", **client}) == "10.0.0.7:5  disconnected: too many clients"
    wake = {"event": "detection", "client": "10.0.0.7:5", "word": "jarvis", "stage1": 0.98, "stage2": 0.913}
    assert described(wake) == "10.0.0.7:5  WAKE  jarvis      stage 1 0.98  stage 2 0.91"
