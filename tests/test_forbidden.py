"""Each forbidden act is seen to succeed where no wall stands, and to fail behind the walls of each process."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from wakeword import forbidden, notices, sandbox
from wakeword.evidence.record import FORBIDDEN_ACTS

landlock = pytest.mark.skipif(sandbox.landlock_version() == 0, reason="this kernel has no Landlock")

TRY = """
import json, sys
from pathlib import Path
from wakeword import forbidden, sandbox
folder = Path(sys.argv[1])
{walls}
print(json.dumps(forbidden.try_acts(allowed={allowed}, log=folder)))
"""


def tried(folder: Path, walls: str, allowed: str = "()") -> dict[str, int]:
    """What came of the acts in a process of its own."""
    code = TRY.format(walls=walls, allowed=allowed)
    ended = subprocess.run(
        [sys.executable, "-P", "-c", code, str(folder)], capture_output=True, text=True, check=True, cwd=folder
    )
    found: dict[str, int] = json.loads(ended.stdout)
    return found


def test_the_acts_are_those_of_the_evidence_and_of_the_messages() -> None:
    assert forbidden.ACTS == FORBIDDEN_ACTS == tuple(notices.Walls.LIMITS)


def test_where_no_wall_stands_they_succeed_and_leave_nothing(tmp_path: Path) -> None:
    results = tried(tmp_path, "")
    natural = {"packet", "other"}  # these a plain user or a small kernel refuses without any wall of ours
    assert {name for name, code in results.items() if code == 0} | natural == set(forbidden.ACTS)
    assert list(tmp_path.iterdir()) == []


@landlock
def test_behind_all_walls_none_succeeds(tmp_path: Path) -> None:
    walls = "sandbox.wall_files(read=sandbox.python_places())\nsandbox.wall_calls()"
    sockets = dict.fromkeys(("inet", "inet6", "unix", "netlink", "packet", "other"), errno.EAFNOSUPPORT)
    files = dict.fromkeys(("sound", "log", "write"), errno.EACCES)
    calls = dict.fromkeys(("exec", "ptrace", "wx"), errno.EPERM)
    assert tried(tmp_path, walls) == sockets | files | calls


@landlock
def test_what_a_process_may_do_is_not_tried(tmp_path: Path) -> None:
    walls = "sandbox.wall_files(read=sandbox.python_places())\nsandbox.wall_calls()"
    results = tried(tmp_path, walls, "('unix', 'sound')")
    assert {name for name, code in results.items() if code == forbidden.ALLOWED} == {"unix", "sound"}


@pytest.mark.parametrize(
    ("walls", "missing"),
    [
        ("sandbox.wall_calls()", {"sound", "log", "write"}),
        ("sandbox.wall_calls([2, 10])", {"inet", "inet6", "sound", "log", "write"}),
    ],
)
def test_a_wall_left_out_is_found(tmp_path: Path, walls: str, missing: set[str]) -> None:
    assert {name for name, code in tried(tmp_path, walls).items() if code == 0} == missing


def test_a_missing_wall_is_named() -> None:
    results = dict.fromkeys(forbidden.ACTS, errno.EACCES) | {"log": 0, "wx": 0, "sound": forbidden.ALLOWED}
    with pytest.raises(sandbox.WallError, match="a wall is missing: log, wx succeeded") as caught:
        forbidden.demand(results)
    assert caught.value.exit_code == 2
    forbidden.demand(results | {"log": 2, "wx": 1})


def test_a_refusal_says_more_than_that_nothing_is_there() -> None:
    assert forbidden._least([errno.ENOENT, errno.EACCES, errno.ENXIO]) == errno.EACCES
    assert forbidden._least([errno.ENOENT, errno.ENXIO]) == errno.ENOENT
    assert forbidden._least([errno.EACCES, 0]) == 0
