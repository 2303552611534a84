"""`hold`: "it is we who are speaking". What the status process may say to listen, and all it may say. Standard library.

For so many milliseconds from now on listen asks for no wake word; 0 ends it early. Nothing can be opened so, only left
unasked, for a minute at most at a time; and the gate is told how often and how long, for the evidence.
"""

from __future__ import annotations

import os
import struct

MAX_HOLD_MS = 60_000  # chosen: an answer is shorter; who goes on speaking says so again
_FORM = struct.Struct("<4sI")
_MARK = b"hold"


def pack(length_ms: int) -> bytes:
    """8 bytes; a pipe takes them whole or not at all. Raises `ValueError` beyond `MAX_HOLD_MS`."""
    if not 0 <= length_ms <= MAX_HOLD_MS:
        raise ValueError(f"{length_ms} ms; 0 to {MAX_HOLD_MS} can be asked for")
    return _FORM.pack(_MARK, length_ms)


class HoldPipe:
    """listen's end. Closed for good at the first bytes that are no hold: whoever sent them is not believed again."""

    def __init__(self, descriptor: int | None) -> None:
        self.descriptor = descriptor
        if descriptor is not None:
            os.set_blocking(descriptor, False)

    def newest_ms(self) -> int | None:
        """The last hold that was asked for since the last look, None when there was none."""
        if self.descriptor is None:
            return None
        try:
            received = os.read(self.descriptor, 4_096)
        except BlockingIOError:
            return None
        asked = [_FORM.unpack_from(received, at) for at in range(0, len(received) - _FORM.size + 1, _FORM.size)]
        if not asked or len(received) % _FORM.size or any(mark != _MARK or ms > MAX_HOLD_MS for mark, ms in asked):
            self.close()
            return None
        return int(asked[-1][1])

    def close(self) -> None:
        """Hear no more of it."""
        if self.descriptor is not None:
            os.close(self.descriptor)
        self.descriptor = None
