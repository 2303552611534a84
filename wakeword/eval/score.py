"""One pass over a recording that answers for every pair of thresholds. The daemon's own detector, opening no session.

What stage 1 scores does not depend on thresholds, nor does when somebody speaks; only triggers do. So the detector runs
with thresholds that nothing reaches, its scores go to a `Fan` a word, and stage 2 judges once at every moment at which
some threshold would have asked it. From the result, `decide.py` reads what the daemon does at any point.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.eval.fan import Fan, Ray
from wakeword.events import Voice
from wakeword.model import SMOOTHED_STEPS, Model, Point
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.stage1 import STEP_SAMPLES
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES
from wakeword.replay import units

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Asked:
    """Stage 1 asks, if its threshold is `above` < threshold <= `upto`; steps are inclusive, as a `Firing`'s."""

    word: int  # number of the word in the detector
    peak: int
    decided: int
    unit: int  # in which it was decided; with the voice just opening, `decided` lies up to 1.2 s before it
    stage1: float
    stage2: float
    above: float
    upto: float


@dataclass(frozen=True, slots=True)
class Scored:
    """A recording as the detector heard it."""

    samples: int  # of sound at 16 kHz, before the silence that is put after it
    history_units: int  # that stage 1 looks back on when voice opens
    voiced: bytes  # one bit a unit, the first in the lowest: voice was found in this very unit
    units: int  # heard, those of silence after the end included
    asked: tuple[Asked, ...]  # in the order in which the detector would say them

    def pack(self) -> bytes:
        """Small, and every float the same when unpacked."""
        told = asdict(self) | {
            "voiced": base64.b85encode(self.voiced).decode(),
            "asked": [astuple(one) for one in self.asked],
        }
        return zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 6)

    @classmethod
    def unpack(cls, packed: bytes) -> Scored:
        """The inverse of `pack`. Raises `ValueError`, `KeyError`, `TypeError` or `zlib.error` for anything else."""
        told: dict[str, Any] = json.loads(zlib.decompress(packed))  # Any: JSON
        told["voiced"] = base64.b85decode(told["voiced"])
        told["asked"] = tuple(Asked(*values) for values in told["asked"])
        return cls(**told)


class Scorer:
    """Scores one recording after another with one set of models. Not thread-safe."""

    def __init__(self, words: list[Model], smoothed_steps: Sequence[int] = ()) -> None:
        """`smoothed_steps`: one a word, as in `model.Point`; () for the usual."""
        smoothed = smoothed_steps or [SMOOTHED_STEPS] * len(words)
        points = [Point(1.0, 1.0, steps) for steps in smoothed]  # nothing reaches 1: the fans decide
        self._detector = Detector(words, points)
        self._fans = [Fan() for _ in words]
        self._weighed: list[tuple[int, int, float]] = []
        self._detector.watch(lambda word, step, logit: self._weighed.append((word, step, logit)))

    def score(self, blocks: Iterable[Int16]) -> Scored:
        """A whole recording, 16 kHz mono int16, in blocks of any length."""
        samples, voiced, asked = _Counter(), [], []
        self._detector.reset()
        for number, unit in enumerate(units(samples.count(blocks))):
            self._weighed.clear()
            events = self._detector.process(unit)
            voiced.append(self._detector.quiet == 0)
            if any(isinstance(event, Voice) and event.speaking for event in events):
                for fan in self._fans:
                    fan.reset()
            if self._weighed:
                asked += self._ask(number)
        bits = np.packbits(np.array(voiced, bool), bitorder="little").tobytes()
        return Scored(samples.total, self._detector.history_units, bits, len(voiced), tuple(asked))

    def _ask(self, unit: int) -> list[Asked]:
        """What the steps of one unit make, at any threshold."""
        found = []
        for word, step, smooth in self._weighed:
            if rays := self._fans[word].push(step, smooth):
                verdict = self._judge(word, step)
                found += [_asked(word, unit, ray, verdict) for ray in rays]
        return found

    def _judge(self, word: int, decided: int) -> float:
        end = (decided + 1) * STEP_SAMPLES
        return self._detector.verify(word, self._detector.ring.read(end - SEGMENT_SAMPLES, end))


def _asked(word: int, unit: int, ray: Ray, stage2: float) -> Asked:
    firing = ray.firing
    return Asked(word, firing.peak, firing.decided, unit, firing.score, stage2, ray.above, ray.upto)


class _Counter:
    """Counts samples on their way."""

    def __init__(self) -> None:
        self.total = 0

    def count(self, blocks: Iterable[Int16]) -> Iterable[Int16]:
        for block in blocks:
            self.total += len(block)
            yield block
