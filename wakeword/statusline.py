"""One-way status: one JSON object a line, for whoever watches. Nobody is ever held up by it. Standard library only.

A line is at most `MOST_BYTES` long, so that the kernel writes it whole or not at all; when the pipe is full or nobody
reads, it is dropped. No audio, no text: events, levels and counts.
"""

from __future__ import annotations

import json
import os

MOST_BYTES = 4_096  # PIPE_BUF on Linux: a write of up to this is never split


class StatusLines:
    """Writes to a pipe that may be full, closed, or absent (None)."""

    def __init__(self, descriptor: int | None, process: str) -> None:
        self._descriptor, self._process = descriptor, process
        if descriptor is not None:
            os.set_blocking(descriptor, False)

    def write(self, event: str, **fields: object) -> bool:
        """True when the line was written, False when it was dropped."""
        line = json.dumps({"from": self._process, "event": event, **fields}, separators=(",", ":")).encode() + b"\n"
        if self._descriptor is None or len(line) > MOST_BYTES:
            return False
        try:
            os.write(self._descriptor, line)
        except (BlockingIOError, BrokenPipeError):
            return False
        return True
