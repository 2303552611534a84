"""Fleets whose true rates are known: how far off is the estimate, and does its interval hold what it promises?

Households differ (gamma rates), days too (Poisson). `cancel` is drawn as a part of `wakes`, `cand` is `wakes` and `rej`
together. What is estimated is the mean rate from which the fleet's households were drawn, of counts as clipped.

Noise is drawn by NumPy here, as the difference of two geometric numbers, which is the distribution that OpenDP samples:
1,000 fleets of 100,000 would take OpenDP's exact sampler an hour. `tests/daily/test_mechanism.py` holds both together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.daily.report import COUNTS, MOST, scale
from wakeword.eval.bounds import wilson
from wakeword.fleet.estimate import Floats, errors_aside, mean_and_error


@dataclass(frozen=True, slots=True)
class Fleet:
    """What happens in it, a day and speaker: means, and how households differ."""

    devices: int = 100_000
    asked: float = 4.0  # wakes that were meant
    false: float = 0.3  # that were not
    noticed: float = 0.6  # part of the false ones that the service ends within two seconds
    rejected: float = 12.0  # candidates that stage 2 refused
    unlike: float = 1.0  # shape of the gamma: 1 is very unlike each other, 100 nearly alike

    def days(self, draw: np.random.Generator) -> dict[str, npt.NDArray[np.int64]]:
        """(devices,) true counts of one day, each."""

        def happened(mean: float) -> npt.NDArray[np.int64]:
            household = draw.standard_gamma(self.unlike, self.devices) * (mean / self.unlike)
            return draw.poisson(household)

        false = happened(self.false)
        wakes, rejected = happened(self.asked) + false, happened(self.rejected)
        return {
            "wakes": wakes, "cand": wakes + rejected, "rej": rejected, "cancel": draw.binomial(false, self.noticed),
        }  # fmt: skip

    def means(self) -> dict[str, float]:
        """The true rates."""
        wakes = self.asked + self.false
        return {
            "wakes": wakes, "cand": wakes + self.rejected, "rej": self.rejected, "cancel": self.false * self.noticed,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one count over all simulated fleets."""

    name: str
    true: float
    bias: float  # mean of estimate - truth
    bias_error: float  # its standard error
    clipping: float  # the part of the bias that clipping makes, known exactly here
    rms: float  # root mean square of estimate - truth
    covered: float  # part of the fleets whose 95 % interval holds the truth
    covered_low: float  # 99.9 % Wilson bounds of that part
    covered_high: float


def simulate(
    fleet: Fleet, epsilon: int, fleets: int, seed: int, tick: Callable[[int], None] = lambda _: None
) -> list[Outcome]:
    """Draw, clip, add noise, estimate: `fleets` times. `epsilon` in thousandths; `tick(done)` after each."""
    draw = np.random.default_rng(seed)
    estimates, errors, clipped = (np.empty((fleets, len(COUNTS))) for _ in range(3))
    for number in range(fleets):
        days = fleet.days(draw)
        for column, name in enumerate(COUNTS):
            inside = np.minimum(days[name], MOST[name])
            reports = inside + noise(draw, scale(name, epsilon), fleet.devices)
            estimates[number, column], errors[number, column] = mean_and_error(reports.astype(np.float64))
            clipped[number, column] = (inside - days[name]).mean()
        tick(number + 1)
    truth = fleet.means()
    return [
        _outcome(name, truth[name], estimates[:, at], errors[:, at], float(clipped[:, at].mean()))
        for at, name in enumerate(COUNTS)
    ]


def noise(draw: np.random.Generator, scale: float, size: int) -> npt.NDArray[np.int64]:
    """(size,) of P(k) ~ exp(-|k| / scale): the difference of two geometric numbers."""
    p = -math.expm1(-1 / scale)
    return draw.geometric(p, size) - draw.geometric(p, size)


def _outcome(name: str, true: float, estimates: Floats, errors: Floats, clipping: float) -> Outcome:
    off = estimates - true
    inside = int((np.abs(off) <= errors_aside() * errors).sum())
    covered = wilson(inside, len(off), 0.999)
    spread = float(off.std(ddof=1)) / math.sqrt(len(off)) if len(off) > 1 else math.nan
    rms = math.sqrt(float((off**2).mean()))
    return Outcome(name, true, float(off.mean()), spread, clipping, rms, inside / len(off), covered.low, covered.high)
