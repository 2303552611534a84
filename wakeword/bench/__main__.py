"""`python -m wakeword.bench`: choose what to measure, measure it, show it."""

from __future__ import annotations

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")  # before numpy: as the supervisor starts listen

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from wakeword.bench import cost, latency, memory, start, throughput
from wakeword.bench.figures import Figure, machine, table
from wakeword.errors import WakewordError
from wakeword.model import shipped_words

KINDS = ("cost", "memory", "start", "latency", "eval")
FIRST = "computer"
EVAL_SHARE = 6  # an hour of sound where the others have ten minutes: it takes seconds

EPILOG = """kinds:
  cost     processor seconds for an hour of talk and of a quiet room, one word and all: the pipeline alone, the listen
           process that reads as fast as it can, and all three processes in real time
  memory   resident memory of listen, gate and uplink after a minute with sessions
  start    from `wakeword run` to listening
  latency  stage 2's verdict; WAKE to the first sample in the uplink's pipe, beside a bare fdatasync
  eval     hours of recordings that `wakeword eval` hears in an hour, with one process and with two

examples:
  scripts/bench                                everything, some five minutes
  scripts/bench cost --speech talk.flac        your own recordings instead of the demo's room
  scripts/bench memory start --microphone      with the default sound device
  scripts/bench cost --seconds 60 --rounds 1 --real-time 0      a first look, in some seconds
  scripts/bench eval --speech talk/*.flac --peer ~/oww/bin/python    beside openWakeWord's bulk prediction
  scripts/bench --json > bench.json

Nothing but this machine's loopback is used, and all files lie in a temporary folder. Use an idle machine: its load is
printed with the figures. Exit codes: 0 measured, whether targets are met or not; 2 bad usage, 3 a recording unreadable.
"""


def arguments() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        "scripts/bench", description="Measure what the daemon costs on this machine.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("kind", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)} or all (default: all)")
    parser.add_argument("--speech", type=Path, nargs="+", default=[], metavar="FILE", help="talk to measure on")
    parser.add_argument("--word", action="append", metavar="W", help="packaged word or model folder (default: all)")
    parser.add_argument("--seconds", type=_seconds, default=600, help="sound in one round of cost (default: 600)")
    parser.add_argument("--rounds", type=int, default=5, help="of cost; twice as many of start (default: 5)")
    parser.add_argument(
        "--real-time", type=float, default=60, metavar="S", help="cost in real time; 0: skip (default: 60)"
    )
    parser.add_argument("--microphone", action="store_true", help="memory and start with the default sound device")
    parser.add_argument("--peer", default="", metavar="PYTHON", help="eval: an interpreter that has openwakeword 0.5.1")
    parser.add_argument("--json", action="store_true", help="one JSON object: machine, figures with all values")
    return parser


def main() -> int:
    """Measure; returns the exit code."""
    parser = arguments()
    given = parser.parse_args()
    kinds = KINDS if not given.kind or "all" in given.kind else tuple(dict.fromkeys(given.kind))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        parser.error(f"no kind of figure: {', '.join(unknown)} (there are {', '.join(KINDS)})")
    if given.rounds < 1 or given.real_time < 0:
        parser.error("--rounds is at least 1, --real-time at least 0")
    about = machine()
    console = Console(stderr=given.json)
    console.print("  ".join(f"{name} {value}" for name, value in about.items()))
    try:
        figures = list(_measure(kinds, given, console))
    except WakewordError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    if given.json:
        print(json.dumps({"machine": about, "figures": [figure.row() for figure in figures]}))
    else:
        console.print(table(figures))
    return 0


def _measure(kinds: tuple[str, ...], given: argparse.Namespace, console: Console) -> Iterator[Figure]:
    words = given.word or sorted(shipped_words(), key=lambda word: word != FIRST)
    with tempfile.TemporaryDirectory(prefix="wakeword-bench-") as name:
        for kind in kinds:
            console.print(f"measuring {kind} ...")
            folder = Path(name) / kind
            folder.mkdir()
            match kind:
                case "cost":
                    yield from cost.measure(
                        folder, words, given.speech, seconds=max(given.seconds, given.real_time), rounds=given.rounds,
                        paced_s=given.real_time,
                    )  # fmt: skip
                case "memory":
                    yield from memory.measure(folder, words, microphone=given.microphone)
                case "start":
                    yield from start.measure(folder, words, 2 * given.rounds, microphone=given.microphone)
                case "latency":
                    yield from latency.measure(folder, words, calls=100, gates=2)
                case "eval":
                    yield from throughput.measure(
                        folder, words, given.speech, seconds=EVAL_SHARE * given.seconds, rounds=given.rounds,
                        peer=given.peer,
                    )  # fmt: skip


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 36_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 36000 seconds")
    return value


if __name__ == "__main__":
    sys.exit(main())
