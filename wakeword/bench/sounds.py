"""What the bench lets the daemon hear: talk without a pause, and rooms in which nothing happens."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.errors import SourceError
from wakeword.events import RATE_HZ
from wakeword.source.file import FileSource

Int16 = npt.NDArray[np.int16]

ROOM = Path(__file__).resolve().parent.parent / "data" / "room.flac"
QUIET_DBFS = (-75.0, -60.0)  # under the energy floor, and over it: then the voice detector looks at every block


def talk(recordings: Sequence[Path], seconds: float) -> Int16:
    """(seconds * 16000,) of these recordings, over and over; without any, of what is said in the demo's room.

    Raises `SourceError` for a recording that cannot be read, or when all of them are empty.
    """
    parts = [_whole(path) for path in recordings] if recordings else said()
    spoken = np.concatenate(parts)
    if not len(spoken):
        raise SourceError("no sound in these recordings", where=", ".join(map(str, recordings)))
    return np.resize(spoken, round(seconds * RATE_HZ))


def quiet(dbfs: float, seconds: float) -> Int16:
    """(seconds * 16000,) of white noise at `dbfs` (root mean square; a full-scale square wave has 0)."""
    noise = np.random.default_rng(1).standard_normal(round(seconds * RATE_HZ), np.float32)
    return np.asarray(np.rint(noise * np.float32(32768 * 10 ** (dbfs / 20))), np.int16)


def room() -> Int16:
    """(n,) the demo's room, silence and all."""
    return _whole(ROOM)


def write(path: Path, sound: Int16) -> Path:
    """A WAV file of it."""
    soundfile.write(path, sound, RATE_HZ, subtype="PCM_16")
    return path


def said(*, wake_words: bool = True) -> list[Int16]:
    """The lines of the room, without the silence between them; those with wake words only if wanted."""
    whole = room()
    with ROOM.with_suffix(".csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if wake_words or not row["word"]]
    lines = [(float(row["start_s"]), float(row["end_s"])) for row in rows]
    return [whole[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] for start_s, end_s in lines]


def _whole(path: Path) -> Int16:
    with FileSource(path) as source:
        return np.concatenate([np.zeros(0, np.int16), *source])
