"""A few seconds of a recording as a page shows them: sound, outline, spectrogram, both stages' scores.

Everything is drawn by the page; here it only becomes small: FLAC for the sound, one byte a cell for the spectrogram, a
score with three digits.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.events import RATE_HZ

Int16 = npt.NDArray[np.int16]
Float64 = npt.NDArray[np.float64]

WINDOW_SAMPLES = 512
LOUDEST_DB, RANGE_DB = -10, 80  # of a cell against full scale; what is quieter than the range is black


@dataclass(frozen=True)
class Clip:
    """`start_s` is where it begins in its recording; all times are the recording's."""

    start_s: float
    samples: Int16
    stage1_s: Float64
    stage1: Float64  # NaN where stage 1 did not listen
    stage2_s: Float64
    stage2: Float64  # NaN where stage 2 was not asked and cannot be

    @property
    def end_s(self) -> float:
        """Where it ends in its recording."""
        return self.start_s + len(self.samples) / RATE_HZ


def page_form(clip: Clip, *, columns_s: int = 100, rows: int = 128) -> dict[str, Any]:
    """What the page's script reads (page/clip.js): plain values, and bytes in base64."""
    return {
        "start": round(clip.start_s, 3),
        "seconds": len(clip.samples) / RATE_HZ,
        "audio": "data:audio/flac;base64," + _base64(flac(clip.samples)),
        "wave": _base64(outline(clip.samples, columns_s)),
        "spectrogram": _base64(_octets(spectrogram(clip.samples, columns_s, rows))),
        "columns_s": columns_s,
        "rows": rows,
        "stage1": [_rounded(clip.stage1_s), _rounded(clip.stage1)],
        "stage2": [_rounded(clip.stage2_s), _rounded(clip.stage2)],
    }


def flac(samples: Int16) -> bytes:
    """The very samples, compressed without loss."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def outline(samples: Int16, columns_s: int) -> bytes:
    """Lowest and highest sample of each column as pairs of signed bytes, full scale 127."""
    width = RATE_HZ // columns_s
    whole = np.pad(samples, (0, -len(samples) % width)).reshape(-1, width)
    pairs = np.stack([whole.min(axis=1), whole.max(axis=1)], axis=1)  # (columns, 2)
    return (pairs.astype(np.float64) / 32768 * 127).round().astype(np.int8).tobytes()


def spectrogram(samples: Int16, columns_s: int, rows: int) -> Float64:
    """(n,) -> (columns, rows) dB against a full-scale sine, rows from 0 to 8 kHz, a Hann window of 32 ms."""
    hop, bins = RATE_HZ // columns_s, WINDOW_SAMPLES // 2
    count = -(-len(samples) // hop)
    padded = np.pad(samples / 32768, (bins, bins + hop))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::hop][:count]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW_SAMPLES), axis=1)[:, :bins]) ** 2  # (columns, 256)
    pooled = power.reshape(count, rows, bins // rows).max(axis=2)
    full_scale = (WINDOW_SAMPLES / 4) ** 2  # a sine of amplitude 1 under this window
    return np.asarray(10 * np.log10(pooled / full_scale + 1e-12))


def _octets(decibels: Float64) -> bytes:
    """0 for what is under the range, 255 for what is over it; columns one after another."""
    share = (decibels - (LOUDEST_DB - RANGE_DB)) / RANGE_DB
    return (np.clip(share, 0, 1) * 255).round().astype(np.uint8).tobytes()


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _rounded(values: Float64) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 3) for value in values]
