"""What the records so far add up to: sessions, bytes, the open session, mute, used wake ids, clocks.

One set of sums for who writes (`store.py`) and for who picks up after a restart (`recovery.py`), so that both agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wakeword.evidence.record import Record

HOUR_MS = 3_600_000


@dataclass
class Account:
    """Take records in order; read the sums. Times are CLOCK_BOOTTIME milliseconds of the boot `boot`."""

    boot: str = ""
    sessions: int = 0  # since the log began; the newest session's number
    passed_bytes: int = 0  # since the log began; a session that a crash cut short counts as its whole cap
    open_session: int = 0  # 0 = none
    open_cap_bytes: int = 0
    muted: bool = False
    last_wake_id: int = -1  # of this boot
    opened_ms: list[int] = field(default_factory=list)  # of this boot
    cut_n: int = 0  # records below this may be hashes only
    drop_e: int = 0  # files below this epoch may be gone
    last_t: int = 0
    last_w: int = 0
    clean: bool = False  # the newest record is a `stop`
    stats_day: int = 0  # of the last report that was sent
    stats_eps: int = 0  # what it cost; 0: there was none
    stats_spent: int = 0  # what all of them did

    def take(self, record: Record) -> None:
        """Add one record (or a `cut` line, of which nothing is known)."""
        kind = record["k"]
        if kind == "cut":
            return
        getattr(self, f"_{kind}", lambda _: None)(record)
        self.clean = kind == "stop"
        self.last_t, self.last_w = int(record["t"]), int(record["w"])

    def crashed(self) -> None:
        """The session that is open will never be closed: it may have passed all it was allowed to."""
        self.passed_bytes += self.open_cap_bytes
        self.open_session = self.open_cap_bytes = 0

    def opened_within_hour(self, now_ms: int) -> int:
        """How many sessions opened in the last hour of this boot."""
        self.opened_ms = [opened for opened in self.opened_ms if now_ms - opened <= HOUR_MS]
        return len(self.opened_ms)

    def _key(self, record: Record) -> None:
        if record["boot"] != self.boot:
            self.boot, self.last_wake_id, self.opened_ms = str(record["boot"]), -1, []

    def _gap(self, record: Record) -> None:
        self.cut_n = max(self.cut_n, int(record["cut_n"]))
        self.drop_e = max(self.drop_e, int(record["drop_e"]))

    _prune = _gap

    def _mute(self, record: Record) -> None:
        self.muted = bool(record["on"])

    def _beat(self, record: Record) -> None:
        if not self.open_session:
            self.sessions, self.passed_bytes = int(record["sess"]), int(record["pass_b"])

    def _wake(self, record: Record) -> None:
        self.last_wake_id = int(record["wid"])

    def _open(self, record: Record) -> None:
        self.sessions = self.open_session = int(record["sid"])
        self.open_cap_bytes = int(record["cap_b"])
        self.opened_ms.append(int(record["t"]))

    def _close(self, record: Record) -> None:
        self.passed_bytes += int(record["bytes"])
        self.open_session = self.open_cap_bytes = 0

    def _stats(self, record: Record) -> None:
        self.stats_day, self.stats_eps, self.stats_spent = (int(record[name]) for name in ("day", "eps", "spent"))
