"""`wakeword hold`: the speaker itself speaks; its own voice must not wake it."""

from __future__ import annotations

import argparse
import json
import re

from wakeword.cli.status import events, socket_arguments
from wakeword.errors import CHECK_FAILED
from wakeword.hold import MAX_HOLD_MS
from wakeword.status.client import ask

EXAMPLES = """examples:
  wakeword hold --for 10s            ask for no wake word for so long, at most 60 s; say it again for longer
  wakeword hold --for 0              now again

A session that is open goes on. The evidence counts how often and how long wake words were held. Exit codes: 0 asked,
1 refused, or no daemon answers."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword hold`."""
    parser.epilog = EXAMPLES
    parser.add_argument("--for", dest="length_ms", type=milliseconds, required=True, metavar="TIME", help="10s, 500ms")
    socket_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def execute(given: argparse.Namespace) -> int:
    """Ask for it."""
    answer = ask(events(given), {"do": "hold", "ms": given.length_ms})
    asked = answer.get("event") == "asked"
    if given.json:
        print(json.dumps(answer))
    else:
        print(f"held for {given.length_ms / 1000:g} s" if asked else f"refused: {answer.get('what')}")
    return 0 if asked else CHECK_FAILED


def milliseconds(given: str) -> int:
    """`10s`, `1500ms`, `10` (seconds) -> whole milliseconds. Raises `ArgumentTypeError`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|)", given)
    length_ms = round(float(found[1]) * (1 if found[2] == "ms" else 1_000)) if found else -1
    if not 0 <= length_ms <= MAX_HOLD_MS:
        raise argparse.ArgumentTypeError(f"{given!r} is not 0 to {MAX_HOLD_MS // 1_000} s, such as 10s or 500ms")
    return length_ms
