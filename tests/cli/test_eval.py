"""`wakeword eval` as a command: exit codes, what is said and where, and what it takes from a configuration."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from wakeword.cli import main
from wakeword.eval import tables

RATE = 16_000


@pytest.fixture
def talk(tmp_path: Path, room: np.ndarray) -> Path:
    """Ten seconds in which `computer` is said once."""
    (tmp_path / "talk").mkdir()
    soundfile.write(tmp_path / "talk" / "a.flac", room[3 * RATE : 13 * RATE], RATE)
    return tmp_path / "talk"


def options(talk: Path, *more: str) -> list[str]:
    top = talk.parent
    return ["eval", "--negatives", str(talk), "--out", str(top / "out"), "--cache", str(top / "c.sqlite"), *more]


def test_unreadable_recordings_are_named_and_the_exit_code_says_so(
    talk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (talk / "b.wav").write_text("no sound")
    assert main(options(talk, "--word", "computer", "--jobs", "1")) == 3
    said = capsys.readouterr().err
    assert f"wakeword: {talk / 'b.wav'}: not a sound file (no known format)" in said
    assert "2 recordings, 0.00 h; 0 of them were heard before" in said
    assert [file.read for file in tables.open_run(talk.parent / "out").files()] == [True, False]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--jobs", "0"], "--jobs: at least one process is needed"),
        (["--word", "computr"], "no model 'computr'"),
        (["--point", "loose"], "loose"),
        (["--snr", "10"], "noise and its ratio come together"),
        (["--config", "x.yaml", "--word", "computer"], "--config: the words are those of the configuration"),
        (["--stage1", "openwakeword:alexa.onnx"], "whose stage 1 is openwakeword:alexa.onnx?"),
    ],
)
def test_what_cannot_be_done_is_said_with_exit_code_2(
    talk: Path, capsys: pytest.CaptureFixture[str], more: list[str], what: str
) -> None:
    assert main(options(talk, *more)) == 2
    assert what in capsys.readouterr().err


def test_words_thresholds_and_sessions_are_those_of_a_configuration(talk: Path) -> None:
    path = talk.parent / "wakeword.yaml"
    words = [{"model": "computer", "point": "strict"}, {"model": "jarvis", "stage1": 0.42, "stage2": 0.24}]
    path.write_text(yaml.safe_dump({"words": words, "session": {"silence_ms": 700}}))
    assert main(options(talk, "--config", str(path), "--jobs", "1")) == 0
    about = json.loads((talk.parent / "out" / "run.json").read_text("utf-8"))
    assert about["session"]["silence_ms"] == 700
    assert about["words"]["computer"]["point"] == "strict"
    thresholds = [about["words"]["jarvis"][f"threshold_stage{number}"] for number in (1, 2)]
    assert thresholds == [0.42, 0.24]


def test_without_a_terminal_progress_is_plain_lines(talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(options(talk, "--word", "computer", "--jobs", "1")) == 0
    assert "hearing: 100 %" in capsys.readouterr().err.splitlines()


def test_ctrl_c_ends_it_and_the_same_command_goes_on(talk: Path, room: np.ndarray) -> None:
    for number in range(40):
        soundfile.write(talk / f"{number:02d}.wav", np.roll(room, number * 1_000), RATE)
    command = [sys.executable, "-m", "wakeword", *options(talk, "--jobs", "2")]
    ours = ["env", "--default-signal=INT", *command]  # who runs the tests in the background may have it ignored
    with subprocess.Popen(ours, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        assert running.stderr.readline() == "hearing: 10 %\n"  # so that something was heard
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
        assert running.wait(60) == 130
    assert said.splitlines()[-1] == "wakeword: stopped; what was heard is kept, the same command goes on"
    assert not (talk.parent / "out" / "run.json").exists()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    (told,) = [line for line in ended.stderr.splitlines() if "were heard before" in line]
    assert int(told.split("; ")[1].split()[0]) >= 4
