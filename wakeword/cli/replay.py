"""`wakeword replay FILE…`: recordings through the daemon's pipeline, its events as they happen."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from wakeword.cli.words import add_words, open_detector
from wakeword.errors import UNREADABLE, ConfigError, SourceError, in_words
from wakeword.events import RATE_HZ

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from wakeword.events import Candidate, Verdict
    from wakeword.pipeline.pipeline import Detector
    from wakeword.source.file import FileSource
    from wakeword.source.stdin import StdinSource

    Int16 = npt.NDArray[np.int16]

ENDINGS = {".wav", ".flac", ".ogg", ".opus", ".mp3"}

EPILOG = """examples:
  wakeword replay talk.wav                              what would have happened
  wakeword replay recordings/ --json                    one JSON object a line, for programs
  wakeword replay long.flac --word computer --floor --candidates sweep.csv
  arecord -f S16_LE -r 16000 -c 1 -t raw | wakeword replay -
  wakeword replay - --names --word jarvis               as a satellite's --wake-command: docs/wyoming.md
  wakeword replay talk.wav --word alexa --stage1 openwakeword:alexa_v0.1.onnx

exit codes: 0 done, 2 bad usage or model, 3 some files unreadable (named on stderr, the others done)"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.epilog = EPILOG
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="recordings, folders of them, or - for raw s16le at 16 kHz"
    )
    add_words(parser)
    parser.add_argument("--channel", type=int, help="take this channel, counted from 0 (default: mix)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--names", action="store_true", help="a word's name a line at each wake, without sessions")
    parser.add_argument(
        "--floor", action="store_true", help="every candidate from the lowest threshold on, no sessions"
    )
    parser.add_argument("--candidates", type=Path, metavar="CSV", help="write time_s,stage1,stage2,accepted")


def execute(given: argparse.Namespace) -> int:
    """Replay each file; unreadable ones are named and the rest done."""
    if given.candidates and len(given.files) > 1:
        raise ConfigError("--candidates takes one FILE", hint="its rows do not name the file; `--json` does")
    if given.names and (given.json or given.candidates or given.floor):
        raise ConfigError("--names stands alone", hint="without --json, --candidates and --floor")
    detector = open_detector(given, floor=given.floor)
    unreadable, rows = 0, []
    for path in _expand(given.files):
        detector.reset()
        try:
            for verdict in _events(path, detector, given):
                rows.append(_row(verdict))
        except SourceError as error:
            print(f"wakeword: {error}", file=sys.stderr)
            unreadable += 1
    if given.candidates:
        _write(given.candidates, rows)
    return UNREADABLE if unreadable else 0


def _expand(names: list[str]) -> Iterator[str]:
    """Folders become the recordings in them, in order of name."""
    for name in names:
        if name == "-" or not Path(name).is_dir():
            yield name
            continue
        found = sorted(p for p in Path(name).rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
        yield from map(str, found or [Path(name)])  # an empty folder is an input that cannot be read


def _events(path: str, detector: Detector, given: argparse.Namespace) -> Iterator[Verdict]:
    """Print what happens in one recording; yields its verdicts."""
    from wakeword.events import Candidate, Verdict
    from wakeword.replay import replay
    from wakeword.settings import SessionSettings

    source = _open(path, given.channel)
    with closing(source):
        for event in replay(_blocks(source), detector, None if given.floor or given.names else SessionSettings()):
            if isinstance(event, Candidate):
                _print(given, "candidate", path, event, None)
            elif isinstance(event, Verdict):
                _print(given, "wake" if event.accepted else "reject", path, event.candidate, event)
                yield event
    for warning in source.warnings:
        print(f"wakeword: {warning}", file=sys.stderr)


def _open(path: str, channel: int | None) -> FileSource | StdinSource:
    from wakeword.source.file import FileSource
    from wakeword.source.stdin import StdinSource

    if Path(path).is_dir():
        raise SourceError("no recordings in this folder", where=path)
    return StdinSource(sys.stdin.fileno(), channel=channel) if path == "-" else FileSource(path, channel)


def _blocks(source: FileSource | StdinSource) -> Iterator[Int16]:
    while (block := source.read()) is not None:
        yield block


def _print(given: argparse.Namespace, kind: str, path: str, candidate: Candidate, verdict: Verdict | None) -> None:
    """One line an event; a candidate has no second score yet."""
    start_s, end_s = candidate.start / RATE_HZ, candidate.end / RATE_HZ
    if given.json:
        line = {
            "event": kind, "file": path, "word": candidate.word, "start_s": round(start_s, 3), "end_s": round(end_s, 3),
            "stage1": round(candidate.stage1, 6), "stage2": round(verdict.stage2, 6) if verdict else None,
            "accepted": verdict.accepted if verdict else None,
        }  # fmt: skip
        print(json.dumps(line, ensure_ascii=False), flush=True)
    elif given.names:
        if verdict and verdict.accepted:
            print(candidate.word, flush=True)
    elif verdict and not given.candidates:
        scores = f"stage 1 {candidate.stage1:.2f}   stage 2 {verdict.stage2:.2f}"
        print(f"{path}  {end_s:8.2f} s  {candidate.word:10s} {kind:7s} {scores}", flush=True)


def _row(verdict: Verdict) -> list[str]:
    candidate = verdict.candidate
    scores = [f"{candidate.stage1:.6f}", f"{verdict.stage2:.6f}"]
    return [f"{candidate.end / RATE_HZ:.3f}", *scores, str(verdict.accepted).lower()]


def _write(path: Path, rows: list[list[str]]) -> None:
    try:
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([["time_s", "stage1", "stage2", "accepted"], *rows])
    except OSError as error:
        raise ConfigError(in_words(error), where=str(path)) from error
