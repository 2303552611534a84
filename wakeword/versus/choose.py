"""Each engine's most sensitive setting within so many false accepts an hour, and who is heard with it.

One rule for all. A *setting* is a level and a threshold (`engines.Row`). A word is heard when the engine says so from
`EARLY_S` before its end to `LATE_S` after it. Where the engine says so in hours without the word, that is a false
accept; those within `REST_S` of one that was counted are one. Of all settings within the bound, an engine gets the one
with the fewest misses, averaged over quiet and noise at 10 and 0 dB. They are chosen on the very recordings that they
are reported on, for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ
from wakeword.versus.engines import Row
from wakeword.versus.streams import Said, Stream

EARLY_S, LATE_S = 0.5, 1.0  # chosen: on 31 clean clips four engines answered 0.24 s before the end to 0.36 s after it
REST_S = 1.5  # the daemon's own rest after a wake
CLASSES = ("clean", "10dB", "0dB")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows of one word: (n,) each."""

    stream: npt.NDArray[np.int64]
    at: npt.NDArray[np.int64]
    score: Floats
    above: Floats
    upto: Floats

    def there(self, level: float) -> Rows:
        """Those at a level."""
        here = (self.above < level) & (level <= self.upto)
        return Rows(self.stream[here], self.at[here], self.score[here], self.above[here], self.upto[here])


@dataclass(frozen=True)
class Clip:
    """A word in a stream and the rows in its window."""

    said: Said
    condition: str
    rows: Rows

    def heard(self, level: float, threshold: float) -> bool:
        """Did the engine say so?"""
        return bool(np.any(self.rows.there(level).score >= threshold))

    def delay_s(self, level: float, threshold: float) -> float | None:
        """From the word's end to the first time it said so."""
        rows = self.rows.there(level)
        at = rows.at[rows.score >= threshold]
        return float(at.min() - self.said.end) / RATE_HZ if len(at) else None


@dataclass(frozen=True)
class Hearing:
    """What one engine made of one word."""

    word: str
    clips: tuple[Clip, ...]
    false: Rows
    hours: float
    levels: tuple[float, ...]
    least: float = 0.0  # threshold


@dataclass(frozen=True)
class Setting:
    """One way to set an engine, and what came of it."""

    level: float
    threshold: float
    false_accepts: int
    heard: tuple[bool, ...]  # in the order of the clips


def gather(rows: Iterable[tuple[int, Row]]) -> Rows:
    """Rows with the number of their stream, in the order of streams and time."""
    found = sorted((number, row.at, row.score, row.above, row.upto) for number, row in rows)
    table = np.array(found, np.float64).reshape(-1, 5)
    return Rows(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2], table[:, 3], table[:, 4])


def clips(stream: Stream, rows: Sequence[Row]) -> list[Clip]:
    """Each word of a stream with the rows in its window."""
    early, late = round(EARLY_S * RATE_HZ), round(LATE_S * RATE_HZ)
    own = [row for row in rows if row.word == stream.word]
    return [
        Clip(said, stream.condition, gather((0, row) for row in own if said.end - early <= row.at <= said.end + late))
        for said in stream.said
    ]


def false_accepts(false: Rows, threshold: float) -> int:
    """How many of these rows reach the threshold, without those within `REST_S` of one that was counted."""
    count, stream, until = 0, -1, 0
    reach = false.score >= threshold
    for number, at in zip(false.stream[reach].tolist(), false.at[reach].tolist(), strict=True):
        if number != stream or at > until:
            count, stream, until = count + 1, number, at + round(REST_S * RATE_HZ)
    return count


def loosest(false: Rows, allowed: int) -> float:
    """The least threshold with at most so many false accepts: just above the first score that would be one too many.

    Lower thresholds never have fewer: most rows that lie apart are counted when each is taken as early as can be.
    """
    scores = np.unique(false.score)[::-1]
    low, high = 0, len(scores)  # the first `low` of them are kept; at `high`, too many
    while low < high:
        middle = (low + high) // 2
        if false_accepts(false, float(scores[middle])) <= allowed:
            low = middle + 1
        else:
            high = middle
    return float(np.nextafter(scores[low], np.inf)) if low < len(scores) else 0.0


def setting(hearing: Hearing, level: float, threshold: float) -> Setting:
    """What comes of one way to set an engine."""
    heard = tuple(clip.heard(level, threshold) for clip in hearing.clips)
    return Setting(level, threshold, false_accepts(hearing.false.there(level), threshold), heard)


def choose(hearing: Hearing, most_per_hour: float) -> Setting | None:
    """The setting with the fewest misses within the bound; None when there is none with which anything is heard."""
    allowed = int(most_per_hour * hearing.hours)
    found = [
        setting(hearing, level, max(hearing.least, loosest(hearing.false.there(level), allowed)))
        for level in hearing.levels
    ]
    best = min(found, key=lambda one: (miss_rate(hearing, one), one.false_accepts))
    return best if any(best.heard) else None


def miss_rate(hearing: Hearing, chosen: Setting) -> float:
    """Averaged over quiet, 10 dB and 0 dB, in [0, 1]; over those of them that there are."""
    kinds: dict[str, list[bool]] = {}
    for clip, heard in zip(hearing.clips, chosen.heard, strict=True):
        kinds.setdefault(class_of(clip.condition), []).append(not heard)
    return float(np.mean([np.mean(missed) for missed in kinds.values()]))


def class_of(condition: str) -> str:
    """`babble-10dB` -> `10dB`."""
    return condition.rpartition("-")[2]
