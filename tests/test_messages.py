"""Every frame there and back; every wrong frame refused before its payload is taken in."""

from __future__ import annotations

import os
import struct
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.evidence.record import FORBIDDEN_ACTS, KINDS, MICROPHONE_FAULTS
from wakeword.messages import (
    GATE_TO_LISTEN,
    GATE_TO_UPLINK,
    HEADER,
    LISTEN_TO_GATE,
    METER_TO_GATE,
    UPLINK_TO_GATE,
    Answer,
    Audio,
    Base,
    Close,
    End,
    FrameError,
    FrameReader,
    Hello,
    Message,
    Open,
    Reason,
    State,
    Stop,
    Tick,
    Upload,
    Wake,
    encode,
    write_message,
)
from wakeword.notices import Ailment, Collect, Collecting, Count, Sent, Stats, Trouble, UplinkWalls, Walls

ALL = tuple(
    dict.fromkeys((*LISTEN_TO_GATE, *GATE_TO_LISTEN, *GATE_TO_UPLINK, *UPLINK_TO_GATE, *METER_TO_GATE))
)  # Stats goes on from listen to the uplink
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
I32, ERRNO, WHOLE = st.integers(-(2**31), 2**31 - 1), st.integers(-1, 4095), st.integers(0, 2**53 - 1)
HASH = st.binary(min_size=32, max_size=32)
PCM = st.binary(min_size=2, max_size=4096)
MESSAGES = st.one_of(
    st.builds(Hello, HASH, HASH),
    st.builds(Tick, *[st.integers(0, 200)] * 5),
    st.builds(Wake, U64, U64, U32, U32, U32, HASH, HASH, st.binary(max_size=3000)),
    st.builds(Audio, U64, PCM),
    st.builds(End, U64),
    st.builds(State, st.sampled_from(Answer), st.sampled_from(Reason), U64),
    st.builds(
        Open,
        U64,
        st.binary(min_size=16, max_size=16),
        U32,
        U32,
        U32,
        st.text(max_size=200),
        st.text(max_size=200),
        U64,
        st.lists(HASH, max_size=63).map(tuple),
    ),
    st.builds(Upload, PCM),
    st.builds(Close, U64, U64),
    st.builds(Stop, U64),
    st.builds(Base, U64),
    st.builds(Walls, *[ERRNO] * 12),
    st.builds(UplinkWalls, *[ERRNO] * 12),
    st.builds(Trouble, st.sampled_from(Ailment)),
    st.builds(Collect, st.sampled_from(Collecting), U32, WHOLE),
    st.builds(Stats, U32, *[I32] * 4, st.integers(1, 1_000_000), U32),
    st.builds(Sent, U64, WHOLE),
    st.builds(Count, U64, WHOLE, WHOLE, WHOLE),
)
# One of each, for what must be tried with every type.
ONE_EACH: list[Message] = [
    Hello(b"1" * 32, b"2" * 32),
    Tick(100, 2, 1),
    Wake(1, 2, 3, 4, 5, b"1" * 32, b"2" * 32, b"ab" * 9),
    Audio(7, b"abcd"),
    End(3),
    State(Answer.DENIED, Reason.QUOTA, 9),
    Open(1, b"s" * 16, 2, 3, 4, "— certificate", "checkpoint", 5, (b"h" * 32, b"i" * 32)),
    Upload(b"ab"),
    Close(1, 2),
    Stop(3),
    Base(4),
    Walls(*range(1, 13)),
    UplinkWalls(*range(12)),
    Trouble(Ailment.STOLEN),
    Collect(Collecting.DAY, 3, 1_800_000_000),
    Stats(20_000, 3, -4, 5, -6, 1_000, 2_000),
    Sent(3, 4),
    Count(1, 2, 3, 4),
]


def test_every_message_has_a_direction_and_its_own_number() -> None:
    assert set(ALL) == set(get_args(Message)) == {type(message) for message in ONE_EACH}
    assert len({kind.TYPE for kind in ALL}) == len(ALL)


@given(messages=st.lists(MESSAGES, max_size=4), cuts=st.lists(st.integers(1, 5000), max_size=8))
def test_any_cut_of_the_same_bytes_gives_the_same_messages(messages: list[Message], cuts: list[int]) -> None:
    stream, reader, heard, at = b"".join(map(encode, messages)), FrameReader(ALL), [], 0
    for cut in [*cuts, len(stream)]:
        heard += reader.push(stream[at : at + cut])
        at += cut
    assert heard == messages
    assert reader.between_frames


@pytest.mark.parametrize("message", ONE_EACH)
def test_wanted_never_reaches_into_the_next_frame(message: Message) -> None:
    stream, reader = encode(message) + encode(message), FrameReader([type(message)])
    taken = reader.push(stream[: HEADER.size])
    taken += reader.push(stream[HEADER.size : HEADER.size + reader.wanted])
    assert (taken, reader.wanted, reader.between_frames) == ([message], HEADER.size, True)


@pytest.mark.parametrize("message", ONE_EACH)
def test_a_length_beyond_the_table_is_refused_with_the_header_alone(message: Message) -> None:
    least, most = message.SIZES
    for length in {least - 1, most + 1} - {-1}:
        with pytest.raises(FrameError, match="allowed"):
            FrameReader([type(message)]).push(HEADER.pack(message.TYPE, 1, 0, length))


@pytest.mark.parametrize("kind", range(256))
def test_a_type_for_somebody_else_is_refused(kind: int) -> None:
    theirs = {message.TYPE for message in LISTEN_TO_GATE}
    if kind not in theirs:
        with pytest.raises(FrameError, match="not for this reader"):
            FrameReader(LISTEN_TO_GATE).push(HEADER.pack(kind, 1, 0, 8))


@pytest.mark.parametrize(("version", "reserved"), [(0, 0), (2, 0), (1, 1)])
def test_another_version_or_a_used_reserved_field_is_refused(version: int, reserved: int) -> None:
    with pytest.raises(FrameError, match="expected 1 and 0"):
        FrameReader([End]).push(HEADER.pack(End.TYPE, version, reserved, 8))


def test_a_window_of_another_length_than_announced_is_a_window_fault() -> None:
    frame = bytearray(encode(ONE_EACH[2]))
    struct.pack_into("<I", frame, HEADER.size + 28, 17)
    with pytest.raises(FrameError, match="announced") as caught:
        FrameReader([Wake]).push(bytes(frame))
    assert caught.value.code == "window"


def test_reserved_bytes_of_a_wake_must_be_zero() -> None:
    frame = bytearray(encode(ONE_EACH[2]))
    frame[HEADER.size + 119] = 1
    with pytest.raises(FrameError, match="reserved") as caught:
        FrameReader([Wake]).push(bytes(frame))
    assert caught.value.code == "frame"


def test_a_tick_of_more_than_two_seconds_is_refused() -> None:
    with pytest.raises(FrameError, match="frames = 201; 0 to 200"):
        FrameReader([Tick]).push(encode(Tick(201, 0, 0)))


@pytest.mark.parametrize(
    "wrong",
    [
        Trouble(0), Trouble(7), Collect(0, 1, 2), Collect(1, 1, 2**53), Stats(1, 2, 3, 4, 5, 0, 6), Sent(1, 2**53),
        Walls(*[-2] * 12), UplinkWalls(*[4096] * 12), Count(1, 2**53, 0, 0), Tick(1, 201, 0), Tick(1, 0, 0, 0, 201),
    ],
)  # fmt: skip
def test_a_number_that_no_record_can_hold_is_refused(wrong: Message) -> None:
    with pytest.raises(FrameError, match="allowed") as caught:
        FrameReader([type(wrong)]).push(encode(wrong))
    assert caught.value.code == "frame"


def test_notices_and_records_have_the_same_words() -> None:
    assert tuple(ailment.name.lower() for ailment in Ailment) == MICROPHONE_FAULTS
    assert tuple(field.name for field in fields(Walls)) == FORBIDDEN_ACTS
    assert all(KINDS["collect"]["why"].accepts(why.name.lower()) for why in Collecting)


def test_a_state_without_a_meaning_is_refused() -> None:
    frame = encode(ONE_EACH[5])
    with pytest.raises(FrameError, match="4 is not a valid Answer"):
        FrameReader([State]).push(frame[: HEADER.size] + b"\x04" + frame[HEADER.size + 1 :])


@pytest.mark.parametrize(
    ("notes", "complaint"),
    [
        (b"\x05\x00abc\x00\x00", "cut short"),
        (b"\x03\x00abc\x00", "cut short"),
        (b"\x03\x00abc\x00\x00z", "after the notes"),
        (b"\x03\x00abc\x00\x00" + bytes(8 + 31), "after the notes"),
        (b"\x03\x00abc\x00\x00" + bytes(8 + 64 * 32), "after the notes"),
        (b"\x01\x00\xff\x00\x00" + bytes(8), "UTF-8"),
    ],
)
def test_an_open_whose_notes_do_not_add_up_is_refused(notes: bytes, complaint: str) -> None:
    payload = bytes(36) + notes
    with pytest.raises(FrameError, match=complaint):
        Open.unpack(payload)


def test_what_is_too_long_is_not_sent() -> None:
    with pytest.raises(FrameError, match="4098 bytes"):
        encode(Upload(bytes(4098)))


def test_a_frame_larger_than_the_pipe_is_written_whole() -> None:
    reading, writing = os.pipe()
    wake = Wake(1, 2, 3, 4, 5, bytes(32), bytes(32), bytes(131_072))
    child = os.fork()
    if child == 0:
        os.close(reading)
        write_message(writing, wake)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert FrameReader([Wake]).push(pipe.read()) == [wake]
    assert os.waitpid(child, 0)[1] == 0


def test_writing_to_nobody_raises() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        write_message(writing, End(1))
    os.close(writing)
