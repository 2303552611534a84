"""A live test: the daemon's detector on this microphone, and both scores as they come. Nothing is kept.

Stage 1's curve is what its trigger holds against the threshold, every 40 ms while somebody speaks. Stage 2 is asked by
the daemon only when stage 1 asks; for the picture it is asked every 80 ms of voice as well, which changes nothing.
There are no sessions: the refractory time is all that follows a wake here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ, Verdict
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.stage1 import STEP_SAMPLES
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES
from wakeword.studio.streams import News
from wakeword.studio.takes import Watch

Int16 = npt.NDArray[np.int16]

DIGITS = 4


class Live:
    """One word's detector at one point."""

    def __init__(self, detector: Detector) -> None:
        self._detector, self._watch = detector, Watch()
        self._steps: dict[int, float] = {}
        detector.watch(lambda _word, step, logit: self._steps.update({step: logit}))

    def push(self, unit: Int16) -> list[News]:
        """Curves of this unit, times in seconds, and verdicts."""
        self._watch.push(unit)
        self._steps.clear()
        events = self._detector.process(unit)
        heard = self._detector.heard
        stage1 = [
            [_seconds((step + 1) * STEP_SAMPLES), round(float(1 / (1 + np.exp(-logit))), DIGITS)]
            for step, logit in sorted(self._steps.items())
        ]
        stage2: list[float] = []
        if self._watch.speaking:
            segment = self._detector.ring.read(heard - SEGMENT_SAMPLES, heard)
            stage2 = [_seconds(heard), round(self._detector.verify(0, segment), DIGITS)]
        verdicts = [
            {
                "at": _seconds(event.candidate.decided), "end": _seconds(event.candidate.end),
                "stage1": round(event.candidate.stage1, DIGITS), "stage2": round(event.stage2, DIGITS),
                "accepted": event.accepted,
            }
            for event in events
            if isinstance(event, Verdict)
        ]  # fmt: skip
        return [{"event": "live", "at": _seconds(heard), "stage1": stage1, "stage2": stage2, "verdicts": verdicts}]

    def state(self) -> News:
        """As `Watch.state`."""
        return self._watch.state()

    def finish(self) -> News:
        """Nothing is open."""
        return {}

    def abandon(self) -> None:
        """Nothing is open."""


def _seconds(samples: int) -> float:
    return round(samples / RATE_HZ, 2)
