"""`wakeword unmute`: let the daemon open the microphone again."""

from __future__ import annotations

import argparse

from wakeword.cli.mute import report, switch, switch_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword unmute`."""
    parser.epilog = "examples:\n  wakeword unmute\n  wakeword mute --status"
    switch_arguments(parser)


def execute(given: argparse.Namespace) -> int:
    """Remove the file."""
    return report(given, switch(given), on=False)
