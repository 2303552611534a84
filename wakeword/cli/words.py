"""What commands that listen have in common: which words, at which point, behind whose first stage. Not a command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from wakeword.errors import ConfigError

if TYPE_CHECKING:
    from wakeword.pipeline.pipeline import Detector


def add_words(parser: argparse.ArgumentParser) -> None:
    """Add --model, --word, --point, --stage1."""
    parser.add_argument("--model", action="append", metavar="DIR", help="a model folder; repeat for more words")
    parser.add_argument(
        "--word", action="append", metavar="W", help="a shipped word; repeat for more (default: all shipped)"
    )
    parser.add_argument("--point", default="default", choices=["strict", "default", "keen"], help="operating point")
    parser.add_argument(
        "--stage1",
        action="append",
        default=[],
        metavar="[W=]KIND:PATH",
        help="another program's model instead of our stage 1, for the word W (openwakeword, microwakeword)",
    )


def open_detector(given: argparse.Namespace, *, floor: bool = False) -> Detector:
    """The detector that the arguments ask for. Raises `ConfigError`, `ModelError`."""
    from wakeword.model import find, load_manifest, shipped_words
    from wakeword.pipeline.pipeline import Detector

    words = [*(given.word or []), *(given.model or [])] or shipped_words()
    stage1 = {}
    for text in given.stage1:
        word, separator, spec = text.partition("=")
        if not separator or ":" in word:  # no word, and perhaps a path with = in it
            if len(words) > 1:
                raise ConfigError(f"whose stage 1 is {text}?", hint="--stage1 WORD=KIND:PATH, or one --word")
            word, spec = str(load_manifest(find(words[0])).get("word")), text
        stage1[word] = spec
    return Detector.load(*words, point=given.point, floor=floor, stage1=stage1)
