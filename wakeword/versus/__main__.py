"""`python -m wakeword.versus`: hear, choose, show."""

from __future__ import annotations

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")  # before numpy: one core for each engine

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from wakeword import model as models
from wakeword.errors import ConfigError, WakewordError
from wakeword.train.progress import Pace
from wakeword.versus import choose, cost, streams, table
from wakeword.versus.choose import Clip, Hearing
from wakeword.versus.engines import Engine, Ours, Peer, Row, listen, open_program
from wakeword.versus.programs import SENSITIVITIES
from wakeword.versus.streams import Stream

EPILOG = """examples:
  scripts/versus --conditions DEV --corpora CORPORA --out versus \\
      --engine openwakeword=.oww/bin/python --engine microwakeword=.micro/bin/python --engine porcupine=.pv/bin/python
  scripts/versus --conditions DEV --corpora CORPORA --out versus --model my-models/computer     ours alone, other models
  scripts/versus --cost-only --speech talk.flac --out versus --engine porcupine=.pv/bin/python  processor seconds alone

DEV is what `python -m wakeword.train.conditions` writes, CORPORA what the training reads (docs/models.md). What was
heard stays in OUT: an interrupted run goes on, and another model is heard alone. openWakeWord takes some two minutes
for an hour of sound, Porcupine twenty seconds for each sensitivity, the others less. docs/versus.md has the rules.
Exit codes: 0 measured, 2 bad usage, 3 a recording unreadable.
"""


def arguments() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        "scripts/versus", description="This program and other engines on the same recordings: misses, cost.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    known = "openwakeword, microwakeword, porcupine; NAME=PYTHON:TEXT.py for another (wakeword/versus/programs.py)"
    parser.add_argument("--engine", action="append", default=[], metavar="NAME=PYTHON", help=f"an interpreter: {known}")
    parser.add_argument("--model", action="append", metavar="M", help="packaged word or model folder (default: all)")
    parser.add_argument("--conditions", type=Path, metavar="DIR", help="clips in quiet and in noise, with index.csv")
    parser.add_argument("--corpora", type=Path, metavar="DIR", help="recordings without the words, with manifest.csv")
    parser.add_argument("--fold", default="dev", help="of the corpora (default: dev)")
    parser.add_argument("--word", action="append", default=[], metavar="W", help="these words alone")
    parser.add_argument(
        "--sensitivity", type=float, nargs="+", default=SENSITIVITIES, metavar="S",
        help="to hear engines at that have no score (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for results, and what was heard")
    parser.add_argument("--speech", type=Path, nargs="+", default=[], metavar="FILE", help="cost: talk to measure on")
    parser.add_argument("--seconds", type=float, default=300, help="cost: of sound in each round (default: 300)")
    parser.add_argument("--rounds", type=int, default=3, help="cost: at least 1; 0 leaves cost out (default: 3)")
    parser.add_argument("--peers-only", action="store_true", help="ours is not asked for misses")
    parser.add_argument("--cost-only", action="store_true", help="no misses")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    return parser


def main() -> int:
    """Measure; returns the exit code."""
    parser = arguments()
    given = parser.parse_args()
    if not given.cost_only and not (given.conditions and given.corpora):
        parser.error("--conditions and --corpora are needed, or --cost-only")
    if given.rounds < 0 or given.seconds < 1:
        parser.error("--rounds is at least 0, --seconds at least 1")
    try:
        _measure(given)
    except WakewordError as error:
        print(f"versus: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _measure(given: argparse.Namespace) -> None:
    interpreters = dict(_named(text) for text in given.engine)
    loaded = [models.load(name) for name in given.model or models.shipped_words()]
    given.out.mkdir(parents=True, exist_ok=True)
    results: list[table.Result] = []
    if not given.cost_only:
        with ExitStack() as stack:
            engines: list[Engine] = []
            for name, python in interpreters.items():
                program, text = open_program(name, python)
                engines.append(Peer(name, stack.enter_context(program), text, given.sensitivity))
            results = misses(given, engines if given.peers_only else [*engines, Ours(loaded)])
        table.write(given.out / "misses.csv", results)
    figures = []
    if given.rounds:
        figures = cost.measure(interpreters, loaded, given.speech, seconds=given.seconds, rounds=given.rounds)
    found = {"misses": list(table.rows(results)), "cost": [figure.row() for figure in figures]}
    (given.out / "versus.json").write_text(json.dumps(found, indent=1), "utf-8")
    shown = [table.markdown(results)] if results else []
    shown += [cost.markdown(figures)] if figures else []
    (given.out / "versus.md").write_text("\n\n".join(shown) + "\n", "utf-8")
    print(json.dumps(found) if given.json else "\n\n".join(shown))


def misses(given: argparse.Namespace, engines: Sequence[Engine]) -> list[table.Result]:
    """Every engine on every stream, then its settings."""
    known = frozenset[str]().union(*(engine.words for engine in engines))
    words = streams.words(given.conditions) & known & (set(given.word) or known)
    if not words:
        raise ConfigError("no clip of a word that any engine knows", where=str(given.conditions))
    clips: dict[tuple[int, str], list[Clip]] = {}
    rows: dict[tuple[int, str], list[tuple[int, Row]]] = {}
    hours = 0.0
    for number, stream, found in _hear(given, engines, words):
        hours += 0 if stream.word else stream.hours
        for index, own in found.items():
            if stream.word:
                clips.setdefault((index, stream.word), []).extend(choose.clips(stream, own))
            for row in own if not stream.word else []:
                rows.setdefault((index, row.word), []).append((number, row))
    results = []
    for (index, word), said in clips.items():
        engine, false = engines[index], choose.gather(rows.get((index, word), []))
        results += _results(engine, Hearing(word, tuple(said), false, hours, engine.levels, engine.least))
    return results


def _results(engine: Engine, hearing: Hearing) -> list[table.Result]:
    found = [table.Result(engine.title, hearing, f"{bound:g}", choose.choose(hearing, bound)) for bound in table.BOUNDS]
    if isinstance(engine, Ours):
        point = engine.points[hearing.word]
        shipped = choose.setting(hearing, point.stage1, point.stage2)
        found.append(table.Result(engine.title, hearing, table.SHIPPED, shipped))
    return found


def _hear(
    given: argparse.Namespace, engines: Sequence[Engine], words: set[str]
) -> Iterator[tuple[int, Stream, dict[int, list[Row]]]]:
    """Each stream with what the engines (by number) found in it; those that know none of its words are not asked."""
    everything = [*streams.positives(given.conditions, words), *streams.negatives(given.corpora, given.fold)]
    pace, known = Pace(), 0  # streams that all had heard before say nothing of the pace
    for number, later in enumerate(everything):
        stream, fresh = later(), False
        wanted = {stream.word} if stream.word else words
        found: dict[int, list[Row]] = {}
        for index, engine in enumerate(engines):
            if own := sorted(wanted & engine.words):
                found[index], new = listen(engine, own, stream, given.out / "heard")
                fresh |= new
        if fresh:
            left = pace.minutes_left(number + 1 - known, len(everything) - known)
            print(f"{number + 1} of {len(everything)}, {left:.0f} min left: {stream.name}", file=sys.stderr)
        elif known == number:
            pace, known = Pace(), number + 1
        yield number, stream, found


def _named(text: str) -> tuple[str, str]:
    name, equals, python = text.partition("=")
    if not equals or not name or not python:
        raise ConfigError(f"'{text}' is not NAME=PYTHON", where="--engine")
    return name, python


if __name__ == "__main__":
    sys.exit(main())
