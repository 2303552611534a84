"""The frontier against the definition of RFC 6962 written out naively."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.evidence.tree import EMPTY_ROOT, Frontier, leaf_hash, node_hash


def naive_root(lines: list[bytes]) -> bytes:
    """RFC 6962 2.1: split at the largest power of two below the size."""
    if not lines:
        return hashlib.sha256(b"").digest()
    if len(lines) == 1:
        return hashlib.sha256(b"\x00" + lines[0]).digest()
    split = 1 << (len(lines) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + naive_root(lines[:split]) + naive_root(lines[split:])).digest()


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_the_root_is_the_one_of_the_rfc(lines: list[bytes]) -> None:
    tree = Frontier().extend(map(leaf_hash, lines))
    assert (tree.size, tree.root()) == (len(lines), naive_root(lines))


@given(st.lists(st.binary(max_size=4), max_size=40), st.lists(st.binary(max_size=4), max_size=40))
def test_a_frontier_that_was_written_down_goes_on_as_if_nothing_had_been(old: list[bytes], new: list[bytes]) -> None:
    kept = Frontier().extend(map(leaf_hash, old))
    again = Frontier.from_hex(kept.size, kept.hex())
    assert again.extend(map(leaf_hash, new)).root() == naive_root(old + new)


@pytest.mark.parametrize(
    ("count", "root"),
    [  # published with the reference implementation of Certificate Transparency
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ],
)
def test_published_roots(count: int, root: str) -> None:
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [leaf_hash(bytes.fromhex(text)) for text in inputs[:count]]
    assert Frontier().extend(leaves).root().hex() == root


def test_the_empty_tree() -> None:
    assert Frontier().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_leaf_never_equals_a_node() -> None:
    left, right = leaf_hash(b"l"), leaf_hash(b"r")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_appending_leaves_the_old_tree_as_it_was() -> None:
    tree = Frontier().append(leaf_hash(b"a"))
    tree.append(leaf_hash(b"b"))
    assert tree.root() == leaf_hash(b"a")


@pytest.mark.parametrize(("size", "peaks"), [(1, 0), (3, 1), (4, 2), (0, 1)])
def test_a_frontier_must_fit_its_size(size: int, peaks: int) -> None:
    with pytest.raises(ValueError, match="peaks"):
        Frontier.from_hex(size, "ab" * 32 * peaks)
