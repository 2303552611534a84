"""Misses of stage 1 alone on the dev conditions against its candidates an hour of dev speech, without voice detection.

    python -m wakeword.train.measure_stage1 stage1.pt --conditions DIR --corpora DIR

Quick, for choosing between trainings; what is published comes from the daemon's own pipeline.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
import torch

from wakeword.pipeline.features import OVERLAP_SAMPLES, log_mel
from wakeword.pipeline.trigger import Firing, Trigger
from wakeword.train import corpus
from wakeword.train.stage1 import Stage1

FLOOR = 0.02


def scores(model: Stage1, sound: np.ndarray) -> np.ndarray:
    """(n,) float32 sound -> (steps, words) logits."""
    samples = np.concatenate([np.zeros(OVERLAP_SAMPLES, np.int16), np.round(sound * 32767).astype(np.int16)])
    frames = log_mel(samples)
    parts = []
    with torch.no_grad():
        for start in range(0, len(frames), 600):  # 200 frames before each part settle the states
            lead = min(start, 200)
            x = torch.from_numpy(frames[start - lead : start + 600])[None]
            parts.append(model(x)[0, lead // 4 :].numpy())
    return np.concatenate(parts)


def firings(column: np.ndarray) -> list[Firing]:
    """All candidates of one word at the floor."""
    trigger = Trigger(FLOOR)
    found = (trigger.push(float(score)) for score in column)
    return [firing for firing in found if firing]


def main() -> None:
    """Print a table a word: thresholds at 5, 20 and 50 candidates an hour and the misses there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--conditions", type=Path, required=True)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--words", default="computer,jarvis,alexa")
    given = parser.parse_args()
    words = given.words.split(",")
    model = Stage1(len(words))
    model.load_state_dict(torch.load(given.weights, weights_only=True))
    model.eval()
    hours = 0.0
    false: list[list[float]] = [[] for _ in words]
    for row in corpus.rows(given.corpora, "dev", "speech/"):
        sound = corpus.blank_spoken(corpus.read(given.corpora / row["path"]), row["path"])
        hours += len(sound) / 16000 / 3600
        for number, column in enumerate(scores(model, sound).T):
            false[number] += [firing.score for firing in firings(column)]
    with (given.conditions / "index.csv").open(newline="") as file:
        clips = [row for row in csv.DictReader(file) if row["word"] in words]
    best: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for row in clips:
        column = scores(model, np.pad(corpus.read(given.conditions / row["path"]), (0, 4800)))[
            :, words.index(row["word"])
        ]
        end = float(row["end_s"])
        near = [f.score for f in firings(column) if end - 0.5 <= (f.peak + 1) * 0.04 <= end + 0.6]
        condition = row["condition"].split("-")[-1]
        best.setdefault((row["word"], condition), []).append((max(near, default=0.0), row["speaker"]))
    print(f"{hours:.2f} h of dev speech")
    for number, word in enumerate(words):
        ranked = sorted(false[number], reverse=True)
        for rate in (5, 20, 50):
            threshold = ranked[int(rate * hours)] if len(ranked) > rate * hours else FLOOR
            misses = {c: 100 * np.mean([s <= threshold for s, _ in best[word, c]]) for c in ("clean", "10dB", "0dB")}
            print(
                f"{word:9s} {rate:3d}/h  threshold {threshold:.3f}  misses "
                + "  ".join(f"{c} {m:.1f} %" for c, m in misses.items())
            )


if __name__ == "__main__":
    main()
