"""Power loss, kills and failing disks at every call of a gate's life; after each, a restart and the whole verifier.

At each call to the disk the life is stopped in thought: every state that power loss can leave there (all of them where
they are few, the extremes and a draw where they are many), and the one that a kill leaves. Each is started anew, and
must keep what was promised before:

    no sample left before its open record was on the platter     looked at with every sample
    a start succeeds, or refuses because this boot saw a failed write
    every invariant of the log holds, every checkpoint ever let out lies on it, with every certificate
    what the uplink took is what the records say, or below the cap of a session that the crash left open

Inside those restarts it goes on: some are stopped again, at each of their own calls.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from wakeword.errors import Fatal
from wakeword.evidence.device import VKEY_NAME
from wakeword.evidence.note import Key
from wakeword.evidence.verify import verify
from wakeword.ordeal.life import BrokenPromiseError, HandClock, Life, Promises
from wakeword.ordeal.simdisk import World, states

MOST_STATES = 48  # at one call
DEEPER = 0.02  # the share of restarts that are stopped again at each of their calls
FAILING = 0.3  # the share of lives in which the disk fails once
STEPS = 12


@dataclass
class Tried:
    """How much was tried."""

    counts: Counter[str] = field(default_factory=Counter)

    @property
    def states(self) -> int:
        """Crash states that were restarted from and verified."""
        return self.counts["power loss"] + self.counts["kill"]


@dataclass
class Trial:
    """One life, drawn from `seed`; raises `BrokenPromiseError` at the first promise that is broken."""

    seed: int
    tried: Tried
    enough: Callable[[], bool] = lambda: False
    most_states: int = MOST_STATES
    failing: float = FAILING
    draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)

    def run(self) -> None:
        """Live, and at each call to the disk look at what would be left."""
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
            self._folder = Path(folder)
            world, clock, promises = World(), HandClock(), Promises()
            for _ in range(1 + self.draw.randrange(3)):
                world, clock, promises = self._one_life(world, clock, promises)
                if self.enough():
                    return

    def _one_life(self, world: World, clock: HandClock, promises: Promises) -> tuple[World, HandClock, Promises]:
        """Its end is drawn too: power loss, a kill, or a disk that fails."""
        life = Life(world, clock, promises)
        life.disk.watch = lambda _: self._look(life)
        fails_at = self.draw.randrange(4, 60) if self.draw.random() < self.failing else -1
        if fails_at >= 0:
            life.disk.watch = self._failing(life, fails_at)
        try:
            life.start()
            life.live(self.draw, STEPS)
            self.tried.counts["lives to their end"] += 1
        except Fatal:
            self.tried.counts["disk failures"] += 1
            if life.recovered:  # a failed write; one that fails while reading leaves nothing to distrust
                self._refuses(life)
        life.disk.watch = lambda _: None
        left = list(states(life.disk.world, self.draw, self.most_states))
        return self.draw.choice(left), clock.rebooted(), promises

    def _failing(self, life: Life, at: int) -> Callable[[str], None]:
        calls = 0

        def watch(call: str) -> None:
            nonlocal calls
            calls += 1
            self._look(life)
            if calls == at:
                life.disk.fault = self.draw.choice(["EIO", "ENOSPC", "short"])

        return watch

    @staticmethod
    def _failed(life: Life) -> bool:
        return any(name.startswith("failed-") for name in life.disk.world.names)

    def _refuses(self, life: Life) -> None:
        """Within the same boot a log that failed stays closed."""
        try:
            Life(life.disk.world.killed(), life.clock.copied(), life.promises.copied()).start()
        except Fatal:
            return
        raise BrokenPromiseError("a gate started although writing failed since this boot")

    def _look(self, life: Life) -> None:
        """All that could be left here."""
        if self.enough():
            return
        if not self._failed(life):
            self.tried.counts["kill"] += 1
            self._restart(life.disk.world.killed(), life.clock.copied(), life.promises, deeper=self._goes_deeper())
        for left in states(life.disk.world.killed(), self.draw, self.most_states):
            self.tried.counts["power loss"] += 1
            self._restart(left, life.clock.rebooted(), life.promises, deeper=self._goes_deeper())

    def _goes_deeper(self) -> bool:
        return self.draw.random() < DEEPER

    def _restart(self, world: World, clock: HandClock, promises: Promises, *, deeper: bool) -> None:
        """A gate starts on what is left; the log that comes out is verified."""
        again = Life(world, clock, promises.copied())
        if deeper:
            self.tried.counts["restarts stopped again"] += 1
            again.disk.watch = lambda _: self._again(again)
        again.start()
        again.tidy()
        self._verify(again)

    def _again(self, life: Life) -> None:
        """Inside a restart: what it leaves, restarted once more."""
        for left in states(life.disk.world.killed(), self.draw, 4):
            self.tried.counts["power loss"] += 1
            self._restart(left, life.clock.rebooted(), life.promises, deeper=False)

    def _verify(self, life: Life) -> None:
        for path in self._folder.iterdir():
            path.unlink()
        for name, inode in life.disk.world.names.items():
            if name.endswith(".seg"):
                (self._folder / name).write_bytes(inode.cached)
        notes = dict.fromkeys(life.promises.notes)
        device = Key.from_vkey(life.disk.world.names[VKEY_NAME].cached.decode())
        result = verify(self._folder, device, "\n".join(notes))
        if result.findings or result.receipts_ignored or result.receipts_matched != result.receipts:
            found = [f"{finding.invariant} {finding.where} {finding.what}" for finding in result.findings]
            self._keep(f"{found} {result.receipts_ignored} {result.receipts_matched} of {result.receipts}")
        recorded = {session.sid: session for session in result.sessions}
        for sid, taken in life.promises.bytes_of.items():
            session = recorded.get(sid)
            if session is None:
                if result.cut_records == 0:
                    self._keep(f"session {sid} passed {taken} bytes and is not in the log")
            elif taken > session.cap_bytes or (session.why != "crash" and session.passed_bytes != taken):
                self._keep(f"session {sid} passed {taken} bytes; the log says {session.passed_bytes}, {session.why}")

    def _keep(self, what: str) -> None:
        """A broken promise, with the log that shows it kept for looking at."""
        kept = tempfile.mkdtemp(prefix=f"ordeal-seed{self.seed}-")
        shutil.copytree(self._folder, kept, dirs_exist_ok=True)
        raise BrokenPromiseError(f"seed {self.seed}: {what}; the log is in {kept}")
