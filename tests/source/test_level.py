"""How loud, and is it alive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.source.level import SILENCE_DBFS, Unchanged, measure


def test_a_full_scale_square_wave_is_at_0_dbfs_and_clipped() -> None:
    level = measure(np.tile(np.array([32767, -32768], np.int16), 100))
    assert level.rms_dbfs == pytest.approx(0, abs=0.001)
    assert (level.peak_dbfs, level.clipped, level.constant) == (0, 200, False)


def test_a_tenth_of_full_scale_is_20_db_down() -> None:
    assert measure(np.tile(np.array([3277, -3277], np.int16), 100)).rms_dbfs == pytest.approx(-20, abs=0.01)


def test_an_offset_is_told_apart_from_sound() -> None:
    level = measure(np.full(100, 8192, np.int16))
    assert (level.rms_dbfs, level.dc, level.constant) == (SILENCE_DBFS, 0.25, True)


def test_no_sample_is_silence() -> None:
    level = measure(np.zeros(0, np.int16))
    assert (level.rms_dbfs, level.constant, level.clipped) == (SILENCE_DBFS, True, 0)


@given(st.lists(st.integers(-1, 1), max_size=40), st.lists(st.integers(0, 8), max_size=10))
def test_the_run_of_one_value_is_counted_across_blocks(samples: list[int], cuts: list[int]) -> None:
    unchanged, whole, at = Unchanged(), np.array(samples, np.int16), 0
    for cut in [*cuts, len(samples)]:
        unchanged.push(whole[at : at + cut])
        at += cut
    expected = next((n for n, value in enumerate(reversed(samples)) if value != samples[-1]), len(samples))
    assert unchanged.samples == expected
