"""What commands share that do one of several things."""

from __future__ import annotations

import argparse
from collections.abc import Iterator


def subcommands(
    parser: argparse.ArgumentParser, commands: dict[str, str], epilog: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """(name, its parser) of each of `commands`, name -> help; the one asked for stands in `doing`."""
    parser.epilog = epilog
    doing = parser.add_subparsers(dest="doing", metavar="|".join(commands), required=True)
    for name, help_ in commands.items():
        yield name, doing.add_parser(
            name, help=help_, description=help_[0].upper() + help_[1:] + ".", epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
