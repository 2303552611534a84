"""Installed, running and left alone: no process calls anybody, none opens a file that it has no business with.

onnxruntime's telemetry looks up its maker's host some 9 s after the import and keeps a database in a home folder. Each
process is watched from outside for 15 s (`scripts/bed`: 120).
"""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from systemd_house import EVIDENCE, LONG, PROCESSES, House

SECONDS = 120 if LONG else 15
REACHING = ("socket", "connect", "bind", "listen", "execve")
CALLS = ",".join([*REACHING, "openat,open,creat,rename,mkdir"])
SOUND = re.compile(r"socket\(AF_UNIX|sun_path=\"/")  # PortAudio looks for sound servers now and then
NOTHING = re.compile(r" = -1 |\"/dev/null\"")
MAKING = re.compile(r"O_CREAT|O_WRONLY|O_RDWR|^(creat|rename|mkdir)\(")

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="no strace: apt-get install strace")


def test_nobody_is_called_and_no_file_is_made(running: House) -> None:
    running.stop()  # the telemetry's first call would come soon after a start
    running.start()
    before = running.bed.written()
    traced = {name: trace(running, name) for name in PROCESSES}
    for tracer in traced.values():
        tracer.wait(SECONDS + 60)
    for name in PROCESSES:
        said = (running.bed.root / f"srv/{name}.trace").read_text()
        calls = re.findall(r"^(?:\d+ +)?((\w+)\(.*)$", said, re.MULTILINE)
        reached = [line for line, call in calls if call in REACHING and not SOUND.search(line)]
        made = [line for line, _ in calls if MAKING.search(line) and not NOTHING.search(line)]
        assert (reached, made) == ([], []), name
        assert running.counted(name) == 0
    new = {path for path in running.bed.written() - before if not path.startswith((EVIDENCE, "/srv/"))}
    assert new == set()
    print(f"\n{SECONDS} s: no packet, no socket but the sound server's, no new file")


def trace(home: House, name: str) -> subprocess.Popen[bytes]:
    """Watch all threads of a process."""
    watch = ["strace", "-f", "-qq", "-o", f"/srv/{name}.trace", "-e", f"trace={CALLS}", "-p", str(home.pid(name))]
    return subprocess.Popen(home.bed.command("timeout", "--signal=INT", str(SECONDS), *watch))
