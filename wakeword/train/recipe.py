"""The whole training, from corpora to model folders, as a list of steps.

Each writes into the work folder and is skipped when its result is there, so that one command starts it, and the same
command goes on after an interruption.

What a step does is in the module it calls; read those in this order.
"""

from __future__ import annotations

import importlib.util
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wakeword.errors import ConfigError
from wakeword.train import (
    assemble,
    augment,
    average,
    card,
    choose,
    conditions,
    corpus,
    dataset,
    mine,
    sweep,
    synthesize,
    train_stage1,
    train_stage2,
    warp,
)  # fmt: skip
from wakeword.train.export import load_stage1
from wakeword.train.learn import Pool
from wakeword.train.phrases import Word

KEPT_EPOCHS = (4, 6, 8, 10)  # of stage 2, whose weights are averaged: late ones hear in noise, early ones strangers

Step = tuple[str, Path, Callable[[], object]]  # name, what exists when it is done, what to do


@dataclass(frozen=True)
class Recipe:
    """What to train, from what, where."""

    spoken: tuple[Word, ...]
    corpora: Path  # speech/, noise/, rir/ and manifest.csv
    wake: Path  # recordings of wake words and index.csv
    out: Path  # model folders
    work: Path  # pools, checkpoints, sweeps: about 23 GB
    embedding: Path  # embedding_model.onnx and melspectrogram.onnx
    pools: int = 2  # of 85 000 clips each
    epochs_stage1: int = 16  # over one pool; the later pools get as many again
    epochs_stage2: int = 10
    seeds_stage2: int = 2  # trainings whose logits are averaged: each errs on other sounds
    rounds: int = synthesize.ROUNDS  # synthetic speakers a word
    seed: int = 1
    processes: int = 2

    @property
    def words(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(word.name for word in self.spoken)


def find_embedding(given: Path | None) -> Path:
    """The folder of the embedding's weights: as given, or inside an installed openwakeword. Raises `ConfigError`."""
    folders = [given] if given else []
    spec = importlib.util.find_spec("openwakeword")
    if spec and spec.submodule_search_locations:
        folders.append(Path(spec.submodule_search_locations[0]) / "resources" / "models")
    for folder in folders:
        if (folder / "embedding_model.onnx").is_file() and (folder / "melspectrogram.onnx").is_file():
            return folder
    raise ConfigError(
        "the weights that stage 2 starts from are not here", where=str(given or "openwakeword"),
        hint="pip install --no-deps openwakeword==0.5.1, or --embedding DIR with its two ONNX files",
    )  # fmt: skip


def follow(recipe: Recipe) -> None:
    """Run what is not yet done. Raises `ConfigError` for corpora that are not where they should be."""
    for path in (recipe.corpora / "manifest.csv", recipe.wake / "index.csv"):
        if not path.is_file():
            raise ConfigError("not found", where=str(path), hint="see docs/models.md for what the corpora must hold")
    _require_recordings(recipe)
    run(steps(recipe), recipe.work)


def run(steps: list[Step], work: Path) -> None:
    """Take the steps whose result is not there yet, in order."""
    work.mkdir(parents=True, exist_ok=True)
    for name, result, step in steps:
        if result.exists():
            print(f"{name}: done before", flush=True)
            continue
        began = time.monotonic()
        print(f"{name} ...", flush=True)
        step()
        print(f"{name}: {(time.monotonic() - began) / 60:.1f} min", flush=True)


def _require_recordings(recipe: Recipe) -> None:
    """Before hours are spent: thresholds are chosen on dev recordings of each word."""
    for fold in ("train", "dev"):
        recorded = {row["word"] for row in corpus.recordings(recipe.wake, fold)}
        for word in recipe.spoken:
            if word.name not in recorded:
                raise ConfigError(
                    f"no recording of '{word.phrase}' in the {fold} fold", where=str(recipe.wake / "index.csv"),
                    hint=f"add rows with the word {word.name}; recorded are {', '.join(sorted(recorded)) or 'none'}",
                )  # fmt: skip


def steps(recipe: Recipe) -> list[Step]:
    """In order."""
    work, words = recipe.work, recipe.words
    warped, stage1, mined, stage2 = work / "warped", work / "stage1", work / "mined", _stage2_folders(recipe)
    pools = [work / f"pool{number}" for number in range(recipe.pools)]
    table = work / "sweep.csv"
    return [
        *(
            say(f"synthetic voices, {w.phrase}", w, work / "voices" / w.name, recipe.rounds, recipe.processes)
            for w in recipe.spoken
        ),
        *(
            say_held(f"voices to measure on, {w.phrase}", w, work / "held" / w.name, recipe.processes)
            for w in recipe.spoken
        ),
        ("more speakers", warped / "index.csv", lambda: _warp(recipe, warped)),
        *((f"clips {p.name}", p / "items.csv", lambda p=p, n=n: _pool(recipe, p, n)) for n, p in enumerate(pools)),
        ("stage 1", stage1 / "stage1.pt", lambda: _stage1(recipe, pools, stage1)),
        ("mining", mined / "items.csv", lambda: _mine(recipe, stage1, mined)),
        *(
            (f"stage 2 {p.name}", p / "kept.pt", lambda p=p, n=n: _stage2(recipe, [*pools, mined], p, n))
            for n, p in enumerate(stage2)
        ),
        ("dev conditions", work / "dev" / "index.csv", lambda: _conditions(recipe, work / "dev")),
        ("held conditions", work / "dev-held" / "index.csv", lambda: _held_conditions(recipe, work / "dev-held")),
        ("raw models", work / "raw" / words[-1] / "manifest.yaml", lambda: _assemble(recipe, work / "raw", {})),
        ("sweep", table, lambda: _sweep(recipe, work / "raw", table)),
        ("operating points", recipe.out / words[-1] / "card.md", lambda: _finish(recipe, table)),
    ]  # fmt: skip


def _stage2_folders(recipe: Recipe) -> list[Path]:
    return [recipe.work / f"stage2-{number}" for number in range(recipe.seeds_stage2)]


def say(name: str, word: Word, folder: Path, rounds: int, processes: int, *, held: bool = False) -> Step:
    """The step in which synthetic voices say what a word is trained on; `done` stands in the folder at its end."""

    def step() -> None:
        synthesize.synthesize(word, folder, held=held, rounds=rounds, processes=processes)
        (folder / "done").touch()

    return name, folder / "done", step


def say_held(name: str, word: Word, folder: Path, processes: int) -> Step:
    """The same by the voices that are held back, to be measured on."""
    return say(name, word, folder, synthesize.HELD_ROUNDS, processes, held=True)


def _warp(recipe: Recipe, out: Path) -> None:
    warp.build(corpus.wake_words(recipe.wake, "train"), out, warp.VARIANTS, recipe.seed, recipe.processes)


def _pool(recipe: Recipe, folder: Path, number: int) -> None:
    around = corpus.surroundings(recipe.corpora, "train", simulated_rooms=dataset.ROOMS)
    synthetic = [clip for word in recipe.words for clip in corpus.synthetic(recipe.work / "voices" / word)]
    words, warped = corpus.wake_words(recipe.wake, "train"), corpus.wake_words(recipe.work / "warped", "train")
    random = np.random.default_rng([recipe.seed, number])
    items = dataset.plan(words, warped, synthetic, recipe.words, 1.0, random)
    dataset.build(folder, items, around, recipe.seed + number, recipe.processes)


def _stage1(recipe: Recipe, pools: list[Path], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    loaded = [Pool(pool, recipe.words) for pool in pools]
    train_stage1.train(loaded, out, recipe.words, recipe.epochs_stage1, recipe.seed)


def _mine(recipe: Recipe, stage1: Path, out: Path) -> None:
    model = load_stage1(stage1 / "stage1.pt", len(recipe.words))
    mine.mine(model, list(recipe.words), out, recipe.corpora, passes=2, floor=0.12, seed=5)


def _stage2(recipe: Recipe, pools: list[Path], out: Path, number: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rooms = corpus.rooms(recipe.corpora, "train", dataset.ROOMS)
    drawer = train_stage2.Drawer([Pool(pool, recipe.words) for pool in pools], recipe.words, rooms)
    seed = recipe.seed + number
    model = train_stage2.begin(len(recipe.words), recipe.embedding, seed)
    train_stage2.train(drawer, model, out, recipe.epochs_stage2, seed)
    kept = [out / f"epoch{epoch}.pt" for epoch in range(1, recipe.epochs_stage2 + 1) if epoch in KEPT_EPOCHS]
    average.average(kept or [out / "stage2.pt"], out / "kept.pt")


def _conditions(recipe: Recipe, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    around: augment.Surroundings = corpus.surroundings(recipe.corpora, "dev", simulated_rooms=0)
    conditions.write(out, corpus.wake_words(recipe.wake, "dev"), around)


def _held_conditions(recipe: Recipe, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    around: augment.Surroundings = corpus.surroundings(recipe.corpora, "dev", simulated_rooms=0)
    said = [
        clip for word in recipe.words for clip in corpus.synthetic(recipe.work / "held" / word) if clip.label == word
    ]
    conditions.write(out, conditions.after_silence(said), around)


def _assemble(recipe: Recipe, out: Path, details: dict[str, Any]) -> None:
    work = recipe.work
    stage2 = [folder / "kept.pt" for folder in _stage2_folders(recipe)]
    assemble.assemble(work / "stage1" / "stage1.pt", stage2, list(recipe.spoken), out, details, recipe.seed)


def _sweep(recipe: Recipe, models: Path, out: Path) -> None:
    partial = out.with_suffix(".tmp")
    sweep.sweep(models, list(recipe.words), recipe.work / "dev", recipe.corpora, partial, recipe.processes)
    partial.rename(out)


def _finish(recipe: Recipe, table: Path) -> None:
    """Choose points on raw scores, fold them into the models as calibration, sweep again, write what was measured."""
    details = {word: calibration(*choose.both(table, word)) for word in recipe.words}
    _assemble(recipe, recipe.out, {word: found["manifest"] for word, found in details.items()})
    final = recipe.work / "sweep-final.csv"
    _sweep(recipe, recipe.out, final)
    for word in recipe.words:
        measured = measure(*choose.both(final, word), details[word]["manifest"]["operating_points"])
        details[word]["manifest"]["operating_points"] = measured
    _assemble(recipe, recipe.out, {word: found["manifest"] for word, found in details.items()})
    (recipe.work / "details.json").write_text(json.dumps(details, indent=1))
    held = recipe.work / "sweep-held.csv"
    sweep.sweep(recipe.out, list(recipe.words), recipe.work / "dev-held", None, held, recipe.processes)
    for word in recipe.words:
        card.write(recipe.out / word, *choose.both(final, word), choose.read(held, word))


def calibration(table: choose.Sweep, rooms: choose.Sweep) -> dict[str, Any]:
    """Points in raw scores -> scales that put the default point at 0.5, and the points in calibrated scores."""
    chosen = choose.points(table, rooms)
    shift1, shift2 = -_logit(chosen["default"].stage1), -_logit(chosen["default"].stage2)
    points = {
        name: {"stage1": _moved(point.stage1, shift1), "stage2": _moved(point.stage2, shift2)}
        for name, point in chosen.items()
    }
    return {"manifest": {"scale1": [1.0, shift1], "scale2": [1.0, shift2], "operating_points": points}}


def measure(table: choose.Sweep, rooms: choose.Sweep, points: dict[str, dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Misses and false accepts of each point on the sweep of the finished models, `rooms` that across rooms."""
    measured: dict[str, dict[str, Any]] = {}
    for name, point in points.items():
        lost = choose.misses(table, point["stage1"], point["stage2"])
        measured[name] = {
            **point,
            "dev": {
                "misses": {c: f"{lost[c]} of {len(table.utterances[c])}" for c in choose.CONDITIONS},
                "false_accepts": choose.false_accepts(table, point["stage1"], point["stage2"]),
                "candidates": int((table.false[:, 0] >= point["stage1"]).sum()),
                "hours": round(table.hours, 2),
                "false_accepts_across_rooms": choose.false_accepts(rooms, point["stage1"], point["stage2"]),
            },
        }
    return measured


def _logit(score: float) -> float:
    return math.log(score / (1 - score))


def _moved(score: float, shift: float) -> float:
    """The calibrated score, rounded down so that what just passed still does; never under the gate's least."""
    moved = 1 / (1 + math.exp(-(_logit(score) + shift)))
    return max(0.1, math.floor(moved * 1e4) / 1e4)
