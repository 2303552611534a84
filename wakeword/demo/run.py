"""The demo from its first second to its exit code: read this first."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from wakeword.demo import screen, stage
from wakeword.demo.account import LATE_S, Account, Event, account
from wakeword.demo.room import Room, load, samples
from wakeword.errors import CHECK_FAILED
from wakeword.evidence.verify import Result
from wakeword.model import find
from wakeword.supervise import Supervisor


@dataclass(frozen=True, slots=True)
class Options:
    """What `wakeword demo` was asked for."""

    room: Path  # a folder of scripts/make_room
    words: list[str]
    out: Path | None = None  # None: a new folder in ./demo-output
    fast: bool = False
    as_json: bool = False


def run(options: Options) -> int:
    """Set the stage, play the room, compare the books; returns the exit code. Raises `WakewordError`."""
    room = load(options.room)
    for word in options.words:
        find(word)  # before anything is made
    folder = stage.output_folder(options.out)
    with stage.service(folder) as (url, end_service):
        plan = stage.make(stage.write_config(folder, options.words, url), room.sound, paced=not options.fast)
        if options.as_json:
            played = stage.play(plan, folder, _print, _ended_by_signals)
        else:
            with screen.Screen(room.lines) as shown:
                shown.say(f"listening for {plan.uplink.word}; service: {url}; everything is kept in {folder}\n")
                played = stage.play(plan, folder, shown.show, _ended_by_signals)
        received = [_with_sound(report, folder) for report in end_service() if report["event"] == "session"]
    if played.failure:
        print(f"wakeword: {played.failure}; what was seen: {folder / 'events.jsonl'}", file=sys.stderr)
        return played.exit_code
    checked = stage.audit(folder)
    books = _books(room, played.events, checked, received)
    (_tell_json if options.as_json else _tell)(books, checked, folder)
    return CHECK_FAILED if books.problems or checked.findings else 0


@contextmanager
def _ended_by_signals(running: Supervisor) -> Iterator[None]:
    """Ctrl-C ends the room early and in order; the account is of what was played until then."""
    before = {number: signal.signal(number, lambda *_: running.stop()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _with_sound(report: Event, folder: Path) -> Event:
    """The service's report of a session, and the samples that it saved."""
    with wave.open(str(folder / "received" / report["file"])) as sound:
        return {**report, "pcm": sound.readframes(sound.getnframes())}


def _books(room: Room, events: list[Event], checked: Result, received: list[Event]) -> Account:
    """The account of the lines that were played to their end."""
    heard_s = max((float(event.get("at_s") or 0.0) for event in events), default=0.0)
    played = [line for line in room.lines if line.end_s + LATE_S <= heard_s]
    return account(played, events, [entry.record for entry in checked.entries], received, samples(room))


def _tell(books: Account, checked: Result, folder: Path) -> None:
    """The summary for people."""
    shown = screen.Screen([])
    for table in (screen.told_table(books), screen.sent_table(books)):
        shown.console.print()
        shown.console.print(table)
    shown.say("")
    for line in screen.conclusions(books):
        shown.say(line)
    log_bytes = sum(sent.log_bytes for sent in books.sent)
    service_bytes = sum(sent.service_bytes or 0 for sent in books.sent)
    shown.say("")
    received, log, kept = (_short(folder / name) for name in ("received", "evidence", "received/checkpoints.txt"))
    shown.say(f"received audio: {received}")
    shown.say(f"the log:        {log}")
    shown.say(f"check it again: {_command()} audit verify {shlex.quote(log)} --receipts {shlex.quote(kept)}\n")
    for problem in books.problems:
        shown.say(f"PROBLEM: {problem}", "bold red")
    for finding in checked.findings:
        shown.say(f"LOG: {finding.invariant} {finding.where}: {finding.what}", "bold red")
    good = not books.problems and not checked.findings
    checkpoints = f"{checked.receipts_matched} of {checked.receipts} checkpoints that the service kept match"
    shown.say(
        f"log {'verified' if not checked.findings else 'NOT VERIFIED'}: {checked.size} records, "
        f"{checked.signatures_checked} signatures, {checkpoints}; "
        f"bytes in the log {log_bytes:,}, at the service {service_bytes:,}: {'equal' if good else 'SEE ABOVE'}",
        "bold green" if good else "bold red",
    )


def _short(path: Path) -> str:
    """Relative to where the user is, when it lies below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _command() -> str:
    """How whoever started this can start `wakeword` again."""
    if shutil.which("wakeword"):
        return "wakeword"
    beside = Path(sys.executable).with_name("wakeword")
    return shlex.quote(_short(beside)) if beside.exists() else f"{shlex.quote(sys.executable)} -m wakeword"


def _tell_json(books: Account, checked: Result, folder: Path) -> None:
    """The same for programs, as the last line."""
    _print(
        {
            "event": "account",
            "told": [{**asdict(told), "missed": told.missed, "false_accept": told.false_accept} for told in books.told],
            "sent": [asdict(sent) for sent in books.sent],
            "outside": books.outside,
            "misses": books.misses,
            "false_accepts": books.false_accepts,
            "problems": books.problems,
            "findings": [asdict(finding) for finding in checked.findings],
            "records": checked.size,
            "checkpoints": checked.receipts,
            "checkpoints_matched": checked.receipts_matched,
            "log_bytes": sum(sent.log_bytes for sent in books.sent),
            "service_bytes": sum(sent.service_bytes or 0 for sent in books.sent),
            "folder": str(folder),
        }
    )


def _print(event: Event) -> None:
    print(json.dumps(event), flush=True)
