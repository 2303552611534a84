"""A program that works for the studio: heard line by line, and gone with all its children when it is told to go."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from wakeword.studio.child import LINE_MAX_BYTES, Child

FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; print('born', flush=True); time.sleep(600)"])
try:
    child.wait()
except KeyboardInterrupt:
    print("asked to stop", flush=True)
    sys.exit(130)
"""


async def run(folder: Path, script: str) -> tuple[list[str], int]:
    child = await Child.start(sys.executable, "-c", script, folder=folder)
    return [line async for line in child.lines()], await child.end()


def test_lines_of_both_outputs_come_with_the_exit_code(tmp_path: Path) -> None:
    script = (
        "import sys; print('one'); print('zwö', file=sys.stderr); print('1/2\\r2/2'); print('end', end=''); sys.exit(3)"
    )
    assert asyncio.run(run(tmp_path, script)) == (["one", "zwö", "1/2", "2/2", "end"], 3)


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    (line,), code = asyncio.run(run(tmp_path, "print('x' * 1_000_000)"))
    assert (len(line), code) == (LINE_MAX_BYTES, 0)


def test_stopping_ends_the_whole_family(tmp_path: Path) -> None:
    async def family() -> tuple[list[str], int]:
        child = await Child.start(sys.executable, "-c", FAMILY, folder=tmp_path)
        lines = []
        async for line in child.lines():  # ends only when nobody has the pipe any more
            lines.append(line)
            if line == "born":
                await child.stop()
        return lines, await child.end()

    lines, code = asyncio.run(family())
    assert next(line for line in lines if "Traceback" not in line) == "born"
    assert "asked to stop" in lines
    assert code == 130
