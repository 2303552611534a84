"""Who listens: other engines as processes of their own, ours as the daemon's own detector.

What an engine found in a stream is a list of rows; `above` and `upto` tell at which *levels* a row is there. Of an
engine with a score, every step whose score reaches `FLOOR` is a row, at one level. An engine without scores is heard
once for each sensitivity: its levels. Ours has two thresholds: the level is stage 1's, the score stage 2's, and rows
are all that any threshold of stage 1 would ask (`wakeword.eval.score`).

What was heard once is read from a folder, by the stream's samples and by all that makes the engine what it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from wakeword.errors import ConfigError
from wakeword.eval.cache import identity, version
from wakeword.eval.score import Scorer
from wakeword.events import RATE_HZ
from wakeword.model import LEAST_THRESHOLD, Model
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.versus.programs import HARNESS, PROGRAMS, SENSITIVITIES, TITLES, WITHOUT_SCORE
from wakeword.versus.streams import Int16, Stream

FLOOR = 0.01  # scores below it are not kept: no threshold of use lies there
LEVEL = 0.5  # the one level of an engine with a score
BAND = 0.001  # less than lies between two sensitivities
STAGE1_LEVELS = tuple(round(0.05 * number, 2) for number in range(2, 20))


@dataclass(frozen=True, slots=True)
class Row:
    """At levels `above` < level <= `upto` the engine says `word`, if its threshold is `score` or less.

    `at`: the samples it had been fed when it said so.
    """

    word: str
    at: int
    score: float
    above: float = 0.0
    upto: float = 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of hearing one file, starting not counted."""

    cpu_s: float
    peak_mib: float


class Engine(Protocol):
    """Anything that listens."""

    title: str
    words: frozenset[str]
    levels: tuple[float, ...]
    least: float  # no threshold is lower

    def keys(self, words: Sequence[str]) -> list[str]:
        """Names of all that its answers depend on, apart from the sound: one for each time it must listen."""

    def hear(self, number: int, words: Sequence[str], sound: Int16) -> list[Row]:
        """What it finds of these words in a whole stream; `number` is that of the key."""


class Program:
    """A text of `programs.py` in the interpreter that has the engine. A context manager: it ends with it."""

    def __init__(self, name: str, python: str, text: str) -> None:
        """Raises `ConfigError` when the interpreter does not start, or has no such engine."""
        self._name = name
        try:
            self._process = subprocess.Popen(
                [python, "-c", f"{HARNESS}\n{text}\nserve()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                start_new_session=True,  # Ctrl-C is ours
            )  # fmt: skip
        except OSError as error:
            raise ConfigError(str(error), where=f"--engine {name}") from error
        told = self._answer()
        self.version, self.words = str(told["version"]), frozenset(map(str, told["words"]))

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        if kind:
            self._process.kill()  # it would hear its recording to the end
        self._process.communicate()

    def order(
        self, words: Sequence[str], path: Path, setting: float | None = None
    ) -> tuple[list[tuple[str, int, float]], Cost]:
        """Listen to a WAV file of 16 kHz. Raises `ConfigError` when the program ends instead."""
        assert self._process.stdin
        order = {"words": list(words), "path": str(path), "setting": setting, "floor": FLOOR}
        with suppress(BrokenPipeError):  # it has ended: its error is on the screen, and nothing will be read
            print(json.dumps(order), file=self._process.stdin, flush=True)
        told = self._answer()
        return [(word, at, score) for word, at, score in told["rows"]], Cost(told["cpu_s"], told["peak_mib"])

    def _answer(self) -> dict[str, Any]:  # Any: JSON
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("{"):  # whatever else a library has to say
                answer: dict[str, Any] = json.loads(line)
                return answer
        self._process.communicate()
        raise ConfigError("the engine failed", where=f"--engine {self._name}", hint="its own error stands above")


class Peer:
    """Another engine."""

    least = FLOOR

    def __init__(self, name: str, program: Program, text: str, sensitivities: Sequence[float] = SENSITIVITIES) -> None:
        self._program, self._text = program, text
        self._settings: tuple[float | None, ...] = tuple(sensitivities) if name in WITHOUT_SCORE else (None,)
        self.title = f"{TITLES.get(name, name)} {program.version}"
        self.words = program.words
        self.levels = tuple(LEVEL if setting is None else setting for setting in self._settings)

    def keys(self, words: Sequence[str]) -> list[str]:
        """One a sensitivity, or one."""
        made_of = [HARNESS, self._text, self._program.version, FLOOR, sorted(words)]
        return [_digest([*made_of, setting]) for setting in self._settings]

    def hear(self, number: int, words: Sequence[str], sound: Int16) -> list[Row]:
        """In a process of its own."""
        setting = self._settings[number]
        with tempfile.NamedTemporaryFile(prefix="wakeword-versus-", suffix=".wav") as file:
            write_wav(Path(file.name), sound)
            rows, _ = self._program.order(words, Path(file.name), setting)
        band = (0.0, 1.0) if setting is None else (setting - BAND, setting)
        return [Row(word, at, score, *band) for word, at, score in rows]


class Ours:
    """The daemon's own detector, both stages, at every pair of thresholds at once."""

    levels, least = STAGE1_LEVELS, LEAST_THRESHOLD

    def __init__(self, models: Sequence[Model], title: str = "wakeword") -> None:
        self._models = {model.word: model for model in models}
        self._scorers: dict[tuple[str, ...], Scorer] = {}
        self.title, self.words = title, frozenset(self._models)
        self.points = {word: model.points["default"] for word, model in self._models.items()}

    def keys(self, words: Sequence[str]) -> list[str]:
        """The models' hashes, and the pipeline's code and libraries."""
        return [_digest([identity([self._models[word] for word in sorted(words)]), version()])]

    def hear(self, number: int, words: Sequence[str], sound: Int16) -> list[Row]:
        """In this process."""
        names = tuple(sorted(words))
        if names not in self._scorers:
            self._scorers[names] = Scorer([self._models[word] for word in names])
        asked = self._scorers[names].score([sound]).asked
        return [Row(names[a.word], (a.unit + 1) * UNIT_SAMPLES, a.stage2, a.above, a.upto) for a in asked]


def open_program(name: str, python: str) -> tuple[Program, str]:
    """`python` is an interpreter, or `INTERPRETER:TEXT.py` for an engine that is not known here, and its text."""
    interpreter, _, own = python.partition(":")
    if name not in PROGRAMS and not own:
        raise ConfigError(f"no engine '{name}' is known here", hint=f"{', '.join(PROGRAMS)}; or NAME=PYTHON:TEXT.py")
    try:
        text = Path(own).read_text("utf-8") if own else PROGRAMS[name]
    except OSError as error:
        raise ConfigError(f"unreadable: {error.strerror}", where=own) from error
    return Program(name, interpreter, text), text


def listen(engine: Engine, words: Sequence[str], stream: Stream, folder: Path) -> tuple[list[Row], bool]:
    """All its rows in a stream, from `folder` where it was heard before; and whether anything was not."""
    rows: list[Row] = []
    fresh = False
    for number, key in enumerate(engine.keys(words)):
        kept = folder / key / f"{stream.digest}.json"
        with suppress(OSError, ValueError, TypeError):  # not there, or no longer whole
            rows += [Row(*values) for values in json.loads(kept.read_text("utf-8"))]
            continue
        found, fresh = engine.hear(number, words, stream.sound), True
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps([[r.word, r.at, round(r.score, 6), r.above, r.upto] for r in found]), "utf-8")
        partial.rename(kept)
        rows += found
    return rows, fresh


def write_wav(path: Path, sound: Int16) -> None:
    """16 kHz, mono, 16 bits: what all of them read."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.ascontiguousarray(sound).tobytes())


def _digest(made_of: object) -> str:
    return hashlib.sha256(json.dumps(made_of, sort_keys=True, default=str).encode()).hexdigest()[:16]
