"""Pairs of wakes and utterances against mir_eval's matching of events, on drawn times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.eval.match import TOLERANCE_S, Window, pair

util = pytest.importorskip("mir_eval.util", reason="mir_eval is not installed: pip install '.[dev]'")

TIMES = st.lists(st.integers(0, 160).map(lambda eighth: eighth / 8), max_size=12)


@given(TIMES, TIMES, st.sampled_from([0.5, 1.0, 3.0]))
def test_as_many_are_paired_as_mir_eval_pairs(ends: list[float], wakes: list[float], length: float) -> None:
    """Windows of one length are distances from their middles."""
    half = (length + TOLERANCE_S) / 2
    middles = [end - length + half for end in ends]
    known = util.match_events(np.array(middles), np.array(wakes), half + 1e-9) if ends and wakes else []
    found = pair([Window(end - length, end) for end in ends], wakes)
    assert sum(number is not None for number in found) == len(known)
