"""One session's bytes on their way to the uplink: counted, hashed, and never after the session's time.

Only `states.py` makes one, and only after the records that permit it are on disk.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from wakeword.evidence.record import Record
from wakeword.messages import HEADER, MAX_PCM_BYTES, Open, Upload
from wakeword.outside import Outside


@dataclass
class Session:
    """The one that is open."""

    sid: int
    wake_id: int
    opened_ms: int
    until_ms: int  # nothing is written to the uplink from then on
    window_bytes: int
    expected: int  # index of the next sample
    salt: bytes
    passed_bytes: int = 0
    last_ms: int = 0  # when the last byte passed
    announced: bool = False  # the uplink knows of it
    digest: Any = field(init=False)  # hashlib gives its type no public name

    def __post_init__(self) -> None:
        self.last_ms = self.opened_ms
        self.digest = hashlib.sha256(b"wakegate-sum\n" + self.salt)

    def announce(self, outside: Outside, head: Open) -> bool:
        """Tell the uplink; False when it did not take all of it."""
        taken, _ = outside.upload(head, self.until_ms)
        self.announced = taken == HEADER.size + len(head.pack())
        return self.announced

    def send(self, outside: Outside, pcm: bytes) -> bool:
        """Samples to the uplink. Bytes count as passed when its pipe took them. False: it did not take all."""
        for at in range(0, len(pcm), MAX_PCM_BYTES):
            piece = pcm[at : at + MAX_PCM_BYTES]
            taken, taken_ms = outside.upload(Upload(piece), self.until_ms)
            if taken > HEADER.size:
                self.passed_bytes += taken - HEADER.size
                self.digest.update(piece[: taken - HEADER.size])
                self.last_ms = taken_ms
            if taken < HEADER.size + len(piece):
                return False
        return True

    def close_record(self, why: str) -> Record:
        """How it ended. Its length is that to the last byte, so that a late close does not look like an overrun."""
        return {
            "k": "close", "sid": self.sid, "bytes": self.passed_bytes, "ms": self.last_ms - self.opened_ms, "why": why,
            "sum_h": self.digest.hexdigest(),
        }  # fmt: skip
