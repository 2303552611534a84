"""`wakeword audit prune`: ask the gate to reduce old records to their hashes. Nothing is removed here: a wish is left.

Only the gate writes in the log's folder, so what is removed is said in the log first, signed. It looks for the wish
every 2 s while it runs, else at its next start, and takes it away when it is done.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from wakeword.errors import ConfigError
from wakeword.evidence.disk import REAL
from wakeword.evidence.recovery import epochs
from wakeword.evidence.retention import DAY_S, Shelf
from wakeword.evidence.segment import file_name, replay
from wakeword.evidence.store import PRUNE_NAME


@dataclass(frozen=True, slots=True)
class Going:
    """What would go, as the files are now."""

    records: int  # in the log
    hashes_only: int  # of them, once it is done: the oldest
    before_s: int  # wall clock: those written before this; 0: none
    keep_days: int


def arguments(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("directory", metavar="DIR", type=Path, help="folder with 00000001.seg and so on")
    command.add_argument("--keep", metavar="DAYS", required=True, help="what is younger stays: 90d; 0d for nothing")
    command.add_argument("--dry-run", action="store_true", help="say what would go, and ask for nothing")
    command.add_argument("--json", action="store_true", help="for a program: one object")


def perform(given: argparse.Namespace) -> int:
    """Say what goes, and ask for it."""
    if not given.directory.is_dir():
        raise ConfigError("no such folder", where=str(given.directory))
    going = what_goes(given.directory, days(given.keep), round(time.time()))
    print(json.dumps(asdict(going)) if given.json else _told(going))
    if given.dry_run:
        return 0
    wish = given.directory / PRUNE_NAME
    try:
        new = wish.with_name(f"{PRUNE_NAME}.new")
        new.write_text(f"{going.keep_days}\n", encoding="ascii")
        new.replace(wish)
    except OSError as error:
        hint = "as a service: sudo -u wakeword-gate wakeword audit prune …"
        raise ConfigError(f"cannot ask here: {error.strerror}", where=str(wish), hint=hint) from error
    print("asked: the gate does it within seconds, or at its next start", file=sys.stderr)
    return 0


def days(text: str) -> int:
    """`90d` or `90`; raises `ConfigError`."""
    if not (found := re.fullmatch(r"([0-9]{1,4})d?", text)):
        raise ConfigError(f"not a number of days: {text!r}", where="--keep", hint="such as 90d")
    return int(found[1])


def what_goes(directory: Path, keep_days: int, now_s: int) -> Going:
    """By whole files, as the gate does it; raises `ConfigError` without a log."""
    shelf, files = Shelf(directory, REAL), epochs(directory, REAL)
    starts = [start for start in map(shelf.start_of, files) if start]
    if not starts:
        raise ConfigError("no log", where=str(directory), hint="expected files like 00000001.seg")
    newest = starts[-1]
    content = (directory / file_name(newest.epoch)).read_bytes()
    records = newest.first + len(replay(content, newest.epoch, None).records)
    if not keep_days:
        return Going(records, records, now_s, 0)
    cut_n = shelf.content_horizon(files, now_s - keep_days * DAY_S, 0)
    before_s = next((start.wall_s for start in starts if start.first == cut_n and cut_n), 0)
    return Going(records, cut_n, before_s, keep_days)


def _told(going: Going) -> str:
    if not going.hashes_only:
        return f"nothing is old enough: all {going.records:,} records stay"
    when = datetime.datetime.fromtimestamp(going.before_s, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{going.hashes_only:,} of {going.records:,} records, those written before {when}, keep only their hash;\n"
        "keys, gaps and horizons among them stay. What they said cannot be read or guessed any more.\n"
        "Still provable: that the log was not rewritten, and each checkpoint and receipt that somebody kept.\n"
        "No longer: sessions, bytes, scores and mutes of that time, but for the sums since the log began."
    )
