"""Stage 1's features against librosa: the whole stream at once, and unit by unit as the daemon computes them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.pipeline.features import BANDS, FLOOR, HOP_SAMPLES, OVERLAP_SAMPLES, log_mel, mel_bank

TOLERANCE = 1e-4  # of a natural logarithm: 0.0004 dB
UNIT = 8 * HOP_SAMPLES


@pytest.fixture(scope="module")
def librosa() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies
        import librosa

        librosa.feature.melspectrogram(y=np.zeros(1024, np.float32), sr=16_000, n_fft=512)  # imports the rest
    return librosa


def reference(librosa: object, samples: np.ndarray) -> np.ndarray:
    """(160 n,) int16 -> (n, 40), as the module's docstring defines it."""
    stream = np.concatenate([np.zeros(OVERLAP_SAMPLES), samples / 32768]).astype(np.float32)
    mel = librosa.feature.melspectrogram(  # type: ignore[attr-defined]
        y=stream, sr=16_000, n_fft=512, hop_length=160, center=False, n_mels=40, fmin=60, fmax=7600
    )
    return np.asarray(np.log(np.maximum(mel.T, FLOOR)))


def at_once(samples: np.ndarray) -> np.ndarray:
    return log_mel(np.concatenate([np.zeros(OVERLAP_SAMPLES, np.int16), samples]))


def by_units(samples: np.ndarray) -> np.ndarray:
    stream = np.concatenate([np.zeros(OVERLAP_SAMPLES, np.int16), samples])
    starts = range(0, len(samples), UNIT)
    return np.concatenate([log_mel(stream[start : start + OVERLAP_SAMPLES + UNIT]) for start in starts])


def signal(kind: str, amplitude: int, seed: int) -> np.ndarray:
    """(16000,) int16 of one kind."""
    random, time = np.random.default_rng(seed), np.arange(16_000) / 16_000
    if kind == "sine":
        wave = np.sin(2 * np.pi * random.uniform(20, 7900) * time)
    elif kind == "noise":
        wave = random.uniform(-1, 1, 16_000)
    elif kind == "clicks":
        wave = np.zeros(16_000)
        wave[random.integers(0, 16_000, 9)] = 1
    else:  # a step: the lowest bands and digital silence in one
        wave = (time > random.uniform(0, 1)).astype(float)
    return np.round(wave * amplitude).astype(np.int16)


def test_the_room_equals_librosa(librosa: object, room: np.ndarray) -> None:
    samples = room[: len(room) // UNIT * UNIT]
    expected = reference(librosa, samples)
    assert expected.shape == (len(samples) // HOP_SAMPLES, BANDS)
    assert np.abs(at_once(samples) - expected).max() < TOLERANCE
    assert np.abs(by_units(samples) - expected).max() < TOLERANCE


@given(st.sampled_from(["sine", "noise", "clicks", "step"]), st.integers(1, 32767), st.integers(0, 999))
@settings(max_examples=60)
def test_drawn_signals_equal_librosa(librosa: object, kind: str, amplitude: int, seed: int) -> None:
    """Bands over 80 dB under the frame's strongest bin hold float32's rounding, here and in librosa: 0.01 for those."""
    samples = signal(kind, amplitude, seed)[:15_360]
    expected = reference(librosa, samples)
    known = expected > strongest_bin(samples) - 80 * np.log(10) / 10
    for found in (at_once(samples), by_units(samples)):
        assert np.all(np.abs(found - expected) < np.where(known, TOLERANCE, 0.01))


def strongest_bin(samples: np.ndarray) -> np.ndarray:
    """(160 n,) -> (n, 1) natural log of the greatest power in any bin of each frame."""
    stream = np.concatenate([np.zeros(OVERLAP_SAMPLES), samples / 32768])
    windows = np.lib.stride_tricks.sliding_window_view(stream, 512)[::HOP_SAMPLES] * np.hanning(513)[:-1]
    power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    return np.asarray(np.log(np.maximum(power.max(axis=1, keepdims=True), FLOOR)))


def test_the_bank_equals_librosa(librosa: object) -> None:
    expected = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=40, fmin=60, fmax=7600).T  # type: ignore[attr-defined]
    np.testing.assert_allclose(mel_bank(), expected, atol=1e-7)


def test_digital_silence_is_the_floor_in_every_band() -> None:
    np.testing.assert_array_equal(
        log_mel(np.zeros(OVERLAP_SAMPLES + UNIT, np.int16)), np.full((8, 40), np.log(np.float32(FLOOR)))
    )


def test_a_frame_depends_on_its_own_window_alone() -> None:
    samples = signal("noise", 9_000, 4)[: OVERLAP_SAMPLES + UNIT]
    changed = samples.copy()
    changed[OVERLAP_SAMPLES + 5 * HOP_SAMPLES] += 5_000  # the first sample of the sixth hop
    same = np.all(log_mel(samples) == log_mel(changed), axis=1)
    assert same.tolist() == [True] * 5 + [False] * 3
