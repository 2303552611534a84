"""Pruning: content goes, hashes stay, everything still verifies; and a crash in its middle is made good."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_room import HandClock, Room

from wakeword.evidence.record import parse
from wakeword.evidence.retention import DAY_S, LEAST, Retention, Shelf
from wakeword.evidence.store import Evidence

DAY_MS = 1_000 * DAY_S


@pytest.fixture
def days(room: Room) -> list[str]:
    """Five starts on five days with a session each, of which one was torn; returns their checkpoints."""
    notes = []
    for day in range(5):
        evidence = room.start()
        notes += [evidence.certificate, room.session(evidence)]
        evidence.close()
        if day == 2:
            with (room.folder / "00000003.seg").open("ab") as file:
                file.write(b'{"torn')
        room.clock.turn(DAY_MS)
    return notes


def kinds(room: Room, epoch: int) -> list[str]:
    lines = (room.folder / f"{epoch:08d}.seg").read_bytes().split(b"\n")
    return [str(parse(line)["k"]) for line in lines if line.endswith(b"}")]


def tidied(evidence: Evidence) -> Evidence:
    while evidence.tidy():
        pass
    return evidence


def start(room: Room, **days: int) -> Evidence:
    from evidence_room import policy

    from wakeword.evidence.store import StartFacts

    evidence = Evidence(room.folder, room.folder / "device.key", room.clock, Retention(**days))
    evidence.start(StartFacts(policy(), "c0" * 32, dict.fromkeys(("deny", "kat", "mic", "net"), True), muted=False))
    return evidence


CUT = ["head", "key", "gap", *["cut"] * 7, "seal"]


def test_what_is_older_keeps_its_hashes_and_every_receipt_still_holds(room: Room, days: list[str]) -> None:
    evidence = start(room, keep_days=3)
    assert evidence.prune("age")
    tidied(evidence).close()
    assert [kinds(room, epoch) for epoch in (1, 2)] == [CUT, CUT]
    assert kinds(room, 3) == [
        "head",
        "key",
        "gap",
        "policy",
        "selftest",
        "mute",
        "beat",
        "seal",
        "wake",
        "open",
        "seal",
        "close",
        "seal",
    ]
    result = room.check("\n".join(days))
    assert (result.receipts_matched, result.receipts_ignored, result.cut_records) == (5, [], 14)
    assert [session.sid for session in result.sessions] == [3, 4, 5]


def test_a_torn_tail_stays_where_it_was(room: Room, days: list[str]) -> None:
    evidence = start(room, keep_days=1)
    evidence.prune("age")
    tidied(evidence).close()
    assert (room.folder / "00000003.seg").read_bytes().endswith(b'{"torn')
    assert kinds(room, 3) == CUT
    room.check("\n".join(days))


def test_files_go_after_years_and_those_left_still_verify(room: Room, days: list[str]) -> None:
    evidence = start(room, keep_days=1, drop_days=3)
    evidence.prune("age")
    tidied(evidence).close()
    assert sorted(path.name for path in room.folder.glob("*.seg")) == [f"0000000{epoch}.seg" for epoch in (3, 4, 5, 6)]
    result = room.check("\n".join(days[4:]))
    assert result.receipts_matched == 3


def test_nothing_old_enough_writes_nothing(room: Room, days: list[str]) -> None:
    evidence = start(room, keep_days=90)
    assert not evidence.prune("age")
    assert not evidence.prune("space")
    evidence.close()
    assert room.check().entries[-2].record["k"] != "prune"


def test_the_second_time_there_is_nothing_to_do(room: Room, days: list[str]) -> None:
    evidence = tidied(start(room, keep_days=3))
    assert evidence.prune("age")
    tidied(evidence)
    assert not evidence.prune("age")
    evidence.close()
    before = {path.name: path.stat().st_mtime_ns for path in room.folder.glob("*.seg")}
    again = tidied(start(room, keep_days=3))
    again.close()
    assert {name: (room.folder / name).stat().st_mtime_ns for name in before} == before


@pytest.mark.parametrize("steps", range(5))
def test_pruning_that_was_broken_off_is_gone_on_with_at_the_next_start(room: Room, days: list[str], steps: int) -> None:
    evidence = start(room, keep_days=1)
    evidence.prune("age")
    for _ in range(steps):
        evidence.tidy()
    evidence.close()
    (room.folder / "00000003.seg.tmp").write_bytes(b"half of it")
    tidied(start(room, keep_days=1)).close()
    assert [kinds(room, epoch)[-2] for epoch in (1, 2, 3, 4)] == ["cut"] * 4
    assert not list(room.folder.glob("*.tmp"))
    room.check("\n".join(days))


def test_all_that_is_not_of_the_present_file_goes_when_the_owner_says_so(room: Room, days: list[str]) -> None:
    evidence = start(room)
    assert evidence.prune("user")
    tidied(evidence).close()
    assert [kinds(room, epoch) for epoch in range(1, 6)] == [CUT] * 5
    assert (room.check("\n".join(days)).receipts_matched, room.check().sessions) == (5, [])


def test_a_full_disk_leaves_a_week(room: Room, days: list[str]) -> None:
    room.clock.turn((LEAST.keep_days - 3) * DAY_MS)
    evidence = start(room)
    assert evidence.prune("space")
    tidied(evidence).close()
    assert [kinds(room, epoch)[3] for epoch in range(1, 6)] == ["cut", "cut", "policy", "policy", "policy"]


def test_a_clock_that_jumped_ahead_takes_nothing_with_it(room: Room, days: list[str]) -> None:
    class Unkept(HandClock):
        def synchronised(self) -> bool:
            return False

    clock = Unkept()
    clock.__dict__["at"] = list(room.clock.__dict__["at"])
    clock.turn(0, 0, 400 * DAY_S)
    evidence = Evidence(room.folder, room.folder / "device.key", clock, Retention())
    from evidence_room import policy

    from wakeword.evidence.store import StartFacts

    evidence.start(StartFacts(policy(), "c0" * 32, dict.fromkeys(("deny", "kat", "mic", "net"), True), muted=False))
    assert not evidence.prune("age")
    evidence.close()


def test_a_damaged_old_file_is_left_for_the_verifier_to_find(room: Room, days: list[str]) -> None:
    path = room.folder / "00000001.seg"
    content = path.read_bytes()[:900]
    path.write_bytes(content)
    evidence = start(room, keep_days=1)
    evidence.prune("age")
    tidied(evidence).close()
    assert path.read_bytes() == content
    assert kinds(room, 2) == CUT


def test_a_start_that_sealed_nothing_has_no_place_in_time(tmp_path: Path) -> None:
    from wakeword.evidence.disk import REAL

    (tmp_path / "00000001.seg").write_bytes(b'{"e":1,')
    (tmp_path / "00000002.seg").write_bytes(b'{"k":"seal"}\nx\n')
    shelf = Shelf(tmp_path, REAL)
    assert [shelf.start_of(epoch) for epoch in (1, 2, 3)] == [None] * 3
    assert (shelf.content_horizon([1, 2], 10**10, 7), shelf.file_horizon([1, 2], 10**10, 4)) == (7, 4)


def test_a_proof_of_growth_is_read_from_the_files_cut_ones_too(room: Room, days: list[str]) -> None:
    from wakeword.evidence.growth import grew
    from wakeword.evidence.note import parse_checkpoint, parse_notes

    evidence = start(room, keep_days=3)
    evidence.prune("age")
    tidied(evidence)
    for note in days[1::2]:
        _, size, root = parse_checkpoint(parse_notes(note)[0].text)
        evidence.grow_from(size)
        checkpoint = room.session(evidence, sent=None)
        base, proof = evidence.growth()
        _, now, newest = parse_checkpoint(parse_notes(checkpoint)[0].text)
        assert base == size
        assert grew((size, root), (now, newest), proof)
        evidence.commit(
            [{"k": "close", "sid": evidence.account.sessions, "bytes": 0, "ms": 0, "why": "uplink", "sum_h": "f0" * 32}]
        )
        room.clock.turn(1_000)
        evidence._growth = None  # as after a restart
    evidence.grow_from(10**6)
    assert evidence.growth() == (0, ())
    evidence.close()


def test_no_proof_reaches_behind_what_was_dropped_or_changed(room: Room, days: list[str]) -> None:
    evidence = start(room, keep_days=1, drop_days=3)
    evidence.prune("age")
    tidied(evidence)
    evidence.grow_from(3)
    assert evidence.growth() == (0, ())
    path = room.folder / "00000005.seg"
    path.write_bytes(path.read_bytes().replace(b'"lag_ms":90', b'"lag_ms":91'))
    evidence.grow_from(40)
    assert evidence.growth() == (0, ())
    evidence.close()
