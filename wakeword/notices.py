"""What its neighbours tell the gate only so that it is written down: none of it can open anything. Standard library.

    listen -> gate    Walls (once) · Trouble · Collect · Stats
    uplink -> gate    UplinkWalls (once) · Sent (after each connection)
    meter -> gate     Count

They travel as the frames of `messages.py`. How many become records is bounded by `clerk.py`: a hostile neighbour must
not fill the disk. Each value is checked here against what a record can hold, so that writing it down cannot fail.
"""

from __future__ import annotations

import enum
import json
import struct
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

MAX_WHOLE = 2**53 - 1  # the largest number in the evidence
MAX_ERRNO = 4_095
MAX_EPSILON = 1_000_000
REPORT_VERSION = 1


class FrameError(ValueError):
    """A frame that breaks the form. `code` is the fault's name in the evidence: frame, window or eof."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


class Numbers:
    """A message of whole numbers alone, in the order of its fields, each within `LIMITS` (both ends included)."""

    __slots__ = ()
    FORM: ClassVar[struct.Struct]
    LIMITS: ClassVar[dict[str, tuple[int, int]]] = {}

    def pack(self) -> bytes:
        """The numbers, little-endian, one after the other."""
        return self.FORM.pack(*self.values())

    def values(self) -> list[int]:
        """In the order of the fields."""
        mine: Any = self  # each subclass is a dataclass, which this class cannot say of itself
        return [getattr(self, each.name) for each in fields(mine)]

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """The inverse of `pack`; raises `FrameError` for a number beyond its limits."""
        message = cls(*cls.FORM.unpack(payload))
        for name, (low, high) in cls.LIMITS.items():
            if not low <= getattr(message, name) <= high:
                raise FrameError("frame", f"{cls.__name__}.{name} = {getattr(message, name)}; {low} to {high} allowed")
        return message


_ACTS = ("inet", "inet6", "unix", "netlink", "packet", "other", "sound", "log", "write", "exec", "ptrace", "wx")


@dataclass(frozen=True, slots=True)
class Walls(Numbers):
    """listen -> gate, once: what it tried of what it must not do. errno; 0 it succeeded, -1 not tried (it may)."""

    TYPE: ClassVar[int] = 0x06
    SIZES: ClassVar[tuple[int, int]] = (24, 24)
    FORM: ClassVar[struct.Struct] = struct.Struct("<12h")
    LIMITS: ClassVar[dict[str, tuple[int, int]]] = dict.fromkeys(_ACTS, (-1, MAX_ERRNO))
    inet: int  # a socket of this family
    inet6: int
    unix: int
    netlink: int
    packet: int
    other: int  # any further family; 0 when one of them could be had
    sound: int  # open a sound device
    log: int  # open the evidence
    write: int  # make a file
    exec: int  # run a program
    ptrace: int  # attach to another process
    wx: int  # memory that is writable and executable


@dataclass(frozen=True, slots=True)
class UplinkWalls(Walls):
    """uplink -> gate, once: the same of the uplink."""

    TYPE: ClassVar[int] = 0x34


class Ailment(enum.IntEnum):
    """What a microphone can suffer from; in lower case the fault's code in the evidence."""

    UNPLUGGED = 1
    STALLED = 2  # no samples come, no error either
    STOLEN = 3  # the stream was moved to another source, or another program took the device
    RATE = 4  # it delivers at another pace than it says
    ZEROS = 5  # nothing but zeros: muted outside of us, or dead
    CLIPPING = 6


@dataclass(frozen=True, slots=True)
class Trouble(Numbers):
    """listen -> gate: the microphone is not well. To be told when it begins."""

    TYPE: ClassVar[int] = 0x07
    SIZES: ClassVar[tuple[int, int]] = (4, 4)
    FORM: ClassVar[struct.Struct] = struct.Struct("<I")
    LIMITS: ClassVar[dict[str, tuple[int, int]]] = {"ailment": (min(Ailment), max(Ailment))}
    ailment: int


class Collecting(enum.IntEnum):
    """Why a `Collect` is sent; in lower case the record's `why`."""

    ON = 1  # consent was given just now
    DAY = 2  # once a day while it lasts
    EXPIRED = 3
    FORGOTTEN = 4  # what was kept has been deleted


@dataclass(frozen=True, slots=True)
class Collect(Numbers):
    """listen -> gate: candidates are being kept for tuning, by consent."""

    TYPE: ClassVar[int] = 0x08
    SIZES: ClassVar[tuple[int, int]] = (16, 16)
    FORM: ClassVar[struct.Struct] = struct.Struct("<IIQ")
    LIMITS: ClassVar[dict[str, tuple[int, int]]] = {
        "why": (min(Collecting), max(Collecting)), "until_s": (0, MAX_WHOLE),
    }  # fmt: skip
    why: int
    kept: int  # candidates since the last one of these
    until_s: int  # wall clock


@dataclass(frozen=True, slots=True)
class Stats(Numbers):
    """listen -> gate -> uplink, by consent: a day's counts with noise, to be written down and then sent as they are."""

    TYPE: ClassVar[int] = 0x09
    SIZES: ClassVar[tuple[int, int]] = (28, 28)
    FORM: ClassVar[struct.Struct] = struct.Struct("<I4i2I")
    LIMITS: ClassVar[dict[str, tuple[int, int]]] = {"epsilon": (1, MAX_EPSILON)}
    day: int  # since 1970
    wakes: int
    candidates: int
    rejected: int
    cancelled: int
    epsilon: int  # thousandths
    spent: int  # of the budget so far, thousandths; the gate alone knows it, and it is not sent on

    def body(self) -> bytes:
        """What the maker is sent, to the byte: what the record says but for `spent`, which would tell devices apart."""
        counts = {"wakes": self.wakes, "cand": self.candidates, "rej": self.rejected, "cancel": self.cancelled}
        report = counts | {"v": REPORT_VERSION, "day": self.day, "eps": self.epsilon}
        return json.dumps(report, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Sent(Numbers):
    """uplink -> gate: the connection of a session is closed. What its own kernel said of it: a claim."""

    TYPE: ClassVar[int] = 0x33
    SIZES: ClassVar[tuple[int, int]] = (16, 16)
    FORM: ClassVar[struct.Struct] = struct.Struct("<QQ")
    LIMITS: ClassVar[dict[str, tuple[int, int]]] = {"total_bytes": (0, MAX_WHOLE)}
    session_id: int
    total_bytes: int  # TCP payload of all connections since the uplink's start, without what was sent twice


@dataclass(frozen=True, slots=True)
class Count(Numbers):
    """meter -> gate: the kernel's own byte counts of the uplink, ever-growing within one `generation`."""

    TYPE: ClassVar[int] = 0x41
    SIZES: ClassVar[tuple[int, int]] = (32, 32)
    FORM: ClassVar[struct.Struct] = struct.Struct("<4Q")
    LIMITS: ClassVar[dict[str, tuple[int, int]]] = dict.fromkeys(
        ("egress_bytes", "ingress_bytes", "unique_bytes"), (0, MAX_WHOLE)
    )
    generation: int
    egress_bytes: int  # IP packets out
    ingress_bytes: int  # IP packets in
    unique_bytes: int  # TCP payload out without retransmits


Notice = Walls | UplinkWalls | Trouble | Collect | Stats | Sent | Count
