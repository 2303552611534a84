"""What the page's microphone is for: takes of the word, a minute of talk, or a live test. Blocks in, news out.

A block is what the browser's microphone gave: float32 at any rate, one channel; the daemon's own converter makes 16 kHz
int16 of it. News are plain values that the page is sent as JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.errors import ConfigError
from wakeword.events import RATE_HZ
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.source.convert import Converter
from wakeword.studio.folder import PARTIAL, Place, unkept
from wakeword.studio.takes import Cutter, Watch

Int16 = npt.NDArray[np.int16]
News = dict[str, Any]  # Any: JSON

MOST_TALK_S, LEAST_TALK_S = 1_800.0, 2.0


class Listener(Protocol):
    """Takes units of 1280 samples, int16 at 16 kHz."""

    def push(self, unit: Int16) -> list[News]:
        """What there is to say after this unit."""
        ...

    def state(self) -> News:
        """For the level meter."""
        ...

    def finish(self) -> News:
        """The stream ended, and what is kept was kept."""
        ...

    def abandon(self) -> None:
        """The page is gone: nothing half done is left."""
        ...


class Stream:
    """One microphone's blocks, cut into units for one listener. Raises `SourceError` for a rate that cannot be."""

    def __init__(self, rate_hz: int, listener: Listener) -> None:
        self._converter = Converter(rate_hz, 1)
        self._listener = listener
        self._pending = np.zeros(0, np.int16)

    def push(self, block: bytes) -> list[News]:
        """float32, little-endian. Raises `ConfigError` for half a sample, or when something cannot be kept."""
        if len(block) % 4:
            raise ConfigError("half a sample")
        sound = self._converter.push(np.frombuffer(block, "<f4").astype(np.float32, copy=False))
        self._pending = np.concatenate([self._pending, sound])
        whole = len(self._pending) // UNIT_SAMPLES * UNIT_SAMPLES
        news: list[News] = []
        for start in range(0, whole, UNIT_SAMPLES):
            news += self._listener.push(self._pending[start : start + UNIT_SAMPLES])
        self._pending = self._pending[whole:].copy()
        return [*news, {"event": "state", **self._listener.state()}] if whole else news

    def finish(self) -> News:
        """The microphone was closed on purpose."""
        return self._listener.finish()

    def abandon(self) -> None:
        """It was lost."""
        self._listener.abandon()


class Said:
    """Takes of a word: each good one is kept at once."""

    def __init__(self, place: Place) -> None:
        self._place, self._cutter = place, Cutter()

    def push(self, unit: Int16) -> list[News]:
        """A take, kept or refused. Raises `ConfigError` when the disk is full."""
        take = self._cutter.push(unit)
        if take is None:
            return []
        news: News = {"event": "take", "seconds": round(len(take.samples) / RATE_HZ, 2), "dbfs": round(take.dbfs, 1)}
        if take.problem:
            return [news | {"problem": take.problem}]
        return [news | {"file": self._place.keep("said", take.samples).name}]

    def state(self) -> News:
        """As `Watch.state`."""
        return self._cutter.watch.state()

    def finish(self) -> News:
        """Nothing is open."""
        return {}

    def abandon(self) -> None:
        """Nothing is open."""


class Talk:
    """Talk without the word, written while it lasts: one file, whole once it is finished."""

    def __init__(self, place: Place) -> None:
        """Raises `ConfigError` when the file cannot be begun."""
        self._path = place.next_file("talk")
        self._partial = self._path.with_name(PARTIAL)
        self._watch = Watch()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = soundfile.SoundFile(self._partial, "w", RATE_HZ, 1, "PCM_16")
        except (OSError, soundfile.LibsndfileError) as error:
            self._partial.unlink(missing_ok=True)
            raise unkept(self._path, error) from error

    def push(self, unit: Int16) -> list[News]:
        """Raises `ConfigError` when the disk is full; nothing is kept then."""
        if self._seconds >= MOST_TALK_S:
            return []
        self._watch.push(unit)
        try:
            self._file.write(unit)
            self._file.flush()
        except (OSError, soundfile.LibsndfileError) as error:
            self.abandon()
            raise unkept(self._path, error) from error
        return []

    def state(self) -> News:
        """As `Watch.state`."""
        return self._watch.state()

    def finish(self) -> News:
        """Keep it. Raises `ConfigError` for too little of it, or when it cannot be kept."""
        if self._seconds < LEAST_TALK_S:
            self.abandon()
            raise ConfigError(f"{self._seconds:.0f} s are too short to count anything in", hint="talk for a minute")
        try:
            self._file.close()
            self._partial.replace(self._path)
        except (OSError, soundfile.LibsndfileError) as error:
            self.abandon()
            raise unkept(self._path, error) from error
        return {"file": self._path.name, **self._watch.state()}

    def abandon(self) -> None:
        """Delete what there is of it."""
        self._file.close()
        self._partial.unlink(missing_ok=True)

    @property
    def _seconds(self) -> float:
        return self._watch.units * UNIT_SAMPLES / RATE_HZ


def seconds(path: Path) -> float:
    """Length of a recording of ours; 0 for one that somebody broke."""
    try:
        return float(soundfile.info(path).duration)
    except (OSError, soundfile.LibsndfileError):
        return 0.0
