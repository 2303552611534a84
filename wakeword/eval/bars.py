"""Release bars: limits in a file that an evaluation must keep, or `wakeword eval --bars FILE` ends with exit code 1.

misses:
  share_at_most: 0.05        # the mean over conditions
  by_condition:              # in a condition, or in all at one ratio
    clean: 0.01
    0 dB: 0.25
false_accepts:
  per_hour_at_most: 0.5      # the upper end of the 95 % interval: too few hours fail too
groups:
  gap_at_most: 0.05          # between any two groups of a column, unless chance does as much
  share_at_most: 0.15        # of any group
  per_hour_at_most: 1.0      # false accepts of any group, the upper end
  least_utterances: 30       # of groups with fewer nothing is asked; that is said
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wakeword.config import first_error, nested
from wakeword.errors import ConfigError
from wakeword.eval.bounds import Frequency
from wakeword.eval.figures import Word
from wakeword.eval.groups import Column
from wakeword.eval.tune import condition_weights
from wakeword.sections import values_of

Limit = Annotated[float, Field(ge=0, le=1)]
Often = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MissBars(_Section):
    """Of misses."""

    share_at_most: Limit | None = None
    by_condition: dict[str, Limit] = {}


class FalseBars(_Section):
    """Of false accepts."""

    per_hour_at_most: Often | None = None


class GroupBars(_Section):
    """Of subgroups."""

    gap_at_most: Limit | None = None
    share_at_most: Limit | None = None
    per_hour_at_most: Often | None = None
    least_utterances: int = Field(default=30, ge=1)


class Bars(_Section):
    """All of them. What is not set is not asked."""

    misses: MissBars = MissBars()
    false_accepts: FalseBars = FalseBars()
    groups: GroupBars = GroupBars()


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one bar. `passed` None: not enough data to ask; it is said, and does not fail."""

    bar: str  # its key in the file
    word: str
    of: str  # the condition, column or group
    value: float
    limit: float
    passed: bool | None
    says: str


def read(path: Path) -> Bars:
    """Bars from a YAML file. Raises `ConfigError` naming line, key and the nearest known key."""
    values, origins = values_of(path)
    try:
        bars = Bars.model_validate(nested(values))
    except ValidationError as error:
        raise first_error(error, origins, Bars) from error
    if bars == Bars():
        raise ConfigError("no bar is set", where=str(path), hint="misses, false_accepts, groups: docs/metrics.md")
    return bars


def judge(bars: Bars, words: Sequence[Word], groups: Sequence[Column]) -> list[Finding]:
    """Every bar for every word. Raises `ConfigError` for a condition that the run does not have."""
    found: list[Finding] = []
    for word in words:
        found += [*_misses(bars.misses, word), *_false_accepts(bars.false_accepts, word)]
    for column in groups:
        found += _groups(bars.groups, column)
    return found


def _misses(bars: MissBars, word: Word) -> Iterator[Finding]:
    missed, said = ~word.heard, word.sweep.utterances
    if bars.share_at_most is not None and said:
        value = float(condition_weights(word.sweep) @ missed)
        yield _at_most("misses.share_at_most", word.sweep.word, "all conditions", value, bars.share_at_most)
    for name, limit in bars.by_condition.items():
        own = [
            name in (utterance.condition, "" if utterance.snr_db is None else f"{utterance.snr_db:g} dB")
            for utterance in said
        ]
        if said and not any(own):
            known = ", ".join(dict.fromkeys(utterance.condition for utterance in said))
            raise ConfigError(f"no condition '{name}' in this run", where="misses.by_condition", hint=f"it has {known}")
        if any(own):
            yield _at_most("misses.by_condition", word.sweep.word, name, float(np.mean(missed[np.array(own)])), limit)


def _false_accepts(bars: FalseBars, word: Word) -> Iterator[Finding]:
    if bars.per_hour_at_most is not None:
        yield _seldom("false_accepts.per_hour_at_most", word.sweep.word, "", word.false_accepts, bars.per_hour_at_most)


def _groups(bars: GroupBars, column: Column) -> Iterator[Finding]:
    limit, gap = bars.gap_at_most, column.misses
    if limit is not None and gap is not None:
        passed = None if not gap.can_tell else not (gap.size > limit and column.misses_flagged)
        chance = "too few speakers to tell" if passed is None else f"p = {column.misses_p:.3f}"
        says = f"{gap.worst} over {gap.best}: {100 * gap.size:.1f} points ({chance}), limit {100 * limit:g}"
        yield Finding("groups.gap_at_most", column.word, column.column, gap.size, limit, passed, says)
    for group in column.groups:
        of = f"{column.column}={group.name}"
        if bars.share_at_most is not None and group.misses.of:
            if group.misses.of < bars.least_utterances:
                says = f"{group.misses.of} utterances: not asked"
                value = group.misses.value
                yield Finding("groups.share_at_most", column.word, of, value, bars.share_at_most, None, says)
            else:
                yield _at_most("groups.share_at_most", column.word, of, group.misses.value, bars.share_at_most)
        if bars.per_hour_at_most is not None and group.false_accepts.hours:
            yield _seldom("groups.per_hour_at_most", column.word, of, group.false_accepts, bars.per_hour_at_most)


def _seldom(bar: str, word: str, of: str, often: Frequency, limit: float) -> Finding:
    says = f"{often.count} in {often.hours:.2f} h: at most {often.high:.2f} an hour, limit {limit:g}"
    return Finding(bar, word, of, often.high, limit, often.high <= limit, says)


def _at_most(bar: str, word: str, of: str, value: float, limit: float) -> Finding:
    says = f"{100 * value:.1f} %, limit {100 * limit:g} %"
    return Finding(bar, word, of, value, limit, value <= limit, says)
