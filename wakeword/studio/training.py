"""`wakeword train` for the studio: started, followed, stopped, and gone on with.

The work is that command's, in a process of its own; what it prints is its progress, and its work folder is what it goes
on from. One training at a time: the machine has no more cores for two. A lock that the process inherits tells another
studio that somebody is at it, also when the studio that began it was killed.
"""

from __future__ import annotations

import asyncio
import fcntl
import importlib.util
import re
import shlex
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from wakeword.errors import ConfigError, in_words
from wakeword.studio.child import Child
from wakeword.studio.folder import Folder, Place

News = dict[str, Any]  # Any: JSON

NEEDED = {"torch": "train", "onnx": "train", "scipy": "train", "pyroomacoustics": "train", "hibari": "voices"}
LAST_LINES = 40
_LEFT = re.compile(r"about ([\d.]+) min left")
_DONE_OF = re.compile(r"\b(\d+)\s?(?:/|of)\s?(\d+)\b")
LOG, LOCK = "log.txt", "lock"


def missing_extras() -> str:
    """How to get the libraries that a training needs; "" when all are here."""
    extras = sorted({extra for library, extra in NEEDED.items() if importlib.util.find_spec(library) is None})
    return f"pip install 'wakeword[{','.join(extras)}]'" if extras else ""


class Training:
    """At most one under way. `tell` gets what changes."""

    def __init__(self, folder: Folder, corpora: Path | None, options: str, tell: Callable[[News], object]) -> None:
        """`options` are further arguments of `wakeword train`. Raises `ConfigError` if they are no words of a shell."""
        self._root, self._corpora, self._tell = folder.root, corpora, tell
        try:
            self._options = shlex.split(options)
        except ValueError as error:
            raise ConfigError(str(error), where="--train") from error
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._word = self._step = ""
        self._lines: deque[str] = deque(maxlen=LAST_LINES)

    def state(self, place: Place) -> News:
        """none, running, stopped (begun and not finished), failed or done; with its last lines."""
        news: News = {"word": place.name, "missing": self.missing(), "state": "none", "lines": []}
        if self._child and self._word == place.name:
            return news | {"state": "running", **self._progress()}
        if place.trained:
            return news | {"state": "done"}
        log = place.training / LOG
        if log.is_file():
            lines = log.read_text("utf-8", "replace").splitlines()[-LAST_LINES:]
            failed = bool(lines) and lines[-1].startswith("ended with code")
            return news | {"state": "failed" if failed else "stopped", "lines": lines}
        return news

    async def start(self, place: Place) -> None:
        """Begin, or go on. Raises `ConfigError` when something is missing, or another one is under way."""
        if self._child:
            raise ConfigError(f"a training is under way: {self._word}", hint="stop it first")
        if lacks := self.missing():
            raise ConfigError("it cannot be trained here", hint=lacks)
        try:
            place.training.mkdir(parents=True, exist_ok=True)
            log = (place.training / LOG).open("a", encoding="utf-8")
        except OSError as error:
            why = in_words(error)
            raise ConfigError(why, where=str(place.training), hint="is the disk full?") from error
        with (self._root / LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                log.close()
                raise ConfigError("a training is under way, begun by another studio") from error
            self._word, self._step = place.name, ""
            self._lines.clear()
            self._child = await Child.start(*self.command(place), folder=place.training, keep=(lock.fileno(),))
        self._task = asyncio.create_task(self._follow(place, self._child, log))

    async def stop(self) -> None:
        """End it; what is done is kept for the next start."""
        if self._child:
            await self._child.stop()
        if self._task:
            await self._task

    def missing(self) -> str:
        """What to do before a training can begin; "" when all is here."""
        if extras := missing_extras():
            return extras
        return "" if self._corpora else "start the studio with --corpora DIR, sound to train against: docs/models.md"

    def command(self, place: Place) -> list[str]:
        """What is run."""
        words = [sys.executable, "-m", "wakeword", "train", place.phrase, "--out", str(place.out)]
        words += ["--corpora", str(self._corpora)]
        words += ["--work", str(place.work)]
        if place.listed("said"):
            words += ["--recordings", str(place.sounds("said"))]
        return [*words, *self._options]

    async def _follow(self, place: Place, child: Child, log: Any) -> None:  # Any: a text file
        with log:
            async for line in child.lines():
                self._lines.append(line)
                if line.endswith("..."):
                    self._step = line.removesuffix("...").strip()
                with suppress(OSError):  # a full disk ends the training itself, with its own words
                    print(line, file=log, flush=True)
                self._tell({"event": "training", "word": place.name, "state": "running", **self._progress()})
            code = await child.end()
            if code and not child.stopped:
                with suppress(OSError):
                    print(f"ended with code {code}", file=log, flush=True)
        self._child = None
        self._tell({"event": "training", **self.state(place)})

    def _progress(self) -> News:
        """Step, and of the last line: how much is done, and how long it still takes."""
        line = self._lines[-1] if self._lines else ""
        done, left = _DONE_OF.search(line), _LEFT.search(line)
        return {
            "step": self._step,
            "share": min(1.0, int(done[1]) / max(1, int(done[2]))) if done else None,
            "minutes_left": float(left[1]) if left else None,
            "lines": list(self._lines),
        }
