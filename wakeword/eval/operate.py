"""From an evaluation to an operating point: cut it in two, choose on one part, measure on the other, write it down.

The file that is written is what a configuration names (`point: tuned.yaml`): thresholds, the hashes of the models they
were chosen for, and where they come from. `model.point_of` reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

import wakeword
from wakeword.errors import ConfigError, in_words
from wakeword.eval import bounds, tables
from wakeword.eval.bounds import Frequency, Share
from wakeword.eval.joint import Sweep
from wakeword.eval.tables import Run
from wakeword.eval.tune import Chosen, Wish, choose, condition_weights, hours_to_promise, speaker_of
from wakeword.model import SMOOTHED_STEPS

FORMAT = 1  # of the file: model.FORMAT
Form = dict[str, Any]  # Any: JSON, YAML


@dataclass(frozen=True)
class Measured:
    """A point on some data: misses of each condition, their mean, false accepts."""

    conditions: dict[str, Share]
    frr: float  # each condition weighs the same
    speakers: int
    false_accepts: Frequency
    candidates: Frequency  # stage 1 asks falsely


@dataclass(frozen=True)
class Reported:
    """What was chosen for a word, on what, and what it does elsewhere. `elsewhere` None: there is no other data.

    The refractory time is that of the run unless `own_refractory`: then it was chosen too.
    """

    word: str
    chosen: Chosen
    refractory_ms: int
    at_home: Measured
    elsewhere: Measured | None
    own_refractory: bool = False
    smoothed_steps: int = SMOOTHED_STEPS


@dataclass(frozen=True)
class Heard:
    """A word of a run: what to choose on, what to report on, and how it was heard."""

    chosen_on: Sweep
    reported_on: Sweep | None
    refractory_ms: int
    smoothed_steps: int = SMOOTHED_STEPS


def tune(heard: Sequence[Heard], wish: Wish, refractory_ms: Sequence[int] | None = None) -> Reported:
    """Choose among the same recordings heard with one or several smoothings, measure on both parts.

    Raises `CheckFailed` as `tune.choose` does, `ConfigError` where the recordings are not the same.
    """
    same_recordings([one.chosen_on for one in heard])
    run_ms = heard[0].refractory_ms
    longer = [given - run_ms for given in refractory_ms or [run_ms]]
    chosen = choose(heard[0].chosen_on, wish, longer, [one.chosen_on for one in heard[1:]])
    one = heard[chosen.hearing]
    elsewhere = measure(one.reported_on, chosen) if one.reported_on else None
    at_home = measure(one.chosen_on, chosen)
    own, ms = refractory_ms is not None, run_ms + chosen.longer_ms
    return Reported(one.chosen_on.word, chosen, ms, at_home, elsewhere, own, one.smoothed_steps)


def same_recordings(sweeps: Sequence[Sweep]) -> None:
    """Raises `ConfigError` unless all have the same utterances and recordings, in one order."""
    first, *others = [
        ([said.utterance for said in one.utterances], [(file.file, file.kind) for file in one.files]) for one in sweeps
    ]
    if any(other != first for other in others):
        hint = "`wakeword eval` of the same recordings, with another --smoothing"
        raise ConfigError("runs that are chosen among must be of the same recordings", hint=hint)


def way_of(run: Run, word: str) -> tuple[int, int]:
    """How a word was heard in a run: its refractory time in ms, and over how many steps scores were smoothed."""
    about = run.about["words"][word]
    refractory_ms = about.get("refractory_ms", run.about["session"]["refractory_ms"])
    return int(refractory_ms), int(about.get("smoothed_steps", SMOOTHED_STEPS))


def measure(sweep: Sweep, chosen: Chosen) -> Measured:
    """The point on these data."""
    sweep = replace(sweep, rest_ms=sweep.rest_ms + chosen.longer_ms)
    heard = sweep.heard(chosen.stage1, chosen.stage2)
    names = [utterance.condition for utterance in sweep.utterances]
    missed = [name for name, ok in zip(names, heard, strict=True) if not ok]
    return Measured(
        {name: bounds.wilson(missed.count(name), names.count(name)) for name in dict.fromkeys(names)},
        float(condition_weights(sweep) @ ~heard) if names else float("nan"),
        len({speaker_of(sweep, number) for number in range(len(names))}),
        bounds.poisson(len(sweep.false_accepts(chosen.stage1, chosen.stage2)), sweep.hours),
        bounds.poisson(len(sweep.candidates(chosen.stage1)), sweep.hours),
    )


def same_models(run: Run, other: Run, word: str) -> None:
    """Raises `ConfigError` when a word was not heard by the same models in both runs."""
    hashes = [
        [one.about["words"].get(word, {}).get(name) for name in ("stage1_sha256", "stage2_sha256")]
        for one in (run, other)
    ]
    if hashes[0] != hashes[1]:
        raise ConfigError(f"'{word}' was not heard by the same models in this run", where=str(other.folder))


def only_conditions(sweep: Sweep, names: Sequence[str]) -> Sweep:
    """Utterances of these conditions alone. Raises `ConfigError` for one that there is not."""
    known = list(dict.fromkeys(utterance.condition for utterance in sweep.utterances))
    for name in names:
        if name not in known:
            raise ConfigError(
                f"no condition '{name}' in this run", where="--condition", hint=f"it has {', '.join(known)}"
            )
    files = [n for n, file in enumerate(sweep.files) if file.kind == "negative" or file.condition in names]
    return sweep.take(files)


def halves(sweep: Sweep, how: str | None) -> tuple[Sweep, Sweep, str]:
    """Two parts without a speaker (`speaker`) or a recording (`hash`) in common; and which of both it was.

    Names are ordered by their SHA-256, and go to the part that has less: the same run is always cut in the same way.
    """
    if how is None:
        how = "speaker" if all(utterance.speaker for utterance in sweep.utterances) else "hash"
    said: dict[str, float] = {}
    heard: dict[str, float] = {}
    names = []
    for file in sweep.files:
        name = file.speaker if how == "speaker" and file.speaker else file.path.partition("#")[0]
        names.append((file.kind, name))
        amounts, amount = (heard, file.hours) if file.kind == "negative" else (said, 1.0)
        amounts[name] = amounts.get(name, 0.0) + amount
    first = {(kind, name) for kind, amounts in (("positive", said), ("negative", heard)) for name in _half(amounts)}
    inside = [number for number, name in enumerate(names) if name in first]
    outside = [number for number, name in enumerate(names) if name not in first]
    return sweep.take(inside), sweep.take(outside), how


def _half(amounts: dict[str, float]) -> set[str]:
    """About half of the amounts; large ones are dealt first, so that both parts get some."""
    mine, other = 0.0, 0.0
    chosen = set()
    hashed = sorted(amounts, key=lambda name: hashlib.sha256(name.encode()).digest())
    for name in sorted(hashed, key=lambda name: -amounts[name]):
        if mine <= other:
            chosen.add(name)
            mine += amounts[name]
        else:
            other += amounts[name]
    return chosen


def sentences(found: Reported, wish: Wish) -> list[str]:
    """What a person is told."""
    chosen, home = found.chosen, found.at_home
    refractory = f", refractory time {found.refractory_ms} ms" if found.own_refractory else ""
    smoothing = f", smoothed over {found.smoothed_steps} steps" if found.smoothed_steps != SMOOTHED_STEPS else ""
    lines = [f"{found.word}: stage 1 {chosen.stage1:g}, stage 2 {chosen.stage2:g}{refractory}{smoothing}"]
    lines += [f"  chosen on   {_told(home)}"]
    if found.elsewhere:
        lines += [f"  elsewhere   {_told(found.elsewhere)}"]
    else:
        lines += ["  reported on the very data it was chosen on: expect a little worse elsewhere"]
    if home.false_accepts.hours:
        hours = home.false_accepts.hours
        lines.append(
            f"  on other sound of this kind at most {chosen.fa_upper:.2f} false accepts an hour, at 95 % "
            f"({chosen.chains} thresholds of stage 1 were tried; bunches make {hours:.1f} h count as "
            f"{hours / chosen.design_effect:.1f} h)"
        )
    if wish.most_fa_per_hour is not None and chosen.fa_upper > wish.most_fa_per_hour:
        needed = hours_to_promise(wish.most_fa_per_hour, chosen.design_effect, chosen.chains)
        lines.append(
            f"  {wish.most_fa_per_hour:g} an hour is kept by what was counted, not promised; --promise would need "
            f"{needed:.1f} h without a false accept, or more hours with some"
        )
    return lines


def _told(found: Measured) -> str:
    said = ", ".join(f"{name} {share.count} of {share.of}" for name, share in found.conditions.items())
    false = found.false_accepts
    often = f"{false.count} false accepts in {false.hours:.2f} h ({false.low:.2f} to {false.high:.2f} an hour)"
    return f"misses {100 * found.frr:.1f} % ({said}; {found.speakers} speakers); {often if false.hours else 'no hours'}"


def form(found: Reported) -> Form:
    """As JSON has it."""
    chosen = found.chosen
    return {
        "word": found.word, "stage1": chosen.stage1, "stage2": chosen.stage2, "refractory_ms": found.refractory_ms,
        "smoothed_steps": found.smoothed_steps,
        "fa_per_hour_upper": _finite(chosen.fa_upper), "allowed": chosen.allowed, "chains": chosen.chains,
        "design_effect": round(chosen.design_effect, 4), "chosen_on": _measured(found.at_home),
        "reported_on": _measured(found.elsewhere) if found.elsewhere else None,
    }  # fmt: skip


def write(
    path: Path, run: Run, found: Sequence[Reported], wish: Wish, command: Sequence[str], others: Sequence[Run] = ()
) -> None:
    """Operating points with their provenance; `others` are those of the run's recordings with another smoothing.

    Raises `ConfigError` when the file cannot be written."""
    words: Form = {}
    for one in found:
        chosen_on, own = (run, *others)[one.chosen.hearing], form(one)
        about = chosen_on.about["words"][one.word]
        applied = {"smoothed_steps": own.pop("smoothed_steps")}
        if one.own_refractory:
            applied["refractory_ms"] = own.pop("refractory_ms")
        words[one.word] = {
            "stage1": own.pop("stage1"), "stage2": own.pop("stage2"), **applied,
            "stage1_sha256": about["stage1_sha256"], "stage2_sha256": about["stage2_sha256"],
            "chosen": {
                "by": f"wakeword {wakeword.__version__}", "command": " ".join(command), "promise": wish.promise,
                "run": {
                    "code": chosen_on.about.get("code"), "sweep_sha256": _digest(chosen_on.folder / tables.SWEEP),
                },
                **{name: value for name, value in own.items() if name != "word"},
            },
        }  # fmt: skip
    text = "# By `wakeword tune` or `wakeword studio`. In the configuration: words: [{model: WORD, point: THIS FILE}]\n"
    try:
        path.write_text(text + yaml.safe_dump({"format": FORMAT, "words": words}, sort_keys=False), "utf-8")
    except OSError as error:
        raise ConfigError(in_words(error), where=str(path)) from error


def _measured(found: Measured) -> Form:
    false, asked = found.false_accepts, found.candidates
    return {
        "frr": _finite(found.frr), "speakers": found.speakers,
        "misses": {name: f"{share.count} of {share.of}" for name, share in found.conditions.items()},
        "false_accepts": false.count, "hours": round(false.hours, 4),
        "fa_per_hour": _finite(false.value), "fa_per_hour_low": _finite(false.low),
        "fa_per_hour_high": _finite(false.high), "candidates_per_hour": _finite(asked.value),
    }  # fmt: skip


def _finite(value: float) -> float | None:
    return round(value, 6) if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 - NaN


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
