"""`python -m wakeword.ordeal`: what to put the gate through, how often, from which seed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wakeword.errors import CHECK_FAILED, WakewordError
from wakeword.ordeal import books as books_module
from wakeword.ordeal import fuzz as fuzz_module
from wakeword.ordeal import inject as inject_module
from wakeword.ordeal import kills as kills_module
from wakeword.ordeal import wire as wire_module
from wakeword.ordeal.crash import Trial, Tried
from wakeword.ordeal.life import BrokenPromiseError
from wakeword.ordeal.progress import Progress
from wakeword.ordeal.teeth import bites

EPILOG = """examples:
  scripts/ordeal/gate crash --count 2000                  a first look at power loss, some 20 s
  scripts/ordeal/gate crash --count 100000 --keep c.json  all of it; break it off, call it again: it goes on
  scripts/ordeal/gate teeth                               one guard after the other is taken away: is it noticed?
  scripts/ordeal/gate kills --count 10000                 SIGKILL for the real process
  scripts/ordeal/gate fuzz --count 10000000               hostile messages to readers and states
  scripts/ordeal/gate wire --count 100000                 the same for the real process
  scripts/ordeal/gate inject --count 8                    EIO, ENOSPC, SIGKILL at the first 8 calls of each
  scripts/ordeal/gate books --count 100                   bytes by the log, the kernel, the service (root, nftables)

What each does, and what came of it: docs/ordeal.md. Exit codes: 0 nothing was broken, 1 something was, 2 bad usage.
"""


def arguments() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        "scripts/ordeal/gate", description="Put the gate and its log through what may happen to them.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("what", choices=sorted(ORDEALS))
    parser.add_argument("--count", type=int, default=1_000, metavar="N", help="how much of it (default: 1000)")
    parser.add_argument("--seed", type=int, default=1, help="everything drawn comes from it (default: 1)")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="sums so far: a run that was broken off goes on (not teeth, books)"
    )
    parser.add_argument("--for", type=float, dest="most_s", metavar="S", help="stop after so long (not teeth, books)")
    return parser


def crash(given: argparse.Namespace) -> dict[str, Any]:
    """Crash states of lives, one seed after the other."""
    progress, began = Progress("crash states", given.count, given.keep), time.monotonic()
    sums, tried = progress.sums, Tried()
    tried.counts.update(sums.get("counts", {}))
    number = sums.get("next", given.seed)
    ended = False

    def enough() -> bool:
        nonlocal ended
        progress.step(tried.states)
        ended = tried.states >= given.count or bool(given.most_s and time.monotonic() - began > given.most_s)
        return ended

    while not ended:
        Trial(number, tried, enough).run()
        number += 1
        sums |= {"counts": dict(tried.counts), "next": number}
    progress.step(tried.states, force=True)
    return {"states": tried.states, "lives": number - given.seed, **tried.counts}


def teeth(given: argparse.Namespace) -> dict[str, Any]:
    """Which missing guard was noticed after how many states."""
    found = {}
    for bite in bites(given.seed):
        print(f"{bite.guard}: {'caught' if bite.caught else 'NOT CAUGHT'} after {bite.states}", file=sys.stderr)
        found[bite.guard] = {"states": bite.states, "caught": bite.caught[:200]}
    missed = [guard for guard, bite in found.items() if not bite["caught"]]
    if missed:
        raise BrokenPromiseError(f"not noticed: {', '.join(missed)}")
    return found


def kills(given: argparse.Namespace) -> dict[str, Any]:
    """SIGKILLs of the real gate."""
    return _counted(given, "kills", kills_module.run)


def fuzz(given: argparse.Namespace) -> dict[str, Any]:
    """Messages of hostile neighbours."""
    return _counted(given, "messages", fuzz_module.run)


def wire(given: argparse.Namespace) -> dict[str, Any]:
    """The same for the real process."""
    return _counted(given, "messages", wire_module.run)


def inject(given: argparse.Namespace) -> dict[str, Any]:
    """Faults at the first calls."""
    given.count, first = len(inject_module.cases(given.count)), given.count
    return _counted(given, "faults", lambda _, left, counts: inject_module.run(first, counts, given.count - left))


def books(given: argparse.Namespace) -> dict[str, Any]:
    """Log, kernel and service over sessions of the real processes."""
    progress = Progress("sessions", given.count, None)
    return asdict(books_module.run(given.count, given.seed, progress.step))


_Run = Callable[[int, int, Counter[str]], Iterator[int]]  # seed, how many, sums -> how many are done


def _counted(given: argparse.Namespace, what: str, run: _Run) -> dict[str, Any]:
    """Run it to its end or for its time; what was broken off goes on where it was, from another seed."""
    progress, began = Progress(what, given.count, given.keep), time.monotonic()
    before, counts = int(progress.sums.get("done", 0)), Counter[str]()
    sums = Counter(progress.sums.get("counts", {}))
    done = before
    for each in run(given.seed + before, given.count - before, counts):
        done = before + each
        progress.sums["counts"] = dict(sums + counts)
        progress.step(done)
        if given.most_s and time.monotonic() - began > given.most_s:
            break
    progress.sums["counts"] = dict(sums + counts)
    progress.step(done, force=True)
    return {what: done, **progress.sums["counts"]}


ORDEALS = {"books": books, "crash": crash, "teeth": teeth, "kills": kills, "fuzz": fuzz, "inject": inject, "wire": wire}


def main() -> int:
    """Do it; the sums as JSON on standard output."""
    given = arguments().parse_args()
    try:
        print(json.dumps(ORDEALS[given.what](given), indent=1))
    except BrokenPromiseError as error:
        print(f"scripts/ordeal/gate: broken: {error}", file=sys.stderr)
        return CHECK_FAILED
    except WakewordError as error:
        print(f"scripts/ordeal/gate: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
