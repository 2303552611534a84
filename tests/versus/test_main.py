"""The command: another engine and ours on the same small corpus, from recordings to tables."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE_HZ = 16_000
LOUD = str(Path(__file__).parent.parent / "models" / "loud")
LEVEL = """
import numpy
VERSION, STEP, WORDS = "7", 1280, {"loud": "loud"}
def load(words, setting):
    return lambda block: [("loud", float(numpy.abs(block.astype(int)).max()) / 32768)]
"""


@pytest.fixture
def corpus(tmp_path: Path, room: np.ndarray, said: list[dict[str, str]]) -> Path:
    """What is said in the room with a wake word is the word, at full level and, as `0dB`, faintly; music is not."""
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise/hush.wav", np.zeros(10 * RATE_HZ), RATE_HZ)
    soundfile.write(tmp_path / "noise/talk.wav", room[: 12 * RATE_HZ] // 4, RATE_HZ)
    (tmp_path / "manifest.csv").write_text("path,fold\nnoise/hush.wav,dev\nnoise/talk.wav,dev\n")
    with (tmp_path / "index.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "condition", "word", "speaker", "start_s", "end_s"])
        for number, row in enumerate([row for row in said if row["word"]][:3]):
            start, end = (round(float(row[edge]) * RATE_HZ) for edge in ("start_s", "end_s"))
            sound = room[start:end] / np.abs(room[start:end]).max()
            for condition, level in (("clean", 0.9), ("music-0dB", 0.001)):
                name = f"{number}-{condition}.wav"
                soundfile.write(tmp_path / name, sound * level, RATE_HZ, subtype="PCM_16")
                table.writerow([name, condition, "loud", row["who"], 0.0, len(sound) / RATE_HZ])
    (tmp_path / "level.py").write_text(LEVEL)
    return tmp_path


def versus(corpus: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wakeword.versus", "--conditions", str(corpus), "--corpora", str(corpus)]
    command += ["--out", str(corpus / "out"), "--model", LOUD, "--engine", f"level={sys.executable}:{corpus}/level.py"]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_engines_are_heard_chosen_and_shown_side_by_side(corpus: Path) -> None:
    ended = versus(corpus, "--rounds", "1", "--seconds", "2", "--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    pooled = {
        (row["engine"], row["condition"]): (row["missed_count"], row["missed_of"], row["false_accepts_count"])
        for row in told["misses"]
        if row["speaker"] == "" and row["bound"] == "0.5"
    }
    assert pooled["level 7", "clean"] == (0, 3, 0)  # louder than all that is said in `talk`
    assert pooled["level 7", "0dB"] == (3, 3, 0)
    assert pooled["wakeword", "clean"] == (0, 3, 0)
    assert pooled["wakeword", "music-0dB"] == (3, 3, 0)
    assert {row["bound"] for row in told["misses"] if row["engine"] == "wakeword"} == {"0.1", "0.5", "1", "as shipped"}
    costs = {figure["name"]: figure["median"] for figure in told["cost"]}
    assert list(costs) == [
        f"{engine}, 1 word, {kind}"
        for engine in ("level 7", "wakeword")
        for kind in ("talk", "memory", "quiet, -60 dBFS")
    ]
    assert all(value > 0 for value in costs.values())
    assert "| level 7 | loud (3) |" in (corpus / "out/versus.md").read_text("utf-8")


def test_what_was_heard_is_not_heard_again(corpus: Path) -> None:
    first = versus(corpus, "--rounds", "0")
    assert first.returncode == 0, first.stderr
    assert "4 of 4, 0 min left: noise/talk.wav" in first.stderr
    second = versus(corpus, "--rounds", "0")
    assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, "")


def test_wrong_use_is_told_in_a_line(corpus: Path) -> None:
    ended = versus(corpus, "--word", "jarvis")
    assert (ended.returncode, ended.stderr) == (2, f"versus: {corpus}: no clip of a word that any engine knows\n")
    ended = versus(corpus, "--engine", "porcupine")
    assert (ended.returncode, ended.stderr) == (2, "versus: --engine: 'porcupine' is not NAME=PYTHON\n")
    (corpus / "0-clean.wav").write_text("no sound")
    ended = versus(corpus)
    assert ended.returncode == 3
    assert ended.stderr.startswith(f"versus: {corpus}/0-clean.wav: unreadable")
