"""More speakers from few: recordings of the words said again at another pitch, vocal tract and tempo.

    python -m wakeword.train.warp RECORDINGS OUT [--variants 10] [--seed 1]

Writes a folder like RECORDINGS, with its `index.csv`; each variant is a speaker of its own (`s17~3`). Resampling (see
`augment.speaker`) moves pitch, formants and tempo together; the WORLD vocoder moves each alone, as people differ.
Pitch and vocal tract are drawn together, since a low voice from a small head is nobody's. Only the train fold is used.

WORLD: Morise, Yokomori, Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system", 2016.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.events import RATE_HZ
from wakeword.train import corpus
from wakeword.train.augment import Float32, Random
from wakeword.train.progress import Pace

VARIANTS = 10  # of each recording
MARGIN_S = 0.25  # kept before and after the word
FRAME_MS = 5.0
COLUMNS = ("path", "word", "fold", "speaker_cluster", "speech_start_s", "speech_end_s")


def draw(random: Random) -> tuple[float, float, float]:
    """Factors of pitch (0.72-1.5), formants (0.84-1.13) and tempo (0.85-1.18)."""
    pitch = float(np.exp(random.uniform(np.log(0.72), np.log(1.5))))
    formants = float(np.clip(0.97 + 0.25 * np.log(pitch) + random.normal(0, 0.035), 0.84, 1.13))
    return pitch, formants, float(np.exp(random.uniform(np.log(0.85), np.log(1.18))))


def warp(sound: Float32, factors: list[tuple[float, float, float]]) -> list[Float32]:
    """(n,) -> one (n / tempo,) for each of `factors`; analysed once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports pkg_resources, which says on standard error that it will go
        import pyworld

    samples = np.ascontiguousarray(sound, np.float64)
    rough, times = pyworld.dio(samples, RATE_HZ, frame_period=FRAME_MS)
    pitch = pyworld.stonemask(samples, rough, times, RATE_HZ)
    envelope = pyworld.cheaptrick(samples, pitch, times, RATE_HZ)
    breath = pyworld.d4c(samples, pitch, times, RATE_HZ)
    return [
        np.asarray(
            pyworld.synthesize(
                pitch * high, _stretch(envelope, tract), _stretch(breath, tract), RATE_HZ, FRAME_MS / fast
            ),
            np.float32,
        )
        for high, tract, fast in factors
    ]


def _stretch(spectrum: npt.NDArray[np.float64], factor: float) -> npt.NDArray[np.float64]:
    """(frames, bins): what stood at f stands at `factor` f; beyond the old edge, the edge is repeated."""
    bins = np.arange(spectrum.shape[1])
    return np.ascontiguousarray([np.interp(bins / factor, bins, frame) for frame in spectrum])


def _variants(job: tuple[corpus.Spoken, Path, int, int, int]) -> list[list[str]]:
    spoken, out, number, count, seed = job
    margin = int(MARGIN_S * RATE_HZ)
    first = max(0, spoken.start - margin)
    random = np.random.default_rng([seed, number])
    factors = [draw(random) for _ in range(count)]
    rows = []
    for variant, (sound, (_, _, fast)) in enumerate(
        zip(warp(spoken.sound[first : spoken.end + margin], factors), factors, strict=True)
    ):
        path = f"{spoken.label}/{number:04d}-{variant}.flac"
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(out / path, sound * (0.7 / max(np.abs(sound).max(), 1e-3)), RATE_HZ, subtype="PCM_16")
        start, end = ((place - first) / fast / RATE_HZ for place in (spoken.start, spoken.end))
        rows.append([path, spoken.label, "train", f"{spoken.speaker}~{variant}", f"{start:.3f}", f"{end:.3f}"])
    return rows


def build(words: list[corpus.Spoken], out: Path, variants: int, seed: int, processes: int) -> None:
    """Write the folder; `index.csv` is there when all of it is."""
    jobs = [(spoken, out, number, variants, seed) for number, spoken in enumerate(words)]
    out.mkdir(parents=True, exist_ok=True)
    pace, partial = Pace(), out / "index.tmp"
    with multiprocessing.Pool(processes) as pool, partial.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for done, rows in enumerate(pool.imap(_variants, jobs), 1):
            table.writerows(rows)
            if done % 100 == 0:
                left = pace.minutes_left(done, len(jobs))
                print(f"{done}/{len(jobs)} recordings, about {left:.1f} min left", flush=True)
    partial.rename(out / "index.csv")


def main() -> None:
    """Parse the command line and write the variants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--variants", type=int, default=VARIANTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    words = corpus.wake_words(given.recordings, "train")
    build(words, given.out, given.variants, given.seed, given.processes)


if __name__ == "__main__":
    main()
