"""`wakeword audit verify|show|report|export|prune`: check a log, read it, answer from it, hand it on, cut it."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from wakeword.cli import prune
from wakeword.cli.subcommands import subcommands
from wakeword.errors import CHECK_FAILED, ConfigError, Fatal
from wakeword.evidence import note, report
from wakeword.evidence.device import VKEY_NAME
from wakeword.evidence.kept import read_notes
from wakeword.evidence.segment import file_name
from wakeword.evidence.verify import Result, read_files, verify

EXAMPLES = """examples:
  wakeword audit verify ~/.local/state/wakeword/evidence
  wakeword audit verify LOG --key device.vkey.from-the-box --receipts ~/receipts --witness service.vkey
  wakeword audit verify LOG --all --json
  wakeword audit show LOG
  wakeword audit report LOG --html report.html --from 2026-11-21T02:00 --to 2026-11-21T03:00
  wakeword audit export LOG --out evidence.tar --receipts ~/receipts
  wakeword audit export LOG --out session-12.tar --redacted --session 12
  wakeword audit prune LOG --keep 90d --dry-run

DIR may also be an archive that `export` wrote. Exit codes: 0 everything holds, 1 at least one finding, 2 nothing to
check (no log, no key)."""

COMMANDS = {
    "verify": "check every record, seal and rule; list what does not hold",
    "show": "print what happened, in order, and how much of each day is accounted for",
    "report": "answer an auditor's questions, those that no log can answer included",
    "export": "pack log, keys, receipts, settings and the verifiers into one archive",
    "prune": "reduce old records to their hashes: say what would go, and ask the gate for it",
}
MOST_FINDINGS = 200  # that are printed: a log of another key has thousands


@dataclass
class Source:
    """A log that was asked about, wherever it lay."""

    folder: Path
    device: note.Key
    pinned: bool  # the device key was given, not found
    receipts: str = ""
    witnesses: list[note.Key] = field(default_factory=list)
    policy: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword audit`."""
    for name, command in subcommands(parser, COMMANDS, EXAMPLES):
        if name == "prune":
            prune.arguments(command)
            continue
        command.add_argument(
            "directory", metavar="DIR", type=Path, help="folder with 00000001.seg and so on, or an archive of `export`"
        )
        command.add_argument("--key", metavar="VKEY|FILE", help="the device's public key (default: device.vkey in DIR)")
        command.add_argument(
            "--redacted", action="store_true",
            help="export: reduce all records but those of --session to hashes; else: DIR is such a copy",
        )  # fmt: skip
        if name != "export":
            command.add_argument("--json", action="store_true", help="for a program: one object (show: one a line)")
        if name == "show":
            command.add_argument("--beats", action="store_true", help="heartbeats too")
            continue
        command.add_argument(
            "--receipts", metavar="F", type=Path, help="checkpoints kept elsewhere: a file, or a folder of them"
        )
        command.add_argument(
            "--witness", metavar="VKEY|FILE", action="append", default=[],
            help="key of a service whose cosignature on receipts counts",
        )  # fmt: skip
        _particular(name, command)


def _particular(name: str, command: argparse.ArgumentParser) -> None:
    if name == "verify":
        command.add_argument("--all", action="store_true", help="check every signature, not one a file and session")
    if name == "report":
        command.add_argument("--html", metavar="F", type=Path, help="write the report as one page")
        command.add_argument("--from", dest="since", metavar="TIME", help="UTC, 2026-11-21T02:00 (default: the start)")
        command.add_argument("--to", dest="until", metavar="TIME", help="UTC (default: the end)")
    if name == "export":
        command.add_argument(
            "--out", metavar="F", type=Path, required=True, help="the archive to write; must not exist"
        )
        command.add_argument("--policy", metavar="F", type=Path, help="the settings to enclose, as text")
        command.add_argument(
            "--session", metavar="N", type=int, action="append", default=[], help="with --redacted: leave this one in"
        )


def execute(given: argparse.Namespace) -> int:
    """Check; print; 0 or 1."""
    if given.doing == "prune":
        return prune.perform(given)
    with _source(given) as source:
        return {"verify": _verify, "show": _show, "report": _report, "export": _export}[given.doing](given, source)


@contextmanager
def _source(given: argparse.Namespace) -> Iterator[Source]:
    if given.directory.is_dir():
        yield _complete(given, given.directory, "")
    elif given.directory.is_file():
        from wakeword.evidence.export import unpack

        packed = unpack(given.directory)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in packed.files.items():
                (Path(folder) / name).write_bytes(content)
            source = _complete(given, Path(folder), packed.key)
            source.receipts = "\n\n".join(filter(None, [source.receipts, packed.receipts]))
            source.witnesses += [note.Key.of_service(key) for key in packed.witnesses if given.witness == []]
            source.policy = packed.policy
            yield source
    else:
        raise ConfigError("no such folder or archive", where=str(given.directory))


def _complete(given: argparse.Namespace, folder: Path, found: str) -> Source:
    device, pinned = _device(given, folder, found)
    receipts = _receipts(given.receipts) if getattr(given, "receipts", None) else ""
    if receipts and not read_notes(receipts).checkpoints:
        hint = "expected signed checkpoints: origin, size, root, an empty line, and lines that begin with a dash"
        raise ConfigError("no checkpoint in it", where=str(given.receipts), hint=hint)
    return Source(
        folder, device, pinned, receipts, [_key(text, note.Key.of_service) for text in getattr(given, "witness", [])]
    )


def _device(given: argparse.Namespace, folder: Path, found: str) -> tuple[note.Key, bool]:
    """The device key, and whether it was given."""
    if given.key:
        return _key(given.key, note.Key.of_device), True
    beside = folder / VKEY_NAME
    if not found and not beside.exists():
        raise ConfigError("no device key", where=str(beside), hint="give --key with the device's public key")
    text = "the key was found beside the log: who could rewrite one could rewrite both; pin it with --key"
    print(f"wakeword: {text}", file=sys.stderr)
    return _key(found or str(beside), note.Key.of_device), False


def _checked(source: Source, *, every: bool = False, redacted: bool = False) -> Result:
    try:
        return verify(source.folder, source.device, source.receipts, source.witnesses, every=every, redacted=redacted)
    except FileNotFoundError as error:
        raise ConfigError(str(error), where=str(source.folder)) from error


def _verify(given: argparse.Namespace, source: Source) -> int:
    result = _checked(source, every=given.all, redacted=given.redacted)
    print(json.dumps(report.as_json(result)) if given.json else _as_text(result))
    return CHECK_FAILED if result.findings else 0


def _show(given: argparse.Namespace, source: Source) -> int:
    result = _checked(source, redacted=given.redacted)
    for moment, record, sentence in report.timeline(result, beats=given.beats):
        print(json.dumps(record | {"utc": moment, "says": sentence}) if given.json else f"{moment}  {sentence}")
    if not given.json:
        print("\n".join(["", *_days(result)]))
    if result.findings:
        print(
            f"wakeword: {_many(len(result.findings), 'finding')}: `wakeword audit verify` tells more", file=sys.stderr
        )
    return CHECK_FAILED if result.findings else 0


def _report(given: argparse.Namespace, source: Source) -> int:
    from wakeword.evidence.answers import Asked, answers, bounds

    result = _checked(source, every=True, redacted=given.redacted)
    first, last = bounds(result)
    asked = Asked(result, _seconds(given.since, first), _seconds(given.until, last), _known_code(), source.pinned)
    if asked.from_s > asked.to_s:
        raise ConfigError("--from is later than --to", where=f"{given.since} {given.until}")
    found = answers(asked)
    if given.html:
        from wakeword.evidence.page import html

        _write(given.html, html(result, found, pinned=source.pinned).encode())
    if given.json:
        print(json.dumps({**report.as_json(result), "answers": [asdict(answer) for answer in found]}))
    elif not given.html:
        for answer in found:
            print(f"{answer.number:>2}. {answer.question}\n    {answer.sure.upper()}: {answer.answer}")
    return CHECK_FAILED if result.findings else 0


def _export(given: argparse.Namespace, source: Source) -> int:
    from wakeword.evidence.export import Packed, pack
    from wakeword.evidence.redact import RecordError, redacted

    if given.out.exists():
        raise ConfigError("exists already", where=str(given.out), hint="name another file")
    if given.session and not given.redacted:
        raise ConfigError("--session chooses what a redacted copy keeps", where="--session", hint="add --redacted")
    result = _checked(source)
    files = read_files(source.folder)
    try:
        files = redacted(files, set(given.session)) if given.redacted else files
    except RecordError as error:
        hint = "`wakeword audit verify` says where; without --redacted it can be exported as it is"
        raise ConfigError(f"a log that is not in form cannot be redacted: {error}", hint=hint) from error
    named = {file_name(epoch): content for epoch, content in files.items()}
    policy = _read(given.policy) if given.policy else source.policy
    witnesses = [key.vkey() for key in source.witnesses]
    packed = Packed(named, source.device.vkey(), source.receipts, witnesses, policy)
    code = sorted({str(entry.record["code"]) for entry in result.entries if entry.record["k"] == "key"})
    policies = [entry.record for entry in result.entries if entry.record["k"] == "policy"]
    models = sorted({str(policy[stage]) for policy in policies for stage in ("m1", "m2")})
    facts = {
        "findings": len(result.findings), "redacted": given.redacted, "sessions": sorted(given.session),
        "code_sha256": code, "installed_code_sha256": list(_known_code()), "models": models,
    }  # fmt: skip
    _write(given.out, pack(packed, result, facts))
    print(f"{given.out}: {_many(len(named), 'file')} of the log, {_many(result.size, 'record')}")
    return 0


def _known_code() -> dict[str, str]:
    """SHA-256 of the gate's code that is installed here -> its name."""
    from wakeword import __version__
    from wakeword.gate import code_sha256

    return {code_sha256(): f"that of wakeword {__version__} as installed here"}


def _seconds(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError("not a time", where=text, hint="expected UTC like 2026-11-21T02:00") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp())


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing; a disk that is full is said, and exits with 74."""
    new = path.with_name(path.name + ".part")
    try:
        new.write_bytes(content)
        os.replace(new, path)  # noqa: PTH105  the same thing, in fewer words
    except OSError as error:
        new.unlink(missing_ok=True)
        raise Fatal(f"cannot be written: {error.strerror}", where=str(path)) from error


def _key(given: str, read: Callable[[str], note.Key]) -> note.Key:
    """A verifier key, or the file that has one."""
    try:
        text = given if "+" in given and "\n" not in given and not Path(given).exists() else _read(Path(given))
        return read(text)
    except note.NoteError as error:
        raise ConfigError(str(error), where=given, hint="expected NAME+ID+BASE64, or a file with that") from error


def _receipts(path: Path) -> str:
    files = sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    return "\n\n".join(_read(file) for file in files)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise ConfigError(f"cannot be read: {reason}", where=str(path)) from error


def _as_text(result: Result) -> str:
    files = len({entry.epoch for entry in result.entries})
    extent = f"{_many(result.size, 'record')}, {_many(files, 'file')}"
    lines = [f"log {result.origin}: {extent}, root {note.encode64(result.root)}", ""]
    lines += [*_sessions(result), "", *_days(result), ""]
    shown = result.findings[:MOST_FINDINGS]
    lines += [f"{finding.invariant:<4} {finding.where:<16} {finding.what}" for finding in shown]
    if len(shown) < len(result.findings):
        lines += [f"… and {len(result.findings) - len(shown)} more: --json has all"]
    anchors = sum(finding.invariant == "I20" for finding in result.findings)
    if result.findings:
        alone = len(result.findings) - anchors
        lines += [f"seen by the log and the key alone: {alone}; only by checkpoints kept elsewhere: {anchors}"]
    lines += [f"ignored: {ignored}" for ignored in result.receipts_ignored]
    verdict = (
        f"FAILED: {_many(len(result.findings), 'finding')}" if result.findings else "PASSED: invariants I1 to I20 hold"
    )
    newest = "none" if result.newest_receipt_s is None else report.moment(result.newest_receipt_s)
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
