"""Any sound -> 16 kHz mono int16, in a stream. Pure: it opens nothing and must not know where the samples come from.

How many channels become one, when none was chosen (`Mixer`): every 20 ms the powers of the mean of the living channels
and of each channel alone, remembered for about a second, are compared, and the strongest is taken. The mean counts
double (it lowers noise), what is in use counts half as much again (so that it does not flutter). A channel without any
change is not alive. Hence two like channels are averaged; a voice on one side only, a reversed channel or a dead one
loses nothing; and the choice depends on the samples alone, not on how they were cut into blocks.

Levels are never changed: no gain, no DC removal. The features begin at 60 Hz, so an offset does them no harm; it is
reported instead (`level.py`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from wakeword.errors import SourceError
from wakeword.events import RATE_HZ

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4_000, 768_000  # chosen: below, speech is gone; above, no device exists
MOST_CHANNELS = 64  # chosen: the largest microphone arrays have 32

_CHOICE_S = 0.02  # chosen: adds 20 ms of delay to sources of several channels, none to mono
_MEMORY = np.float32(0.98)  # a window: e^-1 after 50 windows, one second
_ALIVE = 1e-14  # remembered power; one int16 step once a second comes to 6e-14
_FOR_THE_MEAN, _FOR_STAYING = 2.0, 1.5


class Converter:
    """One stream of (n, channels) int16 or float32 (full scale 1.0) at `rate_hz` -> (m,) int16 at 16 kHz.

    `channel`, counted from 0, takes one channel; None mixes. 16 kHz mono int16 passes unchanged. Samples that are not
    finite become 0 and are counted in `not_finite`; those beyond full scale are clipped and counted in `clipped`.
    Raises `SourceError` for a rate, a width or a channel that cannot be.
    """

    def __init__(self, rate_hz: int, channels: int, channel: int | None = None) -> None:
        check_form(rate_hz, channels, channel)
        self.not_finite = 0
        self.clipped = 0
        self._channels, self._channel = channels, channel
        self._mixer = Mixer(channels, rate_hz) if channels > 1 and channel is None else None
        self._resampler = (
            soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ") if rate_hz != RATE_HZ else None
        )

    def push(self, samples: Int16 | Float32) -> Int16:
        """(n, channels), or (n,) of mono -> the samples at 16 kHz that are ready, perhaps none yet."""
        if samples.ndim == 1:
            samples = samples[:, None]
        if samples.shape[1] != self._channels:
            raise SourceError(f"{samples.shape[1]} channels instead of {self._channels}")
        if samples.dtype == np.int16 and self._mixer is None and self._resampler is None:
            return np.ascontiguousarray(samples[:, self._channel or 0])
        return self._to_int16(self._resample(self._one_channel(self._to_float(samples)), last=False))

    def finish(self) -> Int16:
        """What was still held back at the stream's end. Nothing may be pushed after it."""
        held = self._mixer.finish() if self._mixer else np.zeros(0, np.float32)
        return self._to_int16(self._resample(held, last=True))

    def _to_float(self, samples: Int16 | Float32) -> Float32:
        if samples.dtype == np.int16:
            return samples.astype(np.float32) * np.float32(1 / 32768)
        wrong = ~np.isfinite(samples)
        if wrong.any():  # one NaN in a resampler or a model state would deafen all that follows
            self.not_finite += int(wrong.sum())
            samples = np.where(wrong, np.float32(0), samples)
        beyond = int(np.count_nonzero(np.abs(samples) > 1))
        self.clipped += beyond
        return np.clip(samples, -1, 1).astype(np.float32) if beyond else samples.astype(np.float32, copy=False)

    def _one_channel(self, samples: Float32) -> Float32:
        return self._mixer.push(samples) if self._mixer else samples[:, self._channel or 0]

    def _resample(self, mono: Float32, *, last: bool) -> Float32:
        if self._resampler is None:
            return mono
        resampled: Float32 = self._resampler.resample_chunk(np.ascontiguousarray(mono), last=last)
        return resampled

    @staticmethod
    def _to_int16(mono: Float32) -> Int16:
        whole: Int16 = np.clip(np.rint(mono * np.float32(32768)), -32768, 32767).astype(np.int16)
        return whole


class Mixer:
    """(n, channels) float32 -> (n,) float32 by the rule at this file's head, in windows of 20 ms."""

    def __init__(self, channels: int, rate_hz: int) -> None:
        self._window = max(1, round(rate_hz * _CHOICE_S))
        self._held = np.zeros((0, channels), np.float32)
        self._powers = np.zeros(channels + 1, np.float64)  # of the mean, then of each channel
        self._taken = 0  # index into _powers

    def push(self, samples: Float32) -> Float32:
        """All whole windows that `samples` completes."""
        samples = np.concatenate([self._held, samples])
        whole = len(samples) - len(samples) % self._window
        self._held = samples[whole:].copy()
        mixed = [self._mix(samples[at : at + self._window]) for at in range(0, whole, self._window)]
        return np.concatenate(mixed) if mixed else np.zeros(0, np.float32)

    def finish(self) -> Float32:
        """The last window, however short."""
        return self._mix(self._held) if len(self._held) else np.zeros(0, np.float32)

    def _mix(self, window: Float32) -> Float32:
        kept = self._powers * _MEMORY
        kept[1:] += (1 - _MEMORY) * window.var(axis=0, dtype=np.float64)
        alive = kept[1:] > _ALIVE
        mean = window[:, alive].mean(axis=1) if alive.any() else window[:, 0]
        kept[0] += (1 - _MEMORY) * mean.var(dtype=np.float64)
        self._powers = kept
        merits = kept.copy()
        merits[0] *= _FOR_THE_MEAN
        merits[self._taken] *= _FOR_STAYING
        self._taken = int(merits.argmax())
        return mean if self._taken == 0 else window[:, self._taken - 1]


def check_form(rate_hz: int, channels: int, channel: int | None) -> None:
    """Raises `SourceError` if no sound can have this form."""
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise SourceError(f"a rate of {rate_hz} Hz", hint=f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz can be converted")
    if not 1 <= channels <= MOST_CHANNELS:
        raise SourceError(f"{channels} channels", hint=f"1 to {MOST_CHANNELS} can be converted")
    if channel is not None and not 0 <= channel < channels:
        raise SourceError(f"no channel {channel}", hint=f"there are {channels}, counted from 0")
