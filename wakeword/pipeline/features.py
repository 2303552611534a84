"""Stage 1's view: 40 log-mel bands every 10 ms.

A frame is a Hann window of 512 samples (32 ms) whose last sample is the last sample of its hop. Nothing is padded but
the stream's own beginning, so frame k depends on samples 160k-352 to 160k+160 and on nothing else: streaming equals
offline. The reference is `librosa.feature.melspectrogram(y, sr=16000, n_fft=512, hop_length=160, center=False,
n_mels=40, fmin=60, fmax=7600)` of the stream behind 352 zeros; natural logarithms agree within 1e-4, but for
bands over 80 dB under their frame's strongest bin, which hold float32's rounding (tests/pipeline/test_features.py).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

HOP_SAMPLES = 160
WINDOW_SAMPLES = 512
OVERLAP_SAMPLES = WINDOW_SAMPLES - HOP_SAMPLES
BANDS = 40
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
FLOOR = 1e-9  # below the power of one int16 step in any band, so that digital silence is just "very quiet"


def mel_bank() -> Float32:
    """(257, 40) triangles on Slaney's mel scale, each of unit area in Hz.

    Linear below 1 kHz (3 mels per 200 Hz), logarithmic above (27 mels per factor 6.4): M. Slaney, Auditory Toolbox,
    1998.
    """
    edges = _mel_to_hz(np.linspace(_hz_to_mel(LOWEST_HZ), _hz_to_mel(HIGHEST_HZ), BANDS + 2))
    bins = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / RATE_HZ)[:, None]  # (257, 1)
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]  # (257, 40)
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * 2 / (edges[2:] - edges[:-2])).astype(np.float32)


def log_mel(samples: Int16) -> Float32:
    """(352 + 160 n,) int16 -> (n, 40) natural log of power, floor `FLOOR`. The first 352 samples are context only."""
    scaled = samples.astype(np.float32) * np.float32(1 / 32768)
    count = (len(scaled) - OVERLAP_SAMPLES) // HOP_SAMPLES
    windows = np.ndarray((count, WINDOW_SAMPLES), np.float32, scaled, strides=(4 * HOP_SAMPLES, 4))  # (n, 512), a view
    spectrum = np.fft.rfft(windows * _HANN, axis=1)  # (n, 257) complex64
    power = spectrum.real**2 + spectrum.imag**2
    return np.log(np.maximum(power @ _BANK, np.float32(FLOOR)))


def _hz_to_mel(hz: float) -> float:
    return hz * 3 / 200 if hz < 1000 else 15 + 27 * float(np.log(hz / 1000)) / float(np.log(6.4))


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) * (mel - 15) / 27))


_BANK = mel_bank()
_HANN = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)  # periodic, as a spectrogram wants it
