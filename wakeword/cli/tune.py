"""`wakeword tune RUN`: both thresholds chosen together on a part of an evaluation, and reported on the rest."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wakeword.errors import CheckFailed, ConfigError

if TYPE_CHECKING:
    from wakeword.eval.joint import Sweep
    from wakeword.eval.operate import Heard
    from wakeword.eval.tables import Run
    from wakeword.eval.tune import Wish

EPILOG = """examples:
  wakeword tune run1 --max-fa-per-hour 0.5                     chosen on half of the speakers, reported on the others
  wakeword tune run1 --max-fa-per-hour 0.5 --promise           so that the bound keeps the limit, not the estimate
  wakeword tune run1 --max-frr 0.05 --report-on run2 --write tuned.yaml
  wakeword tune run1 --max-fa-per-hour 1 --split none --refractory-ms 500 1000 2000
  wakeword tune run1 run3 --max-fa-per-hour 0.5                run3: the same with `wakeword eval --smoothing 3`

RUN is what `wakeword eval --out` wrote; nothing is heard again. Several runs are the same recordings heard with several
values of `--smoothing`: that is chosen too. `--write FILE` keeps the points; name it in the configuration:
words: [{model: computer, point: FILE}]. What is promised, and why: docs/metrics.md.

exit codes: 0 done, 1 the limit cannot be kept or promised on these data, 2 bad usage or configuration"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("runs", nargs="+", metavar="RUN", help="the folder of an evaluation; several: of the same with other smoothing")
    limit = parser.add_mutually_exclusive_group(required=True)
    limit.add_argument("--max-fa-per-hour", type=float, metavar="X", help="false accepts an hour; misses are made few")
    limit.add_argument("--max-frr", type=float, metavar="Y", help="share of misses, 0 to 1; false accepts are made few")
    add("--promise", action="store_true", help="keep the limit with the upper end of a 95 %% bound")
    add("--word", action="append", metavar="W", help="only this word; repeat for more (default: all of the run)")
    halves = (
        "choose on half, by speakers or by names of recordings, or on all (default: speaker if all are known, or hash)"
    )
    add("--split", choices=["speaker", "hash", "none"], help=halves)
    add("--report-on", metavar="RUN2", help="choose on all of RUN, report on this evaluation instead")
    add(
        "--condition",
        action="append",
        metavar="C",
        help="misses of this condition only; repeat for more",
    )
    add("--refractory-ms", type=int, nargs="+", metavar="MS", help="also choose the refractory time among these")
    add("--write", type=Path, metavar="FILE", help="write the operating points, a .yaml file for the configuration")
    add("--json", action="store_true", help="one JSON object instead of text")


def execute(given: argparse.Namespace) -> int:
    """Choose, report, write."""
    from wakeword.eval import operate
    from wakeword.eval.tables import open_run

    wish = _wish(given)
    if given.report_on and given.split not in (None, "none"):
        raise ConfigError("a second run is what --split would make", where="--report-on")
    if given.write and given.write.suffix not in (".yaml", ".yml"):
        raise ConfigError("the configuration knows operating points by the ending .yaml", where="--write")
    run, *others = map(open_run, given.runs)
    other = open_run(given.report_on) if given.report_on else None
    found, failed = [], 0
    for word in given.word or list(run.about["words"]):
        heard = [_heard(given, run, one, other, word) for one in (run, *others)]
        try:
            found.append(operate.tune(heard, wish, given.refractory_ms))
        except CheckFailed as error:  # the other words are chosen all the same
            print(f"wakeword: {error}", file=sys.stderr)
            failed = error.exit_code
    if given.write and found:
        operate.write(given.write, run, found, wish, sys.argv[1:], others)
    if given.json:
        print(json.dumps([operate.form(one) for one in found], ensure_ascii=False, allow_nan=False))
    else:
        for one in found:
            print("\n".join(operate.sentences(one, wish)), end="\n\n")
        if given.write and found:
            print(f"written: {given.write}")
            print(f"in the configuration: words: [{{model: {found[0].word}, point: {given.write}}}]")
    return failed


def _wish(given: argparse.Namespace) -> Wish:
    from wakeword.eval.tune import Wish
    from wakeword.model import MOST_REFRACTORY_MS

    if given.max_fa_per_hour is not None and not 0 < given.max_fa_per_hour < float("inf"):
        raise ConfigError("a frequency above 0 is needed", where="--max-fa-per-hour")
    if given.max_frr is not None and not 0 <= given.max_frr < 1:
        raise ConfigError("a share from 0 to below 1 is needed", where="--max-frr")
    if any(not 0 <= ms <= MOST_REFRACTORY_MS for ms in given.refractory_ms or []):
        raise ConfigError(f"0 to {MOST_REFRACTORY_MS}", where="--refractory-ms")
    return Wish(given.max_fa_per_hour, given.max_frr, given.promise)


def _heard(given: argparse.Namespace, first: Run, run: Run, other: Run | None, word: str) -> Heard:
    """What is chosen on, and what is reported on. Only smoothing may differ from the `first` run."""
    from wakeword.eval import operate

    parts = _parts(given, run, other, word)
    operate.same_models(first, run, word)
    way = operate.way_of(run, word)
    if way[0] != operate.way_of(first, word)[0]:
        raise ConfigError(f"'{word}' was heard with another refractory time in this run", where=str(run.folder))
    if other and way != operate.way_of(other, word):
        hint = "--report-on a run of the same smoothing and refractory time, and with it one RUN"
        raise ConfigError(f"'{word}' was heard in another way in this run", where=str(other.folder), hint=hint)
    return operate.Heard(*parts, *way)


def _parts(given: argparse.Namespace, run: Run, other: Run | None, word: str) -> tuple[Sweep, Sweep | None]:
    from wakeword.eval import joint, operate

    def sweep(one: Run) -> Sweep:
        found = joint.load(one, word)
        return operate.only_conditions(found, given.condition) if given.condition else found

    if other:
        operate.same_models(run, other, word)
        return sweep(run), sweep(other)
    if given.split == "none":
        return sweep(run), None
    chosen_on, reported_on, how = operate.halves(sweep(run), given.split)
    if not chosen_on.utterances or not reported_on.utterances:
        raise ConfigError(f"'{word}' cannot be cut in two by {how}", where="--split", hint="--split hash, or none")
    return chosen_on, reported_on
