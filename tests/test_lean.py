"""Memory that is given back is gone from the process, and what it was still works."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wakeword.lean import programs

MAPS = """\
55d0c0000000-55d0c0001000 r--p 00000000 fe:00 1234                       /usr/bin/python3.11
55d0c0001000-55d0c0002000 r-xp 00001000 fe:00 1234                       /usr/bin/python3.11
55d0c1000000-55d0c1800000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000001000 rwxp 00000000 fe:00 77                         /opt/written.so
7f0000002000-7f0000003000 r-xp 00000000 00:00 0
7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0                          [vdso]
"""

WORK = """
import numpy
from wakeword import lean
from wakeword.pipeline.pipeline import Detector

def resident():
    lines = (line.split() for line in open("/proc/self/status"))
    return {words[0]: int(words[1]) for words in lines if words[0] in ("RssFile:", "RssAnon:")}

detector = Detector.load("computer", floor=True)
noise = numpy.random.default_rng(1).integers(-9000, 9000, 64_000).astype(numpy.int16)
detector.process(noise)
detector.reset()
first = detector.process(noise)
before = resident()
lean.give_back()
after = resident()
detector.reset()
assert detector.process(noise) == first
print(before["RssFile:"] - after["RssFile:"], before["RssAnon:"] - after["RssAnon:"])
"""


def test_only_a_files_program_that_nobody_can_have_written_to_is_unmapped() -> None:
    assert list(programs(MAPS)) == [(0x55D0C0001000, 0x55D0C0002000)]


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_what_the_start_needed_is_given_back_and_decisions_stay_the_same() -> None:
    ended = subprocess.run([sys.executable, "-P", "-c", WORK], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    code_kib, heap_kib = map(int, ended.stdout.split())
    assert code_kib > 5_000
    assert heap_kib > 0
