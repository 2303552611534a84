"""Does the simulation bite? One guard after the other is taken away, and each time it must find what that breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wakeword.errors import WakewordError
from wakeword.evidence.recovery import Recovery
from wakeword.evidence.store import Evidence
from wakeword.messages import Upload, Wake
from wakeword.ordeal.crash import Trial, Tried
from wakeword.ordeal.life import BrokenPromiseError
from wakeword.ordeal.simdisk import SimDisk
from wakeword.states import Gate

MOST_STATES = 30_000  # by then each should have been found many times over
FEW_STATES, OFTEN = 10, 0.6  # more lives instead of more states of each, and a disk that fails in most


@dataclass(frozen=True)
class Bite:
    """What became of one mutant."""

    guard: str  # that was taken away
    caught: str  # the broken promise; "" when nothing was found
    states: int  # tried until then


def _nothing(*_: object) -> None:
    pass


def _every_second(whole: Callable[..., None]) -> Callable[..., None]:
    calls = 0

    def sync(*given: Any) -> None:  # Any: whatever the method takes
        nonlocal calls
        calls += 1
        if calls % 2:
            whole(*given)

    return sync


def _in_place(disk: SimDisk, old: Path, new: Path) -> None:
    """Write the new content over the old file instead of renaming."""
    if new.name not in disk.world.names:
        _RENAME(disk, old, new)
        return
    target, content = disk.world.names[new.name], disk.world.names[old.name].cached
    target.cached, target.durable = content, content[: len(target.durable) // 2]
    target.dirty = set(range(1 + len(content) // 512))
    disk.watch("written in place")
    disk.remove(old)


def _swallowed(disk: SimDisk, descriptor: int, content: bytes) -> None:
    try:
        _APPEND(disk, descriptor, content)
    except OSError:
        return


def _ignored(disk: SimDisk, descriptor: int) -> None:
    try:
        _SYNC_DATA(disk, descriptor)
    except OSError:
        return


def _retried(disk: SimDisk, descriptor: int) -> None:
    try:
        _SYNC_DATA(disk, descriptor)
    except OSError:
        _SYNC_DATA(disk, descriptor)


def _too_soon(gate: Gate, wake: Wake) -> None:
    gate._outside.upload(Upload(wake.window[:2]), 0)
    _OPEN(gate, wake)


_APPEND, _SYNC_DATA, _RENAME, _OPEN = SimDisk.append, SimDisk.sync_data, SimDisk.rename, Gate._open

MUTANTS: dict[str, tuple[type, str, object]] = {
    "fdatasync after a group": (SimDisk, "sync_data", _nothing),
    "every second fdatasync": (SimDisk, "sync_data", _every_second(SimDisk.sync_data)),
    "fsync of the folder": (SimDisk, "sync_folder", _nothing),
    "fsync of a new key or of a pruned file": (SimDisk, "sync", _nothing),
    "recovery reads what the disk has": (SimDisk, "read_durable", SimDisk.read),
    "pruning renames": (SimDisk, "rename", _in_place),
    "a short write is an error": (SimDisk, "append", _swallowed),
    "EIO is an error": (SimDisk, "sync_data", _ignored),
    "EIO is not retried": (SimDisk, "sync_data", _retried),
    "a log that failed stays closed until a reboot": (Evidence, "_refuse_after_failure", _nothing),
    "the record before the first sample": (Gate, "_open", _too_soon),
    "the next start names what was torn": (Recovery, "tail_sha256", property(lambda _: "0" * 64)),
    "a session that a crash left open counts as its cap": (Evidence, "_start_gap", None),
}


@contextmanager
def without(owner: type, name: str, replacement: object) -> Iterator[None]:
    """The guard is gone inside."""
    kept = getattr(owner, name)
    if replacement is None:

        def forgetful(evidence: Evidence) -> dict[str, Any]:
            gap: dict[str, Any] = kept(evidence)
            return gap | {"open": 0}

        replacement = forgetful
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def _reached(tried: Tried, most: int) -> bool:
    return tried.states >= most


def bites(seed: int, most: int = MOST_STATES) -> Iterator[Bite]:
    """Each guard in turn."""
    for guard, mutant in MUTANTS.items():
        tried, caught = Tried(), ""
        with without(*mutant):
            try:
                number = 0
                while tried.states < most:
                    enough = partial(_reached, tried, most)
                    Trial(seed + number, tried, enough, most_states=FEW_STATES, failing=OFTEN).run()
                    number += 1
            except (BrokenPromiseError, WakewordError, AssertionError) as error:
                caught = str(error) or type(error).__name__
        yield Bite(guard, caught, tried.states)
