"""`wakeword forget`: ends `collect`, and deletes all that was kept."""

from __future__ import annotations

import argparse
import json
import time

from wakeword.cli.collect import place_arguments, shelf_of
from wakeword.keep import consent, folder
from wakeword.keep.consent import FORGOTTEN

EXAMPLES = """examples:
  wakeword forget

Needs no key, and asks nothing. Clips, and the key if it was made on this device, are deleted; a daemon that runs keeps
no more from that moment on. The evidence says that it was done: at once if a daemon runs, else at its next start. What
a disk keeps of deleted files is sealed; without the private key nobody can read it. Exit codes: 0 nothing is kept, 2
it could not be deleted."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword forget`."""
    parser.epilog = EXAMPLES
    place_arguments(parser)


def execute(given: argparse.Namespace) -> int:
    """First the word, then the deed."""
    shelf = shelf_of(given)
    clips = len(folder.found(shelf.clips))
    told = consent.read_or_over(shelf.consent)
    if told and not told.ended:
        how = FORGOTTEN if time.time() < told.until_s else consent.EXPIRED
        consent.end(shelf, told, how)
    else:
        consent.clear(shelf)
    if given.json:
        print(json.dumps({"deleted": clips, "consent": told is not None and not told.ended}))
    else:
        print(f"{clips} clips deleted; nothing is kept" if clips else "nothing is kept")
    return 0
