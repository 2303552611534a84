"""How fast `wakeword eval` hears a corpus, with one process and with two, beside openWakeWord's own bulk prediction.

All get the same recordings, in turn, round by round; what is timed is from handing over the list to the last result,
models' loading and processes' starting included: by the wall clock, and, for a machine that is not idle, in processor
time. Nothing comes from a cache. openWakeWord runs in an interpreter that has it (`--peer`), through its
`bulk_predict`, for its own `alexa`; ours for one word and for all, with both stages and every threshold at once.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import soundfile

from wakeword import model as models
from wakeword.bench import sounds
from wakeword.bench.figures import Figure
from wakeword.errors import ConfigError
from wakeword.eval import work
from wakeword.eval.cache import Result, identity, version
from wakeword.eval.sounds import Recording, sha256_of
from wakeword.eval.work import Setup, Task
from wakeword.events import RATE_HZ
from wakeword.settings import SessionSettings

Found = dict[tuple[str, str], list[float]]  # name and unit: values
FILE_S = 120  # a corpus is many recordings; so that two processes share them evenly
PEER_SHARE = 10  # of the recordings, one in so many goes to the peer: it is that much slower

PEER = """
import json, multiprocessing, os, sys, time
import openwakeword
from openwakeword.utils import bulk_predict
head = os.path.join(os.path.dirname(openwakeword.__file__), "resources", "models", "alexa_v0.1.onnx")
for line in sys.stdin:
    files = json.loads(line)
    began, spent = time.monotonic(), sum(os.times()[:4])
    found = bulk_predict(files, [head], ncpu=1, inference_framework="onnx")
    assert len(found) == len(files)
    wall = time.monotonic() - began
    for child in multiprocessing.active_children():
        child.join()
    print("seconds", wall, sum(os.times()[:4]) - spent, flush=True)
"""


@dataclass(frozen=True)
class Took:
    """By the wall clock, and of all processes' processor time."""

    wall_s: float
    cpu_s: float


def measure(
    folder: Path, words: Sequence[str], recordings: list[Path], *, seconds: float, rounds: int, peer: str
) -> list[Figure]:
    """Times real time of `seconds` of sound. Raises `ConfigError` when the peer does not answer."""
    files = split(folder, recordings, seconds)
    cores = len(os.sched_getaffinity(0))
    variants = [(count, jobs) for count in sorted({1, len(words)}) for jobs in sorted({1, min(2, cores)})]
    found: Found = {}
    with _Peer(peer) as other:
        for _ in range(rounds):
            took: dict[tuple[int, int], Took] = {}
            for count, jobs in variants:
                took[count, jobs] = ours(words[:count], files, jobs)
                _note(found, f"eval, {_words(count)}, {_processes(jobs)}", seconds, took[count, jobs])
                if jobs == 2:
                    gain = took[count, 1].wall_s / took[count, 2].wall_s
                    found.setdefault((f"eval, {_words(count)}: two processes to one", "times"), []).append(gain)
            if peer:
                some = files[: max(1, len(files) // PEER_SHARE)]
                length = sum(soundfile.info(path).duration for path in some)
                _note(found, "openWakeWord, bulk_predict, 1 word, 1 process", length, other.took(some))
    return [Figure(name, unit, tuple(values)) for (name, unit), values in found.items()]


def _note(found: Found, name: str, seconds: float, took: Took) -> None:
    found.setdefault((name, "x real time"), []).append(seconds / took.wall_s)
    found.setdefault((f"{name}, by processor time", "x real time"), []).append(seconds / took.cpu_s)


def split(folder: Path, recordings: list[Path], seconds: float) -> list[Path]:
    """That much of these recordings, or of the demo's room, as WAV of two minutes (the peer reads nothing else)."""
    sound = sounds.talk(recordings or [sounds.ROOM], seconds)
    step = FILE_S * RATE_HZ
    starts = enumerate(range(0, len(sound), step))
    return [sounds.write(folder / f"{number:03d}.wav", sound[start : start + step]) for number, start in starts]


def _processor_s() -> float:
    """This process's and its ended children's processor time: finer than the ticks of `os.times`, so never zero."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def ours(words: Sequence[str], files: list[Path], jobs: int) -> Took:
    """To score them all."""
    results: list[Result] = []
    began, spent = time.monotonic(), _processor_s()
    loaded = [models.load(word) for word in words]
    tasks = [Task(str(path), Recording(str(path), sha256_of(path)), path.stat().st_size) for path in files]
    folders = tuple(str(word.folder.resolve()) for word in loaded)
    setup = Setup(folders, (), json.dumps(identity(loaded)), version(), SessionSettings())
    work.perform(setup, tasks, jobs, lambda task, result: results.append(result))
    took = Took(time.monotonic() - began, _processor_s() - spent)
    if problems := [result.problem for result in results if result.problem]:
        raise ConfigError(problems[0])
    return took


class _Peer:
    """openWakeWord in an interpreter of its own, for all rounds; without an interpreter, nobody."""

    def __init__(self, interpreter: str) -> None:
        self._process: subprocess.Popen[str] | None = None
        if interpreter:
            try:
                self._process = subprocess.Popen(
                    [interpreter, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            except OSError as error:
                raise ConfigError(str(error), where="--peer") from error

    def __enter__(self) -> _Peer:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process:
            self._process.communicate()

    def took(self, files: list[Path]) -> Took:
        """To hear them all."""
        assert self._process and self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):  # it has ended: its error is on the screen, and nothing will be read
            print(json.dumps([str(path) for path in files]), file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            if line.startswith("seconds "):
                return Took(*map(float, line.split()[1:]))
        raise ConfigError("the peer failed", where="--peer", hint="an interpreter with openwakeword 0.5.1")


def _processes(jobs: int) -> str:
    return f"{jobs} process{'es' if jobs > 1 else ''}"


def _words(count: int) -> str:
    return f"{count} word{'s' if count > 1 else ''}"
