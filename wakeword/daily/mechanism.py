"""The noise: OpenDP's discrete Laplace mechanism, exact over whole numbers (no floating-point attack on its tails).

Local differential privacy of one day of one household: for any two days, whatever happened in them, no report is more
than e^epsilon times as likely after one as after the other. Each count has its part of epsilon and a scale of its
greatest value over that part; OpenDP computes the epsilon that a measurement costs, and that is asked, not assumed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

from wakeword.daily.report import COUNTS, MOST, MOST_NOISY, clipped, scale
from wakeword.errors import ConfigError

ROUNDING = 1e-9  # of the epsilon that the library computes, which it rounds upwards


def check_installed() -> None:
    """Raise `ConfigError` when the library is missing."""
    for name in ("opendp", "deprecated"):
        if importlib.util.find_spec(name) is None:
            raise ConfigError("reports need the library opendp", hint="pip install 'wakeword[fleet]'")


class Mechanism:
    """Adds the noise of `epsilon` thousandths a report. `stretch` is for those who try a broken one."""

    def __init__(self, epsilon: int, *, stretch: float = 1.0) -> None:
        check_installed()
        from opendp.domains import atom_domain, vector_domain
        from opendp.measurements import make_laplace
        from opendp.metrics import l1_distance
        from opendp.mod import enable_features

        enable_features("contrib")  # OpenDP's word for "reviewed proofs are not all written yet"; make_laplace's is
        self.epsilon = epsilon
        self._noise: dict[str, Any] = {}  # OpenDP's classes are not typed
        for name in COUNTS:
            domain, metric = vector_domain(atom_domain(T="i64")), l1_distance(T="i64")
            self._noise[name] = make_laplace(domain, metric, scale=scale(name, epsilon) * stretch)
        if stretch >= 1 and self.costs() > epsilon / 1_000 * (1 + ROUNDING):
            raise AssertionError(f"OpenDP says a report costs {self.costs()}, more than {epsilon / 1_000}")

    def costs(self) -> float:
        """Epsilon of a whole report, as OpenDP computes it for the greatest change of each count."""
        return sum(float(noise.map(MOST[name])) for name, noise in self._noise.items())

    def release(self, counts: dict[str, int]) -> tuple[int, ...]:
        """The counts of a day, clipped and with noise, in the order of COUNTS."""
        inside = clipped(counts)
        noisy = [self.noisy(name, [inside[name]])[0] for name in COUNTS]
        return tuple(max(-MOST_NOISY, min(MOST_NOISY, each)) for each in noisy)

    def noisy(self, name: str, values: Sequence[int]) -> list[int]:
        """(n,) values of one count, each of another household, already clipped -> (n,) with noise."""
        return [int(each) for each in self._noise[name](list(values))]
