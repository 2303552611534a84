"""README holds: its length and order, its program, and the demo's output, which is shown as it really is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = (REPOSITORY / "README.md").read_text("utf-8")


def form(line: str) -> str:
    """A line of the demo without what changes from model to model: numbers, bars, words, what is said and by whom."""
    for pattern, letter in (
        (r"“[^”]*”", "Q"), (r"\([^)]*\)$", "H"), (r"[█·]+", "B"), (r"\b[ab][fm]_\w+", "V"),
        (r"\b(computer|jarvis|alexa)\b", "W"), (r"(?<![\w-])-?\d[\d,.:]*", "N"), (r"stage 2 +(?:-|N)", "stage N"),
        (r" voice ", " "), (r" +", " "),
    ):  # fmt: skip
        line = re.sub(pattern, letter, line)
    return line.strip()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What `wakeword demo` prints, as fast as its sessions let it."""
    out = tmp_path_factory.mktemp("demo") / "out"
    command = [sys.executable, "-m", "wakeword", "demo", "--fast", "--out", str(out)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.splitlines()


def test_the_demos_lines_are_of_the_form_that_is_shown(demo: list[str]) -> None:
    (shown,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    real = {form(line) for line in demo}
    assert len(shown.splitlines()) == 10
    for line in shown.splitlines():
        assert form(line) in real, line


def test_the_demo_ends_with_the_log_verified(demo: list[str]) -> None:
    assert demo[-1].startswith("log verified: ")
    assert demo[-1].endswith(": equal")
    assert sum("WAKE" in line for line in demo) >= 4


def test_its_program_runs(room: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(program, {"block": room})
    assert "Verdict(candidate=Candidate(word='computer'" in capsys.readouterr().out


def test_it_is_short_and_in_order() -> None:
    assert len(TEXT.splitlines()) <= 150
    assert re.findall(r"^## (.*)$", TEXT, re.MULTILINE) == [
        "Two commands", "What you will see", "What it proves, and what it cannot", "Figures", "Run it for real",
        "A word of your own", "Tune it", "Check its log", "Limits", "More",
    ]  # fmt: skip


def test_the_telemetry_is_named() -> None:
    assert "ORT_DISABLE_TELEMETRY=1" in TEXT
    assert "onnxruntime phones home" in TEXT
