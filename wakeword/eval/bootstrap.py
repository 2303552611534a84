"""Chance where clips are not independent: those of one speaker stand or fall together, so speakers are what is drawn.

`interval` draws speakers with replacement (percentile bootstrap; Efron and Tibshirani, 1993). `gap` deals the labels of
groups out to speakers anew (permutation test; exact whatever the clips of one speaker have in common). Both take sums a
cluster: a speaker, a recording, whatever was drawn from the world as one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.eval.bounds import CONFIDENCE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DRAWS = 4_000  # chosen: a probability of 0.05 is known to 0.007
SEED = 1


def interval(counts: Sequence[float], totals: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of sum(counts) / sum(totals) over clusters; None where it would tell nothing.

    That is: fewer than two clusters, or the same share in all of them (no misses at all, for one).
    """
    count, total = np.asarray(counts, np.float64), np.asarray(totals, np.float64)
    count, total = count[total > 0], total[total > 0]
    if len(total) < 2 or np.ptp(count / total) == 0:
        return None
    drawn = np.random.default_rng(SEED).multinomial(len(total), np.full(len(total), 1 / len(total)), DRAWS)  # (d, c)
    shares = (drawn @ count) / (drawn @ total)
    low, high = np.quantile(shares, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Gap:
    """The largest difference between two groups, and whether chance does as much."""

    worst: str
    best: str
    size: float  # of the rates, in their own unit
    p: float  # of a difference as large or larger between any two groups, if labels mean nothing
    least_p: float  # that this many speakers could show at all

    @property
    def can_tell(self) -> bool:
        """Are there speakers enough for any difference to show?"""
        return self.least_p <= (1 - CONFIDENCE) / 2


def gap(labels: Sequence[str], clusters: Sequence[str], counts: Sequence[float], totals: Sequence[float]) -> Gap | None:
    """The largest difference of sum(counts) / sum(totals) between groups; None with fewer than two groups.

    A row is one observation, or a sum of such. Where each cluster has one label, labels are dealt out to clusters;
    where one has several (near and far, say), its own are dealt out within it. Pairs of groups are compared by their
    difference over sqrt(1/m + 1/n), m and n the clusters that each amounts to (Kish: sum^2 / sum of squares).
    """
    names = sorted({label for label, total in zip(labels, totals, strict=True) if total > 0})
    if len(names) < 2:
        return None
    cells: dict[tuple[str, str], list[float]] = {}
    for name, cluster, own, of in zip(labels, clusters, counts, totals, strict=True):
        if of > 0:
            sums = cells.setdefault((cluster, name), [0.0, 0.0])
            sums[0], sums[1] = sums[0] + own, sums[1] + of
    owners = [cluster for cluster, _ in cells]
    label = np.array([names.index(name) for _, name in cells])
    count, total = np.array(list(cells.values())).T
    observed, high, low = _largest(label[None, :], count, total, len(names))
    dealt, ways = _dealt(label, owners, np.random.default_rng(SEED))
    as_large = np.sum(_largest(dealt, count, total, len(names))[0] >= observed[0] - 1e-9)
    rates = np.bincount(label, count, len(names)) / np.bincount(label, total, len(names))
    worst, best = int(high[0]), int(low[0])
    p = float((1 + as_large) / (1 + len(dealt)))
    return Gap(names[worst], names[best], float(rates[worst] - rates[best]), p, max(1 / ways, 1 / (1 + len(dealt))))


def holm(probabilities: Sequence[float]) -> list[float]:
    """Probabilities as they are after asking all these questions together (Holm, 1979)."""
    order = np.argsort(probabilities, kind="stable")
    scaled = np.asarray(probabilities, np.float64)[order] * np.arange(len(order), 0, -1)
    found = np.empty(len(order))
    found[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return [float(value) for value in found]


def _largest(label: Ints, count: Floats, total: Floats, groups: int) -> tuple[Floats, Ints, Ints]:
    """For each deal (d, cells): the largest difference in its unit of chance, and between which groups (high, low)."""
    rate, spread = np.zeros((len(label), groups)), np.zeros((len(label), groups))
    for group in range(groups):
        own = label == group  # (d, cells)
        whole = own @ total
        rate[:, group] = (own @ count) / whole
        spread[:, group] = (own @ total**2) / whole**2
    difference = rate[:, :, None] - rate[:, None, :]  # (d, g, g)
    scaled = (difference / np.sqrt(spread[:, :, None] + spread[:, None, :])).reshape(len(label), -1)
    place = scaled.argmax(axis=1)
    return scaled.max(axis=1), place // groups, place % groups


def _dealt(label: Ints, owners: list[str], random: np.random.Generator) -> tuple[Ints, float]:
    """(deals, cells) of labels dealt out anew, and how many different deals there are."""
    own = [np.flatnonzero([owner == name for owner in owners]) for name in sorted(set(owners))]
    if all(len(cells) == 1 for cells in own):
        own = [np.arange(len(label))]
    dealt = np.tile(label, (DRAWS, 1))
    ways = 0.0  # the logarithm
    for cells in own:
        dealt[:, cells] = random.permuted(dealt[:, cells], axis=1)
        ways += math.lgamma(len(cells) + 1) - sum(math.lgamma(n + 1) for n in np.bincount(label[cells]))
    return dealt, math.exp(min(700.0, ways))
