"""Removing what is too old to be kept, without breaking what was proven about it.

A record whose time has come is replaced by its leaf hash (`cut`): the tree, its root, and every receipt stay checkable,
and with the salt gone the content cannot be guessed. After years the files themselves go. A `prune` record says so
first, signed; then the files are rewritten one at a time, oldest first, so that a crash leaves old ones or new ones,
and the next start goes on. The file in use is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wakeword.evidence.disk import Disk
from wakeword.evidence.growth import Growth
from wakeword.evidence.record import Record, RecordError, canonical, parse
from wakeword.evidence.segment import file_name, leaves
from wakeword.evidence.tree import Frontier

DAY_S = 86_400
KEPT_KINDS = ("key", "gap", "prune")  # what a file must say to be checked alone: nobody's habits


@dataclass(frozen=True, slots=True)
class Retention:
    """How long content is kept, and then how long its hashes."""

    keep_days: int = 90
    drop_days: int = 1_095

    @property
    def keep_s(self) -> int:
        """Seconds."""
        return self.keep_days * DAY_S

    @property
    def drop_s(self) -> int:
        """Seconds."""
        return self.drop_days * DAY_S


STANDARD = Retention()
LEAST = Retention(keep_days=7)  # what is kept even when the disk is nearly full


@dataclass(frozen=True, slots=True)
class Start:
    """Where and when a file begins."""

    epoch: int
    first: int  # records before it
    wall_s: int


class Shelf:
    """The files of a log, as far as pruning needs to know them. `Disk` errors go through."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        self._directory, self._disk = directory, disk

    def start_of(self, epoch: int) -> Start | None:
        """None for a file that a crash left before its first seal, or that is gone."""
        try:
            lines = self._disk.read(self._directory / file_name(epoch)).split(b"\n", 2)
            head, key = (parse(line) for line in lines[:2])
        except (FileNotFoundError, RecordError, ValueError):
            return None
        whole = head.get("k") == "head" and key.get("k") == "key"
        return Start(epoch, int(head["first"]), int(key["w"])) if whole else None

    def content_horizon(self, epochs: list[int], until_s: int, least: int) -> int:
        """`first` of the newest file that began before `until_s`: all records below are older. At least `least`."""
        for epoch in reversed(epochs):
            start = self.start_of(epoch)
            if start and (start.first <= least or start.wall_s <= until_s):
                return max(start.first, least)
        return least

    def file_horizon(self, epochs: list[int], until_s: int, least: int) -> int:
        """The newest epoch that began before `until_s`, counted from the oldest: files before it are older."""
        found = least
        for epoch in epochs:
            start = self.start_of(epoch)
            if start and start.wall_s > until_s:
                break
            found = max(found, epoch) if start else found
        return found

    def growth(self, epochs: list[int], size: int, now: Frontier) -> Growth:
        """From the log with `size` records to `now`; raises `ValueError` when the files do not lead there.

        Lines without their seals are enough here: what comes out is compared with the tree in memory.
        """
        starts: list[Start] = []
        for epoch in reversed(epochs):
            start = self.start_of(epoch)
            starts += [start] if start else []
            if start and start.first <= size:
                break
        else:
            raise ValueError(f"no file reaches back to record {size}")
        begins, growth = [*reversed(starts)], None
        base = self._front(begins[0].epoch)
        for start, end in zip(begins, [*(later.first for later in begins[1:]), now.size], strict=True):
            content = self._disk.read(self._directory / file_name(start.epoch))
            hashes = [leaf for _, leaf, _ in leaves(content, end - start.first)]
            if growth is None:
                growth = Growth(base.extend(hashes[: size - start.first]))
                hashes = hashes[size - start.first :]
            growth.extend(hashes)
        if growth is None or growth.frontier(now.size) != now:
            raise ValueError("the files are not those in memory")
        return growth

    def _front(self, epoch: int) -> Frontier:
        head = parse(self._disk.read(self._directory / file_name(epoch)).split(b"\n", 1)[0])
        return Frontier.from_hex(int(head["first"]), str(head["front"]))

    def work(self, epochs: list[int], cut_n: int, drop_e: int) -> Iterator[None]:
        """Bring the files to what the horizons say; each step is one file. Only those that are not yet so.

        The last of `epochs` is in use: it is never touched.
        """
        dropped = [epoch for epoch in epochs if epoch < drop_e]
        for epoch in dropped:
            self._disk.remove(self._directory / file_name(epoch))
            yield
        if dropped:
            self._disk.sync_folder(self._directory)
        for epoch, following in reversed(self._uncut([epoch for epoch in epochs if epoch >= drop_e], cut_n)):
            self._cut(epoch, following)
            yield

    def _uncut(self, epochs: list[int], cut_n: int) -> list[tuple[int, Start]]:
        """Newest first, with the start of what follows: as cutting begins with the oldest, behind a cut one all are."""
        found: list[tuple[int, Start]] = []
        following: Start | None = None
        for epoch in reversed(epochs):
            start = self.start_of(epoch)
            if start and following and following.first <= cut_n:
                if self._shortened(epoch, following) is None:
                    break
                found.append((epoch, following))
            following = start or following
        return found

    def _shortened(self, epoch: int, following: Start) -> bytes | None:
        """The file with all but the kept kinds cut, and of the seals only the last; None when nothing would change.

        None too for a file that is damaged: it stays as it is, for a verifier to find.
        """
        start = self.start_of(epoch)
        content = self._disk.read(self._directory / file_name(epoch))
        if start is None:
            return None
        try:
            whole = leaves(content, following.first - start.first)
        except RecordError:
            return None
        if all(_stays(line) for line, *_ in whole):
            return None
        lines = [content[: content.index(b"\n")]]
        lines += [line if _stays(line) else canonical(_cut(leaf)) for line, leaf, _ in whole]
        return b"".join(line + b"\n" for line in lines) + content[whole[-1][2] :]  # the last seal, and a torn tail

    def _cut(self, epoch: int, following: Start) -> None:
        path = self._directory / file_name(epoch)
        content = self._shortened(epoch, following)
        if content is None:
            return
        new = path.with_name(path.name + ".tmp")
        self._disk.remove(new)
        descriptor = self._disk.create(new)
        try:
            self._disk.append(descriptor, content)
            self._disk.sync(descriptor)
        finally:
            self._disk.close(descriptor)
        self._disk.rename(new, path)
        self._disk.sync_folder(self._directory)


def _stays(line: bytes) -> bool:
    return line.endswith(b'"k":"cut"}') or parse(line).get("k") in KEPT_KINDS


def _cut(leaf: bytes) -> Record:
    return {"k": "cut", "h": leaf.hex()}
