"""`wakeword status`: how the daemon is."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from wakeword import config
from wakeword.errors import CHECK_FAILED, ConfigError
from wakeword.status.client import ask

EXAMPLES = """examples:
  wakeword status                   of the daemon whose events socket the configuration names (status.events)
  wakeword status --events /run/wakeword/events.sock --json

Exit codes: 0 it listens, or is muted on purpose; 1 it does not, or a fault is named, or no daemon answers."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword status`."""
    parser.epilog = EXAMPLES
    socket_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def execute(given: argparse.Namespace) -> int:
    """Ask, and say it."""
    state = ask(events(given), {"do": "state"})
    if given.json:
        print(json.dumps(state))
    else:
        print(text(state))
    return 0 if state.get("well") or state.get("muted") else CHECK_FAILED


def text(state: dict[str, object]) -> str:
    """One line for a person."""
    if state.get("fault"):
        return f"fault: {state['fault']}"
    if state.get("muted"):
        return "muted: the microphone is closed"
    if not state.get("listening"):
        return "not listening"
    doing = "held: the speaker itself speaks" if state.get("held") else "listening"
    if state.get("session") is not None:
        doing = f"session {state['session']} is open: sending"
    return (
        f"{doing}; {state.get('heard_s')} s heard, {state.get('wakes')} wakes, {state.get('passed_bytes')} bytes passed"
    )


def socket_arguments(parser: argparse.ArgumentParser) -> None:
    """What `status`, `monitor` and `hold` share."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration that the daemon runs with")
    parser.add_argument("--events", metavar="SOCKET", help="the daemon's events socket instead")


def events(given: argparse.Namespace) -> str:
    """The socket's path. Raises `ConfigError` when none is configured."""
    path = given.events or config.load(given.config).config.status.events
    if not path:
        raise ConfigError("no events socket is configured", where="status.events", hint="a path, or --events SOCKET")
    return str(path)
