"""What each part of the cascade is worth: either stage alone, both, and both with stage 2 on stage 1's features.

    python -m wakeword.train.ablation train POOL… MINED… --stage1 stage1.pt --models DIR --out OUT
    python -m wakeword.train.ablation alone --models DIR --conditions DIR --corpora DIR --out ALONE.csv
    python -m wakeword.train.ablation table BOTH.csv SAME-FEATURES.csv ALONE.csv

`train` makes a second stage that looks at what the first one looks at: a copy of its network on the same log-mel
frames, trained on over the same clips as stage 2 and with its loss, under a head that sees the 2 s as a whole. It
writes model folders that differ from `--models` in stage 2 alone, to be swept. `alone` asks the stage 2 of `--models`
four times a second, whatever stage 1 says. `table` prints the misses at each bound of false accepts.
"""

from __future__ import annotations

import argparse
import bisect
import copy
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional as F

from wakeword.errors import ConfigError
from wakeword.events import RATE_HZ
from wakeword.model import load
from wakeword.pipeline import features
from wakeword.pipeline.stage1 import WIDTH
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES
from wakeword.pipeline.stage2 import Stage2 as Verifier
from wakeword.train import assemble, choose, corpus, train_stage2
from wakeword.train.export import Scale, load_stage1, stage2_graph
from wakeword.train.learn import Pool
from wakeword.train.progress import Pace
from wakeword.train.stage1 import Stage1
from wakeword.train.stage2 import HEAD_WIDTH
from wakeword.train.sweep import EARLY_S, LATE_S

Int16 = npt.NDArray[np.int16]

WORDS = ("computer", "jarvis", "alexa")
HOP = RATE_HZ // 4  # between two questions to stage 2, when nothing else asks it
BOUNDS = (0.1, 0.5, 1.0)  # false accepts an hour


class LogMel(nn.Module):
    """Stage 1's own frames (`wakeword/pipeline/features.py`), of a segment."""

    def __init__(self) -> None:
        super().__init__()
        window = np.hanning(features.WINDOW_SAMPLES + 1)[:-1] / 32768
        waves = np.fft.rfft(np.eye(features.WINDOW_SAMPLES))  # (512, 257)
        kernel = np.concatenate([waves.real, waves.imag], axis=1).T * window
        self.register_buffer("kernel", torch.from_numpy(kernel[:, None].astype(np.float32)))
        self.register_buffer("bank", torch.from_numpy(features.mel_bank()))

    def forward(self, samples: Tensor) -> Tensor:
        """(B, n) in int16 steps -> (B, 1, T, 40)."""
        parts = F.conv1d(samples[:, None], self.kernel, stride=features.HOP_SAMPLES)
        power = parts[:, :257].pow(2) + parts[:, 257:].pow(2)
        return torch.log(torch.clamp(power.transpose(1, 2) @ self.bank, min=features.FLOOR))[:, None]


class Again(nn.Module):
    """Stage 1's network once more: (B, 1, T, 40) -> (B, 48, T / 4)."""

    def __init__(self, stage1: Stage1) -> None:
        super().__init__()
        self.stage1 = copy.deepcopy(stage1)
        kept = [nn.Identity() for _ in range(train_stage2.FROZEN)]
        self.convs = nn.ModuleList([*kept, self.stage1.normaliser, *self.stage1.layers])

    def forward(self, mel: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return self.stage1.trunk(mel[:, 0].float()).transpose(1, 2)


class SameFeatures(nn.Module):
    """A second stage on the first one's features; the same parts, by the same names, as `stage2.Stage2`."""

    def __init__(self, stage1: Stage1, words: int) -> None:
        super().__init__()
        self.mel, self.embedding = LogMel(), Again(stage1)
        self.head = nn.Sequential(
            nn.BatchNorm1d(WIDTH), nn.Conv1d(WIDTH, HEAD_WIDTH, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3),
            nn.LazyLinear(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, words),
        )  # fmt: skip
        with torch.no_grad():
            self.eval()(torch.zeros(1, SEGMENT_SAMPLES))  # settles the lazy layer's size

    def forward(self, samples: Tensor) -> Tensor:
        """(B, 32000) -> (B, words)."""
        return self.head[-1](self.before(samples))

    def before(self, samples: Tensor) -> Tensor:
        """What the last layer is given: (B, 64)."""
        return self.head[:-1](self.embedding(self.mel(samples)))

    def last(self, word: int) -> Tensor:
        """The last layer of one word: its weights, then its bias."""
        return torch.cat([self.head[-1].weight[word], self.head[-1].bias[word : word + 1]])


def train(pools: list[Path], stage1: Path, models: Path, out: Path, epochs: int, seed: int) -> None:
    """Write model folders with it behind the stage 1 of `models`."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    network = SameFeatures(load_stage1(stage1, len(WORDS)), len(WORDS))
    drawer = train_stage2.Drawer([Pool(folder, WORDS) for folder in pools], WORDS)
    train_stage2.train(drawer, network, out, epochs, seed)
    network.load_state_dict(torch.load(out / "stage2.pt", weights_only=True))
    for number, word in enumerate(WORDS):
        manifest = yaml.safe_load((models / word / "manifest.yaml").read_text("utf-8"))
        for stage in ("stage1", "stage2"):
            del manifest[stage]["sha256"]
        one = (models / word / "stage1.onnx").read_bytes()
        assemble.write(out / word, manifest, one, stage2_graph(network.eval(), number, Scale()))


def windows(sound: corpus.Float32) -> list[Int16]:
    """(32000,) every `HOP` samples, silence before the first."""
    padded = np.concatenate([np.zeros(SEGMENT_SAMPLES - HOP, np.int16), np.rint(sound * 32767).astype(np.int16)])
    return [padded[end - SEGMENT_SAMPLES : end] for end in range(SEGMENT_SAMPLES, len(padded) + 1, HOP)]


def scores(verifiers: list[Verifier], sound: corpus.Float32) -> np.ndarray:
    """(n, words) of all windows; the words are of one training, so that one look serves them all."""
    looks = [verifiers[0].look(segment) for segment in windows(sound)]
    return np.array([[verifier.weigh(look) for verifier in verifiers] for look in looks]).reshape(-1, len(verifiers))


def peaks(column: np.ndarray) -> list[int]:
    """Windows with the highest score within `choose.REST_S`, best first."""
    rest = round(choose.REST_S * RATE_HZ / HOP)
    free, found = np.ones(len(column), bool), []
    for place in np.argsort(-column):
        if free[place]:
            found.append(int(place))
            free[max(0, place - rest) : place + rest + 1] = False
    return found


def alone(folder: Path, dev: Path, corpora: Path, out: Path) -> None:
    """The table of `sweep.py` with stage 1 always in favour."""
    sessions: dict[bytes, Any] = {}
    verifiers = [Verifier(load(folder / word), sessions) for word in WORDS]
    if len(sessions) > 1:
        raise ConfigError("the words' stages 2 are not of one training", where=str(folder))
    clips = list(csv.DictReader((dev / "index.csv").open(newline="")))
    files = corpus.without_words(corpora, "dev")
    pace, partial = Pace(), out.with_suffix(".tmp")
    with partial.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["word", "condition", "path", "speaker", "time_s", "stage1", "stage2", "hours"])
        for row in (row for row in clips if row["word"] in WORDS):
            sound = np.pad(corpus.read(dev / row["path"]), (0, int(LATE_S * RATE_HZ)))
            first, last = (int((float(row["end_s"]) + by) * RATE_HZ / HOP) for by in (-EARLY_S, LATE_S))
            best = scores(verifiers, sound)[max(0, first - 1) : last, WORDS.index(row["word"])].max()
            table.writerow([row["word"], row["condition"], row["path"], row["speaker"], "", "1", f"{best:.6f}", "0"])
        for done, row in enumerate(files, 1):
            sound = corpus.blank_spoken(corpus.read(corpora / row["path"]), row["path"])
            place = [row["path"], row["source"]]
            table.writerow(["", "speech", *place, "-1", "0", "0", f"{len(sound) / RATE_HZ / 3600:.6f}"])
            for word, column in zip(WORDS, scores(verifiers, sound).T, strict=True):
                for at in sorted(peaks(column)):  # as they would be said: accepts are joined in order of time
                    if column[at] > choose.LEAST:
                        time_s = f"{at * HOP / RATE_HZ:.2f}"
                        table.writerow([word, "speech", *place, time_s, "1", f"{column[at]:.6f}", "0"])
            print(f"{done}/{len(files)} files, about {pace.minutes_left(done, len(files)):.0f} min left", flush=True)
    partial.rename(out)


def at_most(sweep: choose.Sweep, allowed: float, stage: int) -> dict[str, float]:
    """Misses in percent by condition, of one stage alone at `allowed` false accepts an hour."""
    thresholds = np.append(np.unique(sweep.false[:, stage]), 1.1)

    def pair(place: int) -> tuple[float, float]:
        return (float(thresholds[place]), 0.0) if stage == 0 else (0.0, float(thresholds[place]))

    most = int(allowed * sweep.hours)
    place = bisect.bisect_left(
        range(len(thresholds)), True, key=lambda n: choose.false_accepts(sweep, *pair(n)) <= most
    )
    return percent(choose.misses(sweep, *pair(min(place, len(thresholds) - 1))), sweep)


def both(sweep: choose.Sweep, allowed: float) -> dict[str, float]:
    """Misses in percent by condition, thresholds of both stages chosen together."""
    chosen = choose.choose(sweep, allowed)
    return percent(chosen.misses, sweep)


def percent(lost: dict[str, int], sweep: choose.Sweep) -> dict[str, float]:
    """Of the utterances of each condition."""
    return {name: 100 * lost[name] / len(sweep.utterances[name]) for name in choose.CONDITIONS}


def correlation(sweep: choose.Sweep) -> float:
    """Pearson's, of both stages' logits on the false candidates of stage 1."""
    clear = np.clip(sweep.false, 1e-6, 1 - 1e-6)
    one, two = (np.log(clear / (1 - clear))).T
    return float(np.corrcoef(one, two)[0, 1])


def table(cascade: Path, same: Path, by_itself: Path) -> None:
    """Print it as Markdown."""
    ways: dict[str, tuple[Path, Callable[[choose.Sweep, float], dict[str, float]]]] = {
        "stage 1 alone": (cascade, lambda sweep, bound: at_most(sweep, bound, 0)),
        "stage 2 alone": (by_itself, lambda sweep, bound: at_most(sweep, bound, 1)),
        "both, stage 2 on stage 1's features": (same, both),
        "both": (cascade, both),
    }
    print("| way | " + " | ".join(f"<= {bound}/h" for bound in BOUNDS) + " |\n" + "| --- " * (len(BOUNDS) + 1) + "|")
    for name, (path, misses) in ways.items():
        cells = []
        for bound in BOUNDS:
            found = [misses(choose.read(path, word), bound) for word in WORDS]
            means = [np.mean([each[condition] for each in found]) for condition in choose.CONDITIONS]
            words = "; ".join("/".join(f"{each[c]:.0f}" for c in choose.CONDITIONS) for each in found)
            cells.append("/".join(f"{mean:.1f}" for mean in means) + f" ({words})")
        print(f"| {name} | " + " | ".join(cells) + " |")
    for name, path in (("both", cascade), ("on stage 1's features", same)):
        values = ", ".join(f"{word} {correlation(choose.read(path, word)):.2f}" for word in WORDS)
        print(f"correlation of the stages' logits on false candidates, {name}: {values}")


def main() -> None:
    """Parse the command line and do one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("train")
    one.add_argument("pools", type=Path, nargs="+")
    one.add_argument("--stage1", type=Path, required=True)
    one.add_argument("--models", type=Path, required=True, help="model folders whose stage 1 it stands behind")
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--epochs", type=int, default=8)
    one.add_argument("--seed", type=int, default=1)
    two = kinds.add_parser("alone")
    two.add_argument("--models", type=Path, required=True, help="model folders of one training")
    two.add_argument("--conditions", type=Path, required=True)
    two.add_argument("--corpora", type=Path, required=True)
    two.add_argument("--out", type=Path, required=True)
    three = kinds.add_parser("table")
    for name in ("cascade", "same", "alone"):
        three.add_argument(name, type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.kind == "train":
        train(given.pools, given.stage1, given.models, given.out, given.epochs, given.seed)
    elif given.kind == "alone":
        alone(given.models, given.conditions, given.corpora, given.out)
    else:
        table(given.cascade, given.same, given.alone)


if __name__ == "__main__":
    main()
