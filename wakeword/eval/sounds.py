"""What can be heard in an evaluation: a recording as it is, or in a condition. Reads; knows nothing of words or models.

Another kind of source (a device's kept candidates, say) is another class with these three: `key`, `blocks`, `lead`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from wakeword.eval import mix
from wakeword.eval.mix import Condition
from wakeword.events import RATE_HZ
from wakeword.source.file import FileSource

Int16 = npt.NDArray[np.int16]


class Sound(Protocol):
    """Something to be listened to. Can be pickled: it is opened where it is heard."""

    @property
    def key(self) -> str:
        """Names the samples: equal keys, equal samples."""

    @property
    def lead(self) -> int:
        """Samples that stand before the recording's own first."""

    def blocks(self, told: Told) -> Iterator[Int16]:
        """16 kHz mono int16, from the beginning each time. Raises `SourceError`."""


@dataclass
class Told:
    """What is learnt of a sound while it is read."""

    warnings: list[str] = field(default_factory=list)
    room: str = ""


@dataclass(frozen=True)
class Recording:
    """A file as it is."""

    path: str
    sha256: str  # of the file's bytes
    channel: int | None = None  # counted from 0; None mixes

    @property
    def key(self) -> str:
        """The file's hash, and what is done with its channels."""
        return self.sha256 if self.channel is None else f"{self.sha256}/{self.channel}"

    @property
    def lead(self) -> int:
        """Nothing stands before it."""
        return 0

    def blocks(self, told: Told) -> Iterator[Int16]:
        """As the daemon would hear it; warnings are complete once the last block was taken."""
        with closing(FileSource(self.path, self.channel)) as source:
            yield from source
        prefix = f"{self.path}: "
        told.warnings += [warning.removeprefix(prefix) for warning in source.warnings]


@dataclass(frozen=True)
class InCondition:
    """A recording over noise or in a room. It is held in memory whole."""

    recording: Recording
    condition: Condition
    digest: str  # of the condition's own sounds (`digest_of`)
    active_s: tuple[tuple[float, float], ...]  # where the words are; none: the level of it all counts

    @property
    def key(self) -> str:
        """All that the samples are made of."""
        places = ",".join(f"{start:.3f}-{end:.3f}" for start, end in self.active_s)
        made = f"{self.recording.key}|{self.digest}|{places}"
        return hashlib.sha256(made.encode()).hexdigest()

    @property
    def lead(self) -> int:
        """Noise stands before the recording."""
        return mix.LEAD if self.condition.noise else 0

    def blocks(self, told: Told) -> Iterator[Int16]:
        """One block."""
        sound = np.concatenate(list(self.recording.blocks(told)) or [np.zeros(0, np.int16)])
        active = [(int(start * RATE_HZ), int(end * RATE_HZ)) for start, end in self.active_s]
        mixed = mix.mix(sound.astype(np.float32) / np.float32(32768), active, self.condition, self.recording.key)
        told.room = mixed.room
        yield mixed.sound


def digest_of(condition: Condition, hashes: dict[str, str]) -> str:
    """Of all that a condition may draw from; `hashes` gives each file's."""
    parts = [
        f"{mix.VERSION}|{condition.name}|{condition.snr_db!r}|{condition.seed}",
        *(hashes[path] for path in (*condition.noises, *condition.rooms)),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def sha256_of(path: str | Path) -> str:
    """Of a file's bytes. Raises `OSError`."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
