"""What a full disk, a failing disk, a clock that is set and a machine that sleeps do to the installed service.

Closed where the log cannot be written, back after, and named in the log.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from systemd_house import EVIDENCE, LONG, PROCESSES, STATE, TIMES, House, drop_in

DAY_S, HOUR_S = 86_400, 3_600
SMALL = "mount -t tmpfs -o size=24M small /mnt"
LEFT_BYTES = 2 << 20  # too little for a session's records
JUMPS = [(1, 1), (-1, -2), (0, 1)] if LONG else [(-1, -1)]  # to so many days from now, and how far that is
STEP_MS = 5_000  # a clock's step is known to the second, and the machine may be slow
OFTEN = {"heartbeat_ms": 1_000}  # so that the log is written to soon

# Put before each process's own time: two shifts that the test sets while it runs, of the wall clock and of the one
# that counts sleep. Neither can be set for one machine alone that shares its kernel with others.
SHIFTED = """
import mmap, os, struct, time
with open("/srv/clock/shifts", "rb") as file:
    shifts = mmap.mmap(file.fileno(), 16, prot=mmap.PROT_READ)
real, at = time.clock_gettime_ns, {time.CLOCK_REALTIME: 0, time.CLOCK_BOOTTIME: 8}
def clock_gettime_ns(clock):
    return real(clock) + (struct.unpack_from("q", shifts, at[clock])[0] if clock in at else 0)
time.clock_gettime_ns = clock_gettime_ns
time.time_ns = lambda: clock_gettime_ns(time.CLOCK_REALTIME)
time.time = lambda: time.time_ns() / 1e9
"""


@pytest.fixture
def quick(installed: House) -> Iterator[House]:
    """Stopped, and to be started with a log that is written to often; what was broken is whole again afterwards."""
    installed.stop()
    installed.configure(evidence=OFTEN)
    yield installed
    installed.stop()


@contextmanager
def on_disk(home: House, mount: str = SMALL, *, back: bool = True) -> Iterator[None]:
    """All that the service keeps lies on a disk of its own, which `mount` mounts at /mnt; the log comes back after."""
    run = home.bed.run
    run("sh", "-euc", mount)
    try:
        run("sh", "-euc", f"cp -a {STATE}/. /mnt && sync -f /mnt && mount --bind /mnt {STATE}")
        try:
            yield
        finally:
            home.stop()
            run("umount", STATE)
        if back:
            run("cp", "-a", "/mnt/evidence", STATE)
    finally:
        run("umount", "/mnt")


def fill(home: House, left_bytes: int) -> None:
    """Until no more than that is free."""
    free = os.statvfs(f"{home.bed.root}{STATE}")
    count = free.f_bavail * free.f_frsize - left_bytes
    home.bed.run("sh", "-c", f"head -c {max(0, count)} /dev/zero >> {STATE}/filler", check=False)


def has_given_up(home: House) -> bool:
    """All are stopped, and the unit that is watched is failed."""
    failed = home.bed.show("wakeword-failed", "ActiveState") == "failed"
    return failed and [home.pid(name) for name in PROCESSES] == [0, 0, 0]


def denied(home: House) -> int:
    """Wakes that the gate refused, by its log."""
    return sum(int(record["deny"]) for record in home.records("tally"))


def test_a_disk_that_is_nearly_full_opens_nothing_until_there_is_room(quick: House) -> None:
    with on_disk(quick):
        quick.start()
        fill(quick, LEFT_BYTES)
        opened, refused = len(quick.records("open")), denied(quick)
        for _ in range(TIMES):
            quick.play("/srv/computer.wav")
            quick.stop()  # which writes down how many were refused
            quick.start()
            if denied(quick) > refused:
                break
        assert denied(quick) > refused
        assert len(quick.records("open")) == opened
        quick.bed.run("rm", f"{STATE}/filler")
        assert quick.wake()["why"] == "end"
        quick.verified()


def test_a_full_disk_closes_it_until_its_owner_has_seen_to_it(quick: House) -> None:
    with on_disk(quick):
        quick.start()
        fill(quick, 0)
        quick.bed.until(lambda: has_given_up(quick), "all are stopped")
        assert int(quick.bed.show("wakeword-gate", "ExecMainStatus")) == 74
        assert "the evidence cannot be written" in quick.bed.journal("-u", "wakeword-gate", "-n", "60")

        quick.bed.run("rm", f"{STATE}/filler")
        quick.bed.run("systemctl", "reset-failed")
        quick.bed.run("systemctl", "start", "wakeword.target", check=False)
        quick.bed.until(lambda: has_given_up(quick), "it stays stopped, whatever the disk says now")
        assert "writing evidence failed since this machine was started" in quick.bed.journal("-u", "wakeword-gate")

        quick.bed.run("sh", "-c", f"rm {EVIDENCE}/failed-*")
        quick.start()
        assert quick.records("gap")[-1]["why"] == "crash"
        assert ("gate", "exit", 74) in {(each["who"], each["how"], each["code"]) for each in quick.records("cause")}
        assert quick.wake()["why"] == "end"
        quick.verified()


def test_a_disk_that_turns_read_only_closes_it_until_it_can_be_written_to(quick: House) -> None:
    run = quick.bed.run
    make = "truncate -s 64M /srv/disk && mkfs.ext4 -qF /srv/disk"
    nodes = "[ -e /dev/loop-control ] || mknod /dev/loop-control c 10 237; "
    nodes += "for n in $(seq 0 63); do [ -e /dev/loop$n ] || mknod /dev/loop$n b 7 $n; done"
    tried = run("sh", "-c", f"{make} && {nodes} && losetup --find --show /srv/disk", check=False)
    if tried.returncode != 0:
        pytest.skip(f"no disk can be made out of a file here: {tried.stderr.strip()}")
    device = tried.stdout.strip()
    try:
        with on_disk(quick, f"mount -o errors=remount-ro {device} /mnt"):
            quick.start()
            trigger = f"/sys/fs/ext4/{device.removeprefix('/dev/')}/trigger_fs_error"
            run("sh", "-c", f"echo a test > {trigger}")
            quick.bed.until(lambda: has_given_up(quick), "all are stopped")
            assert os.strerror(errno.EROFS) in quick.bed.journal("-u", "wakeword-gate", "-n", "60")
            quick.stop()
            run("sh", "-c", f"umount {STATE}; umount /mnt; e2fsck -fy {device}; mount {device} /mnt", check=False)
            run("mount", "--bind", "/mnt", STATE)
            quick.start()
            assert quick.records("gap")[-1]["why"] == "crash"
            assert quick.wake()["why"] == "end"
            quick.verified()
    finally:
        run("losetup", "--detach", device)


@contextmanager
def set_clocks(home: House) -> Iterator[Callable[[float, float], None]]:
    """Start it with clocks that can be set: (seconds of the wall clock, seconds asleep)."""
    place = home.bed.root / "srv/clock"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text(SHIFTED)
    (place / "shifts").write_bytes(bytes(16))
    lines = "[Service]\nEnvironment=PYTHONPATH=/srv/clock\n"
    added = [drop_in(home.bed, name, "clock", lines) for name in PROCESSES]
    with (place / "shifts").open("r+b") as file, mmap.mmap(file.fileno(), 16) as shifts:

        def put(wall_s: float, asleep_s: float) -> None:
            shifts[:] = struct.pack("qq", round(1e9 * (wall_s + asleep_s)), round(1e9 * asleep_s))

        try:
            home.start()
            yield put
        finally:
            home.stop()
            for path in added:
                path.unlink()
            home.bed.run("systemctl", "daemon-reload")


def test_a_wall_clock_that_jumps_is_named_and_changes_nothing_else(quick: House) -> None:
    with set_clocks(quick) as put:
        for number, (days, step) in enumerate(JUMPS, 1):
            opened = len(quick.records("open"))
            for _ in quick.speak():
                if len(quick.records("open")) > opened:
                    put(days * DAY_S, 0)  # in the middle of a session
            put(days * DAY_S, 0)
            assert quick.closed(opened + 1)[opened]["why"] == "end"
            gaps = quick.bed.until(lambda: jumps(quick)[number - 1 :], "the jump is told")  # noqa: B023
            assert abs(gaps[0]["ms"] - step * DAY_S * 1_000) < STEP_MS
        quick.verified()


def jumps(home: House) -> list[dict[str, Any]]:
    """What the log's newest file says of a wall clock that was set."""
    found = home.records("gap", "policy")
    start = max(at for at, record in enumerate(found) if record["k"] == "policy")
    return [record for record in found[start:] if record["k"] == "gap" and record["why"] == "clock"]


def test_a_machine_that_slept_says_so_and_listens_again(quick: House) -> None:
    with on_disk(quick, back=False), set_clocks(quick) as put:  # that log is an hour ahead of every other clock
        units = [f"wakeword-{name}" for name in PROCESSES]
        frozen = quick.bed.run("systemctl", "freeze", *units, check=False)
        if frozen.returncode != 0:
            pytest.skip(f"no control group can be frozen here: {frozen.stderr.strip()}")
        put(0, HOUR_S)
        quick.bed.run("systemctl", "thaw", *units)
        gaps = quick.bed.until(lambda: [g for g in quick.records("gap") if g["why"] == "suspend"], "the sleep is told")
        assert abs(gaps[-1]["ms"] - HOUR_S * 1_000) < STEP_MS
        assert quick.wake()["why"] == "end"
        assert quick.active()
        quick.verified()


def test_a_folder_that_cannot_be_written_to_from_the_first_is_refused(quick: House) -> None:
    quick.bed.run("systemctl", "reset-failed")
    quick.bed.run("sh", "-euc", f"mount --bind {STATE} {STATE} && mount -o remount,ro,bind {STATE}")
    try:
        quick.bed.run("systemctl", "start", "wakeword.target", check=False)
        quick.bed.until(lambda: has_given_up(quick), "all are stopped")
        assert EVIDENCE in quick.bed.journal("-u", "wakeword-gate", "-n", "60")
    finally:
        quick.stop()
        quick.bed.run("umount", STATE)
    quick.start()
