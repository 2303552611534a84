"""`wakeword wyoming`: both stages as a wake-word service for satellites and Home Assistant, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
from typing import Any

from wakeword.cli.ending import asked_to_end
from wakeword.cli.words import add_words, open_detector
from wakeword.errors import ConfigError

CLIENTS_MOST = 1_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument(
        "--uri", default="tcp://127.0.0.1:10400", help="tcp://HOST:PORT or unix:///PATH (default: %(default)s)"
    )
    add_words(parser)
    parser.add_argument(
        "--zeroconf", nargs="?", const="", metavar="NAME", help="announce it on the local network (default name: MAC)"
    )
    parser.add_argument("--clients", type=int, default=32, metavar="N", help="at once (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line: listening, clients, detections")
    parser.epilog = """examples:
  wakeword wyoming                                             for programs on this machine
  wakeword wyoming --uri tcp://0.0.0.0:10400 --zeroconf kitchen      for Home Assistant and satellites on the network
  wakeword wyoming --word computer --point strict --json

Whoever reaches the address can use it; Wyoming has no password and no encryption. What a client does with a detection
is its own affair: the evidence log of `wakeword run` does not cover it. docs/wyoming.md has more.
"""


def execute(given: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    wanted = ["wyoming"] + ["zeroconf"] * (given.zeroconf is not None)
    for library in wanted:
        if importlib.util.find_spec(library) is None:
            raise ConfigError(f"the library {library} is not installed", hint="pip install 'wakeword[wyoming]'")
    if not 1 <= given.clients <= CLIENTS_MOST:
        raise ConfigError(f"--clients {given.clients} is not between 1 and {CLIENTS_MOST}")
    asyncio.run(_serve(given))
    return 0


async def _serve(given: argparse.Namespace) -> None:
    from wakeword.wyoming.server import Server

    ended = asked_to_end()

    def notify(event: dict[str, Any]) -> None:  # Any: plain JSON
        if text := json.dumps(event, ensure_ascii=False) if given.json else described(event):
            print(text, flush=True)

    server = Server(open_detector(given), notify, given.clients)
    await server.start(given.uri)
    notify({"event": "listening", "uri": server.uri, "words": server.words})
    try:
        if given.zeroconf is None:
            await ended.wait()
        else:
            from wakeword.wyoming.discovery import Discovery

            async with Discovery(server.uri, given.zeroconf):
                await ended.wait()
    finally:
        await server.stop()


def described(event: dict[str, Any]) -> str:  # Any: plain JSON
    """One line for people."""
    match event:
        case {"event": "listening", "uri": uri, "words": words}:
            return f"serving {', '.join(words)} on {uri} (Ctrl-C ends)"
        case {"event": "detection", "client": client, "word": word, "stage1": one, "stage2": two}:
            return f"{client}  WAKE  {word:<10}  stage 1 {one:.2f}  stage 2 {two:.2f}"
        case {"event": kind, "client": client, **rest}:
            return f"{client}  {kind}" + (f": {rest['why']}" if "why" in rest else "")
    return ""
