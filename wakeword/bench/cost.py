"""Processor seconds for an hour of sound: of the pipeline alone, and of the listen process that holds it.

Rounds are interleaved (every variant once, then again), so that a machine that grows busier spoils all of them alike.
Stage 2 judges every candidate but is never satisfied, so no session opens: an open session would be heard in real time,
and cost less than listening, since detection rests. Starting up is not counted; `start` does that.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wakeword import model as models
from wakeword.bench import daemon, sounds
from wakeword.bench.figures import Figure
from wakeword.events import RATE_HZ
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.settings import SourceSettings
from wakeword.supervise import Plan

Int16 = npt.NDArray[np.int16]

HOUR_S = 3_600
TALK_TARGET, QUIET_TARGET = 7.0, 3.0  # of one word; three may take half as much again
MORE_WORDS = 1.5


def measure(
    folder: Path, words: list[str], recordings: list[Path], *, seconds: float, rounds: int, paced_s: float
) -> list[Figure]:
    """Every material with the first word and with all; then, for `paced_s` (0: not), a whole daemon in real time."""
    materials = {"talk": sounds.talk(recordings, seconds)} | {
        f"quiet, {dbfs:.0f} dBFS": sounds.quiet(dbfs, seconds) for dbfs in sounds.QUIET_DBFS
    }
    found: dict[tuple[str, int, str], list[float]] = {}
    files = {
        name: sounds.write(folder / f"{number}.wav", sound) for number, (name, sound) in enumerate(materials.items())
    }
    for number in range(rounds):
        for count in sorted({1, len(words)}):
            for name, sound in materials.items():
                found.setdefault((name, count, "pipeline"), []).append(pipeline(words[:count], sound))
                path = folder / f"{number}-{count}-{files[name].stem}"
                plan = _plan(path, words[:count], files[name], paced=False)
                found.setdefault((name, count, "listen"), []).append(run(plan, "listen")["listen"])
    figures = [_figure(*key, values) for key, values in found.items()]
    return figures + (_paced(folder / "paced", words, files, paced_s) if paced_s else [])


def pipeline(words: list[str], sound: Int16) -> float:
    """Processor seconds an hour of this sound, in this process, in blocks of 80 ms."""
    loaded = [models.load(word) for word in words]
    detector = Detector(loaded, [models.Point(word.points["default"].stage1, 1.0) for word in loaded])
    began_s = time.process_time()
    for at in range(0, len(sound), UNIT_SAMPLES):
        detector.process(sound[at : at + UNIT_SAMPLES])
    return (time.process_time() - began_s) * HOUR_S / (len(sound) / RATE_HZ)


def run(plan: Plan, *names: str, at_most_s: float = float("inf")) -> dict[str, float]:
    """Processor seconds an hour of sound of these processes, from `listening` on to the last look at them."""
    began: dict[str, float] = {}
    spent: dict[str, float] = {}

    def look(line: daemon.Line, pids: dict[str, int]) -> bool:
        if line["from"] != "listen" or not all(name in pids for name in names):
            return False
        if line["event"] == "listening":
            began.update((name, daemon.cpu_s(pids[name])) for name in names)
        if line.get("at_s"):  # levels, and the end
            spent.update((name, (daemon.cpu_s(pids[name]) - began[name]) * HOUR_S / line["at_s"]) for name in names)
        return float(line.get("at_s", 0.0)) >= at_most_s

    daemon.watch(plan, look)
    return spent


def _paced(folder: Path, words: list[str], files: dict[str, Path], seconds: float) -> list[Figure]:
    """All materials at once, each in a daemon of its own: together they need some hundredths of a core."""

    def one(name: str, path: Path) -> list[Figure]:
        spent = run(
            _plan(folder / path.stem, words[:1], path, paced=True), "listen", "gate", "uplink", at_most_s=seconds
        )
        target = TALK_TARGET if name == "talk" else QUIET_TARGET
        return [
            Figure(
                f"{process} in real time, {name}, 1 word", "CPU s/h", (value,), target if process == "listen" else None
            )
            for process, value in spent.items()
        ]

    with ThreadPoolExecutor(len(files)) as pool:
        return [figure for figures in pool.map(one, files, files.values()) for figure in figures]


def _plan(folder: Path, words: list[str], sound: Path, *, paced: bool) -> Plan:
    path = daemon.write_config(folder, words, opens=False)
    return daemon.plan(path, SourceSettings("file", str(sound), paced=paced))


def _figure(name: str, count: int, where: str, values: list[float]) -> Figure:
    target = (TALK_TARGET if name == "talk" else QUIET_TARGET) * (MORE_WORDS if count > 1 else 1)
    label = f"{where}, {name}, {count} word{'s' if count > 1 else ''}"
    return Figure(label, "CPU s/h", tuple(values), target)
