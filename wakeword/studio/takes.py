"""A stream in which a word is said again and again -> takes of it, one a stretch of voice, each with what is wrong.

Pure: samples in, takes out. The voice detector is the daemon's. A take begins with what was heard before the word, as
much as stage 1 looks back on, so that it is scored as the daemon would have scored it; never with the word before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ
from wakeword.pipeline.voice import HANG_OVER_UNITS, UNIT_SAMPLES, VoiceDetector
from wakeword.source.level import Unchanged, measure

Int16 = npt.NDArray[np.int16]

LEAD_UNITS = 16  # 1.28 s: stage 1 looks back 1.2 s when voice opens
LEAST_UNITS, MOST_UNITS = 2, 38  # chosen: of voice; a click is shorter, and 3 s are more than a phrase
CLIPPED_SHARE = 0.002  # chosen: of the samples at full scale; a single peak is harmless
QUIET_DBFS = -55.0  # chosen: 13 dB over the floor of the voice detector
LEAST_SNR_DB = 6.0  # chosen: the models are trained down to -6 dB, but a voice is not learned from that
DEAD_SAMPLES = 2 * RATE_HZ  # chosen: no room is so quiet that int16 does not move for so long
UNHEARD_S = 8.0  # chosen: who was asked to speak has spoken by then


@dataclass(frozen=True, slots=True)
class Take:
    """One stretch of voice with its surroundings. `problem` "" means that it can be kept."""

    samples: Int16
    voiced_s: float
    dbfs: float  # of the voiced part
    problem: str = ""


class Watch:
    """What every stream has: level, whether somebody speaks, and what ails the microphone. Units of 80 ms."""

    def __init__(self) -> None:
        self._voice, self._unchanged = VoiceDetector(), Unchanged()
        self.units = self.voiced = self._clipped = 0
        self._last_voice = 0

    @property
    def speaking(self) -> bool:
        """Voice in this unit or shortly before."""
        return self._voice.speaking

    @property
    def voiced_now(self) -> bool:
        """Voice in this very unit."""
        return self._voice.quiet_units == 0

    def push(self, unit: Int16) -> None:
        """Take 1280 samples."""
        self._voice.push(unit)
        self._unchanged.push(unit)
        self.units += 1
        self._clipped = max(0, self._clipped - 1) if measure(unit).clipped < 4 else 2 * LEAD_UNITS
        if self.voiced_now:
            self.voiced += 1
            self._last_voice = self.units

    def state(self) -> dict[str, object]:
        """For a display: seconds so far, level in dBFS, and one word of what is wrong: silence, clipping, unheard."""
        unheard_s = (self.units - self._last_voice) * UNIT_SAMPLES / RATE_HZ
        trouble = ""
        if self._unchanged.samples >= DEAD_SAMPLES:
            trouble = "silence"
        elif self._clipped:
            trouble = "clipping"
        elif unheard_s >= UNHEARD_S:
            trouble = "unheard"
        return {
            "seconds": round(self.units * UNIT_SAMPLES / RATE_HZ, 2),
            "voiced": round(self.voiced * UNIT_SAMPLES / RATE_HZ, 2),
            "dbfs": round(self._voice.dbfs, 1),
            "speaking": self.speaking,
            "trouble": trouble,
        }


class Cutter:
    """Takes out of a stream. Units of 80 ms in, takes out; `watch` knows how the microphone is."""

    def __init__(self) -> None:
        self.watch = Watch()
        self._units: list[Int16] = []  # since the last take ended, no more than the lead while nobody speaks
        self._began = 0  # index into them of the first with voice; meaningless while nobody speaks
        self._speaking = False

    def push(self, unit: Int16) -> Take | None:
        """A take is ready when voice has been silent for 0.64 s."""
        self.watch.push(unit)
        self._units.append(unit)
        if self.watch.speaking and not self._speaking:
            self._began = len(self._units) - 1
        ended = self._speaking and not self.watch.speaking
        self._speaking = self.watch.speaking
        if not self._speaking and not ended:
            self._units = self._units[-LEAD_UNITS:]
        most = LEAD_UNITS + MOST_UNITS + HANG_OVER_UNITS + 1
        if self._speaking and len(self._units) > most:  # it is too long already: forget its beginning, not its length
            self._began -= len(self._units) - most
            self._units = self._units[-most:]
        return self._cut() if ended else None

    def _cut(self) -> Take | None:
        units, began = self._units, self._began
        self._units = []
        voiced = len(units) - began - HANG_OVER_UNITS - 1
        if voiced < LEAST_UNITS:
            return None
        first = max(0, began)
        said = np.concatenate(units[first : len(units) - HANG_OVER_UNITS - 1])
        level, around = measure(said), _background(units[:first])
        seconds = voiced * UNIT_SAMPLES / RATE_HZ
        return Take(
            np.concatenate(units), seconds, level.rms_dbfs,
            _problem(seconds, level.clipped / len(said), level.rms_dbfs, around),
        )  # fmt: skip


def _background(units: list[Int16]) -> float | None:
    """dBFS of what was heard before; None when there is too little to say."""
    return measure(np.concatenate(units)).rms_dbfs if len(units) >= 4 else None


def _problem(seconds: float, clipped: float, dbfs: float, around_dbfs: float | None) -> str:
    if seconds > MOST_UNITS * UNIT_SAMPLES / RATE_HZ:
        return f"{seconds:.1f} s without a pause: say the word alone, then wait a second"
    if clipped > CLIPPED_SHARE:
        return "clipped: it was too loud for the microphone; go back a step, or turn its level down"
    if dbfs < QUIET_DBFS:
        return f"too quiet ({dbfs:.0f} dBFS): come closer, or turn the microphone up"
    if around_dbfs is not None and dbfs - around_dbfs < LEAST_SNR_DB:
        return f"hardly louder than the room ({dbfs - around_dbfs:.0f} dB): come closer, or make it quieter here"
    return ""
