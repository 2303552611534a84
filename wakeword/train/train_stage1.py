"""Train stage 1 on one or more pools; resumable: the newest checkpoint in OUT is taken up again.

    python -m wakeword.train.train_stage1 POOL… --out DIR [--epochs 14] [--seed 1]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from wakeword.train.learn import CLIP_FRAMES, Average, Pool, learning_rate
from wakeword.train.stage1 import FRAMES_PER_STEP, Stage1, Targets, loss

BATCH = 128  # chosen: smaller ones are slower a clip on two cores
PEAK_RATE = 3e-3
CROP_FRAMES = 208  # 2.08 s: whole units of 8 frames
LEAST_LEAD = 30  # frames of state before the word: the pipeline's pre-context is longer


def crop(pool: Pool, batch: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """First frame of a random crop of each clip, and the step at which its word ends (far away for negatives)."""
    start, end = pool.start[batch] // 160, pool.end[batch] // 160
    last = CLIP_FRAMES - CROP_FRAMES
    earliest = np.clip(end + 24 - CROP_FRAMES, 0, last)
    latest = np.clip(start - LEAST_LEAD, earliest, last)
    spoken = pool.word[batch] >= 0
    first = np.where(spoken, random.integers(earliest, latest + 1), random.integers(0, last + 1, len(batch)))
    step = (end - first + FRAMES_PER_STEP - 1) // FRAMES_PER_STEP - 1
    return first, np.where(spoken, step, 10_000)


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


def train(pools: list[Pool], out: Path, words: tuple[str, ...], epochs: int, seed: int) -> None:
    """Write `out/stage1.pt` (averaged weights) at the end, `out/checkpoint.pt` after every epoch."""
    torch.manual_seed(seed)
    features = [pool.log_mels() for pool in pools]
    where = np.concatenate([np.stack([np.full(len(p), i), np.arange(len(p))], 1) for i, p in enumerate(pools)])
    steps = len(where) // BATCH * epochs
    model = Stage1(len(words))
    optimiser = torch.optim.AdamW(model.parameters(), PEAK_RATE, weight_decay=1e-2)
    average, first_epoch = Average(model, 0.999), 0
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        average.kept, first_epoch = kept["average"], kept["epoch"]
    step, began = first_epoch * (len(where) // BATCH), time.monotonic()
    for epoch in range(first_epoch, epochs):
        random = np.random.default_rng([seed, epoch])
        total, model = 0.0, model.train()
        for part in random.permutation(where)[: len(where) // BATCH * BATCH].reshape(-1, BATCH, 2):
            x, word, end = [], [], []
            for number, pool in enumerate(pools):
                batch = part[part[:, 0] == number, 1]
                if not len(batch):
                    continue
                begin, ends = crop(pool, batch, random)
                x += [features[number][i, b : b + CROP_FRAMES] for i, b in zip(batch, begin, strict=True)]
                word.append(pool.word[batch])
                end.append(ends)
            targets = Targets(torch.from_numpy(np.concatenate(word)), torch.from_numpy(np.concatenate(end)))
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, steps, PEAK_RATE)
            value = loss(model(torch.from_numpy(np.stack(x).astype(np.float32)), masks(len(x), random)), targets)
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()
            average.update(model)
            total, step = total + float(value.detach()), step + 1
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "average": average.kept, "epoch": epoch + 1}
        torch.save(state, checkpoint)
        left = (time.monotonic() - began) / (epoch + 1 - first_epoch) * (epochs - epoch - 1)
        print(f"epoch {epoch + 1}/{epochs}  loss {total / (len(where) // BATCH):.4f}  {left / 60:.0f} min left", flush=True)
    torch.save(average.kept, out / "stage1.pt")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pools", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--words", default="computer,jarvis,alexa")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    words = tuple(given.words.split(","))
    train([Pool(folder, words) for folder in given.pools], given.out, words, given.epochs, given.seed)


if __name__ == "__main__":
    main()
