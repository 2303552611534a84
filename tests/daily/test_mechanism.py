"""OpenDP's noise: what it costs, that it is the distribution the documents name, and the attack on it."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import pytest

from wakeword.daily.mechanism import Mechanism
from wakeword.daily.report import COUNTS, MOST, clipped, scale
from wakeword.fleet.simulate import noise

pytestmark = pytest.mark.skipif(find_spec("opendp") is None, reason="pip install 'wakeword[fleet]'")
SURE = 1e-6  # a chance so small that a test of it never fails by accident


@pytest.mark.parametrize("epsilon", [10, 333, 1_000, 10_000])
def test_a_report_costs_what_it_states_as_the_library_computes_it(epsilon: int) -> None:
    assert Mechanism(epsilon).costs() == pytest.approx(epsilon / 1_000)
    assert Mechanism(epsilon, stretch=0.5).costs() == pytest.approx(2 * epsilon / 1_000)


def test_a_day_with_more_is_a_day_with_the_most() -> None:
    """At a noise of next to nothing the counts themselves come out."""
    quiet = Mechanism(1_000, stretch=1e-6)
    assert quiet.release(dict.fromkeys(COUNTS, 10**9)) == tuple(MOST.values())
    assert quiet.release({"wakes": 3, "rej": -2}) == tuple(clipped({"wakes": 3}).values())


@pytest.mark.parametrize("source", ["the library", "the simulation"])
def test_the_noise_is_discrete_laplace(source: str) -> None:
    """scipy's dlaplace(a): P(k) ~ exp(-a |k|)."""
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: pip install '.[dev]'")
    mechanism, drawn = Mechanism(1_000), 20_000
    wide = scale("cancel", 1_000)
    if source == "the library":
        found = np.array(mechanism.noisy("cancel", [2] * drawn)) - 2
    else:
        found = noise(np.random.default_rng(1), wide, drawn)
    cells = np.arange(-40, 41)
    expected = stats.dlaplace.pmf(cells, 1 / wide) * drawn
    seen = np.array([(found == cell).sum() for cell in cells])
    outside = drawn - expected.sum()
    chance = stats.chisquare([*seen, drawn - seen.sum()], [*expected, outside]).pvalue
    assert chance > SURE
    twice = stats.dlaplace.pmf(cells, 2 / wide) * drawn
    assert stats.chisquare([*seen, drawn - seen.sum()], [*twice, drawn - twice.sum()]).pvalue < SURE


def test_no_two_reports_of_one_day_are_alike_by_plan() -> None:
    mechanism = Mechanism(1_000)
    assert len({mechanism.release({}) for _ in range(50)}) > 45
    assert math.isclose(scale("cancel", 1_000), 8)
