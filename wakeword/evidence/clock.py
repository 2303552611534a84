"""The clocks of the evidence. Every limit is held by CLOCK_BOOTTIME, which counts suspend; wall time is a label."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass, field
from pathlib import Path

_TIME_ERROR = 5  # adjtimex(2): the wall clock is not synchronised


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@dataclass(frozen=True)
class Clock:
    """The machine's clocks. The boot's id is read once: later the gate can open no file outside its folder."""

    boot_id: str = field(default_factory=_boot_id)

    def boot_ms(self) -> int:
        """Milliseconds since boot, suspend counted."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def awake_ms(self) -> int:
        """Milliseconds since boot, suspend not counted."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000

    def wall_s(self) -> int:
        """Whole seconds since 1970."""
        return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1_000_000_000

    def synchronised(self) -> bool:
        """True when the kernel says that the wall clock is kept right (NTP or the like); False when it cannot say."""
        timex = ctypes.create_string_buffer(256)  # struct timex of zeros: ask, change nothing
        state = int(ctypes.CDLL(None).adjtimex(timex))
        return 0 <= state < _TIME_ERROR
