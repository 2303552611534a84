"""`wakeword audit verify|show`: check an evidence log, or read it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from wakeword.errors import CHECK_FAILED, ConfigError
from wakeword.evidence import note, report
from wakeword.evidence.device import VKEY_NAME
from wakeword.evidence.kept import read_notes
from wakeword.evidence.verify import Result, verify

EXAMPLES = """examples:
  wakeword audit verify ~/.local/state/wakeword/evidence
  wakeword audit verify LOG --key device.vkey.from-the-box --receipts ~/receipts --witness service.vkey
  wakeword audit verify LOG --all --json
  wakeword audit show LOG

Exit codes: 0 everything holds, 1 at least one finding, 2 nothing to check (no log, no key)."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword audit`."""
    parser.epilog = EXAMPLES
    doing = parser.add_subparsers(dest="doing", metavar="verify|show", required=True)
    for name, help_ in (
        ("verify", "check every record, seal and rule; list what does not hold"),
        ("show", "print what happened, in order, and how much of each day is accounted for"),
    ):
        command = doing.add_parser(
            name, help=help_, description=help_[0].upper() + help_[1:] + ".", epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        command.add_argument("directory", metavar="DIR", type=Path, help="folder with 00000001.seg and so on")
        command.add_argument("--key", metavar="VKEY|FILE", help="the device's public key (default: device.vkey in DIR)")
        command.add_argument("--json", action="store_true", help="for a program: one object (show: one a line)")
        if name == "show":
            command.add_argument("--beats", action="store_true", help="heartbeats too")
            continue
        command.add_argument("--all", action="store_true", help="check every signature, not one a file and session")
        command.add_argument(
            "--receipts", metavar="F", type=Path, help="checkpoints kept elsewhere: a file, or a folder of them"
        )
        command.add_argument(
            "--witness", metavar="VKEY|FILE", action="append", default=[],
            help="key of a service whose cosignature on receipts counts",
        )  # fmt: skip


def execute(given: argparse.Namespace) -> int:
    """Check; print; 0 or 1."""
    if not given.directory.is_dir():
        raise ConfigError("no such folder", where=str(given.directory))
    return _verify(given) if given.doing == "verify" else _show(given)


def _verify(given: argparse.Namespace) -> int:
    receipts = _receipts(given.receipts) if given.receipts else ""
    if given.receipts and not read_notes(receipts).checkpoints:
        hint = "expected signed checkpoints: origin, size, root, an empty line, and lines that begin with a dash"
        raise ConfigError("no checkpoint in it", where=str(given.receipts), hint=hint)
    result = _checked(given, receipts, [_key(text) for text in given.witness], every=given.all)
    print(json.dumps(report.as_json(result)) if given.json else _as_text(result))
    return CHECK_FAILED if result.findings else 0


def _show(given: argparse.Namespace) -> int:
    result = _checked(given, "", [], every=False)
    for moment, record, sentence in report.timeline(result, beats=given.beats):
        print(json.dumps(record | {"utc": moment, "says": sentence}) if given.json else f"{moment}  {sentence}")
    if not given.json:
        print("\n".join(["", *_days(result)]))
    if result.findings:
        print(
            f"wakeword: {_many(len(result.findings), 'finding')}: `wakeword audit verify` tells more", file=sys.stderr
        )
    return CHECK_FAILED if result.findings else 0


def _checked(given: argparse.Namespace, receipts: str, witnesses: list[note.Key], *, every: bool) -> Result:
    if given.key:
        device = _key(given.key)
    else:
        beside = given.directory / VKEY_NAME
        if not beside.exists():
            hint = "give --key with the device's public key"
            raise ConfigError("no device key", where=str(beside), hint=hint)
        device = _key(str(beside))
        text = "the key was found beside the log: who could rewrite one could rewrite both; pin it with --key"
        print(f"wakeword: {text}", file=sys.stderr)
    try:
        return verify(given.directory, device, receipts, witnesses, every=every)
    except FileNotFoundError as error:
        raise ConfigError(str(error), where=str(given.directory)) from error


def _key(given: str) -> note.Key:
    """A verifier key, or the file that has one."""
    try:
        text = given if "+" in given and "\n" not in given and not Path(given).exists() else _read(Path(given))
        return note.Key.from_vkey(text)
    except note.NoteError as error:
        raise ConfigError(str(error), where=given, hint="expected NAME+ID+BASE64, or a file with that") from error


def _receipts(path: Path) -> str:
    files = sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    return "\n".join(_read(file) for file in files)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigError(f"cannot be read: {reason}", where=str(path)) from error


def _as_text(result: Result) -> str:
    files = len({entry.epoch for entry in result.entries})
    extent = f"{_many(result.size, 'record')}, {_many(files, 'file')}"
    lines = [f"log {result.origin}: {extent}, root {note.encode64(result.root)}", ""]
    lines += [*_sessions(result), "", *_days(result), ""]
    lines += [f"{finding.invariant:<4} {finding.where:<16} {finding.what}" for finding in result.findings]
    lines += [f"ignored: {ignored}" for ignored in result.receipts_ignored]
    verdict = (
        f"FAILED: {_many(len(result.findings), 'finding')}" if result.findings else "PASSED: invariants I1 to I20 hold"
    )
    newest = report.moment(result.newest_receipt_s) if result.newest_receipt_s else "none"
    lines += [f"{verdict}; {result.signatures_checked} signatures checked, every root recomputed"]
    if result.open_tail_bytes:
        lines += ["not restarted: the newest bytes are not sealed, so they are not evidence"]
    matched = f"receipts matched: {result.receipts_matched} of {result.receipts}; newest receipt: {newest}"
    lines += [f"records cut: {result.cut_records}; open tail: {result.open_tail_bytes} bytes; {matched}"]
    return "\n".join(lines)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _sessions(result: Result) -> list[str]:
    if not result.sessions:
        hidden = f"; {result.cut_records} records are reduced to hashes" if result.cut_records else ""
        return [f"no session is recorded{hidden}"]
    lines = [
        f"{'session':>7}  {'opened (UTC)':<19}  {'stage 1':>7}  {'stage 2':>7}  {'seconds':>7}  {'bytes':>9}  ended by"
    ]
    for session in result.sessions:
        sent = f"{report.most_bytes(session):>9}"
        scores = f"{session.stage1_ppm / report.PPM:>7.3f}  {session.stage2_ppm / report.PPM:>7.3f}"
        ended = report.ENDS[session.why] + (" (bytes: at most)" if session.why == "crash" else "")
        when = report.moment(session.wall_s)
        lines.append(f"{session.sid:>7}  {when}  {scores}  {session.length_ms / 1_000:>7.2f}  {sent}  {ended}")
    return lines


def _days(result: Result) -> list[str]:
    lines = [f"{'day (UTC)':<10}  {'covered':>11}  {'muted':>9}  {'gaps':>4}  {'sessions':>8}  {'bytes':>9}"]
    for day in report.days(result):
        times = f"{day.covered_s / 60:>7.1f} min  {day.muted_s / 60:>5.1f} min"
        lines.append(f"{day.date}  {times}  {day.gaps:>4}  {day.sessions:>8}  {day.bytes:>9}")
    return lines
