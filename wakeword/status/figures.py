"""Status lines -> how things stand now, and counts since the start. Pure; standard library only.

Lines come from other processes and are believed for display alone: a field that is missing or of another type counts
nothing. What is not known here is dropped, so that no line can make this grow.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

Line = dict[str, Any]  # Any: JSON of another process
LAG_BOUNDS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # of a histogram: at most so long; the gate's policy ends at 0.4
LENGTH_BOUNDS_S = (1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
MOST_NAMES = 64  # distinct words, causes, codes


class Histogram:
    """Counts of values at most as great as each bound, and of all."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds, self.counts = bounds, [0] * len(bounds)
        self.count, self.sum = 0, 0.0

    def add(self, value: float) -> None:
        """One value, in seconds."""
        self.count, self.sum = self.count + 1, self.sum + value
        for number, bound in enumerate(self.bounds):
            self.counts[number] += value <= bound


class Figures:
    """Fed with lines; `state()` is for people and `wakeword status`, the rest for `exposition.py`."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()  # (what, name): "verdicts" by "jarvis accepted" and so on
        self.lag, self.length = Histogram(LAG_BOUNDS_S), Histogram(LENGTH_BOUNDS_S)
        self.heard_s, self.passed_bytes, self.sent_bytes = 0.0, 0, 0
        self.listening = self.muted = self.held = False
        self.session: int | None = None
        self.level_dbfs: float | None = None
        self.fault = ""
        self._at_s = 0.0

    def take(self, line: Line) -> None:
        """One status line."""
        action = getattr(self, f"_{line.get('from')}_{line.get('event')}", None)
        if action is not None:
            action(line)

    def state(self) -> Line:
        """How things stand."""
        return {
            "well": self.listening and not self.fault, "listening": self.listening, "muted": self.muted,
            "held": self.held, "session": self.session, "fault": self.fault, "level_dbfs": self.level_dbfs,
            "heard_s": round(self.heard_s, 1), "passed_bytes": self.passed_bytes,
            "wakes": sum(count for (what, name), count in self.counts.items() if what == "wakes"),
        }  # fmt: skip

    def _count(self, what: str, name: object) -> None:
        key = (what, str(name)[:40])
        if key in self.counts or len(self.counts) < MOST_NAMES:
            self.counts[key] += 1

    def _status_state(self, line: Line) -> None:
        """What another of these knew: for who joins later. Sound that was heard is told again by the next level."""
        self.listening, self.muted, self.held = (bool(line.get(name)) for name in ("listening", "muted", "held"))
        self.session = None if line.get("session") is None else int(_number(line["session"]))
        self.fault, self.passed_bytes = str(line.get("fault", ""))[:300], int(_number(line.get("passed_bytes")))
        self.counts["wakes", "before"] = int(_number(line.get("wakes")))

    def _listen_listening(self, _: Line) -> None:
        self.listening, self.fault, self._at_s = True, "", 0.0
        self.muted = False

    def _listen_level(self, line: Line) -> None:
        at_s = _number(line.get("at_s"))
        self.heard_s += max(0.0, at_s - self._at_s)
        self.listening = True  # this process may have been started after it began
        self._at_s = at_s
        self.level_dbfs = _number(line.get("dbfs"))

    def _listen_candidate(self, line: Line) -> None:
        self._count("candidates", line.get("word"))

    def _listen_reject(self, line: Line) -> None:
        self._count("rejected", line.get("word"))

    def _listen_wake(self, line: Line) -> None:
        self._count("wakes", line.get("word"))
        self.lag.add(_number(line.get("lag_ms")) / 1000)

    def _listen_late(self, line: Line) -> None:
        self._count("late", line.get("word"))

    def _listen_mute(self, line: Line) -> None:
        self.muted = bool(line.get("on"))

    def _listen_hold(self, line: Line) -> None:
        self.held = bool(line.get("on"))
        if self.held:
            self._count("holds", "")

    def _listen_fault(self, line: Line) -> None:
        self.fault = str(line.get("what", "unknown"))[:300]
        self._count("faults", line.get("code", "listen"))

    def _listen_warning(self, line: Line) -> None:
        if line.get("begins") is False:
            self.fault = ""

    def _listen_ended(self, _: Line) -> None:
        self.listening = False

    def _gate_open(self, line: Line) -> None:
        self.session = int(_number(line.get("sid")))

    def _gate_close(self, line: Line) -> None:
        self.session = None
        self._count("sessions", line.get("why"))
        self.passed_bytes += int(_number(line.get("bytes")))
        self.length.add(_number(line.get("ms")) / 1000)

    def _gate_denied(self, line: Line) -> None:
        self._count("denied", line.get("why"))

    def _gate_fault(self, line: Line) -> None:
        self.fault = f"the gate: {line.get('code', 'unknown')}"[:300]
        self._count("faults", line.get("code", "gate"))

    def _uplink_sent(self, line: Line) -> None:
        self.sent_bytes += int(_number(line.get("bytes")))

    def _uplink_error(self, _: Line) -> None:
        self._count("faults", "uplink")

    def _run_ended(self, line: Line) -> None:
        self._count("ended", line.get("process"))
        self.listening, self.held, self.session = False, False, None


def _number(value: object) -> float:
    """A finite number that is not negative in JSON; 0 for all else but levels, which are."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
    return float(value) if good and isinstance(value, int | float) else 0.0
