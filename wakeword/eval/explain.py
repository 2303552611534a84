"""Why a recording woke the daemon, or did not: the moment that decided, and all that was seen of it.

`explain` plays a recording once for all words (`hear.py`), then looks at one moment a word: where it woke, else where
it came nearest. The reason in words: `reasons.py`; its picture: `explain_page.py` for a browser, `picture.py` as PNG.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.eval.clip import Clip
from wakeword.eval.hear import Heard, Span, excerpt, hear
from wakeword.eval.occlusion import Occlusion, occlude
from wakeword.events import RATE_HZ, Verdict
from wakeword.model import Point
from wakeword.pipeline.pipeline import USUAL_WORD_SAMPLES, Detector
from wakeword.pipeline.stage1 import STEP_SAMPLES
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.replay import TAIL_UNITS
from wakeword.settings import SessionSettings

Int16 = npt.NDArray[np.int16]

BEFORE_SAMPLES, AFTER_SAMPLES = 5 * RATE_HZ, 3 * RATE_HZ  # what is shown around the moment; chosen: fits a screen
NEAR_SAMPLES = RATE_HZ  # "at" means a second to either side


@dataclass(frozen=True)
class Explanation:
    """One word in one recording. Positions are sample numbers since its beginning."""

    file: str
    word: str
    point: Point  # the thresholds in force
    points: dict[str, Point]  # all that the model has
    verdict: Verdict | None  # None: stage 1 did not ask, and what stage 2 says is what it would have said
    decided: int  # the moment; stage 2 judges, or would, the 2 s up to here
    stage1: float | None  # None: stage 1 did not listen
    stage2: float
    clip: Clip
    verdicts: tuple[Verdict, ...]  # all of this word in the recording
    voice: tuple[Span, ...]
    rests: tuple[Span, ...]
    loudest_dbfs: float  # of any 80 ms of the recording
    seconds: float  # the recording's length
    occlusion: Occlusion

    @property
    def woke(self) -> bool:
        """Both stages agreed here."""
        return self.verdict is not None and self.verdict.accepted

    @property
    def said(self) -> Span:
        """Where stage 1 takes the word to be, or would."""
        if self.verdict:
            return Span(self.verdict.candidate.start, self.verdict.candidate.end)
        return Span(max(0, self.decided - USUAL_WORD_SAMPLES), self.decided)


def explain(
    file: str,
    blocks: Callable[[], Iterable[Int16]],
    detector: Detector,
    at_s: float | None = None,
    session: SessionSettings = SessionSettings(),  # noqa: B008 - frozen
) -> list[Explanation]:
    """One explanation for each word of the detector, in its order. `blocks` begins the recording anew each time.

    `at_s` asks about the moment nearest to it, in seconds; without it each word's most telling one is taken.
    """
    heard = hear(blocks(), detector, session)
    return [_explained(file, blocks, detector, heard, number, at_s) for number in range(len(detector.models))]


def _explained(
    file: str, blocks: Callable[[], Iterable[Int16]], detector: Detector, heard: Heard, number: int, at_s: float | None
) -> Explanation:
    model = detector.models[number]
    verdict, decided = _moment(heard, number, model.word, at_s)
    start = max(0, decided - BEFORE_SAMPLES) // UNIT_SAMPLES * UNIT_SAMPLES
    end = max(decided, min(decided + AFTER_SAMPLES, heard.samples)) // STEP_SAMPLES * STEP_SAMPLES
    samples = excerpt(blocks(), start - SEGMENT_SAMPLES, end)  # so much more, for stage 2's first score

    def judge(upto: int) -> float:
        at = upto - start
        return detector.verify(number, samples[at : at + SEGMENT_SAMPLES])

    asked = sorted({*range(start + UNIT_SAMPLES, end + 1, UNIT_SAMPLES), decided})
    steps = np.arange(start // STEP_SAMPLES, end // STEP_SAMPLES)
    clip = Clip(
        start / RATE_HZ, samples[SEGMENT_SAMPLES:], (steps + 1) * STEP_SAMPLES / RATE_HZ, heard.scores(number, steps),
        np.array(asked) / RATE_HZ, np.array([judge(upto) for upto in asked]),
    )  # fmt: skip
    occlusion = occlude(
        samples[decided - start : decided - start + SEGMENT_SAMPLES], lambda patched: detector.verify(number, patched)
    )
    verdicts = tuple(each for each in heard.verdicts if each.candidate.word == model.word)
    stage1 = verdict.candidate.stage1 if verdict else float(heard.scores(number, [decided // STEP_SAMPLES - 1])[0])
    return Explanation(
        file, model.word, detector.points[number], model.points, verdict, decided,
        None if math.isnan(stage1) else stage1, occlusion.base, clip, verdicts, tuple(heard.voice), tuple(heard.rests),
        heard.loudest_dbfs, heard.samples / RATE_HZ, occlusion,
    )  # fmt: skip


def _moment(heard: Heard, number: int, word: str, at_s: float | None) -> tuple[Verdict | None, int]:
    """The verdict to explain, if any, and the sample at which it was decided or would have been."""
    own = [verdict for verdict in heard.verdicts if verdict.candidate.word == word]
    last = (heard.samples // UNIT_SAMPLES + TAIL_UNITS) * UNIT_SAMPLES
    if at_s is not None:
        at = min(max(round(at_s * RATE_HZ), STEP_SAMPLES), last)
        own = [verdict for verdict in own if abs(verdict.candidate.end - at) <= NEAR_SAMPLES]
        if own:
            nearest = min(own, key=lambda verdict: abs(verdict.candidate.end - at))
            return nearest, nearest.candidate.decided
        step = heard.highest(number, at - NEAR_SAMPLES, at + NEAR_SAMPLES)
        return None, at // STEP_SAMPLES * STEP_SAMPLES if step is None else (step + 1) * STEP_SAMPLES
    if own:
        best = max(own, key=lambda verdict: (verdict.accepted, verdict.stage2))
        return best, best.candidate.decided
    step = heard.highest(number, 0, last)
    return None, max(STEP_SAMPLES, last if step is None else (step + 1) * STEP_SAMPLES)
