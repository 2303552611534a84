"""Every system call that the evidence makes, and why; the power-loss simulation puts another disk in its place.

    commit      append, sync_data                    one write, then the disk has it; its length too
    new file    create, append, sync_data, sync_folder      and only the last makes its name survive
    reading     sync, drop from the cache, read      what the disk has, not what the cache has
    pruning     create NAME.tmp, append, sync, rename, sync_folder    the old file or the new one, never neither

Nothing is retried: after a failed sync the kernel may call pages clean that never reached the disk.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Disk:
    """The real one. Paths are whole; every method raises `OSError`."""

    def lock(self, path: Path) -> int:
        """A descriptor that holds the file for this process alone; raises `BlockingIOError` when another has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise
        return descriptor

    def names(self, folder: Path) -> list[str]:
        """What is in it."""
        return os.listdir(folder)  # noqa: PTH208  names alone, and one call that a simulation can replace

    def exists(self, path: Path) -> bool:
        """As the cache has it."""
        return path.exists()

    def mode(self, path: Path) -> int:
        """Who may do what with it."""
        return path.stat().st_mode

    def read(self, path: Path) -> bytes:
        """As the cache has it: for what is small and was synced when it was made."""
        return path.read_bytes()

    def read_durable(self, path: Path) -> bytes:
        """The file's bytes as the disk has them."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)

    def create(self, path: Path, mode: int = 0o640) -> int:
        """A new file to append to; raises `FileExistsError`."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)

    def append(self, descriptor: int, content: bytes) -> None:
        """One write; raises `OSError` also when the disk took a part of it only."""
        written = os.write(descriptor, content)
        if written != len(content):
            raise OSError(f"only {written} of {len(content)} bytes were written")

    def sync_data(self, descriptor: int) -> None:
        """The bytes are on the disk, and the length to find them."""
        os.fdatasync(descriptor)

    def sync(self, descriptor: int) -> None:
        """The bytes and all that is known of the file."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Say nothing about what the disk has."""
        os.close(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        """Replace `new` in one step."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """No error when there is none."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Make the folder's entries durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def write_new(self, path: Path, content: bytes, mode: int) -> None:
        """A whole file that did not exist, durable under its name."""
        descriptor = self.create(path, mode)
        try:
            self.append(descriptor, content)
            self.sync(descriptor)
        finally:
            self.close(descriptor)
        self.sync_folder(path.parent)

    def free_bytes(self, folder: Path) -> int:
        """What an ordinary user may still write."""
        disk = os.statvfs(folder)
        return disk.f_bavail * disk.f_frsize


REAL = Disk()
