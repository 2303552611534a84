"""What the gate's states see of the world: the log, two neighbours, a switch, a clock. And the real one, over pipes."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from wakeword.evidence.account import Account
from wakeword.evidence.record import Record
from wakeword.messages import Message, State, encode
from wakeword.settings import GateSettings
from wakeword.statusline import StatusLines

PING_MS = 5_000  # a sixth of WatchdogSec= in systemd/wakeword-gate.service
UPLINK_PATIENCE_MS = 500  # an uplink that takes no frame for so long is gone; it should read at once, always


class Log(Protocol):
    """The part of `Evidence` that the states use."""

    account: Account
    certificate: str

    def commit(self, records: Sequence[Record]) -> str:
        """Make records durable; return the signed checkpoint over them."""

    def beat(self, frames: int, *, muted: bool, passing: int = 0) -> Record:
        """A heartbeat's fields."""

    def gap(self, why: str, length_ms: int) -> Record:
        """The fields of a gap inside a file."""

    def has_room(self) -> bool:
        """Is there room on the disk for a session's records?"""

    def grow_from(self, size: int) -> None:
        """From now on prove that the log grew from what it was with so many records."""

    def growth(self) -> tuple[int, tuple[bytes, ...]]:
        """That size and the proof for the newest checkpoint; (0, ()) when there is none."""


class Outside(Protocol):
    """Neighbours, switch, clock."""

    uplink_alive: bool

    def now_ms(self) -> int:
        """CLOCK_BOOTTIME."""

    def muted(self) -> bool:
        """The switch, read afresh."""

    def upload(self, message: Message, until_ms: int) -> tuple[int, int]:
        """Write a frame to the uplink, beginning no write after `until_ms`: (bytes taken, when the last were taken)."""

    def tell(self, message: State) -> None:
        """Write to listen, or drop it when its pipe is full."""

    def report(self, event: str, **fields: object) -> None:
        """A status line, or nothing when nobody reads."""


class Pipes:
    """The real outside. No descriptor of it ever blocks."""

    def __init__(self, settings: GateSettings) -> None:
        self.uplink_alive = True
        self._to_listen, self._to_uplink = settings.to_listen, settings.to_uplink
        self._mute_file = Path(settings.mute_file) if settings.mute_file else None
        self._status = StatusLines(settings.status, "gate")
        self._notify, self._pinged_ms = settings.notify, 0
        for descriptor in (settings.from_listen, settings.from_uplink, self._to_listen, self._to_uplink):
            os.set_blocking(descriptor, False)

    def now_ms(self) -> int:
        """CLOCK_BOOTTIME: it counts suspend, and nobody can set it."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def muted(self) -> bool:
        """True while the file exists; also when nobody can tell (`Path.exists` would say no)."""
        if self._mute_file is None:
            return False
        try:
            self._mute_file.stat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def upload(self, message: Message, until_ms: int) -> tuple[int, int]:
        """See `Outside`. A frame that is not taken whole ends the uplink: what would follow could not be understood."""
        frame, taken, taken_ms = encode(message), 0, 0
        give_up_ms = min(until_ms, self.now_ms() + UPLINK_PATIENCE_MS)
        while self.uplink_alive and taken < len(frame) and (now_ms := self.now_ms()) < give_up_ms:
            try:
                taken += os.write(self._to_uplink, frame[taken:])
                taken_ms = now_ms
            except BlockingIOError:
                room = select.poll()
                room.register(self._to_uplink, select.POLLOUT)
                room.poll(give_up_ms - now_ms)
            except BrokenPipeError:
                break
        if taken < len(frame):
            self.lose_uplink()
        return taken, taken_ms

    def lose_uplink(self) -> None:
        """Write to it no more; it sees the end of its pipe."""
        if self.uplink_alive:
            self.uplink_alive = False
            os.close(self._to_uplink)

    def tell(self, message: State) -> None:
        """See `Outside`."""
        try:
            os.write(self._to_listen, encode(message))
        except (BlockingIOError, BrokenPipeError):
            self.report("unheard", answer=message.answer.name.lower())

    def report(self, event: str, **fields: object) -> None:
        """See `Outside`."""
        self._status.write(event, **fields)

    def announce(self, text: str) -> None:
        """Tell systemd, where it has started us: one datagram, lost when nobody takes it."""
        if self._notify is not None:
            with contextlib.suppress(OSError):
                os.write(self._notify, text.encode())

    def alive(self) -> None:
        """For systemd's watchdog; to be called from every turn of the loop."""
        if self.now_ms() >= self._pinged_ms + PING_MS:
            self._pinged_ms = self.now_ms()
            self.announce("WATCHDOG=1")
