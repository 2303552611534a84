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
sandbox.wall_network()
print(tried(lambda: socket.socket(socket.AF_INET).close()), tried(lambda: socket.socket(socket.AF_INET6).close()))
print(tried(lambda: socket.socket(socket.AF_UNIX).close()), tried(lambda: [end.close() for end in socket.socketpair()]))
print(len(sandbox.open_families(unix=True)), sandbox.open_families(unix=False))
"""
    assert walled(tmp_path, code) == ["97", "97", "0", "0", "0", "['AF_UNIX']"]


def test_no_network_at_all(tmp_path: Path) -> None:
    code = """
sandbox.wall_network(unix=False)
print(tried(lambda: socket.socket(socket.AF_UNIX).close()), tried(lambda: [end.close() for end in socket.socketpair()]))
print(len(sandbox.open_families(unix=False)))
"""
    assert walled(tmp_path, code) == ["97", "97", "0"]


def test_threads_that_already_run_stand_behind_the_network_wall_too(tmp_path: Path) -> None:
    code = """
built, seen = threading.Event(), []
def late():
    built.wait()
    seen.append(tried(lambda: socket.socket(socket.AF_INET).close()))
thread = threading.Thread(target=late)
thread.start()
sandbox.wall_network()
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
print(tried(lambda: os.close(os.open("/dev/null", os.O_RDWR))), len(sandbox.openable_devices()), already.read())
"""
    assert walled(tmp_path, code) == ["0", "0", "0", "0", "13", "13", "13", "13", "13", "13", "13", "13", "0", "x"]


def test_without_walls_everything_is_found_open() -> None:
    assert {"AF_INET", "AF_UNIX"} <= set(sandbox.open_families(unix=False))
    assert "/dev/null" in sandbox.openable_devices()


def test_a_path_that_is_not_there_is_an_error_before_anything_is_walled(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sandbox.wall_files(read=[tmp_path / "lost"])
    assert (Path(os.devnull)).read_bytes() == b""


def test_an_unknown_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    with pytest.raises(sandbox.WallError, match="type pdp11"):
        sandbox.network_filter(unix=True)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("unix", [True, False])
def test_every_jump_of_the_filter_lands_inside_it(monkeypatch: pytest.MonkeyPatch, machine: str, unix: bool) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    code = sandbox.network_filter(unix=unix)
    count = len(code) // 8
    for at in range(count):
        jump_true, jump_false = code[8 * at + 2], code[8 * at + 3]
        assert at + 1 + max(jump_true, jump_false) <= count - (code[8 * at] != 6)


# (which table, which call, family) -> 0 allow, errno, or "kill"; the filter run here, instruction by instruction
CASES = [
    ("x86_64", 0xC000003E, 41, 1, 0, 97), ("x86_64", 0xC000003E, 41, 2, 97, 97), ("x86_64", 0xC000003E, 53, 1, 0, 97),
    ("x86_64", 0xC000003E, 53, 2, 97, 97), ("x86_64", 0xC000003E, 425, 1, 97, 97), ("x86_64", 0xC000003E, 1, 2, 0, 0),
    ("x86_64", 0x40000003, 102, 1, "kill", "kill"), ("x86_64", 0xC000003E, 0x40000029, 1, "kill", "kill"),
    ("x86_64", 0xC000003E, 0xFFFFFFFF, 1, 0, 0), ("aarch64", 0xC00000B7, 198, 1, 0, 97),
    ("aarch64", 0xC00000B7, 198, 10, 97, 97), ("aarch64", 0xC00000B7, 199, 2, 97, 97),
    ("aarch64", 0xC00000B7, 41, 2, 0, 0), ("aarch64", 0x40000028, 281, 2, "kill", "kill"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_the_filter_decides(
    monkeypatch: pytest.MonkeyPatch, case: tuple[str, int, int, int, object, object]
) -> None:
    machine, table, call, family, with_unix, without = case
    monkeypatch.setattr("platform.machine", lambda: machine)
    for unix, expected in ((True, with_unix), (False, without)):
        assert decided(sandbox.network_filter(unix=unix), {0: call, 4: table, 16: family}) == expected


def decided(code: bytes, call: dict[int, int]) -> int | str:
    """Run classic BPF over a call's description."""
    held, at = 0, 0
    while True:
        operation = int.from_bytes(code[8 * at : 8 * at + 2], "little")
        constant = int.from_bytes(code[8 * at + 4 : 8 * at + 8], "little")
        if operation == 0x06:
            return {0x8000_0000: "kill", 0x7FFF_0000: 0}.get(constant, constant & 0xFFFF)
        if operation == 0x20:
            held = call[constant]
            at += 1
        else:
            met = held == constant if operation == 0x15 else held >= constant
            at += 1 + code[8 * at + (2 if met else 3)]
