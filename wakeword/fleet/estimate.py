"""The maker's side: many noisy reports -> how often it happened on a day of one speaker, with its interval.

Noise has mean 0, so the mean of the reports estimates the mean of the (clipped) counts without bias; its standard error
comes from the reports' own spread, in which the noise is, whatever its epsilon was. Nothing is cut to 0: a mean that is
negative says that the rate is too small to be seen, and what is cut would no longer be without bias.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from wakeword.daily.report import COUNTS, Report, ReportError, parse, scale

FEW = 30  # reports, below which no interval is promised: the mean of so little is not normal enough
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """Events on a day of one speaker."""

    name: str
    reports: int
    mean: float
    error: float  # standard error of the mean; of one report, by the noise alone
    low: float
    high: float
    noise: float  # the part of `error` that noise alone would make

    @property
    def seen(self) -> bool:
        """Does the interval leave out 0, with enough reports to say so?"""
        return self.reports >= FEW and self.low > 0


def read(lines: Iterable[str]) -> tuple[list[Report], list[str]]:
    """A report a line, empty ones aside; and what is wrong with the others ("line 3: not JSON")."""
    reports, wrong = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            reports.append(parse(line.strip()))
        except ReportError as error:
            wrong.append(f"line {number}: {error}")
    return reports, wrong


def rates(reports: list[Report], confidence: float = 0.95) -> list[Rate]:
    """One for each count. Raises `ValueError` without reports."""
    counts = np.array([report.counts for report in reports], np.float64)  # (n, 4)
    if not len(counts):
        raise ValueError("no reports")
    variances = np.array([[noise_variance(scale(name, report.epsilon)) for name in COUNTS] for report in reports])
    noise = np.sqrt(variances.sum(axis=0)) / len(counts)  # (4,)
    means, errors = mean_and_error(counts) if len(counts) > 1 else (counts[0], noise)
    z = errors_aside(confidence)
    return [
        Rate(name, len(counts), mean, error, mean - z * error, mean + z * error, part)
        for name, mean, error, part in zip(COUNTS, means.tolist(), errors.tolist(), noise.tolist(), strict=True)
    ]


def mean_and_error(counts: Floats) -> tuple[Floats, Floats]:
    """(n, …) reports, at least 2 -> their mean and its standard error, (…)."""
    return counts.mean(axis=0), counts.std(axis=0, ddof=1) / math.sqrt(len(counts))


def errors_aside(confidence: float = 0.95) -> float:
    """How many standard errors an interval reaches to either side of the mean."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def noise_variance(scale: float) -> float:
    """Of discrete Laplace noise, P(k) ~ exp(-|k| / scale): 2 q / (1 - q)^2 with q = exp(-1 / scale)."""
    q = math.exp(-1 / scale)
    return 2 * q / (1 - q) ** 2


def reports_needed(name: str, epsilon: int, half_width: float, confidence: float = 0.95) -> int:
    """How many reports make an interval of that half width, by the noise alone."""
    return math.ceil(noise_variance(scale(name, epsilon)) * (errors_aside(confidence) / half_width) ** 2)
