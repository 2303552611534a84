"""Which recordings there are, what is said in them, by whom. Reads names and tables; opens no sound.

Positives are folders named after a word (`P/computer/*.wav`, `P/anything/ok_garden/deep/x.flac`) or manifests: CSV with
`path,word` and, as far as known, `start_s,end_s,speaker,condition,group_…`; a line an utterance, paths relative to the
manifest. Negatives are folders, recordings, or manifests: `path` and the same further columns; where a line has a word,
it is said there, and candidates in that stretch count neither way.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from wakeword.errors import ConfigError
from wakeword.eval.tables import GROUP

ENDINGS = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".w64", ".caf"}
Kind = Literal["positive", "negative"]


@dataclass(frozen=True, slots=True)
class Said:
    """A word, in seconds of the recording. Without a place it is somewhere in it."""

    word: str
    start_s: float | None = None
    end_s: float | None = None


@dataclass(slots=True)
class Entry:
    """A recording, and what is known of it."""

    path: str
    kind: Kind
    said: list[Said] = field(default_factory=list)
    condition: str = "clean"
    speaker: str = ""
    groups: dict[str, str] = field(default_factory=dict)
    private: bytes = field(default=b"", repr=False)  # opens it, where it is a sealed clip (`collected.py`)


@dataclass
class Corpus:
    """All recordings in the order in which they were named; `notes` say what was left out, and why."""

    entries: list[Entry]
    notes: list[str]


def read(
    positives: Iterable[str], negatives: Iterable[str], words: Iterable[str], kept: Sequence[Entry] = ()
) -> Corpus:
    """Everything that is said to be evaluated, `kept` clips of a device last.

    Raises `ConfigError` naming file, line and remedy.
    """
    known = {plain(word): word for word in words}
    notes: list[str] = []
    entries = [entry for place in positives for entry in _positives(Path(place), known, notes)]
    entries += [entry for place in negatives for entry in _negatives(Path(place), known)]
    entries += kept
    kinds: dict[str, str] = {}
    for entry in entries:
        if entry.path in kinds:
            both = f"{kinds[entry.path]} and {entry.kind}" if kinds[entry.path] != entry.kind else f"twice {entry.kind}"
            raise ConfigError(f"named more than once: {both}", where=entry.path)
        kinds[entry.path] = entry.kind
    if not entries:
        raise ConfigError("no recordings", hint="--positives DIR, --negatives DIR, --collected DIR")
    return Corpus(entries, notes)


def plain(word: str) -> str:
    """A word as folders spell it: `OK Garden`, `ok-garden` and `ok_garden` are one."""
    return re.sub(r"[\W_]+", "_", word.strip().lower()).strip("_")


def recordings(folder: Path) -> list[Path]:
    """All sound files below a folder, in order of name. Raises `ConfigError` when there are none."""
    found = sound_files(folder)
    if not found:
        raise ConfigError("no recordings in this folder", where=str(folder), hint=" ".join(sorted(ENDINGS)))
    return found


def sound_files(folder: Path) -> list[Path]:
    """The same, which may be none."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())


def _positives(place: Path, known: dict[str, str], notes: list[str]) -> Iterator[Entry]:
    if _is_table(place):
        yield from _known_only(place, _manifest(place, "positive"), known, notes)
        return
    if not place.is_dir():
        raise ConfigError("neither a folder nor a manifest (.csv)", where=str(place))
    found, left = [], 0
    for path in recordings(place):
        names = [plain(parent.name) for parent in (path.parent, *path.parent.parents) if parent.is_relative_to(place)]
        names += [plain(place.resolve().name)]
        word = next((known[name] for name in names if name in known), None)
        if word:
            found.append(Entry(str(path), "positive", [Said(word)]))
        left += word is None
    if not found:
        folders = ", ".join(f"{place}/{name}/" for name in known)
        raise ConfigError("no folder here is named after a word", where=str(place), hint=f"{folders} or a manifest")
    if left:
        notes.append(f"{place}: {left} recordings lie in no folder named after a word that is evaluated; left out")
    yield from found


def _negatives(place: Path, known: dict[str, str]) -> Iterator[Entry]:
    if _is_table(place):
        for entry in _manifest(place, "negative"):
            entry.said = [Said(known[plain(one.word)], one.start_s, one.end_s) for one in entry.said
                          if plain(one.word) in known]  # fmt: skip
            yield entry
        return
    for path in recordings(place) if place.is_dir() else [place]:
        yield Entry(str(path), "negative")


def _known_only(place: Path, entries: Iterable[Entry], known: dict[str, str], notes: list[str]) -> Iterator[Entry]:
    left = 0
    for entry in entries:
        own = [Said(known[plain(one.word)], one.start_s, one.end_s) for one in entry.said if plain(one.word) in known]
        left += len(entry.said) - len(own)
        entry.said = own
        if own:
            yield entry
    if left:
        notes.append(f"{place}: {left} utterances of words that are not evaluated; left out")


def _is_table(place: Path) -> bool:
    return place.suffix.lower() == ".csv"


def _manifest(path: Path, kind: Kind) -> Iterator[Entry]:
    """Lines of one recording are one entry; what its first line says of it holds."""
    entries: dict[str, Entry] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = {"path", "word"} if kind == "positive" else {"path"}
            if lacking := missing - set(reader.fieldnames or ()):
                raise ConfigError(f"no column {', '.join(sorted(lacking))}", where=f"{path}:1", hint="path,word,…")
            for row in reader:
                where = f"{path}:{reader.line_num}"
                entry = _entry(path.parent, row, kind, where)
                own = entries.setdefault(f"{entry.path}", entry)
                if own is not entry:
                    own.said += entry.said
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"unreadable: {error}", where=str(path)) from error
    if not entries:
        raise ConfigError("no recordings in this manifest", where=str(path))
    yield from entries.values()


def _entry(folder: Path, row: dict[str, str], kind: Kind, where: str) -> Entry:
    if not row.get("path"):
        raise ConfigError("no path", where=where)
    said = _said(row, where)
    if kind == "positive" and not said:
        raise ConfigError("no word", where=where, hint="recordings without one are --negatives")
    groups = {name: text or "" for name, text in row.items() if isinstance(name, str) and name.startswith(GROUP)}
    return Entry(
        str(folder / row["path"]), kind, said, row.get("condition") or "clean", row.get("speaker") or "", groups
    )


def _said(row: dict[str, str], where: str) -> list[Said]:
    places = [row.get(name) or "" for name in ("start_s", "end_s")]
    if not row.get("word"):
        if any(places):
            raise ConfigError("a place without a word", where=where)
        return []
    if bool(places[0]) != bool(places[1]):
        raise ConfigError("start_s and end_s come together", where=where)
    if not places[0]:
        return [Said(row["word"])]
    try:
        start, end = map(float, places)
    except ValueError as error:
        raise ConfigError(f"not a number of seconds: {places[0]}, {places[1]}", where=where) from error
    if not (0 <= start < end and math.isfinite(end)):
        raise ConfigError(f"no place in a recording: {start:g} to {end:g} s", where=where)
    return [Said(row["word"], start, end)]


def condition_parts(name: str) -> tuple[str, float | None]:
    """The kind of noise and its ratio in a condition's name: `room+household-10dB` -> household, 10."""
    found = re.fullmatch(r"(?:.*\+)?(.+?)-(-?\d+(?:\.\d+)?)dB", name)
    return (found[1], float(found[2])) if found else ("", None)
