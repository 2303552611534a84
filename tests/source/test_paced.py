"""A source without a clock of its own, played as a microphone would."""

from __future__ import annotations

import math
import time
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.source.paced import Paced

Int16 = npt.NDArray[np.int16]


class Given:
    """Hands out blocks of these lengths, numbered through; then None."""

    def __init__(self, lengths: list[int]) -> None:
        self.warnings: list[str] = []
        ends = np.cumsum([0, *lengths])
        self._blocks = [np.arange(start, end).astype(np.int16) for start, end in pairwise(ends)]

    def read(self) -> Int16 | None:
        return self._blocks.pop(0) if self._blocks else None

    def close(self) -> None:
        self._blocks.clear()


@given(lengths=st.lists(st.integers(0, 400), max_size=12), wanted=st.integers(1, 500))
def test_every_sample_comes_once_and_in_order_however_it_is_cut(lengths: list[int], wanted: int) -> None:
    paced = Paced(Given(lengths), math.inf)
    blocks = []
    while (block := paced.read(wanted)) is not None:
        assert len(block) <= wanted
        blocks.append(block)
    assert np.array_equal(np.concatenate([np.zeros(0, np.int16), *blocks]), np.arange(sum(lengths)))
    assert paced.read(wanted) is None


@pytest.mark.parametrize(("speed", "length_s"), [(1.0, 0.5), (20.0, 0.025)])
def test_a_block_is_due_when_its_last_sample_would_have_been_heard(
    monkeypatch: pytest.MonkeyPatch, speed: float, length_s: float
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    paced = Paced(Given([16_000]), speed)
    assert paced.due_s(8_000) == pytest.approx(100.0 + length_s)
    paced.read(8_000)
    assert paced.due_s(8_000) == pytest.approx(100.0 + 2 * length_s)


def test_at_once_is_due_now_and_in_a_session_it_keeps_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    paced = Paced(Given([64_000]), math.inf)
    paced.read(16_000)
    now = 101.0
    assert paced.due_s(1_280) == 101.0
    paced.real_time = True
    assert paced.pace == 1.0
    paced.read(16_000)
    assert paced.due_s(16_000) == pytest.approx(103.0)


def test_what_nobody_listened_to_is_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    paced = Paced(Given([64_000]), 1.0)
    now = 160.0
    paced.resume()
    assert paced.due_s(16_000) == pytest.approx(161.0)
