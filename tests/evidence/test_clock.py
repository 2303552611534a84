"""The real clocks, against the kernel's own words."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from wakeword.evidence.clock import Clock


def test_the_clocks_are_the_kernels() -> None:
    clock = Clock()
    uptime_ms = float(Path("/proc/uptime").read_text().split()[0]) * 1_000
    assert 0 <= clock.boot_ms() - uptime_ms + 10 < 60_000
    assert clock.awake_ms() <= clock.boot_ms() + 1
    assert abs(clock.wall_s() - time.time()) < 60
    assert clock.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_synchronised_is_what_adjtimex_says() -> None:
    code = (
        "import ctypes; b = ctypes.create_string_buffer(256); state = ctypes.CDLL(None).adjtimex(b);"
        "status = int.from_bytes(b.raw[40:44], 'little'); print(state >= 0 and not status & 0x40)"
    )
    unsynchronised = subprocess.run(["python3", "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert str(Clock().synchronised()) == unsynchronised
