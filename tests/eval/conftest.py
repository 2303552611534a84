"""A small corpus cut from the demo's room: words as positives, the talk between them as negatives."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16_000


@dataclass(frozen=True)
class SmallCorpus:
    """Folders and manifests as a user would have them."""

    positives: Path  # a manifest
    folders: Path  # the same clips in folders named after their words
    negatives: Path
    noise: Path
    clips: int


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, room: np.ndarray, said: list[dict[str, str]]) -> SmallCorpus:
    top = tmp_path_factory.mktemp("corpus")
    rows = []
    words = [row for row in said if row["word"] in ("computer", "jarvis", "alexa")]
    for number, row in enumerate(words):
        start = int(float(row["start_s"]) * RATE)
        sound = room[start - RATE // 2 : start + 2 * RATE]
        path = top / "said" / row["word"] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound, RATE)
        rows.append([path.relative_to(top), row["word"], 0.4, 1.4, row["who"], row["how"]])
    with (top / "said.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "word", "start_s", "end_s", "speaker", "group_how"])
        table.writerows(rows)
    (top / "talk").mkdir()
    soundfile.write(top / "talk" / "morning.flac", room[: 7 * RATE], RATE)
    soundfile.write(top / "talk" / "room.flac", room[: 40 * RATE], RATE)
    for kind in ("hum", "hiss"):
        (top / "noise" / kind).mkdir(parents=True)
        noise = np.random.default_rng(len(kind)).normal(0, 0.1, 8 * RATE)
        soundfile.write(top / "noise" / kind / "one.wav", noise, RATE)
    return SmallCorpus(top / "said.csv", top / "said", top / "talk", top / "noise", len(words))
