"""Train stage 2 on pools and on what stage 1 lets through; resumable: the newest checkpoint in OUT is taken up again.

    python -m wakeword.train.train_stage2 POOL… --mined POOL… --embedding DIR --out DIR [--corpora DIR] [--epochs 12]

`--embedding` is the folder with `embedding_model.onnx` and `melspectrogram.onnx` that stage 2 starts from. All of it is
trained, the embedding at a tenth of the head's rate. An epoch is `DRAWN` clips, drawn by `SHARES`: most clips of plain
speech teach nothing after a while, what resembles the word always does.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wakeword.eval.mix import Float32, in_room
from wakeword.events import RATE_HZ
from wakeword.train import augment, corpus
from wakeword.train.dataset import CLIP_SAMPLES, ROOMS
from wakeword.train.learn import Average, Course, Pool, learning_rate
from wakeword.train.stage2 import SEGMENT_SAMPLES, Stage2, start_from

BATCH, DRAWN = 48, 12_000
HEAD_RATE, EMBEDDING_RATE = 2e-3, 3e-4
FROZEN = 7  # first convolutions that stay as they are: edges and formants, which few speakers would only spoil
MIXED, TALKERS, MIX_SNR_DB = 0.35, 5, (-2.0, 18.0)  # clips that meet further talkers as they are drawn
ROOMED = 0.3  # clips of every kind that are heard across a room as they are drawn: a room must say nothing of a word
SHARES = {"word": 0.4, "mined": 0.25, "part": 0.08, "near": 0.1, "other": 0.04, "speech": 0.11, "noise": 0.02}
DELAY_S = (0.0, 0.30)  # the segment ends this long after the word: when stage 1 decides
MOST_BANDS, MOST_FRAMES = 7, 18  # blanked at once, of 32 bands and 197 frames of 10 ms


def kind(label: str, words: tuple[str, ...]) -> str:
    """The share that a label is drawn from."""
    if label in words:
        return "word"
    head = label.partition(":")[0]
    return head if head in SHARES else "near" if head == "around" else "other"


def segments(pool: Pool, batch: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(B, 32000) int16 that end just after what was said; plain negatives are cut anywhere.

    Half of them are played faster or slower, which makes another speaker of every clip: without it, the network knows
    its few dozen people after some epochs, and refuses one whom it heard well before (docs/models.md).
    """
    out = np.empty((len(batch), SEGMENT_SAMPLES), np.int16)
    for row, item in enumerate(batch):
        end = int(pool.end[item] + random.uniform(*DELAY_S) * RATE_HZ) if pool.end[item] else 0
        end = end or int(random.integers(SEGMENT_SAMPLES, CLIP_SAMPLES + 1))
        end = min(max(end, SEGMENT_SAMPLES), CLIP_SAMPLES)
        speed = random.uniform(0.84, 1.19) if random.random() < 0.5 else 1.0
        first = max(0, end - round(SEGMENT_SAMPLES * speed))
        out[row] = _played(pool.samples[item, first:end], speed)
        if pool.end[item] and random.random() < 0.15:  # a stream that has only just begun
            out[row, : int(random.uniform(0, max(1, (pool.start[item] - first) / speed)))] = 0
    return out


def _played(clip: np.ndarray, speed: float) -> np.ndarray:
    """(n,) -> (32000,), the end kept in place; silence stands before a clip that is too short."""
    if speed == 1.0 and len(clip) == SEGMENT_SAMPLES:
        return clip
    places = len(clip) - 1 - np.arange(SEGMENT_SAMPLES - 1, -1, -1) * speed
    return np.interp(places, np.arange(len(clip)), clip, left=0.0).astype(np.int16)


class Drawer:
    """Draws batches by kind from several pools."""

    def __init__(self, pools: list[Pool], words: tuple[str, ...], rooms: Sequence[Float32] = ()) -> None:
        self.pools = pools
        self.rooms = rooms
        places: dict[str, list[tuple[int, int]]] = {name: [] for name in SHARES}
        for number, pool in enumerate(pools):
            for item, label in enumerate(pool.labels):
                places[kind(str(label), words)].append((number, item))
        self.places = {name: np.array(found) for name, found in places.items() if found}
        weight = np.array([SHARES[name] for name in self.places])
        self.chance = weight / weight.sum()
        self.talk = self.places.get("speech", np.zeros((0, 2), np.int64))

    def draw(self, count: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """(B, 32000) samples in int16 steps, (B,) word numbers or -1."""
        samples, word = [], []
        for name, share in zip(self.places, random.multinomial(count, self.chance), strict=True):
            found = self.places[name][random.integers(len(self.places[name]), size=share)]
            for number, pool in enumerate(self.pools):
                batch = found[found[:, 0] == number, 1]
                if len(batch):
                    samples.append(segments(pool, batch, random))
                    word.append(pool.word[batch])
        drawn = np.concatenate(samples).astype(np.float32)
        for row in np.flatnonzero(random.random(count) < MIXED):
            drawn[row] += self._babble(augment.level(drawn[row]), random)
        if self.rooms:
            for row in np.flatnonzero(random.random(count) < ROOMED):
                drawn[row] = in_room(drawn[row], self.rooms[int(random.integers(len(self.rooms)))])
        return torch.from_numpy(drawn), torch.from_numpy(np.concatenate(word))

    def _babble(self, loudness: float, random: np.random.Generator) -> np.ndarray:
        """(32000,) of one to five talkers, at `MIX_SNR_DB` under `loudness`: no clip meets the same noise twice."""
        total = np.zeros(SEGMENT_SAMPLES, np.float32)
        for number, item in self.talk[random.integers(len(self.talk), size=random.integers(1, TALKERS + 1))]:
            first = random.integers(CLIP_SAMPLES - SEGMENT_SAMPLES + 1)
            talker = self.pools[number].samples[item, first : first + SEGMENT_SAMPLES].astype(np.float32)
            total += talker / max(augment.level(talker), 1.0)
        return total * np.float32(loudness / augment.level(total) * 10 ** (-random.uniform(*MIX_SNR_DB) / 20))


def loss(logits: Tensor, word: Tensor) -> Tensor:
    """Binary loss of each word's logit, false ones weighted by how wrong they are (focal, Lin et al. 2017, gamma 1)."""
    said = F.one_hot(word.clamp(min=0), logits.shape[1]).float() * (word >= 0)[:, None]
    plain = F.binary_cross_entropy_with_logits(logits, said, reduction="none")
    wrongness = (torch.sigmoid(logits.detach()) - said).abs()
    return (plain * (0.25 + wrongness)).sum(dim=1).mean()


def blank(mel: Tensor, random: np.random.Generator) -> Tensor:
    """(B, 1, T, 32) with some bands and a short time of most clips set to the clip's mean: SpecAugment, Park 2019."""
    for clip in mel:
        mean = clip.mean()
        if random.random() < 0.5:
            low, width = random.integers(0, 28), random.integers(1, MOST_BANDS + 1)
            clip[:, :, low : low + width] = mean
        if random.random() < 0.5:
            at, width = random.integers(0, mel.shape[2] - MOST_FRAMES), random.integers(2, MOST_FRAMES + 1)
            clip[:, at : at + width] = mean
    return mel


def forward(model: Stage2, samples: Tensor, random: np.random.Generator) -> Tensor:
    """Logits, the convolutions in bfloat16: three times as fast on processors that have it, and no worse here."""
    mel = blank(model.mel(samples), random).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        embeddings = model.embedding(mel)
    return model.head(embeddings.float())


def begin(words: int, package: Path, seed: int) -> Stage2:
    """A new network on the original's embedding, as `start_from` finds it."""
    torch.manual_seed(seed)
    model = Stage2(words)
    start_from(model, package)
    return model


def train(
    drawer: Drawer, model: Stage2, out: Path, epochs: int, seed: int,
    *, rates: tuple[float, float] = (HEAD_RATE, EMBEDDING_RATE),
) -> None:  # fmt: skip
    """Write `out/stage2.pt` (averaged weights) at the end, `out/checkpoint.pt` after every epoch.

    `rates` are the peaks for head and embedding: an earlier training that goes on takes a third of both.
    """
    model = model.to(memory_format=torch.channels_last)
    for conv in model.embedding.convs[:FROZEN]:
        conv.requires_grad_(False)
    groups = [
        {"params": list(model.embedding.convs[FROZEN:].parameters()), "peak": rates[1]},
        {"params": list(model.head.parameters()), "peak": rates[0]},
    ]
    optimiser = torch.optim.AdamW(groups, rates[0], weight_decay=1e-2)
    average = Average(model, 0.998)
    course = Course(model, optimiser, average, out, epochs)
    batches = DRAWN // BATCH
    step = course.first_epoch * batches
    for epoch in range(course.first_epoch, epochs):
        random = np.random.default_rng([seed, epoch])
        model.train()
        for _ in range(batches):
            samples, word = drawer.draw(BATCH, random)
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, batches * epochs, group["peak"])
            value = loss(forward(model, samples, random), word)
            course.step(value)
            step += 1
        course.end_epoch(epoch)
        torch.save(average.kept, out / f"epoch{epoch + 1}.pt")
    torch.save(average.kept, out / "stage2.pt")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pools", type=Path, nargs="+")
    parser.add_argument("--mined", type=Path, nargs="*", default=[])
    parser.add_argument("--embedding", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--words", default="computer,jarvis,alexa")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpora", type=Path, help="whose rooms the clips are heard across; without it, none")
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    words = tuple(given.words.split(","))
    rooms = corpus.rooms(given.corpora, "train", ROOMS) if given.corpora else ()
    drawer = Drawer([Pool(folder, words) for folder in [*given.pools, *given.mined]], words, rooms)
    model, rates = begin(len(words), given.embedding, given.seed), (HEAD_RATE, EMBEDDING_RATE)
    if given.start:
        model.load_state_dict(torch.load(given.start, weights_only=True))
        rates = (HEAD_RATE / 3, EMBEDDING_RATE / 3)
    train(drawer, model, given.out, given.epochs, given.seed, rates=rates)


if __name__ == "__main__":
    main()
