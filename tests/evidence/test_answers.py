"""The auditor's questions: each is answered from the records, and nothing is called sure that is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from evidence_room import Room

from wakeword.evidence.answers import CANNOT, NO, PARTLY, TOLD, YES, Answer, Asked, answers, bounds
from wakeword.evidence.note import Key
from wakeword.evidence.record import FORBIDDEN_ACTS
from wakeword.evidence.verify import Result, verify

VECTORS = Path(__file__).parents[1] / "evidence_vectors"
KEYS = json.loads((VECTORS / "keys.json").read_text())
DAWN = 1_767_225_600  # 2026-01-01 00:00:00


def asked(result: Result, from_s: int | None = None, to_s: int | None = None) -> dict[int, Answer]:
    first, last = bounds(result)
    about = Asked(result, from_s or first, to_s or last, {"c0" * 32: "the test's own"}, pinned=True)
    return {answer.number: answer for answer in answers(about)}


def said(result: Result, number: int) -> tuple[str, str]:
    answer = asked(result)[number]
    return answer.sure, answer.answer


def test_there_are_the_twenty_questions_and_two_more(room: Room) -> None:
    room.start().close()
    found = asked(room.check())
    assert list(found) == list(range(1, 23))
    assert all(answer.question.endswith("?") and answer.answer.endswith((".", "…")) for answer in found.values())
    assert [number for number, answer in found.items() if answer.sure == CANNOT] == [2, 4, 9, 12]


# wall (UTC)   00:00 …  00:05     00:10     00:15 … crash … 00:20
# records      start    session   beat      session open    start
@pytest.fixture
def lived(room: Room) -> Result:
    evidence = room.start()
    room.clock.turn(300_000)
    room.session(evidence)
    room.clock.turn(298_000)
    evidence.commit([evidence.beat(29_000, muted=False)])
    room.clock.turn(300_000)
    room.session(evidence, sent=None)
    evidence.close()
    room.clock.turn(300_000)
    room.start(hour=10).close()
    return room.check()


@pytest.mark.parametrize(
    ("from_s", "to_s", "sure", "words"),
    [
        (0, 200, NO, "No session is recorded in that time."),
        (301, 302, YES, "1 session, together at most 64,000 bytes (2.0 s of sound)."),
        (304, 600, NO, "No session"),
        (0, 910, YES, "2 sessions, together at most 544,000 bytes (17.0 s of sound)."),
        (1_000, 1_100, PARTLY, "But 100 s of it is not recorded: for that time the answer is unknown."),
    ],
)
def test_was_any_sound_sent_between(lived: Result, from_s: int, to_s: int, sure: str, words: str) -> None:
    answer = asked(lived, DAWN + from_s, DAWN + to_s)[1]
    assert answer.sure == sure
    assert words in answer.answer


def test_what_the_records_count(lived: Result) -> None:
    assert said(lived, 2)[1].startswith(
        "The gate reports the hash of its own code: c0c0c0c0c0c0c0c0… (the test's own)."
    )
    assert said(lived, 8) == (
        TOLD,
        "At most 544,000 bytes (17.0 s of sound) since the log began "
        "(a session that a crash cut short counts in full).",
    )
    assert said(lived, 6)[1].startswith(
        "Each recorded session has two scores at or above its policy's thresholds. The lo"
    )
    assert "lowest score among them is 0.700" in said(lived, 6)[1]
    assert said(lived, 11)[1] == "The listening process says that it heard 5 min. It is a claim."
    assert said(lived, 14)[0] == YES
    assert "10 sessions an hour" in said(lived, 14)[1]
    assert "48,000 bytes (1.5 s of sound)" in said(lived, 16)[1]
    assert said(lived, 18) == (
        TOLD,
        "It crashed 1 time: 0 torn bytes, 1 session cut short, "
        "which may have sent at most 480,000 bytes (15.0 s of sound).",
    )


def test_bytes_after_the_last_heartbeat_count_too(room: Room) -> None:
    evidence = room.start()
    room.session(evidence)
    evidence.close()
    assert said(room.check(), 8)[1].startswith("At most 64,000 bytes")


def test_a_checkpoint_kept_elsewhere_answers_what_a_log_cannot(room: Room) -> None:
    evidence = room.start()
    checkpoint = room.session(evidence)
    evidence.close()
    assert said(room.check(), 4) == (CANNOT, "No checkpoint was given that could tell.")
    assert said(room.check(checkpoint), 4) == (NO, "By 1 checkpoint: up to record 8 nothing was.")
    path = room.folder / "00000001.seg"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-5]))
    shortened = verify(room.folder, room.key(), checkpoint)
    assert (said(shortened, 4)[0], said(shortened, 5)[0]) == (YES, YES)


def test_nothing_is_sure_about_a_log_that_was_changed(tmp_path: Path) -> None:
    for name in ("00000001.seg", "00000002.seg"):
        shutil.copy(VECTORS / "good" / name, tmp_path)
    shutil.copy(VECTORS / "I3/00000003.seg", tmp_path)
    found = asked(verify(tmp_path, Key.from_vkey(KEYS["device_vkey"])))
    assert {answer.sure for answer in found.values()} == {PARTLY, CANNOT}
    assert "so this is not sure" in found[8].answer


@pytest.mark.parametrize(
    ("vector", "number", "sure"),
    [("I6", 6, NO), ("I7", 15, YES), ("I11", 10, CANNOT), ("I16", 21, NO), ("I17", 8, PARTLY), ("I18", 9, NO),
     ("I19", 19, CANNOT)],
)  # fmt: skip
def test_a_broken_rule_shows_in_its_answer(tmp_path: Path, vector: str, number: int, sure: str) -> None:
    files = json.loads((VECTORS / "expected.json").read_text())[vector]["files"]
    for name, source in files.items():
        shutil.copy(VECTORS / source, tmp_path / name)
    assert asked(verify(tmp_path, Key.from_vkey(KEYS["device_vkey"])))[number].sure == sure


def test_walls_meters_and_consent(room: Room) -> None:
    evidence = room.start()
    walls = dict.fromkeys(FORBIDDEN_ACTS, 13)
    evidence.commit([
        {"k": "walls", "who": "listen", **walls},
        {"k": "tally", "cand": 40, "rej": 38, "deny": 0, "ms": 86_400_000},
        {"k": "collect", "why": "day", "until": DAWN, "kept": 7},
        {"k": "stats", "day": 20_454, "wakes": 3, "cand": 41, "rej": 39, "cancel": 0, "eps": 1_000, "spent": 1_000,
         "bytes": 90},
    ])  # fmt: skip
    assert said(room.check(), 21)[0] == PARTLY
    assert "1 report of other processes say so" in said(room.check(), 21)[1]
    assert "Stage 1 asked 40 times, stage 2 refused 38." in said(room.check(), 12)[1]
    assert said(room.check(), 22) == (
        YES,
        "1 daily report of noisy counts, 90 bytes; 7 candidates were kept on the device. No sound is in such a report.",
    )
    evidence.commit([{"k": "walls", "who": "uplink", **walls, "sound": 0}])
    evidence.close()
    assert said(room.check(), 21) == (
        NO, "0 self-tests of the gate failed; what was not prevented elsewhere: uplink: sound."
    )  # fmt: skip
