"""What every engine hears: for each word and condition all its clips in one stream, and hours without the words.

In a stream the clips follow one another, each after at least `LEAD_S` of other sound: where noise stands before the
word, that noise, mirrored (forwards and backwards, without a seam); where there is none, the hiss of a quiet room. So
no engine loses a word to its beginnings, and each hears the noise before the word as it would in a room. After a clip
its last sound goes on, mirrored, for `TAIL_S`.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.errors import SourceError
from wakeword.events import RATE_HZ
from wakeword.train.spoken import blank_spoken

Int16 = npt.NDArray[np.int16]

LEAD_S, TAIL_S = 3.0, 1.0
SHORTEST_S = 0.25  # less noise than this before a word is not mirrored: it would hum
HISS_DBFS = -70.0  # chosen: a quiet room and a decent microphone

INDEX, MANIFEST = "index.csv", "manifest.csv"
COLUMNS = ("path", "condition", "word", "speaker", "start_s", "end_s")


@dataclass(frozen=True, slots=True)
class Said:
    """A word in a stream: its last sample, and whose clip it is."""

    path: str
    speaker: str
    end: int


@dataclass(frozen=True)
class Stream:
    """A recording: with `said`, clips of `word` in one condition; without, a negative, and `word` is empty."""

    name: str
    word: str
    condition: str
    said: tuple[Said, ...]
    sound: Int16

    @cached_property  # asked for once for each engine and sensitivity
    def digest(self) -> str:
        """Of its samples."""
        return hashlib.sha256(self.sound.tobytes()).hexdigest()[:20]

    @property
    def hours(self) -> float:
        """Its length."""
        return len(self.sound) / RATE_HZ / 3600


Later = Callable[[], Stream]  # read when its turn comes: all of them are gigabytes


def words(folder: Path) -> set[str]:
    """Those said in the clips of `folder/index.csv` (path, condition, word, speaker, start_s, end_s)."""
    return {row["word"] for row in _table(folder / INDEX, *COLUMNS)}


def positives(folder: Path, words: Collection[str]) -> list[Later]:
    """A stream for each of these words and condition. Raises `SourceError` for a table or a clip that is missing."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in _table(folder / INDEX, *COLUMNS):
        if row["word"] in words:
            groups.setdefault((row["word"], row["condition"]), []).append(row)
    return [partial(_joined, folder, *key, rows) for key, rows in sorted(groups.items())]


def negatives(folder: Path, fold: str) -> list[Later]:
    """The fold's speech and noise of `folder/manifest.csv` (path, fold), with silence where a word is really said."""
    rows = _table(folder / MANIFEST, "path", "fold")
    paths = [row["path"] for row in rows if row["fold"] == fold and row["path"].startswith(("speech/", "noise/"))]
    return [partial(_negative, folder, path) for path in paths]


def _negative(folder: Path, path: str) -> Stream:
    return Stream(path, "", "", (), blank_spoken(_read(folder / path), path))


def _joined(folder: Path, word: str, condition: str, rows: list[dict[str, str]]) -> Stream:
    parts: list[Int16] = []
    said, at = [], 0
    for number, row in enumerate(rows):
        clip = _read(folder / row["path"])
        start, end = (round(float(row[edge]) * RATE_HZ) for edge in ("start_s", "end_s"))
        noise = clip[: min(start, RATE_HZ)]
        noisy = len(noise) >= SHORTEST_S * RATE_HZ
        after = clip[max(end, len(clip) - RATE_HZ // 2) :] if noisy else clip[:0]
        before = _going_on(noise, round(LEAD_S * RATE_HZ), number)[::-1]  # ends where the clip begins
        tail = _going_on(after[::-1], round(TAIL_S * RATE_HZ), number)
        said.append(Said(row["path"], row["speaker"], at + len(before) + end))
        parts += [before, clip, tail]
        at += len(before) + len(clip) + len(tail)
    return Stream(f"{word}, {condition}", word, condition, tuple(said), np.concatenate(parts))


def _going_on(noise: Int16, length: int, number: int) -> Int16:
    """`length` samples: `noise`, forwards, backwards, forwards …; hiss where there is too little of it."""
    if len(noise) < SHORTEST_S * RATE_HZ:
        hiss = np.random.default_rng(number).standard_normal(length) * 32768 * 10 ** (HISS_DBFS / 20)
        return np.rint(hiss).astype(np.int16)
    return np.resize(np.concatenate([noise, noise[::-1]]), length)


def _table(path: Path, *columns: str) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"unreadable: {error}", where=str(path)) from error
    if missing := [name for name in columns if rows and name not in rows[0]]:
        raise SourceError(f"has no column {', '.join(missing)}", where=str(path))
    return rows


def _read(path: Path) -> Int16:
    """(n,) int16 of a 16 kHz mono file."""
    try:
        sound, rate = soundfile.read(path, dtype="int16")
    except soundfile.SoundFileError as error:
        raise SourceError(f"unreadable: {error}", where=str(path)) from error
    if rate != RATE_HZ or sound.ndim != 1:
        raise SourceError(f"{rate} Hz, shape {sound.shape}", where=str(path), hint="16 kHz mono is wanted")
    return np.asarray(sound, np.int16)
