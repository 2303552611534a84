"""A word of one's own, from its text: a head on a trunk that is there, a stage 2 that goes on from one that is there.

    voices -> clips -> head -> mining -> stage 2 -> thresholds, on voices that were held back -> model folder, report

The trunk is that of `base`, to the bit: a daemon that listens for both pays for one. What does not depend on the word
is made once a work folder. Recordings of one's own, if there are any, are trained on as all the rest.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from wakeword.errors import ConfigError
from wakeword.eval.corpus import sound_files
from wakeword.train import (
    assemble,
    base,
    card,
    choose,
    conditions,
    corpus,
    dataset,
    mine,
    recipe,
    sweep,
    synthesize,
    train_head,
    train_stage2,
    voices,
    warp,
)  # fmt: skip
from wakeword.train.export import Scale, load_stage2, stage2_graph, with_head
from wakeword.train.learn import Pool
from wakeword.train.phrases import Word

SYNTHETIC_COPIES, RECORDED_COPIES = 2.0, 1.5  # times those of `dataset.COPIES`: here nothing else says the word
WARPED = 2  # further speakers of each synthetic clip of the word
BACKGROUND = 0.3  # of the clips without a word that the shipped words were trained on
MINED_PER_HOUR, MINED_SHARE = 250, 0.2  # candidates of stage 1; of the files in each of two passes
RATES = (train_stage2.HEAD_RATE / 2, train_stage2.EMBEDDING_RATE / 3)


@dataclass(frozen=True)
class Own:
    """What to train, from what, where."""

    word: Word
    corpora: Path  # speech/, noise/, rir/ and manifest.csv
    out: Path  # the model folder goes into it
    work: Path  # clips, checkpoints, sweep: about 4 GB
    base: Path  # the model folder it starts from
    recordings: Path | None = None  # sound files in which the word is said, and nothing else
    rounds: int = synthesize.ROUNDS
    epochs_head: int = 10
    epochs_stage2: int = 5
    seed: int = 1
    processes: int = 2

    @property
    def folder(self) -> Path:
        """Where this word's part of the work lies."""
        return self.work / self.word.name


def follow(own: Own) -> None:
    """Run what is not yet done. Raises `ConfigError` for corpora or recordings that are not where they should be."""
    if not (own.corpora / "manifest.csv").is_file():
        where = str(own.corpora / "manifest.csv")
        raise ConfigError("not found", where=where, hint="see docs/models.md for what the corpora must hold")
    if own.recordings and not sound_files(own.recordings):
        raise ConfigError("no sound file in it", where=str(own.recordings), hint="one word a file: .wav, .flac, .ogg")
    recipe.run(steps(own), own.folder)


def steps(own: Own) -> list[recipe.Step]:
    """In order."""
    work, model = own.folder, own.out / own.word.name
    return [
        recipe.say("synthetic voices", own.word, work / "voices", own.rounds, own.processes),
        recipe.say_held("voices to measure on", own.word, work / "held", own.processes),
        ("more speakers", work / "warped" / "index.csv", lambda: _warp(own)),
        ("other sounds", own.work / "shared" / "items.csv", lambda: _background(own)),
        ("clips", work / "clips" / "items.csv", lambda: _clips(own)),
        ("stage 1", work / "stage1" / "head.pt", lambda: _head(own)),
        ("mining", work / "mined" / "items.csv", lambda: _mine(own)),
        ("stage 2", work / "stage2" / "stage2.pt", lambda: _stage2(own)),
        ("dev conditions", work / "dev" / "index.csv", lambda: _conditions(own)),
        ("raw model", work / "raw" / own.word.name / "manifest.yaml", lambda: _assemble(own, work / "raw", {})),
        ("sweep", work / "sweep.csv", lambda: _sweep(own)),
        ("operating points", model / "card.md", lambda: _finish(own)),
        ("report", work / "report" / "report.html", lambda: _report(own, model)),
    ]  # fmt: skip


def _said(own: Own, name: str = "voices") -> list[corpus.Spoken]:
    return [clip for clip in corpus.synthetic(own.folder / name) if clip.label == own.word.name]


@cache  # they are read for their number too
def _recorded(own: Own) -> list[corpus.Spoken]:
    return corpus.recorded(own.recordings, own.word.name) if own.recordings else []


def _warp(own: Own) -> None:
    warp.build([*_said(own), *_recorded(own)], own.folder / "warped", WARPED, own.seed, own.processes)


def _background(own: Own) -> None:
    around = corpus.surroundings(own.corpora, "train", simulated_rooms=dataset.ROOMS)
    dataset.build(own.work / "shared", dataset.background(BACKGROUND), around, own.seed, own.processes)


def _clips(own: Own) -> None:
    around = corpus.surroundings(own.corpora, "train", simulated_rooms=dataset.ROOMS)
    synthetic, warped = corpus.synthetic(own.folder / "voices"), corpus.wake_words(own.folder / "warped", "train")
    random, name = np.random.default_rng(own.seed), (own.word.name,)
    items = dataset.utterances([], [], synthetic, name, SYNTHETIC_COPIES, random)
    items += dataset.utterances(_recorded(own), warped, [], name, RECORDED_COPIES, random)
    dataset.build(own.folder / "clips", items, around, own.seed + 1, own.processes)


def _pools(own: Own, *further: Path) -> list[Pool]:
    return [Pool(folder, (own.word.name,)) for folder in (own.folder / "clips", own.work / "shared", *further)]


def _head(own: Own) -> None:
    out = own.folder / "stage1"
    out.mkdir(parents=True, exist_ok=True)
    train_head.train(base.stage1(own.base), _pools(own), out, own.epochs_head, own.seed)


def _mine(own: Own) -> None:
    model = train_head.load(base.stage1(own.base), own.folder / "stage1" / "head.pt")
    floor = mine.floor_for(model, own.corpora, MINED_PER_HOUR)
    out, names = own.folder / "mined", [own.word.name]
    mine.mine(model, names, out, own.corpora, passes=2, floor=floor, seed=own.seed, share=MINED_SHARE)


def _stage2(own: Own) -> None:
    out = own.folder / "stage2"
    out.mkdir(parents=True, exist_ok=True)
    rooms = corpus.rooms(own.corpora, "train", dataset.ROOMS)
    drawer = train_stage2.Drawer(_pools(own, own.folder / "mined"), (own.word.name,), rooms)
    torch.manual_seed(own.seed)
    train_stage2.train(drawer, base.stage2(own.base), out, own.epochs_stage2, own.seed, rates=RATES)


def _conditions(own: Own) -> None:
    out = own.folder / "dev"
    out.mkdir(parents=True, exist_ok=True)
    said = conditions.after_silence(_said(own, "held"))
    conditions.write(out, said, corpus.surroundings(own.corpora, "dev", simulated_rooms=0))


def _assemble(own: Own, out: Path, details: dict[str, Any]) -> None:
    details = dict(details)
    scale1, scale2 = (Scale(*details.pop(name, (1.0, 0.0))) for name in ("scale1", "scale2"))
    trained = train_head.load(base.stage1(own.base), own.folder / "stage1" / "head.pt")
    one = with_head((own.base / "stage1.onnx").read_bytes(), trained.heads.numbers(scale1.a, scale1.b))
    two = stage2_graph(load_stage2([own.folder / "stage2" / "stage2.pt"]), 0, scale2)
    started_from = yaml.safe_load((own.base / "manifest.yaml").read_text("utf-8"))
    manifest = assemble.manifest(
        own.word,
        started_from["stage1"]["trunk"],
        details,
        [*_data(own), *started_from["data"]],
        _command(own),
        own.seed,
    )
    assemble.write(out / own.word.name, manifest, one, two)


def _command(own: Own) -> str:
    return f'wakeword train "{own.word.phrase}"' + (" --recordings DIR" if own.recordings else "")


def _data(own: Own) -> list[dict[str, str]]:
    """What this word was trained on; what its base was trained on stands after it in the manifest."""
    said = len(corpus.synthetic(own.folder / "voices"))
    data = [{"what": "synthetic voices for this word", "amount": f"{said} clips", "licence": "Apache-2.0, BSD-like"}]
    if own.recordings:
        data.append({"what": "recordings of one's own", "amount": f"{len(_recorded(own))} clips", "licence": "-"})
    return data


def _sweep(own: Own) -> None:
    partial = own.folder / "sweep.tmp"
    dev = own.folder / "dev"
    sweep.sweep(own.folder / "raw", [own.word.name], dev, own.corpora, partial, own.processes)
    partial.rename(own.folder / "sweep.csv")


def _finish(own: Own) -> None:
    """Choose points on raw scores, fold them into the model as calibration, and say what they cost."""
    table, rooms = choose.both(own.folder / "sweep.csv", own.word.name)
    details = recipe.calibration(table, rooms)["manifest"]
    table, rooms = (calibrated(each, details["scale1"][1], details["scale2"][1]) for each in (table, rooms))
    details["operating_points"] = recipe.measure(table, rooms, details["operating_points"])
    _assemble(own, own.out, details)
    card.write(own.out / own.word.name, table, rooms, table, _about(own))


def calibrated(table: choose.Sweep, shift1: float, shift2: float) -> choose.Sweep:
    """The same table with both stages' logits shifted: calibration is nothing else."""

    def moved(scores: choose.Floats) -> choose.Floats:
        clear = np.clip(scores, 1e-7, 1 - 1e-7)
        logits = np.log(clear / (1 - clear)) + np.array([shift1, shift2])
        return np.where(scores > 0, 1 / (1 + np.exp(-logits)), 0.0)  # 0: there was no candidate

    said = {name: moved(scores.reshape(-1, 2)) for name, scores in table.utterances.items()}
    return choose.Sweep(said, table.speakers, table.places, moved(table.false), table.hours)


def _about(own: Own) -> card.About:
    heard = f"Only the people of {len(_recorded(own))} recordings" if own.recordings else "No person"
    return card.About(
        "synthetic voices that were held back, and the corpora's dev fold",
        "The operating points were chosen on what is measured below: expect worse elsewhere, and of people first.",
        (f"{heard} said the word in training: measure it on people with `wakeword eval` before you rely on it.",),
    )


def _report(own: Own, model: Path) -> None:
    """The evaluation's own report: the daemon's pipeline on the voices held back and on the dev fold."""
    said, other = own.folder / "said.csv", own.folder / "other.csv"
    with (own.folder / "dev" / "index.csv").open(newline="") as file, said.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(
            ["path", "word", "start_s", "end_s", "speaker", "group_condition", "group_accent", "group_gender"]
        )
        for row in csv.DictReader(file):
            place = [str(own.folder / "dev" / row["path"]), row["word"], row["start_s"], row["end_s"], row["speaker"]]
            table.writerow([*place, row["condition"], *voices.group(row["speaker"])])
    with other.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(["path"])
        table.writerows([str(own.corpora / row["path"])] for row in corpus.without_words(own.corpora, "dev"))
    asked = ["--positives", said, "--negatives", other, "--model", model, "--out", own.folder / "report"]
    done = subprocess.run([sys.executable, "-m", "wakeword", "eval", *map(str, asked)], check=False)
    if done.returncode:
        raise ConfigError("the evaluation ended with an error", where=str(own.folder / "report"))
