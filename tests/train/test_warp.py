"""More speakers of one recording: pitch, vocal tract and tempo move as asked, and the word stays in its place."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the package asks its version of a deprecated module
    pytest.importorskip("pyworld", reason="training needs the extra 'train'")

from wakeword.train import corpus, warp

RATE = 16_000


def vowel(pitch_hz: float, formant_hz: float) -> np.ndarray:
    """(16000,) pulses through one resonance."""
    pulses = np.zeros(RATE)
    pulses[:: round(RATE / pitch_hz)] = 1
    times = np.arange(400) / RATE
    return np.convolve(pulses, np.sin(2 * np.pi * formant_hz * times) * np.exp(-times * 300))[:RATE].astype(np.float32)


def strongest_hz(sound: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * RATE))
    hz = np.fft.rfftfreq(4 * RATE, 1 / RATE)
    return float(hz[np.argmax(power * ((hz > low) & (hz < high)))])


def test_pitch_formants_and_tempo_move_each_alone() -> None:
    sound = vowel(125, 1_500) * 0.3
    higher, wider, faster = warp.warp(sound, [(1.4, 1, 1), (1, 1.12, 1), (1, 1, 1.25)])
    assert len(higher) == pytest.approx(RATE, rel=0.02)
    assert strongest_hz(higher, 1_100, 2_100) == pytest.approx(1_500, rel=0.08)
    assert strongest_hz(wider, 1_100, 2_400) == pytest.approx(1_680, rel=0.08)
    assert len(faster) == pytest.approx(RATE / 1.25, rel=0.02)


def test_a_voice_that_is_drawn_is_a_plausible_one() -> None:
    random = np.random.default_rng(1)
    drawn = np.array([warp.draw(random) for _ in range(2_000)])
    assert np.all(drawn.min(axis=0) >= np.array([0.72, 0.84, 0.85]) - 1e-9)
    assert np.all(drawn.max(axis=0) <= np.array([1.5, 1.13, 1.18]) + 1e-9)
    low, high = drawn[drawn[:, 0] < 0.85, 1].mean(), drawn[drawn[:, 0] > 1.25, 1].mean()
    assert low < 0.95 < 1.0 < high  # a low voice comes from a large head


def test_each_variant_is_a_speaker_of_its_own_and_only_the_train_fold_is_used(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    rows = [
        ["path", "word", "fold", "speaker_cluster", "speech_start_s", "speech_end_s"],
        ["a.flac", "hello", "train", "s1", "0.3", "0.7"],
        ["b.flac", "hello", "dev", "s2", "0.3", "0.7"],
    ]
    for name in ("a", "b"):
        soundfile.write(tmp_path / "in" / f"{name}.flac", vowel(140, 1_200) * 0.2, RATE)
    with (tmp_path / "in" / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    warp.build(corpus.wake_words(tmp_path / "in", "train"), tmp_path / "out", variants=3, seed=1, processes=1)
    made = corpus.wake_words(tmp_path / "out", "train")
    assert [spoken.speaker for spoken in made] == ["s1~0", "s1~1", "s1~2"]
    assert all(0 <= spoken.start < spoken.end <= len(spoken.sound) for spoken in made)
    lengths = [spoken.end - spoken.start for spoken in made]
    assert all(0.4 * RATE / 1.19 < length < 0.4 * RATE / 0.84 for length in lengths)
