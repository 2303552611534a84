"""A candidate as bytes, and back."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.keep import clip
from wakeword.keep.clip import ClipError, Head

SCORE = st.floats(0, 1)
HEADS = st.builds(
    Head, st.text(max_size=20), SCORE, SCORE, st.booleans(), SCORE, SCORE, st.integers(0, clip.SAMPLES),
    st.integers(0, 2**40), st.text("0123456789abcdef ", max_size=33),
)  # fmt: skip
HEAD = Head("computer", 0.9, 0.8, True, 0.5, 0.6, 60_000, 1_800_000_000, "0123456789abcdef 0123456789abcdef")
PCM = os.urandom(2 * clip.SAMPLES)


@given(head=HEADS)
def test_what_is_packed_is_unpacked_and_always_as_long(head: Head) -> None:
    packed = clip.pack(head, PCM)
    assert len(packed) == clip.FRAME_BYTES
    assert clip.marked(packed)
    assert clip.unpack(packed) == (head, PCM)


def test_a_word_too_long_and_sound_of_another_length_are_refused() -> None:
    with pytest.raises(ClipError, match="describe"):
        clip.pack(Head("x" * 400, 0.9, 0.8, True, 0.5, 0.6, 0, 0, ""), PCM)
    with pytest.raises(ClipError, match="127998 bytes"):
        clip.pack(HEAD, PCM[:-2])


@pytest.mark.parametrize("told", [
    b"{}", b"[]", b"null", b'{"word": 1}', b'{"word":"a","stage1":0.5}', b"\xff", b"",
])  # fmt: skip
def test_bytes_that_say_nothing_of_themselves_are_refused(told: bytes) -> None:
    with pytest.raises(ClipError):
        clip.unpack(clip.MARK + told.ljust(clip.HEAD_BYTES) + PCM)


def test_a_place_outside_of_the_clip_is_refused() -> None:
    far = clip.pack(Head("a", 0.9, 0.8, True, 0.5, 0.6, clip.SAMPLES + 1, 0, ""), PCM)
    with pytest.raises(ClipError, match="impossible"):
        clip.unpack(far)


def test_a_mark_or_a_length_that_is_wrong_is_no_clip() -> None:
    packed = clip.pack(HEAD, PCM)
    assert not clip.marked(packed[1:] + b"w")
    assert not clip.marked(packed[:-1])
    with pytest.raises(ClipError, match="not a clip"):
        clip.unpack(packed[:-1])
