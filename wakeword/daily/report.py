"""What a report counts, up to where, and how the maker reads it. Standard library only.

The greatest values are part of the promise: noise hides any difference that two days of a household can make, and that
is at most `MOST`. They belong to the version, so that who estimates knows them. A day that has more counts as `MOST`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from wakeword.notices import REPORT_VERSION

# Chosen: above what nearly every household does in a day, since each doubling doubles the noise.
MOST = {"wakes": 30, "cand": 120, "rej": 100, "cancel": 4}
PARTS = {"wakes": 2, "cand": 1, "rej": 1, "cancel": 4}  # of a report's epsilon: most for false wakes
COUNTS = tuple(MOST)
LONGEST_BYTES = 400  # of one report
MOST_NOISY = 2**31 - 1


class ReportError(ValueError):
    """A line that is no report of this version."""


@dataclass(frozen=True, slots=True)
class Report:
    """One day of one speaker, as it arrived."""

    day: int  # since 1970
    epsilon: int  # thousandths, of the whole report
    counts: tuple[int, ...]  # in the order of COUNTS; noisy, so they may be negative


def share(name: str, epsilon: int) -> float:
    """Epsilon of one count of a report that costs `epsilon` thousandths; all four add up to it (basic composition)."""
    return epsilon / 1_000 * PARTS[name] / sum(PARTS.values())


def scale(name: str, epsilon: int) -> float:
    """Of the discrete Laplace noise on count `name`, at `epsilon` thousandths a report."""
    return MOST[name] / share(name, epsilon)


def clipped(counts: dict[str, int]) -> dict[str, int]:
    """Each count within 0 and its greatest value."""
    return {name: min(max(counts.get(name, 0), 0), most) for name, most in MOST.items()}


def parse(line: str | bytes) -> Report:
    """A report's text; raises `ReportError` for anything else."""
    try:
        found = json.loads(line) if len(line) <= LONGEST_BYTES else None
    except (ValueError, RecursionError) as error:
        raise ReportError("not JSON") from error
    names = {"v", "day", "eps", *COUNTS}
    if not isinstance(found, dict) or set(found) != names or any(type(value) is not int for value in found.values()):
        raise ReportError(f"not an object of the whole numbers {', '.join(sorted(names))}")
    counts = tuple(found[name] for name in COUNTS)
    if found["v"] != REPORT_VERSION:
        raise ReportError(f"version {found['v']}; expected {REPORT_VERSION}")
    if found["day"] < 0 or not 0 < found["eps"] <= 1_000_000 or any(abs(count) > MOST_NOISY for count in counts):
        raise ReportError("a number beyond its limits")
    return Report(found["day"], found["eps"], counts)
