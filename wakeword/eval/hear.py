"""One pass over a recording with everything kept that a picture of it needs. The daemon's own detector and sessions.

Nothing is decided here: `replay` does that; this notes what was held against the thresholds, when somebody spoke, and
when detection rested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from wakeword.events import Verdict, Voice
from wakeword.pipeline.pipeline import REFRACTORY_SAMPLES, Detector
from wakeword.pipeline.session import refractory_samples
from wakeword.pipeline.stage1 import STEP_SAMPLES
from wakeword.replay import Ended, replay
from wakeword.settings import SessionSettings

Int16 = npt.NDArray[np.int16]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Span:
    """Samples `start` to `end` in which something held."""

    start: int
    end: int


@dataclass
class Heard:
    """What one pass leaves. Positions are sample numbers since the recording's beginning."""

    samples: int = 0
    verdicts: list[Verdict] = field(default_factory=list)
    voice: list[Span] = field(default_factory=list)  # somebody speaks, the hang-over included
    rests: list[Span] = field(default_factory=list)  # nothing is decided: a session, and the refractory time after it
    loudest_dbfs: float = -120.0  # of any 80 ms
    logits: list[dict[int, float]] = field(default_factory=list)  # a word: step -> what met the threshold

    def scores(self, word: int, steps: Iterable[int]) -> Float64:
        """Stage 1's score of each step, as it was held against the threshold; NaN where stage 1 did not listen."""
        logits = np.array([self.logits[word].get(int(step), np.nan) for step in steps], np.float64)
        return np.asarray(1 / (1 + np.exp(-logits)))

    def highest(self, word: int, start: int, end: int) -> int | None:
        """The step with the highest score among those decided in samples `start` to `end`; None: none was heard."""
        own = {step: logit for step, logit in self.logits[word].items() if start <= (step + 1) * STEP_SAMPLES <= end}
        return max(own, key=lambda step: own[step]) if own else None


def hear(blocks: Iterable[Int16], detector: Detector, settings: SessionSettings) -> Heard:
    """Play a recording to the detector, from its beginning."""
    heard = Heard(logits=[{} for _ in detector.models])
    detector.watch(lambda word, step, logit: heard.logits[word].update({step: logit}))
    detector.reset()
    refractory, spoke = 0, -1
    for event in replay(_counted(blocks, heard), detector, settings):
        if isinstance(event, Verdict):
            heard.verdicts.append(event)
            if event.accepted:
                decided = event.candidate.decided
                heard.rests.append(Span(decided, decided + REFRACTORY_SAMPLES))
                refractory = refractory_samples(settings, detector.point_of(event.candidate.word))
        elif isinstance(event, Ended):
            heard.rests[-1] = Span(event.opened, event.at + refractory)
        elif isinstance(event, Voice) and event.speaking:
            spoke = event.at
        elif isinstance(event, Voice):
            heard.voice.append(Span(spoke, event.at))
            spoke = -1
    if spoke >= 0:
        heard.voice.append(Span(spoke, detector.heard))
    return heard


def excerpt(blocks: Iterable[Int16], start: int, end: int) -> Int16:
    """Samples `start` to `end` of a stream; silence where it has none. Reads no further than it must."""
    return excerpts(blocks, [(start, end)])[0]


def excerpts(blocks: Iterable[Int16], spans: Sequence[tuple[int, int]]) -> list[Int16]:
    """The same for several stretches, which may overlap, in one reading."""
    found = [np.zeros(end - start, np.int16) for start, end in spans]
    at, last = 0, max(end for _, end in spans)
    for block in blocks:
        upto = at + len(block)
        for kept, (start, end) in zip(found, spans, strict=True):
            if start < upto and at < end:
                first = max(at, start)
                part = block[first - at : end - at]
                kept[first - start : first - start + len(part)] = part
        at = upto
        if at >= last:
            break
    return found


def _counted(blocks: Iterable[Int16], heard: Heard) -> Iterable[Int16]:
    for block in blocks:
        heard.samples += len(block)
        heard.loudest_dbfs = max(heard.loudest_dbfs, _loudest(block))
        yield block


def _loudest(block: Int16) -> float:
    """dBFS of the loudest 80 ms that begin at a multiple of 80 ms in this block."""
    units = [block[at : at + 1280].astype(np.float64) for at in range(0, len(block), 1280)]
    energy = max((float(unit @ unit) / len(unit) for unit in units if len(unit)), default=0.0)
    return 10 * float(np.log10(energy / 32768**2 + 1e-12))
