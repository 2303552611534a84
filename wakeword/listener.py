"""What listen does with sound: blocks in; frames to the gate and status lines out. It has no device and never waits.

One wake, as it leaves here: WAKE with the very samples that stage 2 judged; AUDIO from the sample after them, without
hole or overlap, to the sample at which the session ends; END. Exactly one END follows each WAKE, also when the gate has
denied it or closed it by itself. Meanwhile detection rests, and for the refractory time after; the ring goes on.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ, Candidate, Event, Verdict
from wakeword.messages import MAX_PCM_BYTES, MAX_TICK_FRAMES, Answer, Audio, End, Hello, State, Tick, Wake
from wakeword.pipeline.pipeline import RING_SAMPLES, Detector
from wakeword.pipeline.session import Session
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.replay import TAIL_UNITS
from wakeword.settings import SessionSettings
from wakeword.statusline import StatusLines
from wakeword.togate import ToGate

Int16 = npt.NDArray[np.int16]

FRAME_SAMPLES = 160  # a tick counts 10 ms
TICK_S = 1.0
MOST_SAMPLES = MAX_PCM_BYTES // 2
WAKE_PATIENCE_S = 0.2  # a WAKE is worth waiting for room in the pipe; the sound device holds as much


@dataclass(slots=True)
class _Live:
    """The session under way."""

    wake_id: int
    last_sample: int  # where the cap ends it at the latest
    next_sample: int  # the first that was not sent yet
    rules: Session


class Listener:
    """Joins a detector to the gate. `models` are the two hashes that every WAKE carries."""

    def __init__(
        self,
        detector: Detector,
        gate: ToGate,
        status: StatusLines,
        session: SessionSettings,
        models: tuple[bytes, bytes],
    ) -> None:
        self._detector, self._gate, self._status = detector, gate, status
        self._settings, self._models = session, models
        self._live: _Live | None = None
        self._speaking = False
        self._last_wake_id = 0
        self._samples = 0  # taken in, of which the detector has heard the whole units
        self._sound_ends = sys.maxsize
        self._ticks = _Ticks(time.monotonic())
        gate.send(Hello(*models))

    @property
    def in_session(self) -> bool:
        """True from a WAKE to its END."""
        return self._live is not None

    def hear(self, block: Int16, arrived_s: float) -> None:
        """(n,) int16 whose last sample arrived at `arrived_s` of the monotonic clock."""
        self._samples += len(block)
        for event in self._detector.process(block):
            self._take(event, arrived_s)
        self._stream()
        self._ticks.heard(len(block))
        self.tick()

    def tick(self, *, last: bool = False) -> None:
        """Tell the gate what was heard since the last time, once a second; to be called also when nothing is heard.

        `last`: now, so that nothing goes uncounted.
        """
        ticks = self._ticks.due(time.monotonic(), now=last)
        for tick in ticks:
            self._gate.send(tick)
        if ticks:
            self._report_level()

    def forget(self) -> None:
        """Overwrite the ring with silence: nothing from before a mute may be in a window after it."""
        self.end_session()
        silence = np.zeros(RING_SAMPLES - self._samples % UNIT_SAMPLES, np.int16)
        self._samples += len(silence)
        self._detector.process(silence)  # whatever it says of the last sounds is not wanted
        self._speaking = False

    def answer(self, answer: State) -> None:
        """The gate denied or closed something. What it says about a session that is over already is no news."""
        if self._live and answer.wake_id == self._live.wake_id and answer.answer is not Answer.GRANTED:
            self._end()

    def end_sound(self) -> None:
        """The recording ends: decide what its last samples leave open, as `replay` does; no silence is sent after them.

        The last unit is filled up with silence, and a little more follows.
        """
        self._sound_ends = self._samples
        missing = -self._samples % UNIT_SAMPLES + TAIL_UNITS * UNIT_SAMPLES
        for event in self._detector.process(np.zeros(missing, np.int16)):
            self._take(event, time.monotonic())
        self._stream()
        self.end_session()

    def end_session(self) -> None:
        """Now, if there is one: mute, the end of a recording, shutdown."""
        if self._live:
            self._end()

    def _take(self, event: Event, arrived_s: float) -> None:
        if isinstance(event, Candidate):
            self._ticks.candidates += 1
            self._report("candidate", event)
        elif isinstance(event, Verdict):
            self._ticks.rejected += not event.accepted
            self._report("wake" if event.accepted else "reject", event.candidate, event)
            if event.accepted and not self._live:
                self._wake(event, arrived_s)
        else:
            self._speaking = event.speaking

    def _wake(self, verdict: Verdict, arrived_s: float) -> None:
        """Both stages agree: rest, and ask the gate."""
        candidate, decided = verdict.candidate, verdict.candidate.decided
        window = self._detector.ring.read(verdict.segment_start, decided)
        self._last_wake_id = max(self._last_wake_id + 1, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)
        self._detector.rest()
        cap = decided + self._settings.cap_ms * RATE_HZ // 1000
        self._live = _Live(self._last_wake_id, cap, decided, Session(self._settings, decided))
        self._gate.send(
            Wake(
                wake_id=self._last_wake_id,
                next_sample=decided,
                stage1_ppm=_ppm(candidate.stage1),
                stage2_ppm=_ppm(verdict.stage2),
                lag_ms=round(1000 * (time.monotonic() - arrived_s)),
                m1=self._models[0],
                m2=self._models[1],
                window=window.astype("<i2").tobytes(),
            )
        )
        self._gate.flush(WAKE_PATIENCE_S)

    def _stream(self) -> None:
        """Send what was heard since, up to the session's end if that has come."""
        if not self._live:
            return
        over = self._live.rules.push(self._detector.heard, self._detector.quiet)
        upto = min(self._detector.heard, self._live.last_sample, self._sound_ends)  # to the sample, not the unit
        while self._live and self._live.next_sample < upto:
            start = self._live.next_sample
            self._live.next_sample = min(start + MOST_SAMPLES, upto)
            pcm = self._detector.ring.read(start, self._live.next_sample).astype("<i2").tobytes()
            if not self._gate.send(Audio(start, pcm)):
                self._status.write("fault", what="the gate reads too slowly: the session was cut short")
                self._gate.drop_audio()
                self._end()
        if over and self._live:
            self._end()

    def _end(self) -> None:
        """The one END of the session; detection rests for the refractory time."""
        assert self._live
        self._gate.send(End(self._live.wake_id))
        self._live = None
        self._detector.wake_up(self._settings.refractory_ms * RATE_HZ // 1000)

    def _report_level(self) -> None:
        dbfs, stage1, stage2 = self._detector.levels()
        scores = {word: {"stage1": _short(score), "stage2": _short(stage2.get(word))} for word, score in stage1.items()}
        at_s = round(self._detector.heard / RATE_HZ, 2)
        self._status.write("level", at_s=at_s, dbfs=round(dbfs, 1), speaking=self._speaking, scores=scores)

    def _report(self, event: str, candidate: Candidate, verdict: Verdict | None = None) -> None:
        self._status.write(
            event,
            word=candidate.word,
            start_s=round(candidate.start / RATE_HZ, 3),
            end_s=round(candidate.end / RATE_HZ, 3),
            stage1=_short(candidate.stage1),
            stage2=None if verdict is None else _short(verdict.stage2),
            accepted=None if verdict is None else verdict.accepted,
        )


class _Ticks:
    """Counts what was heard and when to say so: once a second of the clock, and before a tick holds too much."""

    def __init__(self, now_s: float) -> None:
        self.candidates = 0
        self.rejected = 0
        self._samples = 0
        self._last_s = now_s

    def heard(self, samples: int) -> None:
        self._samples += samples

    def due(self, now_s: float, *, now: bool) -> list[Tick]:
        """Usually none or one; several after a backlog or when a recording is read faster than real time."""
        ticks: list[Tick] = []
        while (
            self._samples // FRAME_SAMPLES >= MAX_TICK_FRAMES or now_s - self._last_s >= TICK_S or (now and not ticks)
        ):
            frames = min(self._samples // FRAME_SAMPLES, MAX_TICK_FRAMES)
            ticks.append(Tick(frames, self.candidates, self.rejected))
            self._samples -= frames * FRAME_SAMPLES
            self.candidates = self.rejected = 0
            self._last_s = now_s
        return ticks


def _short(score: float | None) -> float | None:
    return None if score is None else round(float(score), 4)


def _ppm(score: float) -> int:
    """[0, 1] -> whole millionths, downwards, as the gate's thresholds are (`plan.ppm`)."""
    return int(float(score) * 1_000_000)
