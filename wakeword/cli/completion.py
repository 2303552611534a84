"""`wakeword completion SHELL`: a completion script on standard output."""

from __future__ import annotations

import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("shell", choices=["bash", "zsh", "tcsh"])
    parser.epilog = "example:  wakeword completion bash > ~/.local/share/bash-completion/completions/wakeword"


def execute(given: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    from wakeword.cli import build_parser

    print(shtab.complete(build_parser(), shell=given.shell))
    return 0
