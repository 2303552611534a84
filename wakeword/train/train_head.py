"""Train a head on a trunk that stays as it is: what a word of one's own needs of stage 1. Minutes, not hours.

The shipped words' heads look at one step of the trunk, which was trained for them. Another word needs some history and
some freedom: `UNITS` rectified units over `TAPS` steps of 40 ms (docs/models.md has what fewer and more of them gave).
What merely sounds like the word is left to stage 2: a head that has to refuse it refuses people. The loss is that of
`train_stage1.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wakeword.pipeline.stage1 import WIDTH
from wakeword.train.learn import Average, Course, Pool, learning_rate
from wakeword.train.progress import Pace
from wakeword.train.stage1 import Stage1, Targets, loss
from wakeword.train.train_stage1 import crop, window

TAPS, UNITS = 8, 24
BATCH, PEAK_RATE = 256, 5e-3
VIEWS = 2  # crops of each utterance, each with another length of history before it
LEFT_TO_STAGE2 = "near:"  # the beginning of such clips' labels


class Head(nn.Module):
    """(B, S, 48) of the trunk -> (B, S, 1) logits, zeros before the first step."""

    def __init__(self, taps: int = TAPS, units: int = UNITS) -> None:
        super().__init__()
        self.units = nn.Conv1d(WIDTH, units, taps)
        self.sum = nn.Linear(units, 1)
        nn.init.constant_(self.sum.bias, -3.0)

    def forward(self, said: Tensor) -> Tensor:
        before = self.units.kernel_size[0] - 1
        return self.sum(F.relu(self.units(F.pad(said.transpose(1, 2), (before, 0)))).transpose(1, 2))

    def numbers(self, a: float, b: float) -> npt.NDArray[np.float32]:
        """(units + 1, taps * 48 + 2) as a model folder keeps them, with the calibration logit -> a logit + b.

        The last unit is always 1: its weight is the sum's bias.
        """
        weights = self.units.weight.transpose(1, 2).flatten(1)  # (units, taps * 48), oldest step first
        rows = torch.cat([weights, self.units.bias[:, None], self.sum.weight.T * a], dim=1)
        one = torch.zeros_like(rows[:1])
        one[0, -2], one[0, -1] = 1, self.sum.bias[0] * a + b
        return torch.cat([rows, one]).detach().numpy().astype(np.float32)


def heard(trunk: Stage1, pools: list[Pool], random: np.random.Generator) -> tuple[Tensor, Targets]:
    """(n, 52, 48) float16 of what the trunk says to crops of the clips a head learns from, and their targets."""
    said, word, end = [], [], []
    pace, told, whole = Pace(), 0, sum(len(pool) for pool in pools)
    for pool in pools:
        features = pool.log_mels()
        taught = ~np.char.startswith(pool.labels, LEFT_TO_STAGE2)
        spoken = np.flatnonzero(taught & (pool.end > 0))
        order = np.concatenate([np.flatnonzero(taught), *[spoken] * (VIEWS - 1)])
        begin, ends = crop(pool, order, random)
        for at in range(0, len(order), BATCH):
            part = slice(at, at + BATCH)
            frames = [window(features[item], first) for item, first in zip(order[part], begin[part], strict=True)]
            with torch.inference_mode():
                said.append(trunk.trunk(torch.from_numpy(np.stack(frames).astype(np.float32))).half())
        told += len(pool)
        print(f"{told}/{whole} clips heard, about {pace.minutes_left(told, whole):.1f} min left", flush=True)
        word.append(pool.word[order])
        end.append(ends)
    return torch.cat(said), Targets(torch.from_numpy(np.concatenate(word)), torch.from_numpy(np.concatenate(end)))


def train(trunk: Stage1, pools: list[Pool], out: Path, epochs: int, seed: int) -> None:
    """Write `out/head.pt` (averaged weights) at the end, `out/checkpoint.pt` after every epoch."""
    torch.manual_seed(seed)
    said, targets = heard(trunk, pools, np.random.default_rng(seed))
    head = Head()
    optimiser = torch.optim.AdamW(head.parameters(), PEAK_RATE, weight_decay=1e-3)
    average = Average(head, 0.99)
    course = Course(head, optimiser, average, out, epochs)
    batches = len(said) // BATCH
    step = course.first_epoch * batches
    for epoch in range(course.first_epoch, epochs):
        order = torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(len(said)))
        for part in order[: batches * BATCH].view(-1, BATCH):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, batches * epochs, PEAK_RATE)
            course.step(loss(head(said[part].float()), Targets(targets.word[part], targets.end[part])))
            step += 1
        course.end_epoch(epoch)
    torch.save(average.kept, out / "head.pt")


def load(trunk: Stage1, path: Path) -> Stage1:
    """The trunk with this head on it, for everything that runs a whole stage 1."""
    head = Head()
    head.load_state_dict(torch.load(path, weights_only=True))
    trunk.heads = head  # anything that turns what the trunk says into logits
    return trunk.eval()
