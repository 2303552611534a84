"""What the three processes may say to each other, and how long it may be. Standard library only.

A message travels as one frame, little-endian: u8 type, u8 version = 1, u16 zero, u32 length of the payload, payload.
`FrameReader` compares type and length with the table below before it takes in the first byte of a payload. What the
messages mean is decided by `gate.py` (its table of states); which of them are written down, by `evidence/`.

    listen -> gate    Hello (first, once) · Tick (once a second) · Wake · Audio · End · and notices
    gate -> listen    State
    gate -> uplink    Open · Upload · Close        nothing at all between Close and the next Open, but
                      Stats (once in so many days, by consent alone)
    uplink -> gate    Stop · Base · and notices
    meter -> gate     notices

Notices are only written down, never decided on: `notices.py`.

Scores are whole millionths (ppm), times are milliseconds of CLOCK_BOOTTIME, PCM is 16-bit little-endian mono at 16 kHz.
"""

from __future__ import annotations

import enum
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from wakeword.notices import Collect, Count, Notice, Numbers, Sent, Stats, Trouble, UplinkWalls, Walls
from wakeword.notices import FrameError as FrameError  # noqa: PLC0414  who reads frames needs this module alone

VERSION = 1
HEADER = struct.Struct("<BBHI")
MAX_WINDOW_BYTES = 131_072
MAX_PCM_BYTES = 4_096  # of one Audio or Upload
MAX_TICK_FRAMES = 200  # a tick a second carries 100; twice that is not a clock but a fault


class Reason(enum.IntEnum):
    """Why a session was denied or closed; the second number of `State`."""

    NONE = 0
    END = 1  # closed: listen said so (silence, or its own cap)
    CAP_BYTES = 2
    CAP_TIME = 3
    RATE = 4  # faster than real time
    MUTE = 5  # closed or denied
    STOP = 6  # the service has enough
    UPLINK = 7  # closed or denied: the uplink is gone or does not read
    LISTEN = 8
    PROTOCOL = 9
    SHUTDOWN = 10
    QUOTA = 11  # denied: too many sessions this hour
    DISK = 12  # denied: too little room to write evidence
    STALE = 13  # denied: the wake id is old, used, or in the future
    LATCHED = 14  # denied: an earlier fault; only a new start opens again


class Answer(enum.IntEnum):
    """The first number of `State`."""

    GRANTED = 1
    DENIED = 2
    CLOSED = 3


@dataclass(frozen=True, slots=True)
class Hello:
    """listen -> gate, first and once: which models listen."""

    TYPE: ClassVar[int] = 0x01
    SIZES: ClassVar[tuple[int, int]] = (64, 64)
    m1: bytes  # sha256 of what runs as stage 1
    m2: bytes  # the same of stage 2

    def pack(self) -> bytes:
        """64 bytes."""
        return self.m1 + self.m2

    @classmethod
    def unpack(cls, payload: bytes) -> Hello:
        """The inverse of `pack`."""
        return cls(payload[:32], payload[32:])


@dataclass(frozen=True, slots=True)
class Tick(Numbers):
    """listen -> gate, once a second: that it hears, and how much."""

    TYPE: ClassVar[int] = 0x02
    SIZES: ClassVar[tuple[int, int]] = (20, 20)
    FORM: ClassVar[struct.Struct] = struct.Struct("<5I")
    LIMITS: ClassVar[dict[str, tuple[int, int]]] = dict.fromkeys(
        ("frames", "candidates", "rejected", "holds", "held"), (0, MAX_TICK_FRAMES)
    )
    frames: int  # of 10 ms, heard since the last tick
    candidates: int  # since the last tick
    rejected: int  # of these, by stage 2
    holds: int = 0  # begun since the last tick: the speaker itself speaks, no wake word is asked for
    held: int = 0  # of the frames, those inside a hold


@dataclass(frozen=True, slots=True)
class Wake:
    """listen -> gate: both stages agree; may a session open?"""

    TYPE: ClassVar[int] = 0x03
    SIZES: ClassVar[tuple[int, int]] = (120, 120 + MAX_WINDOW_BYTES)
    FIXED: ClassVar[struct.Struct] = struct.Struct("<QQ4I32s32s24s")
    wake_id: int  # CLOCK_BOOTTIME in ms at the decision: single use, and fresh
    next_sample: int  # index of the sample after the window: where Audio goes on
    stage1_ppm: int
    stage2_ppm: int
    lag_ms: int  # from the word's end to the decision
    m1: bytes  # sha256, as in Hello
    m2: bytes
    window: bytes  # PCM: the very samples that stage 2 judged, sent first

    def pack(self) -> bytes:
        """120 bytes and the window."""
        scores = (self.stage1_ppm, self.stage2_ppm, self.lag_ms, len(self.window))
        fixed = self.FIXED.pack(self.wake_id, self.next_sample, *scores, self.m1, self.m2, bytes(24))
        return fixed + self.window

    @classmethod
    def unpack(cls, payload: bytes) -> Wake:
        """The inverse of `pack`; raises `FrameError` for a window of another length or reserved bytes in use."""
        wake_id, following, stage1, stage2, lag_ms, window_bytes, m1, m2, reserved = cls.FIXED.unpack_from(payload)
        window = payload[cls.FIXED.size :]
        if any(reserved):
            raise FrameError("frame", "reserved bytes of a wake are not zero")
        if window_bytes != len(window):
            raise FrameError("window", f"a window of {window_bytes} bytes was announced and {len(window)} came")
        return cls(wake_id, following, stage1, stage2, lag_ms, m1, m2, window)


@dataclass(frozen=True, slots=True)
class Audio:
    """listen -> gate, inside a session: what followed, without a hole."""

    TYPE: ClassVar[int] = 0x04
    SIZES: ClassVar[tuple[int, int]] = (8 + 2, 8 + MAX_PCM_BYTES)
    start: int  # index of the first sample
    pcm: bytes

    def pack(self) -> bytes:
        """8 bytes and the samples."""
        return struct.pack("<Q", self.start) + self.pcm

    @classmethod
    def unpack(cls, payload: bytes) -> Audio:
        """The inverse of `pack`."""
        return cls(struct.unpack_from("<Q", payload)[0], payload[8:])


@dataclass(frozen=True, slots=True)
class End(Numbers):
    """listen -> gate: this session is over."""

    TYPE: ClassVar[int] = 0x05
    SIZES: ClassVar[tuple[int, int]] = (8, 8)
    FORM: ClassVar[struct.Struct] = struct.Struct("<Q")
    wake_id: int


@dataclass(frozen=True, slots=True)
class State:
    """gate -> listen: what became of a wake or a session. Dropped when the pipe is full."""

    TYPE: ClassVar[int] = 0x11
    SIZES: ClassVar[tuple[int, int]] = (16, 16)
    answer: Answer
    reason: Reason
    wake_id: int

    def pack(self) -> bytes:
        """16 bytes."""
        return struct.pack("<IIQ", self.answer, self.reason, self.wake_id)

    @classmethod
    def unpack(cls, payload: bytes) -> State:
        """The inverse of `pack`; raises `FrameError` for a number without a meaning."""
        answer, reason, wake_id = struct.unpack("<IIQ", payload)
        try:
            return cls(Answer(answer), Reason(reason), wake_id)
        except ValueError as error:
            raise FrameError("frame", str(error)) from error


@dataclass(frozen=True, slots=True)
class Open:
    """gate -> uplink: one session, already written down; connect. Its window and audio follow as Upload."""

    TYPE: ClassVar[int] = 0x21
    SIZES: ClassVar[tuple[int, int]] = (48, 4_096)
    FIXED: ClassVar[struct.Struct] = struct.Struct("<Q16s3I")
    HASH_BYTES: ClassVar[int] = 32
    MOST_HASHES: ClassVar[int] = 63
    session_id: int
    salt: bytes  # 16 bytes; makes the window's and the session's hashes in the evidence checkable
    window_bytes: int  # how much of what follows is the window
    cap_bytes: int
    cap_ms: int
    certificate: str  # signed note: the device key certifies this start's key
    checkpoint: str  # signed note: the evidence up to and including this session's `open` record
    base: int = 0  # size of an earlier checkpoint that the uplink named; 0: none
    proof: tuple[bytes, ...] = ()  # that the evidence grew from there to here: RFC 6962 section 2.1.2

    def pack(self) -> bytes:
        """36 bytes, the two notes, each with its length before it, the base and the proof's hashes."""
        fixed = self.FIXED.pack(self.session_id, self.salt, self.window_bytes, self.cap_bytes, self.cap_ms)
        notes = [note.encode() for note in (self.certificate, self.checkpoint)]
        told = b"".join(struct.pack("<H", len(note)) + note for note in notes)
        return fixed + told + struct.pack("<Q", self.base) + b"".join(self.proof)

    @classmethod
    def unpack(cls, payload: bytes) -> Open:
        """The inverse of `pack`; raises `FrameError` when the lengths do not add up."""
        rest, notes = payload[cls.FIXED.size :], []
        for _ in range(2):
            length = int.from_bytes(rest[:2], "little")
            notes.append(rest[2 : 2 + length])
            if len(rest) < 2 or len(notes[-1]) != length:
                raise FrameError("frame", "a note in an open is cut short")
            rest = rest[2 + length :]
        base, hashes = rest[:8], rest[8:]
        if len(base) != 8 or len(hashes) % cls.HASH_BYTES or len(hashes) > cls.HASH_BYTES * cls.MOST_HASHES:
            raise FrameError("frame", f"{len(rest)} bytes after the notes of an open")
        proof = tuple(hashes[at : at + cls.HASH_BYTES] for at in range(0, len(hashes), cls.HASH_BYTES))
        size = int.from_bytes(base, "little")
        try:
            session, salt, window, cap_bytes, cap_ms = cls.FIXED.unpack_from(payload)
            return cls(session, salt, window, cap_bytes, cap_ms, notes[0].decode(), notes[1].decode(), size, proof)
        except UnicodeDecodeError as error:
            raise FrameError("frame", "a note in an open is not UTF-8") from error


@dataclass(frozen=True, slots=True)
class Upload:
    """gate -> uplink: samples that may leave, the window first."""

    TYPE: ClassVar[int] = 0x22
    SIZES: ClassVar[tuple[int, int]] = (2, MAX_PCM_BYTES)
    pcm: bytes

    def pack(self) -> bytes:
        """The samples."""
        return self.pcm

    @classmethod
    def unpack(cls, payload: bytes) -> Upload:
        """The inverse of `pack`."""
        return cls(payload)


@dataclass(frozen=True, slots=True)
class Close(Numbers):
    """gate -> uplink: the session is over."""

    TYPE: ClassVar[int] = 0x23
    SIZES: ClassVar[tuple[int, int]] = (16, 16)
    FORM: ClassVar[struct.Struct] = struct.Struct("<QQ")
    session_id: int
    total_bytes: int  # of all its Uploads


@dataclass(frozen=True, slots=True)
class Stop(Numbers):
    """uplink -> gate: the service has enough."""

    TYPE: ClassVar[int] = 0x31
    SIZES: ClassVar[tuple[int, int]] = (8, 8)
    FORM: ClassVar[struct.Struct] = struct.Struct("<Q")
    session_id: int


@dataclass(frozen=True, slots=True)
class Base(Numbers):
    """uplink -> gate: the newest checkpoint that the service holds; each Open then proves that the log grew from it."""

    TYPE: ClassVar[int] = 0x32
    SIZES: ClassVar[tuple[int, int]] = (8, 8)
    FORM: ClassVar[struct.Struct] = struct.Struct("<Q")
    size: int  # records below that checkpoint


Message = Hello | Tick | Wake | Audio | End | State | Open | Upload | Close | Stop | Base | Notice

LISTEN_TO_GATE: tuple[type[Message], ...] = (Hello, Tick, Wake, Audio, End, Walls, Trouble, Collect, Stats)
GATE_TO_LISTEN: tuple[type[Message], ...] = (State,)
GATE_TO_UPLINK: tuple[type[Message], ...] = (Open, Upload, Close, Stats)
UPLINK_TO_GATE: tuple[type[Message], ...] = (Stop, Base, UplinkWalls, Sent)
METER_TO_GATE: tuple[type[Message], ...] = (Count,)


def encode(message: Message) -> bytes:
    """The message as one frame; raises `FrameError` when its payload is longer or shorter than its type allows."""
    payload, (least, most) = message.pack(), message.SIZES
    if not least <= len(payload) <= most:
        raise FrameError("frame", f"{type(message).__name__} of {len(payload)} bytes; {least} to {most} allowed")
    return HEADER.pack(message.TYPE, VERSION, 0, len(payload)) + payload


def write_message(descriptor: int, message: Message) -> None:
    """Write the whole frame to a blocking descriptor; raises `BrokenPipeError` when nobody reads."""
    rest = memoryview(encode(message))
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class FrameReader:
    """Bytes in, messages out; holds at most one frame. No I/O of its own.

    `wanted` is how many bytes complete the current header or payload: who reads just that many never buffers more.
    """

    def __init__(self, accepts: Iterable[type[Message]]) -> None:
        """Take only these types; every other one is a `FrameError`."""
        self._types = {kind.TYPE: kind for kind in accepts}
        self._held = bytearray()
        self._kind: type[Message] | None = None
        self.wanted = HEADER.size

    @property
    def between_frames(self) -> bool:
        """True when no frame is half read: only here may the other side end."""
        return self._kind is None and not self._held

    def push(self, received: bytes) -> list[Message]:
        """The messages that these bytes complete, in order; raises `FrameError`, after which the reader is spent."""
        messages: list[Message] = []
        at = 0
        while at < len(received):
            piece = received[at : at + self.wanted]
            at += len(piece)
            self._held += piece
            self.wanted -= len(piece)
            if self.wanted == 0:
                messages += self._complete()
        return messages

    def _complete(self) -> list[Message]:
        """A header or a payload is whole."""
        held, self._held = bytes(self._held), bytearray()
        if self._kind is None:
            self._kind, self.wanted = self._header(held)
            return []
        kind, self._kind, self.wanted = self._kind, None, HEADER.size
        return [kind.unpack(held)]

    def _header(self, header: bytes) -> tuple[type[Message], int]:
        number, version, zero, length = HEADER.unpack(header)
        kind = self._types.get(number)
        if kind is None:
            raise FrameError("frame", f"type 0x{number:02x} is not for this reader")
        if version != VERSION or zero != 0:
            raise FrameError("frame", f"version {version}, reserved {zero}; expected {VERSION} and 0")
        least, most = kind.SIZES
        if not least <= length <= most:
            raise FrameError("frame", f"{kind.__name__} of {length} bytes; {least} to {most} allowed")
        return kind, length
