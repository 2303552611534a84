"""Augmentation: what stays (length, level, place in time, the seed's clip) while everything else changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.train import augment
from wakeword.train.augment import Surroundings


@pytest.fixture(scope="module")
def around() -> Surroundings:
    random = np.random.default_rng(9)
    talk = [random.normal(0, 0.1, 90_000).astype(np.float32) * np.repeat(random.random(90), 1_000) for _ in range(3)]
    response = np.zeros(4_000, np.float32)
    response[8], response[900] = 1, 0.4
    return Surroundings([sound.astype(np.float32) for sound in talk], talk[0], talk[1][:20_000], [response])


CHANGES: dict[str, Callable[[np.ndarray, np.random.Generator, Surroundings], np.ndarray]] = {
    "room": augment.room,
    "microphone": lambda sound, random, around: augment.microphone(sound, random),
    "noise": lambda sound, random, around: augment.noise(len(sound), random, around),
    "speaker": lambda sound, random, around: augment.speaker(sound, random)[0],
    "cut": lambda sound, random, around: augment.cut(around.music, len(sound), random),
}


@pytest.mark.parametrize("name", CHANGES)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_a_seed_repeats_a_clip_in_float32_and_in_bounds(name: str, seed: int, around: Surroundings) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    first = CHANGES[name](sound.copy(), np.random.default_rng(seed), around)
    again = CHANGES[name](sound.copy(), np.random.default_rng(seed), around)
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    assert np.all(np.isfinite(first))
    if name != "speaker":
        assert len(first) == len(sound)
    if name == "microphone":
        assert np.abs(first).max() <= 1


def test_the_level_is_that_of_the_active_half() -> None:
    half_silent = np.concatenate([np.zeros(16_000), np.full(16_000, 0.25)]).astype(np.float32)
    assert augment.level(half_silent) == pytest.approx(0.25)
    assert augment.level(np.full(100, 0.5, np.float32)) == pytest.approx(0.5)  # shorter than one frame of 20 ms


def test_noise_has_unit_level(around: Surroundings) -> None:
    for seed in range(20):
        assert augment.level(augment.noise(32_000, np.random.default_rng(seed), around)) == pytest.approx(1, rel=1e-3)


def test_a_room_keeps_the_level_and_does_not_shift_the_sound(around: Surroundings) -> None:
    sound = np.zeros(16_000, np.float32)
    sound[4_000:8_000] = np.random.default_rng(2).normal(0, 0.2, 4_000)
    heard = augment.room(sound, np.random.default_rng(0), around)
    assert augment.level(heard) == pytest.approx(augment.level(sound), rel=1e-3)
    lag = int(np.argmax(np.correlate(heard[:10_000], sound[:9_000], "valid")))
    assert lag == 8  # the direct sound of `align`


def test_aligning_puts_the_direct_sound_first() -> None:
    response = np.zeros(30_000, np.float32)
    response[2_000], response[2_500] = -0.5, 0.2
    aligned = augment.align(response)
    assert int(np.argmax(np.abs(aligned))) == 8
    assert np.abs(aligned).max() == 1
    assert len(aligned) <= 8 + 0.8 * 16_000


def test_another_tempo_shortens_by_the_factor_that_is_returned() -> None:
    sound = np.sin(np.arange(32_000) / 10).astype(np.float32)
    for seed in range(8):
        faster, factor = augment.speaker(sound, np.random.default_rng(seed))
        assert len(faster) == pytest.approx(32_000 / factor, abs=2)
        assert 0.85 < factor < 1.18


def test_a_short_sound_is_repeated() -> None:
    np.testing.assert_array_equal(np.unique(augment.cut(np.ones(7, np.float32), 100, np.random.default_rng(0))), [1])


def test_a_telephone_keeps_the_length_and_little_above_four_kilohertz() -> None:
    sound = np.random.default_rng(0).standard_normal(20_001).astype(np.float32) * np.float32(0.1)
    for seed in range(4):  # both codecs
        heard = augment._telephone(sound, np.random.default_rng(seed))
        power = np.abs(np.fft.rfft(heard)) ** 2
        assert len(heard) == len(sound)
        assert power[len(power) // 2 + 400 :].sum() < 0.01 * power.sum()
