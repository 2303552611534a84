"""One session's audio between the gate's pipe and the service: filled as it comes, emptied at the service's pace.

It holds at most what the session may be long (`Open.cap_bytes`), so a slow or dead service costs memory that was known
beforehand and never holds up the pipe. Not here: any connection (`websocket.py`), any message form (`messages.py`).
"""

from __future__ import annotations

import asyncio

from wakeword.messages import Open

# Each WebSocket message costs 8 bytes and each TLS record 22 more. An auditor's bound on the kernel's byte count (22
# bytes per 1024 of audio, docs/audit-log.md) holds from 1.4 kB a message on: so never fewer than these, the last apart.
PIECE_MIN_BYTES = 2_048  # 64 ms
PIECE_MAX_BYTES = 16_384
HELD_MAX_BYTES = 2_000_000  # the longest cap that the evidence's verifiers accept


class SessionFailed(Exception):  # noqa: N818  said of a session, as in errors.CheckFailed
    """This session cannot be delivered; the text says why, to be read by people."""


class Outbox:
    """What one session still has to send. `put` and `close` never wait; `take` does."""

    def __init__(self, opened: Open) -> None:
        """Empty; `opened` sets the limit."""
        self.opened = opened
        self.received_bytes = 0  # from the gate, in all
        self.closed = False
        self._cap_bytes = min(opened.cap_bytes, HELD_MAX_BYTES)
        self._held = bytearray()
        self._discarding = False
        self._changed = asyncio.Event()

    def put(self, pcm: bytes) -> None:
        """Add samples; raises `SessionFailed` beyond the cap, which the gate must never pass."""
        self.received_bytes += len(pcm)
        if self.received_bytes > self._cap_bytes:
            raise SessionFailed(f"the gate passed more than the session's {self._cap_bytes} bytes")
        if not self._discarding:
            self._held += pcm
            self._changed.set()

    def close(self) -> None:
        """Nothing more will come."""
        self.closed = True
        self._changed.set()

    def discard(self) -> None:
        """Drop what is held and all that comes: it has nowhere to go."""
        self._discarding = True
        self._held.clear()

    async def take(self, least: int = PIECE_MIN_BYTES) -> bytes:
        """The next piece, `least` to PIECE_MAX_BYTES long (the last may be shorter); b"" at the end."""
        while len(self._held) < least and not self.closed:
            self._changed.clear()
            await self._changed.wait()
        piece = bytes(self._held[:PIECE_MAX_BYTES])
        del self._held[: len(piece)]
        return piece
