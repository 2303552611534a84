"""How loud, and is it alive: what a display and the checks on a microphone need to know of int16 samples. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int16 = npt.NDArray[np.int16]

FULL_SCALE = 32768.0
SILENCE_DBFS = -120.0  # what digital silence is shown as, below int16's own floor


@dataclass(frozen=True, slots=True)
class Level:
    """Of one block: decibels relative to full scale, DC in parts of full scale, counts of samples."""

    rms_dbfs: float
    peak_dbfs: float
    dc: float
    clipped: int
    constant: bool  # every sample is the same: muted, dead, or no sample at all


def measure(block: Int16) -> Level:
    """(n,) int16 -> its level, the offset left out of `rms_dbfs`. An empty block is silent and constant."""
    if not len(block):
        return Level(SILENCE_DBFS, SILENCE_DBFS, 0.0, 0, True)
    samples = block.astype(np.float64) / FULL_SCALE
    clipped = int(np.count_nonzero((block == 32767) | (block == -32768)))
    return Level(
        rms_dbfs=_decibels(float(samples.std())),
        peak_dbfs=_decibels(float(np.abs(samples).max())),
        dc=float(samples.mean()),
        clipped=clipped,
        constant=bool((block == block[0]).all()),
    )


class Unchanged:
    """Counts the samples since the last change: a microphone that works is never constant for long."""

    def __init__(self) -> None:
        self.samples = 0
        self._last: int | None = None

    def push(self, block: Int16) -> int:
        """The length, in samples, of the run of one value in which `block` ends."""
        if not len(block):
            return self.samples
        changes = np.flatnonzero(block[1:] != block[:-1])
        if len(changes):
            self.samples = len(block) - 1 - int(changes[-1])
        else:
            self.samples = len(block) + (self.samples if block[0] == self._last else 0)
        self._last = int(block[-1])
        return self.samples


def _decibels(amplitude: float) -> float:
    return max(SILENCE_DBFS, 20 * float(np.log10(max(amplitude, 1e-12))))
