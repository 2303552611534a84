"""Starts listen, gate and uplink, joins their pipes, and ends them in order.

    listen --frames--> gate --frames--> uplink        and one status pipe from each to here
           <--states--      <--stops---

It holds no sound and no log. Of all these pipes it keeps one end: a second writer of listen -> gate, never written to,
so that the gate sees that pipe's end only after it was told whether listen ended in order (then it writes `stop`) or
not (then it writes a fault). A process that ends on its own accord ends the others: to start again, all of them and
afresh, is for whoever started this (`lives.py`). A second process put in its place here would hide what happened.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

from wakeword.errors import FATAL
from wakeword.settings import GateSettings, ListenSettings, UplinkSettings, to_json

LISTEN, GATE, UPLINK = "listen", "gate", "uplink"
PIPE_BYTES = 1 << 20  # chosen: a WAKE with its window never waits for room, even while the gate waits for the disk
GRACE_S = {LISTEN: 3.0, GATE: 6.0, UPLINK: 12.0}  # chosen: longer than a slow disk, and than a connection's time-out
_ENVIRONMENT = {"ORT_DISABLE_TELEMETRY": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_ENVIRONMENT |= {  # the C library gives back what a model's loading and stage 2 free: 8 MB of listen's 80, measured
    "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1",
}  # fmt: skip
_LONGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of the three; their descriptors are filled in at the start."""

    listen: ListenSettings
    gate: GateSettings
    uplink: UplinkSettings


class Supervisor:
    """The three processes, as a context manager: entering starts them, leaving ends them.

    with Supervisor(plan) as running:
        for line in running.lines():      # until all three have ended; running.stop() asks for that
            show(line)
    return running.exit_code
    """

    def __init__(self, plan: Plan) -> None:
        self.exit_code = 0
        self.failure = ""  # why the first process that should not have ended did so
        self.cause = ""  # the same, as the gate of another life writes it down: "listen signal 9"
        self._plan = plan
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._untold: set[str] = set()  # whose end was not told yet: `returncode` may be known before
        self._selector = selectors.DefaultSelector()
        self._cause_code = 0
        self._unread: dict[str, bytes] = {}
        self._kept_end = -1
        self._nudged, self._nudge = os.pipe()  # wakes `lines` up when a signal handler has asked to stop
        self._deadlines: dict[str, float] = {}
        self._late: set[str] = set()
        self._stopping = False

    def __enter__(self) -> Supervisor:
        try:
            self._start()
        except BaseException:
            self._abandon()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        try:
            for _ in self.lines():
                pass
        finally:
            self._abandon()

    def pids(self) -> dict[str, int]:
        """The processes that still run."""
        return {name: process.pid for name, process in self._processes.items() if process.returncode is None}

    def stop(self) -> None:
        """Ask for an orderly end, listen first; `lines` goes on until it has come. A signal handler may call this."""
        self._stopping = True
        self._tell(LISTEN, signal.SIGTERM)
        if self._nudge >= 0:
            os.write(self._nudge, b".")

    def lines(self) -> Iterator[dict[str, Any]]:  # Any: JSON
        """Each status line of the three as it comes, and `{"from": "run", …}` of our own. Ends when they have ended."""
        while self._untold:
            for key, _ in self._selector.select(self._patience()):
                if key.fd not in self._selector.get_map():
                    continue  # closed while an earlier one of this round was seen to
                name, what = key.data
                if what == "nudge":
                    os.read(key.fd, 64)
                elif what == "status":
                    yield from self._read_status(name, key.fd)
                elif self._processes[name].poll() is not None:
                    self._selector.unregister(key.fd)
                    os.close(key.fd)
                    yield from self._drain(name)
                    self._untold.discard(name)
                    yield self._ended(name)
            self._kill_the_late()

    def _start(self) -> None:
        """All pipes first, then the readers before the writers: gate and uplink wait for listen, never the reverse."""
        to_gate, to_listen, to_uplink, from_uplink = (_pipe() for _ in range(4))
        status = {name: _pipe() for name in (LISTEN, GATE, UPLINK)}
        plan = self._plan
        uplink = replace(plan.uplink, from_gate=to_uplink[0], to_gate=from_uplink[1], status=status[UPLINK][1])
        gate = replace(
            plan.gate, from_listen=to_gate[0], to_listen=to_listen[1], to_uplink=to_uplink[1],
            from_uplink=from_uplink[0], status=status[GATE][1],
        )  # fmt: skip
        listen = replace(plan.listen, to_gate=to_gate[1], from_gate=to_listen[0], status=status[LISTEN][1])
        self._selector.register(self._nudged, selectors.EVENT_READ, ("run", "nudge"))
        self._kept_end = os.dup(to_gate[1])
        try:
            self._spawn(UPLINK, to_json(uplink), (to_uplink[0], from_uplink[1], status[UPLINK][1]))
            theirs = (to_gate[0], to_listen[1], to_uplink[1], from_uplink[0], status[GATE][1])
            self._spawn(GATE, to_json(gate), theirs)
            extra = [end for end in (listen.from_status, listen.collect.to_keeper) if end is not None]
            self._spawn(LISTEN, to_json(listen), (to_gate[1], to_listen[0], status[LISTEN][1], *extra))
        finally:
            for end in (*to_gate, *to_listen, *to_uplink, *from_uplink, *(pipe[1] for pipe in status.values())):
                os.close(end)
        for name, (reader, _) in status.items():
            os.set_blocking(reader, False)
            self._selector.register(reader, selectors.EVENT_READ, (name, "status"))

    def _spawn(self, name: str, settings: str, descriptors: tuple[int, ...]) -> None:
        """-P: a folder that happens to be the current one must not lend its modules. Own group: Ctrl-C is for us."""
        from_stdin = name == LISTEN and self._plan.listen.source.kind == "stdin"
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"wakeword.{name}", settings],
            stdin=None if from_stdin else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=descriptors,
            env=os.environ | _ENVIRONMENT,
            process_group=0,
        )
        self._processes[name] = process
        self._untold.add(name)
        self._selector.register(os.pidfd_open(process.pid), selectors.EVENT_READ, (name, "process"))

    def _tell(self, name: str, number: signal.Signals) -> None:
        process = self._processes.get(name)
        if process and process.poll() is None:
            process.send_signal(number)
            self._deadlines.setdefault(name, time.monotonic() + GRACE_S[name])

    def _ended(self, name: str) -> dict[str, Any]:
        """What the end of one means for the others."""
        code = self._processes[name].returncode
        asked = self._stopping or name == LISTEN or LISTEN not in self.pids()
        too_early = code == -signal.SIGTERM and name in self._deadlines  # asked before it could take the signal
        in_order = asked and (code == 0 or too_early)
        if not in_order:
            self._failed(name, code)
        self._stopping = True
        if name == LISTEN:
            if in_order:
                self._tell(GATE, signal.SIGTERM)  # before its pipe ends: so this end was meant
            os.close(self._kept_end)
            self._kept_end = -1
        else:
            self._tell(LISTEN, signal.SIGTERM)
        for other in self.pids():
            self._deadlines.setdefault(other, time.monotonic() + GRACE_S[other])
        return {"from": "run", "event": "ended", "process": name, "code": code, "in_order": in_order}

    def _failed(self, name: str, code: int) -> None:
        """The first to end is the cause, unless it only lacked another (code 0 or 1), whose end is seen later."""
        if self.failure and (name in self._late or _weight(code) <= _weight(self._cause_code)):
            return
        self._cause_code = code
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        if name in self._late:
            how = f"did not end within {GRACE_S[name]:.0f} s and was killed"
        self.failure = f"{name} {how}"
        self.cause = f"{name} {'late' if name in self._late else 'signal' if code < 0 else 'exit'} {abs(code)}"
        self.exit_code = 128 - code if code < 0 else code or FATAL

    def _patience(self) -> float | None:
        waiting = [self._deadlines[name] for name in self.pids() if name in self._deadlines]
        return max(0.0, min(waiting) - time.monotonic()) if waiting else None

    def _kill_the_late(self) -> None:
        for name in self.pids():
            if self._deadlines.get(name, float("inf")) <= time.monotonic():
                self._late.add(name)
                del self._deadlines[name]
                self._processes[name].kill()

    def _read_status(self, name: str, descriptor: int) -> Iterator[dict[str, Any]]:
        try:
            received = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return
        if not received:
            self._selector.unregister(descriptor)
            os.close(descriptor)
        *whole, rest = (self._unread.get(name, b"") + received).split(b"\n")
        self._unread[name] = rest[:_LONGEST_LINE]
        for line in whole:
            yield _parsed(name, line)

    def _drain(self, name: str) -> Iterator[dict[str, Any]]:
        """What a process said last, before its end is told. It has ended, so all it wrote is in the pipe."""
        ends = [key.fd for key in self._selector.get_map().values() if key.data == (name, "status")]
        while ends and ends[0] in self._selector.get_map():
            yield from self._read_status(name, ends[0])

    def _abandon(self) -> None:
        """Nothing of ours may outlive us."""
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            os.close(key.fd)
        for end in (self._kept_end, self._nudge):
            if end >= 0:
                os.close(end)
        self._kept_end = self._nudge = -1
        self._selector.close()


def _weight(code: int) -> int:
    """0 for a clean end, 1 for one that may only follow from another's, 2 for what nobody else can be the cause of."""
    return min(abs(code), 2)


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    with contextlib.suppress(OSError):  # the system's limit for all pipes of this user: smaller ones work, only later
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return reader, writer


def _parsed(name: str, line: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError:
        parsed = None
    return (
        parsed
        if isinstance(parsed, dict)
        else {"from": name, "event": "unreadable", "line": line.decode("ascii", "replace")}
    )
