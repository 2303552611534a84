"""Counts with their uncertainty: shares with Wilson's interval, frequencies with exact Poisson bounds.

Wilson (1927), JASA 22:209; Garwood (1936), Biometrika 28:437. A result is never a bare number: it keeps its counts.
Nothing here knows what was counted; clips of one speaker are not independent, for that see `bootstrap.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of`, with the interval of the true share; all in [0, 1]."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself, NaN of nothing."""
        return self.count / self.of if self.of else math.nan


@dataclass(frozen=True, slots=True)
class Frequency:
    """`count` in `hours`, with the interval of the true frequency, an hour."""

    count: int
    hours: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """Counts an hour, NaN of no time."""
        return self.count / self.hours if self.hours else math.nan


def wilson(count: int, of: int, confidence: float = CONFIDENCE) -> Share:
    """Wilson's score interval, without continuity correction. Of nothing: from 0 to 1."""
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of}")
    if of == 0:
        return Share(0, 0, 0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, weight = count / of, z * z / of
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / of + weight / (4 * of))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Share(count, of, low if count else 0.0, high if count < of else 1.0)


def poisson(count: int, hours: float, confidence: float = CONFIDENCE) -> Frequency:
    """Exact two-sided bounds of a Poisson frequency. In no time: from 0 to infinity."""
    if count < 0 or hours < 0:
        raise ValueError(f"{count} in {hours} h")
    if hours == 0:
        return Frequency(count, 0.0, 0.0, math.inf)
    tail = (1 - confidence) / 2
    return Frequency(count, hours, poisson_lower(count, tail) / hours, poisson_upper(count, tail) / hours)


@lru_cache(maxsize=65_536)
def poisson_upper(count: int, tail: float) -> float:
    """The mean at which `count` or fewer happen with probability `tail` (in (0, 1)): chi2.ppf(1 - tail, 2n + 2) / 2."""
    return _solve(lambda mean: at_most(count, mean) < tail, count + 1.0)


@lru_cache(maxsize=65_536)
def poisson_lower(count: int, tail: float) -> float:
    """The mean at which `count` or more happen with probability `tail`: chi2.ppf(tail, 2n) / 2; 0 for none."""
    return _solve(lambda mean: 1 - at_most(count - 1, mean) > tail, count + 1.0) if count else 0.0


def hours_needed(most_per_hour: float, tail: float, count: int = 0) -> float:
    """Hours with no more than `count` events after which `most_per_hour` is the upper bound."""
    return poisson_upper(count, tail) / most_per_hour


def at_most(count: int, mean: float) -> float:
    """Probability of at most `count` events of a Poisson variable."""
    if count < 0 or mean <= 0:
        return 0.0 if count < 0 else 1.0
    if count >= mean:  # sum the smaller tail: neither loses its digits
        return 1 - _tail(count + 1, mean, lambda n: mean / (n + 1), 1)
    return _tail(count, mean, lambda n: n / mean, -1)


def _tail(first: int, mean: float, ratio: Callable[[int], float], step: int) -> float:
    """Probabilities of `first`, `first + step`, … summed until they no longer count."""
    term = math.exp(first * math.log(mean) - mean - math.lgamma(first + 1))
    total, number = 0.0, first
    while term > total * 1e-17 and number >= 0:
        total += term
        term *= ratio(number)
        number += step
    return total


def _solve(above: Callable[[float], bool], high: float) -> float:
    """The least mean that is `above`, to the last digits of a double."""
    while not above(high):
        high *= 2
    low = 0.0
    while high - low > 1e-14 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return (low + high) / 2
