"""A recording or standard input, handed out as a microphone would: in real time, faster, or as fast as it is taken."""

from __future__ import annotations

import math
import time
from typing import Protocol

import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ

Int16 = npt.NDArray[np.int16]


class Readable(Protocol):
    """What has no clock of its own: `FileSource`, `StdinSource`."""

    warnings: list[str]

    def read(self) -> Int16 | None:
        """The next samples, none when there are none yet; None at the end."""

    def close(self) -> None:
        """No sample is taken after this."""


class Paced:
    """Hands out blocks of the length asked for. `speed` 1 is real time, infinite means at once.

    While `real_time` is set it is played in real time whatever the speed: inside a session the gate passes no more.
    """

    def __init__(self, source: Readable, speed: float) -> None:
        self.warnings = source.warnings
        self.real_time = False
        self._source, self._speed = source, speed
        self._held: Int16 | None = np.zeros(0, np.int16)
        self.resume()

    @property
    def pace(self) -> float:
        """How many times as fast as real time samples come now."""
        return 1.0 if self.real_time else self._speed

    def resume(self) -> None:
        """From now on: what did not come while nobody listened is not made up for."""
        self._handed_s = time.monotonic()

    def due_s(self, samples: int) -> float:
        """When the last of the next `samples` would have been heard, on the monotonic clock."""
        if math.isinf(self.pace):
            self.resume()
        return self._handed_s + samples / (RATE_HZ * self.pace)

    def read(self, samples: int) -> Int16 | None:
        """At most so many; fewer at the end, or when no more have come; None after the end."""
        if self._held is None:
            return None
        held, ended = self._held, False
        while len(held) < samples and not ended:
            more = self._source.read()
            ended = more is None
            if more is not None and not len(more):  # no more have come
                break
            held = held if more is None else np.concatenate([held, more])
        block, rest = held[:samples], held[samples:]
        self._held = None if ended and not len(rest) else rest
        self._handed_s += len(block) / (RATE_HZ * self.pace)
        return block

    def close(self) -> None:
        """Close the source."""
        self._source.close()
