"""The pool: how many clips of what, where the word lies in each, and that it does not depend on who writes it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from wakeword.train import dataset
from wakeword.train.augment import Surroundings
from wakeword.train.corpus import Spoken
from wakeword.train.dataset import CLIP_SAMPLES, Item


@pytest.fixture(scope="module")
def around() -> Surroundings:
    random = np.random.default_rng(3)
    talk = [random.normal(0, 0.1, 90_000).astype(np.float32) for _ in range(2)]
    response = np.zeros(400, np.float32)
    response[8] = 1
    return Surroundings(talk, talk[0], talk[1], [response])


def spoken(label: str, length: int = 12_000) -> Spoken:
    sound = np.random.default_rng(5).normal(0, 0.1, length).astype(np.float32)
    return Spoken(label, sound, 1_000, length - 1_000, "ann", f"{label}/ann.flac")


def test_a_plan_has_each_kind_as_often_as_it_says() -> None:
    words, random = [spoken("computer"), spoken("bumblebee")], np.random.default_rng(0)
    items = dataset.plan(words, [], [spoken("near:computer")], ("computer",), 1.0, random)
    labels = [dataset.label(item) for item in items]
    assert labels.count("computer") == dataset.COPIES["real"]
    assert labels.count("part:computer") == dataset.COPIES["part"]
    assert labels.count("bumblebee") == dataset.COPIES["other"]
    assert labels.count("near:computer") == dataset.COPIES["near"]
    assert labels.count("speech") == dataset.SPEECH_RAW + dataset.SPEECH_AUGMENTED
    assert labels.count("noise") == dataset.NOISE


def test_recordings_at_another_pitch_stand_beside_the_originals_other_words_rarely() -> None:
    warped, random = [spoken("computer")] * 100 + [spoken("bumblebee")] * 100, np.random.default_rng(0)
    labels = [dataset.label(item) for item in dataset.plan([], warped, [], ("computer",), 1.0, random)]
    assert labels.count("computer") == 100 * dataset.COPIES["warped"]
    assert labels.count("bumblebee") == pytest.approx(100 * dataset.COPIES["other warped"], abs=25)
    assert not [label for label in labels if label.startswith("part:")]


@pytest.mark.parametrize("kind", ["word", "part", "speech", "raw", "noise"])
def test_a_clip_has_its_length_and_its_utterance_inside(kind: str, around: Surroundings) -> None:
    item = Item(kind, spoken("computer") if kind in ("word", "part") else None)
    for seed in range(12):
        sound, start, end = dataset.make(item, np.random.default_rng(seed), around)
        assert sound.shape == (CLIP_SAMPLES,)
        assert np.abs(sound).max() <= 1
        if item.spoken is None:
            assert (start, end) == (0, 0)
        else:
            assert 0 <= start < end <= int(2.9 * 16_000)


def test_a_long_recording_is_cut_so_that_its_word_still_ends_inside(around: Surroundings) -> None:
    long = Spoken("computer", np.full(120_000, 0.1, np.float32), 80_000, 90_000, "ann", "a.flac")
    for seed in range(12):
        _, start, end = dataset.make(Item("word", long), np.random.default_rng(seed), around)
        assert 2.2 * 16_000 - 1 <= end <= 2.9 * 16_000
        assert start == pytest.approx(end - 10_000, abs=1_800)  # at another tempo


def test_the_pool_is_the_same_for_any_number_of_processes(tmp_path: Path, around: Surroundings) -> None:
    items = [Item("word", spoken("computer"))] * 4 + [Item("part", spoken("jarvis"))] * 3 + [Item("noise")] * 2
    for count in (1, 2):
        dataset.build(tmp_path / str(count), items, around, seed=7, processes=count)
    one, two = (np.load(tmp_path / str(count) / "samples.npy") for count in (1, 2))
    np.testing.assert_array_equal(one, two)
    with (tmp_path / "1" / "items.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert sorted(row[0] for row in rows) == ["computer"] * 4 + ["noise"] * 2 + ["part:jarvis"] * 3
    assert (tmp_path / "1" / "items.csv").read_text() == (tmp_path / "2" / "items.csv").read_text()
    assert len({clip.tobytes() for clip in one}) == len(items)  # copies of a recording differ
