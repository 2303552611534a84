"""The packaged room is what its table and its script say."""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from wakeword.demo.room import PACKAGED, WORDS, Room, load, samples
from wakeword.errors import ConfigError
from wakeword.events import RATE_HZ
from wakeword.train.voices import HELD, TRAIN

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "make_room"


@pytest.fixture(scope="module")
def room() -> Room:
    return load(PACKAGED)


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    """`scripts/make_room`, imported."""
    loader = importlib.machinery.SourceFileLoader("make_room", str(SCRIPT))
    module = ModuleType("make_room")
    module.__file__ = str(SCRIPT)
    sys.modules["make_room"] = module  # its dataclasses look themselves up there
    loader.exec_module(module)
    yield module
    del sys.modules["make_room"]


def test_it_has_what_a_room_has(room: Room) -> None:
    length_s = len(samples(room)) / 2 / RATE_HZ
    assert 60 < length_s < 95
    assert room.sound.stat().st_size < 3_000_000
    assert {line.word for line in room.lines} == {"", *WORDS}
    for word in WORDS:
        assert len({line.who for line in room.lines if line.word == word}) >= 2, "more than one voice a word"
    said = " ".join(line.what.lower() for line in room.lines if not line.word)
    assert all(near in said for near in ("commuter", "travis", "alexis", "compute ", "service"))
    assert all(word not in said for word in WORDS)


def test_the_lines_follow_each_other_inside_the_recording(room: Room) -> None:
    ends = [0.0, *(line.end_s for line in room.lines)]
    assert all(end < line.start_s < line.end_s for end, line in zip(ends, room.lines, strict=False))
    assert ends[-1] + 2.5 < len(samples(room)) / 2 / RATE_HZ


def test_a_request_is_followed_by_a_pause_in_which_its_session_can_end(room: Room) -> None:
    following = zip(room.lines, room.lines[1:], strict=False)
    assert all(then.start_s - line.end_s >= 2.5 for line, then in following if line.word)


def test_nobody_in_it_was_heard_in_training(room: Room) -> None:
    voices = {line.who for line in room.lines}
    assert len(voices) >= 6
    assert voices <= {*HELD[0], *HELD[1]}
    assert not voices & {*TRAIN[0], *TRAIN[1]}


def test_its_talk_is_louder_than_the_rest(room: Room) -> None:
    sound = np.frombuffer(samples(room), "<i2").astype(float)
    for line in room.lines:
        spoken = sound[round(line.start_s * RATE_HZ) : round(line.end_s * RATE_HZ)]
        assert 20 * np.log10(np.sqrt(np.mean(spoken**2)) / 32_768) > -36, line.what
    assert np.abs(sound).max() < 32_767


def test_between_the_lines_it_is_the_scripts_own_sound(room: Room, script: ModuleType) -> None:
    """All but the voices is computed: made again here, it equals the recording wherever nobody speaks or rings on."""
    sound = np.frombuffer(samples(room), "<i2").astype(float) / 32_768
    made = script.backdrop(len(sound))
    quiet = np.ones(len(sound), bool)
    for line in room.lines:
        quiet[round(line.start_s * RATE_HZ) - 160 : round((line.end_s + script.TAIL_S) * RATE_HZ) + 160] = False
    assert quiet.mean() > 0.4
    assert np.abs(sound - made)[quiet].max() < 2 / 32_768


def test_the_table_is_the_scripts(room: Room, script: ModuleType) -> None:
    assert [(line.who, line.what, line.word, line.how) for line in room.lines] == [
        (line.who, line.says, line.word, line.how) for line in script.SCRIPT
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("room.csv", "start_s\n1\n", "not a table"), ("room.csv", "\x00", "not"), ("room.flac", "text", "not a room")],
)
def test_a_folder_that_is_no_room_is_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    for file in ("room.csv", "room.flac"):
        (tmp_path / file).write_bytes((PACKAGED / file).read_bytes())
    (tmp_path / name).write_text(content)
    if content == "\x00":
        (tmp_path / name).unlink()
    with pytest.raises(ConfigError, match=message):
        load(tmp_path)
