"""The Merkle tree over the evidence's records, as RFC 6962 section 2.1 defines it. Hashes in, hashes out.

Only the tree's frontier is kept: the roots of its perfect subtrees, largest first, one for each 1-bit of its size. That
is enough to append and to compute the root, and a file's head carries it so that each file can be checked alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(line: bytes) -> bytes:
    """32 bytes: SHA-256 of 0x00 and the record's line without line feed."""
    return hashlib.sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """32 bytes: SHA-256 of 0x01 and both children; the prefix keeps a leaf from passing for a node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of `size` leaves. Immutable: a commit that fails leaves the old one as it was."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.peaks) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves has {self.size.bit_count()} peaks, not {len(self.peaks)}")

    @classmethod
    def from_hex(cls, size: int, front: str) -> Frontier:
        """The inverse of `hex`; raises `ValueError` when the number of peaks does not fit the size."""
        raw = bytes.fromhex(front)
        return cls(size, tuple(raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)))

    def hex(self) -> str:
        """The peaks, largest first, joined."""
        return b"".join(self.peaks).hex()

    def append(self, leaf: bytes) -> Frontier:
        """The tree with one more leaf hash: equal neighbours join, as in binary counting."""
        peaks, carry, size = list(self.peaks), leaf, self.size
        while size & 1:
            carry, size = node_hash(peaks.pop(), carry), size >> 1
        return Frontier(self.size + 1, (*peaks, carry))

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """The tree with these leaf hashes added in order."""
        tree = self
        for leaf in leaves:
            tree = tree.append(leaf)
        return tree

    def root(self) -> bytes:
        """32 bytes: the smallest peak is joined to the next larger one until one is left."""
        if not self.peaks:
            return EMPTY_ROOT
        *rest, root = self.peaks
        for peak in reversed(rest):
            root = node_hash(peak, root)
        return root
