"""`wakeword mute`: close the microphone until `unmute`, across restarts."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from wakeword import config
from wakeword.errors import ConfigError, in_words
from wakeword.places import places

EXAMPLES = """examples:
  wakeword mute                     close the microphone; a session that is open ends
  wakeword mute --status            is it muted?
  wakeword unmute

The switch is a file (mute_file in the configuration). While it exists the daemon holds no sound device: it does not
merely discard what it hears. The evidence records when it was muted, and by how little was heard meanwhile."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword mute`."""
    parser.epilog = EXAMPLES
    parser.add_argument("--status", action="store_true", help="only say whether it is muted")
    switch_arguments(parser)


def execute(given: argparse.Namespace) -> int:
    """Make the file, or look for it."""
    return report(given, switch(given), on=None if given.status else True)


def switch_arguments(parser: argparse.ArgumentParser) -> None:
    """What `mute` and `unmute` share."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration that the daemon runs with")
    parser.add_argument("--evidence", metavar="DIR", help="the log's folder, if the daemon was given one")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def switch(given: argparse.Namespace) -> Path:
    """The file whose existence mutes."""
    options: dict[config.Key, object] = {("evidence", "directory"): given.evidence} if given.evidence else {}
    return places(config.load(given.config, options).config).mute_file


def report(given: argparse.Namespace, path: Path, *, on: bool | None) -> int:
    """Set the switch (None leaves it) and say how it stands. Raises `ConfigError` when it cannot be set."""
    before = path.exists()
    try:
        if on is True:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        elif on is False:
            path.unlink(missing_ok=True)
    except OSError as error:
        hint = "run it as the daemon's user"
        raise ConfigError(in_words(error), where=str(path), hint=hint) from error
    muted = path.exists()
    if given.json:
        print(json.dumps({"muted": muted, "changed": muted != before, "file": str(path)}))
    else:
        state = "muted: the microphone is closed" if muted else "not muted: the microphone may be open"
        print(f"{state}{'' if muted != before or on is None else ' (as before)'} [{path}]")
    return 0
