"""Collect what stage 1 lets through in sound that has none of the words: stage 2 is trained on just that.

    python -m wakeword.train.mine stage1.pt OUT --corpora DIR [--passes 2] [--floor 0.1]

The first pass is the corpus as it is; the others are at other tempi, in rooms, over noise. Writes a pool like
`dataset.py`, with the label `mined:<word>` and the moment of decision as `end`.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch

from wakeword.errors import ConfigError
from wakeword.events import RATE_HZ
from wakeword.pipeline.trigger import Trigger
from wakeword.train import augment, corpus
from wakeword.train.augment import Float32, Random, Surroundings
from wakeword.train.dataset import CLIP_SAMPLES, ROOMS
from wakeword.train.measure_stage1 import scores
from wakeword.train.progress import Pace
from wakeword.train.stage1 import Stage1

TAIL = int(0.4 * RATE_HZ)  # of sound kept after the decision
STRETCH = 20 * RATE_HZ
KINDS = ("noise/", "speech/")
LEAST = 0.02  # a score under which nothing is looked at


def disguise(sound: Float32, random: Random, around: Surroundings) -> Float32:
    """Every 20 s another tempo, room, noise and microphone."""
    parts = []
    for start in range(0, len(sound), STRETCH):
        part, _ = augment.speaker(sound[start : start + STRETCH], random)
        if random.random() < 0.7:
            part = augment.room(part, random, around)
        if random.random() < 0.7:
            level = augment.level(part) * 10 ** (-random.uniform(-3, 20) / 20)
            part = part + augment.noise(len(part), random, around) * np.float32(level)
        parts.append(augment.microphone(part, random))
    return np.concatenate(parts)


def candidates(model: Stage1, sound: Float32, floor: float) -> list[tuple[int, int, float]]:
    """(word number, sample at which stage 1 decided, score), of all words."""
    found = []
    for number, column in enumerate(scores(model, sound).T):
        trigger = Trigger(floor)
        for score in column:
            firing = trigger.push(float(score))
            if firing:
                found.append((number, (firing.decided + 1) * 640, firing.score))
    return found


def floor_for(model: Stage1, corpora: Path, per_hour: float) -> float:
    """The score that stage 1 reaches `per_hour` times an hour, by every 20th file: heads differ in what scores mean."""
    heard, hours = [], 0.0
    for row in [row for kind in KINDS for row in corpus.rows(corpora, "train", kind)][::20]:
        sound = corpus.read(corpora / row["path"])
        hours += len(sound) / RATE_HZ / 3600
        heard += [score for _, _, score in candidates(model, sound, LEAST)]
    ranked, place = sorted(heard, reverse=True), int(per_hour * hours)
    return ranked[place] if place < len(ranked) else LEAST


def mine(
    model: Stage1, words: list[str], out: Path, corpora: Path, passes: int, floor: float, seed: int,
    *, kinds: tuple[str, ...] = KINDS, share: float = 1.0,
) -> None:  # fmt: skip
    """Write the pool; prints progress and time left.

    `kinds` are beginnings of the corpora's paths; each pass hears this `share` of the files, drawn anew. Raises
    `ConfigError` when nothing is found.
    """
    around = corpus.surroundings(corpora, "train", simulated_rooms=ROOMS, seed=seed)
    files = [row for kind in kinds for row in corpus.rows(corpora, "train", kind)]
    clips: list[np.ndarray] = []
    rows: list[list[object]] = []
    pace = Pace()
    for number, (turn, row) in enumerate((turn, row) for turn in range(passes) for row in files):
        random = np.random.default_rng([seed, number])
        if number % 100 == 99:
            left = pace.minutes_left(number, len(files) * passes)
            print(f"{number}/{len(files) * passes} files, {len(rows)} found, {left:.1f} min left", flush=True)
        if share < 1 and random.random() >= share:
            continue
        sound = corpus.read(corpora / row["path"])
        sound = disguise(sound, random, around) if turn else sound
        for word, decided, score in candidates(model, sound, floor):
            padded = np.pad(sound, (CLIP_SAMPLES, TAIL))
            clips.append(
                np.round(padded[decided + TAIL : decided + TAIL + CLIP_SAMPLES].clip(-1, 1) * 32767).astype(np.int16)
            )
            end = CLIP_SAMPLES - TAIL
            rows.append([f"mined:{words[word]}", end - RATE_HZ // 2, end, row["source"], f"{row['path']} {score:.3f}"])
    if not clips:
        hint = "it has learned too little: more clips, or more epochs of it"
        raise ConfigError(f"stage 1 asks nowhere at a score of {floor:g}", where=str(corpora), hint=hint)
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "samples.npy", np.stack(clips))
    with (out / "items.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def main() -> None:
    """Parse the command line and mine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--words", default="computer,jarvis,alexa")
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--floor", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--kinds", default="noise/,speech/", help="what to mine: beginnings of paths in the corpora")
    given = parser.parse_args()
    torch.set_num_threads(1)
    words = given.words.split(",")
    model = Stage1(len(words))
    model.load_state_dict(torch.load(given.weights, weights_only=True))
    mine(
        model.eval(),
        words,
        given.out,
        given.corpora,
        given.passes,
        given.floor,
        given.seed,
        kinds=tuple(given.kinds.split(",")),
    )


if __name__ == "__main__":
    main()
