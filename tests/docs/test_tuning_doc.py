"""docs/tuning.md can be followed: its commands, in its order, on a small corpus, leave what it says they leave."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wakeword.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = (REPOSITORY / "docs" / "tuning.md").read_text("utf-8")
RATE = 16_000


@pytest.fixture
def corpus(tmp_path: Path, room: np.ndarray, said: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """`said/jarvis` and `talk` as the page wants them, cut from the demo's room."""
    (tmp_path / "said" / "jarvis").mkdir(parents=True)
    (tmp_path / "talk").mkdir()
    own = [float(row["start_s"]) for row in said if row["word"] == "jarvis"]
    for number, start_s in enumerate(own * 2):
        start = int((start_s - 0.3 - 0.1 * number) * RATE)
        soundfile.write(tmp_path / "said" / "jarvis" / f"{number}.wav", room[start : start + 2 * RATE], RATE)
    soundfile.write(tmp_path / "talk" / "morning.wav", room[: 8 * RATE], RATE)
    soundfile.write(tmp_path / "talk" / "travis.wav", room[13 * RATE : 18 * RATE], RATE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_the_commands_lead_from_recordings_to_an_operating_point(corpus: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install matplotlib (the extra `eval`)")
    (settings,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (corpus / "wakeword.yaml").write_text(settings)
    done = []
    for line in "".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)).splitlines():
        program, command, *words = shlex.split(line)
        assert program == "wakeword"
        assert main([command, *words]) == 0, line
        done.append(command)
    assert done == ["eval", "explain", "explain", "tune", "tune", "eval", "tune", "run", "eval"]
    for name in ("run1/report.html", "morning.explain.html", "morning.jarvis.png", "tuned.yaml", "run2/report.html"):
        assert (corpus / name).is_file(), name
    assert "Against an earlier run" in (corpus / "run2" / "report.html").read_text("utf-8")


def test_every_picture_is_there_small_and_described() -> None:
    shown = re.findall(r"!\[([^\]]*)\]\((pictures/\w+\.png)\)", TEXT)
    assert len(shown) == 5
    for words, name in shown:
        assert len(words) > 30
        assert 1_000 < (REPOSITORY / "docs" / name).stat().st_size <= 150_000
    lying = {path.name for path in (REPOSITORY / "docs" / "pictures").glob("*.png")}
    documents = [path.read_text("utf-8") for path in (REPOSITORY / "docs").glob("*.md")]
    assert {name for text in documents for name in re.findall(r"\]\(pictures/([\w-]+\.png)\)", text)} == lying
