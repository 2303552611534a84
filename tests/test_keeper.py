"""The keeper as a process: what it keeps, what it cannot do, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from wakeword.keep import clip, consent, folder, seal
from wakeword.keep.clip import Head
from wakeword.keep.consent import Consent, Shelf
from wakeword.settings import ConsentSettings, KeeperSettings, keeper_from_json, to_json

HANG_S = 90
HEAD = Head("computer", 0.9, 0.2, False, 0.5, 0.6, 60_000, 1_800_000_000, "0123456789abcdef 0123456789abcdef")
FRAME = clip.pack(HEAD, bytes(range(250)) * 512)


class House:
    """A keeper, the writer of its pipe, and its folder."""

    def __init__(self, place: Path, *, most: int = 3, length_s: int = 1_000) -> None:
        self.shelf, now_s = Shelf(place), int(time.time())
        self.public = seal.create_key(self.shelf.key)
        folder.make(self.shelf.clips)
        consent.write(self.shelf.consent, Consent(now_s, now_s + length_s, self.public.hex(), most))
        reader, self.writer = os.pipe()
        given = ConsentSettings(str(self.shelf.consent), consent.stamp(self.shelf.consent), now_s, now_s + length_s)
        settings = KeeperSettings(reader, str(self.shelf.clips), given, self.public.hex(), most)
        assert keeper_from_json(to_json(settings)) == settings
        self.process = started(to_json(settings), reader)
        os.close(reader)

    def send(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self.writer, rest) :]

    def until_kept(self, count: int) -> None:
        until_s = time.monotonic() + HANG_S
        while len(folder.found(self.shelf.clips)) < count:
            assert time.monotonic() < until_s
            assert self.process.poll() is None

    def ended(self) -> tuple[int, str]:
        """Once its pipe has ended: exit code, and what it said."""
        os.close(self.writer)
        return self.over()

    def over(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=HANG_S)
        return self.process.returncode, said


def started(settings: str, *descriptors: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "wakeword.keeper", settings]
    return subprocess.Popen(command, pass_fds=descriptors, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.process.kill()
    made.process.communicate()


def test_it_seals_what_comes_and_ends_with_its_pipe(house: House) -> None:
    house.send(FRAME[:1000])
    house.send(FRAME[1000:] + FRAME)
    assert house.ended() == (0, "")
    private = seal.read_private(house.shelf.key)
    assert [seal.unseal(path.read_bytes(), private) for path in folder.found(house.shelf.clips)] == [FRAME, FRAME]


def test_it_keeps_no_more_than_was_consented_to(house: House) -> None:
    house.send(5 * FRAME)
    code, said = house.ended()
    assert code == 0
    assert said.count("3 clips are kept, as many as were consented to") == 1
    assert len(folder.found(house.shelf.clips)) == 3


def test_a_clip_that_did_not_come_whole_is_not_kept(house: House) -> None:
    house.send(FRAME + FRAME[:-1])
    assert house.ended() == (0, "")
    assert len(folder.found(house.shelf.clips)) == 1


def test_what_is_no_clip_ends_it(house: House) -> None:
    house.send(FRAME[1:] + b"w")
    code, said = house.over()
    os.close(house.writer)
    assert code == 1
    assert "no clip" in said
    assert folder.found(house.shelf.clips) == []


def test_when_consent_goes_all_of_it_goes(house: House) -> None:
    house.send(FRAME)
    house.until_kept(1)
    told = consent.read(house.shelf.consent)
    assert told
    consent.write(house.shelf.consent, replace(told, ended=consent.FORGOTTEN))
    assert house.over() == (0, "")
    os.close(house.writer)
    assert list(house.shelf.clips.iterdir()) == []


def test_when_its_time_is_over_all_of_it_goes(tmp_path: Path) -> None:
    house = House(tmp_path, length_s=2)
    (house.shelf.clips / "00.clip").write_bytes(b"kept earlier")
    assert house.over() == (0, "")
    os.close(house.writer)
    assert list(house.shelf.clips.iterdir()) == []


def test_it_can_reach_nothing_else(tmp_path: Path) -> None:
    """In a process of its own, as walls cannot be taken down; every forbidden act is refused by a wall."""
    shelf = Shelf(tmp_path)
    folder.make(shelf.clips)
    seal.create_key(shelf.key)
    settings = KeeperSettings(0, str(shelf.clips), ConsentSettings(), "09" + 31 * "00", 3, str(tmp_path))
    program = f"""
import errno, json, sys
from pathlib import Path
from wakeword import forbidden, keeper
from wakeword.settings import keeper_from_json
settings = keeper_from_json(sys.argv[1])
keeper.build_walls(settings)
print(json.dumps(forbidden.try_acts(log=Path(settings.evidence))))
for path in ({str(shelf.key)!r}, {str(shelf.state / "new")!r}):
    try:
        open(path, "a").close()
    except PermissionError:
        print("refused")
"""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", program, to_json(settings)],
        capture_output=True, text=True, check=True, timeout=HANG_S,
    )  # fmt: skip
    tried, *refused = ended.stdout.splitlines()
    assert refused == ["refused", "refused"]
    assert '": 0' not in tried
    assert '": -1' not in tried


@pytest.mark.parametrize("settings", ["", "{}", "[]", '{"from_listen": 3}'])
def test_without_its_settings_it_does_not_start(settings: str) -> None:
    process = started(settings)
    _, said = process.communicate(timeout=HANG_S)
    assert process.returncode == 2
    assert "not settings for this process" in said
