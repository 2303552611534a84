"""The whole way of a sound, from samples to verdicts. Pure: arrays in, events out; no clock, no file, no thread.

    block -> units of 80 ms -> ring -> voice -> log-mel -> stage 1 -> trigger -> candidate -> stage 2 -> verdict

All work is done in units counted from the stream's first sample, so any cut of the same samples into blocks gives the
same events, bit for bit. When voice opens, stage 1 starts some units earlier, from the ring, with zero states
(`stage1.PRE_CONTEXT_UNITS`); training starts it just so.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword import model as models
from wakeword.errors import ConfigError
from wakeword.events import RATE_HZ, Candidate, Event, Verdict, Voice
from wakeword.peers import replace_stages1
from wakeword.pipeline.ring import Ring
from wakeword.pipeline.stage1 import PRE_CONTEXT_UNITS, STEP_SAMPLES, STEPS_PER_UNIT, Stage1
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES, Stage2
from wakeword.pipeline.trigger import Firing, Trigger, logit
from wakeword.pipeline.voice import UNIT_SAMPLES, VoiceDetector

Int16 = npt.NDArray[np.int16]

RING_SAMPLES = 4 * RATE_HZ
REFRACTORY_SAMPLES = int(1.5 * RATE_HZ)  # after a wake; chosen: no word is said twice in that time and meant twice
USUAL_WORD_SAMPLES = int(0.6 * RATE_HZ)  # stage 1 knows where a word ends; its start is this much earlier
FLOOR = 0.05  # the lowest stage 1 threshold, for sweeps
ALERT = logit(FLOOR)  # chosen; what it is worth for reading is measured (hearing.py)


class Detector:
    """Listens for one or more words. Not thread-safe; one stream a detector."""

    def __init__(self, words: list[models.Model], points: list[models.Point], *, floor: bool = False) -> None:
        """`floor` asks for every candidate from `FLOOR` on; verdicts are still those of `points`."""
        # onnxruntime has the files now
        self.models = [replace(word, stage1_bytes=b"", stage2_bytes=b"", peer_files={}) for word in words]
        self.points = points
        self._floor = floor
        self._tap: Callable[[int, int, float], None] | None = None
        self._stage1 = Stage1(words)
        sessions: dict[bytes, Any] = {}  # onnxruntime's
        self._stage2 = [Stage2(word, sessions) for word in words]
        self.reset()

    def reset(self) -> None:
        """Begin another stream: nothing of the last one remains."""
        self.ring = Ring(RING_SAMPLES)
        self._pending = np.zeros(0, np.int16)
        self._voice = VoiceDetector()
        self._triggers = [
            Trigger(FLOOR if self._floor else point.stage1, point.smoothed_steps) for point in self.points
        ]
        self._resting = False
        self._deaf_until = 0  # no candidate is decided before this sample
        self._warm_from = 0  # before it, what stage 1 is given is history: it was judged when it was heard
        self._begun = 0  # detection has no use for samples before this one
        self._was_speaking = False
        self._logits = self._none = np.full((STEPS_PER_UNIT, len(self.models)), -20, np.float32)
        self._verdicts: dict[str, float] = {}

    @classmethod
    def load(
        cls,
        *words: str | Path,
        point: str = "default",
        floor: bool = False,
        stage1: Mapping[str, str] = MappingProxyType({}),
    ) -> Detector:
        """Words that ship with the package (`computer`, `jarvis`, `alexa`) or model folders, at one operating point.

        `stage1` puts another program's model in front of a word's stage 2: {"alexa": "openwakeword:PATH"}. Raises
        `ModelError` for a model that is missing, damaged or of another version; `ConfigError` for a point that it does
        not have, for no word at all, and for a word given twice.
        """
        loaded = replace_stages1([models.load(word) for word in words], stage1)
        if not loaded:
            raise ConfigError("no word to listen for", hint=f"shipped: {', '.join(models.shipped_words()) or 'none'}")
        for number, word in enumerate(loaded):
            if word.word in [earlier.word for earlier in loaded[:number]]:
                raise ConfigError(f"'{word.word}' is given twice")
        return cls(loaded, [models.point_of(word, point) for word in loaded], floor=floor)

    def twin(self, *words: str) -> Detector:
        """A detector for another stream, of all words or of these: weights are shared, nothing that was heard is.

        Twins may run in different threads. Raises `ConfigError` for a word that this detector does not have.
        """
        own = [model.word for model in self.models]
        for word in words:
            if word not in own:
                raise ConfigError(f"no word '{word}' here", hint=f"there is {', '.join(own)}")
        numbers = [number for number, word in enumerate(own) if not words or word in words]
        other = copy.copy(self)
        other.models = [self.models[number] for number in numbers]
        other.points = [self.points[number] for number in numbers]
        other._stage1 = self._stage1.twin(numbers)
        other._stage2 = [self._stage2[number] for number in numbers]
        other._tap = None
        other.reset()
        return other

    def point_of(self, word: str) -> models.Point:
        """The operating point of one of its words."""
        return next(point for model, point in zip(self.models, self.points, strict=True) if model.word == word)

    @property
    def heard(self) -> int:
        """Samples taken in so far, in whole units; a part of a unit waits for the next block."""
        return self.ring.written

    @property
    def quiet(self) -> int:
        """Samples since somebody was last heard speaking."""
        return min(self._voice.quiet_units * UNIT_SAMPLES, self.heard)

    @property
    def alert(self) -> bool:
        """Stage 1 half expects a word: whoever reads in blocks should read short ones now."""
        return any(trigger.smooth >= ALERT for trigger in self._triggers)

    @property
    def history_units(self) -> int:
        """Units of 80 ms before the one in which voice opens, from which on stage 1 listens."""
        return self._stage1.history_units

    def process(self, block: Int16) -> list[Event]:
        """Take any number of samples, int16 at 16 kHz mono; returns what happened, in order."""
        if block.dtype != np.int16 or block.ndim != 1:
            raise TypeError(f"wanted a one-dimensional int16 array, got {block.dtype} of shape {block.shape}")
        samples = np.concatenate([self._pending, block]) if len(self._pending) else block
        whole = len(samples) // UNIT_SAMPLES * UNIT_SAMPLES
        self._pending = samples[whole:].copy()
        events: list[Event] = []
        for start in range(0, whole, UNIT_SAMPLES):
            events += self._unit(samples[start : start + UNIT_SAMPLES])
        return events

    def rest(self) -> None:
        """Detect nothing until `wake_up`; the ring and the voice detector go on."""
        self._resting = True

    def wake_up(self, refractory: int = 0) -> None:
        """Detect again, after `refractory` samples, in what is heard from now on."""
        self._resting, self._was_speaking = False, False
        self._begun, self._deaf_until = self.heard, self.heard + refractory

    def watch(self, tap: Callable[[int, int, float], None]) -> None:
        """For pictures: call `tap(word's number, step, logit)` with all that is held against stage 1's threshold.

        Step k is decided once sample 640 (k + 1) is heard. Steps without voice, and those of a session, are not heard;
        one heard again because voice opened anew comes twice, the later counts. Events stay as they are.
        """
        self._tap = tap

    def verify(self, word: int, segment: Int16) -> float:
        """For pictures: what stage 2 of the word with this number says of 32 000 samples. Changes nothing."""
        return self._stage2[word].judge(segment)

    def levels(self) -> tuple[float, dict[str, float], dict[str, float]]:
        """For displays: level of the last unit in dBFS, each word's latest stage 1 score, its last stage 2 score."""
        latest = 1 / (1 + np.exp(-self._logits[-1]))
        stage1 = {word.word: float(score) for word, score in zip(self.models, latest, strict=True)}
        return self._voice.dbfs, stage1, dict(self._verdicts)

    def _unit(self, unit: Int16) -> list[Event]:
        before = self._voice.speaking
        self.ring.write(unit)
        speaking = self._voice.push(unit)
        events: list[Event] = [Voice(speaking, self.heard)] if speaking != before else []
        if self._resting:
            return events
        opened, self._was_speaking = speaking and not self._was_speaking, speaking
        if opened:
            self._open()
            self._warm_from = self.heard - (1 + PRE_CONTEXT_UNITS) * UNIT_SAMPLES
            first = max(self._begun, self.heard - (1 + self._stage1.history_units) * UNIT_SAMPLES, 0)
            for start in range(first, self.heard, UNIT_SAMPLES):
                events += self._listen(start)
        elif speaking:
            events += self._listen(self.heard - UNIT_SAMPLES)
        else:
            self._logits = self._none
        return events

    def _open(self) -> None:
        self._stage1.reset()
        for trigger in self._triggers:
            trigger.reset()

    def _listen(self, start: int) -> list[Event]:
        """Stage 1 and what follows, on the unit that begins at `start`."""
        samples = self.ring.read(start - self._stage1.context_samples, start + UNIT_SAMPLES)
        self._logits = self._stage1.push(samples)  # (2, words)
        since = max(self._deaf_until, self._warm_from)
        events: list[Event] = []
        for step in range(STEPS_PER_UNIT):
            for number, trigger in enumerate(self._triggers):
                trigger.seek(start // STEP_SAMPLES + step)
                firing = trigger.push(float(self._logits[step, number]))
                if self._tap:
                    self._tap(number, start // STEP_SAMPLES + step, trigger.smooth)
                if firing and not self._resting and (firing.decided + 1) * STEP_SAMPLES > since:
                    events += self._judge(number, firing)
        return events

    def _judge(self, number: int, firing: Firing) -> list[Event]:
        word, point = self.models[number].word, self.points[number]
        end, decided = (firing.peak + 1) * STEP_SAMPLES, (firing.decided + 1) * STEP_SAMPLES
        candidate = Candidate(word, max(0, end - USUAL_WORD_SAMPLES), end, decided, firing.score)
        segment_start = decided - SEGMENT_SAMPLES
        score = self._stage2[number].judge(self.ring.read(segment_start, decided))
        accepted = firing.score >= point.stage1 and score >= point.stage2
        self._verdicts[word] = score
        if accepted and not self._floor:
            self._deaf_until = decided + REFRACTORY_SAMPLES
        return [candidate, Verdict(candidate, score, accepted, segment_start)]
