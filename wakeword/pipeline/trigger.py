"""Stage 1's scores become candidates: smooth, threshold, wait for the peak, then hold back for a while.

Tuned for recall: a candidate costs milliseconds, a missed word cannot be repaired. One trigger serves one word. A step
is 40 ms of stream. Scores are smoothed as logits, so that a model's calibration (an affine map of its logits) moves its
threshold and changes nothing else. Within the refractory time only a higher peak makes another candidate, so that a
weak false start never hides the word that follows it, and so that sweeping the threshold over recorded candidates tells
the truth.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

from wakeword.model import SMOOTHED_STEPS

PATIENCE_STEPS = 3  # a peak is waited for no longer than 120 ms
REFRACTORY_STEPS = 12  # 0.48 s between candidates of one word
_NEVER = -20.0  # the logit of a score that is nothing


@dataclass(frozen=True, slots=True)
class Firing:
    """A candidate in steps: the score peaked at step `peak` and was decided at step `decided` (both inclusive)."""

    peak: int
    decided: int
    score: float


class Trigger:
    """One word's trigger. Steps are counted from the first one pushed; `reset` begins a new stretch of voice."""

    def __init__(self, threshold: float, smoothed_steps: int = SMOOTHED_STEPS) -> None:
        """`threshold` in [0, 1], nothing reaches 1; it is held against the mean logit of so many steps, 1 or more."""
        self._threshold, self._smoothed_steps = logit(threshold), smoothed_steps
        self._step = 0
        self.reset()

    def reset(self) -> None:
        """Forget all scores, as when the model's states are zeroed. Steps go on counting."""
        self._recent = [_NEVER] * self._smoothed_steps
        self.smooth = _NEVER  # the last logit that was held against the threshold
        self._waiting_since = -1
        self._peak, self._peak_step = _NEVER, -1
        self._last, self._last_step = _NEVER, -REFRACTORY_STEPS

    def seek(self, step: int) -> None:
        """The next logit pushed is that of `step`."""
        self._step = step

    def push(self, logit: float) -> Firing | None:
        """Take the next step's logit; returns a firing when one is decided at this step."""
        step, self._step = self._step, self._step + 1
        self._recent = [*self._recent[1:], logit]
        self.smooth = sum(self._recent) / self._smoothed_steps
        return self.weigh(step, self.smooth)

    def weigh(self, step: int, smooth: float) -> Firing | None:
        """Take the smoothed logit of `step`, the one after the last (sweeps of thresholds enter here)."""
        if self._waiting_since < 0:
            if smooth >= self._bar(step):
                self._waiting_since, self._peak, self._peak_step = step, smooth, step
            return None
        if smooth > self._peak:
            self._peak, self._peak_step = smooth, step
            if step - self._waiting_since < PATIENCE_STEPS:
                return None
        self._waiting_since = -1
        self._last, self._last_step = self._peak, step
        return Firing(self._peak_step, step, 1 / (1 + math.exp(-self._peak)))

    def at(self, threshold: float) -> Trigger:
        """A copy that has lived through the same, with another threshold, a logit: true only if it would have."""
        other = copy.copy(self)
        other._threshold = threshold
        return other

    def state(self, step: int) -> tuple[float, ...]:
        """All that `weigh` goes by at `step`, but for the threshold: nothing when neither waiting nor resting."""
        if self._waiting_since >= 0:
            return self._waiting_since, self._peak, self._peak_step
        return (self._last, self._last_step) if step - self._last_step < REFRACTORY_STEPS else ()

    def _bar(self, step: int) -> float:
        resting = step - self._last_step < REFRACTORY_STEPS
        return max(self._threshold, self._last + 1e-6) if resting else self._threshold


def logit(score: float) -> float:
    """[0, 1] -> what the trigger compares; infinite at both ends."""
    return math.inf if score >= 1 else -math.inf if score <= 0 else math.log(score / (1 - score))
