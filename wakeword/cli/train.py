"""`wakeword train WORD…`: from corpora and voices to model folders, in one command that can be interrupted."""

from __future__ import annotations

import argparse
from pathlib import Path

from wakeword.errors import ConfigError

EPILOG = """example:
  wakeword train computer jarvis alexa --corpora CORPORA --wake RECORDINGS --out models --work work

needs the extras `train` and `voices`. What CORPORA and RECORDINGS must hold is in docs/models.md. Ctrl-C loses at most
one epoch; the same command goes on."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.epilog = EPILOG
    parser.add_argument("words", nargs="+", metavar="WORD", help="words that share one stage 1")
    parser.add_argument("--corpora", type=Path, required=True, help="folder with manifest.csv, speech/, noise/, rir/")
    parser.add_argument("--wake", type=Path, required=True, help="folder with index.csv and recordings of wake words")
    parser.add_argument("--out", type=Path, required=True, help="where the model folders go")
    parser.add_argument("--work", type=Path, required=True, help="pools, checkpoints and sweeps; about 15 GB")
    parser.add_argument("--embedding", type=Path, help="folder of the weights that stage 2 starts from")
    parser.add_argument("--pools", type=int, default=2, help="augmented copies of everything (default 2)")
    parser.add_argument("--epochs-stage1", type=int, default=16)
    parser.add_argument("--epochs-stage2", type=int, default=14)
    parser.add_argument("--seeds-stage2", type=int, default=2, help="trainings of stage 2, averaged (default 2)")
    parser.add_argument("--rounds", type=int, default=300, help="synthetic speakers a word (default 300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)


def execute(given: argparse.Namespace) -> int:
    """Follow the recipe."""
    try:
        from wakeword.train import phrases, recipe
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed", hint="pip install 'wakeword[train,voices]'") from error
    options = {name: value for name, value in vars(given).items() if name not in ("command", "words", "embedding")}
    spoken = tuple(phrases.Word.of(word) for word in given.words)
    embedding = recipe.find_embedding(given.embedding)
    recipe.follow(recipe.Recipe(spoken=spoken, embedding=embedding, **options))
    return 0
