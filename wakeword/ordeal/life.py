"""One gate on a disk in memory: real states, real evidence, hand-turned clocks, and a sink that knows what it took.

A life does what a day does, drawn from a seed: wakes, mutes, beats, a new file, a removal of old records, a stop. At
each call to the disk `watch` is called; whoever holds it can look at the disk, or end the life there.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wakeword.evidence.clock import Clock
from wakeword.evidence.record import Record
from wakeword.evidence.store import Evidence, Policy, StartFacts
from wakeword.housekeeping import Housekeeper
from wakeword.messages import HEADER, Audio, Base, End, Hello, Message, Open, State, Tick, Upload, Wake
from wakeword.ordeal.simdisk import Inode, SimDisk, World
from wakeword.states import Gate

FOLDER = Path("/log")
KEY = FOLDER / "device.key"
MODEL1, MODEL2 = b"\x11" * 32, b"\x22" * 32
POLICY = Policy(
    500_000,
    500_000,
    400,
    MODEL1.hex(),
    MODEL2.hex(),
    64_000,
    15_000,
    8_192,
    32_000,
    60,
    300_000,
    "0" * 64,
)
DAY_MS = 86_400_000


@dataclass(frozen=True)
class HandClock(Clock):
    """Boot and wall clock, in milliseconds, that only `turn` moves."""

    boot_id: str = "boot 0"
    now: list[int] = field(default_factory=lambda: [50_000, 1_767_225_600_000])

    def turn(self, ms: int) -> None:
        """Time passes."""
        self.now[0] += ms
        self.now[1] += ms

    def rebooted(self) -> HandClock:
        """The machine was off for ten seconds."""
        name = f"boot {int(self.boot_id.split()[1]) + 1}"
        return HandClock(name, [5_000, self.now[1] + 10_000])

    def copied(self) -> HandClock:
        """For another future from here."""
        return HandClock(self.boot_id, list(self.now))

    def boot_ms(self) -> int:
        """See `Clock`."""
        return self.now[0]

    def awake_ms(self) -> int:
        """See `Clock`."""
        return self.now[0]

    def wall_s(self) -> int:
        """See `Clock`."""
        return self.now[1] // 1_000

    def synchronised(self) -> bool:
        """See `Clock`."""
        return True


@dataclass
class Promises:
    """What was let out of the process: it must hold whatever happens to the disk after."""

    notes: list[str] = field(default_factory=list)  # certificates and checkpoints
    bytes_of: dict[int, int] = field(default_factory=dict)  # session -> samples that the uplink took

    def copied(self) -> Promises:
        """As they stand now."""
        return Promises(list(self.notes), dict(self.bytes_of))


class BrokenPromiseError(AssertionError):
    """What must never happen."""


class Sink:
    """The gate's outside. A sample that comes before its session's records are durable is a broken promise."""

    def __init__(self, disk: SimDisk, clock: HandClock, promises: Promises) -> None:
        self.uplink_alive, self.mute = True, False
        self._disk, self._clock, self._promises, self._sid = disk, clock, promises, 0

    def now_ms(self) -> int:
        """See `Outside`."""
        return self._clock.boot_ms()

    def muted(self) -> bool:
        """See `Outside`."""
        return self.mute

    def upload(self, message: Message, until_ms: int) -> tuple[int, int]:
        """Takes everything."""
        if isinstance(message, Open):
            self._sid = message.session_id
            self._promises.notes += [message.certificate, message.checkpoint]
        if isinstance(message, Upload):
            self._demand_durable()
            taken = self._promises.bytes_of
            taken[self._sid] = taken.get(self._sid, 0) + len(message.pcm)
        return len(message.pack()) + HEADER.size, self.now_ms()

    def _demand_durable(self) -> None:
        """Worst case: only what the platter has, under names that it has."""
        durable = b"".join(inode.durable for inode in self._disk.world.durable_names.values())
        if b'"k":"open","n":' not in durable or f'"sid":{self._sid},'.encode() not in durable:
            raise BrokenPromiseError(f"a sample of session {self._sid} left before its open record was on the platter")

    def tell(self, message: State) -> None:
        """Nobody listens."""

    def report(self, event: str, **fields: object) -> None:
        """Nobody reads."""


class Life:
    """From a start to its end. Whatever the disk does comes out of `live` as an exception."""

    def __init__(
        self, world: World, clock: HandClock, promises: Promises, watch: Callable[[str], None] = lambda _: None
    ) -> None:
        self.disk, self.clock, self.promises = SimDisk(world, watch), clock, promises
        self.sink = Sink(self.disk, clock, promises)
        self.recovered = False

    def start(self) -> None:
        """Recover and begin a file."""
        self.evidence = Evidence(FOLDER, KEY, self.clock, disk=self.disk)
        self.recovered = True
        self.evidence.start(self._facts())
        self.promises.notes.append(self.evidence.certificate)
        self.gate = Gate(self._recording(), self.sink, POLICY)
        self.keeper = Housekeeper(self.gate, self.evidence, self._facts, self.clock.boot_ms())
        self.gate.hear(Hello(MODEL1, MODEL2))

    def live(self, draw: random.Random, steps: int) -> None:
        """So many things happen, drawn."""
        doings = [self._session, self._session, self._session, self._mute, self._beat, self._tick, self._base]
        for _ in range(steps):
            draw.choice([*doings, self._day, self._prune] if draw.random() < 0.3 else doings)(draw)
            self.keeper.turn(self.clock.boot_ms())
            if self.evidence.certificate not in self.promises.notes:
                self.promises.notes.append(self.evidence.certificate)
        if draw.random() < 0.5:
            self.gate.finish("shutdown")
            self.evidence.close()

    def tidy(self) -> None:
        """Let pruning come to its end."""
        while self.evidence.tidy():
            pass

    def _facts(self) -> StartFacts:
        walls = {"deny": True, "kat": True, "mic": True, "net": True}
        return StartFacts(POLICY, "c0" * 32, walls, muted=self.sink.mute)

    def _recording(self) -> Evidence:
        """The evidence, with each checkpoint that it returns kept as a promise."""
        commit, notes = self.evidence.commit, self.promises.notes

        def kept(records: Sequence[Record]) -> str:
            notes.append(commit(records))
            return notes[-1]

        self.evidence.commit = kept  # type: ignore[method-assign]  # one instance of it
        return self.evidence

    def _session(self, draw: random.Random) -> None:
        self.clock.turn(draw.randrange(100, 5_000))
        window = bytes(draw.randrange(1, 4_096) * 2)
        wake_id = self.clock.boot_ms() - draw.randrange(100)
        self.gate.hear(Wake(wake_id, 9_000, 700_000, 800_000, 90, MODEL1, MODEL2, window))
        at = 9_000
        for _ in range(draw.randrange(4)):
            self.clock.turn(100)
            self.gate.hear(Audio(at, bytes(3_200)))
            at += 1_600
        if draw.random() < 0.1:
            self.clock.turn(20_000)
            self.gate.advance()
        self.gate.hear(End(wake_id))

    def _mute(self, draw: random.Random) -> None:
        for on in (True, False):
            self.sink.mute = on
            self.gate.advance()
            self.clock.turn(draw.randrange(1, 1_000))

    def _beat(self, _: random.Random) -> None:
        self.clock.turn(300_000)
        self.gate.advance()

    def _tick(self, _: random.Random) -> None:
        self.gate.hear(Tick(100, 1, 1))

    def _base(self, draw: random.Random) -> None:
        self.gate.hear(Base(draw.randrange(1, 40)))

    def _day(self, _: random.Random) -> None:
        self.clock.turn(DAY_MS)
        self.gate.advance()

    def _prune(self, _: random.Random) -> None:
        self.disk.world.names.setdefault("prune", Inode())
        self.clock.turn(2_000)
