"""Engines: another program really listens, ours is the daemon's detector, and nothing is heard twice."""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wakeword import model
from wakeword.errors import ConfigError
from wakeword.events import Verdict
from wakeword.pipeline.pipeline import Detector
from wakeword.versus import engines
from wakeword.versus.engines import Ours, Peer, Row
from wakeword.versus.programs import PROGRAMS
from wakeword.versus.streams import Stream

LOUD = Path(__file__).parent.parent / "models" / "loud"
LEVEL = """
import numpy
VERSION, STEP, WORDS = "7", 1600, {"loud": "LOUD", "louder": "LOUDER"}
def load(words, setting):
    print("a library that talks")
    share = {"LOUD": 1.0, "LOUDER": 0.5}
    def listen(block):
        level = float(numpy.abs(block.astype(int)).max()) / 32768
        return [(word, level * share[word] * (setting or 1.0)) for word in words]
    return listen
"""


@pytest.fixture
def level(tmp_path: Path) -> Iterator[Peer]:
    """A small engine: its score is the loudest sample of each tenth of a second."""
    (tmp_path / "level.py").write_text(LEVEL)
    program, text = engines.open_program("level", f"{sys.executable}:{tmp_path / 'level.py'}")
    with program:
        yield Peer("level", program, text)


def stream(*tenths: float) -> Stream:
    """A tenth of a second at each of these levels."""
    sound = np.concatenate([np.full(1_600, 32768 * level) for level in tenths])
    return Stream("a", "", "", (), sound.astype(np.int16))


def test_another_engine_says_what_it_finds_and_when(level: Peer) -> None:
    rows = level.hear(0, ["loud", "louder"], stream(0.0, 0.25, 0.5).sound)
    assert rows == [
        Row("loud", 3_200, 0.25), Row("louder", 3_200, 0.125), Row("loud", 4_800, 0.5), Row("louder", 4_800, 0.25),
    ]  # fmt: skip
    assert (level.title, level.words, level.levels) == ("level 7", {"loud", "louder"}, (engines.LEVEL,))


def test_an_interrupted_engine_is_gone_at_once(tmp_path: Path) -> None:
    endless = LEVEL.replace('print("a library that talks")', "import itertools; all(True for _ in itertools.count())")
    (tmp_path / "endless.py").write_text(endless)
    program, _ = engines.open_program("endless", f"{sys.executable}:{tmp_path / 'endless.py'}")
    with pytest.raises(KeyboardInterrupt), program:
        assert program._process.stdin
        print(json.dumps({"words": ["loud"], "setting": None}), file=program._process.stdin, flush=True)
        raise KeyboardInterrupt
    assert program._process.returncode == -signal.SIGKILL


def test_what_is_no_whole_step_is_not_heard(level: Peer) -> None:
    assert level.hear(0, ["loud"], np.full(1_599, 20_000, np.int16)) == []


def test_an_engine_without_a_score_is_heard_at_each_sensitivity(level: Peer, tmp_path: Path) -> None:
    own = Peer("porcupine", level._program, LEVEL, (0.25, 0.5))
    rows, _ = engines.listen(own, ["loud"], stream(0.5), tmp_path)
    found = {setting: [row.score for row in rows if row.above < setting <= row.upto] for setting in own.levels}
    assert found == {0.25: [0.125], 0.5: [0.25]}


def test_nothing_is_heard_twice_until_sound_or_engine_change(level: Peer, tmp_path: Path) -> None:
    kept = tmp_path / "heard"
    first, fresh = engines.listen(level, ["loud"], stream(0.5), kept)
    again, second = engines.listen(level, ["loud"], stream(0.5), kept)
    assert (first, fresh, second) == (again, True, False)
    assert engines.listen(level, ["loud"], stream(0.6), kept)[1]
    assert engines.listen(level, ["louder"], stream(0.5), kept)[1]
    changed = Peer("level", level._program, LEVEL + "\n# another version")
    assert engines.listen(changed, ["loud"], stream(0.5), kept)[1]
    for file in kept.rglob("*.json"):
        file.write_text("[[")  # broken off
    assert engines.listen(level, ["loud"], stream(0.5), kept) == (first, True)


def test_ours_is_the_daemons_detector_at_any_thresholds(room: np.ndarray) -> None:
    loud = model.load(LOUD)
    rows = Ours([loud]).hear(0, ["loud"], room)
    point = loud.points["default"]
    detector = Detector([loud], [model.Point(point.stage1, 1.0)])  # judges every candidate and never rests
    verdicts = [event for event in detector.process(room) if isinstance(event, Verdict)]
    there = [row for row in rows if row.above < point.stage1 <= row.upto]
    assert [round(row.score, 6) for row in there][: len(verdicts)] == [round(v.stage2, 6) for v in verdicts]
    assert len(verdicts) > 5
    assert all(row.at >= v.candidate.decided for row, v in zip(there, verdicts, strict=False))  # known no earlier


def test_ours_is_heard_again_when_a_model_changes() -> None:
    loud = model.load(LOUD)
    other = replace(loud, stage2_sha256="0" * 64)
    assert Ours([loud]).keys(["loud"]) == Ours([replace(loud)]).keys(["loud"])
    assert Ours([loud]).keys(["loud"]) != Ours([other]).keys(["loud"])


def test_what_cannot_listen_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no engine 'siri' is known here \(openwakeword, microwakeword, porcupine"):
        engines.open_program("siri", sys.executable)
    with pytest.raises(ConfigError, match=r"--engine porcupine: .*nowhere"):
        engines.open_program("porcupine", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"gone\.py: unreadable"):
        engines.open_program("own", f"{sys.executable}:{tmp_path / 'gone.py'}")
    (tmp_path / "broken.py").write_text("VERSION, STEP, WORDS = '1', 160, {}\nraise SystemExit(1)")
    with pytest.raises(ConfigError, match="--engine own: the engine failed"):
        engines.open_program("own", f"{sys.executable}:{tmp_path / 'broken.py'}")


@pytest.mark.parametrize(("name", "package"), [("openwakeword", "openwakeword"), ("microwakeword", "pymicro_wakeword"),
                                               ("porcupine", "pvporcupine")])  # fmt: skip
def test_a_known_engine_listens(name: str, package: str) -> None:
    if subprocess.run([sys.executable, "-c", f"import {package}"], capture_output=True, check=False).returncode:
        pytest.skip(f"needs {package}, with what it needs (docs/versus.md)")  # its files alone may be here: its models
    program, text = engines.open_program(name, sys.executable)
    with program:
        assert Peer(name, program, text).hear(0, ["alexa"], np.zeros(32_000, np.int16)) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_one(name: str) -> None:
    names = {node.id for node in ast.walk(ast.parse(PROGRAMS[name])) if isinstance(node, ast.Name)}
    defined = {node.name for node in ast.walk(ast.parse(PROGRAMS[name])) if isinstance(node, ast.FunctionDef)}
    assert {"VERSION", "STEP", "WORDS"} <= names
    assert "load" in defined
