"""A candidate as it is kept: bytes of one length, whatever is in them. Standard library only.

    0      16   MARK
    16    512   JSON, filled up with spaces: the word, both scores, the verdict, when
    528  128000   the ring as it was then: 4 s of int16, little-endian, 16 kHz; silence before the stream began

The keeper seals these bytes as they are, unread but for the mark.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from wakeword.events import RATE_HZ

MARK = b"wakeword clip 1\n"
HEAD_BYTES = 512
SAMPLES = 4 * RATE_HZ  # the whole ring, and nothing that is not in it
FRAME_BYTES = len(MARK) + HEAD_BYTES + 2 * SAMPLES


class ClipError(ValueError):
    """Bytes that are no clip."""


@dataclass(frozen=True, slots=True)
class Head:
    """What listen says of the candidate; scores and thresholds in [0, 1]."""

    word: str
    stage1: float
    stage2: float
    accepted: bool
    threshold1: float
    threshold2: float
    end: int  # sample of the clip at which the word ends, as stage 1 sees it
    taken_s: int  # wall clock
    models: str  # of both stages, the first 16 hexadecimal digits of their hashes


def pack(head: Head, pcm: bytes) -> bytes:
    """`FRAME_BYTES` of it. Raises `ClipError` for sound of another length, or a word that is too long."""
    told = json.dumps(asdict(head), separators=(",", ":")).encode().ljust(HEAD_BYTES)
    if len(pcm) != 2 * SAMPLES or len(told) != HEAD_BYTES:
        raise ClipError(f"{len(pcm)} bytes of sound and {len(told)} that describe it")
    return MARK + told + pcm


def marked(frame: bytes) -> bool:
    """Does it look like one? All that the keeper asks."""
    return len(frame) == FRAME_BYTES and frame.startswith(MARK)


def unpack(frame: bytes) -> tuple[Head, bytes]:
    """The inverse of `pack`; raises `ClipError`."""
    if not marked(frame):
        raise ClipError("not a clip")
    try:
        head = Head(**json.loads(frame[len(MARK) : len(MARK) + HEAD_BYTES]))
    except (TypeError, ValueError) as error:
        raise ClipError(f"a clip that says nothing of itself: {error}") from error
    types = {name: type(value) for name, value in asdict(head).items()}
    if types != {name: type(value) for name, value in asdict(_EXAMPLE).items()} or not 0 <= head.end <= SAMPLES:
        raise ClipError("a clip that says impossible things of itself")
    return head, frame[len(MARK) + HEAD_BYTES :]


_EXAMPLE = Head("computer", 0.5, 0.5, True, 0.5, 0.5, 0, 0, "")
