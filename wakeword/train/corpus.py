"""Recordings to train and choose on: where they lie, whose they are, and what must not be done with them.

A corpora folder holds `manifest.csv` (path, fold, source, ...), `speech/`, `noise/{household,music}/`, `rir/`; a folder
of wake words holds `index.csv` (path, word, fold, speaker_cluster, speech_start_s, speech_end_s). The folds share no
speaker.
"""

from __future__ import annotations

import csv
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.eval.corpus import sound_files
from wakeword.eval.mix import Homes, simulate_rooms
from wakeword.events import RATE_HZ
from wakeword.source.file import FileSource
from wakeword.train import augment
from wakeword.train.spoken import blank_spoken

__all__ = ["blank_spoken"]  # of the same recordings

Float32 = npt.NDArray[np.float32]

HALLS = Homes(t60_s=(0.15, 1.1), metres=(0.4, 7.0), largest_m=(9.0, 8.0, 3.6))  # a little beyond homes, to hold in them


@dataclass(frozen=True)
class Spoken:
    """One utterance: samples with the word from `start` to `end`; `label` is the word, or what it is instead."""

    label: str
    sound: Float32
    start: int
    end: int
    speaker: str
    path: str


def read(path: Path) -> Float32:
    """(n,) float32 of a 16 kHz mono file."""
    sound, rate = soundfile.read(path, dtype="float32")
    if rate != RATE_HZ or sound.ndim != 1:
        raise ValueError(f"{path}: {rate} Hz, shape {sound.shape}; wanted 16 kHz mono")
    return np.asarray(sound, np.float32)


def rows(folder: Path, fold: str, kind: str) -> list[dict[str, str]]:
    """The manifest's rows of a fold whose path begins with `kind`."""
    with (folder / "manifest.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["fold"] == fold and row["path"].startswith(kind)]


def without_words(folder: Path, fold: str) -> list[dict[str, str]]:
    """The manifest's rows of a fold in which no word is said: speech, then noise."""
    return [row for kind in ("speech/", "noise/") for row in rows(folder, fold, kind)]


def recordings(folder: Path, fold: str) -> list[dict[str, str]]:
    """The rows of `index.csv` that belong to a fold."""
    with (folder / "index.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["fold"] == fold]


def wake_words(folder: Path, fold: str) -> list[Spoken]:
    """Real recordings of all words of a fold."""
    return [
        Spoken(
            row["word"], read(folder / row["path"]), int(float(row["speech_start_s"]) * RATE_HZ),
            int(float(row["speech_end_s"]) * RATE_HZ), row["speaker_cluster"], row["path"],
        )
        for row in recordings(folder, fold)
    ]  # fmt: skip


def synthetic(folder: Path) -> list[Spoken]:
    """Clips written by `synthesize.py`; 50 ms of margin stand around each.

    Where a request follows the word, the word ends where the pause between them begins; clips without one are left out.
    """
    margin = RATE_HZ // 20
    with (folder / "index.csv").open(newline="") as file:
        clips = list(csv.reader(file))
    found: list[Spoken] = []
    for name, kind, text, voice, _engine in clips:
        sound = read(folder / name)
        end = pause(sound) if text.startswith((f"{kind.replace('_', ' ')},", f"{kind}，")) else len(sound) - margin
        if end and len(sound) < 4 * RATE_HZ:
            found.append(Spoken(kind, sound, margin, end, voice, name))
    return found


def recorded(folder: Path, label: str) -> list[Spoken]:
    """Recordings of one's own, of any rate and channels, one utterance each; it is found by its loudness.

    A folder in the folder is a speaker. Raises `SourceError` for what is no sound; silence is left out.
    """
    found: list[Spoken] = []
    for path in sound_files(folder):
        with closing(FileSource(str(path))) as source:
            sound = np.concatenate([np.zeros(0, np.int16), *source]).astype(np.float32) / np.float32(32768)
        start, end = edges(sound)
        if end:
            speaker = path.parent.name if path.parent != folder else "own"
            found.append(Spoken(label, sound, start, end, speaker, str(path.relative_to(folder))))
    return found


def edges(sound: Float32) -> tuple[int, int]:
    """First and last sample of what is louder than 30 dB under the loudest 10 ms, and than the quiet there is; 0, 0."""
    hop = RATE_HZ // 100
    level = np.sqrt(np.mean(sound[: len(sound) // hop * hop].reshape(-1, hop) ** 2, axis=1))
    if not len(level) or level.max() < 1e-4:
        return 0, 0
    loud = np.flatnonzero(level > max(level.max() * 10**-1.5, 3 * np.quantile(level, 0.1)))
    return (int(loud[0] * hop), int((loud[-1] + 1) * hop)) if len(loud) else (0, 0)


def pause(sound: Float32) -> int:
    """The sample at which the longest quiet stretch between 0.35 and 1.2 s begins; 0 if none lasts 50 ms."""
    hop = RATE_HZ // 100
    level = np.sqrt(np.mean(sound[: len(sound) // hop * hop].reshape(-1, hop) ** 2, axis=1))
    quiet = level[35:120] < 0.06 * level.max()
    longest, place, run = 4, 0, 0
    for frame, silent in enumerate(quiet):
        run = run + 1 if silent else 0
        if run > longest:
            longest, place = run, frame - run + 1
    return (35 + place) * hop if place else 0


def surroundings(folder: Path, fold: str, simulated_rooms: int, seed: int = 3) -> augment.Surroundings:
    """Noise, music, talkers and rooms of one fold, simulated rooms added."""
    speech = [read(folder / row["path"]) for row in rows(folder, fold, "speech/")]
    household = [read(folder / row["path"]) for row in rows(folder, fold, "noise/household")]
    music = [read(folder / row["path"]) for row in rows(folder, fold, "noise/music")]
    return augment.Surroundings(
        speech,
        np.concatenate(household),
        np.concatenate(music),
        rooms(folder, fold, simulated_rooms, seed),
    )


@cache  # to simulate hundreds takes seconds, and most steps of a training want the same
def rooms(folder: Path, fold: str, simulated: int, seed: int = 3) -> list[Float32]:
    """Impulse responses that were measured, and simulated ones."""
    measured = [augment.align(read(folder / row["path"])) for row in rows(folder, fold, "rir/")]
    return measured + simulate_rooms(simulated, seed, HALLS)
