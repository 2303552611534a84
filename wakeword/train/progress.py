"""How long a step of the training still takes, by the pace so far."""

from __future__ import annotations

import time


class Pace:
    """Begins to count when it is made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def minutes_left(self, done: int, whole: int) -> float:
        """For the rest of `whole`, when `done` (at least 1) took as long as it did."""
        return (time.monotonic() - self._began) / done * (whole - done) / 60
