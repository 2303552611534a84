"""One word's trigger at every threshold at once: which candidates would any of them make?

A trigger only ever asks whether a smoothed score reaches its threshold. So all thresholds between two scores that came
by behave alike, and a fan of the daemon's own triggers, one a stretch of thresholds, says for each candidate exactly
which thresholds make it: those `above` one score and `upto` another. A stretch is split when a score falls inside it,
and joined with its neighbour again when both have come to the same state; while nothing scores there is one trigger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from wakeword.pipeline.pipeline import FLOOR
from wakeword.pipeline.trigger import Firing, Trigger, logit

_LOWEST = logit(FLOOR)


@dataclass(frozen=True, slots=True)
class Ray:
    """A firing and the thresholds that make it: above < threshold <= upto, in [0, 1]."""

    firing: Firing
    above: float
    upto: float


class Fan:
    """All thresholds from `FLOOR` on; below it, every candidate counts as one of `FLOOR`'s."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin a new stretch of voice, as `Trigger.reset` does."""
        self._triggers = [Trigger(1.0)]
        self._upto = [
            math.inf
        ]  # logits, ascending; the thresholds of each trigger end here and begin at the one before

    def push(self, step: int, smooth: float) -> list[Ray]:
        """Take the smoothed logit of `step`; returns what is decided at it, lowest thresholds first."""
        if smooth < _LOWEST and len(self._triggers) == 1 and not self._triggers[0].state(step):
            return []  # as nearly always
        self._split(smooth)
        rays: list[Ray] = []
        for number, trigger in enumerate(self._triggers):
            firing = trigger.weigh(step, smooth)
            if firing is None:
                continue
            above, upto = _score(self._upto[number - 1]) if number else 0.0, _score(self._upto[number])
            if rays and rays[-1].upto == above and rays[-1].firing == firing:
                above = rays.pop().above
            rays.append(Ray(firing, above, upto))
        self._join(step + 1)
        return rays

    def _split(self, smooth: float) -> None:
        if smooth <= _LOWEST or smooth in self._upto:
            return
        number = next(number for number, upto in enumerate(self._upto) if smooth < upto)
        self._triggers.insert(number, self._triggers[number].at(smooth))
        self._upto.insert(number, smooth)

    def _join(self, step: int) -> None:
        for number in range(len(self._triggers) - 1, 0, -1):
            if self._triggers[number - 1].state(step) == self._triggers[number].state(step):
                del self._triggers[number - 1], self._upto[number - 1]


def _score(logit_: float) -> float:
    return 1 / (1 + math.exp(-logit_)) if logit_ < math.inf else 1.0
