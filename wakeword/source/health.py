"""What a microphone suffers from, told from what it delivers. Pure: the time is handed in, no device is known here.

A dead microphone rarely says so. It delivers nothing, or zeros, or goes on at another pace; each has its limit here.
What only the sound server knows (the stream sits on another source) is in `seat.py`; what is done about it in `ear.py`.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ
from wakeword.notices import Ailment
from wakeword.source.level import Unchanged

Int16 = npt.NDArray[np.int16]

STALLED_S = 2.0  # chosen: three times what a device's memory of sound holds
RATE_WINDOW_S = 10.0  # chosen: over this long the pace must be right ...
SLOWEST, FASTEST = 0.8, 1.25  # ... within these factors; the last block of the window may be late by half a second
CONSTANT_SAMPLES = 5 * RATE_HZ  # chosen: no room is so quiet that int16 does not move for 5 s
CLIPPING_WINDOW_S = 5.0
CLIPPING_SHARE = 0.05  # chosen: of the samples at full scale; a slammed door stays under it
_FULL_SCALE = 32_767


class Health:
    """Of one open device, from the moment `now_s` on. `check` names what ails it now; the worst stands first."""

    def __init__(self, now_s: float, rate_hz: int) -> None:
        """`rate_hz` is what the device promised; blocks are at 16 kHz already."""
        self._rate_hz = rate_hz
        self._heard_s = now_s
        self._constant = Unchanged()
        self._paces: deque[tuple[float, int]] = deque([(now_s, 0)])  # when, and what had been delivered by then
        self._clipped: deque[tuple[float, int, int]] = deque()  # when, samples, of these at full scale
        self.delivered = 0

    def check(self, now_s: float, count: int, block: Int16) -> list[Ailment]:
        """`count` samples came from the device, of which `block`, (n,) int16, is what is heard. Both may be nothing."""
        self.delivered += count
        if count:
            self._heard_s = now_s
        self._constant.push(block)
        if len(block):
            self._clipped.append((now_s, len(block), int(np.count_nonzero(np.abs(block // 2) >= _FULL_SCALE // 2))))
        found = {
            Ailment.STALLED: now_s - self._heard_s >= STALLED_S,
            Ailment.RATE: self._off_pace(now_s),
            Ailment.ZEROS: self._constant.samples >= CONSTANT_SAMPLES,
            Ailment.CLIPPING: self._clips(now_s),
        }
        return [ailment for ailment, ails in found.items() if ails]

    def pace_hz(self) -> float:
        """Samples a second over the last seconds."""
        (began_s, before), (now_s, delivered) = self._paces[0], self._paces[-1]
        return (delivered - before) / max(now_s - began_s, 1e-3)

    def _off_pace(self, now_s: float) -> bool:
        self._paces.append((now_s, self.delivered))
        if now_s - self._paces[0][0] < RATE_WINDOW_S:
            return False
        wrong = not SLOWEST <= self.pace_hz() / self._rate_hz <= FASTEST
        while now_s - self._paces[1][0] >= RATE_WINDOW_S:
            self._paces.popleft()
        return wrong

    def _clips(self, now_s: float) -> bool:
        while self._clipped and now_s - self._clipped[0][0] > CLIPPING_WINDOW_S:
            self._clipped.popleft()
        samples = sum(entry[1] for entry in self._clipped)
        return samples >= RATE_HZ and sum(entry[2] for entry in self._clipped) >= CLIPPING_SHARE * samples
