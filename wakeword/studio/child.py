"""A program that works for the studio: its lines come as they are printed; it is stopped with all its children."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

GRACE_S = 20.0  # for what was asked to end: an epoch's weights are being written
LINE_MAX_BYTES = 65_536


class Child:
    """One program in a process group of its own. `lines` may be read once."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.stopped = False

    @classmethod
    async def start(cls, *words: str, folder: Path, keep: tuple[int, ...] = ()) -> Child:
        """Both outputs are one. Descriptors in `keep` stay open in it."""
        return cls(
            await asyncio.create_subprocess_exec(
                *words, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT, start_new_session=True, pass_fds=keep, limit=LINE_MAX_BYTES,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        )  # fmt: skip

    async def lines(self) -> AsyncIterator[str]:
        """What it prints, without ends of lines; of a progress bar that rewrites its line, each state."""
        assert self._process.stdout
        held = b""
        while octets := await self._process.stdout.read(4096):
            *whole, held = (held + octets).replace(b"\r", b"\n").split(b"\n")
            for line in whole:
                if text := line[-LINE_MAX_BYTES:].decode("utf-8", "replace").strip():
                    yield text
            held = held[-LINE_MAX_BYTES:]
        if text := held.decode("utf-8", "replace").strip():
            yield text

    async def end(self) -> int:
        """Wait for it; its exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it and all its children to end, as Ctrl-C does; make them end if they do not."""
        self.stopped = True
        self._signal(signal.SIGINT)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), GRACE_S)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)
