"""Train stage 1 on one or more pools; resumable: the newest checkpoint in OUT is taken up again.

python -m wakeword.train.train_stage1 POOL… --out DIR [--epochs 14] [--seed 1]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from wakeword.train.learn import CLIP_FRAMES, Average, Course, Pool, learning_rate
from wakeword.train.stage1 import FRAMES_PER_STEP, Stage1, Targets, loss

BATCH = 128  # chosen: smaller ones are slower a clip on two cores
PEAK_RATE = 3e-3
CROP_FRAMES = 208  # 2.08 s: whole units of 8 frames
LEAST_LEAD = 6  # frames before the word: a stream may begin just there, and a zero state must not cost the word


def crop(pool: Pool, batch: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """First frame of a random crop of each clip, and the step at which its word ends (far away for negatives).

    A crop may begin anywhere before the word, so that the network learns every length of history, and may reach beyond
    the clip's end (`window` fills up).
    """
    start, end = pool.start[batch] // 160, pool.end[batch] // 160
    spoken = pool.word[batch] >= 0
    earliest = np.where(spoken, np.maximum(end + 24 - CROP_FRAMES, 0), 0)
    latest = np.where(spoken, np.maximum(start - LEAST_LEAD, earliest), CLIP_FRAMES - CROP_FRAMES)
    first = random.integers(earliest, latest + 1)
    step = (end - first + FRAMES_PER_STEP - 1) // FRAMES_PER_STEP - 1
    return first, np.where(spoken, step, 10_000)


def window(clip: np.ndarray, first: int) -> np.ndarray:
    """`CROP_FRAMES` frames from `first` on, the last one repeated beyond the clip's end."""
    return clip[np.minimum(np.arange(first, first + CROP_FRAMES), CLIP_FRAMES - 1)]


def masks(count: int, random: np.random.Generator) -> torch.Tensor:
    """(B, T, 40) ones with a band and a short time cut out of most clips: SpecAugment, Park et al. 2019."""
    mask = np.ones((count, CROP_FRAMES, 40), np.float32)
    for clip in mask:
        if random.random() < 0.6:
            low, width = random.integers(0, 36), random.integers(1, 8)
            clip[:, low : low + width] = 0
        if random.random() < 0.4:
            at, width = random.integers(0, CROP_FRAMES - 12), random.integers(2, 10)
            clip[at : at + width] = 0
    return torch.from_numpy(mask)


def train(
    pools: list[Pool], out: Path, words: tuple[str, ...], epochs: int, seed: int, *, start: Path | None = None
) -> None:
    """Write `out/stage1.pt` (averaged weights) at the end, `out/checkpoint.pt` after every epoch.

    `start` is an earlier `stage1.pt` to go on from, at half the rate.
    """
    torch.manual_seed(seed)
    features = [pool.log_mels() for pool in pools]
    where = np.concatenate([np.stack([np.full(len(p), i), np.arange(len(p))], 1) for i, p in enumerate(pools)])
    steps = len(where) // BATCH * epochs
    model, peak = Stage1(len(words)), PEAK_RATE
    if start:
        model.load_state_dict(torch.load(start, weights_only=True))
        peak = PEAK_RATE / 2
    optimiser = torch.optim.AdamW(model.parameters(), peak, weight_decay=1e-2)
    average = Average(model, 0.999)
    course = Course(model, optimiser, average, out, epochs)
    step = course.first_epoch * (len(where) // BATCH)
    for epoch in range(course.first_epoch, epochs):
        random = np.random.default_rng([seed, epoch])
        model.train()
        for part in random.permutation(where)[: len(where) // BATCH * BATCH].reshape(-1, BATCH, 2):
            x, word, end = [], [], []
            for number, pool in enumerate(pools):
                batch = part[part[:, 0] == number, 1]
                if not len(batch):
                    continue
                begin, ends = crop(pool, batch, random)
                x += [window(features[number][i], b) for i, b in zip(batch, begin, strict=True)]
                word.append(pool.word[batch])
                end.append(ends)
            targets = Targets(torch.from_numpy(np.concatenate(word)), torch.from_numpy(np.concatenate(end)))
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, steps, peak)
            value = loss(model(torch.from_numpy(np.stack(x).astype(np.float32)), masks(len(x), random)), targets)
            course.step(value)
            step += 1
        course.end_epoch(epoch)
    torch.save(average.kept, out / "stage1.pt")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pools", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--words", default="computer,jarvis,alexa")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    words = tuple(given.words.split(","))
    train(
        [Pool(folder, words) for folder in given.pools], given.out, words, given.epochs, given.seed, start=given.start
    )


if __name__ == "__main__":
    main()
