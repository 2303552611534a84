"""A recording through the pipeline as the daemon would hear it: the same detector, the same sessions, no clock.

A wake opens a session; detection rests until the session would end by silence or at its cap, and then for the
refractory time. What a service might do (`stop`) and what a household might do (mute) is not played.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.events import Event, Verdict
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.session import Session, refractory_samples
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.settings import SessionSettings

Int16 = npt.NDArray[np.int16]

TAIL_UNITS = 3  # 240 ms: what the trigger may wait for a peak, and the convolutions' own delay


@dataclass(frozen=True, slots=True)
class Ended:
    """A session would have ended at sample `at`."""

    opened: int
    at: int
    why: str  # silence, cap, or end (of the recording)


def replay(blocks: Iterable[Int16], detector: Detector, settings: SessionSettings | None) -> Iterator[Event | Ended]:
    """Events of a whole stream in order. Without `settings` there are no sessions: every candidate is judged."""
    session: Session | None = None
    opened = refractory = 0
    for unit in units(blocks):
        for event in detector.process(unit):
            yield event
            if isinstance(event, Verdict) and event.accepted and settings and session is None:
                opened = event.candidate.decided
                session = Session(settings, opened)
                refractory = refractory_samples(settings, detector.point_of(event.candidate.word))
                detector.rest()
        if session and settings and (why := session.push(detector.heard, detector.quiet)):
            session = None
            detector.wake_up(refractory)
            yield Ended(opened, detector.heard, why)
    if session:
        yield Ended(opened, detector.heard, "end")


def units(blocks: Iterable[Int16]) -> Iterator[Int16]:
    """The stream in units, so that a session begins and ends where the daemon's would, however long the blocks are.

    The last unit is filled up with silence, and a little more follows: a word at the very end of a recording is still
    decided. Exactly so does `Listener.end_sound`.
    """
    pending = np.zeros(0, np.int16)
    for block in blocks:
        pending = np.concatenate([pending, block])
        whole = len(pending) // UNIT_SAMPLES * UNIT_SAMPLES
        for start in range(0, whole, UNIT_SAMPLES):
            yield pending[start : start + UNIT_SAMPLES]
        pending = pending[whole:]
    if len(pending):
        yield np.concatenate([pending, np.zeros(UNIT_SAMPLES - len(pending), np.int16)])
    for _ in range(TAIL_UNITS):
        yield np.zeros(UNIT_SAMPLES, np.int16)
