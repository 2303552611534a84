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

VKEY_NAME = "device.vkey"  # the public half, beside the log: handy, and proves less than a copy kept elsewhere


def load_private(path: Path) -> Ed25519PrivateKey:
    """The key in `path`; raises `ConfigError` when the file is not a key or others may read it."""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError("others may read the device key", where=str(path), hint=f"chmod 600 {path}")
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))
    except ValueError as error:
        raise ConfigError("not a device key: 64 hexadecimal digits expected", where=str(path)) from error


def load_or_create(path: Path, *, may_create: bool) -> Ed25519PrivateKey:
    """The key in `path`, made at the first start; a log that exists (`may_create` false) cannot get another key."""
    if not path.exists():
        if not may_create:
            hint = "restore the key file, or name a new folder for the evidence"
            raise ConfigError("the device key of this log is missing", where=str(path), hint=hint)
        try:
            _write_new(path, os.urandom(32).hex() + "\n")
        except OSError as error:
            raise ConfigError(f"cannot write the device key: {error.strerror}", where=str(path)) from error
    return load_private(path)


def _write_new(path: Path, text: str) -> None:
    """Write and sync a file that did not exist, readable by its owner alone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def origin_beside(directory: Path, public: bytes) -> str:
    """The origin in the folder's `device.vkey`, "" when there is none; raises `ConfigError` when the key is another."""
    path = directory / VKEY_NAME
    if not path.exists():
        return ""
    try:
        key = note.Key.from_vkey(path.read_text(encoding="utf-8"))
    except note.NoteError as error:
        raise ConfigError(str(error), where=str(path)) from error
    if key.public != public:
        raise ConfigError("the device key is not the one of this log", where=str(path), hint="restore the key file")
    return key.name.removesuffix("/device")


def publish(directory: Path, origin: str, public: bytes) -> None:
    """Write the public half beside the log, once."""
    path = directory / VKEY_NAME
    if not path.exists():
        _write_new(path, note.Key(note.device_name(origin), public).vkey() + "\n")
        path.chmod(0o644)
