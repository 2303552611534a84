"""What the daemon does at given thresholds, read from one pass (`score.py`), and whether that is certain.

Candidates and their scores are exact at any thresholds. A wake opens a session, in which detection rests; when it ends
depends on who speaks, not on thresholds, so that is exact too. One thing is not: after a session stage 1 begins anew,
with nothing before it, as when voice opens; where it does so in the midst of speech, its scores differ a little from
those of the pass, until voice falls silent. `certain` is false if a candidate could have been decided there; such a
recording is replayed at the thresholds asked for (`replayed`), and then it is exact as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.eval.score import Asked, Scored
from wakeword.events import Verdict
from wakeword.model import Point
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.session import Session, refractory_samples
from wakeword.pipeline.stage1 import STEP_SAMPLES
from wakeword.pipeline.voice import HANG_OVER_UNITS, UNIT_SAMPLES
from wakeword.replay import replay
from wakeword.settings import SessionSettings

Int16 = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Decision:
    """A candidate of the daemon and what became of it. Positions are samples, `decided` exclusive."""

    word: int
    end: int
    decided: int
    stage1: float
    stage2: float
    accepted: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """A recording at one point."""

    decisions: tuple[Decision, ...]
    certain: bool


class Course:
    """When somebody speaks in a recording, and so when a session that was opened would end."""

    def __init__(self, scored: Scored, settings: SessionSettings) -> None:
        self._settings, self._history = settings, scored.history_units
        bits = np.unpackbits(np.frombuffer(scored.voiced, np.uint8), count=scored.units, bitorder="little")
        voiced = np.concatenate([[-HANG_OVER_UNITS - 1], np.flatnonzero(bits)])
        last = voiced[np.searchsorted(voiced, np.arange(scored.units), side="right") - 1]
        quiet = np.arange(scored.units) - last  # units since the last with voice in it
        self._quiet: list[int] = np.minimum(quiet * UNIT_SAMPLES, (1 + np.arange(scored.units)) * UNIT_SAMPLES).tolist()
        self._speaking = quiet <= HANG_OVER_UNITS
        self._units = scored.units

    def session_ends(self, one: Asked) -> int | None:
        """The sample at which a session opened by this candidate ends; None if the recording does before."""
        session = Session(self._settings, _decided(one))
        for unit in range(one.unit, self._units):
            heard = (unit + 1) * UNIT_SAMPLES
            if session.push(heard, self._quiet[unit]):
                return heard
        return None

    def rest_until(self, one: Asked, point: Point) -> int:
        """The sample up to which nothing is decided if this candidate wakes: its word's refractory time included."""
        ends = self.session_ends(one)
        return self._units * UNIT_SAMPLES if ends is None else ends + refractory_samples(self._settings, point)

    def uncertain_until(self, ends: int) -> int:
        """The sample up to which scores may differ from the pass: a session ended at sample `ends`. If none, `ends`."""
        began = ends // UNIT_SAMPLES
        coming = np.flatnonzero(self._speaking[began:])
        if not len(coming):
            return ends
        opens = began + int(coming[0])
        afresh = opens > began or not self._speaking[began - 1]  # in the pass voice opened here too
        if afresh and opens - self._history >= began:
            return ends
        silent = np.flatnonzero(~self._speaking[opens:])
        return (opens + int(silent[0]) if len(silent) else self._units) * UNIT_SAMPLES


def decide(scored: Scored, points: Sequence[Point], settings: SessionSettings) -> Decided:
    """The daemon's candidates at these points, one a word, in order."""
    course = Course(scored, settings)
    found: list[Decision] = []
    resting, certain = 0, True
    for one in scored.asked:
        point = points[one.word]
        if not one.above < point.stage1 <= one.upto or _decided(one) <= resting:
            continue
        accepted = one.stage2 >= point.stage2
        found.append(
            Decision(
                one.word, (one.peak + 1) * STEP_SAMPLES, _decided(one), one.stage1, one.stage2, accepted
            )
        )  # fmt: skip
        if accepted:
            ends = course.session_ends(one)
            if ends is None:  # the recording ends in this session
                break
            resting = course.rest_until(one, point)
            certain &= course.uncertain_until(ends) <= resting
    return Decided(tuple(found), certain)


def replayed(blocks: Iterable[Int16], detector: Detector, settings: SessionSettings) -> Decided:
    """The same by the daemon's detector and sessions themselves."""
    words = [model.word for model in detector.models]
    detector.reset()
    verdicts = [event for event in replay(blocks, detector, settings) if isinstance(event, Verdict)]
    found = [
        Decision(words.index(v.candidate.word), v.candidate.end, v.candidate.decided, v.candidate.stage1, v.stage2,
                 v.accepted)
        for v in verdicts
    ]  # fmt: skip
    return Decided(tuple(found), certain=True)


def _decided(one: Asked) -> int:
    return (one.decided + 1) * STEP_SAMPLES
