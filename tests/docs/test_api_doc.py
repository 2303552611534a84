"""Every example of docs/api.md is run as it stands, and prints what the pipeline itself says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import mic_bed
import numpy as np
import pytest
import soundfile

import wakeword
from wakeword.events import RATE_HZ, Event, Verdict
from wakeword.pipeline.pipeline import Detector

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text("utf-8")
PROGRAMS = {  # by the heading above each
    section.splitlines()[0]: program
    for section in re.split(r"^#+ ", TEXT, flags=re.MULTILINE)
    for program in re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
}
HANG_S = 120


@pytest.fixture
def talk(tmp_path: Path, room: np.ndarray) -> np.ndarray:
    """The room up to 35 s as talk.wav."""
    sound = room[: 35 * RATE_HZ]
    soundfile.write(tmp_path / "talk.wav", sound, RATE_HZ)
    return sound


def ran(folder: Path, heading: str, stdin: bytes = b"") -> list[str]:
    """The lines that the example under this heading prints."""
    command = [sys.executable, "-W", "error", "-c", PROGRAMS[heading]]
    ended = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, check=False, timeout=HANG_S)
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode().splitlines()


def wakes(events: list[Event]) -> list[Verdict]:
    return [event for event in events if isinstance(event, Verdict) and event.accepted]


def test_every_example_is_run_below() -> None:
    assert list(PROGRAMS) == [
        "In Python", "A recording, and what woke it", "A microphone", "asyncio", "Many streams",
        "Coming from openWakeWord",
    ]  # fmt: skip
    assert len(re.findall("^```python", TEXT, re.MULTILINE)) == len(PROGRAMS)


def test_the_first_event_takes_five_lines(tmp_path: Path, talk: np.ndarray) -> None:
    lines = [line for line in PROGRAMS["In Python"].splitlines() if line]
    assert len(lines) == 5
    assert ran(tmp_path, "In Python") == [str(event) for event in Detector.load("computer", "jarvis").process(talk)]


def test_a_recording_is_told_and_cut(tmp_path: Path, talk: np.ndarray) -> None:
    lines = ran(tmp_path, "A recording, and what woke it")
    accepted = wakes(Detector.load("computer", "jarvis", "alexa").process(talk))
    assert [line.split()[2] for line in lines if line.split()[3] == "wake"] == [one.candidate.word for one in accepted]
    cuts = {path.name: soundfile.read(path, dtype="int16")[0] for path in tmp_path.glob("*-*.wav")}
    assert len(cuts) == len(accepted) >= 2
    for one in accepted:
        cut = cuts[f"{one.candidate.word}-{one.candidate.end}.wav"]
        np.testing.assert_array_equal(cut, talk[one.segment_start : one.candidate.decided])


@pytest.mark.mic
@pytest.mark.skipif(bool(mic_bed.missing()), reason=mic_bed.missing())
def test_a_microphone_is_heard(tmp_path: Path, room: np.ndarray) -> None:
    (first, *_) = wakes(Detector.load("jarvis").process(room))
    end = first.candidate.decided
    soundfile.write(tmp_path / "said.wav", room[end - 4 * RATE_HZ : end + RATE_HZ], RATE_HZ)
    with mic_bed.MicBed(tmp_path / "bed") as bed:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAMS["A microphone"]],
            stdout=subprocess.PIPE, text=True, env={**os.environ, **bed.environment},
        )  # fmt: skip
        try:
            assert process.stdout
            assert process.stdout.readline() == "listening\n"
            bed.play(tmp_path / "said.wav")
            assert process.stdout.readline() == "heard jarvis\n"
        finally:
            process.kill()
            process.communicate()


def test_asyncio_hears_a_pipe(tmp_path: Path, talk: np.ndarray) -> None:
    lines = ran(tmp_path, "asyncio", talk.astype("<i2").tobytes())
    assert lines == ["heard jarvis"] * len(wakes(Detector.load("jarvis").process(talk)))
    assert lines


def test_streams_share_weights_only(tmp_path: Path) -> None:
    assert ran(tmp_path, "Many streams") == ["['computer', 'jarvis'] 15360", "['computer'] 15360"]


def test_a_program_for_openwakeword_runs_with_another_import(tmp_path: Path, talk: np.ndarray) -> None:
    lines = ran(tmp_path, "Coming from openWakeWord")
    expected = [one.candidate.decided // 1_280 * 0.08 for one in wakes(Detector.load("alexa").process(talk))]
    assert [line.split()[0] for line in lines] == ["alexa"] * len(expected)
    for line, second in zip(lines, expected, strict=True):
        assert abs(float(line.split()[1]) - second) <= 0.161


def test_every_public_name_is_in_the_table() -> None:
    table = re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE)
    assert set(wakeword.__all__) <= {name for row in table for name in re.findall(r"\w+", row)}
