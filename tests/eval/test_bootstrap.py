"""Chance with speakers that differ: no difference is found where there is none, and a planted one is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from wakeword.eval import bootstrap

stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: pip install '.[dev]'")


def test_the_interval_is_that_of_scipys_bootstrap() -> None:
    random = np.random.default_rng(4)
    totals = random.integers(5, 40, 25)
    counts = random.binomial(totals, random.beta(1, 6, 25))
    known = stats.bootstrap(
        (counts, totals), lambda a, b, axis: a.sum(axis) / b.sum(axis), paired=True, method="percentile",
        n_resamples=4_000, rng=np.random.default_rng(1), vectorized=True,
    ).confidence_interval  # fmt: skip
    assert bootstrap.interval(counts, totals) == pytest.approx((known.low, known.high), abs=0.006)


def test_speakers_that_differ_make_it_wider_than_independent_clips() -> None:
    alike, unlike = bootstrap.interval([1, 2, 1, 2] * 5, [20] * 20), bootstrap.interval([0, 0, 0, 6] * 5, [20] * 20)
    assert alike
    assert unlike
    assert unlike[1] - unlike[0] > 3 * (alike[1] - alike[0])


@pytest.mark.parametrize(("counts", "totals"), [([], []), ([3], [10]), ([0, 0, 0], [5, 9, 7]), ([1, 5], [2, 0])])
def test_no_interval_where_it_would_tell_nothing(counts: list[int], totals: list[int]) -> None:
    assert bootstrap.interval(counts, totals) is None


def test_the_gap_is_the_largest_difference_of_two_groups() -> None:
    found = bootstrap.gap(["a", "b", "c", "a"], ["1", "2", "3", "4"], [1, 5, 2, 1], [10, 10, 10, 10])
    assert found
    assert (found.worst, found.best, found.size) == ("b", "a", pytest.approx(0.4))
    assert bootstrap.gap(["a", "a"], ["1", "2"], [1, 2], [3, 3]) is None
    assert bootstrap.gap(["a", "b"], ["1", "2"], [1, 0], [3, 0]) is None


def test_its_probability_is_that_of_all_deals() -> None:
    """Eight speakers, four and four: 70 deals, counted one by one."""
    shares = [0.0, 0.1, 0.2, 0.25, 0.3, 0.5, 0.6, 0.75]
    labels = ["a", "a", "a", "b", "a", "b", "b", "b"]
    found = bootstrap.gap(labels, [str(n) for n in range(8)], [20 * share for share in shares], [20] * 8)
    whole = sum(shares)
    means = [abs(2 * sum(shares[n] for n in own) - whole) for own in itertools.combinations(range(8), 4)]
    observed = abs(2 * sum(share for share, label in zip(shares, labels, strict=True) if label == "b") - whole)
    assert found
    assert found.p == pytest.approx(np.mean([mean >= observed - 1e-9 for mean in means]), abs=0.015)
    assert found.least_p == pytest.approx(1 / 70)


def test_within_speakers_it_is_the_sign_test_of_their_differences() -> None:
    """Ten speakers near and far, all worse far: one deal in 2^10 is as extreme on this side, one on the other."""
    labels = ["near", "far"] * 10
    clusters = [str(n // 2) for n in range(20)]
    counts = [value for n in range(10) for value in (n, n + 5)]
    found = bootstrap.gap(labels, clusters, counts, [20] * 20)
    assert found
    assert (found.worst, found.best, found.least_p) == ("far", "near", pytest.approx(1 / 1024))
    assert found.p == pytest.approx(2 / 1024, abs=0.002)


def test_two_speakers_can_show_nothing() -> None:
    found = bootstrap.gap(["a", "b"], ["1", "2"], [0, 20], [20, 20])
    assert found
    assert found.p > 0.9
    assert not found.can_tell


def test_holms_steps() -> None:
    assert bootstrap.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert bootstrap.holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    assert bootstrap.holm([]) == []
