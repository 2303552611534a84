"""The work itself, and many processes that do it: a recording scored, or replayed at given thresholds.

A process that dies is replaced, and what it was at is tried again alone; what kills its process three times over is
named as unreadable. Results come in any order and go to whoever keeps them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import astuple, dataclass

from wakeword import model as models
from wakeword.errors import ConfigError, WakewordError
from wakeword.eval.cache import Result, identity, version
from wakeword.eval.decide import Decided, Decision, replayed
from wakeword.eval.score import Scorer
from wakeword.eval.sounds import Sound, Told
from wakeword.events import RATE_HZ
from wakeword.model import Point
from wakeword.peers import replace_stages1
from wakeword.pipeline.pipeline import Detector
from wakeword.settings import SessionSettings

MOST_TASKS, MOST_WEIGHT = 32, 4_000_000  # of one portion of work: some tens of seconds of one core at most
DEATHS = 3


@dataclass(frozen=True, slots=True)
class Setup:
    """What every process must have: the same models, the same code."""

    folders: tuple[str, ...]  # of the models, in the order of words
    stage1: tuple[tuple[str, str], ...]  # words that have another program's stage 1: `wakeword/peers/`
    identity: str
    code: str
    session: SessionSettings
    smoothed_steps: tuple[int, ...] = ()  # one a word; () for the usual


@dataclass(frozen=True, slots=True)
class Task:
    """One recording. With `points`, what the daemon does at them; without, scores for all of them."""

    key: str
    sound: Sound
    weight: int  # bytes of the file: larger takes longer
    points: tuple[Point, ...] = ()


class Worker:
    """Does one task after another. Raises `ModelError`, `ConfigError` when it is not what the setup says."""

    def __init__(self, setup: Setup) -> None:
        words = replace_stages1([models.load(folder) for folder in setup.folders], dict(setup.stage1))
        if json.dumps(identity(words)) != setup.identity:
            raise ConfigError("not the models that this evaluation began with", where=", ".join(setup.folders))
        if version() != setup.code:
            raise ConfigError("another version of wakeword or of its libraries", hint="install the same everywhere")
        self._setup, self._words = setup, words
        self._scorer = Scorer(words, setup.smoothed_steps)
        self._detector: Detector | None = None

    def perform(self, task: Task) -> Result:
        """A sound that cannot be read is a result with a problem."""
        told = Told()
        try:
            packed, seconds = self._replay(task, told) if task.points else self._score(task, told)
        except WakewordError as error:
            return Result(task.key, problem=error.what)
        except (OSError, MemoryError) as error:
            return Result(task.key, problem=str(error) or type(error).__name__)
        return Result(task.key, packed, "", seconds, tuple(told.warnings), told.room)

    def _score(self, task: Task, told: Told) -> tuple[bytes, float]:
        scored = self._scorer.score(task.sound.blocks(told))
        return scored.pack(), scored.samples / RATE_HZ

    def _replay(self, task: Task, told: Told) -> tuple[bytes, float]:
        if self._detector is None:
            self._detector = Detector(self._words, list(task.points))
        self._detector.points = list(task.points)
        return pack(replayed(task.sound.blocks(told), self._detector, self._setup.session)), 0.0


def pack(decided: Decided) -> bytes:
    """Decisions of a replay; every float the same when unpacked."""
    return json.dumps([astuple(one) for one in decided.decisions]).encode()


def unpack(packed: bytes) -> Decided:
    """The inverse of `pack`."""
    return Decided(tuple(Decision(*values) for values in json.loads(packed)), certain=True)


def portions(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Large ones first and alone, so that nobody waits for one at the end; small ones together."""
    portion: list[Task] = []
    for task in sorted(tasks, key=lambda task: -task.weight):
        if portion and (len(portion) == MOST_TASKS or sum(one.weight for one in portion) + task.weight > MOST_WEIGHT):
            yield portion
            portion = []
        portion.append(task)
    if portion:
        yield portion


def perform(setup: Setup, tasks: Sequence[Task], jobs: int, keep: Callable[[Task, Result], object]) -> None:
    """All tasks, in `jobs` processes; `keep` is called for each result as it comes, here.

    On KeyboardInterrupt the processes end at once; what was kept is kept. Raises what `Worker` raises.
    """
    if jobs == 1:
        worker = Worker(setup)
        for portion in portions(tasks):
            for task in portion:
                keep(task, worker.perform(task))
        return
    waiting = deque(portions(tasks))
    deaths: Counter[str] = Counter()
    while waiting:
        for task in _until_death(setup, waiting, jobs, keep):
            deaths[task.key] += 1
            if deaths[task.key] < DEATHS:
                waiting.appendleft([task])
            else:
                keep(task, Result(task.key, problem=f"the process that read it died {DEATHS} times"))


def _until_death(
    setup: Setup, waiting: deque[list[Task]], jobs: int, keep: Callable[[Task, Result], object]
) -> list[Task]:
    """Work until all is done, or a process dies: then what was under way, of which perhaps some is done."""
    under_way: dict[Future[list[Result]], list[Task]] = {}
    context = multiprocessing.get_context("spawn")  # onnxruntime's state does not survive a fork
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for the children: one thread a process
    with ProcessPoolExecutor(jobs, context, _begin, (setup,)) as pool:
        try:
            while waiting or under_way:
                while waiting and len(under_way) < 2 * jobs:  # no more: memory stays flat
                    under_way[pool.submit(_perform, waiting[0])] = waiting[0]
                    waiting.popleft()
                done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    for task, result in zip(under_way[future], future.result(), strict=True):
                        keep(task, result)
                    del under_way[future]
        except BrokenProcessPool:
            return [task for portion in under_way.values() for task in portion]
        except BaseException:
            for child in multiprocessing.active_children():
                child.terminate()
            raise
    return []


_worker: Worker | WakewordError


def _begin(setup: Setup) -> None:
    global _worker  # noqa: PLW0603 - one a process: models are loaded once
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's affair
    try:
        _worker = Worker(setup)
    except WakewordError as error:  # raised here it would be a death, and tried again
        _worker = error


def _perform(portion: list[Task]) -> list[Result]:
    if isinstance(_worker, WakewordError):
        raise _worker
    return [_worker.perform(task) for task in portion]
