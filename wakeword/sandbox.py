"""Walls that a process builds round itself, and cannot take down again. No rights and no packages are needed.

    wall_network()                     no socket of any family but AF_UNIX (`unix=False`: none at all)
    wall_files(read=[…], write=[…])    no file can be opened but below these (Landlock, Linux 5.13 and newer)

Order matters: Landlock binds only the calling thread and those that it starts later, so `wall_files` comes before the
first thread (importing numpy or onnxruntime starts some). The network wall reaches threads that already run. What is
open stays open. A wall that cannot be built raises `WallError`: whoever calls decides whether to go on without it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wakeword.errors import WakewordError

_LIBC = ctypes.CDLL(None, use_errno=True)

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_AF_UNIX = 1
_IO_URING_SETUP = 425  # the same on both machines; its operations would pass beneath the filter
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # the same on both machines


class WallError(WakewordError):
    """A wall cannot be built on this machine."""


@dataclass(frozen=True, slots=True)
class _Machine:
    """System call numbers."""

    audit: int  # AUDIT_ARCH_…
    socket: int
    socketpair: int
    seccomp: int


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 41, 53, 317),
    "aarch64": _Machine(0xC00000B7, 198, 199, 277),
}


def _machine() -> _Machine:
    name = platform.machine()
    if name not in _MACHINES:
        raise WallError(f"no walls for a machine of type {name}", hint="x86_64 and aarch64 have them")
    return _MACHINES[name]


def no_new_rights() -> None:
    """Nothing that is started from here gains rights (setuid); no other process of this user may read our memory."""
    for option, value in ((_PR_SET_NO_NEW_PRIVS, 1), (_PR_SET_DUMPABLE, 0)):
        if _LIBC.prctl(option, value, 0, 0, 0) != 0:
            raise WallError(f"prctl({option}): {os.strerror(ctypes.get_errno())}")


# --- no network: a filter of system calls -------------------------------------------------------------------------

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # classic BPF
_KILL, _ALLOW, _FAIL = 0x8000_0000, 0x7FFF_0000, 0x0005_0000
_X32_BIT = 0x4000_0000  # x86_64's second table of calls
_NO_CALL = 0xFFFF_FFFF  # what a tracer puts in place of a call that it answers itself


def network_filter(*, unix: bool) -> bytes:
    """The filter: 8 bytes an instruction, in order. A call of another machine's table kills the process."""
    machine = _machine()
    refuse = _RETURN, 0, 0, _FAIL | errno.EAFNOSUPPORT
    allow = _RETURN, 0, 0, _ALLOW
    instructions = [
        (_LOAD, 0, 0, 4),  # which machine's table
        (_IF_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # which call
        (_IF_EQUAL, 9, 0, _NO_CALL),
        (_IF_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
        (_IF_EQUAL, 0, 1, _IO_URING_SETUP),
        refuse,
        (_IF_EQUAL, 1, 0, machine.socket),
        (_IF_EQUAL, 0, 3, machine.socketpair),
        (_LOAD, 0, 0, 16),  # the family asked for
        (_IF_EQUAL, 1, 0, _AF_UNIX) if unix else refuse,
        refuse,
        allow,
    ]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in instructions)


def wall_network(*, unix: bool = True) -> None:
    """From now on socket() fails with EAFNOSUPPORT, in every thread; `unix` leaves AF_UNIX. Raises `WallError`."""
    no_new_rights()
    code = network_filter(unix=unix)
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    set_filter, all_threads = 1, 1
    if _LIBC.syscall(_machine().seccomp, set_filter, all_threads, program) != 0:
        hint = "a kernel with CONFIG_SECCOMP_FILTER is needed"
        raise WallError(f"no system call filter: {os.strerror(ctypes.get_errno())}", hint=hint)


# --- no files: Landlock ---------------------------------------------------------------------------------------------

_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_WRITE = (1 << 1) | (1 << 5) | (1 << 8)  # write and remove files, make regular ones
_TRUNCATE, _FOR_FILES = 1 << 14, (1 << 0) | (1 << 1) | (1 << 2) | (1 << 14)
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many kinds of access a kernel can forbid


def landlock_version() -> int:
    """What this kernel offers; 0 = no Landlock."""
    return max(0, int(_LIBC.syscall(_LANDLOCK_CREATE, None, 0, 1)))


def wall_files(read: Iterable[Path] = (), write: Iterable[Path] = ()) -> None:
    """Open nothing from now on but below `read` (reading) and `write` (reading, writing, making files); devices too.

    A path is a folder or a file and must exist (`FileNotFoundError`). Raises `WallError` without Landlock.
    """
    version = landlock_version()
    if version == 0:
        hint = "Linux 5.13 or newer with Landlock enabled is needed (`cat /sys/kernel/security/lsm`)"
        raise WallError("no Landlock in this kernel", hint=hint)
    no_new_rights()
    handled = (1 << _RIGHTS_BY_VERSION.get(version, 16)) - 1
    rules = ctypes.create_string_buffer(struct.pack("<Q", handled), 8)
    ruleset = _landlock(_LANDLOCK_CREATE, rules, 8, 0)
    try:
        for path in read:
            _allow(ruleset, path, handled & (_READ_FILE | _READ_FOLDER))
        for path in write:
            _allow(ruleset, path, handled & (_READ_FILE | _READ_FOLDER | _WRITE | _TRUNCATE))
        _landlock(_LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not path.is_dir():
            rights &= _FOR_FILES
        rule = ctypes.create_string_buffer(struct.pack("<Qi", rights, beneath), 12)
        _landlock(_LANDLOCK_ADD, ruleset, 1, rule, 0)
    finally:
        os.close(beneath)


def _landlock(call: int, *arguments: object) -> int:
    result = int(_LIBC.syscall(call, *arguments))
    if result < 0:
        raise WallError(f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result


# --- tried, not believed ------------------------------------------------------------------------------------------

SOUND_FOLDER = Path("/dev/snd")
_FAMILIES = {"AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16, "AF_PACKET": 17, "AF_BLUETOOTH": 31, "AF_VSOCK": 40}


def open_families(*, unix: bool) -> list[str]:
    """The families of which a socket could be made, by trying. [] is what a wall looks like."""
    wanted = _FAMILIES | ({} if unix else {"AF_UNIX": _AF_UNIX})
    stream, datagram, raw = 1, 2, 3
    found = []
    for name, family in wanted.items():
        made = [_LIBC.socket(family, kind | os.O_CLOEXEC, 0) for kind in (stream, datagram, raw)]
        for descriptor in made:
            if descriptor >= 0:
                os.close(descriptor)
        if max(made) >= 0:
            found.append(name)
    return found


def openable_devices() -> list[str]:
    """The devices that could be opened, by trying: the sound devices, and /dev/null for where there are none.

    /dev/null is open to everyone where no wall stands, so it shows the wall on a machine without a sound card.
    """
    found = []
    for path in [Path("/dev/null"), *_sound_devices()]:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError:
            continue
        found.append(str(path))
    return found


def _sound_devices() -> list[Path]:
    """Behind the wall the folder cannot be listed; the usual names are tried then."""
    try:
        return sorted(path for path in SOUND_FOLDER.iterdir() if not path.is_dir())
    except OSError:
        cards, devices = range(4), range(4)
        names = [f"pcmC{card}D{device}c" for card in cards for device in devices]
        return [SOUND_FOLDER / name for name in ["timer", "seq", *(f"controlC{card}" for card in cards), *names]]
