"""Small runs, made up row by row: what several test files share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wakeword.eval import joint
from wakeword.eval.tables import Alternative, Candidate, File, Run, Table, Utterance, open_run

WORD = "computer"


def row(file: str, decided_s: float, scores: tuple[float, float], utterance: str = "", **more: Any) -> Alternative:
    """A candidate of every threshold up to its score, deaf for 2 s if it wakes."""
    given = {"above": 0.0, "upto": scores[0], "rest_until_s": decided_s + 2.0} | more
    return Alternative(file, WORD, decided_s - 0.1, decided_s, *scores, utterance=utterance, **given)


def said(name: str, file: str, **more: Any) -> Utterance:
    """An utterance that is over after a second."""
    return Utterance(name, file, WORD, 0.0, 1.0, True, False, **more)


def negative(file: str, hours: float = 1.0, **more: Any) -> File:
    """A recording without the word."""
    return File(file, file, "negative", hours, **more)


def positive(file: str, **more: Any) -> File:
    """A clip with the word."""
    return File(file, file, "positive", 0.001, **more)


def drawn(
    random: np.random.Generator, speakers: int = 20, clips: int = 10, files: int = 40, per_hour: float = 20.0
) -> joint.Sweep:
    """A run as it might be: `speakers` of unlike gift with `clips` each, false candidates from `files` of 15 min."""
    utterances, recordings, rows = [], [], []
    for speaker in range(speakers):
        gift = random.normal(2.5, 1.0)
        for clip in range(clips):
            name = f"{speaker}-{clip}"
            recordings.append(positive(name, speaker=f"s{speaker}"))
            utterances.append(said(name, name, speaker=f"s{speaker}"))
            one, two = (_squashed(random.normal(gift, 1.2)) for _ in range(2))
            rows.append(row(name, 1.0, (one, two), name))
    for number in range(files):
        recordings.append(negative(f"n{number}", 0.25))
        for second in np.sort(random.uniform(0, 900, random.poisson(per_hour / 4))):
            one, two = _squashed(random.normal(-1, 1.2)), _squashed(random.normal(-1.5, 1.5))
            rows.append(row(f"n{number}", round(float(second), 3), (one, two)))
    return joint.build(WORD, utterances, recordings, rows)


def build(utterances: Sequence[Utterance], files: Sequence[File], rows: Sequence[Alternative]) -> joint.Sweep:
    """A sweep of just these."""
    return joint.build(WORD, utterances, files, rows)


def _squashed(logit: float) -> float:
    return round(float(1 / (1 + np.exp(-logit))), 6)


def write_run(
    folder: Path,
    utterances: Sequence[Utterance],
    files: Sequence[File],
    rows: Sequence[Alternative],
    thresholds: tuple[float, float] = (0.5, 0.5),
) -> Run:
    """The folder that an evaluation with these rows would leave, decided at these thresholds."""
    sweep = build(utterances, files, rows)
    ordered = sorted(rows, key=lambda one: ([file.file for file in files].index(one.file), one.decided_s))
    woken = set(sweep.wakes(*thresholds).tolist())
    heard = sweep.heard(*thresholds)
    groups = sorted({name for row in (*utterances, *files) for name in row.groups})
    folder.mkdir(exist_ok=True)
    tables = (
        Table(folder, File, groups),
        Table(folder, Utterance, groups),
        Table(folder, Candidate),
        Table(folder, Alternative),
    )
    for file in files:
        tables[0].write(file)
    for one, ok in zip(utterances, heard, strict=True):
        latency = 0.15 if ok else None
        tables[1].write(replace(one, heard=bool(ok), latency_s=latency))
    for number, each in enumerate(ordered):
        accepted = number in woken
        tables[2].write(Candidate(each.file, WORD, each.time_s, each.stage1, each.stage2, accepted, each.utterance))
        tables[3].write(each)
    for table in tables:
        table.close()
    model = {"threshold_stage1": thresholds[0], "threshold_stage2": thresholds[1], "point": "default",
             "stage1_sha256": "1" * 64, "stage2_sha256": "2" * 64}  # fmt: skip
    about = {"format": 1, "words": {WORD: model}, "session": {"refractory_ms": 1000}, "files": len(files), "hours": 1.0}
    (folder / "run.json").write_text(json.dumps(about))
    return open_run(folder)
