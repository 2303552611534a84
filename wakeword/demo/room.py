"""The recording that the demo plays, and what is said in it and when (`scripts/make_room` makes both)."""

from __future__ import annotations

import csv
import importlib.resources
from dataclasses import dataclass
from pathlib import Path

import soundfile

from wakeword.errors import ConfigError
from wakeword.events import RATE_HZ

PACKAGED = Path(str(importlib.resources.files("wakeword") / "data"))
WORDS = ("computer", "jarvis", "alexa")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing said; seconds of the recording."""

    start_s: float
    end_s: float
    what: str
    who: str  # the synthetic voice's name
    word: str  # the wake word in it, "" for none
    how: str  # distance, noise, or which near-miss it is


@dataclass(frozen=True, slots=True)
class Room:
    """A folder of `scripts/make_room`."""

    sound: Path  # room.flac: 16 kHz, mono, 16 bits
    lines: list[Line]  # room.csv, in order


def load(folder: Path) -> Room:
    """Read the folder. Raises `ConfigError` when it lacks one of the two, or they are of another form."""
    sound, table = folder / "room.flac", folder / "room.csv"
    try:
        form = soundfile.info(sound)
        with table.open(newline="") as file:
            lines = [_line(row) for row in csv.DictReader(file)]
    except (OSError, soundfile.LibsndfileError) as error:
        raise ConfigError(f"not a room: {error}", where=str(folder), hint="scripts/make_room writes one") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"not a table of what is said: {error}", where=str(table)) from error
    if (form.samplerate, form.channels, form.subtype) != (RATE_HZ, 1, "PCM_16"):
        raise ConfigError("not 16 kHz, mono, 16 bits", where=str(sound))
    return Room(sound, lines)


def samples(room: Room) -> bytes:
    """Its sound as s16le."""
    return bytes(soundfile.read(room.sound, dtype="int16")[0].astype("<i2").tobytes())


def _line(row: dict[str, str]) -> Line:
    start_s, end_s = float(row["start_s"]), float(row["end_s"])
    return Line(start_s, end_s, row["what"], row["who"], row["word"], row["how"])
