"""A system-call trace of a process with onnxruntime, longer than its telemetry waits before it calls home (9 s)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TRACED_S = 13  # the duration is what is tested here, not how something is waited for
NETWORK = re.compile(r"socket\(AF_(?!UNIX)|connect\(|sendto\(|sendmsg\(")
WRITTEN = re.compile(r'openat\([^"]*"([^"]*)", O_(?:WRONLY|RDWR)|(?:mkdir|unlink|rename)(?:at)?\([^"]*"([^"]*)"')

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (apt install strace)")


def traced(command: list[str], home: Path, given: bytes = b"", open_for_s: float | None = None) -> str:
    """Run with its standard input held open for so long; returns the trace."""
    trace = home / "trace"
    calls = "trace=network,openat,open,creat,mkdir,mkdirat,unlink,unlinkat,rename,renameat,renameat2"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", str(trace), "-e", calls, *command],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin
    process.stdin.write(given)
    process.stdin.flush()
    if open_for_s:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(open_for_s)
    process.stdin.close()
    assert process.wait() == 0
    return trace.read_text()


def test_replay_makes_no_network_call_and_writes_no_file(tmp_path: Path, room: np.ndarray) -> None:
    command = [sys.executable, "-m", "wakeword", "replay", "-", "--json"]
    trace = traced(command, tmp_path, room.tobytes(), open_for_s=TRACED_S)
    assert "onnxruntime" in trace  # it was loaded, and the trace saw files
    assert [line for line in trace.splitlines() if NETWORK.search(line)] == []
    written = {first or second for first, second in WRITTEN.findall(trace)}
    assert {path for path in written if not path.startswith(("/dev/", "/proc/"))} == set()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["trace"]


def test_the_trace_would_have_seen_it(tmp_path: Path) -> None:
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9)); open('x', 'w')"
    trace = traced([sys.executable, "-c", f"import os; os.chdir({str(tmp_path)!r}); {code}"], tmp_path)
    assert [line for line in trace.splitlines() if NETWORK.search(line)]
    assert "x" in {first or second for first, second in WRITTEN.findall(trace)}
