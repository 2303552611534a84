"""listen's end of its two pipes: frames to the gate that never hold the listener up, answers from it.

A frame is written as far as the pipe takes it; the rest waits here, for at most `MOST_WAITING_BYTES`. The gate reads
at once unless its disk is slow (some 150 ms); one that has read nothing for `DEAF_S` is dead, and to go on would mean
to listen for nobody.
"""

from __future__ import annotations

import os
import select
import time
from collections import deque

from wakeword.errors import WakewordError
from wakeword.messages import GATE_TO_LISTEN, Audio, FrameError, FrameReader, Message, State, encode

MOST_WAITING_BYTES = 262_144  # chosen: a window and 6 s of live audio
DEAF_S = 10.0


class GateLostError(WakewordError):
    """The gate's end of a pipe is closed, or it does not read, or it speaks nonsense. Nothing to listen for."""

    exit_code = 1


class ToGate:
    """Frames out, answers in. Raises `GateLostError` from any method once the gate is lost."""

    def __init__(self, to_gate: int, from_gate: int) -> None:
        self._to_gate, self._from_gate = to_gate, from_gate
        os.set_blocking(to_gate, False)
        os.set_blocking(from_gate, False)
        self._waiting: deque[tuple[bool, memoryview]] = deque()  # may it be dropped; what of it is unwritten
        self._bytes = 0
        self._begun = False  # is the first of them partly written
        self._moved = time.monotonic()
        self._reader = FrameReader(GATE_TO_LISTEN)

    def send(self, message: Message) -> bool:
        """Queue and write what the pipe takes now. False: audio that found no room, and was not queued."""
        frame = encode(message)
        droppable = isinstance(message, Audio)
        if droppable and self._bytes + len(frame) > MOST_WAITING_BYTES:
            return False
        if not self._waiting:
            self._moved = time.monotonic()
        self._waiting.append((droppable, memoryview(frame)))
        self._bytes += len(frame)
        self._write()
        return True

    def drop_audio(self) -> None:
        """Forget audio that waits, but for a frame already begun: the session it belongs to is being given up."""
        self._waiting = deque(
            entry for number, entry in enumerate(self._waiting) if not entry[0] or (number == 0 and self._begun)
        )
        self._bytes = sum(len(rest) for _, rest in self._waiting)

    def flush(self, patience_s: float) -> bool:
        """Write for at most so long; True when nothing waits any more."""
        until = time.monotonic() + patience_s
        self._write()
        while self._waiting and (left := until - time.monotonic()) > 0:
            select.select([], [self._to_gate], [], left)
            self._write()
        return not self._waiting

    def answers(self, patience_s: float = 0.0) -> list[State]:
        """What the gate has said by now; waits up to `patience_s` for something."""
        if not select.select([self._from_gate], [], [], max(0.0, patience_s))[0]:
            return []
        received = os.read(self._from_gate, 4_096)
        if not received:
            raise GateLostError("the gate has ended")
        try:
            return [answer for answer in self._reader.push(received) if isinstance(answer, State)]
        except FrameError as error:
            raise GateLostError(f"the gate's answer is not understood: {error}") from error

    def _write(self) -> None:
        while self._waiting:
            droppable, rest = self._waiting[0]
            try:
                written = os.write(self._to_gate, rest)
            except BlockingIOError:
                if time.monotonic() - self._moved > DEAF_S:
                    raise GateLostError(f"the gate has read nothing for {DEAF_S:.0f} s") from None
                return
            except BrokenPipeError as error:
                raise GateLostError("the gate has ended") from error
            self._moved = time.monotonic()
            self._bytes -= written
            self._begun = written < len(rest)
            if self._begun:
                self._waiting[0] = (droppable, rest[written:])
            else:
                self._waiting.popleft()
