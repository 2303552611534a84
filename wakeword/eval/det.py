"""Misses against false accepts as thresholds move: of each stage, and of both together (Martin et al., 1997).

A point of a curve is what happens at one threshold (two for the cascade), nothing is drawn in between. Misses are
shares in which each condition weighs the same; false accepts are counts in negative recordings: divide by their hours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wakeword.eval.joint import FALSE, LEAST, Floats, Ints, Sweep

POINTS = 200  # of a curve, at most
WORK = 2_000_000  # thresholds of stage 1 times rows; chosen: 1.6 s for the dev fold, all of its 450 thresholds


@dataclass(frozen=True)
class Curve:
    """Thresholds falling; what is missed (share) and what is let through falsely (count) at each of them."""

    threshold: Floats  # (n,) of the stage; of stage 1 in a cascade
    second: Floats  # (n,) of stage 2 in a cascade; else NaN
    frr: Floats  # (n,) in [0, 1]
    false: Ints  # (n,)


def curve(said: Floats, weights: Floats, false: Floats) -> Curve:
    """Of one score an utterance (0: none) and one a false candidate: at every score there is, accepted from it on."""
    levels = np.unique(np.concatenate([said, false, [1.0]]))[::-1]
    order = np.argsort(said)
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    lost = below[np.searchsorted(said[order], levels, side="left")]
    passed = len(false) - np.searchsorted(np.sort(false), levels, side="left")
    return Curve(levels, np.full(len(levels), np.nan), lost.round(12), passed.astype(np.int64))


def stage1(sweep: Sweep, weights: Floats) -> Curve:
    """Stage 1 alone: utterances for which it does not ask, and what it asks falsely, at scores from the table."""
    scores = np.unique(np.append(sweep.alive[:, 1], 1.0))[::-1]
    levels = _thinned(scores[scores >= LEAST])
    lost = [float(weights @ ~sweep.asked(float(level))) for level in levels]
    false = [len(sweep.candidates(float(level))) for level in levels]
    return Curve(levels, np.full(len(levels), np.nan), np.array(lost).round(12), np.array(false, np.int64))


def stage2(sweep: Sweep, weights: Floats, threshold: float) -> Curve:
    """Stage 2 on what stage 1 lets through at `threshold`: shares of the utterances that it was asked for."""
    rows, asked = sweep.rows(threshold), sweep.asked(threshold)
    best = np.zeros(len(asked))
    own = rows[sweep.owner[rows] >= 0]
    np.maximum.at(best, sweep.owner[own], sweep.scores[own, 1])
    share = weights[asked] / weights[asked].sum() if asked.any() else weights[asked]
    return curve(best[asked], share, sweep.scores[sweep.candidates(threshold), 1])


def cascade(sweep: Sweep, weights: Floats) -> Curve:
    """Both: the pairs of thresholds that no other pair beats in misses and in false accepts, as the daemon decides.

    Of stage 1 every threshold at which an utterance is just still asked about, or as many of them as `WORK` allows.
    """
    found: list[tuple[float, int, float, float]] = []
    scores = np.unique(sweep.alive[sweep.owner >= 0, 1])
    for one in _thinned(scores[scores >= LEAST], max(40, WORK // max(1, len(sweep.scores)))):
        steps = sweep.steps(float(one))
        said = steps.utterance != FALSE
        lost = (1 - np.cumsum(np.where(said, steps.change * weights[steps.utterance], 0.0))).round(12)
        false = np.cumsum(np.where(said, 0, steps.change))
        last = np.flatnonzero(np.append(steps.level[1:] != steps.level[:-1], True))[: len(steps.level)]
        found += [(float(lost[n]), int(false[n]), float(one), float(steps.level[n])) for n in last]
    best: list[tuple[float, int, float, float]] = []
    for point in sorted(found, key=lambda one: (one[1], one[0])):
        if not best or point[0] < best[-1][0]:
            best.append(point)
    chosen = [best[n] for n in np.unique(np.linspace(0, len(best) - 1, min(len(best), POINTS)).round().astype(int))]
    table = np.array(chosen, np.float64).reshape(-1, 4)
    return Curve(table[:, 2], table[:, 3], table[:, 0], table[:, 1].astype(np.int64))


def _thinned(levels: Floats, most: int = POINTS) -> Floats:
    """Evenly over their ranks, ends included."""
    if len(levels) <= most:
        return levels
    return np.asarray(levels[np.unique(np.linspace(0, len(levels) - 1, most).round().astype(int))])
