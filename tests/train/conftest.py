"""A pool to train on in seconds: a rising tone is the word, a falling one its near-miss, noise the rest."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

CLIP_SAMPLES = 51_200
WORD_SAMPLES = 8_000


def sweep(*, rising: bool, random: np.random.Generator) -> np.ndarray:
    """(8000,) a tone that glides between about 400 and 2400 Hz."""
    low, high = random.uniform(350, 450), random.uniform(2_200, 2_600)
    hz = np.linspace(low, high, WORD_SAMPLES) if rising else np.linspace(high, low, WORD_SAMPLES)
    return np.sin(2 * np.pi * np.cumsum(hz) / 16_000) * np.hanning(WORD_SAMPLES) * random.uniform(2_000, 9_000)


def clip(label: str, random: np.random.Generator) -> tuple[np.ndarray, int, int]:
    """One item of a pool, and where its utterance lies."""
    sound = random.normal(0, random.uniform(10, 100), CLIP_SAMPLES)
    if label == "speech":
        return np.round(sound).astype(np.int16), 0, 0
    end = int(random.uniform(2.2, 2.9) * 16_000)
    sound[end - WORD_SAMPLES : end] += sweep(rising=label == "rise", random=random)
    return np.round(sound).clip(-32768, 32767).astype(np.int16), end - WORD_SAMPLES, end


def write_pool(folder: Path, count: int, seed: int) -> Path:
    """A folder as `dataset.py` writes it: thirds of words, near-misses and plain noise."""
    folder.mkdir(parents=True)
    clips, rows = [], []
    for number in range(count):
        label = ("rise", "near:rise", "speech")[number % 3]
        samples, start, end = clip(label, np.random.default_rng([seed, number]))
        clips.append(samples)
        rows.append([label, start, end, f"speaker{number % 7}", f"{number}.flac"])
    np.save(folder / "samples.npy", np.stack(clips))
    with (folder / "items.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


@pytest.fixture(scope="session")
def pool_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pool(tmp_path_factory.mktemp("train") / "pool", 96, seed=1)


@pytest.fixture(scope="session")
def other_pool_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips that were not trained on."""
    return write_pool(tmp_path_factory.mktemp("train") / "other", 48, seed=2)
