"""What stage 2 looked at: blank out a patch of time and frequency, and see how its score changes.

Zeiler and Fergus, 2014, section 4.3, on a spectrogram: the segment goes through a short-time Fourier transform, the
patch is turned down to the segment's own noise floor (each bin's tenth percentile over the 2 s, its phase kept), and
what comes out is judged. Where the score falls, the patch spoke for the word; where it rises, against it. Neighbouring
patches overlap by half. No gradient is needed, so any model can be looked at, and what is judged is a sound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ

Int16 = npt.NDArray[np.int16]
Float64 = npt.NDArray[np.float64]

WINDOW_SAMPLES, HOP_SAMPLES = 512, 128
PATCH_S, STEP_S = 0.2, 0.1  # chosen: a patch is about as long as a syllable
EDGES_HZ = (60, 300, 550, 850, 1200, 1650, 2200, 2950, 3800, 8000)  # about equal on the mel scale; stage 2 ends at 3800
FLOOR_PERCENTILE = 10
_LEAST = 1e-6  # scores nearer to 0 or 1 than this are all alike


@dataclass(frozen=True)
class Occlusion:
    """`scores[t, f]`: stage 2's score with the patch around `times_s[t]`, band `f` of `EDGES_HZ`, blanked out."""

    base: float  # with nothing blanked out
    times_s: Float64  # (t,) middle of each patch, since the segment's beginning
    scores: Float64  # (t, f)

    @property
    def effect(self) -> Float64:
        """(t, f) how many nats of logit the patch added: > 0 spoke for the word, < 0 against it."""
        return _logit(np.float64(self.base)) - _logit(self.scores)

    def strongest(self, sign: int) -> tuple[int, int] | None:
        """(t, f) of the patch that did most for (1) or against (-1) the word; None when none did."""
        effect = sign * self.effect
        found = np.unravel_index(int(np.argmax(effect)), effect.shape)
        return (int(found[0]), int(found[1])) if effect[found] > 0 else None


def occlude(segment: Int16, judge: Callable[[Int16], float]) -> Occlusion:
    """(32000,) int16 -> the map. Asks `judge` once for each of some 190 patches."""
    spectrum = _stft(segment)  # (frames, 257)
    floor = np.percentile(np.abs(spectrum), FLOOR_PERCENTILE, axis=0)  # (257,)
    quiet = spectrum * np.minimum(1, floor / np.maximum(np.abs(spectrum), 1e-9))
    frame_s = np.arange(len(spectrum)) * HOP_SAMPLES / RATE_HZ
    bins_hz = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / RATE_HZ)
    times = np.arange(STEP_S, len(segment) / RATE_HZ, STEP_S)
    scores = np.empty((len(times), len(EDGES_HZ) - 1))
    for row, time in enumerate(times):
        rows = np.abs(frame_s - time) <= PATCH_S / 2
        for column in range(len(EDGES_HZ) - 1):
            columns = (bins_hz >= EDGES_HZ[column]) & (bins_hz < EDGES_HZ[column + 1])
            patched = np.where(rows[:, None] & columns, quiet, spectrum)
            scores[row, column] = judge(_istft(patched, len(segment)))
    return Occlusion(judge(segment), times, scores)


def _stft(samples: Int16) -> npt.NDArray[np.complex128]:
    """(n,) -> (frames, 257); frame k is centred on sample 128 k."""
    half = WINDOW_SAMPLES // 2
    padded = np.pad(samples.astype(np.float64), (half, half + HOP_SAMPLES))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]  # (frames, 512)
    return np.fft.rfft(windows * _HANN, axis=1)


def _istft(spectrum: npt.NDArray[np.complex128], length: int) -> Int16:
    """The signal whose transform is nearest in the least squares (Griffin and Lim, 1984): `_stft` back to the bit."""
    windows = np.fft.irfft(spectrum, axis=1) * _HANN  # (frames, 512)
    summed = np.zeros((len(windows) - 1) * HOP_SAMPLES + WINDOW_SAMPLES)
    weight = np.zeros_like(summed)
    for number, window in enumerate(windows):
        at = slice(number * HOP_SAMPLES, number * HOP_SAMPLES + WINDOW_SAMPLES)
        summed[at] += window
        weight[at] += _HANN**2
    half = WINDOW_SAMPLES // 2
    found = summed[half : half + length] / weight[half : half + length]
    return np.clip(np.rint(found), -32768, 32767).astype(np.int16)


def _logit(score: Float64 | np.float64) -> Float64:
    inside = np.clip(score, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(inside / (1 - inside)))


_HANN = np.hanning(WINDOW_SAMPLES + 1)[:-1]
