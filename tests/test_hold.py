"""What the status process may say to listen."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from wakeword.hold import MAX_HOLD_MS, HoldPipe, pack


@pytest.fixture
def pipe() -> Iterator[tuple[HoldPipe, int]]:
    reader, writer = os.pipe()
    hold = HoldPipe(reader)
    yield hold, writer
    hold.close()
    os.close(writer)


def test_the_newest_of_several_holds_counts(pipe: tuple[HoldPipe, int]) -> None:
    hold, writer = pipe
    assert hold.newest_ms() is None
    os.write(writer, pack(500) + pack(MAX_HOLD_MS) + pack(0))
    assert hold.newest_ms() == 0
    os.write(writer, pack(700))
    assert hold.newest_ms() == 700


@pytest.mark.parametrize("length_ms", [-1, MAX_HOLD_MS + 1])
def test_no_longer_hold_can_be_asked_for(length_ms: int) -> None:
    with pytest.raises(ValueError, match="0 to 60000 can be asked for"):
        pack(length_ms)


@pytest.mark.parametrize(
    "written",
    [b"hold", b"wake\1\0\0\0", pack(5) + b"x", b"hold" + (MAX_HOLD_MS + 1).to_bytes(4, "little")],
    ids=["cut short", "another word", "something after it", "too long"],
)
def test_who_says_anything_else_is_not_heard_again(pipe: tuple[HoldPipe, int], written: bytes) -> None:
    hold, writer = pipe
    os.write(writer, written)
    assert hold.newest_ms() is None
    assert hold.descriptor is None
    assert hold.newest_ms() is None


def test_the_end_of_the_status_process_is_no_hold(pipe: tuple[HoldPipe, int]) -> None:
    hold, writer = pipe
    spare = os.dup(writer)
    os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
    os.close(spare)
    assert hold.newest_ms() is None
    assert hold.descriptor is None
