"""Choose both stages' thresholds together on a sweep of the dev fold.

For each point, among all pairs of thresholds with at most so many false accepts an hour: the pair with the fewest
misses, averaged over clean, 10 dB and 0 dB; for `room`, with the negatives as they sound across rooms. False accepts
within 1.5 s of one another are one (the daemon rests that long). The choosing itself is that of `wakeword tune`
(`wakeword/eval/tune.py`); scores here are not yet calibrated, so that stage 2's threshold may be far below 0.1.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wakeword.errors import ConfigError
from wakeword.eval import joint
from wakeword.eval.tables import Alternative, File, Utterance
from wakeword.eval.tune import condition_weights, loosest

FA_PER_HOUR = {"strict": 0.1, "default": 0.5, "keen": 2.0}
ROOM_FA_PER_HOUR = 1.0  # of the point `room`; chosen: a television talks for some hours a day
REST_S = 1.5
CONDITIONS, NEGATIVES = ("clean", "10dB", "0dB"), ("speech", "room")
STAGE1_CANDIDATES_PER_HOUR = (5, 8, 12, 16, 20, 30, 40, 60)  # stage 1 is kept loose: it must not lose the word

LEAST = 0.001  # of stage 2's threshold

Floats = npt.NDArray[np.float64]
Pair = tuple[float, float]  # thresholds of stage 1 and 2


@dataclass(frozen=True)
class Sweep:
    """One word's table: utterances (scores a condition) and false candidates (path, time, scores)."""

    utterances: dict[str, Floats]  # condition -> (n, 2)
    speakers: dict[str, list[str]]
    places: list[tuple[str, float]]
    false: Floats  # (m, 2)
    hours: float


@dataclass(frozen=True)
class Chosen:
    """One operating point and what it costs on the data it was chosen on."""

    stage1: float
    stage2: float
    misses: dict[str, int]
    utterances: dict[str, int]
    false_accepts: int
    candidates: int
    hours: float


def read(path: Path, word: str, kinds: str = "", *, negatives: str = "speech") -> Sweep:
    """Read `sweep.py`'s table. `negatives`: `speech` as recorded, `room` across rooms; `kinds` begins their paths."""
    utterances: dict[str, list[list[float]]] = {name: [] for name in CONDITIONS}
    speakers: dict[str, list[str]] = {name: [] for name in CONDITIONS}
    places, false, hours = [], [], 0.0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            scores = [float(row["stage1"]), float(row["stage2"])]
            if row["condition"] not in NEGATIVES:
                if row["word"] == word:
                    utterances[row["condition"].split("-")[-1]].append(scores)
                    speakers[row["condition"].split("-")[-1]].append(row["speaker"])
            elif row["condition"] == negatives and row["path"].startswith(kinds):
                hours += float(row["hours"])
                if row["word"] == word:
                    places.append((row["path"], float(row["time_s"])))
                    false.append(scores)
    return Sweep(
        {name: np.array(found) for name, found in utterances.items()},
        speakers,
        places,
        np.array(false).reshape(-1, 2),
        hours,
    )


def both(path: Path, word: str) -> tuple[Sweep, Sweep]:
    """A table with the negatives as recorded, and with them across rooms. Raises `ConfigError` without the latter."""
    rooms = read(path, word, negatives="room")
    if not rooms.hours:
        raise ConfigError("has no hours across rooms", where=str(path), hint="remove it, and it is made anew")
    return read(path, word), rooms


def joined(sweep: Sweep) -> joint.Sweep:
    """The same as the evaluation's own kind of sweep, with a rest of `REST_S` after each false accept."""
    files = [File(path, path, "negative", 0.0) for path in dict.fromkeys(path for path, _ in sweep.places)]
    said, rows = [], []
    for condition, scores in sweep.utterances.items():
        for number, (one, two) in enumerate(scores.tolist()):
            name = f"{condition} {number}"
            files.append(File(name, name, "positive", 0.0, condition))
            said.append(Utterance(name, name, "", 0.0, 0.0, True, False, condition=condition))
            rows.append(Alternative(name, "", 0.0, 0.0, one, two, 0.0, one, 0.0, name))
    for (path, time_s), (one, two) in zip(sweep.places, sweep.false.tolist(), strict=True):
        above = -1.0  # there at a threshold of 0 too, as when stage 2 is looked at alone
        rows.append(Alternative(path, "", time_s, time_s, one, two, above, one, time_s + REST_S))
    return joint.build("", said, files, rows)


def false_accepts(sweep: Sweep, stage1: float, stage2: float) -> int:
    """Accepted false candidates, without those within `REST_S` of one that was counted: the daemon rests then."""
    return len(joined(sweep).false_accepts(stage1, stage2))


def misses(sweep: Sweep, stage1: float, stage2: float) -> dict[str, int]:
    """Utterances a condition that one of the stages refuses."""
    return {name: refused(scores, stage1, stage2) for name, scores in sweep.utterances.items()}


def refused(scores: Floats, stage1: float, stage2: float) -> int:
    """How many of (n, 2) scores one of the stages refuses."""
    return int(np.sum((scores[:, 0] < stage1) | (scores[:, 1] < stage2)))


def candidates_per_hour(sweep: Sweep, rate: float) -> float:
    """The stage 1 threshold that lets `rate` false candidates an hour through."""
    ranked = np.sort(sweep.false[:, 0])[::-1]
    place = int(rate * sweep.hours)
    return float(ranked[place]) + 1e-6 if place < len(ranked) else 0.05


def choose(sweep: Sweep, most_per_hour: float, least: Pair = (0.0, 0.0), most: Pair = (1.0, 1.0)) -> Chosen:
    """The best pair for at most `most_per_hour` false accepts an hour, between `least` and `most` at each stage."""
    table = joined(sweep)
    weights, allowed = condition_weights(table), int(most_per_hour * sweep.hours)
    levels = [candidates_per_hour(sweep, rate) for rate in STAGE1_CANDIDATES_PER_HOUR]
    found = []
    for one in [level for level in [*levels, least[0], most[0]] if least[0] <= level <= most[0] and 0 < level < 1]:
        lost, two = loosest(table.steps(one, LEAST), allowed, weights, LEAST)
        if two < least[1]:
            two, lost = least[1], _share_lost(sweep, one, least[1])
        if two <= most[1]:
            found.append((lost, two, one))
    _, two, one = min(found)
    totals = {name: len(scores) for name, scores in sweep.utterances.items()}
    candidates = int(np.sum(sweep.false[:, 0] >= one))
    accepted = len(table.false_accepts(one, two))
    return Chosen(one, two, misses(sweep, one, two), totals, accepted, candidates, sweep.hours)


def _share_lost(sweep: Sweep, stage1: float, stage2: float) -> float:
    """Misses averaged over the conditions, as `loosest` weighs them."""
    lost = misses(sweep, stage1, stage2)
    return float(np.mean([lost[name] / len(scores) for name, scores in sweep.utterances.items()]))


def points(sweep: Sweep, rooms: Sweep) -> dict[str, Chosen]:
    """All operating points: what `strict` or `room` accepts, `default` does, and what that accepts, `keen` does."""
    default = choose(sweep, FA_PER_HOUR["default"])
    pair = (default.stage1, default.stage2)
    return {
        "strict": choose(sweep, FA_PER_HOUR["strict"], least=pair),
        "default": default,
        "keen": choose(sweep, FA_PER_HOUR["keen"], most=pair),
        "room": choose(rooms, ROOM_FA_PER_HOUR, least=pair),
    }


def main() -> None:
    """`python -m wakeword.train.choose SWEEP.csv [WORD…]`: print the points."""
    import sys

    for word in sys.argv[2:] or ["computer", "jarvis", "alexa"]:
        sweep, rooms = both(Path(sys.argv[1]), word)
        for rate in (20, 50):
            one = candidates_per_hour(sweep, rate)
            lost = misses(sweep, one, 0.0)
            print(f"{word:9s} stage 1 alone at {rate}/h  threshold {one:.3f}  " + _percent(lost, sweep))
        for name, chosen in points(sweep, rooms).items():
            print(
                f"{word:9s} {name:8s} {chosen.stage1:.3f} {chosen.stage2:.4f}  {_percent(chosen.misses, sweep)}  "
                f"{chosen.false_accepts} false in {chosen.hours:.2f} h  "
                f"{chosen.candidates / chosen.hours:.0f} candidates/h"
            )


def _percent(lost: dict[str, int], sweep: Sweep) -> str:
    return "  ".join(f"{name} {100 * lost[name] / len(sweep.utterances[name]):.1f} %" for name in CONDITIONS)


if __name__ == "__main__":
    main()
