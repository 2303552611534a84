"""The folder of clips: bounded, telling nothing by names or times, and gone when it is to go."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from wakeword.keep import folder
from wakeword.keep.folder import Clips, Full

DAY_S = 1_700_000_000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "collected"
    folder.make(made)
    return made


def test_a_clip_is_there_whole_for_its_owner_alone_and_does_not_tell_when(place: Path) -> None:
    clips = Clips(place, 10, DAY_S)
    for content in (b"one", b"two"):
        clips.put(content)
    for path in place.iterdir():
        assert path.suffix == ".clip"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_mtime == DAY_S
    assert sorted(path.read_bytes() for path in folder.found(place)) == [b"one", b"two"]
    assert place.stat().st_mode & 0o777 == 0o700


def test_no_more_than_was_consented_to_also_after_a_new_start(place: Path) -> None:
    Clips(place, 2, DAY_S).put(b"one")
    clips = Clips(place, 2, DAY_S)
    clips.put(b"two")
    with pytest.raises(Full, match="2 clips"):
        clips.put(b"three")
    assert len(folder.found(place)) == 2


def test_a_disk_that_is_nearly_full_is_left_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "FREE_BYTES", 1 << 60)
    with pytest.raises(Full, match="are free"):
        Clips(place, 2, DAY_S).put(b"one")
    assert list(place.iterdir()) == []


def test_a_disk_that_fails_leaves_nothing_half_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, content: bytes) -> None:
        path.write_bytes(content[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "write_new", fail)
    with pytest.raises(OSError, match="No space"):
        Clips(place, 2, DAY_S).put(b"one")
    assert list(place.iterdir()) == []


def test_what_a_crash_left_half_written_is_removed_at_the_next_start(place: Path) -> None:
    (place / "00.part").write_bytes(b"o")
    Clips(place, 2, DAY_S)
    assert list(place.iterdir()) == []


def test_all_of_it_is_removed_whatever_it_is(place: Path) -> None:
    for name in ("00.clip", "01.part", "strange"):
        (place / name).write_bytes(b"x")
    assert folder.remove(place) == 3
    assert not place.exists()
    assert folder.remove(place) == 0


def test_it_is_removed_while_somebody_writes(place: Path) -> None:
    stop, begun = threading.Event(), threading.Event()

    def write() -> None:
        clips = Clips(place, 1 << 30, DAY_S)
        while not stop.is_set():
            try:
                clips.put(os.urandom(64))
            except FileNotFoundError:
                return
            finally:
                begun.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert begun.wait(60)
        folder.remove(place)
        assert not place.exists()
        thread.join(60)
        assert not thread.is_alive()
    finally:
        stop.set()
