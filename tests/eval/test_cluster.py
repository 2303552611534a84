"""A Dask cluster of real worker processes: the same to the byte, also when one of them is killed at work."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wakeword import model
from wakeword.errors import ConfigError
from wakeword.eval import cluster, tables
from wakeword.eval.run import Order, evaluate
from wakeword.eval.work import Setup

distributed = pytest.importorskip("distributed", reason="clusters need the extra 'eval'")

TABLES = (tables.CANDIDATES, tables.UTTERANCES, tables.FILES, tables.SWEEP)


@pytest.fixture(scope="module")
def workers() -> Iterator[Any]:
    """Three processes of one thread each; one that dies is started again."""
    with distributed.LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as made:
        yield made


@pytest.fixture
def order(tmp_path: Path, small: Any) -> Order:
    words = tuple(model.load(word) for word in ("computer", "jarvis", "alexa"))
    points = tuple(word.points["default"] for word in words)
    places = (str(small.positives),), (str(small.negatives),)
    return Order(*places, tmp_path / "alone", words, points, tmp_path / "alone.sqlite")


def there(order: Order, address: str) -> Order:
    """The same, with a cache of its own, on a cluster."""
    return replace(order, out=order.out.parent / "there", cache=order.out.parent / "there.sqlite", dask=address)


def written(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


def quiet(what: str, done: int, whole: int) -> None:
    """No progress."""


def test_a_cluster_writes_the_same_tables_to_the_byte(order: Order, workers: Any) -> None:
    alone = evaluate(order, quiet)
    found = evaluate(there(order, workers.scheduler_address), quiet)
    assert written(order.out.parent / "there") == written(order.out)
    assert (found.files, found.unread) == (alone.files, []) == (alone.files, alone.unread)
    assert found.heard_now == alone.heard_now == alone.files > 5


def test_a_worker_that_is_killed_loses_and_doubles_nothing(
    order: Order, workers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(order, quiet)
    monkeypatch.setattr(cluster, "portions", lambda tasks: ([task] for task in tasks))  # so that many are under way
    killed: list[int] = []
    kept: list[str] = []
    work = cluster.perform

    def perform(setup: Setup, tasks: Any, address: str, keep: Any) -> None:
        def keep_and_kill(task: Any, result: Any) -> None:
            kept.append(task.key)
            if not killed:
                killed.append(next(iter(workers.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)
            keep(task, result)

        work(setup, tasks, address, keep_and_kill)

    monkeypatch.setattr(cluster, "perform", perform)
    evaluate(there(order, workers.scheduler_address), quiet)
    assert killed
    assert len(kept) == len(set(kept)) > 5
    assert written(order.out.parent / "there") == written(order.out)


def test_another_version_on_the_cluster_is_refused(order: Order, workers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wakeword.eval.run.version", lambda: "older")
    with pytest.raises(ConfigError, match="another version of wakeword"):
        evaluate(there(order, workers.scheduler_address), quiet)


def test_an_address_where_nobody_answers_is_named(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with pytest.raises(ConfigError, match=r"--dask tcp://127\.0\.0\.1:9: no scheduler"):
        evaluate(there(order, "tcp://127.0.0.1:9"), quiet)


def test_without_dask_it_is_named(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(ConfigError, match="dask is not installed"):
        evaluate(there(order, "tcp://127.0.0.1:9"), quiet)
