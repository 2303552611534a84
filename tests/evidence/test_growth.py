"""Consistency proofs: what the gate makes, a verifier accepts; and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wakeword.evidence.growth import Growth, grew
from wakeword.evidence.tree import Frontier, leaf_hash

LEAVES = [leaf_hash(bytes([number])) for number in range(130)]


def tree(size: int) -> Frontier:
    return Frontier().extend(LEAVES[:size])


def grown(old: int, new: int) -> Growth:
    growth = Growth(tree(old))
    growth.extend(LEAVES[old:new])
    return growth


def test_every_size_to_every_later_size() -> None:
    for old in range(1, 40):
        for new in range(old, 70):
            proof = grown(old, new).proof()
            assert grew((old, tree(old).root()), (new, tree(new).root()), proof), (old, new)
            assert len(proof) <= 63


def test_known_proofs_of_a_tree_of_seven() -> None:
    """RFC 6962 section 2.1.3 names the nodes of these three."""
    leaf, pair = LEAVES, lambda at: Frontier().extend(LEAVES[at : at + 2]).root()
    last_three = Frontier().extend(LEAVES[4:7]).root()
    assert grown(3, 7).proof() == (leaf[2], leaf[3], pair(0), last_three)
    assert grown(4, 7).proof() == (last_three,)
    assert grown(6, 7).proof() == (pair(4), leaf[6], tree(4).root())


@given(
    sizes=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    noise=st.binary(min_size=32, max_size=32),
    at=st.integers(0, 9),
)
def test_a_proof_that_was_touched_proves_nothing(sizes: tuple[int, int], noise: bytes, at: int) -> None:
    old, new = sizes[0], sizes[0] + sizes[1]
    proof = grown(old, new).proof()
    good = (old, tree(old).root()), (new, tree(new).root())
    wrong = list(proof)
    wrong[at % len(proof)] = noise
    assert not grew(*good, wrong)
    assert not grew(*good, proof[:-1])
    assert not grew(*good, [*proof, noise])
    assert not grew(good[0], (new, noise), proof)
    assert not grew((old, noise), good[1], proof)


def test_a_log_does_not_shrink_or_change_at_the_same_size() -> None:
    root = tree(5).root()
    assert grew((5, root), (5, root), ())
    assert not grew((5, root), (5, tree(6).root()), ())
    assert not grew((5, root), (5, root), (root,))
    assert not grew((6, tree(6).root()), (5, root), grown(5, 6).proof())
    assert not grew((0, tree(0).root()), (5, root), (root,))


def test_a_later_base_is_the_same_as_one_begun_there() -> None:
    for later in range(7, 30):
        assert grown(7, 60).since(later).proof() == grown(later, 60).proof()
        assert grown(7, 60).frontier(later) == tree(later)
