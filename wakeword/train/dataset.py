"""A pool of augmented clips on disk, from which both stages train.

    python -m wakeword.train.dataset OUT --corpora DIR --wake DIR [--warped DIR] --synthetic DIR… [--seed 1]

`OUT/samples.npy` (n, 51200) int16: 3.2 s each. `OUT/items.csv`: label, start, end (samples of the utterance inside the
clip; 0, 0 for plain negatives), speaker, origin. Labels: a word; `near:`, `part:` and `around` for what only resembles
one; `speech`, `noise`. Item i depends on the seed and on i alone, so any number of processes writes the same pool.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ
from wakeword.train import augment, corpus
from wakeword.train.augment import Float32, Random, Surroundings
from wakeword.train.progress import Pace

CLIP_SAMPLES = 51_200
COPIES = {  # of each recording of that kind
    "real": 14, "warped": 4, "other": 7, "other warped": 0.4, "synthetic": 6, "near": 4, "part": 5,
}  # fmt: skip
SPEECH_RAW, SPEECH_AUGMENTED, NOISE = 10_000, 28_000, 3_000
ROOM, ROOMS = 0.55, 240  # so many clips, of words and of plain speech alike: else a room speaks for a word


@dataclass(frozen=True)
class Item:
    """How to make one clip: from an utterance, from part of one, or from speech or noise alone."""

    kind: str  # word, part, speech, raw, noise
    spoken: corpus.Spoken | None = None


def plan(
    words: list[corpus.Spoken], warped: list[corpus.Spoken], synthetic: list[corpus.Spoken],
    targets: tuple[str, ...], scale: float, random: Random,
) -> list[Item]:  # fmt: skip
    """The list of clips to make. Real recordings weigh most, as they are and `warped`: they are few, and are people."""
    return [*utterances(words, warped, synthetic, targets, scale, random), *background(scale)]


def utterances(
    words: list[corpus.Spoken], warped: list[corpus.Spoken], synthetic: list[corpus.Spoken],
    targets: tuple[str, ...], scale: float, random: Random,
) -> list[Item]:  # fmt: skip
    """What is said, whole and in parts."""
    items: list[Item] = []
    for spoken in words:
        target = spoken.label in targets
        items += [Item("word", spoken)] * round(COPIES["real" if target else "other"] * scale)
        items += [Item("part", spoken)] * round(COPIES["part"] * scale * target)
    for spoken in warped:
        copies = COPIES["warped" if spoken.label in targets else "other warped"] * scale
        items += [Item("word", spoken)] * int(copies + random.random())
    for spoken in synthetic:
        target = spoken.label in targets
        items += [Item("word", spoken)] * round(COPIES["synthetic" if target else "near"] * scale)
        items += [Item("part", spoken)] * round(COPIES["part"] / 5 * scale * target)
    return items


def background(scale: float) -> list[Item]:
    """Speech and noise in which no word is placed."""
    kinds = (("raw", SPEECH_RAW), ("speech", SPEECH_AUGMENTED), ("noise", NOISE))
    return [Item(kind) for kind, count in kinds for _ in range(round(count * scale))]


def make(item: Item, random: Random, around: Surroundings) -> tuple[Float32, int, int]:
    """One clip, and where the utterance lies in it."""
    if item.spoken is None:
        return _background(item.kind, random, around), 0, 0
    sound, start, end = _place(item.spoken, random)
    if item.kind == "part":
        start, end = _halve(sound, start, end, random)
    sound = _neighbours(sound, start, end, random, around)
    if random.random() < ROOM:
        sound = augment.room(sound, random, around)
    if random.random() < 0.82:
        loudness = augment.level(sound[start:end])
        snr_db = random.uniform(-6, 20)
        sound = sound + augment.noise(len(sound), random, around) * np.float32(loudness * 10 ** (-snr_db / 20))
    return augment.microphone(sound, random), start, end


def _place(spoken: corpus.Spoken, random: Random) -> tuple[Float32, int, int]:
    """The clip at another tempo on an empty 3.2 s, its word ending 0.3-1.0 s before the end."""
    sound, factor = augment.speaker(spoken.sound, random) if random.random() < 0.85 else (spoken.sound, 1.0)
    start, end = int(spoken.start / factor), min(int(spoken.end / factor), len(sound))
    canvas = np.zeros(CLIP_SAMPLES, np.float32)
    target_end = int(random.uniform(2.2, 2.9) * RATE_HZ)
    shift = target_end - end
    first, last = max(0, -shift), min(len(sound), CLIP_SAMPLES - shift)
    canvas[first + shift : last + shift] = _fade(sound[first:last])
    return canvas, max(0, start + shift), target_end


def _halve(sound: Float32, start: int, end: int, random: Random) -> tuple[int, int]:
    """Leave only the word's beginning or only its end, in place: a word half said must not count."""
    cut = start + int((end - start) * random.uniform(0.4, 0.62))
    if random.random() < 0.6:
        sound[cut:] = 0
        sound[cut - 80 : cut] *= np.linspace(1, 0, 80, dtype=np.float32)
        return start, cut
    sound[:cut] = 0
    sound[cut : cut + 80] *= np.linspace(0, 1, 80, dtype=np.float32)
    return cut, end


def _neighbours(sound: Float32, start: int, end: int, random: Random, around: Surroundings) -> Float32:
    """Other speech before and after, up close or after a pause, as in running talk."""
    loudness = augment.level(sound[start:end])
    if random.random() < 0.45:
        stop = max(0, start - int(random.uniform(0.02, 0.5) * RATE_HZ))
        sound[:stop] = _talk(stop, loudness, random, around)
    if random.random() < 0.4:
        begin = min(len(sound), end + int(random.uniform(0.03, 0.5) * RATE_HZ))
        sound[begin:] = _talk(len(sound) - begin, loudness, random, around)
    return sound


def _talk(length: int, loudness: float, random: Random, around: Surroundings) -> Float32:
    if length < 800:
        return np.zeros(length, np.float32)
    talk = augment.cut(around.speech[random.integers(len(around.speech))], length, random)
    return _fade(talk * np.float32(loudness / augment.level(talk) * 10 ** (random.uniform(-9, 4) / 20)))


def _fade(sound: Float32) -> Float32:
    sound = sound.copy()
    ramp = np.linspace(0, 1, min(160, len(sound) // 2), dtype=np.float32)
    if len(ramp):
        sound[: len(ramp)] *= ramp
        sound[-len(ramp) :] *= ramp[::-1]
    return sound


def _background(kind: str, random: Random, around: Surroundings) -> Float32:
    if kind == "noise":
        return augment.microphone(augment.noise(CLIP_SAMPLES, random, around) * np.float32(0.1), random)
    sound = augment.cut(around.speech[random.integers(len(around.speech))], CLIP_SAMPLES, random)
    if kind == "raw":
        return np.clip(sound * np.float32(10 ** (random.uniform(-20, 10) / 20)), -1, 1)
    sound, _ = augment.speaker(sound, random)
    sound = np.resize(sound, CLIP_SAMPLES)
    if random.random() < ROOM:
        sound = augment.room(sound, random, around)
    if random.random() < 0.6:
        snr_db = random.uniform(-3, 22)
        loudness = augment.level(sound)
        sound = sound + augment.noise(CLIP_SAMPLES, random, around) * np.float32(loudness * 10 ** (-snr_db / 20))
    return augment.microphone(sound, random)


def label(item: Item) -> str:
    """What the clip is trained as."""
    if item.spoken is None:
        return "noise" if item.kind == "noise" else "speech"
    return item.spoken.label if item.kind == "word" else f"part:{item.spoken.label}"


_shared: tuple[list[Item], Surroundings, int, str]  # set before the processes fork, read by `_write`


def _write(part: tuple[int, int]) -> list[list[str]]:
    items, around, seed, path = _shared
    pool: npt.NDArray[np.int16] = np.lib.format.open_memmap(path, mode="r+")
    written = []
    for number in range(*part):
        item = items[number]
        sound, start, end = make(item, np.random.default_rng([seed, number]), around)
        pool[number] = np.round(sound * 32767).astype(np.int16)
        spoken = item.spoken
        written.append(
            [label(item), str(start), str(end), spoken.speaker if spoken else "", spoken.path if spoken else ""]
        )
    return written


def build(out: Path, items: list[Item], around: Surroundings, seed: int, processes: int) -> None:
    """Write the pool; prints progress and time left."""
    global _shared  # noqa: PLW0603 - the one way to hand gigabytes to forked processes without copying them
    out.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(seed).permutation(len(items))
    items = [items[i] for i in order]
    path = str(out / "samples.npy")
    np.lib.format.open_memmap(path, mode="w+", dtype=np.int16, shape=(len(items), CLIP_SAMPLES)).flush()
    _shared = (items, around, seed, path)
    parts = [(i, min(i + 500, len(items))) for i in range(0, len(items), 500)]
    pace, partial = Pace(), out / "items.tmp"  # items.csv is there when all of it is there
    with multiprocessing.get_context("fork").Pool(processes) as pool, partial.open("w", newline="") as file:
        table = csv.writer(file)
        for done, rows in enumerate(pool.imap(_write, parts), 1):
            table.writerows(rows)
            left = pace.minutes_left(done, len(parts))
            print(f"{min(done * 500, len(items))}/{len(items)} clips, about {left:.1f} min left", flush=True)
    partial.rename(out / "items.csv")


def main() -> None:
    """Parse the command line and write a pool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--wake", type=Path, required=True)
    parser.add_argument("--warped", type=Path, help="more speakers of the same recordings, from warp.py")
    parser.add_argument("--synthetic", type=Path, nargs="+", required=True)
    parser.add_argument("--words", default="computer,jarvis,alexa")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    around = corpus.surroundings(given.corpora, "train", simulated_rooms=ROOMS)
    words = corpus.wake_words(given.wake, "train")
    warped = corpus.wake_words(given.warped, "train") if given.warped else []
    synthetic = [clip for folder in given.synthetic for clip in corpus.synthetic(folder)]
    random = np.random.default_rng(given.seed)
    items = plan(words, warped, synthetic, tuple(given.words.split(",")), given.scale, random)
    print(f"{len(words)} recordings, {len(around.rooms)} rooms, {len(items)} clips to make", flush=True)
    build(given.out, items, around, given.seed, given.processes)


if __name__ == "__main__":
    main()
