"""A device's kept candidates (`wakeword collect`) as recordings: opened in memory, never written anywhere.

Nobody knows what was said in a clip until somebody has listened: without labels all are negatives. What the device made
of it is the group `group_device`: accepted or rejected.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wakeword.errors import ConfigError, SourceError, in_words
from wakeword.eval.corpus import Entry, Said, plain
from wakeword.eval.sounds import Told
from wakeword.keep import clip, folder, seal

Int16 = npt.NDArray[np.int16]

CONDITION = "device"  # heard by the device's own microphone: nothing is mixed into it
VERDICT = "group_device"


@dataclass(frozen=True)
class Collected:
    """What to read: the folder of clips, the private key's file, a table `clip,word` or ""."""

    folder: str
    key: str
    labels: str = ""


@dataclass(frozen=True)
class Sealed:
    """One clip: a `Sound`. The private key travels to the processes of this machine and no further."""

    path: str
    sha256: str  # of the sealed bytes
    private: bytes = field(repr=False)

    @property
    def key(self) -> str:
        """The file's hash."""
        return self.sha256

    @property
    def lead(self) -> int:
        """Nothing stands before it."""
        return 0

    def blocks(self, told: Told) -> Iterator[Int16]:
        """One block of 4 s. Raises `SourceError` for what this key does not open."""
        yield np.frombuffer(_opened(Path(self.path), self.private)[1], "<i2").astype(np.int16)


def entries(asked: Collected, words: Iterable[str], notes: list[str]) -> list[Entry]:
    """A recording a clip, in order of name. One that cannot be opened is there too, and will be named when it is heard.

    Raises `ConfigError` when there are none, when the key opens none, and for a table that does not fit.
    """
    private, paths = seal.read_private(Path(asked.key)), folder.found(Path(asked.folder))
    if not paths:
        raise ConfigError("no kept candidates in this folder", where=asked.folder, hint="wakeword collect")
    labels = _labels(Path(asked.labels), {path.stem for path in paths}) if asked.labels else {}
    known = {plain(word): word for word in words}
    found: list[Entry] = []
    for path in paths:
        said = known.get(plain(labels.get(path.stem, "")))
        entry = Entry(str(path), "positive" if said else "negative", [Said(said)] if said else [], CONDITION)
        entry.private = private
        try:
            head, _ = _opened(path, private)
            entry.groups[VERDICT] = "accepted" if head.accepted else "rejected"
        except SourceError:
            entry.groups[VERDICT] = ""
        found.append(entry)
    if not any(entry.groups[VERDICT] for entry in found):
        raise ConfigError("this key opens none of the clips", where=asked.key)
    if silent := sum(path.stem not in labels for path in paths):
        notes.append(f"{asked.folder}: {silent} clips without a label; they count as if nobody says a word in them")
    return found


def _opened(path: Path, private: bytes) -> tuple[clip.Head, bytes]:
    try:
        return clip.unpack(seal.unseal(path.read_bytes(), private))
    except OSError as error:
        raise SourceError(in_words(error), where=str(path)) from error
    except ValueError as error:
        raise SourceError(str(error), where=str(path)) from error


def _labels(table: Path, clips: set[str]) -> dict[str, str]:
    """Clip -> the word that is said in it, "" for none of them."""
    labels: dict[str, str] = {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if missing := {"clip", "word"} - set(reader.fieldnames or ()):
                raise ConfigError(f"no column {', '.join(sorted(missing))}", where=f"{table}:1", hint="clip,word")
            for row in reader:
                name = (row["clip"] or "").strip()
                if name not in clips:
                    raise ConfigError(f"no clip {name!r} in this folder", where=f"{table}:{reader.line_num}")
                labels[name] = (row["word"] or "").strip()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"unreadable: {error}", where=str(table)) from error
    return labels
