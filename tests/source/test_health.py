"""The judgement on a microphone, without a microphone; with one: tests/processes/test_microphone.py."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from wakeword.notices import Ailment
from wakeword.source.health import CONSTANT_SAMPLES, STALLED_S, Health

Int16 = npt.NDArray[np.int16]
NOISE = np.random.default_rng(1).integers(-300, 300, 16_000).astype(np.int16)


def found(counts: list[int], block: Int16 = NOISE, rate_hz: int = 16_000) -> list[list[Ailment]]:
    """What is found in each second; so many samples came from the device in it."""
    health = Health(0.0, rate_hz)
    return [health.check(second + 1.0, count, block if count else block[:0]) for second, count in enumerate(counts)]


def test_a_steady_microphone_is_well() -> None:
    assert found([16_000] * 60) == [[]] * 60


def test_its_own_rate_is_what_counts() -> None:
    assert found([48_000] * 30, rate_hz=48_000) == [[]] * 30


def test_two_seconds_of_nothing_are_a_stall_and_the_first_sample_ends_it() -> None:
    assert STALLED_S == 2.0
    assert found([16_000] * 3 + [0] * 3 + [16_000])[3:] == [[], [Ailment.STALLED], [Ailment.STALLED], []]


def test_a_microphone_that_never_delivers_is_stalled() -> None:
    assert found([0, 0]) == [[], [Ailment.STALLED]]


@pytest.mark.parametrize("rate", [8_000, 12_000, 21_000, 48_000])
def test_another_pace_than_promised_is_found_after_ten_seconds(rate: int) -> None:
    told = found([rate] * 12)
    assert told[:9] == [[]] * 9
    assert told[9:] == [[Ailment.RATE]] * 3


@pytest.mark.parametrize("rate", [13_500, 19_500])
def test_a_pace_that_is_a_little_off_is_a_clock_and_no_fault(rate: int) -> None:
    assert found([rate] * 30) == [[]] * 30


def test_the_pace_is_that_of_the_last_ten_seconds() -> None:
    told = found([16_000] * 20 + [8_000] * 10 + [16_000] * 12)
    assert told[19] == []
    assert told[29] == [Ailment.RATE]
    assert told[-1] == []


@pytest.mark.parametrize("value", [0, -5])
def test_one_value_for_five_seconds_is_a_dead_microphone(value: int) -> None:
    assert CONSTANT_SAMPLES == 80_000
    told = found([16_000] * 6, np.full(16_000, value, np.int16))
    assert told == [[]] * 4 + [[Ailment.ZEROS]] * 2


def test_one_changed_sample_is_life() -> None:
    block = np.zeros(16_000, np.int16)
    block[7] = 1
    assert found([16_000] * 12, block) == [[]] * 12


@pytest.mark.parametrize(("share", "clips"), [(0.04, False), (0.06, True)])
def test_clipping_is_a_share_of_the_samples_at_full_scale(share: float, clips: bool) -> None:
    block = NOISE.copy()
    block[: int(share * len(block))] = np.resize(np.array([32767, -32768], np.int16), int(share * len(block)))
    assert found([16_000] * 3, block)[-1] == ([Ailment.CLIPPING] if clips else [])


def test_clipping_is_forgotten_after_some_seconds() -> None:
    health = Health(0.0, 16_000)
    loud = np.resize(np.array([32767, -32768], np.int16), 16_000)
    assert health.check(1.0, 16_000, loud) == [Ailment.CLIPPING]
    later = [health.check(2.0 + second, 16_000, NOISE) for second in range(6)]
    assert later[0] == [Ailment.CLIPPING]
    assert later[-1] == []
