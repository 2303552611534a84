"""Each wall is built in a process of its own and then tried: what must fail fails, what must go on goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wakeword import sandbox

HEAD = """
import os, socket, sys, threading
from pathlib import Path
from wakeword import sandbox
folder = Path(sys.argv[1])
def tried(act):
    try:
        act()
    except OSError as error:
        return error.errno
    return 0
"""


def walled(folder: Path, code: str) -> list[str]:
    """What the code prints, in a process of its own; `tried(act)` gives 0 or the errno."""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", HEAD + code, str(folder)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


def test_no_network_but_unix(tmp_path: Path) -> None:
    code = """
sandbox.wall_calls([sandbox.AF_UNIX])
print(tried(lambda: socket.socket(socket.AF_INET).close()), tried(lambda: socket.socket(socket.AF_INET6).close()))
print(tried(lambda: socket.socket(socket.AF_UNIX).close()), tried(lambda: [end.close() for end in socket.socketpair()]))
"""
    assert walled(tmp_path, code) == ["97", "97", "0", "0"]


def test_the_internet_alone(tmp_path: Path) -> None:
    code = """
sandbox.wall_calls([sandbox.AF_INET, sandbox.AF_INET6])
print(tried(lambda: socket.socket(socket.AF_INET).close()), tried(lambda: socket.socket(socket.AF_UNIX).close()))
print(tried(lambda: [end.close() for end in socket.socketpair()]))  # reaches nobody else: event loops have one
print(tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()))
"""
    assert walled(tmp_path, code) == ["0", "97", "0", "97"]


def test_no_network_at_all(tmp_path: Path) -> None:
    code = """
sandbox.wall_calls()
print(tried(lambda: socket.socket(socket.AF_UNIX).close()), tried(lambda: [end.close() for end in socket.socketpair()]))
"""
    assert walled(tmp_path, code) == ["97", "97"]


def test_no_program_no_child_and_no_other_memory_but_threads_go_on(tmp_path: Path) -> None:
    code = """
import ctypes, mmap
sandbox.wall_calls()
print(tried(lambda: os.posix_spawn("/bin/true", ["true"], {})), tried(os.fork))
print(tried(lambda: os.execv("/bin/true", ["true"])))
print(tried(lambda: mmap.mmap(-1, 4096, prot=7)), tried(lambda: mmap.mmap(-1, 4096, prot=3).close()))
libc = ctypes.CDLL(None, use_errno=True)
memory = mmap.mmap(-1, 4096)
at = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
print(libc.mprotect(at, 4096, 5), ctypes.get_errno(), libc.mprotect(at, 4096, 1))
print(libc.ptrace(0, 0, 0, 0), libc.unshare(0x10000000), libc.personality(8))
heard = []
thread = threading.Thread(target=heard.append, args=(1,))
thread.start()
thread.join()
print(*heard)
"""
    expected = ["1", "1", "1", "1", "0", "-1", "1", "0", "-1", "-1", "-1", "1"]
    assert walled(tmp_path, code) == expected


def test_a_network_of_its_own_holds_nothing_but_its_own_loopback(tmp_path: Path) -> None:
    code = """
refused = sandbox.own_network()
links = Path("/proc/net/dev").read_text().splitlines()[2:]
print("alone" if refused or [link.split(":")[0].strip() for link in links] == ["lo"] else links, os.getuid())
"""
    assert walled(tmp_path, code) == ["alone", str(os.getuid())]


def test_threads_that_already_run_stand_behind_the_network_wall_too(tmp_path: Path) -> None:
    code = """
built, seen = threading.Event(), []
def late():
    built.wait()
    seen.append(tried(lambda: socket.socket(socket.AF_INET).close()))
thread = threading.Thread(target=late)
thread.start()
sandbox.wall_calls()
built.set()
thread.join()
print(*seen)
"""
    assert walled(tmp_path, code) == ["97"]


@pytest.mark.skipif(sandbox.landlock_version() == 0, reason="this kernel has no Landlock")
def test_no_files_but_those_named(tmp_path: Path) -> None:
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    (tmp_path / "one").write_text("x")
    code = """
already = open(folder / "other" / "file")
sandbox.wall_files(read=[folder / "one"], write=[folder / "mine"])
mine, other = folder / "mine", folder / "other"
print(tried(lambda: (mine / "new").write_text("y")), tried((mine / "file").unlink), tried(lambda: list(mine.iterdir())))
print(tried((folder / "one").read_text), tried(lambda: (folder / "one").write_text("z")))
print(tried((other / "file").read_text), tried(lambda: (other / "new").touch()), tried(lambda: list(other.iterdir())))
print(tried((mine / "d").mkdir), tried(lambda: os.mkfifo(mine / "pipe")), tried(lambda: (mine / "l").symlink_to("x")))
print(tried(lambda: os.close(os.open("/dev/null", os.O_RDWR))), tried(lambda: os.execv("/bin/true", ["true"])))
print(already.read())
"""
    assert walled(tmp_path, code) == ["0", "0", "0", "0", *["13"] * 9, "x"]


@pytest.mark.skipif(sandbox.landlock_version() == 0, reason="this kernel has no Landlock")
def test_a_device_that_is_named_can_be_used_and_no_other(tmp_path: Path) -> None:
    code = """
sandbox.wall_files(devices=[Path("/dev/null")])
print(tried(lambda: os.write(os.open("/dev/null", os.O_RDWR), b"x")), tried(lambda: os.open("/dev/zero", os.O_RDWR)))
"""
    assert walled(tmp_path, code) == ["0", "13"]


def test_a_path_that_is_not_there_is_an_error_before_anything_is_walled(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sandbox.wall_files(read=[tmp_path / "lost"])
    assert (Path(os.devnull)).read_bytes() == b""


def test_an_unknown_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    with pytest.raises(sandbox.WallError, match="type pdp11"):
        sandbox.call_filter([])


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("families", [(), (1,), (2, 10)])
def test_every_path_of_the_filter_ends_inside_it(
    monkeypatch: pytest.MonkeyPatch, machine: str, families: tuple[int, ...]
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    code = sandbox.call_filter(families)
    count = len(code) // 8
    for at in range(count):
        jump_true, jump_false = code[8 * at + 2], code[8 * at + 3]
        assert at + 1 + max(jump_true, jump_false) <= count - (code[8 * at] != 6)
    assert code[-8] == 6  # the last instruction returns


X86, ARM = ("x86_64", 0xC000003E), ("aarch64", 0xC00000B7)
# machine, table, call, arguments -> what a process that may have AF_UNIX gets, and one that may have no socket:
# 0 allow, errno, or "kill"; the filter is run here, instruction by instruction
CASES: list[tuple[str, int, int, tuple[int, ...], object, object]] = [
    (*X86, 41, (1,), 0, 97), (*X86, 41, (2,), 97, 97), (*X86, 53, (1,), 0, 97), (*X86, 53, (2,), 97, 97),
    (*X86, 425, (1,), 1, 1), (*X86, 1, (2,), 0, 0), (*X86, 0xFFFFFFFF, (1,), 0, 0),
    ("x86_64", 0x40000003, 102, (1,), "kill", "kill"), (*X86, 0x40000029, (1,), "kill", "kill"),
    (*X86, 59, (), 1, 1), (*X86, 57, (), 1, 1), (*X86, 101, (), 1, 1), (*X86, 310, (), 1, 1), (*X86, 435, (), 38, 38),
    (*X86, 56, (0x3D0F00,), 0, 0), (*X86, 56, (0x11,), 1, 1),  # a thread; a child
    (*X86, 9, (0, 4096, 7), 1, 1), (*X86, 9, (0, 4096, 3), 0, 0), (*X86, 9, (0, 4096, 5), 0, 0),
    (*X86, 10, (0, 4096, 5), 1, 1), (*X86, 10, (0, 4096, 3), 0, 0), (*X86, 329, (0, 4096, 4), 1, 1),
    (*X86, 30, (0, 0, 0o100_000), 1, 1), (*X86, 30, (0, 0, 0), 0, 0),
    (*ARM, 198, (1,), 0, 97), (*ARM, 198, (10,), 97, 97), (*ARM, 199, (2,), 97, 97), (*ARM, 41, (2,), 1, 1),
    (*ARM, 42, (2,), 0, 0), (*ARM, 221, (), 1, 1), (*ARM, 220, (0x10F00,), 0, 0), (*ARM, 220, (17,), 1, 1),
    (*ARM, 222, (0, 1, 6), 1, 1), (*ARM, 226, (0, 1, 4), 1, 1), ("aarch64", 0x40000028, 281, (2,), "kill", "kill"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_the_filter_decides(
    monkeypatch: pytest.MonkeyPatch, case: tuple[str, int, int, tuple[int, ...], object, object]
) -> None:
    machine, table, call, arguments, with_unix, without = case
    monkeypatch.setattr("platform.machine", lambda: machine)
    words = {0: call, 4: table} | {16 + 8 * number: value for number, value in enumerate((*arguments, 0, 0, 0))}
    for families, expected in (((1,), with_unix), ((), without)):
        assert decided(sandbox.call_filter(families), words) == expected


def decided(code: bytes, call: dict[int, int]) -> int | str:
    """Run classic BPF over a call's description."""
    held, at = 0, 0
    while True:
        operation = int.from_bytes(code[8 * at : 8 * at + 2], "little")
        constant = int.from_bytes(code[8 * at + 4 : 8 * at + 8], "little")
        if operation == 0x06:
            return {0x8000_0000: "kill", 0x7FFF_0000: 0}.get(constant, constant & 0xFFFF)
        at += 1
        if operation == 0x20:
            held = call[constant]
        elif operation == 0x54:
            held &= constant
        else:
            met = {0x15: held == constant, 0x35: held >= constant, 0x45: bool(held & constant)}[operation]
            at += code[8 * (at - 1) + (2 if met else 3)]
