"""What an evaluation leaves behind: five files in one folder, typed here, explained in docs/eval.md.

    run.json         what was run: versions, hashes, thresholds, settings, command, seed
    files.csv        one row a recording as it was heard: hours, condition, speaker, what was wrong with it
    utterances.csv   one row an utterance and condition: where it is, what matched it
    candidates.csv   one row a candidate: all at the lowest threshold, and all of the daemon's at the point asked for
    sweep.csv        one row a candidate that some threshold would make: any pair of thresholds is read from it

Times are seconds since the recording's beginning. Empty fields mean "not known" (None here). Rows stand in the order of
the corpus, then of time. Tables are written and read a row at a time: they may be longer than memory.

Standard library only: what reads a run needs neither numpy nor a model.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Generic, TypeVar

from wakeword.errors import ConfigError, in_words

RUN, FILES, UTTERANCES, CANDIDATES, SWEEP = (
    "run.json", "files.csv", "utterances.csv", "candidates.csv", "sweep.csv",
)  # fmt: skip
FORMAT = 1
IGNORED = "-"  # in place of an utterance: the word is said here, but nobody asks whether it was heard
GROUP = "group_"  # columns that begin so divide speakers or recordings into subgroups


@dataclass(frozen=True, slots=True)
class File:
    """A recording as it was heard: one row a recording and condition. Unreadable ones are here too, with 0 hours."""

    file: str  # the name in all tables: the path as given, and `#CONDITION` unless clean
    path: str  # where it lies
    kind: str  # positive: only the misses of its utterances count; negative: its hours and false accepts count
    hours: float
    condition: str = "clean"  # clean, or parts joined by +: room, KIND-SNRdB
    noise: str = ""  # the kind of noise that was mixed in
    snr_db: float | None = None
    room: str = ""  # the room response
    speaker: str = ""
    problem: str = ""  # why it could not be read, or a warning
    read: bool = True  # false: it could not be read, and counts nowhere
    groups: dict[str, str] = field(default_factory=dict)  # group_… columns


@dataclass(frozen=True, slots=True)
class Utterance:
    """A word that is said in a file. `start_s` to `end_s` plus the tolerance is the window of its candidates.

    `time_s`, `stage1`, `stage2`, `latency_s` are of the wake that matched it or, where it was missed, of the candidate
    in its window whose lower score is highest (`latency_s` then empty); empty scores: stage 1 never asked, not even at
    the lowest threshold.
    """

    utterance: str  # unique in the run
    file: str
    word: str
    start_s: float
    end_s: float
    timed: bool  # false: nobody said where the word is, the whole file counts and there is no latency
    heard: bool  # the daemon woke; each wake is matched with at most one utterance and each utterance with one wake
    time_s: float | None = None
    stage1: float | None = None
    stage2: float | None = None
    latency_s: float | None = None  # from the word's end to the decision
    condition: str = "clean"
    noise: str = ""
    snr_db: float | None = None
    room: str = ""
    speaker: str = ""
    groups: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Stage 1 asked. `accepted` rows are the daemon's wakes, those and no others.

    `utterance` is the one it was matched with; for one that was not accepted, the one in whose window it lies; `-`
    where the word is said but does not count; empty otherwise. A wake with an empty one is a false accept.
    """

    file: str
    word: str
    time_s: float  # where the word ends, as stage 1 sees it
    stage1: float
    stage2: float
    accepted: bool
    utterance: str = ""


@dataclass(frozen=True, slots=True)
class Alternative:
    """A candidate that the daemon makes if, and only if, `above` < stage 1's threshold <= `upto`.

    Of the smoothing and the refractory time that the word had in the run (`run.json`).

    At thresholds (t1, t2) a file's wakes are, in the order of rows: those with above < t1 <= upto and stage2 >= t2 that
    lie after `rest_until_s` of the wake before them, of whatever word (`decided_s` > `rest_until_s`).
    """

    file: str
    word: str
    time_s: float
    decided_s: float  # when stage 1 had decided; what was heard up to here is what stage 2 judged
    stage1: float
    stage2: float
    above: float
    upto: float
    rest_until_s: float  # if it wakes, a session opens, and nothing is decided up to here
    utterance: str = ""  # the one in whose window it lies, `-` or empty


Row = TypeVar("Row", File, Utterance, Candidate, Alternative)

KINDS: dict[type, str] = {File: FILES, Utterance: UTTERANCES, Candidate: CANDIDATES, Alternative: SWEEP}
_DIGITS = {"hours": 8, "stage1": 6, "stage2": 6, "above": 9, "upto": 9}  # after the point; others 3, to the millisecond


@dataclass(frozen=True)
class Run:
    """An evaluation's folder. `files()` and the like read a table from its beginning each time."""

    folder: Path
    about: dict[str, Any]  # Any: JSON

    def files(self) -> Iterator[File]:
        """All recordings, also those that could not be read."""
        return read(self.folder / FILES, File)

    def utterances(self) -> Iterator[Utterance]:
        """All utterances that count."""
        return read(self.folder / UTTERANCES, Utterance)

    def candidates(self) -> Iterator[Candidate]:
        """The daemon's candidates at the point asked for, and all at the lowest threshold."""
        return read(self.folder / CANDIDATES, Candidate)

    def alternatives(self) -> Iterator[Alternative]:
        """What any other threshold would make."""
        return read(self.folder / SWEEP, Alternative)


def open_run(folder: str | Path) -> Run:
    """Raises `ConfigError` when there is no finished evaluation in this folder, or one of another version."""
    path = Path(folder) / RUN
    try:
        about = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(
            "no evaluation here", where=str(folder), hint="make one: wakeword eval --out " + str(folder)
        ) from error
    except ValueError as error:
        raise ConfigError(f"unreadable: {error}", where=str(path)) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ConfigError(f"not a run of format {FORMAT}", where=str(path))
    return Run(Path(folder), about)


class Table(Generic[Row]):
    """Writes one table, a row at a time, under another name until `close`: a table that is there is whole."""

    def __init__(self, folder: Path, kind: type[Row], groups: Iterable[str] = ()) -> None:
        self._path = folder / KINDS[kind]
        self._partial = self._path.with_suffix(".tmp")
        self._names = [column.name for column in fields(kind) if column.name != "groups"]
        self._groups = list(groups)
        self._opened = self._partial.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._opened, lineterminator="\n")
        self._writer.writerow(self._names + self._groups)

    def write(self, row: Row) -> None:
        """Append a row."""
        groups = getattr(row, "groups", {})
        own = [_text(name, getattr(row, name)) for name in self._names]
        self._writer.writerow(own + [groups.get(name, "") for name in self._groups])

    def close(self) -> None:
        """All is there."""
        self._opened.close()
        self._partial.replace(self._path)


def read(path: Path, kind: type[Row]) -> Iterator[Row]:
    """Rows of a table. Raises `ConfigError` naming file and line."""
    columns = [(column.name, _PARSERS[str(column.type)]) for column in fields(kind) if column.name != "groups"]
    grouped = "groups" in {column.name for column in fields(kind)}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                values: dict[str, Any] = {name: parse(row[name]) for name, parse in columns}
                if grouped:
                    values["groups"] = {name: text for name, text in row.items() if name.startswith(GROUP)}
                yield kind(**values)
    except OSError as error:
        raise ConfigError(in_words(error), where=str(path)) from error
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"not a table of this version: {error!r}", where=str(path)) from error


def group_names(files: Iterable[File]) -> list[str]:
    """All group columns, in order of name."""
    return sorted({name for file in files for name in file.groups})


def _text(name: str, value: str | float | bool | None) -> str:
    """As it stands in the file. Scores never round to the other side of a decision: what is written was decided."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.{_DIGITS.get(name, 3)}f}"


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _maybe(text: str) -> float | None:
    return float(text) if text else None


_PARSERS: dict[str, Callable[[str], Any]] = {"str": str, "float": float, "bool": _truth, "float | None": _maybe}
