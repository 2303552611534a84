"""`wakeword service`: the embedded service, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
from dataclasses import asdict
from pathlib import Path

from wakeword.cli.ending import asked_to_end
from wakeword.errors import ConfigError
from wakeword.service.local import LocalService, LocalSettings, Received
from wakeword.service.websocket import read_token


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("--listen", default="127.0.0.1:8765", metavar="HOST:PORT", help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("received"), metavar="DIR", help="default: ./%(default)s")
    parser.add_argument("--stop-after", type=float, metavar="SECONDS", help="answer `stop` after so much audio")
    parser.add_argument("--token-file", default="", metavar="FILE", help="ask for the bearer token in this file")
    parser.add_argument("--json", action="store_true", help="one JSON object a line: listening, then each session")
    parser.epilog = """examples:
  wakeword service                                  listen on this machine, save to ./received
  wakeword run --url ws://127.0.0.1:8765            in another terminal
  wakeword service --stop-after 3 --json            end each session after three seconds

The protocol is in docs/service.md. Whoever reaches the address can upload: keep it on this machine, or ask for a token.
"""


def execute(given: argparse.Namespace) -> int:
    """Receive until SIGINT or SIGTERM; sessions under way are saved as incomplete."""
    if given.stop_after is not None and not 0 < given.stop_after <= 60:
        raise ConfigError(f"--stop-after {given.stop_after:g} is not between 0 and 60 seconds")
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    token = read_token(given.token_file)
    settings = LocalSettings(given.out, given.listen, stop_after_s=given.stop_after, token=token)
    asyncio.run(_serve(settings, as_json=given.json))
    return 0


async def _serve(settings: LocalSettings, *, as_json: bool) -> None:
    ended = asked_to_end()

    def report(received: Received) -> None:
        print(json.dumps({"event": "session", **asdict(received)}) if as_json else line(received), flush=True)

    async with LocalService(settings, report) as service:
        if as_json:
            print(json.dumps({"event": "listening", "url": service.url, "out": str(settings.folder)}), flush=True)
        else:
            print(f"listening on {service.url}, saving to {settings.folder} (Ctrl-C ends)", flush=True)
        await ended.wait()


def line(received: Received) -> str:
    """A received session in one line, for people."""
    state = "complete" if received.complete else f"INCOMPLETE: {'; '.join(received.problems)}"
    size = f"{received.seconds:.2f} s, {received.bytes:,} bytes"
    return f"session {received.session}: {size}, {state}: {received.file}"
