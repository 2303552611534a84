"""The attack finds the epsilon that a mechanism has: never more of an honest one, and half the noise is caught."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import pytest

from wakeword.daily.mechanism import Mechanism
from wakeword.daily.report import MOST
from wakeword.fleet.attack import attack, bound, draw, likelihood_ratio

REPORTS = 30_000

opendp = pytest.mark.skipif(find_spec("opendp") is None, reason="pip install 'wakeword[fleet]'")


@opendp
@pytest.mark.parametrize("epsilon", [1_000, 3_000])
def test_an_honest_mechanism_is_not_refuted_and_the_attack_comes_near_to_it(epsilon: int) -> None:
    """Of a thousand honest ones one is suspected: two in a row, by the same draw, would be one in a million."""
    found = [attack(Mechanism(epsilon), REPORTS) for _ in range(2)]
    assert not all(one.broken for one in found)
    assert max(one.lower for one in found) > 0.5 * epsilon / 1_000


@opendp
def test_half_the_noise_is_caught() -> None:
    found = attack(Mechanism(1_000, stretch=0.5), REPORTS)
    assert found.broken
    assert found.lower > 1.2


@opendp
def test_less_noise_on_one_count_alone_is_caught() -> None:
    class Careless(Mechanism):
        def noisy(self, name: str, values: Sequence[int]) -> list[int]:
            return super().noisy(name, values) if name != "wakes" else list(values)

    assert attack(Careless(1_000), 4_000).broken


@opendp
def test_the_two_households_are_the_furthest_apart() -> None:
    quiet = Mechanism(1_000, stretch=1e-6)
    assert draw(quiet, everything=True, reports=2).tolist() == [list(MOST.values())] * 2
    assert draw(quiet, everything=False, reports=1).tolist() == [[0, 0, 0, 0]]


def test_no_report_is_worth_more_than_epsilon() -> None:
    far = 10**6 * np.array([[1, 1, 1, 1], [-1, -1, -1, -1], [1, -1, 1, -1]])
    assert likelihood_ratio(far, 1_000)[:2].tolist() == pytest.approx([1, -1])
    assert abs(likelihood_ratio(far, 1_000)[2]) < 1


def test_the_bound_is_below_the_estimate_and_of_nothing_it_is_nothing() -> None:
    found = bound(1.0, 2_718, 1_000, 100_000)
    assert found.estimate == pytest.approx(1.0, abs=1e-3)
    assert 0.8 < found.lower < 1.0
    assert bound(1.0, 0, 5, 100).lower == -math.inf
    assert bound(1.0, 2_718, 1_000, 100_000_000).lower < found.lower + 0.2
