"""Intervals against scipy's, on drawn counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.eval import bounds

stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: pip install '.[dev]'")

CONFIDENCES = st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.9999])


@given(st.integers(0, 5_000), st.integers(1, 5_000), CONFIDENCES)
def test_wilson_is_scipys(count: int, of: int, confidence: float) -> None:
    count = min(count, of)
    found = bounds.wilson(count, of, confidence)
    known = stats.binomtest(count, of).proportion_ci(confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), rel=1e-9, abs=1e-12)
    assert found.value == count / of


@given(st.integers(0, 20_000), st.floats(0.01, 1e5), CONFIDENCES)
def test_poissons_bounds_are_those_of_the_chi_squared_quantiles(count: int, hours: float, confidence: float) -> None:
    found, tail = bounds.poisson(count, hours, confidence), (1 - confidence) / 2
    low = stats.chi2.ppf(tail, 2 * count) / 2 / hours if count else 0.0
    assert found.low == pytest.approx(low, rel=1e-9)
    assert found.high == pytest.approx(stats.chi2.isf(tail, 2 * count + 2) / 2 / hours, rel=1e-9)


@given(st.integers(0, 400), st.floats(0.001, 500))
def test_the_distribution_is_scipys(count: int, mean: float) -> None:
    assert bounds.at_most(count, mean) == pytest.approx(stats.poisson.cdf(count, mean), rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("hours", "high"), [(3, 1.2296), (10.76, 0.34283)])
def test_none_in_some_hours_says_only_below(hours: float, high: float) -> None:
    assert bounds.poisson(0, hours) == bounds.Frequency(0, hours, 0.0, pytest.approx(high, rel=1e-4))


def test_the_rule_of_three() -> None:
    """Without a single event 3 h bound the frequency by 1 an hour at 95 %, one-sided: -ln 0.05 = 2.996."""
    assert bounds.hours_needed(1.0, 0.05) == pytest.approx(-math.log(0.05))
    assert bounds.hours_needed(0.5, 0.05, count=1) == pytest.approx(stats.chi2.isf(0.05, 4) / 2 / 0.5)


def test_of_nothing_nothing_is_known() -> None:
    assert (bounds.wilson(0, 0).low, bounds.wilson(0, 0).high) == (0.0, 1.0)
    assert (bounds.poisson(0, 0).low, bounds.poisson(0, 0).high) == (0.0, math.inf)
    assert math.isnan(bounds.wilson(0, 0).value)
    assert math.isnan(bounds.poisson(0, 0).value)


def test_an_edge_is_kept() -> None:
    assert bounds.wilson(0, 50).low == 0.0
    assert bounds.wilson(50, 50).high == 1.0


@pytest.mark.parametrize("wrong", [lambda: bounds.wilson(3, 2), lambda: bounds.wilson(-1, 2)])
def test_an_impossible_count_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="of 2"):
        wrong()  # type: ignore[operator]


def test_a_negative_time_is_refused() -> None:
    with pytest.raises(ValueError, match="1 in -2"):
        bounds.poisson(1, -2)


def test_95_percent_intervals_hold_in_95_of_100_draws() -> None:
    """Exact bounds cover at least as often as they say; 4 000 draws of a frequency of 0.4 an hour in 10 h."""
    random = np.random.default_rng(3)
    counts = random.poisson(4.0, 4_000)
    held = [bounds.poisson(int(n), 10.0).low <= 0.4 <= bounds.poisson(int(n), 10.0).high for n in counts]
    assert 0.95 <= np.mean(held) <= 0.985
