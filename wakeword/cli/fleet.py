"""`wakeword fleet`: what a maker learns of many speakers from noisy daily counts, and whether it is right and safe."""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from wakeword.cli.subcommands import subcommands
from wakeword.daily.report import COUNTS, MOST, scale, share
from wakeword.errors import CHECK_FAILED, UNREADABLE, ConfigError

EXAMPLES = """examples:
  wakeword fleet estimate reports.jsonl            one report a line, as speakers sent them
  wakeword fleet estimate reports.jsonl --days     each day by itself
  wakeword fleet simulate --devices 100000 --fleets 1000
  wakeword fleet attack --reports 400000           some half a minute
  wakeword fleet attack --half                     a mechanism with half the noise: must be caught
  wakeword fleet budget --epsilon 1 --width 0.05   how many reports an estimate needs

Exit codes: 0 done, 1 the attack refuted the stated epsilon, or a simulated interval is wrong too often,
3 some lines are no reports (named; the rest is estimated)."""

COMMANDS = {
    "estimate": "rates with their intervals, from files of reports",
    "simulate": "fleets whose rates are known: how far off is the estimate?",
    "attack": "try to tell one household's counts: does the stated epsilon hold?",
    "budget": "what an epsilon costs and how many reports it takes",
}
MOST_NAMED = 20  # wrong lines of a file


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword fleet`."""
    for name, command in subcommands(parser, COMMANDS, EXAMPLES):
        command.add_argument("--json", action="store_true", help="for a program: one object")
        if name == "estimate":
            command.add_argument(
                "files", nargs="+", type=Path, metavar="FILE", help="a report a line; - is standard input"
            )
            command.add_argument("--days", action="store_true", help="each day by itself, then all together")
            continue
        command.add_argument("--epsilon", type=_epsilon, default=1_000, metavar="E", help="of a report (default: 1)")
        if name == "budget":
            command.add_argument("--width", type=float, default=0.05, help="half the width of the 95 %% interval")
        else:
            command.add_argument("--seed", type=int, default=1, help="of what is drawn (the attack's noise has none)")
        if name == "simulate":
            command.add_argument("--devices", type=int, default=100_000)
            command.add_argument("--fleets", type=int, default=100, help="how many times (default: 100)")
        if name == "attack":
            command.add_argument("--reports", type=int, default=200_000, help="of each of two households")
            command.add_argument("--half", action="store_true", help="use half the noise: this must be caught")


def _epsilon(text: str) -> int:
    thousandths = round(float(text) * 1_000)
    if not 10 <= thousandths <= 10_000:
        raise argparse.ArgumentTypeError("0.01 to 10")
    return thousandths


def execute(given: argparse.Namespace) -> int:
    """Do it."""
    for name in ("devices", "fleets", "reports"):
        if getattr(given, name, 100) < 2:
            raise ConfigError(f"--{name}: at least 2")
    return {"estimate": _estimate, "simulate": _simulate, "attack": _attack, "budget": _budget}[given.doing](given)


def _estimate(given: argparse.Namespace) -> int:
    from wakeword.fleet.estimate import FEW, rates, read

    reports, wrong = [], 0
    for path in given.files:
        found, bad = read(_lines(path))
        reports += found
        wrong += len(bad)
        for what in bad[:MOST_NAMED]:
            print(f"wakeword: {path}: {what}", file=sys.stderr)
    if not reports:
        raise ConfigError("no reports", where=", ".join(map(str, given.files)))
    days = defaultdict(list)
    for report in reports:
        days[report.day].append(report)
    spans = [(str(day), of_day) for day, of_day in sorted(days.items())] if given.days else []
    told = {name: rates(some) for name, some in [*spans, ("all", reports)]}
    if given.json:
        shown = {name: [asdict(rate) for rate in some] for name, some in told.items()}
        print(json.dumps({"rates": shown, "unreadable": wrong}))
    else:
        print(f"{'day':>6}  {'count':<7}{'reports':>9}{'a day':>10}{'95 % interval':>24}{'error by noise':>16}")
        for name, some in told.items():
            for rate in some:
                seen = "" if rate.seen else "   too few reports" if rate.reports < FEW else "   not told from 0"
                bounds = f"{rate.low:.3f} to {rate.high:.3f}"
                numbers = f"{rate.reports:>9,}{rate.mean:>10.3f}{bounds:>24}{rate.noise:>16.3f}"
                print(f"{name:>6}  {rate.name:<7}{numbers}{seen}")
    return UNREADABLE if wrong else 0


def _lines(path: Path) -> list[str]:
    try:
        return sys.stdin.readlines() if str(path) == "-" else path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error


def _simulate(given: argparse.Namespace) -> int:
    from wakeword.fleet.simulate import Fleet, simulate

    outcomes = simulate(Fleet(devices=given.devices), given.epsilon, given.fleets, given.seed, _progress(given.fleets))
    good = all(outcome.covered_high >= 0.95 or abs(outcome.clipping) > outcome.rms / 2 for outcome in outcomes)
    if given.json:
        print(json.dumps({"good": good, "counts": [asdict(outcome) for outcome in outcomes]}))
        return 0 if good else CHECK_FAILED
    of = f"{given.fleets:,} fleets of {given.devices:,}"
    print(f"{of}, one report each, epsilon {given.epsilon / 1_000:g}; seed {given.seed}")
    print(f"{'count':<8}{'true':>7}{'bias':>18}{'of it clipping':>16}{'rms error':>11}   95 % interval holds the truth")
    for one in outcomes:
        bias = f"{one.bias:+.4f} ± {one.bias_error:.4f}"
        covered = (
            f"{100 * one.covered:.1f} % of fleets (99.9 %: {100 * one.covered_low:.1f} to {100 * one.covered_high:.1f})"
        )
        print(f"{one.name:<8}{one.true:>7.3f}{bias:>18}{one.clipping:>+16.4f}{one.rms:>11.4f}   {covered}")
    return 0 if good else CHECK_FAILED


def _attack(given: argparse.Namespace) -> int:
    from wakeword.daily.mechanism import Mechanism
    from wakeword.fleet.attack import CONFIDENCE, attack

    mechanism = Mechanism(given.epsilon, stretch=0.5 if given.half else 1.0)
    found = attack(mechanism, given.reports)
    if given.json:
        print(json.dumps(asdict(found) | {"broken": found.broken, "half": given.half}))
    else:
        says = f"“everything” of {found.said_of_full:,} and of {found.said_of_empty:,} of {found.reports:,} reports"
        print(f"the best test said {says} (of a household with everything, with nothing)")
        least = f"at least {found.lower:.3f} (at {CONFIDENCE:.1%})"
        print(f"epsilon stated {found.stated:g}, found {found.estimate:.3f}, {least}")
        print("REFUTED: this mechanism tells more than it states" if found.broken else "not refuted")
    return CHECK_FAILED if found.broken else 0


def _budget(given: argparse.Namespace) -> int:
    from wakeword.fleet.estimate import reports_needed

    if given.width <= 0:
        raise ConfigError("--width: above 0")
    rows = {
        name: {
            "most": MOST[name], "epsilon": share(name, given.epsilon), "scale": scale(name, given.epsilon),
            "reports": reports_needed(name, given.epsilon, given.width),
        }
        for name in COUNTS
    }  # fmt: skip
    if given.json:
        print(json.dumps(rows))
        return 0
    print(f"{'count':<8}{'at most':>8}{'epsilon':>9}{'scale':>8}   reports for ± {given.width:g} a day")
    for name, row in rows.items():
        print(f"{name:<8}{row['most']:>8}{row['epsilon']:>9.3g}{row['scale']:>8.4g}   {row['reports']:,}")
    return 0


def _progress(of: int) -> Callable[[int], None]:
    """Where it may take minutes: on a terminal, the part done."""
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda done: print(f"\r{done} of {of}", end="\n" if done == of else "", file=sys.stderr, flush=True)
