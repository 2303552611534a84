"""Reading what is there: one torn group is a crash; more than that is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from evidence_room import HandClock, Room

from wakeword.errors import ConfigError
from wakeword.evidence.device import load_private
from wakeword.evidence.disk import REAL
from wakeword.evidence.recovery import DamageError, boot_name, epochs, recover


def public(room: Room) -> bytes:
    return load_private(room.folder / "device.key").public_key().public_bytes_raw()


def rewrite(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def test_an_empty_folder_begins_a_log(tmp_path: Path) -> None:
    found = recover(tmp_path, bytes(32), 0, "boot")
    assert (found.epoch, found.origin, found.frontier.size, found.tail) == (1, "", 0, b"")


def test_only_files_of_the_log_are_looked_at(tmp_path: Path) -> None:
    for name in ("00000007.seg", "7.seg", "00000008.seg.tmp", "lock", "000000009.seg", "00000000.seg"):
        (tmp_path / name).touch()
    assert epochs(tmp_path) == [7]


def test_a_missing_file_between_is_refused(room: Room) -> None:
    for _ in range(3):
        room.start().close()
    (room.folder / "00000002.seg").unlink()
    with pytest.raises(DamageError, match=r"00000002\.seg is missing"):
        room.open()


@pytest.mark.parametrize("broken", ["seal", "record"])
def test_a_change_far_from_the_end_is_refused(room: Room, broken: str) -> None:
    evidence = room.start()
    for _ in range(3):
        room.session(evidence)
    evidence.close()
    path = room.folder / "00000001.seg"
    if broken == "seal":
        rewrite(path, b'"size":6}', b'"size":5}')
    else:
        rewrite(path, b'"lag_ms":90', b'"lag_ms":91')
    with pytest.raises(DamageError, match="more than a crash leaves"):
        room.open()


def test_too_long_a_tail_is_refused(room: Room) -> None:
    room.start().close()
    path = room.folder / "00000001.seg"
    path.write_bytes(path.read_bytes() + b"x" * 16_385)
    with pytest.raises(DamageError, match="16385 bytes after the last good seal"):
        room.open()


def test_too_many_starts_without_a_seal_are_refused(room: Room) -> None:
    room.start().close()
    (room.folder / "00000001.seg").write_bytes(b"x")
    for epoch in range(2, 10):
        (room.folder / f"{epoch:08d}.seg").write_bytes(b"x")
    with pytest.raises(DamageError, match="9 files and not one sealed group"):
        room.open()


def test_another_device_key_is_refused(room: Room) -> None:
    room.start().close()
    key = room.folder / "device.key"
    key.write_text("11" * 32 + "\n")
    with pytest.raises(DamageError, match="another device key"):
        room.open()


def test_a_lost_device_key_is_not_made_anew(room: Room) -> None:
    room.start().close()
    (room.folder / "device.key").unlink()
    with pytest.raises(ConfigError, match="is missing"):
        room.open()


def test_damage_ends_with_its_own_exit_code(tmp_path: Path) -> None:
    error = DamageError("broken", tmp_path)
    assert error.exit_code == 78
    assert "audit verify" in error.hint


def test_the_sums_are_those_of_who_wrote(room: Room) -> None:
    evidence = room.start()
    room.session(evidence)
    room.session(evidence, sent=None)
    evidence.commit([{"k": "mute", "on": True, "src": "user"}])
    written = evidence.account
    evidence.close()
    found = recover(room.folder, public(room), room.clock.boot_ms(), room.clock.boot_id).account
    assert found == written


def test_sessions_of_another_boot_do_not_count(room: Room) -> None:
    evidence = room.start()
    room.session(evidence)
    evidence.close()
    rebooted = Room(room.folder, HandClock("another-boot"))
    rebooted.start(clock=rebooted.clock).close()
    found = recover(room.folder, public(room), 0, "another-boot").account
    assert (found.opened_ms, found.last_wake_id, found.sessions) == ([], -1, 1)


def test_a_boot_has_another_name_in_each_log() -> None:
    assert boot_name("one/1", "boot") != boot_name("one/2", "boot")
    assert len(boot_name("one/1", "boot")) == 32


def test_reading_asks_the_disk_and_not_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, calls = tmp_path / "f", list[str]()
    path.write_bytes(b"abc")
    sync, advise = os.fsync, os.posix_fadvise

    def synced(descriptor: int) -> None:
        calls.append("sync")
        sync(descriptor)

    def advised(*given: int) -> None:
        calls.append("drop" if given[1:] == (0, 0, os.POSIX_FADV_DONTNEED) else f"other {given}")
        advise(*given)
        path.write_bytes(b"new")  # so that a reading before this point would show

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "posix_fadvise", advised)
    assert REAL.read_durable(path) == b"new"
    assert calls == ["sync", "drop"]
