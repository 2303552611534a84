"""Every candidate of the daemon's pipeline on the dev fold, with both scores: operating points are chosen from it.

    python -m wakeword.train.sweep MODELS OUT.csv --conditions DIR --corpora DIR

Negatives are heard as recorded and again across a simulated room each, like those of `wakeword eval --rooms simulate`.

Columns: word, condition (`speech` for negatives, `room` for those across a room), path, speaker or source, time_s,
stage1, stage2, hours (of the file). For an utterance there is one row: the best candidate that ends within 0.5 s before
to 0.7 s after the word's end, scores 0 if there is none. For negatives there is a row a candidate, and one with time -1
a file, which carries its hours.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.eval.mix import Float32, in_room, simulate_rooms
from wakeword.events import RATE_HZ, Verdict
from wakeword.pipeline.pipeline import Detector
from wakeword.replay import replay
from wakeword.train import corpus

Int16 = npt.NDArray[np.int16]

EARLY_S, LATE_S = 0.5, 0.7
ROOMS, ROOMS_SEED = 24, 4  # training's are drawn with another seed

_detector: Detector


def start(folder: str, words: list[str], floor: bool, point: str = "default") -> None:
    """Begin a worker process; `floor` and `point` as in `Detector`."""
    global _detector  # noqa: PLW0603 - one detector a worker process
    _detector = Detector.load(*(str(Path(folder) / word) for word in words), point=point, floor=floor)


def verdicts(sound: Int16) -> list[Verdict]:
    """Of a recording, by the worker's detector."""
    _detector.reset()
    return [event for event in replay([sound], _detector, None) if isinstance(event, Verdict)]


def _positive(job: tuple[str, dict[str, str]]) -> list[list[str]]:
    folder, row = job
    sound, _ = soundfile.read(Path(folder) / row["path"], dtype="int16")
    end = float(row["end_s"])
    own = [v for v in verdicts(sound) if v.candidate.word == row["word"]]
    near = [v for v in own if end - EARLY_S <= v.candidate.end / RATE_HZ <= end + LATE_S]
    best = max(near, key=lambda v: min(v.candidate.stage1, v.stage2), default=None)
    late = f"{best.candidate.decided / RATE_HZ - end:.3f}" if best else ""
    scores = [f"{best.candidate.stage1:.5f}", f"{best.stage2:.5f}"] if best else ["0", "0"]
    return [[row["word"], row["condition"], row["path"], row["speaker"], late, *scores, "0"]]


def _negative(job: tuple[str, dict[str, str], Float32 | None]) -> list[list[str]]:
    folder, row, room = job
    sound = corpus.blank_spoken(corpus.read(Path(folder) / row["path"]), row["path"])
    if room is not None:
        sound = in_room(sound, room).clip(-1, 1)
    hours = len(sound) / RATE_HZ / 3600
    place = ["speech" if room is None else "room", row["path"], row["source"]]
    rows = [["", *place, "-1", "0", "0", f"{hours:.6f}"]]
    for verdict in verdicts((sound * 32767).round().astype("int16")):
        c = verdict.candidate
        rows.append([c.word, *place, f"{c.end / RATE_HZ:.2f}", f"{c.stage1:.5f}", f"{verdict.stage2:.5f}", "0"])
    return rows


def sweep(
    models: Path, words: list[str], conditions: Path, corpora: Path | None, out: Path, processes: int,
    *, rooms: Sequence[Float32] = (),
) -> None:  # fmt: skip
    """Write the table; without corpora, of the utterances alone. `rooms`: responses in place of simulated ones."""
    with (conditions / "index.csv").open(newline="") as file:
        clips = [(str(conditions), row) for row in csv.DictReader(file) if row["word"] in words]
    speech: list[tuple[str, dict[str, str], Float32 | None]] = []
    if corpora:
        unsaid, rooms = corpus.without_words(corpora, "dev"), rooms or simulate_rooms(ROOMS, ROOMS_SEED)
        speech = [(str(corpora), row, None) for row in unsaid]
        speech += [(str(corpora), row, room) for row, room in zip(unsaid, cycle(rooms), strict=False)]
    with multiprocessing.Pool(processes, start, (str(models), words, True)) as pool, out.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["word", "condition", "path", "speaker", "time_s", "stage1", "stage2", "hours"])
        for rows in pool.imap(_positive, clips, chunksize=20):
            table.writerows(rows)
        for rows in pool.imap(_negative, speech):
            table.writerows(rows)


def main() -> None:
    """Parse the command line and sweep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--conditions", type=Path, required=True)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--words", default="computer,jarvis,alexa")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    sweep(given.models, given.words.split(","), given.conditions, given.corpora, given.out, given.processes)


if __name__ == "__main__":
    main()
