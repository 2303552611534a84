"""Where sealed clips lie: one folder, one file a clip, all of one size, named at random. Standard library only.

A file's times would tell when somebody spoke: each is set to the day the consent was given. (Its inode's change time
cannot be; only who may read this folder sees it.)
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from wakeword.errors import ConfigError, in_words

ENDING = ".clip"
_PART = ".part"
FREE_BYTES = 256 << 20  # chosen: the evidence must not run out of disk because of clips
_ATTEMPTS = 100  # at a folder into which somebody still writes


class Full(Exception):  # noqa: N818 - it is no error: nothing more is kept
    """There are as many clips as the consent allows, or too little room on the disk."""


class Clips:
    """The writing side. Raises `OSError` from `put` when the disk fails; what was begun is then removed."""

    def __init__(self, folder: Path, most: int, time_s: int) -> None:
        """`most` clips; `time_s` is what every file's time is set to. Leftovers of a crash are removed."""
        self._folder, self._most, self._time_s = folder, most, time_s
        for path in folder.glob(f"*{_PART}"):
            path.unlink(missing_ok=True)
        self.count = len(found(folder))

    def put(self, sealed: bytes) -> None:
        """One more. Raises `Full`."""
        if self.count >= self._most:
            raise Full(f"{self.count} clips are kept, as many as were consented to")
        room = os.statvfs(self._folder)
        if room.f_bavail * room.f_frsize < FREE_BYTES + len(sealed):
            raise Full(f"less than {FREE_BYTES >> 20} MiB are free on the disk")
        path = self._folder / (os.urandom(8).hex() + ENDING)
        part = path.with_suffix(_PART)
        try:
            write_new(part, sealed)
            os.utime(part, (self._time_s, self._time_s))
            part.rename(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        self.count += 1


def write_new(path: Path, content: bytes, *, durable: bool = False) -> None:
    """A file that was not there, for its owner alone. Raises `OSError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def found(folder: Path) -> list[Path]:
    """All clips, in order of name; [] where there is no folder."""
    return sorted(path for path in folder.glob(f"*{ENDING}") if path.is_file())


def make(folder: Path) -> None:
    """For its owner alone. Raises `ConfigError`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(in_words(error), where=str(folder)) from error


def remove(folder: Path) -> int:
    """Everything in it, and then the folder itself, also while somebody writes; how many files there were.

    No key is needed. Raises `ConfigError`.
    """
    gone, problem = 0, OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
    for _ in range(_ATTEMPTS):
        try:
            gone += empty(folder)
            folder.rmdir()
        except FileNotFoundError:
            return gone
        except OSError as error:
            problem = error
            if error.errno != errno.ENOTEMPTY:
                break
        else:
            return gone
    raise ConfigError(in_words(problem), where=str(folder), hint="run it as the daemon's user")


def empty(folder: Path) -> int:
    """Everything in it; how many files there were. Raises `OSError`."""
    gone = 0
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
        gone += 1
    return gone
