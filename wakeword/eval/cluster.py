"""The same work on a Dask cluster. Workers must see the same files under the same paths and run the same versions.

Every task is pure and has a name, so that the scheduler may give it to another worker when one dies; results are filed
under that name, so that none is lost and none counts twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from itertools import islice
from typing import Any

from wakeword.errors import ConfigError, WakewordError
from wakeword.eval.cache import Result
from wakeword.eval.work import DEATHS, Setup, Task, Worker, portions

CONNECT_S = 10
AHEAD = 4  # portions a thread that wait at the cluster: enough to be busy, few enough to be flat


def perform(setup: Setup, tasks: Sequence[Task], address: str, keep: Callable[[Task, Result], object]) -> None:
    """All tasks, on the cluster whose scheduler is at `address`; `keep` is called for each result as it comes, here.

    Raises `ConfigError` without dask, when nobody answers at the address, and when a worker is of another version.
    """
    try:
        import distributed
    except ImportError as error:
        raise ConfigError("dask is not installed", where="--dask", hint="pip install 'wakeword[eval]'") from error
    connect: Any = distributed.Client  # untyped
    try:
        client = connect(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise ConfigError(f"no scheduler: {error}", where=f"--dask {address}") from error
    with client:
        _perform(client, setup, tasks, keep)


def _perform(client: Any, setup: Setup, tasks: Sequence[Task], keep: Callable[[Task, Result], object]) -> None:
    """`client` is Any: dask has no type information."""
    import distributed

    as_completed: Any = distributed.as_completed  # untyped

    threads = sum(client.nthreads().values())
    if not threads:
        raise ConfigError("the cluster has no workers", where="--dask")
    coming = portions(tasks)
    under_way: dict[str, list[Task]] = {}

    def submit(portion: list[Task]) -> Any:
        name = f"wakeword-{portion[0].key}-{len(portion)}"
        under_way[name] = portion
        return client.submit(perform_there, setup, portion, key=name, retries=DEATHS)

    done = as_completed([submit(portion) for portion in islice(coming, AHEAD * threads)])
    for future in done:
        portion = under_way.pop(future.key)
        try:
            results = future.result()
        except distributed.KilledWorker:
            results = [Result(task.key, problem="the workers that read it died") for task in portion]
        except (CancelledError, OSError) as error:
            raise WakewordError("the cluster's scheduler is gone", hint="the same command goes on") from error
        for task, result in zip(portion, results, strict=True):
            keep(task, result)
        future.release()
        if following := next(coming, None):
            done.add(submit(following))


def perform_there(setup: Setup, portion: list[Task]) -> list[Result]:
    """On a worker. A detector serves one thread, so each thread has its own."""
    if getattr(_own, "setup", None) != setup:
        _own.worker, _own.setup = Worker(setup), setup
    return [_own.worker.perform(task) for task in portion]


_own = threading.local()
