"""`summary.json`: every figure of a run with its counts and bounds, for programs; and in sentences, for people.

What each figure means and its formula: docs/metrics.md. Numbers that do not exist (a share of nothing) are null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wakeword.eval import det
from wakeword.eval.bars import Finding
from wakeword.eval.bootstrap import Gap
from wakeword.eval.bounds import Frequency, Share, poisson
from wakeword.eval.figures import Misses, Word, misses_by, word_figures
from wakeword.eval.groups import Column, fairness
from wakeword.eval.tables import Run
from wakeword.eval.tune import condition_weights

FORMAT = 1
SUMMARY = "summary.json"
Form = dict[str, Any]  # Any: JSON


def figures(run: Run) -> tuple[list[Word], list[Column]]:
    """Everything that is counted, by word; and every division into groups."""
    words = [word_figures(run, word) for word in run.about["words"]]
    return words, fairness([(word.sweep, word.heard, word.false_files) for word in words])


def summary(run: Run, words: Sequence[Word], groups: Sequence[Column], findings: Sequence[Finding] = ()) -> Form:
    """As it is written: plain values."""
    kept = ("versions", "code", "command", "session", "floor", "tolerance_s", "positives", "negatives", "surroundings",
            "files", "hours", "unread", "notes")  # fmt: skip
    return {
        "format": FORMAT,
        "run": {name: run.about[name] for name in kept if name in run.about},
        "words": {word.sweep.word: _word(run, word, groups) for word in words},
        "bars": [
            {"bar": one.bar, "word": one.word, "of": one.of, "value": _number(one.value), "limit": one.limit,
             "passed": one.passed, "says": one.says}
            for one in findings
        ],
    }  # fmt: skip


def write(folder: Path, form: Form) -> Path:
    """Write `summary.json` whole or not at all."""
    path = folder / SUMMARY
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(form, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
    partial.replace(path)
    return path


def sentences(words: Sequence[Word], groups: Sequence[Column]) -> list[str]:
    """What a person should take away, a line each."""
    found = []
    for word in words:
        name, false = word.sweep.word, word.false_accepts
        if not false.hours:
            found.append(f"{name}: no hours without the word were given, so nothing is known of false accepts.")
        elif not false.count:
            found.append(
                f"{name}: no false accept in {false.hours:.2f} h, which says only: below {false.high:.2f} an hour."
            )
        else:
            found.append(
                f"{name}: {false.count} false accepts in {false.hours:.2f} h, {false.value:.2f} an hour (95 %: "
                f"{false.low:.2f} to {false.high:.2f}); stage 1 alone asks {word.candidates.value:.1f} times an hour."
            )
        if word.latency:
            late = word.latency
            found.append(
                f"{name}: decided {1000 * late.median_s:.0f} ms after the word's end in the middle, "
                f"{1000 * late.p99_s:.0f} ms at the 99th percentile."
            )
        everyone = word.conditions[-1]
        if everyone.by_speaker and everyone.both.of:
            low, high = everyone.by_speaker
            found.append(
                f"{name}: with other speakers, drawn from {everyone.speakers}, the misses of all conditions would be "
                f"{percent(low)} to {percent(high)}."
            )
    return [*found, *(said for column in groups if (said := _gap_said(column)))]


def percent(share: float) -> str:
    """With one digit; a dash for what does not exist."""
    return "–" if math.isnan(share) else f"{100 * share:.1f} %"


def between(share: Share) -> str:
    """The interval."""
    return f"{100 * share.low:.1f}–{100 * share.high:.1f} %"


def _gap_said(column: Column) -> str:
    """One division: the largest difference, and what may be made of it."""
    gap = column.misses
    if gap is None:
        return ""
    what = f"{column.word}: {column.column}: {gap.worst!r} is missed {100 * gap.size:.1f} points more than {gap.best!r}"
    if column.misses_flagged:
        return f"{what}: more than chance allows (p = {column.misses_p:.3f})."
    if not gap.can_tell:
        return f"{what}: too few speakers to tell whether by chance."
    return f"{what}: chance does as much (p = {column.misses_p:.2f})."


def _word(run: Run, word: Word, groups: Sequence[Column]) -> Form:
    sweep, about = word.sweep, run.about["words"][word.sweep.word]
    asked = sweep.asked(word.stage1) | word.heard
    by = {
        "speakers": lambda utterance: utterance.speaker,
        "noises": lambda utterance: utterance.noise,
        "snrs": lambda utterance: "" if utterance.snr_db is None else f"{utterance.snr_db:g} dB",
        "rooms": lambda utterance: utterance.room,
    }
    return {
        "model": about,
        "thresholds": {"stage1": word.stage1, "stage2": word.stage2, "point": about.get("point", "")},
        "conditions": [_misses(misses) for misses in word.conditions[:-1]],
        "all": _misses(word.conditions[-1]),
        **{name: [_misses(one) for one in misses_by(sweep, word.heard, asked, of)[:-1]] for name, of in by.items()},
        "false_accepts": {
            "cascade": _frequency(word.false_accepts),
            "stage1": _frequency(word.candidates),
            "stage2_pass_rate": _share(word.passed),
            "by_speaker": _by_file(word, "speaker"),
            "by_condition": _by_file(word, "condition"),
        },
        "latency_s": None if word.latency is None else {
            "count": word.latency.count, "median": word.latency.median_s, "p90": word.latency.p90_s,
            "p99": word.latency.p99_s, "most": word.latency.most_s,
        },
        "errors_together": {
            "missed_by_both": word.together.missed_by_both, "by_stage1_alone": word.together.missed_by_stage1,
            "by_stage2_alone": word.together.missed_by_stage2, "utterances": word.together.utterances,
            "phi": _number(word.together.phi), "rank_of_false_candidates": _number(word.together.rank),
        },
        "groups": [_column(column) for column in groups if column.word == sweep.word],
        "det": _curves(word),
    }  # fmt: skip


def _by_file(word: Word, attribute: str) -> list[Form]:
    """False accepts of recordings that have the same value."""
    files = word.sweep.files
    hours: dict[str, float] = {}
    for file in files:
        if file.kind == "negative" and (name := getattr(file, attribute)):
            hours[name] = hours.get(name, 0.0) + file.hours
    named = [getattr(files[number], attribute) for number in word.false_files]
    return [{"name": name, **_frequency(poisson(named.count(name), of))} for name, of in hours.items()]


def _curves(word: Word) -> Form:
    """Points [thresholds…, misses, false accepts an hour], thresholds falling."""
    sweep, weights = word.sweep, condition_weights(word.sweep)
    hours = sweep.hours or math.nan
    found: Form = {}
    for name, curve in (
        ("stage1", det.stage1(sweep, weights)),
        ("stage2", det.stage2(sweep, weights, word.stage1)),
        ("cascade", det.cascade(sweep, weights)),
    ):
        rows = zip(curve.threshold, curve.second, curve.frr, curve.false, strict=True)
        found[name] = [
            [
                *(round(float(t), 6) for t in (one, two) if not math.isnan(t)),
                round(float(frr), 6),
                _number(n / hours, 4),
            ]
            for one, two, frr, n in rows
        ]
    return found


def _misses(misses: Misses) -> Form:
    low, high = misses.by_speaker or (None, None)
    return {
        "name": misses.name, "utterances": misses.both.of, "misses": misses.both.count, **_frr(misses.both),
        "speakers": misses.speakers, "frr_low_speakers": low, "frr_high_speakers": high,
        "stage1": {"utterances": misses.stage1.of, "misses": misses.stage1.count, **_frr(misses.stage1)},
        "stage2": {"utterances": misses.stage2.of, "misses": misses.stage2.count, **_frr(misses.stage2)},
    }  # fmt: skip


def _column(column: Column) -> Form:
    def gap(found: Gap | None, p: float, flagged: bool) -> Form | None:
        if found is None:
            return None
        return {"worst": found.worst, "best": found.best, "size": found.size, "p": p, "exceeds_chance": flagged,
                "can_tell": found.can_tell}  # fmt: skip

    return {
        "column": column.column,
        "groups": [
            {"name": group.name, "utterances": group.misses.of, "misses": group.misses.count, **_frr(group.misses),
             "speakers": group.speakers, "frr_low_speakers": (group.by_speaker or (None, None))[0],
             "frr_high_speakers": (group.by_speaker or (None, None))[1],
             "false_accepts": _frequency(group.false_accepts)}
            for group in column.groups
        ],
        "misses_gap": gap(column.misses, column.misses_p, column.misses_flagged),
        "false_accepts_gap": gap(column.false_accepts, column.false_accepts_p, column.false_accepts_flagged),
    }  # fmt: skip


def _frr(share: Share) -> Form:
    return {"frr": _number(share.value), "frr_low": share.low, "frr_high": share.high}


def _share(share: Share) -> Form:
    return {"count": share.count, "of": share.of, "share": _number(share.value), "low": share.low, "high": share.high}


def _frequency(frequency: Frequency) -> Form:
    return {
        "count": frequency.count, "hours": frequency.hours, "per_hour": _number(frequency.value),
        "low": _number(frequency.low), "high": _number(frequency.high),
    }  # fmt: skip


def _number(value: float, digits: int = 9) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None
