"""A run as the report's script reads it (page/report.js): columns of plain values, texts once and then by number.

Nothing is decided or counted here. Rows are those of `joint.Sweep`, so that the page's sliders and `wakeword tune` work
on the very same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wakeword.eval.compare import Change
from wakeword.eval.joint import LEAST, Sweep
from wakeword.eval.tables import File, Run, Utterance
from wakeword.model import Model

Form = dict[str, Any]  # Any: what becomes JSON


def run_form(run: Run, sweeps: Sequence[Sweep], models: Sequence[Model]) -> Form:
    """Everything but clips, sentences and the comparison with another run. One sweep and one model a word."""
    files = [file for file in run.files() if file.read]
    return {
        "least": LEAST,
        "files": files_form(files),
        "words": [word_form(*one, run.about["words"][one[0].word]) for one in zip(sweeps, models, strict=True)],
    }


def files_form(files: Sequence[File]) -> Form:
    """Columns of all recordings that could be read, and what divides them into groups."""
    return {
        "name": [file.file for file in files],
        "plain": [file.file == file.path for file in files],  # not mixed for this run
        "hours": [file.hours for file in files],
        "negative": [file.kind == "negative" for file in files],
        "groups": groups_form(files),
    }


def changes_form(change: Change, sweeps: Sequence[Sweep]) -> Form:
    """Which utterances of a word changed sides since an earlier run, by number."""
    number = next(number for number, sweep in enumerate(sweeps) if sweep.word == change.word)
    index = {utterance.utterance: at for at, utterance in enumerate(sweeps[number].utterances)}
    return {
        "word": number,
        "worse": [index[utterance.utterance] for utterance in change.worse],
        "better": [index[utterance.utterance] for utterance in change.better],
    }


def word_form(sweep: Sweep, model: Model, about: dict[str, Any]) -> Form:
    """One word: its utterances, its rows, the thresholds it was run at and those its model offers."""
    index = {file.file: number for number, file in enumerate(sweep.files)}
    said = sweep.utterances
    return {
        "word": sweep.word,
        "thresholds": [about["threshold_stage1"], about["threshold_stage2"]],
        "points": {name: [point.stage1, point.stage2] for name, point in model.points.items()},
        "utterance_file": [index[utterance.file] for utterance in said],
        "start": [utterance.start_s for utterance in said],
        "end": [utterance.end_s for utterance in said],
        "timed": [utterance.timed for utterance in said],
        "groups": groups_form(said),
        "file": sweep.file.tolist(),
        "owner": sweep.owner.tolist(),
        "decided_ms": sweep.decided_ms.tolist(),
        "rest_ms": sweep.rest_ms.tolist(),
        "stage1": sweep.scores[:, 0].tolist(),
        "stage2": sweep.scores[:, 1].tolist(),
        "above": sweep.alive[:, 0].tolist(),
        "upto": sweep.alive[:, 1].tolist(),
    }


def groups_form(rows: Sequence[File] | Sequence[Utterance]) -> list[Form]:
    """What rows can be divided by: `values`, and each row's among them (-1: not known). Columns that say nothing go."""
    names = sorted({name for row in rows for name in row.groups})
    columns: list[tuple[str, Iterable[str]]] = [
        ("condition", [row.condition for row in rows]),
        ("noise", [row.noise for row in rows]),
        ("SNR", ["" if row.snr_db is None else f"{row.snr_db:g} dB" for row in rows]),
        ("room", [row.room for row in rows]),
        ("speaker", [row.speaker for row in rows]),
        *((name, [row.groups.get(name, "") for row in rows]) for name in names),
    ]
    found = []
    for name, texts in columns:
        values = list(dict.fromkeys(text for text in texts if text))
        if values:
            index = {text: number for number, text in enumerate(values)}
            found.append({"name": name, "values": values, "of": [index.get(text, -1) for text in texts]})
    return found
