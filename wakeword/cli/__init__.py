"""The command line: `wakeword COMMAND`. One file a command, no logic here.

A command's module is imported only when it is called, so that `wakeword --help` is instant and the audit commands load
no audio library. Each has `arguments(parser)` and `execute(given) -> exit code`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before anything imports onnxruntime (design: nothing phones home)

from wakeword.errors import USAGE, WakewordError

COMMANDS = {
    "run": "listen to the microphone; stream to the service only what both stages confirm",
    "demo": "watch the daemon hear a recorded room, with a local service and a verified log",
    "replay": "run recordings through the same pipeline and print its events",
    "eval": "recordings through the same pipeline: misses, false accepts, tables, a report",
    "tune": "choose both thresholds on an evaluation, for a limit of false accepts or of misses",
    "explain": "why a recording woke the daemon or did not: in words, as a page, as a picture",
    "collect": "keep candidates for tuning on this device, sealed, for a stated time: only with consent",
    "forget": "end collect, and delete all that was kept",
    "devices": "list microphones with their level",
    "status": "how the daemon is",
    "monitor": "a live view of level, both scores and decisions",
    "hold": "the speaker itself speaks: ask for no wake word for some seconds",
    "mute": "close the microphone until unmute, across restarts",
    "unmute": "open the microphone again",
    "service": "a local service that receives, saves and reports sessions",
    "wyoming": "a wake-word service for satellites and Home Assistant",
    "mqtt": "the daemon's events for an MQTT broker and Home Assistant: wakes and sessions, no sound",
    "audit": "verify, show, report on or export an evidence log",
    "fleet": "noisy daily counts of many speakers: estimate, simulate, attack",
    "train": "train the models of one or more words",
    "studio": "a page on this machine: type a phrase, record yourself, train, find an operating point, try it live",
    "completion": "print a completion script for bash, zsh or tcsh",
}


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser with all commands, or with the details of `only` one of them (which is faster)."""
    parser = argparse.ArgumentParser(
        prog="wakeword",
        description="A two-stage wake-word daemon: no audio leaves before two independent detectors agree.",
        epilog="examples:\n  wakeword demo\n  wakeword replay talk.wav --json\n  wakeword audit verify DIR",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    from wakeword import __version__

    parser.add_argument("--version", action="version", version=f"wakeword {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if only in (None, name):
            importlib.import_module(f"wakeword.cli.{name}").arguments(command)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 a check failed, 2 bad usage or configuration, 3 some inputs unreadable."""
    words = sys.argv[1:] if argv is None else argv
    named = next((word for word in words if not word.startswith("-")), "")
    given = build_parser(named).parse_args(words)
    try:
        return int(importlib.import_module(f"wakeword.cli.{given.command}").execute(given))
    except WakewordError as error:
        print(f"wakeword: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `wakeword replay … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return USAGE
