"""Progress of long work on standard error, and where it stood when it was broken off."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

EVERY_S = 5.0


class Progress:
    """Says how far it is and how long it will take; keeps sums in a file so that the next run goes on."""

    def __init__(self, what: str, goal: int, keep: Path | None) -> None:
        """`keep`: a JSON file of the sums so far; made when it is not there."""
        self.sums: dict[str, Any] = json.loads(keep.read_text()) if keep and keep.exists() else {}
        self._what, self._goal, self._keep = what, goal, keep
        self._began, self._said, self._first = time.monotonic(), 0.0, int(self.sums.get("done", 0))

    def step(self, done: int, *, force: bool = False) -> None:
        """So much is done."""
        self.sums["done"] = done
        now = time.monotonic()
        if now - self._said < EVERY_S and not force:
            return
        self._said = now
        if self._keep:
            self._keep.write_text(json.dumps(self.sums, indent=1) + "\n")
        rate = (done - self._first) / max(0.001, now - self._began)
        left_s = (self._goal - done) / rate if rate > 0 else 0
        line = f"{self._what}: {done:,} of {self._goal:,}, {rate:,.0f} a second, {left_s:,.0f} s left"
        print(line, file=sys.stderr, flush=True)
