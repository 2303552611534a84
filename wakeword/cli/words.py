"""What commands that listen have in common: which words, at which point, behind whose first stage. Not a command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from wakeword.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from wakeword.model import Model, Point
    from wakeword.pipeline.pipeline import Detector
    from wakeword.settings import SessionSettings


def add_words(parser: argparse.ArgumentParser) -> None:
    """Add --model, --word, --point, --stage1."""
    parser.add_argument("--model", action="append", metavar="DIR", help="a model folder; repeat for more words")
    parser.add_argument(
        "--word", action="append", metavar="W", help="a shipped word; repeat for more (default: all shipped)"
    )
    point = "operating point: strict, default, keen, room, or a file that `wakeword tune` wrote (default: default)"
    parser.add_argument("--point", default="default", metavar="POINT", help=point)
    parser.add_argument(
        "--stage1",
        action="append",
        default=[],
        metavar="[W=]KIND:PATH",
        help="another program's model instead of our stage 1, for the word W (kinds: openwakeword, microwakeword)",
    )


def open_detector(given: argparse.Namespace, *, floor: bool = False) -> Detector:
    """The detector that the arguments ask for. Raises `ConfigError`, `ModelError`."""
    from wakeword.pipeline.pipeline import Detector

    return Detector.load(*asked(given), point=given.point, floor=floor, stage1=stages1(given))


def asked(given: argparse.Namespace) -> list[str]:
    """Packaged words and model folders, in order; without any, all that are packaged."""
    from wakeword.model import shipped_words

    return [*(given.word or []), *(given.model or [])] or shipped_words()


def stages1(given: argparse.Namespace) -> dict[str, str]:
    """Which words have another program's stage 1, and whose. Raises `ConfigError`, `ModelError`."""
    from wakeword.model import find, load_manifest

    words, stage1 = asked(given), {}
    for text in given.stage1:
        word, separator, spec = text.partition("=")
        if not separator or ":" in word:  # no word, and perhaps a path with = in it
            if len(words) > 1:
                raise ConfigError(f"whose stage 1 is {text}?", hint="--stage1 WORD=KIND:PATH, or one --word")
            word, spec = str(load_manifest(find(words[0])).get("word")), text
        stage1[word] = spec
    return stage1


def configured(path: Path) -> tuple[list[Model], list[Point], SessionSettings]:
    """Words, thresholds and sessions exactly as a daemon with this configuration has them. Raises `WakewordError`."""
    from wakeword import config, plan
    from wakeword.model import load, point_from
    from wakeword.settings import SessionSettings

    loaded = config.load(path)
    models = [load(word.model) for word in loaded.config.words]
    words = [plan.word_settings(*pair) for pair in zip(models, loaded.config.words, strict=True)]
    points = [point_from(word) for word in words]
    return models, points, SessionSettings(**loaded.config.session.model_dump())
