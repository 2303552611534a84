"""Both thresholds chosen together, with a bound that knows they were chosen.

False accepts. A few thresholds of stage 1 are laid down first, from the utterances alone. For each of them stage 2's
threshold falls until one more false accept than allowed would come in. The true frequency there is, as the waiting time
for that event, at most Garwood's bound for the allowed count, exactly, though the threshold was chosen on these very
hours (docs/metrics.md has the argument); choosing among n thresholds of stage 1 divides the error by n (Bonferroni).

False accepts come in bunches: some recordings are worse than others. So hours count for less by the design effect of a
gamma-mixed Poisson variable at the frequency in question, its variance taken from false accepts at loose thresholds.

Misses. The same, with the upper end of Wilson's interval and the design effect of speakers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from wakeword.errors import CheckFailed
from wakeword.eval import bounds
from wakeword.eval.joint import FALSE, LEAST, Floats, Ints, Steps, Sweep, Truths

LOST_AT_STAGE1 = (0.0, 0.01, 0.03, 0.06, 0.1)  # chosen: shares of utterances that stage 1 may lose; more gain little
ERROR = 1 - bounds.CONFIDENCE
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked: one of the two limits, as an estimate or (`promise`) as a bound at 95 %."""

    most_fa_per_hour: float | None = None
    most_frr: float | None = None
    promise: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """An operating point and what may be said of it after choosing."""

    stage1: float
    stage2: float
    fa_upper: float  # false accepts an hour: at most this, at 95 %, choice and bunches included; inf without hours
    frr: float  # the mean over conditions, on the data chosen on
    allowed: int  # false accepts that came in, at most, on the data chosen on
    design_effect: float  # hours count for less by this
    chains: int  # thresholds of stage 1 that were tried, times refractory times
    longer_ms: int = 0  # refractory time, beyond the run's
    hearing: int = 0  # 0: the sweep itself; n: the n-th of the others, which was heard with another smoothing


@dataclass(frozen=True)
class Chain:
    """A threshold of stage 1, a refractory time and a smoothing: along it stage 2's threshold falls."""

    stage1: float
    longer_ms: int
    sweep: Sweep
    hearing: int = 0


def choose(sweep: Sweep, wish: Wish, longer_ms: Sequence[int] = (0,), others: Sequence[Sweep] = ()) -> Chosen:
    """The pair with the fewest misses (or false accepts) that keeps the limit, among these refractory times.

    `others`: the same utterances and recordings, heard with another smoothing; the pair may be of one of them. Raises
    `CheckFailed` saying how much more data it would take, or what the best is that can be had.
    """
    if not sweep.utterances:
        raise CheckFailed(f"no utterance of '{sweep.word}' to choose on")
    weights = condition_weights(sweep)
    chains = [
        Chain(level, longer, replace(heard, rest_ms=heard.rest_ms + longer), number)
        for number, heard in enumerate((sweep, *others))
        for longer in longer_ms
        for level in stage1_levels(heard)
    ]
    if wish.most_fa_per_hour is not None:
        return _fewest_misses(sweep, wish, wish.most_fa_per_hour, chains, weights)
    if wish.most_frr is not None:
        return _fewest_false(sweep, wish, wish.most_frr, chains, weights)
    raise ValueError("a limit is needed")


def condition_weights(sweep: Sweep) -> Floats:
    """(utterances,): so that each condition weighs the same, and all together 1."""
    names = [utterance.condition for utterance in sweep.utterances]
    counts = {name: names.count(name) for name in set(names)}
    return np.array([1 / (len(counts) * counts[name]) for name in names])


def stage1_levels(sweep: Sweep) -> list[float]:
    """Thresholds of stage 1 that lose `LOST_AT_STAGE1` of the utterances. Knows nothing of false accepts."""
    best = np.zeros(len(sweep.utterances))
    own = sweep.owner >= 0
    np.maximum.at(best, sweep.owner[own], sweep.scores[own, 0])
    best.sort()
    floor = int(np.searchsorted(best, LEAST))  # these no threshold can save
    places = {min(len(best) - 1, floor + int(lost * len(best))) for lost in LOST_AT_STAGE1}
    return sorted({max(LEAST, _down(float(best[place]))) for place in places})


def design_effect(sweep: Sweep, per_hour: float) -> float:
    """Variance of a count of false accepts at this frequency, over that of a Poisson variable; at least 1.

    Recordings of one speaker, or one recording where speakers are not known, differ in frequency with a squared
    coefficient of variation v (by moments, at the loosest thresholds): 1 + v * per_hour * (sum of hours^2 / hours).
    """
    hours = _cluster_hours(sweep)
    if len(hours) < 2 or not (total := sum(hours.values())):
        return 1.0
    rows = sweep.false_accepts(stage1_levels(sweep)[0], LEAST)
    counts = dict.fromkeys(hours, 0)
    for row in rows:
        counts[cluster_of(sweep, int(sweep.file[row]))] += 1
    rate = len(rows) / total
    if not rate:
        return 1.0
    chi2 = sum((counts[name] - rate * hours[name]) ** 2 for name in hours)
    expected = rate * sum(own * (1 - own / total) for own in hours.values())  # of a Poisson variable
    spread = rate**2 * sum(own**2 for own in hours.values())
    variation = max(0.0, (chi2 - expected) / spread)
    return 1 + variation * per_hour * sum(own**2 for own in hours.values()) / total


def upper_bound(allowed: int, hours: float, effect: float, chains: int) -> float:
    """False accepts an hour, at most, after choosing among `chains` with this many allowed."""
    if not hours:
        return math.inf
    return bounds.poisson_upper(math.ceil(allowed / effect), ERROR / chains) * effect / hours


def allowance(most_per_hour: float, hours: float, effect: float, chains: int) -> int:
    """The most false accepts with which the bound is still kept; -1: not even with none."""
    allowed = -1
    while upper_bound(allowed + 1, hours, effect, chains) <= most_per_hour:
        allowed += 1
    return allowed


def hours_to_promise(most_per_hour: float, effect: float, chains: int) -> float:
    """Hours without a single false accept after which `allowance` is 0."""
    return bounds.hours_needed(most_per_hour, ERROR / chains) * effect


def speakers_effect(sweep: Sweep, missed: Truths, weights: Floats) -> float:
    """Variance of the weighted share of misses over that of independent utterances; at least 1.

    Utterances of one speaker stand or fall together (`bootstrap.py` resamples them so); those without a speaker count
    as speakers of their own, a clip with all its conditions.
    """
    names = [speaker_of(sweep, number) for number in range(len(missed))]
    share = float(weights @ missed)
    if not 0 < share < 1 or len(set(names)) < 2:
        return 1.0
    place = {name: number for number, name in enumerate(sorted(set(names)))}
    sums = np.bincount([place[name] for name in names], weights * (missed - share), len(place))
    alone = share * (1 - share) * float(weights @ weights)
    return max(1.0, float(sums @ sums) * len(place) / (len(place) - 1) / alone)


def speaker_of(sweep: Sweep, number: int) -> str:
    """Who said an utterance; without a name, its recording stands for a speaker, in all conditions."""
    utterance = sweep.utterances[number]
    return utterance.speaker or "file " + utterance.file.partition("#")[0]


def _fewest_misses(sweep: Sweep, wish: Wish, most: float, chains: list[Chain], weights: Floats) -> Chosen:
    if not sweep.hours:
        raise CheckFailed("no hours without the word to count false accepts in", hint="--negatives for `wakeword eval`")
    effect = _effect(chains, most)
    allowed = int(most * sweep.hours)
    if wish.promise:
        allowed = allowance(most, sweep.hours, effect, len(chains))
        if allowed < 0:
            raise CheckFailed(
                f"{sweep.hours:.2f} h are too few to promise {most:g} false accepts an hour for '{sweep.word}'",
                hint=f"{hours_to_promise(most, effect, len(chains)):.1f} h without a single one would do; "
                "without --promise it is chosen by the estimate",
            )
    found = [(*loosest(chain.sweep.steps(chain.stage1), allowed, weights), chain) for chain in chains]
    lost, stage2, chain = min(found, key=lambda one: (one[0], _unusual(one[2]), -one[2].stage1))
    upper = upper_bound(allowed, sweep.hours, effect, len(chains))
    return Chosen(chain.stage1, stage2, upper, lost, allowed, effect, len(chains), chain.longer_ms, chain.hearing)


def _unusual(chain: Chain) -> tuple[int, int]:
    """Of equals the one is taken that is most like the run: the first smoothing, then its own refractory time."""
    return chain.hearing, abs(chain.longer_ms)


def _effect(chains: list[Chain], per_hour: float) -> float:
    """The largest design effect of the smoothings that are chosen among."""
    heard = {chain.hearing: chain.sweep for chain in chains}
    return max(design_effect(sweep, per_hour) for sweep in heard.values())


def loosest(steps: Steps, allowed: int, weights: Floats, least: float = LEAST) -> tuple[float, float]:
    """(misses, threshold): the fewest misses while no more than `allowed` false accepts ever came in, going down."""
    levels, lost, false = _curve(steps, weights)
    within = np.maximum.accumulate(false) <= allowed
    place = int(np.argmin(np.where(within, lost, np.inf)))
    below = levels[place + 1] if place + 1 < len(levels) else least
    return float(lost[place]), _between(float(levels[place]), float(below), least)


def _curve(steps: Steps, weights: Floats) -> tuple[Floats, Floats, Ints]:
    """Each level once, falling from 1: (levels, weighted misses, false accepts) when the threshold stands on it."""
    said = steps.utterance != FALSE
    gains = np.where(said, steps.change * weights[np.where(said, steps.utterance, 0)], 0.0)
    false = np.where(said, 0, steps.change)
    last = np.flatnonzero(np.append(steps.level[1:] != steps.level[:-1], True))[: len(steps.level)]
    levels = np.concatenate([[1.0], steps.level[last]])
    lost = np.concatenate([[1.0], 1 - np.cumsum(gains)[last]]).round(12)  # sums of shares: equal ones are to be equal
    return levels, lost, np.concatenate([[0], np.cumsum(false)[last]]).astype(np.int64)


def _fewest_false(sweep: Sweep, wish: Wish, most: float, chains: list[Chain], weights: Floats) -> Chosen:
    """In each chain the highest threshold of stage 2 that keeps the limit, from the lowest on; the best of those."""
    found = []
    for chain in chains:
        heights, lost, false = _curve(chain.sweep.steps(chain.stage1), weights)
        kept = [_frr_upper(chain, wish, float(height), float(share), weights, len(chains)) <= most + 1e-9
                for height, share in zip(heights, lost, strict=True)]  # fmt: skip
        place = len(kept)
        while place > 0 and kept[place - 1]:
            place -= 1
        if place < len(kept):
            found.append((int(false[place]), float(lost[place]), float(heights[place]), chain))
    if not found:
        least = min(float(_curve(chain.sweep.steps(chain.stage1), weights)[1][-1]) for chain in chains)
        what = f"no thresholds miss at most {100 * most:g} % of '{sweep.word}'" + " for certain" * wish.promise
        raise CheckFailed(what, hint=f"the least that can be had on this data is {100 * least:.1f} %")
    count, frr, stage2, chain = min(found, key=lambda one: (*one[:2], _unusual(one[3]), -one[3].stage1))
    effect = _effect(chains, count / sweep.hours) if sweep.hours else 1.0
    upper = upper_bound(count, sweep.hours, effect, len(chains))
    return Chosen(chain.stage1, stage2, upper, frr, count, effect, len(chains), chain.longer_ms, chain.hearing)


def _frr_upper(chain: Chain, wish: Wish, stage2: float, lost: float, weights: Floats, chains: int) -> float:
    if not wish.promise:
        return lost
    missed = ~chain.sweep.heard(chain.stage1, stage2)
    return frr_upper(lost, speakers_effect(chain.sweep, missed, weights), weights, ERROR / chains)


def frr_upper(share: float, effect: float, weights: Floats, tail: float) -> float:
    """One-sided upper end of Wilson's interval for a weighted share, at as many utterances as the effect leaves."""
    of = 1 / float(weights @ weights) / effect
    z = NormalDist().inv_cdf(1 - tail)
    middle, half = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + (z / (2 * of)) ** 2)
    return min(1.0, (middle + half) / (1 + z * z / of))


def _between(high: float, low: float, least: float) -> float:
    """A threshold in the middle of two scores, in six digits if there is room for them; at least `least`."""
    middle = round((high + low) / 2, DIGITS)
    return max(least, middle if low < middle <= high else high)


def _down(score: float) -> float:
    return float(math.floor(score * 10**DIGITS) / 10**DIGITS)


def cluster_of(sweep: Sweep, file: int) -> str:
    """Whose voice a recording has; without a name it stands for itself."""
    return sweep.files[file].speaker or "file " + sweep.files[file].file


def _cluster_hours(sweep: Sweep) -> dict[str, float]:
    hours: dict[str, float] = {}
    for number, file in enumerate(sweep.files):
        if file.kind == "negative":
            name = cluster_of(sweep, number)
            hours[name] = hours.get(name, 0.0) + file.hours
    return hours
