"""Which bytes are evidence: each file of a log ends where the next start says, and the newest where its seals end."""

from __future__ import annotations

import pytest
from evidence_room import Room

from wakeword.evidence.extent import can_be_torn, evidence_ends
from wakeword.evidence.segment import MAX_GROUP_BYTES

SEAL = b'"k":"seal"'


def files(room: Room, *tails: bytes) -> dict[int, bytes]:
    """A start for each tail, which a crash left behind it."""
    for tail in tails:
        room.start().close()
        path = sorted(room.folder.glob("*.seg"))[-1]
        path.write_bytes(path.read_bytes() + tail)
        room.clock.turn(1_000)
    return {int(path.stem): path.read_bytes() for path in room.folder.glob("*.seg")}


@pytest.mark.parametrize("tail", [b"", b"torn", b"x" * MAX_GROUP_BYTES, b'{"k":"seal"}\n', b"\n"])
def test_a_torn_tail_is_no_evidence_wherever_it_is(room: Room, tail: bytes) -> None:
    found = files(room, tail, tail)
    assert evidence_ends(found) == {epoch: len(content) - len(tail) for epoch, content in found.items()}


def test_starts_that_were_never_sealed(room: Room) -> None:
    files(room, b"torn")
    (room.folder / "00000002.seg").write_bytes(b'{"e":2')
    (room.folder / "00000003.seg").write_bytes(b"")
    found = files(room, b"")
    assert evidence_ends(found) == {1: len(found[1]) - 4, 2: 0, 3: 0, 4: len(found[4])}
    del found[4]
    assert evidence_ends(found) == {1: len(found[1]) - 4, 2: 0, 3: 0}, "no start has told of them yet"


def test_damage_in_the_middle_does_not_make_the_rest_a_tail(room: Room) -> None:
    """Else a single bit would turn everything behind it into something that nobody looks at."""
    evidence = room.start()
    for _ in range(3):
        room.session(evidence)
    evidence.close()
    content = (room.folder / "00000001.seg").read_bytes()
    damaged = content.replace(b'"on":false', b'"on":fals3')
    assert evidence_ends({1: damaged}) == {1: len(content)}


def test_one_group_of_a_crash() -> None:
    assert can_be_torn(b"x" * MAX_GROUP_BYTES, 1)
    assert not can_be_torn(b"x" * (MAX_GROUP_BYTES + 1), 1)
    assert can_be_torn(SEAL * 2, 2)
    assert not can_be_torn(SEAL * 2, 1)


def test_nothing_sealed_at_all() -> None:
    assert evidence_ends({1: b"", 2: b"rubbish\n"}) == {1: 0, 2: 0}
