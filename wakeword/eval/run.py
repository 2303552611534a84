"""An evaluation from beginning to end: list, hear what was not heard before, decide, write the tables.

Read this first, then in the order of work: `corpus.py` (what there is), `items.py` (in which conditions), `work.py` or
`cluster.py` (many processes), `score.py` (one recording, all thresholds), `decide.py` (one point), `match.py` and
`rows.py` (candidates and utterances), `tables.py` (the files).

Nothing grows with the corpus but a list of its names: results lie in the cache and go to the tables one by one.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import wakeword
from wakeword.errors import ConfigError, in_words
from wakeword.eval import cluster, corpus, tables, work
from wakeword.eval.cache import LIBRARIES, Cache, Result, identity, key_of, version
from wakeword.eval.collected import Collected, Sealed, entries
from wakeword.eval.decide import decide
from wakeword.eval.items import Item, Surroundings, conditions, items
from wakeword.eval.match import TOLERANCE_S
from wakeword.eval.rows import Rows, file_row, rows, unread_row
from wakeword.eval.score import Scored
from wakeword.eval.sounds import Sound
from wakeword.eval.tables import Alternative, Candidate, File, Table, Utterance
from wakeword.eval.work import Setup, Task
from wakeword.events import RATE_HZ
from wakeword.model import Model, Point
from wakeword.pipeline.pipeline import FLOOR
from wakeword.pipeline.session import refractory_samples
from wakeword.settings import SessionSettings

Progress = Callable[[str, int, int], object]  # what is being done, how much of it is done, of how much


@dataclass(frozen=True)
class Order:
    """What is to be evaluated, on what, how."""

    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    out: Path
    words: tuple[Model, ...]
    points: tuple[Point, ...]  # one a word
    cache: Path
    session: SessionSettings = field(default_factory=SessionSettings)
    around: Surroundings = field(default_factory=Surroundings)
    stage1: tuple[tuple[str, str], ...] = ()  # words that have another program's stage 1, and which
    channel: int | None = None
    jobs: int = 1
    dask: str = ""
    collected: Collected | None = None
    command: tuple[str, ...] = ()  # as it was given, for the record


@dataclass
class Outcome:
    """What became of it. `unread` are (file, why)."""

    notes: list[str]
    files: int = 0
    hours: float = 0.0
    heard_now: int = 0  # the others were in the cache
    replayed: int = 0
    unread: list[tuple[str, str]] = field(default_factory=list)
    sounds: dict[str, Sound] = field(default_factory=dict)  # what was heard, by its name in the tables


def evaluate(order: Order, progress: Progress) -> Outcome:
    """All of it. Raises `WakewordError`; on KeyboardInterrupt what was heard is kept in the cache."""
    try:
        order.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(in_words(error), where=str(order.out)) from error
    (order.out / tables.RUN).unlink(missing_ok=True)  # it comes last: a folder without it is not finished
    words, notes = [model.word for model in order.words], list[str]()
    kept = entries(order.collected, words, notes) if order.collected else []
    if kept and order.dask:
        raise ConfigError("kept candidates stay on this machine", where="--dask", hint="evaluate them apart")
    found = corpus.read(order.positives, order.negatives, words, kept)
    among = conditions(order.around, order.cache.parent / "rooms")
    cache = Cache(order.cache)
    try:
        listed = list(items(found.entries, among, cache, order.channel, lambda n, of: progress("files", n, of)))
        outcome = Outcome(found.notes + notes, files=len(listed))
        _hear(order, listed, cache, progress, outcome)
        _replay(order, listed, cache, progress, outcome)
        _write(order, listed, cache, progress, outcome)
    finally:
        cache.close()
    outcome.sounds = {
        item.name: item.sound
        for item in listed
        if item.sound and not item.problem and not isinstance(item.sound, Sealed)  # these are written nowhere
    }
    about = _about(order, among, outcome)
    (order.out / tables.RUN).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return outcome


def _hear(order: Order, listed: list[Item], cache: Cache, progress: Progress, outcome: Outcome) -> None:
    """Score what the cache does not have."""
    models, smoothed = identity(order.words), [point.smoothed_steps for point in order.points]
    tasks: dict[str, Task] = {}
    for item in listed:
        if item.sound:
            item.score_key = key_of("score", [models, smoothed, item.sound.key])
            if not cache.has(item.score_key):
                tasks[item.score_key] = Task(item.score_key, item.sound, item.weight)
    outcome.heard_now = len(tasks)
    problems = _work(order, list(tasks.values()), cache, lambda n, of: progress("hearing", n, of))
    for item in listed:
        item.problem = item.problem or problems.get(item.score_key, "")


def _replay(order: Order, listed: list[Item], cache: Cache, progress: Progress, outcome: Outcome) -> None:
    """Where the scores alone do not settle what the daemon does at this point, let it."""
    tasks: dict[str, Task] = {}
    for number, item in enumerate(listed):
        result = cache.get(item.score_key) if item.sound and not item.problem else None
        if result and item.sound and not decide(Scored.unpack(result.packed), order.points, order.session).certain:
            points = [asdict(point) for point in order.points]
            item.replay_key = key_of("replay", [item.score_key, points, asdict(order.session)])
            if not cache.has(item.replay_key):
                tasks[item.replay_key] = Task(item.replay_key, item.sound, item.weight, order.points)
        progress("deciding", number + 1, len(listed))
    outcome.replayed = len(tasks)
    problems = _work(order, list(tasks.values()), cache, lambda n, of: progress("replaying", n, of))
    for item in listed:
        item.problem = item.problem or problems.get(item.replay_key, "")


def _work(
    order: Order, tasks: Sequence[Task], cache: Cache, progress: Callable[[int, int], object]
) -> dict[str, str]:  # fmt: skip
    """Do it; returns problems by key."""
    if not tasks:
        return {}
    folders = tuple(str(model.folder.resolve()) for model in order.words)
    smoothed = tuple(point.smoothed_steps for point in order.points)
    setup = Setup(folders, order.stage1, json.dumps(identity(order.words)), version(), order.session, smoothed)
    problems: dict[str, str] = {}
    done, whole = 0, sum(task.weight for task in tasks)

    def keep(task: Task, result: Result) -> None:
        nonlocal done
        cache.put(result)
        if result.problem:
            problems[task.key] = result.problem
        done += task.weight
        progress(done, whole)

    progress(0, whole)
    if order.dask:
        cluster.perform(setup, tasks, order.dask, keep)
    else:
        work.perform(setup, tasks, min(order.jobs, len(tasks)), keep)
    return problems


def _write(order: Order, listed: list[Item], cache: Cache, progress: Progress, outcome: Outcome) -> None:
    """The four tables, a recording at a time."""
    groups = sorted({name for item in listed for name in item.entry.groups})
    written = Table(order.out, File, groups), Table(order.out, Utterance, groups)
    candidates, alternatives = Table(order.out, Candidate), Table(order.out, Alternative)
    files, utterances = written
    for number, (item, found) in enumerate(_rows(order, listed, cache)):
        if found is None:
            outcome.unread.append((item.name, item.problem))
            files.write(unread_row(item, item.problem))
        else:
            outcome.hours += found.file.hours
            files.write(found.file)
            for utterance in found.utterances:
                utterances.write(utterance)
            for candidate in found.candidates:
                candidates.write(candidate)
            for alternative in found.alternatives:
                alternatives.write(alternative)
        progress("writing", number + 1, len(listed))
    for table in (files, utterances, candidates, alternatives):
        table.close()


def _rows(order: Order, listed: list[Item], cache: Cache) -> Iterator[tuple[Item, Rows | None]]:
    words = [model.word for model in order.words]
    for item in listed:
        result = cache.get(item.score_key) if not item.problem else None
        if result is None:
            yield item, None
            continue
        scored = Scored.unpack(result.packed)
        replayed = cache.get(item.replay_key) if item.replay_key else None
        decided = work.unpack(replayed.packed) if replayed else decide(scored, order.points, order.session)
        file = file_row(item, scored.samples, "; ".join(result.warnings), result.room)
        yield item, rows(item, file, scored, decided, words, order.points, order.session)


def _about(order: Order, among: Sequence[Any], outcome: Outcome) -> dict[str, Any]:
    """`run.json`. Any: JSON."""
    libraries = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {
        "format": tables.FORMAT,
        "words": {
            model.word: {
                "phrase": model.phrase, "model": str(model.folder),
                "stage1_sha256": model.stage1_sha256, "stage2_sha256": model.stage2_sha256,
                "threshold_stage1": point.stage1, "threshold_stage2": point.stage2,
                "smoothed_steps": point.smoothed_steps,
                "refractory_ms": refractory_samples(order.session, point) * 1000 // RATE_HZ,
                "point": next((name for name, own in model.points.items() if own == point), ""),
            }
            for model, point in zip(order.words, order.points, strict=True)
        },
        "session": asdict(order.session),
        "stage1": dict(order.stage1),
        "floor": FLOOR,
        "tolerance_s": TOLERANCE_S,
        "positives": list(order.positives), "negatives": list(order.negatives),
        "collected": order.collected.folder if order.collected else "",
        "surroundings": asdict(order.around), "conditions": ["clean", *(condition.name for condition in among)],
        "channel": order.channel,
        "files": outcome.files, "hours": round(outcome.hours, 6), "notes": outcome.notes,
        "unread": [{"file": name, "problem": problem} for name, problem in outcome.unread],
        "command": list(order.command),
        "versions": {"wakeword": wakeword.__version__, "python": platform.python_version(), **libraries},
        "code": version(),
    }  # fmt: skip
