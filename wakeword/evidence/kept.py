"""Checkpoints and certificates that somebody kept outside of the log, read from one text: `receipts` of a verifier.

    an empty line, or more
    the note's text, line by line          checkpoint: origin, size, root; or a certificate, which names itself
    an empty line
    — NAME BASE64                          one or more signatures

What has not this form is not evidence of anything: it is named and left out, and the rest is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from wakeword.evidence import note, tree
from wakeword.evidence.record import MAX_WHOLE


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log, vouched for by who signed. Signatures are not checked yet: name, key ID and the rest."""

    text: str
    signatures: tuple[tuple[str, bytes], ...]
    origin: str
    size: int
    root: bytes  # 32


@dataclass(frozen=True, slots=True)
class Certificate:
    """One start's key, vouched for by the device key."""

    text: str
    signatures: tuple[bytes, ...]
    origin: str
    public: bytes  # 32


@dataclass
class Kept:
    """All notes of one text, in order; of unreadable ones their number, from 1, and why."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    unreadable: list[tuple[int, str]] = field(default_factory=list)


def read_notes(content: str) -> Kept:
    """Every note of the text; raises nothing: what is no note is listed as unreadable."""
    kept = Kept()
    for number, block in enumerate(_blocks(content), 1):
        try:
            (signed,) = note.parse_notes(block)
            if signed.text.startswith(note.CERTIFICATE_HEAD):
                kept.certificates.append(_certificate(signed))
            else:
                kept.checkpoints.append(_checkpoint(signed))
        except note.NoteError as error:
            kept.unreadable.append((number, str(error)))
    return kept


def _blocks(content: str) -> Iterator[str]:
    """Each note's lines: a text up to the empty line, and the signatures that follow it."""
    lines = content.split("\n")
    at = 0
    while at < len(lines):
        start = at
        while at < len(lines) and lines[at]:
            at += 1
        text_end = at
        at += 1
        while at < len(lines) and lines[at].startswith(note.SIGNATURE_LINE):
            at += 1
        if text_end > start:
            yield "\n".join([*lines[start:at], ""])


def _checkpoint(signed: note.SignedNote) -> Checkpoint:
    lines = signed.text.split("\n")
    if len(lines) < 4 or not re.fullmatch("0|[1-9][0-9]{0,15}", lines[1]) or int(lines[1]) > MAX_WHOLE:
        raise note.NoteError(f"not a checkpoint: {signed.text[:60]!r}")
    return Checkpoint(signed.text, signed.signatures, lines[0], int(lines[1]), _bytes32(lines[2]))


def _certificate(signed: note.SignedNote) -> Certificate:
    lines = signed.text.split("\n")
    if len(lines) != 8:
        raise note.NoteError(f"not a certificate: {signed.text[:60]!r}")
    return Certificate(signed.text, tuple(raw for _, raw in signed.signatures), lines[1], _bytes32(lines[6]))


def _bytes32(text: str) -> bytes:
    raw = note.decode64(text)
    if len(raw) != tree.HASH_BYTES:
        raise note.NoteError(f"not 32 bytes: {text[:60]!r}")
    return raw
