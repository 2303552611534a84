"""What is on disk when a gate starts: read it, believe only what is sealed, change nothing.

A crash can tear one group of one commit. More damage than that is not a crash: then the gate does not start, and a
person decides. Files are synced and dropped from the cache before they are read, so that nothing is built on bytes
which the disk does not hold.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path

from wakeword.errors import DAMAGED, WakewordError
from wakeword.evidence import tree
from wakeword.evidence.account import HOUR_MS, Account
from wakeword.evidence.disk import REAL, Disk
from wakeword.evidence.segment import MAX_GROUP_BYTES, SEAL_MARK, Segment, file_name, replay

MAX_ABORTED_WITHOUT_SEAL = 8


class DamageError(WakewordError):
    """More is broken than one crash can break."""

    exit_code = DAMAGED

    def __init__(self, what: str, where: Path) -> None:
        remedy = (
            "keep this folder as it is, look at it with `wakeword audit verify`, and name a new folder in the settings"
        )
        super().__init__(what, where=str(where), hint=remedy)


@dataclass
class Recovery:
    """What a new file builds on."""

    account: Account = field(default_factory=Account)
    frontier: tree.Frontier = field(default_factory=tree.Frontier)
    origin: str = ""  # "" when nothing was ever sealed
    epoch: int = 1  # of the file to be made
    aborted: int = 0  # files that a crash left before their first seal
    tail: bytes = b""  # bytes that no seal covers

    @property
    def tail_sha256(self) -> str:
        """64 hexadecimal digits."""
        return hashlib.sha256(self.tail).hexdigest()


def epochs(directory: Path, disk: Disk = REAL) -> list[int]:
    """The numbers of the files in the folder, ascending; 00000000.seg is no file of a log."""
    names = (re.fullmatch(r"([0-9]{8})\.seg", name) for name in disk.names(directory))
    return sorted(int(name[1]) for name in names if name and int(name[1]))


def boot_name(origin: str, boot_id: str) -> str:
    """A boot as one log names it, 32 hexadecimal digits: no two logs name it alike."""
    return hashlib.sha256((origin + boot_id).encode()).hexdigest()[:32]


def recover(directory: Path, device: bytes, now_ms: int, boot_id: str, disk: Disk = REAL) -> Recovery:
    """Read the folder; raises `DamageError` when it cannot be continued.

    `now_ms` and `boot_id` are of this moment: sessions of the last hour of this boot still count for the quota.
    """
    known = epochs(directory, disk)
    if not known:
        return Recovery()
    for before, after in itertools.pairwise(known):
        if after != before + 1:
            raise DamageError(f"{file_name(before + 1)} is missing", directory)
    found = Recovery(epoch=known[-1] + 1)
    files = _Files(directory, disk)
    sealed = _newest_sealed(files, known, device, found)
    if sealed:
        _continue_from(files, sealed, device, (now_ms, boot_name(found.origin, boot_id)), found)
    return found


@dataclass(frozen=True, slots=True)
class _Files:
    """A folder on a disk, read one file at a time."""

    directory: Path
    disk: Disk

    def read(self, epoch: int) -> bytes:
        return self.disk.read_durable(self.directory / file_name(epoch))


def _newest_sealed(files: _Files, known: list[int], device: bytes, found: Recovery) -> list[int]:
    """The epochs up to the newest file with a good group; notes in `found` what lies behind it."""
    directory = files.directory
    for at in range(len(known) - 1, -1, -1):
        content = files.read(known[at])
        segment = replay(content, known[at], device)
        found.tail = content[segment.sealed_end :] + found.tail
        if segment.sealed_end:
            _refuse_big_damage(directory, found)
            found.origin, found.frontier = segment.origin, segment.frontier
            return known[: at + 1]
        if replay(content, known[at], None).sealed_end:
            raise DamageError(f"{file_name(known[at])} was certified by another device key", directory)
        found.aborted += 1
    _refuse_big_damage(directory, found)
    if found.aborted > MAX_ABORTED_WITHOUT_SEAL:
        raise DamageError(f"{found.aborted} files and not one sealed group", directory)
    return []


def _refuse_big_damage(directory: Path, found: Recovery) -> None:
    torn = 1 + found.aborted
    if len(found.tail) > MAX_GROUP_BYTES * torn or found.tail.count(SEAL_MARK) > torn:
        raise DamageError(f"{len(found.tail)} bytes after the last good seal: more than a crash leaves", directory)


def _continue_from(files: _Files, sealed: list[int], device: bytes, now: tuple[int, str], found: Recovery) -> None:
    """Sum up the newest sealed file, and those before it that reach into the last hour of this boot."""
    now_ms, boot = now
    segments: list[Segment] = []
    for epoch in reversed(sealed):
        segment = replay(files.read(epoch), epoch, device)
        if not segment.records:  # a start that never sealed anything: what lies before it still counts
            continue
        recent = any(record.get("boot") == boot for record in segment.records[:1])
        if segments and not (recent and now_ms - int(segment.records[-1].get("t", 0)) < HOUR_MS):
            break
        segments.append(segment)
    for segment in reversed(segments):
        found.account.crashed()  # whatever the file before left open, the `open` of the next gap says so too
        for record in segment.records:
            found.account.take(record)
