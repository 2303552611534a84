"""What was heard once need not be heard again: one SQLite file, safe to delete at any time, without any sound in it.

A result is filed under a hash of all that it depends on: the samples' own key, the models' hashes, and the pipeline's
code and libraries (`version`). So a change of a threshold finds everything, a change of a model nothing, and nothing
needs to be declared stale. Each result is committed when it comes: what was done before Ctrl-C is kept.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import soundfile

import wakeword
from wakeword.errors import ConfigError
from wakeword.model import Model

# Whatever may change a score or a sample. A package stands for all its modules.
CODE = (
    "events.py", "model.py", "replay.py", "pipeline", "peers", "source/convert.py", "source/file.py",
    "eval/decide.py", "eval/fan.py", "eval/mix.py", "eval/score.py", "eval/sounds.py",
)  # fmt: skip
LIBRARIES = ("numpy", "onnxruntime", "soxr", "soundfile", "webrtcvad-wheels")
_SCHEMA = """
create table if not exists files (path text primary key, bytes integer, changed_ns integer, sha256 text);
create table if not exists results (key text primary key, seconds real, warnings text, room text, packed blob);
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one task. Without `packed` it could not be done, and `problem` says why."""

    key: str
    packed: bytes = b""
    problem: str = ""
    seconds: float = 0.0  # of sound
    warnings: tuple[str, ...] = ()
    room: str = ""


class Cache:
    """Not for several processes that write at once, though they would only wait for each other."""

    def __init__(self, path: Path) -> None:
        """Raises `ConfigError` when it cannot be opened."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._file.execute("pragma journal_mode = wal")
            self._file.execute("pragma synchronous = off")  # lost with the power: then it is heard again
            self._file.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"cannot be used: {error}", where=str(path), hint="--cache FILE") from error

    def close(self) -> None:
        """Nothing is pending."""
        self._file.close()

    def put(self, result: Result) -> None:
        """Keep what could be done."""
        if result.packed:
            row = (result.key, result.seconds, json.dumps(result.warnings), result.room, result.packed)
            self._file.execute("insert or replace into results values (?, ?, ?, ?, ?)", row)

    def get(self, key: str) -> Result | None:
        """What is filed under a key."""
        row = self._file.execute("select * from results where key = ?", (key,)).fetchone()
        return Result(row[0], row[4], "", row[1], tuple(json.loads(row[2])), row[3]) if row else None

    def has(self, key: str) -> bool:
        """Is there anything under this key?"""
        return bool(self._file.execute("select 1 from results where key = ?", (key,)).fetchone())

    def known_hash(self, path: str) -> str | None:
        """Of a file that has not changed since it was last read: its size and its time are the same."""
        state = Path(path).stat()
        row = self._file.execute(
            "select bytes, changed_ns, sha256 from files where path = ?", (_full(path),)
        ).fetchone()
        return row[2] if row and row[:2] == (state.st_size, state.st_mtime_ns) else None

    def keep_hash(self, path: str, sha256: str) -> None:
        """For the next time."""
        state = Path(path).stat()
        row = (_full(path), state.st_size, state.st_mtime_ns, sha256)
        self._file.execute("insert or replace into files values (?, ?, ?, ?)", row)


def key_of(kind: str, parts: Iterable[object]) -> str:
    """A hash of all of it."""
    told = json.dumps([kind, version(), *parts], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def identity(models: Iterable[Model]) -> list[list[str]]:
    """What the scores of these models depend on. The order of words counts: it is that of the rows."""
    return [[model.word, model.stage1_sha256, model.stage2_sha256, model.trunk, model.peer] for model in models]


@cache
def version() -> str:
    """A hash of the code and the libraries that make scores."""
    made = hashlib.sha256()
    package = Path(wakeword.__file__).parent
    for name in CODE:
        for path in sorted((package / name).rglob("*.py")) if (package / name).is_dir() else [package / name]:
            made.update(path.read_bytes())
    libraries = {name: importlib.metadata.version(name) for name in LIBRARIES}
    made.update(json.dumps([libraries, soundfile.__libsndfile_version__]).encode())
    return made.hexdigest()


def _full(path: str) -> str:
    return str(Path(path).absolute())
