"""`wakeword train "PHRASE"`: from a text to a model folder, in one command that can be interrupted."""

from __future__ import annotations

import argparse
from pathlib import Path

from wakeword.errors import ConfigError

EPILOG = """examples:
  wakeword train "ok garden" --corpora CORPORA --out words
  wakeword train "ok garden" --corpora CORPORA --out words --recordings mine     mine/*.wav, or mine/SPEAKER/*.wav
  wakeword run --model words/ok_garden
  wakeword train --everything computer jarvis alexa --corpora CORPORA --wake WAKE --out models --work work

A phrase of your own is said by synthetic voices; its stage 1 is a head on the trunk of a model that is there, its stage
2 goes on from that model's. About an hour on two cores that had other work too. `--everything` is the whole training of
the shipped words; it takes hours.

needs the extras `train` and `voices`. What CORPORA and WAKE must hold is in docs/models.md. Ctrl-C loses what the step
under way has done (of the voices a clip, of a training one epoch); the same command goes on."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.epilog = EPILOG
    parser.add_argument("words", nargs="+", metavar="PHRASE", help="what is to be said; English, or Chinese characters")
    parser.add_argument("--corpora", type=Path, required=True, help="folder with manifest.csv, speech/, noise/, rir/")
    parser.add_argument("--out", type=Path, required=True, help="where the model folders go")
    parser.add_argument("--work", type=Path, help="clips, checkpoints, sweeps: 4 GB, or 15 (default: OUT/work)")
    parser.add_argument("--rounds", type=int, default=300, help="synthetic speakers a word (default 300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    own = parser.add_argument_group("a phrase of your own")
    own.add_argument("--recordings", type=Path, metavar="DIR", help="sound files in which it is said, and nothing else")
    own.add_argument("--base", default="computer", help="shipped word or model folder to start from (default computer)")
    whole = parser.add_argument_group("the whole training")
    whole.add_argument("--everything", action="store_true", help="train trunk and stage 2 anew, for all words at once")
    whole.add_argument("--wake", type=Path, help="folder with index.csv and recordings of the words")
    whole.add_argument("--embedding", type=Path, help="folder of the weights that stage 2 starts from")
    whole.add_argument("--pools", type=int, default=2, help="augmented copies of everything (default 2)")
    whole.add_argument("--epochs-stage1", type=int, default=16)
    whole.add_argument("--epochs-stage2", type=int, default=10)
    whole.add_argument("--seeds-stage2", type=int, default=2, help="trainings of stage 2, averaged (default 2)")


def execute(given: argparse.Namespace) -> int:
    """Follow the recipe."""
    try:
        from wakeword.train import phrases
        from wakeword.train.recipe import Recipe
    except ImportError as error:
        raise ConfigError(f"{error.name} is not installed", hint="pip install 'wakeword[train,voices]'") from error
    from wakeword import model as models
    from wakeword.train import own, recipe

    spoken = tuple(phrases.Word.of(word) for word in given.words)
    work = given.work or given.out / "work"
    shared = {name: getattr(given, name) for name in ("corpora", "out", "rounds", "seed", "processes")}
    if given.everything:
        if not given.wake:
            raise ConfigError("needed", where="--wake", hint="a folder with index.csv and recordings of the words")
        embedding = recipe.find_embedding(given.embedding)
        numbers = {name: getattr(given, name) for name in ("pools", "epochs_stage1", "epochs_stage2", "seeds_stage2")}
        recipe.follow(Recipe(spoken=spoken, wake=given.wake, work=work, embedding=embedding, **shared, **numbers))
        return 0
    base = models.load(given.base).folder
    for word in spoken:
        own.follow(own.Own(word, work=work, base=base, recordings=given.recordings, **shared))
        print(f"{word.phrase}: {given.out / word.name}; listen with: wakeword run --model {given.out / word.name}")
    return 0
