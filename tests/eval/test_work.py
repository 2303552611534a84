"""Many processes: nothing lost, nothing twice, also when one of them is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from wakeword import model
from wakeword.errors import ConfigError, SourceError
from wakeword.eval import work
from wakeword.eval.cache import Result, identity, version
from wakeword.eval.decide import replayed
from wakeword.eval.score import Scored, Scorer
from wakeword.eval.sounds import Recording, Told, sha256_of
from wakeword.eval.work import DEATHS, MOST_TASKS, MOST_WEIGHT, Setup, Task
from wakeword.model import Point
from wakeword.pipeline.pipeline import Detector
from wakeword.settings import SessionSettings


@pytest.fixture(scope="module")
def setup() -> Setup:
    own = [model.load("jarvis")]
    return Setup((str(own[0].folder.resolve()),), (), json.dumps(identity(own)), version(), SessionSettings())


@pytest.fixture
def tasks(small: object) -> list[Task]:
    folder: Path = small.folders  # type: ignore[attr-defined]
    return [
        Task(path.name, Recording(str(path), sha256_of(path)), path.stat().st_size)
        for path in sorted(folder.rglob("*.wav"))
    ]


@dataclass(frozen=True)
class Deadly:
    """Kills the process that opens it, unless `spared` is there; then it makes way for that the next time."""

    key: str
    spared: str = ""
    lead: int = 0

    def blocks(self, told: Told) -> Iterator[np.ndarray]:
        if self.spared and Path(self.spared).exists():
            return iter([np.zeros(16_000, np.int16)])
        if self.spared:
            Path(self.spared).touch()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def results(setup: Setup, tasks: list[Task], jobs: int) -> dict[str, Result]:
    found: dict[str, Result] = {}

    def keep(task: Task, result: Result) -> None:
        assert task.key == result.key
        assert task.key not in found, "counted twice"
        found[task.key] = result

    work.perform(setup, tasks, jobs, keep)
    return found


def test_two_processes_find_what_one_finds_to_the_bit(setup: Setup, tasks: list[Task]) -> None:
    alone = results(setup, tasks, 1)
    assert results(setup, tasks, 2) == alone
    assert len(alone) == len(tasks) > 3
    scorer = Scorer([model.load("jarvis")])
    for task in tasks:
        assert Scored.unpack(alone[task.key].packed) == scorer.score(task.sound.blocks(Told()))


def test_a_task_with_points_is_the_daemons_own_replay(setup: Setup, tasks: list[Task]) -> None:
    point = Point(0.3, 0.2)
    found = results(setup, [replace(task, points=(point,)) for task in tasks], 1)
    detector = Detector([model.load("jarvis")], [point])
    decided = {task.key: replayed(task.sound.blocks(Told()), detector, SessionSettings()) for task in tasks}
    assert {key: work.unpack(result.packed) for key, result in found.items()} == decided
    assert any(one.accepted for each in decided.values() for one in each.decisions)


def test_a_process_that_is_killed_is_replaced_and_nothing_is_lost(
    setup: Setup, tasks: list[Task], tmp_path: Path
) -> None:
    once = Task("once", Deadly("once", str(tmp_path / "spared")), 1)
    found = results(setup, [once, *tasks], 2)
    assert sorted(found) == sorted(["once", *(task.key for task in tasks)])
    assert [result.problem for result in found.values()] == [""] * len(found)


def test_what_always_kills_is_named_and_the_rest_is_done(setup: Setup, tasks: list[Task]) -> None:
    found = results(setup, [Task("deadly", Deadly("deadly"), 10**9), *tasks], 2)
    assert found.pop("deadly").problem == f"the process that read it died {DEATHS} times"
    assert sorted(found) == sorted(task.key for task in tasks)
    assert all(result.packed for result in found.values())


def test_an_unreadable_recording_is_a_result_with_a_problem(setup: Setup, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("this is no sound")
    task = Task("t", Recording(str(tmp_path / "text.wav"), "x"), 1)
    gone = Task("g", Recording(str(tmp_path / "gone.wav"), "x"), 1)
    found = results(setup, [task, gone], 1)
    assert found["t"].problem == "not a sound file (no known format)"
    assert found["g"].problem == "no such file or directory"
    with pytest.raises(SourceError):
        list(task.sound.blocks(Told()))


def test_a_worker_with_other_models_or_other_code_refuses(setup: Setup) -> None:
    with pytest.raises(ConfigError, match="not the models"):
        work.Worker(replace(setup, identity="[]"))
    with pytest.raises(ConfigError, match="another version"):
        work.Worker(replace(setup, code="older"))


def test_processes_that_refuse_end_the_evaluation_with_their_word(setup: Setup, tasks: list[Task]) -> None:
    found: list[str] = []
    with pytest.raises(ConfigError, match="another version of wakeword"):
        work.perform(replace(setup, code="older"), tasks, 2, lambda task, result: found.append(task.key))
    assert not found


def test_an_interrupt_ends_all_processes_and_keeps_what_came(setup: Setup, tasks: list[Task]) -> None:
    found: list[str] = []

    def keep(task: Task, result: Result) -> None:
        found.append(task.key)
        raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        work.perform(setup, [replace(task, weight=MOST_WEIGHT) for task in tasks], 2, keep)
    assert len(found) == 1
    assert threading.active_count() == threads


def test_portions_hold_every_task_once_and_are_bounded() -> None:
    weights = [5, MOST_WEIGHT * 3, 7, *range(1, 3 * MOST_TASKS), MOST_WEIGHT // 2, MOST_WEIGHT // 2]
    listed = [Task(str(number), Recording("x", "y"), weight) for number, weight in enumerate(weights)]
    made = list(work.portions(listed))
    assert sorted(int(task.key) for portion in made for task in portion) == list(range(len(weights)))
    for portion in made:
        assert len(portion) <= MOST_TASKS
        assert len(portion) == 1 or sum(task.weight for task in portion) <= MOST_WEIGHT
    assert made[0] == [listed[1]]  # the largest first
