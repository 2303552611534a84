"""Choose both stages' thresholds together on a sweep of the dev fold.

For each point, among all pairs of thresholds with at most so many false accepts an hour: the pair with the fewest
misses, averaged over clean, 10 dB and 0 dB. False accepts within 1.5 s of one another are one (the daemon rests that
long).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

FA_PER_HOUR = {"strict": 0.1, "default": 0.5, "keen": 2.0}
REST_S = 1.5
CONDITIONS = ("clean", "10dB", "0dB")
STAGE1_CANDIDATES_PER_HOUR = (5, 8, 12, 16, 20, 30, 40, 60)  # stage 1 is kept loose: it must not lose the word

Floats = npt.NDArray[np.float64]


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


def read(path: Path, word: str, kinds: str = "") -> Sweep:
    """Read `sweep.py`'s table; negatives are the files whose path begins with `kinds`."""
    utterances: dict[str, list[list[float]]] = {name: [] for name in CONDITIONS}
    speakers: dict[str, list[str]] = {name: [] for name in CONDITIONS}
    places, false, hours = [], [], 0.0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            scores = [float(row["stage1"]), float(row["stage2"])]
            if row["condition"] != "speech":
                if row["word"] == word:
                    utterances[row["condition"].split("-")[-1]].append(scores)
                    speakers[row["condition"].split("-")[-1]].append(row["speaker"])
            elif row["path"].startswith(kinds):
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


def false_accepts(sweep: Sweep, stage1: float, stage2: float) -> int:
    """Accepted false candidates, without those within `REST_S` of one that was counted: the daemon rests then."""
    count, last = 0, ("", -1e9)
    for place, (one, two) in zip(sweep.places, sweep.false, strict=True):
        if one >= stage1 and two >= stage2 and (place[0] != last[0] or place[1] - last[1] > REST_S):
            count, last = count + 1, place
    return count


def misses(sweep: Sweep, stage1: float, stage2: float) -> dict[str, int]:
    """Utterances a condition that one of the stages refuses."""
    return {name: int(np.sum((s[:, 0] < stage1) | (s[:, 1] < stage2))) for name, s in sweep.utterances.items()}


def candidates_per_hour(sweep: Sweep, rate: float) -> float:
    """The stage 1 threshold that lets `rate` false candidates an hour through."""
    ranked = np.sort(sweep.false[:, 0])[::-1]
    place = int(rate * sweep.hours)
    return float(ranked[place]) + 1e-6 if place < len(ranked) else 0.05


def choose(sweep: Sweep, most_per_hour: float) -> Chosen:
    """The best pair for at most `most_per_hour` false accepts an hour."""
    best: tuple[float, Chosen] | None = None
    for rate in STAGE1_CANDIDATES_PER_HOUR:
        one = candidates_per_hour(sweep, rate)
        passed = np.sort(sweep.false[sweep.false[:, 0] >= one, 1])[::-1]
        for two in [*(passed[:200] + 1e-5), 0.001]:
            if false_accepts(sweep, one, two) > most_per_hour * sweep.hours:
                break
            lost = misses(sweep, one, two)
            cost = float(np.mean([lost[name] / len(sweep.utterances[name]) for name in CONDITIONS]))
            if best is None or cost < best[0]:
                totals = {name: len(sweep.utterances[name]) for name in CONDITIONS}
                accepted = false_accepts(sweep, one, two)
                best = (
                    cost,
                    Chosen(one, float(two), lost, totals, accepted, int(np.sum(sweep.false[:, 0] >= one)), sweep.hours),
                )
    assert best is not None  # two = the highest score of all false candidates always qualifies
    return best[1]


def main() -> None:
    """`python -m wakeword.train.choose SWEEP.csv [WORD…]`: print the points."""
    import sys

    for word in sys.argv[2:] or ["computer", "jarvis", "alexa"]:
        sweep = read(Path(sys.argv[1]), word)
        for rate in (20, 50):
            one = candidates_per_hour(sweep, rate)
            lost = misses(sweep, one, 0.0)
            print(f"{word:9s} stage 1 alone at {rate}/h  threshold {one:.3f}  " + _percent(lost, sweep))
        for name, most in FA_PER_HOUR.items():
            chosen = choose(sweep, most)
            print(
                f"{word:9s} {name:8s} {chosen.stage1:.3f} {chosen.stage2:.4f}  {_percent(chosen.misses, sweep)}  "
                f"{chosen.false_accepts} false in {sweep.hours:.2f} h  "
                f"{chosen.candidates / sweep.hours:.0f} candidates/h"
            )


def _percent(lost: dict[str, int], sweep: Sweep) -> str:
    return "  ".join(f"{name} {100 * lost[name] / len(sweep.utterances[name]):.1f} %" for name in CONDITIONS)


if __name__ == "__main__":
    main()
