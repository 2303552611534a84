"""The walls, tried and not believed: each process does at its start what it must never be able to do.

    results = try_acts(allowed=("unix", "sound"), log=Path("/var/lib/wakeword/evidence"))
    demand(results)          # WallError, which names the acts that succeeded

The value of an act is the errno that it got; 0: it succeeded, so there is no wall; -1: allowed to this process, not
tried. They go into the evidence as they are (`walls`, docs/audit-log.md). An act that succeeds leaves nothing behind.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import sys
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path

from wakeword.sandbox import WallError

ALLOWED = -1
SOUND_FOLDER = Path("/dev/snd")
ACTS = ("inet", "inet6", "unix", "netlink", "packet", "other", "sound", "log", "write", "exec", "ptrace", "wx")

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mmap.restype = ctypes.c_void_p
_LIBC.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
_LIBC.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_LIBC.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
_KINDS = (1, 2, 3)  # stream, datagram, raw
_FAMILIES = {"inet": (2,), "inet6": (10,), "unix": (1,), "netlink": (16,), "packet": (17,)}
_OTHERS = (29, 31, 38, 40, 44)  # CAN, Bluetooth, the kernel's ciphers, virtual machines, XDP
_PTRACE_SEIZE = 0x4206
_PAGE = mmap.PAGESIZE


def try_acts(allowed: Collection[str] = (), log: Path | None = None) -> dict[str, int]:
    """Every act of `ACTS`, in order, and what came of it. `log`: the evidence's folder, if it is known."""
    tries: dict[str, Callable[[], int]] = {
        **{name: partial(_sockets, families) for name, families in _FAMILIES.items()},
        "other": partial(_sockets, _OTHERS),
        "sound": lambda: _least(_open(path, os.O_RDWR) for path in [Path("/dev/null"), *_sound_devices()]),
        "log": lambda: _open(log or Path("/var/lib/wakeword/evidence"), os.O_RDONLY),
        "write": _write,
        "exec": _execute,
        "ptrace": _look_into_another,
        "wx": _writable_code,
    }
    return {name: ALLOWED if name in allowed else tries[name]() for name in ACTS}


def demand(results: dict[str, int]) -> None:
    """Raise `WallError` that names each act which succeeded."""
    if missing := [name for name, code in results.items() if code == 0]:
        hint = "docs/operate.md, 'A wall is missing'; nothing starts without its walls"
        raise WallError(f"a wall is missing: {', '.join(missing)} succeeded and must not", hint=hint)


def _least(codes: Iterable[int]) -> int:
    """0 when any succeeded; else the refusal, rather than that something is not there."""
    found = list(codes)
    refusals = [code for code in found if code not in (errno.ENOENT, errno.ENXIO, errno.ENODEV)]
    return 0 if 0 in found else (refusals or found)[0]


def _sockets(families: Iterable[int]) -> int:
    return _least(_socket(family, kind) for family in families for kind in _KINDS)


def _socket(family: int, kind: int) -> int:
    descriptor = _LIBC.socket(family, kind | os.O_CLOEXEC, 0)
    if descriptor < 0:
        return ctypes.get_errno()
    os.close(descriptor)
    return 0


def _open(path: Path, how: int) -> int:
    try:
        os.close(os.open(path, how | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _sound_devices() -> list[Path]:
    """Behind the wall the folder cannot be listed; the usual names are tried then.

    /dev/null is tried with them: open to everyone where no wall stands, it shows the wall on a machine without a card.
    """
    try:
        return sorted(path for path in SOUND_FOLDER.iterdir() if not path.is_dir())
    except OSError:
        cards, devices = range(4), range(4)
        names = [f"pcmC{card}D{device}c" for card in cards for device in devices]
        return [SOUND_FOLDER / name for name in ["timer", "seq", *(f"controlC{card}" for card in cards), *names]]


def _write() -> int:
    """Make a file where everybody may, in the home folder, and beside this code."""
    places = ["/tmp", "/var/tmp", "/dev/shm", "/run", os.environ.get("HOME", "/"), str(Path(__file__).parent)]  # noqa: S108
    return _least(_make_file(Path(place) / f".wakeword-{os.getpid()}") for place in [*places, os.getcwd()])  # noqa: PTH109


def _make_file(path: Path) -> int:
    code = _open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    if code == 0:
        path.unlink()
    return code


def _execute() -> int:
    try:
        os.waitpid(os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", ""], {}), 0)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _look_into_another() -> int:
    """Read memory by the call that reads other processes', and ask to trace a process that is not there.

    Without a wall the first succeeds on our own memory, and the second finds that there is no process 0.
    """
    mine, read = ctypes.create_string_buffer(b"x", 1), ctypes.create_string_buffer(1)
    vectors = [(ctypes.c_size_t * 2)(ctypes.addressof(buffer), 1) for buffer in (read, mine)]
    if _LIBC.process_vm_readv(os.getpid(), vectors[0], 1, vectors[1], 1, 0) == 1:
        return 0
    refused = ctypes.get_errno()
    if _LIBC.ptrace(_PTRACE_SEIZE, 0, None, None) != 0 and ctypes.get_errno() == errno.ESRCH:
        return 0
    return refused


def _writable_code() -> int:
    """Memory that is writable and executable at once, or first the one and then the other."""
    both, readable = mmap.PROT_WRITE | mmap.PROT_EXEC, mmap.PROT_READ
    how = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    failed = ctypes.c_void_p(-1).value
    if (at := _LIBC.mmap(None, _PAGE, readable | both, how, -1, 0)) != failed:
        _LIBC.munmap(at, _PAGE)
        return 0
    refused = ctypes.get_errno()
    at = _LIBC.mmap(None, _PAGE, readable | mmap.PROT_WRITE, how, -1, 0)
    changed = _LIBC.mprotect(at, _PAGE, readable | mmap.PROT_EXEC)
    _LIBC.munmap(at, _PAGE)
    return 0 if changed == 0 else refused
