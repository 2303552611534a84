"""Sealed: only the private key opens it, and only unchanged. Held against the parts of `cryptography` one by one."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from wakeword.errors import ConfigError
from wakeword.keep import seal
from wakeword.keep.seal import SealError

PRIVATE = bytes(range(32))
PUBLIC = seal.public_of(PRIVATE)


@given(clip=st.binary(max_size=300))
def test_what_is_sealed_is_opened_with_the_private_key(clip: bytes) -> None:
    sealed = seal.seal(clip, PUBLIC)
    assert len(sealed) == len(clip) + seal.OVERHEAD_BYTES
    assert seal.unseal(sealed, PRIVATE) == clip


def test_it_is_the_construction_that_the_module_says() -> None:
    sealed = seal.seal(b"said", PUBLIC)
    mark, own, box = sealed[:16], sealed[16:48], sealed[48:]
    shared = X25519PrivateKey.from_private_bytes(PRIVATE).exchange(X25519PublicKey.from_public_bytes(own))
    extracted = hmac.digest(own + PUBLIC, shared, hashlib.sha256)  # RFC 5869, 2.2
    key = hmac.digest(extracted, b"wakeword sealed1" + b"\x01", hashlib.sha256)  # 2.3, one block
    assert ChaCha20Poly1305(key).decrypt(bytes(12), box, mark + own + PUBLIC) == b"said"


def test_the_same_clip_never_looks_the_same() -> None:
    assert len({seal.seal(b"said", PUBLIC) for _ in range(50)}) == 50


def test_another_key_opens_nothing() -> None:
    with pytest.raises(SealError, match="another key"):
        seal.unseal(seal.seal(b"said", PUBLIC), os.urandom(32))


@given(at=st.integers(0, 10 * 8 + seal.OVERHEAD_BYTES * 8 - 1))
def test_a_single_bit_that_changed_is_noticed(at: int) -> None:
    sealed = bytearray(seal.seal(b"0123456789", PUBLIC))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(SealError):  # also the highest bit of the key, which X25519 itself ignores (RFC 7748, 5)
        seal.unseal(bytes(sealed), PRIVATE)


@pytest.mark.parametrize("sealed", [b"", b"wakeword sealed1", bytes(64), b"wakeword sealed1" + bytes(48)])
def test_what_is_no_seal_is_refused(sealed: bytes) -> None:
    with pytest.raises(SealError):
        seal.unseal(sealed, PRIVATE)


def test_keys_are_files_and_no_key_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    public = seal.create_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert seal.public_of(seal.read_private(path)) == public == seal.read_public(path)
    with pytest.raises(ConfigError, match="no key is ever replaced"):
        seal.create_key(path)
    (tmp_path / "public").write_text(seal.public_line(public) + "\n")
    assert seal.read_public(tmp_path / "public") == public
    with pytest.raises(ConfigError, match="opens nothing"):
        seal.read_private(tmp_path / "public")
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others may read"):
        seal.read_private(path)


@pytest.mark.parametrize("text", ["", "wakeword-collect-private:12", "x" * 300, "\x00\xff"])
def test_what_is_no_key_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(ConfigError, match="not a key of"):
        seal.read_private(tmp_path / "key")
    with pytest.raises(ConfigError, match="no such file"):
        seal.read_private(tmp_path / "none")
