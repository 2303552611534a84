"""Walls that a process builds round itself, and cannot take down again. No rights and no packages are needed.

    wall_files(read=[…], write=[…], devices=[…])   no file can be opened but below these (Landlock, Linux 5.13 on)
    own_network()                                  a network namespace of its own, where this user may make one
    wall_calls(families=[AF_UNIX])                 no socket but of these families, no program, no other process's
                                                   memory, no memory that is writable and executable (seccomp)

Order matters: Landlock and the namespace bind only the calling thread and those that it starts later, so they come
before the first thread (importing numpy or onnxruntime starts some). The filter of calls reaches threads that already
run. What is open stays open. A wall that cannot be built raises `WallError`. That they hold is not believed either:
`forbidden.py` tries them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from wakeword.errors import WakewordError

_LIBC = ctypes.CDLL(None, use_errno=True)

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
AF_UNIX, AF_INET, AF_INET6 = 1, 2, 10
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # the same on both machines


class WallError(WakewordError):
    """A wall cannot be built on this machine."""


# The calls that no process of ours needs once it runs, by machine; None: it has no such call.
#   name: (x86_64, aarch64)
REFUSED_CALLS: dict[str, tuple[int | None, int | None]] = {
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),  # its operations would pass beneath the filter
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "open_by_handle_at": (304, 265), "mknod": (133, None), "mknodat": (259, 33), "personality": (135, 92),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "init_module": (175, 105),
    "finit_module": (313, 273), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Machine:
    """System call numbers."""

    column: int  # in REFUSED_CALLS
    audit: int  # AUDIT_ARCH_…
    socket: int
    socketpair: int
    seccomp: int
    clone: int
    clone3: int
    mmap: int
    mprotect: tuple[int, int]  # and pkey_mprotect
    shmat: int


_MACHINES = {
    "x86_64": _Machine(0, 0xC000003E, 41, 53, 317, 56, 435, 9, (10, 329), 30),
    "aarch64": _Machine(1, 0xC00000B7, 198, 199, 277, 220, 435, 222, (226, 288), 196),
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


# --- a network of its own: namespaces ---------------------------------------------------------------------------------

_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000


def own_network() -> int:
    """Move this thread, and those that it starts later, into a network namespace where nothing is; 0, or the errno.

    Not every user may: then the filter of calls stands alone. Rights over the new namespaces are not kept: what is
    executed or filtered next takes them (`no_new_rights`), and no call that would use them passes the filter.
    """
    if _LIBC.unshare(_CLONE_NEWNET) == 0:
        return 0
    user, group = os.getuid(), os.getgid()
    if _LIBC.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return ctypes.get_errno()
    for name, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        try:  # sound servers look at who owns their folders; without a map everything belongs to nobody
            Path(f"/proc/self/{name}").write_text(line, encoding="ascii")
        except OSError as error:
            return error.errno or errno.EPERM
    return 0


# --- no calls that are not needed: seccomp ----------------------------------------------------------------------------

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06  # classic BPF
_KILL, _ALLOW, _FAIL = 0x8000_0000, 0x7FFF_0000, 0x0005_0000
_X32_BIT = 0x4000_0000  # x86_64's second table of calls
_NO_CALL = 0xFFFF_FFFF  # what a tracer puts in place of a call that it answers itself
_CALL, _TABLE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data; an argument has 8 bytes, the low half first
_PROT_WRITE, _PROT_EXEC = 2, 4
_CLONE_THREAD, _SHM_EXEC = 0x1_0000, 0o100_000

Instruction = tuple[int, int, int, int]


def _refuse(code: int) -> Instruction:
    return _RETURN, 0, 0, _FAIL | code


def _argument(number: int) -> Instruction:
    return _LOAD, 0, 0, _ARGUMENTS + 8 * number


def _on_call(number: int, *then: Instruction) -> list[Instruction]:
    """`then` for this one call; every path through it must return."""
    return [(_IF_EQUAL, 0, len(then), number), *then]


def call_filter(families: Collection[int]) -> bytes:
    """The filter, 8 bytes an instruction: sockets of these families alone, and none of what is refused to all.

    A call of another machine's table kills the process. Refused sockets get EAFNOSUPPORT, everything else EPERM.
    """
    machine = _machine()
    allow: Instruction = (_RETURN, 0, 0, _ALLOW)
    no_family = _refuse(errno.EAFNOSUPPORT)
    these = [step for family in families for step in _on_call(family, allow)]  # the held word is the family here
    program: list[Instruction] = [
        (_LOAD, 0, 0, _TABLE),
        (_IF_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _CALL),
        (_IF_EQUAL, 0, 1, _NO_CALL),
        allow,
        (_IF_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _KILL),
        *_on_call(machine.socket, _argument(0), *these, no_family),
        # a pair reaches nobody else: event loops wake themselves up with one
        *_on_call(machine.socketpair, _argument(0), *_on_call(AF_UNIX, allow if families else no_family), no_family),
        *_on_call(machine.clone, _argument(0), (_IF_ANY, 0, 1, _CLONE_THREAD), allow, _refuse(errno.EPERM)),
        *_on_call(machine.clone3, _refuse(errno.ENOSYS)),  # flags out of reach; the C library then takes clone
        *_on_call(
            machine.mmap,
            _argument(2),
            (_AND, 0, 0, _PROT_WRITE | _PROT_EXEC),
            *_on_call(_PROT_WRITE | _PROT_EXEC, _refuse(errno.EPERM)),
            allow,
        ),
        *_on_call(machine.shmat, _argument(2), (_IF_ANY, 0, 1, _SHM_EXEC), _refuse(errno.EPERM), allow),
    ]
    for number in machine.mprotect:
        program += _on_call(number, _argument(2), (_IF_ANY, 0, 1, _PROT_EXEC), _refuse(errno.EPERM), allow)
    for numbers in REFUSED_CALLS.values():
        if (refused := numbers[machine.column]) is not None:
            program += _on_call(refused, _refuse(errno.EPERM))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in [*program, allow])


def wall_calls(families: Collection[int] = ()) -> None:
    """From now on `call_filter(families)` decides, in every thread. Raises `WallError`."""
    no_new_rights()
    code = call_filter(families)
    held = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    set_filter, all_threads = 1, 1
    if _LIBC.syscall(_machine().seccomp, set_filter, all_threads, program) != 0:
        hint = "a kernel with CONFIG_SECCOMP_FILTER is needed"
        raise WallError(f"no system call filter: {os.strerror(ctypes.get_errno())}", hint=hint)


# --- no files: Landlock ---------------------------------------------------------------------------------------------

_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_WRITE = (1 << 1) | (1 << 5) | (1 << 8)  # write and remove files, make regular ones
_TRUNCATE, _CONTROL = 1 << 14, 1 << 15
_FOR_FILES = (1 << 0) | (1 << 1) | (1 << 2) | _TRUNCATE | _CONTROL
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many kinds of access a kernel can forbid


def landlock_version() -> int:
    """What this kernel offers; 0 = no Landlock."""
    return max(0, int(_LIBC.syscall(_LANDLOCK_CREATE, None, 0, 1)))


def wall_files(read: Iterable[Path] = (), write: Iterable[Path] = (), devices: Iterable[Path] = ()) -> None:
    """Open nothing from now on but below `read`, `write` (also to make files there), `devices` (read, write, control).

    Execute nothing. A path is a folder or a file and must exist (`FileNotFoundError`). Raises `WallError` without
    Landlock.
    """
    version = landlock_version()
    if version == 0:
        hint = "Linux 5.13 or newer with Landlock enabled is needed (`cat /sys/kernel/security/lsm`)"
        raise WallError("no Landlock in this kernel", hint=hint)
    no_new_rights()
    handled = (1 << _RIGHTS_BY_VERSION.get(version, 16)) - 1
    rules = ctypes.create_string_buffer(struct.pack("<Q", handled), 8)
    ruleset = _landlock(_LANDLOCK_CREATE, rules, 8, 0)
    look = _READ_FILE | _READ_FOLDER
    try:
        for paths, rights in ((read, look), (write, look | _WRITE | _TRUNCATE), (devices, look | 1 << 1 | _CONTROL)):
            for path in paths:
                _allow(ruleset, path, handled & rights)
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


def python_places() -> list[Path]:
    """What Python and its libraries read as they are imported: installed code and this package, no folder of a user."""
    places = [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).resolve().parent, Path("/etc"), Path("/usr")]
    places += [Path("/lib"), Path("/lib64")]
    return [place for place in places if place.exists()]


def resolver_places() -> list[Path]:
    """Where /etc/resolv.conf may lead."""
    places = (Path("/run/systemd/resolve"), Path("/run/resolvconf"), Path("/run/NetworkManager"))
    return [place for place in places if place.exists()]
