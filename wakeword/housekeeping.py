"""What the gate does between sessions: a new file with a new key each day, old records removed one file at a time."""

from __future__ import annotations

from collections.abc import Callable

from wakeword.evidence.store import Evidence, StartFacts
from wakeword.states import Gate

LOOK_MS = 2_000  # how soon a request to prune is seen
SPACE_MS = 3_600_000  # a disk that stays full is not tried more often


class Housekeeper:
    """`turn` is called by the gate's loop, and does at most one short thing. Errors of the disk are `Fatal`."""

    def __init__(self, gate: Gate, evidence: Evidence, facts: Callable[[], StartFacts], now_ms: int) -> None:
        """`facts`: what a new file says of the process; tried anew for each."""
        self._gate, self._evidence, self._facts = gate, evidence, facts
        self._look_ms, self._space_ms, self._asked = now_ms, now_ms - SPACE_MS, False
        evidence.prune("age")

    def turn(self, now_ms: int) -> None:
        """Nothing while a session is open."""
        if self._gate.session or self._evidence.tidy():
            return
        if self._asked:
            self._evidence.prune_done()
            self._asked = False
        if self._gate.day_over():
            self._renew()
            self._evidence.prune("age")
        elif now_ms >= self._look_ms:
            self._look_ms = now_ms + LOOK_MS
            self._look(now_ms)

    def _look(self, now_ms: int) -> None:
        if (keep_days := self._evidence.prune_wanted()) is not None:
            self._asked = True
            self._renew()  # so that all that was written until now lies in a file that may be cut
            self._evidence.prune("user", keep_days)
        elif not self._evidence.has_room() and now_ms - self._space_ms >= SPACE_MS:
            self._space_ms = now_ms
            self._evidence.prune("space")

    def _renew(self) -> None:
        self._gate.finish("daily")
        self._evidence.rotate(self._facts())
        self._gate.renewed()
