"""Is anybody speaking? A cheap energy floor, then WebRTC's voice detector, then a hang-over.

Tuned to miss nothing: the network that follows is what tells words apart. Silence costs one sum of squares a unit.
"""

from __future__ import annotations

from typing import Any

import _webrtcvad as webrtcvad  # the module itself: its wrapper loads 2 MB to find its own version
import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ

Int16 = npt.NDArray[np.int16]

UNIT_SAMPLES = 1280  # 80 ms: the step of everything that follows
FLOOR_DBFS = -68.0  # chosen: under a whisper at 2 m into a quiet microphone, over the hiss of most sound cards
AGGRESSIVENESS = 1  # of 0-3
VAD_SAMPLES = 320  # WebRTC's 20 ms frame
VOICED_FRAMES = 2  # of the four in a unit; WebRTC's detector itself makes up to six of a single click
HANG_OVER_UNITS = 8  # 0.64 s: longer than any pause inside a word
_FLOOR_ENERGY = (32768 * 10 ** (FLOOR_DBFS / 20)) ** 2 * UNIT_SAMPLES


class VoiceDetector:
    """Takes one unit after another; `speaking` includes the hang-over, `quiet_units` does not."""

    def __init__(self) -> None:
        self._vad: Any = webrtcvad.create()  # an untyped C module
        webrtcvad.init(self._vad)
        webrtcvad.set_mode(self._vad, AGGRESSIVENESS)
        self.quiet_units = HANG_OVER_UNITS + 1  # units since the last with voice in it
        self.dbfs = -120.0

    @property
    def speaking(self) -> bool:
        """Voice in this unit or in the last `HANG_OVER_UNITS`."""
        return self.quiet_units <= HANG_OVER_UNITS

    def push(self, unit: Int16) -> bool:
        """Take 1280 samples; returns `speaking`."""
        wide = unit.astype(np.float64)
        energy = float(wide @ wide)
        self.dbfs = 10 * float(np.log10(energy / UNIT_SAMPLES / 32768**2 + 1e-12))
        self.quiet_units = 0 if energy > _FLOOR_ENERGY and self._voiced(unit) else self.quiet_units + 1
        return self.speaking

    def _voiced(self, unit: Int16) -> bool:
        octets, width = unit.tobytes(), 2 * VAD_SAMPLES
        frames = (octets[at : at + width] for at in range(0, len(octets), width))
        return sum(bool(webrtcvad.process(self._vad, RATE_HZ, frame, VAD_SAMPLES)) for frame in frames) >= VOICED_FRAMES
