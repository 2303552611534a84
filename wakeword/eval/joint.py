"""One word of a run at any pair of thresholds: who is heard, what wakes falsely. Exactly the daemon's decisions.

For a fixed threshold of stage 1 the candidates are known (`tables.Alternative`), and who wakes changes only where stage
2's threshold passes one of their scores. So all that pairs of thresholds can do is a list of steps for each threshold
of stage 1: at this level, going down, this utterance is heard, or no longer, or this recording wakes once more.

Each word is taken by itself: a session that another word opened blocks nothing here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.errors import ConfigError
from wakeword.eval.tables import Alternative, File, Run, Utterance

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

LEAST = 0.1  # no threshold may be lower: the gate's policy would be refused (docs/audit-log.md)
FALSE, UNCOUNTED = -1, -2  # in place of an utterance
_FILE_MS = 10**11  # between the clocks of two recordings: three years


@dataclass(frozen=True)
class Steps:
    """What changes as stage 2's threshold falls to `level`; levels are sorted, falling. Counts are sums of `change`."""

    level: Floats  # (n,)
    change: Ints  # (n,) +1 or -1, of false accepts also more
    utterance: Ints  # (n,) which of them is heard, or no longer; or FALSE: false accepts
    file: Ints  # (n,) where


@dataclass(frozen=True)
class Sweep:
    """The rows of one word, by recording and time, and what they are counted against."""

    word: str
    utterances: tuple[Utterance, ...]
    files: tuple[File, ...]  # those that could be read
    file: Ints  # (n,) index into files
    owner: Ints  # (n,) index into utterances, FALSE or UNCOUNTED
    decided_ms: Ints  # (n,)
    rest_ms: Ints  # (n,) a wake is deaf up to here
    scores: Floats  # (n, 2)
    alive: Floats  # (n, 2) exists if above < threshold of stage 1 <= upto

    @property
    def hours(self) -> float:
        """Of negative recordings."""
        return sum(file.hours for file in self.files if file.kind == "negative")

    def rows(self, stage1: float) -> Ints:
        """Indices of the candidates that this threshold of stage 1 makes, if nothing wakes."""
        return np.flatnonzero((self.alive[:, 0] < stage1) & (stage1 <= self.alive[:, 1]))

    def wakes(self, stage1: float, stage2: float) -> Ints:
        """Indices of the rows that wake, each after the rest of the one before it in its recording."""
        rows = self.rows(stage1)
        return self._awake(rows[self.scores[rows, 1] >= stage2])

    def heard(self, stage1: float, stage2: float) -> Truths:
        """(utterances,): which of them are heard."""
        heard = np.zeros(len(self.utterances), bool)
        owners = self.owner[self.wakes(stage1, stage2)]
        heard[owners[owners >= 0]] = True
        return heard

    def asked(self, stage1: float) -> Truths:
        """(utterances,): for which of them stage 1 asks."""
        asked = np.zeros(len(self.utterances), bool)
        owners = self.owner[self.rows(stage1)]
        asked[owners[owners >= 0]] = True
        return asked

    def false_accepts(self, stage1: float, stage2: float) -> Ints:
        """Rows that wake falsely, in negative recordings."""
        woken = self.wakes(stage1, stage2)
        return np.asarray(woken[self.owner[woken] == FALSE])

    def candidates(self, stage1: float) -> Ints:
        """Rows on which stage 1 alone asks falsely, in negative recordings."""
        rows = self.rows(stage1)
        return np.asarray(rows[self.owner[rows] == FALSE])

    def steps(self, stage1: float, least: float = LEAST) -> Steps:
        """All that stage 2's threshold changes from 1 down to `least`, at this threshold of stage 1."""
        rows = self.rows(stage1)
        rows = rows[self.scores[rows, 1] >= least]
        found = [step for group in self._apart(rows) for step in self._changes(group)]
        found.sort(key=lambda step: -step[0])
        wakes: Counter[int] = Counter()
        steps = []
        for level, (utterance, file), change in found:
            before, wakes[utterance] = wakes[utterance], wakes[utterance] + change
            own = change if utterance == FALSE else (wakes[utterance] > 0) - (before > 0)  # woken twice is heard once
            if own:
                steps.append((level, own, utterance, file))
        table = np.array(steps, np.float64).reshape(-1, 4)
        return Steps(table[:, 0], *(table[:, column].astype(np.int64) for column in (1, 2, 3)))

    def take(self, files: Sequence[int]) -> Sweep:
        """The same of these recordings, by index; one that is given twice counts twice."""
        bounds = np.searchsorted(self.file, np.arange(len(self.files) + 1))
        said: dict[str, list[int]] = {}
        for number, utterance in enumerate(self.utterances):
            said.setdefault(utterance.file, []).append(number)
        rows, file, owner = [], [], []
        utterances: list[Utterance] = []
        for place, taken in enumerate(files):
            own = np.arange(bounds[taken], bounds[taken + 1])
            new = {old: len(utterances) + n for n, old in enumerate(said.get(self.files[taken].file, []))}
            utterances += [self.utterances[old] for old in new]
            rows.append(own)
            file.append(np.full(len(own), place))
            owner.append(np.array([new[old] if old >= 0 else old for old in self.owner[own].tolist()], np.int64))
        chosen = np.concatenate([np.zeros(0, np.int64), *rows])
        return Sweep(
            self.word, tuple(utterances), tuple(self.files[taken] for taken in files),
            np.concatenate([np.zeros(0, np.int64), *file]), np.concatenate([np.zeros(0, np.int64), *owner]),
            self.decided_ms[chosen], self.rest_ms[chosen], self.scores[chosen], self.alive[chosen],
        )  # fmt: skip

    def _awake(self, rows: Ints) -> Ints:
        """Of candidates that both stages accept, those that nothing before them silences."""
        woken, file, deaf = [], -1, 0
        for row in rows.tolist():
            if self.file[row] != file or self.decided_ms[row] > deaf:
                woken.append(row)
                file, deaf = int(self.file[row]), int(self.rest_ms[row])
        return np.array(woken, np.int64)

    def _apart(self, rows: Ints) -> list[Ints]:
        """Cut where nothing that came before could silence what follows."""
        clock = self.file[rows] * _FILE_MS
        deaf = np.maximum.accumulate(clock + self.rest_ms[rows])
        cuts = np.flatnonzero((clock + self.decided_ms[rows])[1:] > deaf[:-1]) + 1
        return np.split(rows, cuts) if len(rows) else []

    def _changes(self, rows: Ints) -> Iterator[tuple[float, tuple[int, int], int]]:
        """(level, (utterance or FALSE, file), change) within rows that may silence one another."""
        before: Counter[tuple[int, int]] = Counter()
        for level in sorted(set(self.scores[rows, 1].tolist()), reverse=True):
            woken = self._awake(rows[self.scores[rows, 1] >= level])
            now = Counter((int(self.owner[row]), int(self.file[row])) for row in woken if self.owner[row] >= FALSE)
            for owner in now.keys() | before.keys():
                if change := now[owner] - before[owner]:
                    yield level, owner, change
            before = now


def load(run: Run, word: str) -> Sweep:
    """The rows of one word. Raises `ConfigError` when the run has no such word, or a table names what another lacks."""
    if word not in (known := run.about["words"]):
        raise ConfigError(f"no word '{word}' in this run", where=str(run.folder), hint=f"it has {', '.join(known)}")
    files = [file for file in run.files() if file.read]
    utterances = [utterance for utterance in run.utterances() if utterance.word == word]
    return build(word, utterances, files, (row for row in run.alternatives() if row.word == word))


def build(word: str, utterances: Sequence[Utterance], files: Sequence[File], rows: Iterable[Alternative]) -> Sweep:
    """A sweep of rows that stand by file and time, as the tables have them."""
    by_name = {file.file: number for number, file in enumerate(files)}
    by_utterance = {utterance.utterance: number for number, utterance in enumerate(utterances)}
    negative = {file.file for file in files if file.kind == "negative"}

    def owner(row: Alternative) -> int:
        if row.utterance in by_utterance:
            return by_utterance[row.utterance]
        return FALSE if row.utterance == "" and row.file in negative else UNCOUNTED

    found = [
        (by_name[row.file], owner(row), row.decided_s, row.rest_until_s, row.stage1, row.stage2, row.above, row.upto)
        for row in rows
        if row.file in by_name
    ]
    found.sort(key=lambda row: (row[0], row[2]))
    table = np.array(found, np.float64).reshape(-1, 8)
    milliseconds = (table[:, 2:4] * 1000).round().astype(np.int64)
    return Sweep(
        word, tuple(utterances), tuple(files), table[:, 0].astype(np.int64), table[:, 1].astype(np.int64),
        milliseconds[:, 0], milliseconds[:, 1], table[:, 4:6], table[:, 6:8],
    )  # fmt: skip
