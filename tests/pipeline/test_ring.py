"""The ring against a plain list of all samples ever written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.pipeline.ring import Ring


def block(first: int, length: int) -> np.ndarray:
    """Samples that tell their own number."""
    return np.arange(first, first + length).astype(np.int16)


@given(st.data(), st.integers(1, 40))
def test_reads_are_those_of_a_plain_list(data: st.DataObject, capacity: int) -> None:
    ring, everything = Ring(capacity), []
    for length in data.draw(st.lists(st.integers(0, capacity), max_size=12)):
        written = block(1 + len(everything), length)
        ring.write(written)
        everything += written.tolist()
    start = data.draw(st.integers(-10, len(everything) + 3))
    end = data.draw(st.integers(start, len(everything) + 5))
    if end > len(everything) or max(start, 0) < len(everything) - capacity:
        with pytest.raises(IndexError, match=f"samples {start} to {end} are not among the last {capacity}"):
            ring.read(start, end)
    else:
        silence_before = [0] * 10
        assert ring.read(start, end).tolist() == (silence_before + everything)[start + 10 : end + 10]


def test_a_read_is_a_copy_that_later_writes_do_not_touch() -> None:
    ring = Ring(8)
    ring.write(block(1, 8))
    whole, part, wrapped = ring.read(0, 8), ring.read(2, 5), ring.read(-2, 3)
    ring.write(block(101, 8))
    assert whole.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert part.tolist() == [3, 4, 5]
    assert wrapped.tolist() == [0, 0, 1, 2, 3]


def test_an_end_before_the_start_is_refused() -> None:
    ring = Ring(8)
    ring.write(block(1, 8))
    with pytest.raises(IndexError, match="samples 5 to 4"):
        ring.read(5, 4)


def test_samples_keep_their_numbers_after_many_rounds() -> None:
    ring = Ring(1000)
    for first in range(0, 70_000, 700):
        ring.write(block(first, 700))
    assert ring.written == 70_000
    np.testing.assert_array_equal(ring.read(69_100, 69_900), block(69_100, 800))
