"""What listen does with sound: blocks in; frames to the gate and status lines out. It has no device and never waits.

One wake, as it leaves here: WAKE with the very samples that stage 2 judged; AUDIO from the sample after them, without
hole or overlap, to the sample at which the session ends; END. Exactly one END follows each WAKE, also when the gate has
denied it or closed it by itself. Meanwhile detection rests, and for the refractory time after; the ring goes on.

It rests too while it is held (`hold.py`): the speaker itself speaks, and its own voice must not wake it.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.daily.day import Days
from wakeword.events import RATE_HZ, Candidate, Event, Verdict
from wakeword.keep.tokeeper import ToKeeper
from wakeword.messages import MAX_PCM_BYTES, MAX_TICK_FRAMES, Answer, Audio, End, Hello, Reason, State, Tick, Wake
from wakeword.pipeline.pipeline import RING_SAMPLES, Detector
from wakeword.pipeline.session import Session, refractory_samples
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.replay import TAIL_UNITS
from wakeword.settings import SessionSettings
from wakeword.statusline import StatusLines
from wakeword.togate import ToGate

Int16 = npt.NDArray[np.int16]

FRAME_SAMPLES = 160  # a tick counts 10 ms
TICK_S = 1.0
QUIET_LEVEL_S = 5.0  # chosen: while nobody speaks a level is told so seldom, since each line wakes its reader up
MOST_SAMPLES = MAX_PCM_BYTES // 2
WAKE_PATIENCE_S = 0.2  # a WAKE is worth waiting for room in the pipe; the sound device holds as much


@dataclass(slots=True)
class _Live:
    """The session under way."""

    wake_id: int
    last_sample: int  # where the cap ends it at the latest
    next_sample: int  # the first that was not sent yet
    rules: Session
    refractory: int  # samples, after it


class Listener:
    """Joins a detector to the gate. `models` are the two hashes that every WAKE carries."""

    def __init__(
        self,
        detector: Detector,
        gate: ToGate,
        status: StatusLines,
        session: SessionSettings,
        models: tuple[bytes, bytes],
        lag_ms: int = 400,
        days: Days | None = None,
    ) -> None:
        self._detector, self._gate, self._status = detector, gate, status
        self._settings, self._models, self._lag_ms = session, models, lag_ms
        self._live: _Live | None = None
        self.keeper: ToKeeper | None = None  # by consent alone
        self._days = days  # None: nobody is reported anything
        self.speaking = False  # somebody is, or was until a moment ago
        self._held_until: int | None = None  # the sample at which a hold ends
        self._level_s = -QUIET_LEVEL_S
        self._last_wake_id = 0
        self._samples = 0  # taken in, of which the detector has heard the whole units
        self._sound_ends = sys.maxsize
        self._ticks = _Ticks(time.monotonic())
        gate.send(Hello(*models))

    @property
    def in_session(self) -> bool:
        """True from a WAKE to its END."""
        return self._live is not None

    def hear(self, block: Int16, arrived_s: float, pace: float = 1.0) -> None:
        """(n,) int16 whose last sample arrived at `arrived_s` of the monotonic clock, at `pace` times real time.

        Taken unit by unit: a session begins and ends where it would if no block were longer than that.
        """
        at = 0
        while at < len(block):
            upto = min(len(block), at + UNIT_SAMPLES - self._samples % UNIT_SAMPLES)
            later_s = (len(block) - upto) / (RATE_HZ * pace)
            self._hear_piece(block[at:upto], arrived_s - later_s)
            at = upto
        self.tick()

    def _hear_piece(self, piece: Int16, arrived_s: float) -> None:
        """At most to the end of a unit."""
        self._samples += len(piece)
        for event in self._detector.process(piece):
            self._take(event, arrived_s)
        self._stream()
        self._ticks.heard(len(piece), held=self._held_until is not None)
        if self._held_until is not None and self._samples >= self._held_until:
            self._release()

    def hold(self, length_ms: int) -> None:
        """Ask for no wake word for so long from now on, in what is heard; 0 ends it. A session goes on to its end."""
        if length_ms == 0:
            self._release()
            return
        if self._held_until is None:
            self._ticks.holds += 1
            self._detector.rest()
            self._status.write("hold", on=True)
        self._held_until = self._samples + length_ms * RATE_HZ // 1000

    def _release(self) -> None:
        if self._held_until is None:
            return
        self._held_until = None
        self._status.write("hold", on=False)
        if not self._live:
            self._detector.wake_up()

    def tick(self, *, last: bool = False) -> None:
        """Tell the gate what was heard since the last time, once a second; to be called also when nothing is heard.

        `last`: now, so that nothing goes uncounted.
        """
        ticks = self._ticks.due(time.monotonic(), now=last)
        for tick in ticks:
            self._gate.send(tick)
        if ticks and self._days and not self._live and (report := self._days.due(time.time())):
            self._gate.send(report)
        if self.keeper:
            self.keeper.tick(last=last)
        if ticks and (self.speaking or time.monotonic() - self._level_s >= QUIET_LEVEL_S):
            self._level_s = time.monotonic()
            self._report_level()

    def forget(self) -> None:
        """Overwrite the ring with silence: nothing from before a mute may be in a window after it."""
        self.end_session()
        silence = np.zeros(RING_SAMPLES - self._samples % UNIT_SAMPLES, np.int16)
        self._samples += len(silence)
        self._detector.process(silence)  # whatever it says of the last sounds is not wanted
        self.speaking = False

    def answer(self, answer: State) -> None:
        """The gate denied or closed something. What it says about a session that is over already is no news."""
        if self._live and answer.wake_id == self._live.wake_id and answer.answer is not Answer.GRANTED:
            if self._days and answer.reason is Reason.STOP:
                self._days.ended(_boot_ms() - answer.wake_id)
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
            self._add("cand")
            self._report("candidate", event)
        elif isinstance(event, Verdict):
            self._ticks.rejected += not event.accepted
            self._add("wakes" if event.accepted else "rej")
            lag_ms = max(0, round(1000 * (time.monotonic() - arrived_s)))
            self._report("wake" if event.accepted else "reject", event.candidate, event, lag_ms)
            if event.accepted and not self._live:
                self._wake(event, lag_ms)
            if self.keeper:
                self.keeper.offer(event, self._detector)
        else:
            self.speaking = event.speaking

    def _add(self, name: str) -> None:
        if self._days:
            self._days.count(name)

    def _wake(self, verdict: Verdict, lag_ms: int) -> None:
        """Both stages agree: rest, and ask the gate. Not when it would find that too late, as after a standstill."""
        candidate, decided = verdict.candidate, verdict.candidate.decided
        if lag_ms > self._lag_ms:
            self._status.write("late", word=candidate.word, lag_ms=lag_ms)
            return
        window = self._detector.ring.read(verdict.segment_start, decided)
        self._last_wake_id = max(self._last_wake_id + 1, _boot_ms())
        self._detector.rest()
        cap = decided + self._settings.cap_ms * RATE_HZ // 1000
        refractory = refractory_samples(self._settings, self._detector.point_of(candidate.word))
        self._live = _Live(self._last_wake_id, cap, decided, Session(self._settings, decided), refractory)
        self._gate.send(
            Wake(
                wake_id=self._last_wake_id,
                next_sample=decided,
                stage1_ppm=_ppm(candidate.stage1),
                stage2_ppm=_ppm(verdict.stage2),
                lag_ms=lag_ms,
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
        refractory, self._live = self._live.refractory, None
        if self._held_until is None:
            self._detector.wake_up(refractory)

    def _report_level(self) -> None:
        dbfs, stage1, stage2 = self._detector.levels()
        scores = {word: {"stage1": _short(score), "stage2": _short(stage2.get(word))} for word, score in stage1.items()}
        at_s = round(self._detector.heard / RATE_HZ, 2)
        self._status.write("level", at_s=at_s, dbfs=round(dbfs, 1), speaking=self.speaking, scores=scores)

    def _report(self, event: str, candidate: Candidate, verdict: Verdict | None = None, lag_ms: int = 0) -> None:
        self._status.write(
            event,
            word=candidate.word,
            start_s=round(candidate.start / RATE_HZ, 3),
            end_s=round(candidate.end / RATE_HZ, 3),
            stage1=_short(candidate.stage1),
            stage2=None if verdict is None else _short(verdict.stage2),
            accepted=None if verdict is None else verdict.accepted,
            lag_ms=None if verdict is None else lag_ms,
        )


class _Ticks:
    """Counts what was heard and when to say so: once a second of the clock, and before a tick holds too much."""

    def __init__(self, now_s: float) -> None:
        self.candidates = 0
        self.rejected = 0
        self.holds = 0
        self._samples = self._held = 0  # not told yet; of these, inside a hold
        self._last_s = now_s

    def heard(self, samples: int, *, held: bool) -> None:
        self._samples += samples
        self._held += samples * held

    def due(self, now_s: float, *, now: bool) -> list[Tick]:
        """Usually none or one; several after a backlog or when a recording is read faster than real time."""
        ticks: list[Tick] = []
        while (
            self._samples // FRAME_SAMPLES >= MAX_TICK_FRAMES or now_s - self._last_s >= TICK_S or (now and not ticks)
        ):
            frames = min(self._samples // FRAME_SAMPLES, MAX_TICK_FRAMES)
            held = min(self._held // FRAME_SAMPLES, frames)
            ticks.append(Tick(frames, self.candidates, self.rejected, self.holds, held))
            self._samples -= frames * FRAME_SAMPLES
            self._held -= held * FRAME_SAMPLES
            self.candidates = self.rejected = self.holds = 0
            self._last_s = now_s
        return ticks


def _boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def _short(score: float | None) -> float | None:
    return None if score is None else round(float(score), 4)


def _ppm(score: float) -> int:
    """[0, 1] -> whole millionths, downwards, as the gate's thresholds are (`plan.ppm`)."""
    return int(float(score) * 1_000_000)
