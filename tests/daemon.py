"""What tests of the whole daemon share: `wakeword run` as a process, and a service that records what reaches it."""

from __future__ import annotations

import json
import os
import queue
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from websockets.sync.server import Server, ServerConnection, serve

HANG_S = 90  # a test that hangs fails after this
Int16 = npt.NDArray[np.int16]
Line = dict[str, Any]  # a status line of the daemon


@dataclass
class Session:
    """One connection: the header, all samples, and how many bytes the device says it sent."""

    header: Line
    pcm: bytes = b""
    announced: int = -1  # -1: the connection ended without `end`

    @property
    def samples(self) -> Int16:
        return np.frombuffer(self.pcm, "<i2")


@dataclass
class Service:
    """Counts connections and keeps sessions."""

    connections: int = 0
    sessions: list[Session] = field(default_factory=list)
    url: str = ""

    def handle(self, connection: ServerConnection) -> None:
        self.connections += 1
        session: Session | None = None
        for message in connection:
            if isinstance(message, bytes):
                assert session
                session.pcm += message
            elif json.loads(message)["type"] == "start":
                session = Session(json.loads(message))
                self.sessions.append(session)
            else:
                assert session
                session.announced = json.loads(message)["bytes"]
                return


@contextmanager
def serving(server: socketserver.BaseServer | Server) -> Iterator[None]:
    """It serves in a thread of its own meanwhile."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def service() -> Iterator[Service]:
    """A real WebSocket server on the loopback."""
    made = Service()
    with serve(made.handle, "127.0.0.1", 0) as server:
        made.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        with serving(server):
            yield made


class Daemon:
    """`wakeword run --json`, its lines, and its three processes."""

    def __init__(
        self,
        folder: Path,
        url: str,
        *options: str,
        stdin: int = subprocess.DEVNULL,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.evidence = folder / "state" / "evidence"
        command = [sys.executable, "-m", "wakeword", "run", "--json", "--url", url, "--evidence", str(self.evidence)]
        given = {name: value for name, value in os.environ.items() if not name.startswith("WAKEWORD_")} | environment
        self._said = (folder / "stderr").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [*command, *options],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env=given | {"XDG_CONFIG_HOME": str(folder)},
        )
        self.lines: list[Line] = []
        self._coming: queue.Queue[Line | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def until(self, wanted: Callable[[Line], bool]) -> Line:
        """The next line that is wanted; fails when the daemon ends without it."""
        while True:
            line = self._coming.get(timeout=HANG_S)
            assert line is not None, f"the daemon ended: {self.stderr()}\n{self.lines}"
            self.lines.append(line)
            if wanted(line):
                return line

    def event(self, process: str, event: str) -> Line:
        """The next line of this kind."""
        return self.until(lambda line: (line["from"], line["event"]) == (process, event))

    def rest(self) -> Iterator[Line]:
        """All lines that are still to come, as they come."""
        while (line := self._coming.get(timeout=HANG_S)) is not None:
            self.lines.append(line)
            yield line

    def to_the_end(self) -> int:
        """All lines that are still to come; the exit code."""
        for _ in self.rest():
            pass
        return self.process.wait(HANG_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.to_the_end()

    def of(self, process: str, event: str) -> list[Line]:
        return [line for line in self.lines if (line["from"], line["event"]) == (process, event)]

    def pids(self) -> dict[str, int]:
        """The three processes, by name."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = {}
        for pid in map(int, children):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            found[words[words.index(b"-m") + 1].decode().removeprefix("wakeword.")] = pid
        return found

    def stderr(self) -> str:
        self._said.seek(0)
        return self._said.read()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._coming.put(json.loads(line))
        self._coming.put(None)

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self._said.close()


def verify(evidence: Path) -> Line:
    """`wakeword audit verify --json` of a log; fails unless it passes."""
    ended = subprocess.run(
        [sys.executable, "-m", "wakeword", "audit", "verify", str(evidence), "--json"],
        capture_output=True, text=True, check=False, timeout=HANG_S,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found: Line = json.loads(ended.stdout.splitlines()[-1])
    return found
