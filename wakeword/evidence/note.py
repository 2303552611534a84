"""Signed notes: the text that a key vouches for, in the forms of C2SP (signed-note, tlog-checkpoint, tlog-cosignature).

Three texts are signed: a checkpoint (origin, size, root) by the key of one start of the gate; the certificate of that
key by the device key; and a checkpoint once more by a service that received it (a receipt). Ed25519 throughout.

    wakeword/9f2c61d07e4ab835            origin: the log's name
    29                                   size
    i89hVpQQ4gIT+NK5sC/vSiiJOoSS9chEGm2tlX6KVLQ=
                                         an empty line ends the text
    — wakeword/9f2c61d07e4ab835 RlU3wlV083O5LNli6Qp9…
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wakeword.evidence.record import MAX_WHOLE

ED25519, COSIGNATURE = 0x01, 0x04  # type bytes of a key
SIGNATURE_LINE = "— "  # em dash, space
WHITE = " \t\n\v\f\r"  # around a key: what every language takes for white space, and no more
CERTIFICATE_HEAD = "wakegate-key/v1\n"
CERTIFIED = ("e", "n", "prev", "boot", "pub")  # fields of a key record that its certificate covers
_FIELD_PRIME = 2**255 - 19
_SMALL_ORDER = {  # y of the points of order 1, 2, 4 and 8: a "key" for which one signature fits many texts
    0, 1, _FIELD_PRIME - 1,
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
}  # fmt: skip


class NoteError(ValueError):
    """A note, a key or a signature that is not in the required form."""


def encode64(raw: bytes) -> str:
    """Padded standard base64."""
    return base64.b64encode(raw).decode()


def decode64(text: str) -> bytes:
    """The inverse of `encode64`; raises `NoteError` for any other spelling of the same bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(f"not base64: {text[:40]!r}") from error
    if encode64(raw) != text:
        raise NoteError(f"not canonical base64: {text[:40]!r}")
    return raw


def key_id(name: str, public: bytes, kind: int = ED25519) -> bytes:
    """The 4 bytes that say which key signed: the beginning of SHA-256 of its name, type and 32 bytes."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def verified(public: bytes, signature: bytes, text: bytes) -> bool:
    """True when `signature` (64 bytes) over `text` is by `public` (32 bytes).

    RFC 8032, 5.1.7, without the cofactor. A second spelling of a key and points of small order are refused: libraries
    differ about them, and verifiers must not.
    """
    for point in (public, signature[:32]):
        y = int.from_bytes(point, "little") & (2**255 - 1)
        if y >= _FIELD_PRIME or y in _SMALL_ORDER:
            return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Key:
    """A named public key: what a verifier pins."""

    name: str
    public: bytes  # 32
    kind: int = ED25519

    @property
    def identity(self) -> bytes:
        """The key ID, 4 bytes."""
        return key_id(self.name, self.public, self.kind)

    def vkey(self) -> str:
        """One line: name+id+base64, as C2SP prints a verifier key."""
        return f"{self.name}+{self.identity.hex()}+{encode64(bytes([self.kind]) + self.public)}"

    @classmethod
    def from_vkey(cls, line: str) -> Key:
        """The inverse of `vkey`; raises `NoteError` when the parts do not fit each other."""
        name, _, rest = line.strip(WHITE).partition("+")
        identity, _, material = rest.partition("+")
        raw = decode64(material)
        if not name or len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise NoteError(f"not an Ed25519 verifier key (name+id+base64): {line.strip()[:80]!r}")
        key = cls(name, raw[1:], raw[0])
        if key.identity.hex() != identity:
            raise NoteError(f"the verifier key's id is {identity!r}; its name and key give {key.identity.hex()!r}")
        return key

    @classmethod
    def of_device(cls, line: str) -> Key:
        """A device's public key, as a verifier pins it; raises `NoteError` for a key of another type or name."""
        what = "a device's key, of type 1 and named ORIGIN/device"
        return cls._of(line, what, ED25519, "[a-z0-9./-]{1,128}/device")

    @classmethod
    def of_service(cls, line: str) -> Key:
        """The public key of a service that cosigns; raises `NoteError` for a key of another type or name."""
        return cls._of(line, "the key of a service that cosigns, of type 4", COSIGNATURE, "[!-~]+")

    @classmethod
    def _of(cls, line: str, what: str, kind: int, names: str) -> Key:
        key = cls.from_vkey(line)
        if key.kind != kind or not re.fullmatch(names, key.name):
            raise NoteError(f"not {what}: {line.strip()[:200]!r}")
        return key

    def signed(self, text: str, signature: bytes) -> bool:
        """True when `signature` (key ID and Ed25519, 68 bytes) over `text` is by this key."""
        return signature[:4] == self.identity and verified(self.public, signature[4:], text.encode())

    def cosigned(self, text: str, signature: bytes) -> int | None:
        """The time (s since 1970) at which this key cosigned the checkpoint `text`; None when it did not."""
        identity = key_id(self.name, self.public, COSIGNATURE)
        if len(signature) != 76 or signature[:4] != identity:
            return None
        time_s = int.from_bytes(signature[4:12], "big")
        if time_s > MAX_WHOLE:
            return None  # no reader of JSON could say it exactly
        signed = f"cosignature/v1\ntime {time_s}\n{text}"
        return time_s if verified(self.public, signature[12:], signed.encode()) else None


@dataclass(frozen=True, slots=True)
class Signer:
    """A named private key. Python cannot wipe it from memory: drop the reference and it may linger."""

    name: str
    private: Ed25519PrivateKey

    @classmethod
    def fresh(cls, name: str) -> Signer:
        """A new key from the system's random numbers."""
        return cls(name, Ed25519PrivateKey.generate())

    @property
    def key(self) -> Key:
        """The public half."""
        return Key(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> bytes:
        """68 bytes: key ID and Ed25519 signature over the text."""
        return self.key.identity + self.private.sign(text.encode())

    def cosign(self, text: str, time_s: int) -> str:
        """The signature line over the checkpoint `text`, with the time: a witness's answer (C2SP cosignature/v1)."""
        signature = self.private.sign(f"cosignature/v1\ntime {time_s}\n{text}".encode())
        identity = key_id(self.name, self.key.public, COSIGNATURE)
        return f"{SIGNATURE_LINE}{self.name} {encode64(identity + time_s.to_bytes(8, 'big') + signature)}"


def note(text: str, name: str, signature: bytes) -> str:
    """Text (ending in a line feed), empty line, signature line."""
    return f"{text}\n{SIGNATURE_LINE}{name} {encode64(signature)}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note taken apart; its signatures are not checked yet."""

    text: str
    signatures: tuple[tuple[str, bytes], ...]  # name, key ID and signature


def parse_notes(content: str) -> list[SignedNote]:
    """All notes of a file, one after the other, blank lines between; raises `NoteError` for anything else in it."""
    notes: list[SignedNote] = []
    lines = content.split("\n")
    at = 0
    while at < len(lines):
        if not lines[at]:
            at += 1
            continue
        end = lines.index("", at) if "" in lines[at:] else len(lines)
        text = "".join(f"{line}\n" for line in lines[at:end])
        at, signatures = end + 1, []
        while at < len(lines) and lines[at].startswith(SIGNATURE_LINE):
            name, _, encoded = lines[at].removeprefix(SIGNATURE_LINE).partition(" ")
            signatures.append((name, decode64(encoded)))
            at += 1
        if not signatures:
            raise NoteError(f"a text without a signature: {text[:60]!r}")
        notes.append(SignedNote(text, tuple(signatures)))
    return notes


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """What a seal's signature covers."""
    return f"{origin}\n{size}\n{encode64(root)}\n"


def parse_checkpoint(text: str) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint; raises `NoteError` for another form."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[1].isdecimal() or str(int(lines[1])) != lines[1]:
        raise NoteError(f"not a checkpoint: {text[:60]!r}")
    return lines[0], int(lines[1]), decode64(lines[2])


def certificate_text(origin: str, key_record: Mapping[str, int | bool | str]) -> str:
    """What the device key signs for one start of the gate: its key, and exactly where in the tree it begins."""
    return CERTIFICATE_HEAD + "".join(f"{part}\n" for part in (origin, *(key_record[name] for name in CERTIFIED)))


def device_name(origin: str) -> str:
    """The name of the device key of the log `origin`."""
    return f"{origin}/device"
