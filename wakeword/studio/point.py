"""An operating point for one voice in one room, from takes of the word and a minute of talk, and what it is worth.

Ten takes and a minute say much about how *this voice* scores and nearly nothing about false wakes: none in a minute
bounds them at 180 an hour. So hours of other people's sound must answer for those. Thresholds lie half way (in
logits) between the model's `keen` point, of which the hours are known, and the scores of the weakest take that `keen`
hears; never under `keen`, never over the strictest point of the model. Hence what woke at `keen` in those hours bounds
what wakes here, and every take that was heard keeps half of its distance as a margin.

Should the talk itself hold false wakes at that pair, the thresholds go all the way to the weakest take.

Hearing, counting, bounds and the file are those of `wakeword eval` and `wakeword tune`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wakeword import model as models
from wakeword.errors import ConfigError
from wakeword.eval import bounds, joint, operate, run, tables
from wakeword.eval.tables import Utterance
from wakeword.eval.tune import Chosen, Wish, upper_bound
from wakeword.model import Model, Point
from wakeword.studio.folder import Place

LOOSEST = "keen"  # of a model without it, the point with the lowest thresholds
ENOUGH_TAKES = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """Thresholds and what they made of takes and talk."""

    name: str  # a point of the model, or "yours"
    point: Point
    measured: operate.Measured
    elsewhere: bounds.Frequency | None  # false wakes in the hours that the model was measured on; None: not known


@dataclass(frozen=True, slots=True)
class Found:
    """What came out. `yours` None: no take woke at the loosest point."""

    word: str
    yours: Pair | None
    others: tuple[Pair, ...]
    takes: tuple[Utterance, ...]  # at the loosest point
    loosest: str
    fa_upper: float  # false wakes an hour at `yours`, at most, by the talk alone, at 95 %

    @property
    def heard(self) -> int:
        """Takes that woke at the loosest point."""
        return sum(take.heard for take in self.takes)


def find(place: Place) -> Found:
    """Hear, choose, measure, and write `place.point`. Raises `ConfigError` without a model or without takes."""
    place.check_model()
    if not place.listed("said"):
        raise ConfigError("no take of the word yet", hint="say it ten times")
    model = models.load(place.model)
    loosest = loosest_of(model.points)
    order = run.Order(
        (str(place.sounds("said").parent),), (str(place.sounds("talk")),) if place.listed("talk") else (), place.run,
        (model,), (model.points[loosest],), cache=place.folder / "scores.sqlite", command=("studio",),
    )  # fmt: skip
    run.evaluate(order, lambda *_: None)
    heard = tables.open_run(place.run)
    sweep = joint.load(heard, model.word)
    weakest = [(take.stage1 or 0.0, take.stage2 or 0.0) for take in sweep.utterances if take.heard]
    others = tuple(_pair(name, point, sweep, place) for name, point in model.points.items())
    place.point.unlink(missing_ok=True)
    if not weakest:
        return Found(model.word, None, others, sweep.utterances, loosest, math.inf)
    point, tried = _chosen(model, loosest, weakest, sweep)
    yours = _pair("yours", point, sweep, place, loosest)
    false, frr = yours.measured.false_accepts, yours.measured.frr
    upper = upper_bound(false.count, false.hours, 1.0, tried)
    chosen = Chosen(point.stage1, point.stage2, upper, frr, false.count, 1.0, tried)
    refractory_ms = heard.about["session"]["refractory_ms"]
    reported = operate.Reported(model.word, chosen, refractory_ms, yours.measured, None)
    operate.write(place.point, heard, [reported], Wish(), ["studio"])
    return Found(model.word, yours, others, sweep.utterances, loosest, upper)


def loosest_of(points: dict[str, Point]) -> str:
    """The name of the point that hears most. Raises `ConfigError` of none."""
    if not points:
        raise ConfigError("the model has no operating point")
    return LOOSEST if LOOSEST in points else min(points, key=lambda name: points[name].stage2)


def middle(loosest: Point, weakest: Sequence[tuple[float, float]], strictest: Point, share: float) -> Point:
    """`share` of the way from the loosest point to the weakest scores, in logits, no further than the strictest."""

    def one(low: float, score: float, high: float) -> float:
        top = min(score, max(low, high))
        return min(score, max(low, _score((1 - share) * _logit(low) + share * _logit(max(low, top)))))

    return Point(
        one(loosest.stage1, min(score for score, _ in weakest), strictest.stage1),
        one(loosest.stage2, min(score for _, score in weakest), strictest.stage2),
    )


def _chosen(
    model: Model, loosest: str, weakest: Sequence[tuple[float, float]], sweep: joint.Sweep
) -> tuple[Point, int]:  # fmt: skip
    """The pair, and how many were tried on the talk."""
    low = model.points[loosest]
    high = Point(
        max(point.stage1 for point in model.points.values()), max(point.stage2 for point in model.points.values())
    )
    half, whole = (middle(low, weakest, high, share) for share in (0.5, 1.0))
    false = [len(sweep.false_accepts(pair.stage1, pair.stage2)) for pair in (half, whole)]
    return (whole, 2) if false[1] < false[0] else (half, 2 if false[0] else 1)


def _pair(name: str, point: Point, sweep: joint.Sweep, place: Place, known_as: str = "") -> Pair:
    measured = operate.measure(sweep, Chosen(point.stage1, point.stage2, math.inf, 0.0, 0, 1.0, 1))
    return Pair(name, point, measured, elsewhere(place, known_as or name))


def elsewhere(place: Place, point: str) -> bounds.Frequency | None:
    """What a point of the model let in, in the hours that its manifest tells of."""
    manifest = models.load_manifest(models.find(place.model))
    measured = manifest["operating_points"].get(point, {}).get("dev", {})
    if not {"false_accepts", "hours"} <= set(measured):
        return None
    return bounds.poisson(int(measured["false_accepts"]), float(measured["hours"]))


def sentences(found: Found) -> list[str]:
    """What a person is told, the most important first."""
    takes, heard = len(found.takes), found.heard
    if found.yours is None:
        return [
            f"None of your {takes} takes woke it, not even at its loosest point ({found.loosest}).",
            "Listen to them: is it the word, clearly, without a cut? If so, this model does not know your voice.",
        ]
    misses = next(iter(found.yours.measured.conditions.values()))
    lines = [
        f"Your word woke it {misses.of - misses.count} of {misses.of} times at these thresholds. From so few, the true "
        f"share of misses lies between {100 * misses.low:.0f} and {100 * misses.high:.0f} % (95 %)."
    ]
    if heard < takes:
        lines.append(f"{takes - heard} of {takes} takes did not wake it even at its loosest point ({found.loosest}).")
    if takes < ENOUGH_TAKES:
        lines.append(f"Ten takes would say more than {takes}.")
    return [*lines, *_about_false_wakes(found, found.yours)]


def _about_false_wakes(found: Found, yours: Pair) -> list[str]:
    false = yours.measured.false_accepts
    lines = ["You have not talked yet: nothing is known about false wakes in this room."]
    if false.hours:
        lines = [
            f"{_times(false.count)} in {false.hours * 3600:.0f} s of your talk. That alone says only: below "
            f"{found.fa_upper:.0f} an hour (95 %)."
        ]
    if yours.elsewhere:
        known = yours.elsewhere
        lines.append(
            f"In {known.hours:.1f} h of other people's speech, music and noise the point {found.loosest}, which is "
            f"looser than yours, woke falsely {known.count} times: below {known.high:.1f} an hour (95 %)."
        )
    if false.count:
        calmer = [pair.name for pair in found.others if pair.measured.false_accepts.count < false.count]
        other = (
            f"the point {calmer[0]} does not wake there as often." if calmer else "no point of this model does better."
        )
        lines.append(f"It woke in your talk: did you say the word, or what sounds like it? If not, {other}")
    return lines


def _times(count: int) -> str:
    return {0: "No false wake", 1: "One false wake"}.get(count, f"{count} false wakes")


def form(found: Found) -> dict[str, Any]:  # Any: JSON
    """As the page gets it."""
    return {
        "word": found.word,
        "sentences": sentences(found),
        "yours": _row(found.yours) if found.yours else None,
        "others": [_row(pair) for pair in found.others],
        "takes": [
            {
                "file": take.file.rpartition("/")[2], "heard": take.heard, "stage1": take.stage1, "stage2": take.stage2,
            }
            for take in found.takes
        ],
    }  # fmt: skip


def _row(pair: Pair) -> dict[str, Any]:
    misses = next(iter(pair.measured.conditions.values()))
    false = pair.measured.false_accepts
    return {
        "name": pair.name, "stage1": round(pair.point.stage1, 4), "stage2": round(pair.point.stage2, 4),
        "missed": misses.count, "takes": misses.of, "missed_high": round(misses.high, 4),
        "false": false.count, "talk_s": round(false.hours * 3600, 1),
        "elsewhere": None if pair.elsewhere is None else {
            "count": pair.elsewhere.count, "hours": round(pair.elsewhere.hours, 2),
            "high": round(pair.elsewhere.high, 2),
        },
    }  # fmt: skip


def _logit(score: float) -> float:
    score = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(score / (1 - score))


def _score(logit: float) -> float:
    return math.floor(1e4 / (1 + math.exp(-logit))) / 1e4  # down, so that what just passed still does
