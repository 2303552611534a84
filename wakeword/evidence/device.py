"""The device key: made once, vouches for the key of every start. Its private half is a file that only its owner reads.

Who can read that file can certify a false log from that day on; a receipt or a checkpoint noted elsewhere before that
day shows the difference. Hardware that keeps the key is a later step; the formats stay.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wakeword.errors import ConfigError
from wakeword.evidence import note
from wakeword.evidence.disk import REAL, Disk

VKEY_NAME = "device.vkey"  # the public half, beside the log: handy, and proves less than a copy kept elsewhere


def load_private(path: Path, disk: Disk = REAL) -> Ed25519PrivateKey:
    """The key in `path`; raises `ConfigError` when the file is not a key or others may read it."""
    if disk.mode(path) & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError("others may read the device key", where=str(path), hint=f"chmod 600 {path}")
    text = disk.read(path).decode("ascii", "replace").strip()
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))
    except ValueError as error:
        raise ConfigError("not a device key: 64 hexadecimal digits expected", where=str(path)) from error


def load_or_create(path: Path, *, may_create: bool, disk: Disk = REAL) -> Ed25519PrivateKey:
    """The key in `path`, made at the first start; a log that exists (`may_create` false) cannot get another key.

    The folder is synced each time: a log must not outlive the key that vouches for it, also when the first start died
    before it could do so.
    """
    try:
        if not disk.exists(path):
            if not may_create:
                hint = "restore the key file, or name a new folder for the evidence"
                raise ConfigError("the device key of this log is missing", where=str(path), hint=hint)
            put(path, os.urandom(32).hex() + "\n", 0o600, disk)
        disk.sync_folder(path.parent)
    except OSError as error:
        raise ConfigError(f"cannot write the device key: {error.strerror}", where=str(path)) from error
    return load_private(path, disk)


def put(path: Path, text: str, mode: int, disk: Disk = REAL) -> None:
    """A file that is there whole or not at all, also when the power fails."""
    new = path.with_name(path.name + ".tmp")
    disk.remove(new)
    disk.write_new(new, text.encode(), mode)
    disk.rename(new, path)
    disk.sync_folder(path.parent)


def origin_beside(directory: Path, public: bytes, disk: Disk = REAL) -> str:
    """The origin in the folder's `device.vkey`, "" when there is none; raises `ConfigError` when the key is another."""
    path = directory / VKEY_NAME
    if not disk.exists(path):
        return ""
    try:
        key = note.Key.of_device(disk.read(path).decode("utf-8", "replace"))
    except note.NoteError as error:
        raise ConfigError(str(error), where=str(path)) from error
    if key.public != public:
        raise ConfigError("the device key is not the one of this log", where=str(path), hint="restore the key file")
    return key.name.removesuffix("/device")


def publish(directory: Path, origin: str, public: bytes, disk: Disk = REAL) -> None:
    """Write the public half beside the log, once."""
    if not disk.exists(directory / VKEY_NAME):
        put(directory / VKEY_NAME, note.Key(note.device_name(origin), public).vkey() + "\n", 0o644, disk)
