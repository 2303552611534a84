"""`wakeword demo`: watch the daemon hear a recorded room."""

from __future__ import annotations

import argparse
from pathlib import Path

from wakeword.demo.room import PACKAGED, WORDS
from wakeword.demo.run import Options, run

EXAMPLES = """examples:
  wakeword demo                       about 75 s: silence, talk, music, three wake words, near-misses
  wakeword demo --out DIR             keep the received audio and the log there (default: ./demo-output/TIME)
  wakeword demo --fast                no waiting but in sessions, which the gate lets pass in real time only
  wakeword demo --word computer       listen for one word; the others are then talk like any other

No microphone, account or network is needed: the sound is a synthetic recording in the package, the service runs beside
it on the loopback. Exit codes: 0 the log verifies and accounts for every byte that the service received, 1 it does not,
2 bad usage; any other: a process failed."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword demo`."""
    parser.epilog = EXAMPLES
    parser.add_argument("--out", type=Path, metavar="DIR", help="a new or empty folder for what it leaves")
    parser.add_argument("--fast", action="store_true", help="as fast as it goes outside sessions")
    parser.add_argument("--word", action="append", metavar="W", help="a packaged word or a model folder; repeatable")
    parser.add_argument("--room", type=Path, default=PACKAGED, metavar="DIR", help="another room of scripts/make_room")
    parser.add_argument("--json", action="store_true", help="one JSON object a line; the last is the account")


def execute(given: argparse.Namespace) -> int:
    """Play the room, compare the books, say so."""
    words = given.word or list(WORDS)
    return run(Options(given.room, words, given.out, fast=given.fast, as_json=given.json))
