"""Proof that the log only grew: RFC 6962 section 2.1.2, from a size that a service has seen to the newest one.

The service names the checkpoint that it holds; each later one comes with the hashes that lead from that one to it. Kept
for that: the frontier of the old tree, and every whole subtree since, 64 bytes a record. Nothing here is trusted by the
gate: a proof that is wrong convinces nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wakeword.evidence.tree import HASH_BYTES, Frontier, node_hash

MOST_LEAVES = 262_144  # two years without a receipt at five-minute beats; 16 MB


class Growth:
    """A tree from `base` on. Levels hold the whole subtrees that lie behind it: level i of 2^i leaves."""

    def __init__(self, base: Frontier) -> None:
        self.base, self.size = base, base.size
        self._levels: list[bytearray] = []

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Leaf hashes, in order."""
        for leaf in leaves:
            self._append(leaf)

    def _append(self, leaf: bytes) -> None:
        node, at, level = leaf, self.size, 0
        while True:
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += node
            if at % 2 == 0 or at - 1 < self._first(level):
                break
            node, at, level = node_hash(self._node(level, at - 1), node), at // 2, level + 1
        self.size += 1

    def _first(self, level: int) -> int:
        """Number of the first subtree of this level that lies wholly behind the base."""
        return -(-self.base.size >> level)

    def _node(self, level: int, number: int) -> bytes:
        at = HASH_BYTES * (number - self._first(level))
        return bytes(self._levels[level][at : at + HASH_BYTES])

    def _root(self, start: int) -> bytes:
        """Of the leaves from `start`, at or behind the base and at the beginning of a subtree, to the end."""
        peaks, at, left = [], start, self.size - start
        while left:
            level = left.bit_length() - 1
            peaks.append(self._node(level, at >> level))
            at, left = at + (1 << level), left - (1 << level)
        root = peaks.pop()
        while peaks:
            root = node_hash(peaks.pop(), root)
        return root

    def frontier(self, size: int) -> Frontier:
        """The tree as it was with so many records; `size` from the base's to the present one."""
        leaves = (self._node(0, number) for number in range(self.base.size, size))
        return self.base.extend(leaves)

    def since(self, size: int) -> Growth:
        """The same tree with a later base."""
        later = Growth(self.frontier(size))
        later.extend(self._node(0, number) for number in range(size, self.size))
        return later

    def proof(self) -> tuple[bytes, ...]:
        """At most 63 hashes, as RFC 6962 orders them; () when nothing was added, or the base is empty."""
        if self.base.size in (0, self.size):
            return ()
        found: list[bytes] = []
        peaks = list(self.base.peaks)
        start, end, whole = 0, self.size, True
        while self.base.size != end:
            half = 1 << (end - start - 1).bit_length() - 1
            if self.base.size <= start + half:
                found.append(self._subtree(start + half, end))
                end = start + half
            else:
                found.append(peaks.pop(0))
                start, whole = start + half, False
        return tuple(reversed(found if whole else [*found, peaks[-1]]))

    def _subtree(self, start: int, end: int) -> bytes:
        """Root of [start, end): to the end of the tree, or a whole subtree."""
        if end == self.size:
            return self._root(start)
        level = (end - start).bit_length() - 1
        return self._node(level, start >> level)


def grew(old: tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """True when `proof` leads from the tree `old` (size, root) to `new`; RFC 9162 section 2.1.4.2, step by step."""
    (first, old_root), (second, new_root) = old, new
    if first == second:
        return old_root == new_root and not proof
    if not 0 < first < second or not proof:
        return False
    path = list(proof) if first & (first - 1) else [old_root, *proof]
    number, last = first - 1, second - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    of_old = of_new = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            of_old, of_new = node_hash(node, of_old), node_hash(node, of_new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            of_new = node_hash(of_new, node)
        number, last = number >> 1, last >> 1
    return last == 0 and (of_old, of_new) == (old_root, new_root)
