"""The command line as such: what it lists, what it says of mistakes, how it ends."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import wakeword
from wakeword import cli
from wakeword.cli import COMMANDS, main
from wakeword.errors import CheckFailed, SourceError


def ended(words: list[str]) -> int:
    with pytest.raises(SystemExit) as raised:
        main(words)
    return int(str(raised.value.code))


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for name, summary in COMMANDS.items():
        assert f"{name} {summary}" in printed


def test_each_command_has_a_file_and_each_file_a_command() -> None:
    modules = Path(cli.__file__).parent.glob("[!_]*.py")
    files = {path.stem for path in modules if "\ndef execute(" in path.read_text("utf-8")}  # others are shared
    assert files == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended([name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert f"usage: wakeword {name}" in printed
    assert "example" in printed
    assert max(len(line) for line in printed.splitlines()) <= 120


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["--version"]) == 0
    assert capsys.readouterr().out == f"wakeword {wakeword.__version__}\n"


@pytest.mark.parametrize(("raised", "code"), [
    (CheckFailed("it does not hold", where="log"), 1), (SourceError("is broken", where="a.wav", hint="mend it"), 3),
])  # fmt: skip
def test_an_expected_error_is_one_line_and_its_exit_code(
    raised: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def execute(given: object) -> int:
        raise raised

    monkeypatch.setattr(importlib.import_module("wakeword.cli.completion"), "execute", execute)
    assert main(["completion", "bash"]) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"wakeword: {raised}\n")


def test_an_unexpected_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("wakeword.cli.completion"), "execute", lambda given: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        main(["completion", "bash"])


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def execute(given: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("wakeword.cli.completion"), "execute", execute)
    assert main(["completion", "bash"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_completion_knows_all_commands(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)
    assert shell == "tcsh" or "--candidates" in script  # shtab gives tcsh the commands alone


def test_bash_accepts_its_completion() -> None:
    script = subprocess.run([sys.executable, "-m", "wakeword", "completion", "bash"], capture_output=True, check=True)
    checked = subprocess.run(["bash", "-n"], input=script.stdout, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


TRAIN = ["train", "computer", "--corpora", "/no", "--wake", "/no", "--out", "/no", "--work", "/no"]


def test_training_without_its_extra_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; from wakeword.cli import main; sys.exit(main(sys.argv[1:]))"
    found = subprocess.run(
        [sys.executable, "-c", code, *TRAIN], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    assert found.returncode == 2
    assert found.stderr.startswith("wakeword: ")
    assert found.stderr.endswith(" is not installed (pip install 'wakeword[train,voices]')\n")


def test_a_word_that_no_voice_can_say_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="training needs the extra 'train'")
    assert main([TRAIN[0], "hal 9000", *TRAIN[2:]]) == 2
    assert "wakeword: 'hal 9000' cannot be said (two letters or more" in capsys.readouterr().err
