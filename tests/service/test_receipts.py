"""Receipts: the service cosigns a log that grew, refuses one that was rewritten, and the device keeps what it gets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from evidence_room import HandClock, Room

from wakeword.evidence.note import Key, encode64
from wakeword.evidence.store import Evidence
from wakeword.messages import Open
from wakeword.service.local import LocalService, LocalSettings, Received
from wakeword.service.outbox import Outbox
from wakeword.service.receipts import MOST_KEPT, Receipts
from wakeword.service.websocket import Service, deliver
from wakeword.service.witness import NotWitnessed, Witness


@pytest.fixture
def room(tmp_path: Path) -> Room:
    (tmp_path / "log").mkdir()
    return Room(tmp_path / "log", HandClock())


def session(room: Room, evidence: Evidence) -> Open:
    """What the gate tells the uplink of one more session."""
    room.clock.turn(1_000)
    checkpoint, sid = room.session(evidence, sent=None), evidence.account.sessions
    base, proof = evidence.growth()
    evidence.commit([{"k": "close", "sid": sid, "bytes": 0, "ms": 0, "why": "uplink", "sum_h": "f0" * 32}])
    return Open(sid, bytes(16), 0, 1_000, 1_000, evidence.certificate, checkpoint, base, proof)


def start(opened: Open) -> dict[str, Any]:
    """The parts of the start message that a witness reads."""
    proof = [encode64(each) for each in opened.proof]
    return {
        "certificate": opened.certificate, "checkpoint": opened.checkpoint, "base": opened.base, "proof": proof,
        "session": opened.session_id,
    }  # fmt: skip


def test_a_log_that_grows_is_cosigned_and_the_receipts_verify(room: Room, tmp_path: Path) -> None:
    evidence, witness, kept = room.start(), Witness(tmp_path / "witness"), Receipts(str(tmp_path / "kept"))
    (tmp_path / "kept").mkdir()
    for _ in range(5):
        opened = session(room, evidence)
        evidence.grow_from(kept.keep(opened, witness.cosign(start(opened))))
    evidence.close()
    notes = "\n".join(path.read_text() for path in sorted((tmp_path / "kept").iterdir()))
    from wakeword.evidence.verify import verify

    result = verify(room.folder, room.key(), notes, [Key.from_vkey(witness.vkey)])
    assert (result.findings, result.receipts_matched, kept.newest_size()) == ([], 5, 20)
    assert result.newest_receipt_s is not None


def test_a_restart_of_either_side_loses_no_receipt(room: Room, tmp_path: Path) -> None:
    evidence = room.start()
    first = session(room, evidence)
    Witness(tmp_path / "witness").cosign(start(first))
    evidence.close()
    again = room.start()
    witness = Witness(tmp_path / "witness")
    with pytest.raises(NotWitnessed, match="a proof from record 8 on") as refused:
        witness.cosign(start(session(room, again)))
    again.grow_from(refused.value.size or 0)
    opened = session(room, again)
    assert (opened.base, witness.cosign(start(opened)).startswith("— wakeword-service/")) == (8, True)
    again.close()


def test_the_same_checkpoint_may_be_cosigned_twice(room: Room, tmp_path: Path) -> None:
    evidence, witness = room.start(), Witness(tmp_path / "witness")
    opened = session(room, evidence)
    assert witness.cosign(start(opened)).split()[1] == witness.cosign(start(opened)).split()[1]
    evidence.close()


def test_a_history_that_was_rewritten_gets_no_receipt(room: Room, tmp_path: Path) -> None:
    """The device's keys are stolen: another log of the same name is made, with as many records and good signatures."""
    evidence, witness = room.start(), Witness(tmp_path / "witness")
    witness.cosign(start(session(room, evidence)))
    evidence.close()
    (room.folder / "00000001.seg").unlink()
    forged = room.start()
    other = session(room, forged)
    with pytest.raises(NotWitnessed, match="does not continue"):
        witness.cosign(start(other))
    for _ in range(3):
        session(room, forged)
    forged.grow_from(8)
    with pytest.raises(NotWitnessed, match="does not continue the one that was cosigned at record 8"):
        witness.cosign(start(session(room, forged)))
    forged.close()


@pytest.mark.parametrize("wrong", ["certificate", "checkpoint", "another key"])
def test_what_is_no_certified_checkpoint_gets_no_receipt(room: Room, tmp_path: Path, wrong: str) -> None:
    evidence = room.start()
    told = start(session(room, evidence))
    evidence.close()
    if wrong == "another key":
        (room.folder / "00000001.seg").unlink()
        evidence = room.start()
        told["certificate"] = evidence.certificate
        evidence.close()
    else:
        told[wrong] = "x\n\n— y AAAA\n"
    with pytest.raises(NotWitnessed, match=r"not a certificate and a checkpoint|not signed by the certified key"):
        Witness(tmp_path / "witness").cosign(told)
    assert list((tmp_path / "witness").glob("*.json")) == []


@pytest.mark.parametrize("line", ["", "— name", "— name AAAA", "— name " + "A" * 104, "no", "— a b c"])
def test_what_is_no_receipt_is_not_kept(room: Room, tmp_path: Path, line: str) -> None:
    evidence = room.start()
    opened = session(room, evidence)
    evidence.close()
    (tmp_path / "kept").mkdir()
    with pytest.raises(ValueError, match="not a receipt"):
        Receipts(str(tmp_path / "kept")).keep(opened, line)
    assert list((tmp_path / "kept").iterdir()) == []


def test_only_the_newest_receipts_stay(room: Room, tmp_path: Path) -> None:
    evidence, folder = room.start(), tmp_path / "kept"
    folder.mkdir()
    for number in range(MOST_KEPT):
        (folder / f"{number:012d}.note").touch()
    opened = session(room, evidence)
    line = Witness(tmp_path / "witness").cosign(start(opened))
    (folder / "000000000008.note").unlink()
    (folder / "notes of mine").touch()
    assert Receipts(str(folder)).keep(opened, line) == 8
    assert len(list(folder.glob("*.note"))) == MOST_KEPT
    Receipts(str(folder)).keep(opened, line)
    assert (folder / "notes of mine").exists()
    assert Receipts("").keep(opened, line) == 8
    assert Receipts("").newest_size() == 0
    evidence.close()


def test_over_a_real_connection(room: Room, tmp_path: Path) -> None:
    """Session after session: the receipt of one is what the next is proven from."""
    evidence, received = room.start(), list[Received]()

    async def scenario() -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        async with LocalService(LocalSettings(tmp_path / "out", "127.0.0.1:0"), received.append) as service:
            for _ in range(3):
                opened = session(room, evidence)
                outbox = Outbox(opened)
                outbox.put(bytes(1_000))
                outbox.close()
                await deliver(outbox, Service(service.url, "computer"), events.append)
                if events[-2]["event"] == "receipt":
                    evidence.grow_from(int(opened.checkpoint.split("\n")[1]))
        return events

    events = asyncio.run(scenario())
    assert [event["event"] for event in events] == ["connected", "received", "receipt", "tcp"] * 3
    assert all(event["bytes"] > 1_000 for event in events if event["event"] == "tcp")
    [held] = (tmp_path / "out" / "witness").glob("*.json")
    assert json.loads(held.read_text())["size"] == 14
    evidence.close()
