"""`wakeword eval`: recordings through the daemon's pipeline, and what can be said of the result."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wakeword.cli.words import add_words, configured, open_detector, stages1
from wakeword.errors import UNREADABLE, ConfigError

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from wakeword.eval.collected import Collected
    from wakeword.eval.run import Order, Outcome
    from wakeword.model import Model, Point
    from wakeword.settings import SessionSettings

EPILOG = """examples:
  wakeword eval --positives said --negatives talk music --out run1
  wakeword eval --positives said.csv --negatives talk --word jarvis --point keen --out run2
  wakeword eval --positives said --noise noise --babble talk --snr 10 0 --rooms simulate --out run3
  wakeword eval --positives said --negatives talk --config wakeword.yaml --out run4
  wakeword eval --positives said --negatives talk --smoothing 3 --out run7      for `wakeword tune run1 run7 …`
  wakeword eval --collected ~/.local/state/wakeword/collected --key collect.key --negatives talk --out run6
  wakeword eval --positives said --negatives talk --dask tcp://10.0.0.7:8786 --out run5

POSITIVES: folders named after a word (said/computer/*.wav) or a CSV with path,word,start_s,end_s,speaker,group_*.
What is written into OUT, and what counts as a hit: docs/eval.md. Ctrl-C keeps what was heard; the same command goes on,
and other thresholds take seconds.

exit codes: 0 done, 1 a bar was missed, 2 bad usage or configuration, 3 some files unreadable (named; the rest done)"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.epilog = EPILOG
    add, jobs = parser.add_argument, len(os.sched_getaffinity(0))
    add("--positives", nargs="+", default=[], metavar="P", help="folders named after a word, or manifests")
    add("--negatives", nargs="+", default=[], metavar="N", help="folders, recordings or manifests without the words")
    add("--collected", default="", metavar="DIR", help="candidates that `wakeword collect` kept; needs --key")
    add("--key", default="", metavar="FILE", help="the private key that opens them, in memory alone")
    add("--labels", default="", metavar="FILE", help="clip,word: what is said in them (default: no word)")
    add("--out", type=Path, required=True, metavar="DIR", help="where the tables go")
    add_words(parser)
    add("--smoothing", type=int, metavar="N", help="mean of so many scores of stage 1 (default: as the point says)")
    add("--config", type=Path, metavar="FILE", help="words, thresholds and sessions as `wakeword run` reads them there")
    add("--noise", nargs="+", default=[], metavar="DIR", help="noise to mix into positives; folders in it are kinds")
    add("--babble", nargs="+", default=[], metavar="DIR", help="single talkers; six at once are the noise 'babble'")
    add("--snr", nargs="+", type=float, default=[], metavar="DB", help="at these ratios, over the word's active part")
    add("--rooms", default="", metavar="DIR", help="room responses to hear positives through, or 'simulate'")
    add("--seed", type=int, default=1, help="of which noise, from where on, and which room (default: 1)")
    add("--channel", type=int, help="take this channel, counted from 0 (default: mix)")
    add("--jobs", type=int, default=jobs, metavar="N", help=f"processes (default: {jobs}, all cores)")
    add("--dask", default="", metavar="ADDRESS", help="do the work on this Dask cluster instead")
    add("--bars", type=Path, metavar="FILE", help="limits to keep, or exit code 1: docs/metrics.md")
    add("--against", type=Path, metavar="DIR", help="an earlier run: the report says what got better, what worse")
    add("--clips", type=int, default=60, metavar="N", help="errors to be heard in the report, at most (default: 60)")
    add("--cache", type=Path, metavar="FILE", help="scores of what was heard before (default: in ~/.cache/wakeword)")
    add("--json", action="store_true", help="one JSON object instead of text")


def execute(given: argparse.Namespace) -> int:
    """Evaluate; unreadable files are named and the rest done."""
    from wakeword.cli.summary import conclude
    from wakeword.eval import bars as limits
    from wakeword.eval import report, tables
    from wakeword.eval.run import evaluate

    if given.jobs < 1:
        raise ConfigError("at least one process is needed", where="--jobs")
    if given.clips < 0:
        raise ConfigError("a number from 0 on", where="--clips")
    against = tables.open_run(given.against) if given.against else None
    if against and against.folder.resolve() == given.out.resolve():
        raise ConfigError("the run would be compared with itself", where="--against")
    asked = limits.read(given.bars) if given.bars else None
    order = _order(given)
    with _Bars() as bars:
        try:
            outcome = evaluate(order, bars.show)
            run = tables.open_run(given.out)
            findings = report.found(run, against)
            page = report.write(run, findings, outcome.sounds, partial(bars.show, "report"), given.clips)
        except KeyboardInterrupt:
            print("wakeword: stopped; what was heard is kept, the same command goes on", file=sys.stderr)
            raise
    _tell(outcome)
    print(f"report: {page}", file=sys.stderr)
    failed = conclude(run, findings.words, findings.groups, findings.changes, asked, as_json=given.json)
    return failed or (UNREADABLE if outcome.unread else 0)


def _order(given: argparse.Namespace) -> Order:
    from wakeword.eval.items import Surroundings
    from wakeword.eval.run import Order
    from wakeword.model import MOST_SMOOTHED_STEPS

    models, points, session = _words(given)
    if given.smoothing is not None:
        if not 1 <= given.smoothing <= MOST_SMOOTHED_STEPS:
            raise ConfigError(f"1 to {MOST_SMOOTHED_STEPS} steps", where="--smoothing")
        points = [replace(point, smoothed_steps=given.smoothing) for point in points]
    return Order(
        tuple(given.positives), tuple(given.negatives), given.out, tuple(models), tuple(points),
        cache=given.cache or _cache(),
        session=session,
        around=Surroundings(tuple(given.noise), tuple(given.babble), tuple(given.snr), given.rooms, given.seed),
        stage1=tuple(stages1(given).items()),
        channel=given.channel,
        jobs=given.jobs,
        dask=given.dask,
        command=tuple(sys.argv[1:]),
        collected=_collected(given),
    )  # fmt: skip


def _collected(given: argparse.Namespace) -> Collected | None:
    from wakeword.eval.collected import Collected

    if not given.collected:
        if given.key or given.labels:
            raise ConfigError("--key and --labels belong to --collected", where="--collected")
        return None
    if not given.key:
        raise ConfigError("kept candidates are sealed", where="--key", hint="the private key's file")
    return Collected(given.collected, given.key, given.labels)


def _words(given: argparse.Namespace) -> tuple[list[Model], list[Point], SessionSettings]:
    """From the command line or, with `--config`, exactly those that the daemon would listen for."""
    from wakeword.settings import SessionSettings

    if given.config:
        if given.word or given.model or given.stage1:
            raise ConfigError("the words are those of the configuration", where="--config")
        return configured(given.config)
    detector = open_detector(given)  # checks words, point and graphs
    return detector.models, detector.points, SessionSettings()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wakeword" / "eval.sqlite"


def _tell(outcome: Outcome) -> None:
    for note in outcome.notes:
        print(f"wakeword: {note}", file=sys.stderr)
    for name, problem in outcome.unread:
        print(f"wakeword: {name}: {problem}", file=sys.stderr)
    known = outcome.files - len(outcome.unread) - outcome.heard_now
    print(
        f"{outcome.files} recordings, {outcome.hours:.2f} h; {max(0, known)} of them were heard before", file=sys.stderr
    )


class _Bars:
    """Progress and time left: bars on a terminal, a line a tenth otherwise; on standard error."""

    def __init__(self) -> None:
        self._shown: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._tenths: dict[str, int] = {}

    def __enter__(self) -> _Bars:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        if console.is_terminal:
            columns = TextColumn("{task.description:<10}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
            self._shown = Progress(*columns, console=console, transient=True)
            self._shown.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._shown:
            self._shown.stop()

    def show(self, what: str, done: int, whole: int) -> None:
        """`done` of `whole`, in any unit."""
        if self._shown:
            if what not in self._tasks:
                self._tasks[what] = self._shown.add_task(what)
            self._shown.update(self._tasks[what], completed=done, total=whole)
            return
        tenth = 10 * done // max(1, whole)
        if what == "hearing" and tenth > self._tenths.get(what, 0):
            self._tenths[what] = tenth
            print(f"{what}: {10 * tenth} %", file=sys.stderr, flush=True)
