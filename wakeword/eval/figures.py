"""The figures of one word at the run's thresholds: the daemon's own decisions, counted, with their uncertainty.

Misses come from `utterances.csv`, false accepts from `candidates.csv`: what the daemon does with all words of the run
at once. What each stage did comes from the sweep (`joint.py`). Definitions and formulas: docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wakeword.eval import bootstrap, bounds
from wakeword.eval.bounds import Frequency, Share
from wakeword.eval.joint import FALSE, Floats, Ints, Sweep, Truths, load
from wakeword.eval.tables import Run, Utterance
from wakeword.eval.tune import speaker_of


@dataclass(frozen=True, slots=True)
class Misses:
    """Of some utterances: how many neither or only one stage let through."""

    name: str
    both: Share  # the daemon did not wake
    stage1: Share  # stage 1 did not ask
    stage2: Share  # it asked, and was refused
    by_speaker: tuple[float, float] | None  # interval of `both` if speakers, not clips, are drawn
    speakers: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from a word's end to the decision, of words that were heard and whose end is known."""

    count: int
    median_s: float
    p90_s: float
    p99_s: float
    most_s: float


@dataclass(frozen=True, slots=True)
class Together:
    """Do the stages err on the same sounds? Two looks that err apart are worth more than one."""

    missed_by_both: int  # utterances under both thresholds; stage 2's score is that of the lowest threshold's candidate
    missed_by_stage1: int  # by it alone
    missed_by_stage2: int
    utterances: int
    phi: float  # correlation of the two errors: 0 apart, 1 always together; NaN if a stage never errs
    rank: float  # Spearman's correlation of both scores over false candidates; NaN below three of them


@dataclass(frozen=True)
class Word:
    """All of one word."""

    sweep: Sweep
    stage1: float
    stage2: float
    heard: Truths  # (utterances,)
    false_files: Ints  # (false accepts,) index of the recording of each
    conditions: tuple[Misses, ...]  # the last is all of them together, named "all"
    false_accepts: Frequency
    candidates: Frequency  # stage 1 asks falsely
    passed: Share  # of those, what stage 2 lets through
    latency: Latency | None
    together: Together


def word_figures(run: Run, word: str, sweep: Sweep | None = None) -> Word:
    """Count one word of a run. Raises `ConfigError` as `joint.load` does."""
    sweep = sweep or load(run, word)
    about = run.about["words"][word]
    one, two = float(about["threshold_stage1"]), float(about["threshold_stage2"])
    heard = np.array([utterance.heard for utterance in sweep.utterances], bool)
    place = {file.file: number for number, file in enumerate(sweep.files) if file.kind == "negative"}
    false = [
        place[row.file]
        for row in run.candidates()
        if row.word == word and row.accepted and row.utterance == "" and row.file in place
    ]
    candidates = len(sweep.candidates(one))
    asked = sweep.asked(one) | heard
    return Word(
        sweep, one, two, heard, np.array(false, np.int64),
        tuple(misses_by(sweep, heard, asked, lambda utterance: utterance.condition)),
        bounds.poisson(len(false), sweep.hours),
        bounds.poisson(candidates, sweep.hours),
        bounds.wilson(min(len(false), candidates), candidates),  # a replayed recording may differ from the sweep
        latency(sweep.utterances),
        together(sweep, one, two),
    )  # fmt: skip


def misses_by(sweep: Sweep, heard: Truths, asked: Truths, of: Callable[[Utterance], str]) -> list[Misses]:
    """Misses of each value of `of`, in order of appearance, "" left out; then of all utterances."""
    names = [of(utterance) for utterance in sweep.utterances]
    found = [
        _misses(sweep, name, np.array([own == name for own in names]), heard, asked)
        for name in dict.fromkeys(names)
        if name
    ]
    return [*found, _misses(sweep, "all", np.ones(len(names), bool), heard, asked)]


def _misses(sweep: Sweep, name: str, chosen: Truths, heard: Truths, asked: Truths) -> Misses:
    sums: dict[str, list[int]] = {}
    for number in np.flatnonzero(chosen):
        own = sums.setdefault(speaker_of(sweep, int(number)), [0, 0])
        own[0], own[1] = own[0] + (not heard[number]), own[1] + 1
    utterances, let_through = int(chosen.sum()), int((chosen & asked).sum())
    return Misses(
        name,
        bounds.wilson(int((chosen & ~heard).sum()), utterances),
        bounds.wilson(utterances - let_through, utterances),
        bounds.wilson(int((chosen & asked & ~heard).sum()), let_through),
        bootstrap.interval([count for count, _ in sums.values()], [of for _, of in sums.values()]),
        len(sums),
    )


def latency(utterances: Sequence[Utterance]) -> Latency | None:
    """None when nothing was heard whose end is known."""
    late = [utterance.latency_s for utterance in utterances if utterance.heard and utterance.latency_s is not None]
    if not late:
        return None
    median, p90, p99 = (float(value) for value in np.quantile(late, [0.5, 0.9, 0.99]))
    return Latency(len(late), median, p90, p99, max(late))


def together(sweep: Sweep, stage1: float, stage2: float) -> Together:
    """Of utterances each stage's best score in their window; of false candidates those of the lowest threshold."""
    lowest = sweep.rows(float(sweep.alive[:, 1].min())) if len(sweep.file) else np.zeros(0, np.int64)
    best = np.zeros((len(sweep.utterances), 2))
    own = np.flatnonzero(sweep.owner >= 0)
    for stage in (0, 1):
        np.maximum.at(best[:, stage], sweep.owner[own], sweep.scores[own, stage])
    one, two = best[:, 0] < stage1, best[:, 1] < stage2
    false = sweep.scores[lowest[sweep.owner[lowest] == FALSE]]
    return Together(
        int((one & two).sum()), int((one & ~two).sum()), int((two & ~one).sum()), len(best),
        correlation(one.astype(float), two.astype(float)),
        correlation(_ranks(false[:, 0]), _ranks(false[:, 1])) if len(false) > 2 else float("nan"),
    )  # fmt: skip


def correlation(one: Floats, two: Floats) -> float:
    """Pearson's; NaN if one of them never changes."""
    if len(one) < 2 or not np.ptp(one) or not np.ptp(two):
        return float("nan")
    return float(np.corrcoef(one, two)[0, 1])


def _ranks(values: Floats) -> Floats:
    """From 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])
