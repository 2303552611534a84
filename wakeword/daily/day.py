"""listen's side: what happened today is counted, and after midnight UTC one noisy report of it goes to the gate.

The gate decides whether it goes on from there: consent, how often, and what is left of the budget are its to keep
(`clerk.py`), since it alone remembers them over a restart. A report is made whether anything happened or not: else its
absence would tell. A day that this process did not see from its beginning is not reported.

All devices of a fleet have the same midnight, so each waits a while of its own, drawn at the start.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable

from wakeword.daily.report import COUNTS
from wakeword.notices import Stats

DAY_S = 86_400
CANCEL_MS = 2_000  # a service that has enough so soon was not meant
SPREAD = 6  # reports come within the first 1/6 of the day that follows


class Days:
    """Counts, and the report when a day is over. `release` adds the noise; times are the wall clock's, in seconds."""

    def __init__(self, epsilon: int, release: Callable[[dict[str, int]], tuple[int, ...]], day_s: int = DAY_S) -> None:
        self._epsilon, self._release, self._day_s = epsilon, release, day_s
        self._wait_s = secrets.randbelow(max(1, day_s // SPREAD))
        self._counts: Counter[str] = Counter()
        self._day: int | None = None
        self._whole = False  # seen from its beginning

    def count(self, name: str) -> None:
        """One more of `report.COUNTS`."""
        if name not in COUNTS:
            raise AssertionError(f"{name} is not counted")
        self._counts[name] += 1

    def ended(self, open_ms: int) -> None:
        """The service ended a session this long after the wake."""
        if open_ms <= CANCEL_MS:
            self.count("cancel")

    def due(self, now_s: float) -> Stats | None:
        """The report of the day that is over, once; to be asked every second."""
        day, before = int(now_s - self._wait_s) // self._day_s, self._day
        if day == before:
            return None
        counts, self._counts = dict(self._counts), Counter()
        next_one = before is not None and day == before + 1  # else the clock was set: neither day is whole
        whole, self._whole, self._day = self._whole, next_one, day
        if before is None or not (whole and next_one):
            return None
        wakes, candidates, rejected, cancelled = self._release(counts)
        return Stats(before, wakes, candidates, rejected, cancelled, self._epsilon, spent=0)  # the gate knows what is
