"""Writing: one write and one fdatasync a commit, a new file at each start, the end of everything at an error."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

import pytest
from evidence_room import HandClock, Room, policy
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.errors import ConfigError, Fatal
from wakeword.evidence.note import parse_checkpoint, parse_notes
from wakeword.evidence.record import HARD_LIMITS
from wakeword.evidence.segment import MAX_GROUP_BYTES
from wakeword.evidence.store import Evidence, StartFacts

MUTE = {"k": "mute", "on": True, "src": "user"}


def kinds(room: Room) -> list[str]:
    """The kinds of all lines that are evidence, after a full check."""
    return [str(entry.record["k"]) for entry in room.check().entries]


def test_a_first_start_makes_key_log_and_a_whole_first_group(room: Room) -> None:
    room.start().close()
    assert kinds(room) == ["head", "key", "gap", "policy", "selftest", "mute", "beat", "seal"]
    assert room.check().entries[2].record["why"] == "first"
    assert stat.S_IMODE((room.folder / "device.key").stat().st_mode) == 0o600
    assert room.key().name.startswith("wakeword/")


def test_the_checkpoint_returned_is_of_the_commit_and_verifies_for_ever(room: Room) -> None:
    evidence = room.start()
    receipts = [room.session(evidence) for _ in range(3)]
    evidence.close()
    assert [parse_checkpoint(parse_notes(text)[0].text)[1] for text in receipts] == [8, 11, 14]
    result = room.check("\n".join(receipts))
    assert (result.receipts, result.receipts_matched) == (3, 3)
    assert [(session.sid, session.passed_bytes, session.why) for session in result.sessions] == [
        (1, 64_000, "end"), (2, 64_000, "end"), (3, 64_000, "end"),
    ]  # fmt: skip


def test_an_orderly_stop_and_the_next_start(room: Room) -> None:
    evidence = room.start()
    evidence.commit([{"k": "stop", "why": "shutdown"}])
    evidence.close()
    room.clock.turn(60_000)
    room.start().close()
    gaps = [entry.record for entry in room.check().entries if entry.record["k"] == "gap"]
    assert [(gap["why"], gap["clean"], gap["ms"]) for gap in gaps] == [("first", False, 0), ("stop", True, 60_000)]


def test_a_crash_inside_a_session_is_told_by_the_next_start(room: Room) -> None:
    evidence = room.start()
    room.session(evidence, sent=None)
    evidence.close()
    again = room.start()
    assert (again.account.sessions, again.account.passed_bytes, again.account.open_session) == (1, 480_000, 0)
    again.close()
    [_, gap] = [entry.record for entry in room.check().entries if entry.record["k"] == "gap"]
    assert (gap["why"], gap["open"], gap["tail_b"]) == ("crash", 1, 0)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 1_500), garbage=st.binary(max_size=40))
def test_a_torn_last_group_never_breaks_the_log(cut: int, garbage: bytes) -> None:
    """What a power cut leaves: a last group cut at any byte, then anything. Nothing sealed before it is lost."""
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder), HandClock())
        evidence = room.start()
        first = room.session(evidence)
        whole = (room.folder / "00000001.seg").stat().st_size
        room.session(evidence, sent=None)
        evidence.close()
        path = room.folder / "00000001.seg"
        path.write_bytes(path.read_bytes()[: whole + cut] + garbage)
        room.start().close()
        assert room.check(first).receipts_matched == 1


def test_recovery_changes_no_old_byte(room: Room) -> None:
    evidence = room.start()
    room.session(evidence, sent=None)
    evidence.close()
    path = room.folder / "00000001.seg"
    torn = path.read_bytes() + b'{"k":"torn'
    path.write_bytes(torn)
    room.start().close()
    assert path.read_bytes() == torn
    assert room.check().entries[-1].epoch == 2


def test_a_start_cut_off_before_its_first_seal_is_accounted_for(room: Room) -> None:
    room.start().close()
    second = room.folder / "00000002.seg"
    second.write_bytes((room.folder / "00000001.seg").read_bytes()[:200])
    room.start().close()
    gap = next(entry.record for entry in room.check().entries if entry.record["k"] == "gap" and entry.epoch == 3)
    assert (gap["ab"], gap["tail_b"]) == (1, 200)


def test_a_first_start_cut_off_keeps_the_name_of_the_log(room: Room) -> None:
    room.start().close()
    name = room.key().name
    path = room.folder / "00000001.seg"
    path.write_bytes(path.read_bytes()[:100])
    room.start().close()
    gap = next(entry.record for entry in room.check().entries if entry.record["k"] == "gap")
    assert (room.key().name, gap["why"], gap["ab"]) == (name, "first", 1)


def test_a_daily_change_goes_on_in_a_new_file_with_a_new_key(room: Room) -> None:
    evidence = room.start()
    room.session(evidence)
    old_certificate = evidence.certificate
    evidence.commit([{"k": "stop", "why": "daily"}])
    walls = {"deny": True, "kat": True, "mic": True, "net": True}
    evidence.rotate(StartFacts(policy(), "c0" * 32, walls, muted=False))
    room.session(evidence)
    evidence.close()
    keys = [entry.record for entry in room.check().entries if entry.record["k"] == "key"]
    assert [key["why"] for key in keys] == ["start", "daily"]
    assert keys[0]["pub"] != keys[1]["pub"]
    assert evidence.certificate != old_certificate


def test_the_quota_survives_a_restart_and_a_reboot_forgets_it(room: Room) -> None:
    for _ in range(2):
        evidence = room.start()
        room.session(evidence)
        evidence.close()
    again = room.start()
    assert again.account.opened_within_hour(room.clock.boot_ms()) == 2
    again.close()
    rebooted = Room(room.folder, HandClock("another-boot"))
    evidence = rebooted.start(clock=rebooted.clock)
    assert (evidence.account.opened_within_hour(0), evidence.account.last_wake_id) == (0, -1)
    evidence.close()


def test_a_start_that_a_crash_cut_off_does_not_hide_the_sessions_before_it(room: Room) -> None:
    evidence = room.start()
    room.session(evidence)
    evidence.close()
    (room.folder / "00000002.seg").write_bytes((room.folder / "00000001.seg").read_bytes()[:300])
    room.start().close()
    again = room.start()
    assert again.account.opened_within_hour(room.clock.boot_ms()) == 1
    again.close()


def test_the_quota_forgets_after_an_hour(room: Room) -> None:
    evidence = room.start()
    room.session(evidence)
    assert evidence.account.opened_within_hour(room.clock.boot_ms() + 3_600_000 - 2_000) == 1
    assert evidence.account.opened_within_hour(room.clock.boot_ms() + 3_600_000) == 0
    evidence.close()


@pytest.mark.parametrize(
    ("boot_ms", "awake_ms", "wall_s", "told"),
    [
        (1_000, 1_000, 1, []),
        (1_000, 1_000, 3_601, [("clock", 3_600_000)]),
        (1_000, 1_000, -9, [("clock", -10_000)]),
        (314_001, 314_001, 314, [("late", 314_001)]),
        (900_000, 1_000, 900, [("suspend", 900_000)]),
        (900_000, 1_000, 4_500, [("clock", 3_600_000), ("suspend", 900_000)]),
    ],
)
def test_what_happened_to_time_is_said_before_anything_else(
    room: Room, boot_ms: int, awake_ms: int, wall_s: int, told: list[tuple[str, int]]
) -> None:
    evidence = room.start()
    room.clock.turn(boot_ms, awake_ms, wall_s)
    evidence.commit([MUTE])
    evidence.close()
    last = [entry.record for entry in room.check().entries][8:-1]
    assert [(record["why"], record["ms"]) for record in last[:-1]] == told
    assert last[-1]["k"] == "mute"


def test_two_gates_cannot_write_one_log(room: Room) -> None:
    evidence = room.start()
    with pytest.raises(ConfigError, match="another gate"):
        room.open()
    evidence.close()
    room.open().close()


def test_a_folder_that_is_missing_is_not_made(room: Room) -> None:
    with pytest.raises(ConfigError, match=r"does not exist.*mkdir"):
        Evidence(room.folder / "lost", room.folder / "device.key", room.clock)


@pytest.mark.parametrize("fault", [OSError(errno.EIO, "broken disk"), OSError(errno.ENOSPC, "full")])
@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_an_error_while_writing_is_the_end(
    room: Room, monkeypatch: pytest.MonkeyPatch, call: str, fault: OSError
) -> None:
    evidence = room.start()

    def fails(*_: object) -> int:
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fails)
        with pytest.raises(Fatal, match=r"nothing opens any more"):
            room.session(evidence)
    size = (room.folder / "00000001.seg").stat().st_size
    with pytest.raises(Fatal, match="failed before"):
        evidence.commit([MUTE])
    assert (room.folder / "00000001.seg").stat().st_size == size
    evidence.close()
    with pytest.raises(Fatal, match="restart the machine"):
        room.open()
    rebooted = Room(room.folder, HandClock("another-boot"))
    rebooted.start(clock=rebooted.clock).close()
    room.check()


def test_a_short_write_is_an_error(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence, real = room.start(), os.write
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", lambda descriptor, content: real(descriptor, content[:100]))
        with pytest.raises(Fatal, match="100 of"):
            evidence.commit([MUTE])
    evidence.close()


def test_a_group_has_a_greatest_length(room: Room) -> None:
    evidence = room.start()
    with pytest.raises(Fatal, match=f"at most {MAX_GROUP_BYTES}"):
        evidence.commit([MUTE] * 200)
    evidence.close()


@pytest.mark.parametrize("name", HARD_LIMITS)
def test_a_policy_beyond_the_hard_limits_does_not_start(room: Room, name: str) -> None:
    low, high = HARD_LIMITS[name]
    for value in (low - 1, high + 1):
        with pytest.raises(ConfigError, match=f"{name} = {value}"):
            policy(**{name: value}).record()
    assert policy(**{name: low}).record()[name] == low


def test_little_room_is_seen(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = room.open()
    assert evidence.has_room()
    real = os.statvfs(room.folder)
    full = os.statvfs_result((*real[:4], 4 * 1024 * 1024 // real.f_frsize - 1, *real[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    assert not evidence.has_room()
    evidence.close()
