"""Which errors can be listened to in a report: the most telling ones, as many as its budget holds.

In turn, for each word: a false accept (the surest first), a miss (in quiet before noise, the lowest score first), and a
candidate in a negative recording that was only just refused, which a lower threshold would let in. Each is read again,
in its condition, and played to a detector of its own from some seconds earlier on; sessions are left out, so that the
curves have no gaps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from wakeword.errors import SourceError
from wakeword.eval.clip import Clip, page_form
from wakeword.eval.hear import excerpts
from wakeword.eval.joint import FALSE, LEAST, Sweep
from wakeword.eval.sounds import Sound, Told
from wakeword.events import RATE_HZ
from wakeword.model import SMOOTHED_STEPS, Model, Point
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.stage1 import STEP_SAMPLES
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES
from wakeword.pipeline.voice import UNIT_SAMPLES

CLIPS, BUDGET_BYTES = 60, 10_000_000  # chosen: a report that can be sent by mail
CLOSE = 8  # of those refused only just, a word
HISTORY_SAMPLES = 50 * UNIT_SAMPLES  # 4 s: longer than stage 1 and the voice detector remember
ASK_SAMPLES = 2 * UNIT_SAMPLES  # stage 2's curve has a point every 160 ms
BEFORE_S, AFTER_S, LONGEST_S = 2.2, 0.9, 8.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stretch of a recording to be shown, and what it shows: a row or an utterance of a word's sweep, or both."""

    word: int
    file: str
    start_s: float
    end_s: float
    decided_s: float | None  # stage 2 judged the 2 s up to here; None: stage 1 never asked
    row: int = -1
    utterance: int = -1


def wanted(sweeps: Sequence[Sweep], points: Sequence[Point]) -> list[Wanted]:
    """All errors at the points, the most telling first, then those that almost were."""
    kinds = [
        kind
        for word, (sweep, point) in enumerate(zip(sweeps, points, strict=True))
        for kind in (
            [_of_row(word, sweep, row) for row in _surest(sweep, sweep.false_accepts(point.stage1, point.stage2))],
            [_of_miss(word, sweep, missed) for missed in _missed(sweep, point)],
            [_of_row(word, sweep, row) for row in _close(sweep, point)],
        )
    ]
    return [one for turn in zip_longest(*kinds) for one in turn if one]


def clips(
    chosen: Iterable[Wanted],
    sounds: Mapping[str, Sound],
    models: Sequence[Model],
    most: int,
    progress: Callable[[int, int], object],
    smoothed_steps: Sequence[int] = (),
) -> list[dict[str, Any]]:
    """The page's form of the first `most`, while the budget lasts. What cannot be read again is left out.

    `smoothed_steps`: of each model, as the run had it; () for the usual.
    """
    among = list(chosen)[:most]
    smoothed = smoothed_steps or [SMOOTHED_STEPS] * len(models)
    detectors = [
        Detector([model], [Point(0.0, 0.0, steps)], floor=True) for model, steps in zip(models, smoothed, strict=True)
    ]
    found: list[tuple[int, dict[str, Any]]] = []
    for done, (number, one, samples, lead) in enumerate(_read(among, sounds)):
        clip = _heard(detectors[one.word], samples, lead, one)
        marks = {"row": one.row, "utterance": one.utterance, "word": one.word, "decided": one.decided_s}
        found.append((number, {**page_form(clip, columns_s=50, rows=64), **marks}))
        progress(done + 1, len(among))
    return list(_within(BUDGET_BYTES, (form for _, form in sorted(found, key=lambda pair: pair[0]))))


def _surest(sweep: Sweep, rows: Iterable[int]) -> list[int]:
    return sorted(map(int, rows), key=lambda row: -float(sweep.scores[row].min()))


def _missed(sweep: Sweep, point: Point) -> list[int]:
    """Utterances not heard: in quiet first, then by falling ratio to the noise, the lowest score first."""
    heard = sweep.heard(point.stage1, point.stage2)

    def order(number: int) -> tuple[float, float]:
        said = sweep.utterances[number]
        quiet = 1000.0 if said.condition == "clean" else 500.0 if said.snr_db is None else said.snr_db
        return -quiet, min(said.stage1 or 0.0, said.stage2 or 0.0)

    return sorted((number for number in range(len(heard)) if not heard[number]), key=order)


def _close(sweep: Sweep, point: Point) -> list[int]:
    """Candidates in negative recordings that do not wake, the nearest to it first; one a moment."""
    woken = {int(row) for row in sweep.false_accepts(point.stage1, point.stage2)}
    rows = [int(row) for row in sweep.rows(LEAST) if sweep.owner[row] == FALSE and int(row) not in woken]
    limits = np.array([point.stage1, point.stage2])
    rows.sort(key=lambda row: -float((sweep.scores[row] - limits).min()))
    return rows[:CLOSE]


def _of_row(word: int, sweep: Sweep, row: int) -> Wanted:
    decided_s = float(sweep.decided_ms[row]) / 1000
    file = sweep.files[sweep.file[row]].file
    return Wanted(word, file, max(0.0, decided_s - BEFORE_S), decided_s + AFTER_S, decided_s, row)


def _of_miss(word: int, sweep: Sweep, number: int) -> Wanted:
    """The utterance and its surroundings; the candidate in it that came nearest, if any."""
    said = sweep.utterances[number]
    rows = np.flatnonzero(sweep.owner == number)
    row = int(max(rows, key=lambda row: float(sweep.scores[row].min()))) if len(rows) else -1
    decided_s = float(sweep.decided_ms[row]) / 1000 if row >= 0 else None
    if said.timed or decided_s is None or said.end_s - said.start_s <= LONGEST_S - BEFORE_S - AFTER_S:
        start_s, end_s = said.start_s - 1.2, said.end_s + AFTER_S
    else:
        start_s, end_s = decided_s - BEFORE_S, decided_s + AFTER_S
    start_s = max(0.0, start_s)
    return Wanted(word, said.file, start_s, min(end_s, start_s + LONGEST_S), decided_s, row, number)


def _read(among: list[Wanted], sounds: Mapping[str, Sound]) -> Iterator[tuple[int, Wanted, Any, int]]:
    """(number, wanted, samples, how many of them stand before the clip): each recording is read once."""
    by_file: dict[str, list[int]] = {}
    for number, one in enumerate(among):
        by_file.setdefault(one.file, []).append(number)
    for file, numbers in by_file.items():
        if file not in sounds:
            continue
        spans = [_span(among[number]) for number in numbers]
        try:
            read = excerpts(sounds[file].blocks(Told()), [(max(0, start - lead), end) for start, end, lead in spans])
        except (SourceError, OSError):  # it has gone since it was heard
            continue
        for number, samples, (start, _, lead) in zip(numbers, read, spans, strict=True):
            yield number, among[number], samples, min(lead, start)


def _span(one: Wanted) -> tuple[int, int, int]:
    """(start, end, history) in samples, on the pipeline's own grid of units."""
    start = int(one.start_s * RATE_HZ) // UNIT_SAMPLES * UNIT_SAMPLES
    end = -(-int(one.end_s * RATE_HZ) // UNIT_SAMPLES) * UNIT_SAMPLES
    return start, max(end, start + UNIT_SAMPLES), HISTORY_SAMPLES


def _heard(detector: Detector, samples: Any, lead: int, one: Wanted) -> Clip:
    """Both stages' scores of the samples after the first `lead`."""
    start = _span(one)[0]
    logits: dict[int, float] = {}
    detector.reset()
    detector.watch(lambda word, step, logit: logits.update({step: logit}))
    detector.process(samples)
    steps = np.arange(lead // STEP_SAMPLES, len(samples) // STEP_SAMPLES)
    stage1 = 1 / (1 + np.exp(-np.array([logits.get(int(step), np.nan) for step in steps])))
    decided = [] if one.decided_s is None else [round(one.decided_s * RATE_HZ) - start]
    asked = sorted({*range(ASK_SAMPLES, len(samples) - lead + 1, ASK_SAMPLES), *decided})
    padded = np.pad(samples, (SEGMENT_SAMPLES, 0))  # silence before a recording's beginning, as in the ring
    stage2 = [detector.verify(0, padded[lead + at : lead + at + SEGMENT_SAMPLES]) for at in asked]
    return Clip(
        start / RATE_HZ, samples[lead:], (start + (steps - steps[0] + 1) * STEP_SAMPLES) / RATE_HZ, stage1,
        (start + np.array(asked)) / RATE_HZ, np.array(stage2),
    )  # fmt: skip


def _within(budget: int, forms: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for form in forms:
        budget -= len(json.dumps(form))
        if budget < 0:
            return
        yield form
