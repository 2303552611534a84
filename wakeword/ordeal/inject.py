"""Errors and death at the first calls of write, fdatasync, fsync and rename, put there by strace; a gate as a process.

The gate is started twice on the same folder, as after a crash: first with the fault, then without, unless it refuses
(a log that failed stays closed until a reboot). In both, a sample that comes out must have its records in the log.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from wakeword.errors import ConfigError
from wakeword.messages import Audio, End, Hello, Wake, encode
from wakeword.ordeal.kills import Log, hold_against
from wakeword.ordeal.life import MODEL1, MODEL2, BrokenPromiseError
from wakeword.settings import GateSettings, to_json

CALLS = ("write", "fdatasync", "fsync", "rename")
FAULTS = ("error=EIO", "error=ENOSPC", "signal=KILL")
LATER_S = 20.0  # by then a gate on a busy machine has done what it will do


def cases(first: int) -> list[tuple[str, str, int]]:
    """Each call, each fault, at the first so many."""
    return [(call, fault, when) for call in CALLS for fault in FAULTS for when in range(1, first + 1)]


def run(first: int, counts: Counter[str], begin: int = 0) -> Iterator[int]:
    """All cases from the `begin`-th on; yields how many of them are done. Raises `BrokenPromiseError`."""
    if shutil.which("strace") is None:
        raise ConfigError("strace is not installed", hint="apt install strace")
    for number, (call, fault, when) in enumerate(cases(first)[begin:], 1):
        with tempfile.TemporaryDirectory(prefix="ordeal-inject-") as name:
            folder = Path(name)
            (folder / "log").mkdir()
            log = Log(folder)
            inject = f"inject={call}:{fault}:when={when}"
            try:
                code, opened = _gate(
                    log, ("strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject)
                )
                again, reopened = _gate(log, ())
                log.check()
            except BrokenPromiseError as error:
                raise BrokenPromiseError(f"{inject}: {error}") from error
            counts[f"{call} {fault}: sessions opened"] += opened
            counts[f"{call} {fault}: gate ended with {code}, the next one with {again}"] += 1
            counts["sessions after"] += reopened
        yield number


def _gate(log: Log, wrapped_by: tuple[str, ...]) -> tuple[int, int]:
    """A gate, one session and an orderly end, as far as it comes. Returns its exit code and how many opened."""
    pipes = [os.pipe() for _ in range(4)]
    (from_listen, to_gate), (_, to_listen), (at_uplink, to_uplink), (from_uplink, _) = pipes
    theirs = (from_listen, to_listen, to_uplink, from_uplink)
    given = GateSettings(
        str(log.folder / "log"), str(log.folder / "device.key"), MODEL1.hex(), MODEL2.hex(), *theirs, cap_ms=1_000
    )  # fmt: skip
    command = [*wrapped_by, sys.executable, "-P", "-m", "wakeword.gate", to_json(given)]
    process = subprocess.Popen(command, pass_fds=theirs, stderr=subprocess.DEVNULL)
    for descriptor in theirs:
        os.close(descriptor)
    before = len(log.bytes_of)
    try:
        came = _one_session(process, to_gate, at_uplink)
    finally:
        process.kill()
        process.wait()
        for descriptor in {end for pipe in pipes for end in pipe} - {*theirs, at_uplink}:
            os.close(descriptor)
    came += b"".join(iter(lambda: os.read(at_uplink, 65_536), b""))
    os.close(at_uplink)
    hold_against(log, came, Counter())
    return process.returncode, len(log.bytes_of) - before


def _one_session(process: subprocess.Popen[bytes], to_gate: int, at_uplink: int) -> bytes:
    """Wake it until something comes out or it ends; then let it end in order."""
    came, until_s = b"", time.monotonic() + LATER_S
    try:
        os.write(to_gate, encode(Hello(MODEL1, MODEL2)))
        while process.poll() is None and time.monotonic() < until_s and not came:
            wake_id = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
            os.write(to_gate, encode(Wake(wake_id, 0, 700_000, 800_000, 90, MODEL1, MODEL2, bytes(320))))
            os.write(to_gate, encode(Audio(0, bytes(320))) + encode(End(wake_id)))
            if select.select([at_uplink], [], [], 2.0)[0]:
                came += os.read(at_uplink, 65_536)
    except BrokenPipeError:
        pass
    if process.poll() is None:
        _tell(process, signal.SIGTERM)
        try:
            process.wait(LATER_S)
        except subprocess.TimeoutExpired as error:
            raise BrokenPromiseError("the gate hangs") from error
    return came


def _tell(process: subprocess.Popen[bytes], number: int) -> None:
    """To the gate itself, when strace stands between."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    pids = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    for pid in pids or [process.pid]:
        os.kill(pid, number)
