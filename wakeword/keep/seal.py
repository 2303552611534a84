"""Sealed to a public key: whoever writes a clip cannot read it again, only who has the private key can.

    sealed    = MARK | ephemeral public key (32) | ChaCha20-Poly1305(key, nonce 0, clip; MARK and both public keys)
    key       = HKDF-SHA256(X25519(ephemeral private key, public key), salt: both public keys, info: MARK)

The ephemeral private key is forgotten at once; each clip has one of its own, so a nonce is never used twice with one
key. It is the construction of RFC 9180's base mode (HPKE) and of libsodium's sealed boxes, from the parts that
`cryptography` has. It does not say who sealed: anybody who knows the public key could.

A private key is a file of one line that its owner alone can read: `wakeword-collect-private:` and 64 hexadecimal
digits; a public one the same with `public`.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wakeword.errors import ConfigError, in_words
from wakeword.keep.folder import write_new

MARK = b"wakeword sealed1"
KEY_BYTES = 32
_TAG_BYTES, _NONCE = 16, bytes(12)
OVERHEAD_BYTES = len(MARK) + KEY_BYTES + _TAG_BYTES
_LINE = re.compile(r"wakeword-collect-(private|public):([0-9a-f]{64})\s*")


class SealError(ValueError):
    """What was sealed cannot be opened with this key."""


def seal(clip: bytes, public: bytes) -> bytes:
    """`OVERHEAD_BYTES` longer than the clip. Raises `ValueError` for a public key that is none."""
    ephemeral = X25519PrivateKey.generate()
    own = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    return MARK + own + _cipher(shared, own + public).encrypt(_NONCE, clip, MARK + own + public)


def unseal(sealed: bytes, private: bytes) -> bytes:
    """The inverse. Raises `SealError` for another key, and for a single bit that was changed."""
    if len(sealed) < OVERHEAD_BYTES or not sealed.startswith(MARK):
        raise SealError("not a sealed clip")
    own = sealed[len(MARK) : len(MARK) + KEY_BYTES]
    public = public_of(private)
    try:
        shared = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(own))
        cipher = _cipher(shared, own + public)
        return cipher.decrypt(_NONCE, sealed[len(MARK) + KEY_BYTES :], MARK + own + public)
    except (InvalidTag, ValueError) as error:
        raise SealError("sealed to another key, or changed since") from error


def _cipher(shared: bytes, publics: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(hashes.SHA256(), KEY_BYTES, salt=publics, info=MARK).derive(shared))


def public_of(private: bytes) -> bytes:
    """32 bytes -> 32 bytes."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def create_key(path: Path) -> bytes:
    """A new private key in a new file that its owner alone can read; returns the public one. Raises `ConfigError`."""
    private = os.urandom(KEY_BYTES)
    try:
        write_new(path, f"wakeword-collect-private:{private.hex()}\n".encode(), durable=True)
    except FileExistsError as error:
        raise ConfigError("there is a file of this name already; no key is ever replaced", where=str(path)) from error
    except OSError as error:
        raise ConfigError(in_words(error), where=str(path)) from error
    return public_of(private)


def public_line(public: bytes) -> str:
    """As it is printed, and as a file has it."""
    return f"wakeword-collect-public:{public.hex()}"


def read_private(path: Path) -> bytes:
    """The private key in a file. Raises `ConfigError`, also when others may read it."""
    kind, key, mode = _read(path)
    if kind != "private":
        raise ConfigError(
            "a public key opens nothing", where=str(path), hint="the private one, where `collect` made it"
        )
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError("others may read this key", where=str(path), hint=f"chmod 600 {path}")
    return key


def read_public(path: Path) -> bytes:
    """The public key in a file, or that of the private one in it. Raises `ConfigError`."""
    kind, key, _ = _read(path)
    return key if kind == "public" else public_of(key)


def _read(path: Path) -> tuple[str, bytes, int]:
    try:
        text, mode = path.read_bytes()[:200].decode("ascii", "replace"), path.stat().st_mode
    except OSError as error:
        raise ConfigError(in_words(error), where=str(path)) from error
    found = _LINE.fullmatch(text)
    if not found:
        raise ConfigError("not a key of `wakeword collect`", where=str(path))
    return found[1], bytes.fromhex(found[2]), mode
