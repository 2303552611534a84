"""What both trainings share: the pool, its labels, a schedule, an average of weights."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from wakeword.pipeline.features import BANDS, OVERLAP_SAMPLES, log_mel
from wakeword.train.dataset import CLIP_SAMPLES
from wakeword.train.progress import Pace

CLIP_FRAMES = CLIP_SAMPLES // 160


class Pool:
    """A folder written by `dataset.py`, with the words numbered."""

    def __init__(self, folder: Path, words: tuple[str, ...]) -> None:
        self.samples: npt.NDArray[np.int16] = np.load(folder / "samples.npy", mmap_mode="r")
        with (folder / "items.csv").open(newline="") as file:
            rows = list(csv.reader(file))
        self.labels = np.array([row[0] for row in rows])
        self.word = np.array([words.index(row[0]) if row[0] in words else -1 for row in rows])
        self.start = np.array([int(row[1]) for row in rows])
        self.end = np.array([int(row[2]) for row in rows])
        self.speaker = np.array([row[3] for row in rows])
        self.synthetic = np.array([row[4].endswith(".flac") and "/" not in row[4] for row in rows])
        self.folder = folder

    def __len__(self) -> int:
        return len(self.labels)

    def log_mels(self) -> npt.NDArray[np.float16]:
        """(n, 320, 40), computed once and kept beside the pool."""
        path = self.folder / "log_mel.npy"
        if not path.exists():
            partial = self.folder / "log_mel.tmp"
            out = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float16, shape=(len(self), CLIP_FRAMES, BANDS))
            before = np.zeros(OVERLAP_SAMPLES, np.int16)
            for number in range(len(self)):
                out[number] = log_mel(np.concatenate([before, self.samples[number]]))
            out.flush()
            partial.rename(path)
        return np.asarray(np.load(path, mmap_mode="r"))


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Rise over the first 4 %, then half a cosine down to 1 % of the peak."""
    warm = max(1, steps // 25)
    if step < warm:
        return peak * (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


class Average:
    """An exponential average of a model's weights and buffers: steadier than the last step."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.kept = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def update(self, model: nn.Module) -> None:
        """Take one step of the average."""
        with torch.no_grad():
            for name, value in model.state_dict().items():
                if value.dtype.is_floating_point:
                    self.kept[name].lerp_(value, 1 - self.decay)
                else:
                    self.kept[name].copy_(value)


class Course:
    """A training under way: takes steps, keeps a checkpoint after every epoch, goes on from one that is there."""

    def __init__(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, average: Average, out: Path, epochs: int
    ) -> None:
        self._model, self._optimiser, self._average, self._epochs = model, optimiser, average, epochs
        self._checkpoint = out / "checkpoint.pt"
        self.first_epoch = 0
        if self._checkpoint.exists():
            kept = torch.load(self._checkpoint, weights_only=True)
            model.load_state_dict(kept["model"])
            optimiser.load_state_dict(kept["optimiser"])
            average.kept, self.first_epoch = kept["average"], kept["epoch"]
        self._losses: list[float] = []
        self._pace = Pace()

    def step(self, value: torch.Tensor) -> None:
        """One step down the loss `value`."""
        self._optimiser.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(self._model.parameters(), 5.0)
        self._optimiser.step()
        self._average.update(self._model)
        self._losses.append(float(value.detach()))

    def end_epoch(self, epoch: int) -> None:
        """Keep what was learned, and say how far it is."""
        done = epoch + 1
        state = {"model": self._model.state_dict(), "optimiser": self._optimiser.state_dict()}
        partial = self._checkpoint.with_suffix(".tmp")  # a training that is killed here goes on from the epoch before
        torch.save({**state, "average": self._average.kept, "epoch": done}, partial)
        partial.replace(self._checkpoint)
        left = self._pace.minutes_left(done - self.first_epoch, self._epochs - self.first_epoch)
        loss = sum(self._losses) / len(self._losses)
        print(f"epoch {done}/{self._epochs}  loss {loss:.4f}  {left:.0f} min left", flush=True)
        self._losses.clear()
