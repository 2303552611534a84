"""The switch, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wakeword.cli import main


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return ["--evidence", str(tmp_path / "state" / "evidence")]


def test_mute_and_unmute_set_the_switch_and_say_how_it_stands(
    at: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    switch = tmp_path / "state" / "muted"
    for words, muted, says in [
        (["mute"], True, "muted: the microphone is closed"),
        (["mute"], True, "muted: the microphone is closed (as before)"),
        (["mute", "--status"], True, "muted: the microphone is closed"),
        (["unmute"], False, "not muted: the microphone may be open"),
        (["unmute"], False, "not muted: the microphone may be open (as before)"),
        (["mute", "--status"], False, "not muted: the microphone may be open"),
    ]:
        assert main([*words, *at]) == 0
        assert switch.exists() is muted
        assert capsys.readouterr().out == f"{says} [{switch}]\n"


def test_for_programs_it_is_json(at: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mute", "--json", *at]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"muted": True, "changed": True, "file": str(tmp_path / "state" / "muted")}


def test_the_configured_file_is_the_switch(tmp_path: Path, at: list[str]) -> None:
    (tmp_path / "wakeword").mkdir()
    (tmp_path / "wakeword" / "config.yaml").write_text(f"mute_file: {tmp_path / 'quiet'}\n")
    assert main(["mute"]) == 0
    assert (tmp_path / "quiet").exists()


def test_a_switch_that_cannot_be_set_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["mute", "--evidence", str(tmp_path / "file" / "evidence")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"wakeword: {tmp_path / 'file' / 'muted'}: ")
    assert said.count("\n") == 1
