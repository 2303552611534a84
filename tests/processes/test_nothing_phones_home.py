"""The daemon, `replay` and the bench under a system-call trace for over a minute each: whom they call, what they write.

onnxruntime's wheels carry telemetry that looks up its vendor's host some 9 s after the start and again later, so a
shorter look would pass wrongly. The three run at the same time; the room's own length is what takes the time.

    run      the demo's room in real time, 73 s      the service's address, its own folder
    replay   standard input, held open as long       nothing
    bench    62 s in real time                       nothing but its own folder
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from daemon import HANG_S, Service, service

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (apt install strace)")

ROOM = Path(__file__).parent.parent.parent / "wakeword" / "data" / "room.flac"
WORDS = ("--word", "computer", "--word", "jarvis", "--word", "alexa")
LONG_S = 60
FILES = (
    "openat,open,creat,mkdir,mkdirat,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,truncate"
)
SILENT_CALLS = "memfd_create,io_uring_setup"  # ways round the others; nobody here has a use for them
CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)(.*)")
MODULE = re.compile(r'"-m", "(wakeword[.\w]*)"')
PATH = re.compile(r'(?:<([^>]*)>, )?"([^"]*)"')  # what a descriptor stands for, and the path from there


@dataclass(frozen=True)
class Call:
    """One system call that succeeded, or was begun (a connection)."""

    process: str  # the module that runs there, or the program
    name: str
    arguments: str

    def writes(self) -> bool:
        opened = self.name in ("open", "openat")
        return self.name in FILES.split(",") and not (opened and re.search(r"O_RDONLY(?!.*O_CREAT)", self.arguments))

    def paths(self) -> list[Path]:
        return [Path(folder) / path for folder, path in PATH.findall(self.arguments)]


class Traced:
    """A command under strace, with a home and a temporary folder of its own."""

    def __init__(self, folder: Path, *command: str, stdin: int = subprocess.DEVNULL) -> None:
        self.folder, self._trace = folder, folder / "trace"
        self._trace.mkdir(parents=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WAKEWORD_", "ORT_"))}
        own = {"HOME": str(folder), "TMPDIR": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
        what = f"trace=%network,execve,{FILES},{SILENT_CALLS}"
        with (folder / "said").open("w") as said:
            self.process = subprocess.Popen(
                ["strace", "-ff", "-qq", "-y", "-s", "200", "-o", str(self._trace / "of"), "-e", what, *command],
                env=kept | own | {"PYTHONDONTWRITEBYTECODE": "1"},
                cwd=folder,
                stdin=stdin,
                stdout=said,
            )

    def lines(self) -> list[str]:
        """What the command printed."""
        return (self.folder / "said").read_text().splitlines()

    def calls(self) -> list[Call]:
        """A thread that is not a process's first has a file of its own, and is called by its number."""
        found: list[Call] = []
        for path in sorted(self._trace.iterdir()):
            process = path.suffix
            for line in path.read_text().splitlines():
                if not (parts := CALL.match(line)):
                    continue
                name, arguments, result, why = parts.groups()
                if name == "execve":
                    module = MODULE.search(arguments)
                    process = module[1] if module else arguments
                if int(result) >= 0 or "EINPROGRESS" in why:
                    found.append(Call(process, name, arguments))
        return found

    def sockets(self) -> list[Call]:
        """All that were made; a pair that ends in the process itself (asyncio's) reaches nobody."""
        return [call for call in self.calls() if call.name == "socket"]

    def written(self) -> set[str]:
        """What was written, made or removed; below the command's own folder as `…`."""
        paths = [path for call in self.calls() if call.writes() for path in call.paths()]
        return {"…" if path.is_relative_to(self.folder) else str(path) for path in paths} - {"/dev/null"}

    def loaded(self, library: str) -> bool:
        return any(library in call.arguments for call in self.calls() if call.name == "openat")

    def odd(self) -> list[Call]:
        return [call for call in self.calls() if call.name in SILENT_CALLS.split(",")]


@dataclass(frozen=True)
class Traces:
    run: Traced
    replay: Traced
    bench: Traced
    receiver: Service


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory, room: npt.NDArray[np.int16]) -> Iterator[Traces]:
    folder = tmp_path_factory.mktemp("traced")
    wakeword = (sys.executable, "-m", "wakeword")
    with service() as receiver:
        evidence = str(folder / "run" / "state" / "evidence")
        run = Traced(
            folder / "run", *wakeword, "run", "--json", *WORDS, "--url", receiver.url, "--evidence", evidence,
            "--input", str(ROOM),
        )  # fmt: skip
        bench = Traced(
            folder / "bench", sys.executable, "-m", "wakeword.bench", "cost", "--json", "--seconds", "62", "--rounds",
            "1", "--real-time", "62",
        )  # fmt: skip
        replay = Traced(folder / "replay", *wakeword, "replay", "-", "--json", stdin=subprocess.PIPE)
        assert replay.process.stdin
        replay.process.stdin.write(room.tobytes())
        replay.process.stdin.flush()
        assert run.process.wait(2 * HANG_S) == 0
        assert replay.process.poll() is None, "it was to live as long as the daemon"
        replay.process.stdin.close()
        assert replay.process.wait(HANG_S) == 0
        assert bench.process.wait(2 * HANG_S) == 0
        yield Traces(run, replay, bench, receiver)


def test_all_of_them_loaded_onnxruntime_and_lived_long_enough(traces: Traces) -> None:
    """Else the rest would prove nothing."""
    assert all(traced.loaded("onnxruntime_pybind11_state") for traced in (traces.run, traces.replay, traces.bench))
    (ended,) = (line for line in map(json.loads, traces.run.lines()) if line["event"] == "ended" and "at_s" in line)
    assert ended["at_s"] > LONG_S
    figures = json.loads("".join(traces.bench.lines()))["figures"]
    assert sum("in real time" in figure["name"] for figure in figures) == 9  # three processes, three sounds


def test_the_daemon_calls_its_service_once_a_session_and_nobody_else(traces: Traces) -> None:
    made = traces.run.sockets()
    assert {call.process for call in made} == {"wakeword.uplink"}
    port = traces.receiver.url.rpartition(":")[2]
    called = [call.arguments for call in traces.run.calls() if call.name == "connect"]
    service_address = f'sin_port=htons({port}), sin_addr=inet_addr("127.0.0.1")'
    assert [address for address in called if service_address not in address] == []
    assert len(made) == len(called) == traces.receiver.connections == len(traces.receiver.sessions) > 0


def test_replay_and_the_bench_call_nobody(traces: Traces) -> None:
    assert [call for call in traces.replay.calls() if "sock" in call.name or "send" in call.name] == []
    assert traces.bench.sockets() == []
    assert [call for call in traces.bench.calls() if call.name in ("connect", "sendto", "sendmsg", "bind")] == []


def test_what_they_write_lies_in_their_own_folders(traces: Traces) -> None:
    assert (traces.run.written(), traces.replay.written(), traces.bench.written()) == ({"…"}, set(), {"…"})
    assert traces.run.odd() + traces.replay.odd() + traces.bench.odd() == []
    left = {path.relative_to(traces.run.folder).parts[0] for path in traces.run.folder.iterdir()}
    assert left == {"said", "state", "trace"}  # the output, the evidence, this trace: no cache, no device id


def test_the_trace_would_have_seen_it(tmp_path: Path) -> None:
    code = """
import os, socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 9))
open("/tmp/../tmp/wakeword-trace-test", "w").close()
os.unlink("/tmp/wakeword-trace-test")
os.memfd_create("hidden")
"""
    traced = Traced(tmp_path / "seen", sys.executable, "-c", code)
    assert traced.process.wait(HANG_S) == 0
    assert [call.arguments.split(",")[0] for call in traced.sockets()] == ["AF_INET"]
    assert traced.written() == {"/tmp/../tmp/wakeword-trace-test", "/tmp/wakeword-trace-test"}
    assert [call.name for call in traced.odd()] == ["memfd_create"]
