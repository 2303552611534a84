"""listen's end of the pipe to the keeper: each candidate with the sound that it was found in, while consent stands.

Never holds listen up: a clip that finds no room in the pipe is not kept. Says to the gate, for the evidence, that
keeping begins, once a day that it goes on, and how it ended; how many were kept, never when.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

from wakeword.events import Verdict
from wakeword.keep import clip
from wakeword.keep.consent import WRONG_CLOCK, Watch
from wakeword.notices import Collect, Collecting
from wakeword.pipeline.pipeline import RING_SAMPLES, Detector
from wakeword.settings import CollectSettings
from wakeword.statusline import StatusLines

DAY_S = 86_400.0
LOOK_S = 1.0
LAST_S = 1.0  # for what the pipe has not taken yet at the end

assert clip.SAMPLES == RING_SAMPLES


class ToKeeper:
    """Does nothing where there is no consent."""

    def __init__(self, settings: CollectSettings, tell: Callable[[Collect], object], status: StatusLines) -> None:
        """`tell` sends a notice to the gate."""
        self._tell, self._status = tell, status
        self._until_s = settings.consent.until_s
        self._watch = Watch(settings.consent)
        self._pipe = settings.to_keeper
        self._rest = memoryview(b"")  # of a clip that the pipe took in part
        self._kept = 0
        if settings.over:
            self._say(Collecting[settings.over.upper()])
        if self._pipe is not None:
            os.set_blocking(self._pipe, False)
            self._say(Collecting.ON)
        self._looked_s = self._said_s = time.monotonic()

    def offer(self, verdict: Verdict, detector: Detector) -> None:
        """Keep this candidate, if it may be kept."""
        if self._pipe is None or self._stands() or not self._write() or self._pipe is None:  # `_write` may end it
            return
        try:
            self._rest = memoryview(clip.pack(_head(verdict, detector), _ring(detector)))
        except clip.ClipError:  # a model's word may be of any length
            return
        self._kept += 1
        self._write()

    def tick(self, *, last: bool = False) -> None:
        """To be called often; `last`: the process ends, what was kept since it was last told is told."""
        if self._pipe is None:
            return
        if not self._write() and last:
            select.select([], [self._pipe], [], LAST_S)
            self._write()
        if last and self._kept:
            self._say(Collecting.DAY)
        now_s = time.monotonic()
        if self._pipe is not None and now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            self._stands()
        if self._pipe is not None and now_s - self._said_s >= DAY_S:
            self._said_s = now_s
            self._say(Collecting.DAY)

    def _stands(self) -> str:
        """ "" while consent stands; else why not, and unless it is a wrong clock, that is the end of it."""
        over = self._watch.over()
        if over and over != WRONG_CLOCK:
            self._stop()
            self._say(Collecting[over.upper()])
        return over

    def _write(self) -> bool:
        """True when nothing is left over."""
        while self._pipe is not None and self._rest:
            try:
                self._rest = self._rest[os.write(self._pipe, self._rest) :]
            except BlockingIOError:
                return False
            except BrokenPipeError:
                self._status.write("warning", what="the keeper has ended: no candidate is kept any more")
                self._stop()
        return True

    def _stop(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe, self._rest = None, memoryview(b"")

    def _say(self, why: Collecting) -> None:
        self._tell(Collect(why, self._kept, self._until_s))
        self._status.write("collect", why=why.name.lower(), kept=self._kept, until_s=self._until_s)
        self._kept = 0


def _head(verdict: Verdict, detector: Detector) -> clip.Head:
    candidate = verdict.candidate
    number = [model.word for model in detector.models].index(candidate.word)
    model, point = detector.models[number], detector.points[number]
    return clip.Head(
        word=candidate.word,
        stage1=round(float(candidate.stage1), 6),
        stage2=round(float(verdict.stage2), 6),
        accepted=bool(verdict.accepted),
        threshold1=float(point.stage1),
        threshold2=float(point.stage2),
        end=min(clip.SAMPLES, max(0, candidate.end - (detector.heard - clip.SAMPLES))),
        taken_s=int(time.time()),
        models=f"{model.stage1_sha256[:16]} {model.stage2_sha256[:16]}",
    )


def _ring(detector: Detector) -> bytes:
    """All that the ring holds."""
    return detector.ring.read(detector.heard - clip.SAMPLES, detector.heard).astype("<i2").tobytes()
