"""A figure is all its values: the median is shown, with the lowest and the highest beside it, never alone."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """Some measurements of one thing, in the order in which they were made."""

    name: str
    unit: str
    values: tuple[float, ...]
    target: float | None = None  # the budget: at most this much, for the median

    @property
    def median(self) -> float:
        """Of the values; raises `statistics.StatisticsError` when there are none."""
        return statistics.median(self.values)

    def row(self) -> dict[str, Any]:  # Any: JSON
        """For programs: the values too, so that others can compute what they like."""
        return asdict(self) | {"median": self.median, "lowest": min(self.values), "highest": max(self.values)}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1_000_000) * len(ordered) // 1_000_000) - 1)]


def machine() -> dict[str, str]:
    """What the figures were taken on. The load is that of the last minute: a busy machine makes them worse."""
    packages = ("wakeword", "onnxruntime", "numpy")
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def table(figures: Sequence[Figure]) -> Table:
    """For people."""
    shown = Table(title="medians, with the lowest and highest of n", title_justify="left")
    shown.add_column("figure")
    for heading in ("median", "lowest", "highest", "n", "target"):
        shown.add_column(heading, justify="right")
    shown.add_column("unit")
    for figure in figures:
        numbers = [_short(value) for value in (figure.median, min(figure.values), max(figure.values))]
        target = "" if figure.target is None else f"≤ {figure.target:g}"
        shown.add_row(figure.name, *numbers, str(len(figure.values)), target, figure.unit)
    return shown


def _short(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
