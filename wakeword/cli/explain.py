"""`wakeword explain FILE`: why it woke, or did not: sentences, a page, a picture."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wakeword.cli.words import add_words, configured, open_detector
from wakeword.errors import ConfigError, in_words

if TYPE_CHECKING:
    from wakeword.eval.explain import Explanation
    from wakeword.pipeline.pipeline import Detector
    from wakeword.settings import SessionSettings

EPILOG = """examples:
  wakeword explain morning.wav                          every shipped word; writes morning.explain.html
  wakeword explain morning.wav --word jarvis --png      and morning.jarvis.png, without a browser
  wakeword explain long.flac --word jarvis --at 1325.5  the moment at 22:05.5
  wakeword explain morning.wav --config wakeword.yaml   with the daemon's own words and thresholds
  wakeword explain morning.wav --model models/garden --json

exit codes: 0 done (woken or not), 2 bad usage or model, 3 the recording cannot be read"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.epilog = EPILOG
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording")
    add_words(parser)
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="words, thresholds, sessions as `wakeword run` has them"
    )
    parser.add_argument("--at", type=float, metavar="SECONDS", help="this moment (default: the most telling one)")
    parser.add_argument("--channel", type=int, help="take this channel, counted from 0 (default: mix)")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the page goes (default: here)")
    parser.add_argument("--png", action="store_true", help="also a picture of each word")
    parser.add_argument("--json", action="store_true", help="one JSON object a word")


def execute(given: argparse.Namespace) -> int:
    """Explain, print, write."""
    from wakeword.eval.corpus import plain
    from wakeword.eval.explain import explain
    from wakeword.eval.explain_page import explain_page
    from wakeword.eval.picture import write_png
    from wakeword.source.file import FileSource

    if given.at is not None and not 0 <= given.at < 1e6:
        raise ConfigError(f"--at {given.at:g} is no moment of a recording", hint="seconds since its beginning")
    detector, session = _detector(given)
    with FileSource(given.file, given.channel) as source:  # unreadable files end here, warnings are said once
        for _ in source:
            pass
        for warning in source.warnings:
            print(f"wakeword: {warning}", file=sys.stderr)
    found = explain(str(given.file), lambda: FileSource(given.file, given.channel), detector, given.at, session)
    page = given.out / f"{given.file.stem}.explain.html"
    try:
        given.out.mkdir(parents=True, exist_ok=True)
        page.write_text(explain_page(found), "utf-8")
        pictures = [given.out / f"{given.file.stem}.{plain(each.word)}.png" for each in found] if given.png else []
        for each, picture in zip(found, pictures, strict=False):
            write_png(each, picture)
    except OSError as error:
        raise ConfigError(in_words(error), where=error.filename or str(given.out)) from error
    for number, each in enumerate(found):
        _print(given, each, page, pictures[number] if pictures else None)
    if not given.json:
        print(f"written: {', '.join(map(str, [page, *pictures]))}")
    return 0


def _detector(given: argparse.Namespace) -> tuple[Detector, SessionSettings]:
    from wakeword.pipeline.pipeline import Detector
    from wakeword.settings import SessionSettings

    if not given.config:
        return open_detector(given), SessionSettings()
    if given.word or given.model or given.stage1:
        raise ConfigError("the words are those of the configuration", where="--config")
    models, points, session = configured(given.config)
    return Detector(models, points), session


def _print(given: argparse.Namespace, found: Explanation, page: Path, picture: Path | None) -> None:
    from wakeword.eval.reasons import reasons
    from wakeword.events import RATE_HZ

    if not given.json:
        print(f"{found.word}:", *(f"  {sentence}" for sentence in reasons(found)), sep="\n")
        return
    line: dict[str, Any] = {  # Any: JSON
        "file": found.file, "word": found.word, "woke": found.woke, "at_s": round(found.decided / RATE_HZ, 3),
        "asked": found.verdict is not None, "stage1": None if found.stage1 is None else round(found.stage1, 6),
        "stage2": round(found.stage2, 6), "threshold_stage1": found.point.stage1,
        "threshold_stage2": found.point.stage2, "why": " ".join(reasons(found)), "html": str(page),
        "png": str(picture) if picture else None,
    }  # fmt: skip
    print(json.dumps(line, ensure_ascii=False))
