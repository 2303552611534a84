"""Somebody who wants to know one household's day: how much does its report tell at the most?

Two households as unlike as two can be, one in which nothing happened and one in which everything did up to its greatest
count, report again and again. The attacker knows the mechanism and takes the best test there is (Neyman and Pearson:
the likelihood ratio of all four counts together), to say "nothing" or "everything". Half of the reports choose the
threshold; the other half count how often the test says "everything" of each household. By differential privacy the one
part is at most e^epsilon times the other, so ln of their ratio, at the far ends of their intervals (Wilson), is a lower
bound of the epsilon that this mechanism really has. Above the stated one: the promise is broken. Far below: the attack
is too weak to prove anything, which is why a mechanism with half the noise is tried as well and must be caught.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.daily.mechanism import Mechanism
from wakeword.daily.report import COUNTS, MOST, scale
from wakeword.eval.bounds import wilson

CONFIDENCE = 0.999  # of the lower bound: one in a thousand honest mechanisms is suspected
THRESHOLDS = 200
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Found:
    """What an attack got."""

    stated: float  # epsilon
    lower: float  # the real one is at least that, at CONFIDENCE
    estimate: float
    reports: int  # of each household that were counted
    said_of_full: int  # of these, "everything"
    said_of_empty: int

    @property
    def broken(self) -> bool:
        """Is the promise refuted?"""
        return self.lower > self.stated


def attack(mechanism: Mechanism, reports: int) -> Found:
    """Try `reports` reports of each of two households; half of them to choose the test, half to count."""
    empty, full = (draw(mechanism, everything=everything, reports=reports) for everything in (False, True))
    half = reports // 2
    ratios = [likelihood_ratio(counts, mechanism.epsilon) for counts in (empty, full)]
    threshold = _best_threshold(*(ratio[:half] for ratio in ratios))
    said = [int((ratio[half:] >= threshold).sum()) for ratio in ratios]
    return bound(mechanism.epsilon / 1_000, said[1], said[0], reports - half)


def bound(stated: float, said_of_full: int, said_of_empty: int, reports: int) -> Found:
    """The lower bound of epsilon from two counts of `reports`."""
    full, empty = (wilson(said, reports, CONFIDENCE) for said in (said_of_full, said_of_empty))
    estimate = math.log(said_of_full / said_of_empty) if said_of_full and said_of_empty else math.nan
    lower = math.log(full.low / empty.high) if said_of_full else -math.inf
    return Found(stated, lower, estimate, reports, said_of_full, said_of_empty)


def draw(mechanism: Mechanism, *, everything: bool, reports: int) -> Ints:
    """(reports, 4): what a household's day looks like from outside."""
    columns = [mechanism.noisy(name, [MOST[name] * everything] * reports) for name in COUNTS]
    return np.array(columns, np.int64).T


def likelihood_ratio(counts: Ints, epsilon: int) -> Floats:
    """(n, 4) -> (n,) ln P(report | everything) - ln P(report | nothing), under the stated noise."""
    total = np.zeros(len(counts))
    for column, name in enumerate(COUNTS):
        seen = counts[:, column]
        total += (np.abs(seen) - np.abs(seen - MOST[name])) / scale(name, epsilon)
    return total


def _best_threshold(empty: Floats, full: Floats) -> float:
    """That with the greatest lower bound on the reports it is chosen on."""
    found = np.quantile(full, np.linspace(0.01, 0.99, THRESHOLDS))
    said = [(int((full >= each).sum()), int((empty >= each).sum())) for each in found]
    lowers = [bound(0.0, of_full, of_empty, len(full)).lower for of_full, of_empty in said]
    return float(found[int(np.argmax(lowers))])
