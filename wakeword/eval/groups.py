"""Does it serve all alike: misses and false accepts of every subgroup, and whether their differences exceed chance.

A subgroup is a value of a `group_…` column; what has no value there is left out. Misses are compared within words and
conditions: what counts is by how much a group misses more than others did in the same condition, so that a group which
was recorded in more noise is not blamed for it. Speakers, not clips, are what chance deals out (`bootstrap.py`);
probabilities are corrected for all columns that were looked at together (Holm).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from wakeword.eval import bootstrap, bounds
from wakeword.eval.bootstrap import Gap
from wakeword.eval.bounds import CONFIDENCE, Frequency, Share
from wakeword.eval.joint import Ints, Sweep, Truths
from wakeword.eval.tune import cluster_of, speaker_of


@dataclass(frozen=True, slots=True)
class Group:
    """One value of a column. Its misses are those of all conditions together."""

    name: str
    misses: Share
    by_speaker: tuple[float, float] | None  # the interval if speakers, not clips, are drawn
    speakers: int
    false_accepts: Frequency


@dataclass(frozen=True, slots=True)
class Column:
    """One division of speakers or recordings, for one word."""

    word: str
    column: str
    groups: tuple[Group, ...]
    misses: Gap | None  # None: fewer than two groups have any
    false_accepts: Gap | None
    misses_p: float = 1.0  # corrected for everything that `fairness` compared
    false_accepts_p: float = 1.0

    @property
    def misses_flagged(self) -> bool:
        """Do the groups' misses differ by more than chance allows?"""
        return self.misses is not None and self.misses_p < 1 - CONFIDENCE

    @property
    def false_accepts_flagged(self) -> bool:
        """The same of false accepts an hour."""
        return self.false_accepts is not None and self.false_accepts_p < 1 - CONFIDENCE


def fairness(words: Sequence[tuple[Sweep, Truths, Ints]]) -> list[Column]:
    """All group columns of all words; of each: its sweep, who was heard, the recording's index of each false accept."""
    found = [
        _column(sweep, heard, false, name) for sweep, heard, false in words for name in columns(sweep)
    ]  # fmt: skip
    asked = [gap.p for column in found for gap in (column.misses, column.false_accepts) if gap]
    corrected = iter(bootstrap.holm(asked))
    return [
        replace(
            column,
            misses_p=next(corrected) if column.misses else 1.0,
            false_accepts_p=next(corrected) if column.false_accepts else 1.0,
        )
        for column in found
    ]


def columns(sweep: Sweep) -> list[str]:
    """Group columns in which something is known."""
    rows = [utterance.groups for utterance in sweep.utterances] + [file.groups for file in sweep.files]
    return sorted({name for groups in rows for name, value in groups.items() if value})


def _column(sweep: Sweep, heard: Truths, false: Ints, name: str) -> Column:
    said = [number for number, utterance in enumerate(sweep.utterances) if utterance.groups.get(name)]
    files = [n for n, file in enumerate(sweep.files) if file.kind == "negative" and file.groups.get(name)]
    labels = [sweep.utterances[number].groups[name] for number in said]
    speakers = [speaker_of(sweep, number) for number in said]
    counts = np.bincount(false, minlength=len(sweep.files))
    kinds = [sweep.files[number].groups[name] for number in files]
    hours = [sweep.files[number].hours for number in files]
    groups = tuple(
        _group(
            value,
            [(speakers[n], not heard[said[n]]) for n, label in enumerate(labels) if label == value],
            sum(int(counts[files[n]]) for n, kind in enumerate(kinds) if kind == value),
            sum(hours[n] for n, kind in enumerate(kinds) if kind == value),
        )
        for value in sorted({*labels, *kinds})
    )
    return Column(
        sweep.word, name, groups,
        bootstrap.gap(labels, speakers, _more_than_others(sweep, heard, said), [1.0] * len(said)),
        bootstrap.gap(kinds, [cluster_of(sweep, number) for number in files], [float(counts[n]) for n in files], hours),
    )  # fmt: skip


def _more_than_others(sweep: Sweep, heard: Truths, said: list[int]) -> list[float]:
    """For each utterance: missed (1 or 0) less the share that was missed in its condition."""
    conditions = [sweep.utterances[number].condition for number in said]
    missed = [float(not heard[number]) for number in said]
    usual = {
        name: sum(m for m, condition in zip(missed, conditions, strict=True) if condition == name)
        / conditions.count(name)
        for name in set(conditions)
    }
    return [one - usual[condition] for one, condition in zip(missed, conditions, strict=True)]


def _group(name: str, said: list[tuple[str, bool]], false: int, hours: float) -> Group:
    by_speaker: dict[str, list[int]] = {}
    for speaker, missed in said:
        sums = by_speaker.setdefault(speaker, [0, 0])
        sums[0], sums[1] = sums[0] + missed, sums[1] + 1
    sums_of = list(by_speaker.values())
    interval = bootstrap.interval([count for count, _ in sums_of], [of for _, of in sums_of])
    misses = bounds.wilson(sum(missed for _, missed in said), len(said))
    return Group(name, misses, interval, len(by_speaker), bounds.poisson(false, hours))
