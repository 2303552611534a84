"""The gate can be read in one sitting, and its tests go through every branch of it."""

from __future__ import annotations

import ast
import importlib.util
import io
import os
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import wakeword

PACKAGE = Path(wakeword.__file__).parent
ROOT = Path(__file__).parent.parent
# What decides whether a sample passes: the states, the session's bytes, the loop around them, the start and the end.
DECIDES = ("gate.py", "states.py", "passing.py")
MOST_THAT_DECIDES = 515
# What stands round it in the same process: its pipes, what is written down by the way, a new file each day.
ROUND_IT = ("outside.py", "clerk.py", "housekeeping.py")
MOST_IN_ALL = 830
NOT_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(name: str) -> int:
    """Lines that are not blank, comment or docstring."""
    source = (PACKAGE / name).read_text("utf-8")
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    described: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            described |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NOT_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - described)


def test_lines_of_code_are_counted_without_what_explains_them(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text(
        '"""Head.\n\nMore."""\n\nA = (\n    1,\n)  # three lines\n\n\ndef b() -> None:\n    """Says."""\n    # why\n'
    )
    assert code_lines(str(path)) == 4


def test_what_decides_is_some_five_hundred_lines() -> None:
    assert sum(map(code_lines, DECIDES)) <= MOST_THAT_DECIDES
    assert sum(map(code_lines, (*DECIDES, *ROUND_IT))) <= MOST_IN_ALL


@pytest.mark.skipif(
    importlib.util.find_spec("pytest_cov") is None, reason="pytest-cov is not installed (pip install pytest-cov)"
)
def test_its_tests_go_through_every_branch(tmp_path: Path) -> None:
    """The drawn test is left out: without it they do."""
    names = [f"wakeword.{name.removesuffix('.py')}" for name in (*DECIDES, *ROUND_IT)]
    files = [f"tests/test_{name}" for name in ("gate.py", "states.py", "outside.py", "clerk.py", "housekeeping.py")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", "not whatever_comes"]
    measure = [*(f"--cov={name}" for name in names), "--cov-branch", "--cov-fail-under=100"]
    ended = subprocess.run(
        [*command, *measure, "--cov-report=term-missing"], cwd=ROOT, capture_output=True, text=True, check=False,
        env=os.environ | {"COVERAGE_FILE": str(tmp_path / "coverage")},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("100%") >= len(names)
