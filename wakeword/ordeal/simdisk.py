"""A disk in memory that forgets what was not synced, in every way that a real one may.

What is written lies in the cache. A sync moves a file's sectors to the platter, a folder's sync its names. When the
power fails, each 512-byte sector that was not synced is old, new, zeros or garbage by itself; a file that was not
synced has its old length or any up to the new one; of the changes to names any subset has happened. When only the
process dies, the cache stays. A sync that fails leaves pages that the cache calls clean and the platter never had.

Assumed, as by SQLite ("powersafe overwrite"): a sector that is appended to does not lose the bytes that it had.
"""

from __future__ import annotations

import copy
import errno
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wakeword.evidence.disk import Disk

SECTOR = 512
ROOM_BYTES = 1 << 30
OLD, NEW, ZERO, GARBAGE = range(4)


@dataclass
class Inode:
    """A file: `cached` is what a reader sees, `durable` what the platter has."""

    mode: int = 0o600
    cached: bytes = b""
    durable: bytes = b""
    dirty: set[int] = field(default_factory=set)  # sectors of the cache that are still to be written
    lost: set[int] = field(default_factory=set)  # sectors that failed to be written and that the cache calls clean

    def sync(self) -> None:
        """All that is dirty reaches the platter; what was lost does not."""
        self.durable = self._mixed(dict.fromkeys(self.lost, OLD), len(self.cached))
        self.dirty.clear()

    def fail(self) -> None:
        """The disk refuses; the cache believes that it took it."""
        self.lost |= self.dirty
        self.dirty.clear()

    def drop(self) -> None:
        """The cache forgets what it calls clean."""
        self.cached = self._mixed(dict.fromkeys(self.lost, OLD), len(self.cached))
        self.lost.clear()

    def choices(self) -> list[int]:
        """How many states power loss can leave: of the length, then of each sector that is not on the platter."""
        lengths = (
            1 + -(-(len(self.cached) - len(self.durable)) // SECTOR) if len(self.cached) > len(self.durable) else 1
        )
        return [lengths, *(4 for _ in self.dirty)]

    def after(self, chosen: list[int], noise: random.Random) -> Inode:
        """One of these states."""
        length = min(len(self.cached), len(self.durable) + SECTOR * chosen[0])
        length = length if len(self.cached) > len(self.durable) else len(self.durable)
        kinds = dict(zip(sorted(self.dirty), chosen[1:], strict=True)) | dict.fromkeys(self.lost, OLD)
        content = self._mixed(kinds, length, noise)
        return Inode(self.mode, content, content)

    def _mixed(self, kinds: dict[int, int], length: int, noise: random.Random | None = None) -> bytes:
        had, full = len(self.durable), self.cached.ljust(length, b"\0")[:length]
        content = bytearray(full)
        for sector, kind in kinds.items():
            start, end = max(SECTOR * sector, had), min(SECTOR * (sector + 1), length)
            if start < end and kind != NEW:
                content[start:end] = noise.randbytes(end - start) if kind == GARBAGE and noise else bytes(end - start)
        return bytes(content)


@dataclass
class World:
    """All that lies on the disk, cached and durable."""

    names: dict[str, Inode] = field(default_factory=dict)
    durable_names: dict[str, Inode] = field(default_factory=dict)
    pending: list[tuple[str, str, Inode | None]] = field(default_factory=list)  # (name, goes, comes) in order

    def killed(self) -> World:
        """Only the process died."""
        return copy.deepcopy(self)

    def choices(self) -> list[int]:
        """How many states power loss can leave, factor by factor."""
        inodes = self._inodes()
        return [2] * len(self.pending) + [number for inode in inodes for number in inode.choices()]

    def after_power_loss(self, chosen: list[int], noise: random.Random) -> World:
        """One of these states; nothing is cached any more."""
        names, chosen = dict(self.durable_names), list(chosen)
        for happens, (goes, name, inode) in zip(chosen, self.pending, strict=False):
            if happens:
                names.pop(goes, None)
                if inode is not None:
                    names[name] = inode
        del chosen[: len(self.pending)]
        left: dict[int, Inode] = {}
        for inode in self._inodes():
            count = len(inode.choices())
            left[id(inode)] = inode.after(chosen[:count], noise)
            del chosen[:count]
        kept = {name: left[id(inode)] for name, inode in names.items()}
        return World(dict(kept), dict(kept))

    def _inodes(self) -> list[Inode]:
        """Each file that a name may lead to, once, in a fixed order."""
        found = {id(inode): inode for inode in (*self.durable_names.values(), *self.names.values())}
        found |= {id(inode): inode for _, _, inode in self.pending if inode is not None}
        return list(found.values())


class SimDisk(Disk):
    """The disk as the evidence uses it. Before and after each change `watch` is called, with what is being done."""

    def __init__(self, world: World, watch: Callable[[str], None] = lambda _: None) -> None:
        self.world, self.watch = world, watch
        self.fault = ""  # "", "EIO" at the next sync, "ENOSPC" or "short" at the next write
        self.free = ROOM_BYTES
        self._open: dict[int, Inode] = {}
        self._next = itertools.count(1_000)

    def lock(self, path: Path) -> int:
        return next(self._next)

    def names(self, folder: Path) -> list[str]:
        return list(self.world.names)

    def exists(self, path: Path) -> bool:
        return path.name in self.world.names

    def mode(self, path: Path) -> int:
        return self._find(path).mode

    def read(self, path: Path) -> bytes:
        return self._find(path).cached

    def read_durable(self, path: Path) -> bytes:
        inode = self._find(path)
        self._sync(inode, f"fsync {path.name}")
        inode.drop()
        return inode.cached

    def create(self, path: Path, mode: int = 0o640) -> int:
        if path.name in self.world.names:
            raise FileExistsError(errno.EEXIST, "exists", path.name)
        self.watch(f"create {path.name}")
        inode = self.world.names[path.name] = Inode(mode)
        self.world.pending.append(("", path.name, inode))
        descriptor = next(self._next)
        self._open[descriptor] = inode
        return descriptor

    def append(self, descriptor: int, content: bytes) -> None:
        self.watch("write")
        taken = content
        if self.fault in ("ENOSPC", "short"):
            taken = content[: len(content) // 3] if self.fault == "short" else b""
        inode = self._open[descriptor]
        start, inode.cached = len(inode.cached), inode.cached + taken
        inode.dirty |= set(range(start // SECTOR, -(-len(inode.cached) // SECTOR)))
        self.watch("written")
        if taken != content:
            self.fault = ""
            raise OSError(errno.ENOSPC, f"only {len(taken)} of {len(content)} bytes were written")

    def sync_data(self, descriptor: int) -> None:
        self._sync(self._open[descriptor], "fdatasync")

    def sync(self, descriptor: int) -> None:
        self._sync(self._open[descriptor], "fsync")

    def close(self, descriptor: int) -> None:
        self._open.pop(descriptor, None)

    def rename(self, old: Path, new: Path) -> None:
        self.watch(f"rename {new.name}")
        inode = self.world.names.pop(old.name)
        self.world.names[new.name] = inode
        self.world.pending.append((old.name, new.name, inode))

    def remove(self, path: Path) -> None:
        if path.name in self.world.names:
            self.watch(f"unlink {path.name}")
            del self.world.names[path.name]
            self.world.pending.append((path.name, "", None))

    def sync_folder(self, folder: Path) -> None:
        self.watch("fsync folder")
        self.world.durable_names, self.world.pending = dict(self.world.names), []
        self.watch("folder synced")

    def free_bytes(self, folder: Path) -> int:
        return self.free

    def _sync(self, inode: Inode, what: str) -> None:
        self.watch(what)
        if self.fault == "EIO":
            self.fault = ""
            inode.fail()
            self.watch("EIO")
            raise OSError(errno.EIO, "the disk refused")
        inode.sync()
        self.watch("synced")

    def _find(self, path: Path) -> Inode:
        if path.name not in self.world.names:
            raise FileNotFoundError(errno.ENOENT, "no such file", path.name)
        return self.world.names[path.name]


def states(world: World, noise: random.Random, most: int) -> Iterator[World]:
    """What power loss can leave: all of it when that is at most `most` states, else the extremes and a draw."""
    factors = world.choices()
    total = 1
    for factor in factors:
        total *= factor
    if total <= most:
        for chosen in itertools.product(*(range(factor) for factor in factors)):
            yield world.after_power_loss(list(chosen), noise)
        return
    for extreme in _extremes(factors, most // 2):
        yield world.after_power_loss(extreme, noise)
    for _ in range(most - most // 2):
        yield world.after_power_loss([noise.randrange(factor) for factor in factors], noise)


def _extremes(factors: list[int], most: int) -> Iterator[list[int]]:
    """Nothing new, all new, and all but one or only one of them."""
    nothing, everything = [0] * len(factors), [min(1, factor - 1) if factor == 4 else factor - 1 for factor in factors]
    drawn = [nothing, everything]
    for at in range(len(factors)):
        drawn += [[*everything[:at], nothing[at], *everything[at + 1 :]]]
        drawn += [[*nothing[:at], everything[at], *nothing[at + 1 :]]]
    yield from drawn[:most]
