"""A log in a folder of its own, with clocks that a test turns by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wakeword.evidence.clock import Clock
from wakeword.evidence.note import Key
from wakeword.evidence.record import Record
from wakeword.evidence.store import Evidence, Policy, StartFacts
from wakeword.evidence.verify import Result, verify

M1, M2 = "a1" * 32, "b2" * 32


@dataclass(frozen=True)
class HandClock(Clock):
    """Stands still until `turn`."""

    boot_id: str = "11111111-2222-3333-4444-555555555555"

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", [50_000, 50_000, 1_767_225_600])  # since boot, awake, wall

    def turn(self, boot_ms: int, awake_ms: int | None = None, wall_s: float | None = None) -> None:
        """Let time pass: awake and wall follow unless they are given."""
        now = self.__dict__["at"]
        now[0] += boot_ms
        now[1] += boot_ms if awake_ms is None else awake_ms
        now[2] += boot_ms / 1_000 if wall_s is None else wall_s

    def boot_ms(self) -> int:
        return int(self.__dict__["at"][0])

    def awake_ms(self) -> int:
        return int(self.__dict__["at"][1])

    def wall_s(self) -> int:
        return int(self.__dict__["at"][2])

    def synchronised(self) -> bool:
        return True


def policy(**changed: int | str) -> Policy:
    """The defaults, with changes."""
    rules: dict[str, int | str] = {
        "s1_min": 500_000, "s2_min": 500_000, "lag_ms": 400, "m1": M1, "m2": M2, "cap_b": 480_000, "cap_ms": 15_000,
        "win_b": 65_536, "rate": 32_000, "hour": 20, "beat_ms": 300_000, "file": "0" * 64,
    }  # fmt: skip
    return Policy(**rules | changed)  # type: ignore[arg-type]  # of their field's type


@dataclass
class Room:
    """The folder and what is in it."""

    folder: Path
    clock: HandClock

    def open(self, clock: Clock | None = None) -> Evidence:
        """Lock and recover, no file begun."""
        return Evidence(self.folder, self.folder / "device.key", clock or self.clock)

    def start(self, *, muted: bool = False, clock: Clock | None = None, **rules: int | str) -> Evidence:
        """A gate's start."""
        evidence = self.open(clock)
        walls = {"deny": True, "kat": True, "mic": True, "net": True}
        evidence.start(StartFacts(policy(**rules), "c0" * 32, walls, muted))
        return evidence

    def session(self, evidence: Evidence, *, sent: int | None = 64_000) -> str:
        """Wake, open and (unless `sent` is None) close. Returns the checkpoint of the open."""
        now, sid = self.clock.boot_ms(), evidence.account.sessions + 1
        wake: Record = {
            "k": "wake", "wid": now - 5, "s1": 700_000, "s2": 800_000, "lag_ms": 90, "m1": M1, "m2": M2,
            "win_b": 48_000, "win_h": "d0" * 32, "a": "e0" * 16,
        }  # fmt: skip
        opened: Record = {
            "k": "open", "sid": sid, "wid": now - 5, "cap_b": 480_000, "cap_ms": 15_000, "fmt": "s16le16k"
        }  # fmt: skip
        checkpoint = evidence.commit([wake, opened])
        if sent is not None:
            self.clock.turn(2_000)
            evidence.commit([{"k": "close", "sid": sid, "bytes": sent, "ms": 2_000, "why": "end", "sum_h": "f0" * 32}])
        return checkpoint

    def key(self) -> Key:
        """The device's public key."""
        return Key.from_vkey((self.folder / "device.vkey").read_text())

    def check(self, receipts: str = "") -> Result:
        """The oracle that ends a test: every invariant, every signature."""
        result = verify(self.folder, self.key(), receipts, every=True)
        assert [(finding.invariant, finding.where, finding.what) for finding in result.findings] == []
        return result
