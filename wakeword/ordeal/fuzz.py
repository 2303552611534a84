"""Hostile neighbours: millions of frames, broken ones among them, for the gate's readers and states.

A frame is drawn so that the deep states are reached: mostly what an honest neighbour could say next, often with one
thing wrong, sometimes with a bit turned over, cut anywhere. Bytes go through the real `FrameReader` into the real
states, on a log and an uplink that keep no more than what the checks need:

    a session opens only when its wake and open are the last records; a sample passes only inside it
    nothing passes while muted, latched, closed, above the caps, faster than real time
    each record fits the schema; no exception; no turn takes long
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from wakeword.clerk import Clerk, Reports
from wakeword.evidence.account import Account
from wakeword.evidence.record import Record, problem
from wakeword.messages import (
    HEADER,
    LISTEN_TO_GATE,
    METER_TO_GATE,
    UPLINK_TO_GATE,
    Audio,
    Base,
    Close,
    End,
    FrameError,
    FrameReader,
    Hello,
    Message,
    Open,
    Stop,
    Tick,
    Upload,
    Wake,
    encode,
)
from wakeword.messages import State as StateMessage
from wakeword.notices import Collect, Count, Sent, Stats, Trouble, UplinkWalls, Walls
from wakeword.ordeal.life import MODEL1, MODEL2, POLICY, BrokenPromiseError
from wakeword.states import BURST_BYTES, Gate, State

EPISODE = 200  # messages for one gate at most: then another, so that latched ones cost no time
LONGEST_TURN_S = 2.0  # of processor time; generous, and far below what a hang is


class FuzzLog:
    """Keeps the last commit and the sums."""

    certificate = ""

    def __init__(self) -> None:
        self.account, self.last = Account(), list[Record]()
        self.records = 0
        self.now = [1_000_000]

    def commit(self, records: Sequence[Record]) -> str:
        """Each record must fit the schema."""
        every: Record = {"e": 1, "n": 0, "s": "0" * 32, "t": self.now[0], "w": 0}
        for record in records:
            whole = record | every
            if wrong := problem(whole):
                raise BrokenPromiseError(f"a record that breaks the schema: {wrong}")
            self.account.take(whole)
        self.last, self.records = list(records), self.records + len(records)
        return ""

    def beat(self, frames: int, *, muted: bool, passing: int = 0) -> Record:
        """See `Log`."""
        sums = {"sess": self.account.sessions, "pass_b": self.account.passed_bytes + passing}
        return {"k": "beat", "frames": frames, "muted": muted, "sync": True, **sums}

    def gap(self, why: str, length_ms: int) -> Record:
        """See `Log`."""
        nothing: Record = {"ab": 0, "tail_b": 0, "tail_h": "0" * 64, "open": 0, "cut_n": 0, "drop_e": 0}
        return nothing | {"k": "gap", "why": why, "ms": length_ms, "clean": True}

    def has_room(self) -> bool:
        """See `Log`."""
        return True

    def grow_from(self, size: int) -> None:
        """See `Log`."""

    def growth(self) -> tuple[int, tuple[bytes, ...]]:
        """See `Log`."""
        return 0, ()


class FuzzOutside:
    """The uplink, which looks at each sample that comes."""

    def __init__(self, log: FuzzLog) -> None:
        self.uplink_alive, self.mute, self._log = True, False, log
        self.session: Open | None = None
        self.taken, self.opened_ms, self.granted = 0, 0, b""
        self.gate: Gate | None = None

    def now_ms(self) -> int:
        """See `Outside`."""
        return self._log.now[0]

    def muted(self) -> bool:
        """See `Outside`."""
        return self.mute

    def upload(self, message: Message, until_ms: int) -> tuple[int, int]:
        """Holds every sample against the records."""
        if isinstance(message, Open):
            kinds = [record["k"] for record in self._log.last]
            if kinds != ["wake", "open"] or self._log.last[1]["sid"] != message.session_id:
                raise BrokenPromiseError(f"a session opens after {kinds}")
            wake = self._log.last[0]
            if int(wake["s1"]) < POLICY.s1_min or int(wake["s2"]) < POLICY.s2_min or wake["m1"] != POLICY.m1:
                raise BrokenPromiseError(f"a session opens for {wake}")
            self.session, self.taken, self.opened_ms = message, 0, self.now_ms()
        elif isinstance(message, Upload):
            self._hold_against(message)
        elif isinstance(message, Close):
            self.session = None
        return len(message.pack()) + HEADER.size, self.now_ms()

    def _hold_against(self, upload: Upload) -> None:
        session, gate = self.session, self.gate
        if session is None or gate is None or gate.session is None or gate.state is not State.OPEN:
            raise BrokenPromiseError(f"a sample passes outside a session, in {gate and gate.state}")
        self.taken += len(upload.pcm)
        elapsed_ms = self.now_ms() - self.opened_ms
        most = session.window_bytes + POLICY.rate * elapsed_ms / 1_000 + BURST_BYTES
        if self.mute or self.taken > POLICY.cap_b or self.taken > most or elapsed_ms > POLICY.cap_ms:
            raise BrokenPromiseError(f"{self.taken} bytes after {elapsed_ms} ms, muted: {self.mute}")

    def tell(self, message: StateMessage) -> None:
        """Nobody listens."""

    def report(self, event: str, **fields: object) -> None:
        """Nobody reads."""


class Episode:
    """One gate and its hostile neighbours."""

    def __init__(self, draw: random.Random, counts: Counter[str]) -> None:
        self.draw, self.counts = draw, counts
        self.log = FuzzLog()
        self.outside = FuzzOutside(self.log)
        reports = Reports(epsilon=6, budget=draw.choice([0, 6, 600]))
        clerk = Clerk(self.log.now[0], draw.choice(["own", *["nft"] * 20]), reports)
        self.gate = Gate(self.log, self.outside, POLICY, clerk)
        self.outside.gate = self.gate
        self._readers = [FrameReader(kinds) for kinds in (LISTEN_TO_GATE, UPLINK_TO_GATE, METER_TO_GATE)]
        self._wake = self._good_wake()
        self._next, self._sessions, self._sent_bytes = 0, 0, 0

    def run(self) -> int:
        """Until the gate is latched or enough was said; how many messages that was."""
        said = 0
        while said < EPISODE and self.gate.state is not State.LATCHED:
            self.something_happens()
            self._say(self._hello() if not said and self.draw.random() < 0.95 else self._drawn())
            said += 1
        self.gate.finish("fault" if self.gate.state is State.LATCHED else "shutdown")
        self.counts[f"ended {self.gate.state.name}"] += 1
        self.counts["sessions"] += self.log.account.sessions
        self.counts["records"] += self.log.records
        return said

    def _say(self, told: tuple[int, bytes]) -> None:
        pipe, frame = told
        if self.draw.random() < 0.01:
            at = self.draw.randrange(len(frame))
            frame = frame[:at] + bytes([frame[at] ^ (1 << self.draw.randrange(8))]) + frame[at + 1 :]
            self.counts["bits turned over"] += 1
        began_s = time.process_time()
        try:
            for piece in self._pieces(frame):
                self.feed(pipe, piece)
        except FrameError as error:
            self.counts["refused by form"] += 1
            self.gate.broken(error.code)
        if time.process_time() - began_s > LONGEST_TURN_S:
            raise BrokenPromiseError(f"{time.process_time() - began_s:.1f} s for one message of {len(frame)} bytes")

    def feed(self, pipe: int, piece: bytes) -> None:
        """Bytes from listen (0), the uplink (1) or the meter (2)."""
        for message in self._readers[pipe].push(piece):
            self.counts["understood"] += 1
            self.hear(message)

    def hear(self, message: Message) -> None:
        """A whole one."""
        self.gate.hear(message)

    def _pieces(self, frame: bytes) -> Iterator[bytes]:
        cut = self.draw.randrange(len(frame) + 1) if self.draw.random() < 0.1 else 0
        yield from (frame[:cut], frame[cut:])

    def something_happens(self) -> None:
        """Time, the mute switch, the uplink's end, a daily change."""
        draw = self.draw
        self.log.now[0] += draw.choice([0, 1, 10, 100, 100, 1_000, 5_000 if draw.random() < 0.1 else 10])
        chance = draw.random()
        if chance < 0.01:
            self.outside.mute = not self.outside.mute
        elif chance < 0.012:
            self.gate.uplink_gone()
        elif chance < 0.015:
            self.log.now[0] += draw.choice([300_000, 86_400_000])
        elif chance < 0.016:
            self.gate.meter_gone()
        if chance < 0.3:
            self.gate.advance()
        if self.gate.day_over():
            self.gate.finish("daily")
            self.gate.renewed()

    def _hello(self) -> tuple[int, bytes]:
        return 0, encode(Hello(MODEL1, MODEL2))

    def _good_wake(self) -> Wake:
        now = self.log.now[0]
        window = bytes(2 * self.draw.randrange(1, 200))
        return Wake(now - self.draw.randrange(3), 9_000, 700_000, 800_000, 90, MODEL1, MODEL2, window)

    def _drawn(self) -> tuple[int, bytes]:
        """What comes next: often what is expected, else anything."""
        honest: list[Callable[[], tuple[int, bytes]]] = [self._tick, self._notice, self._from_uplink, self._from_meter]
        if self.gate.state is State.OPEN:
            honest += [self._audio] * 8 + [self._end]
        else:
            honest += [self._new_wake] * 3
        return (
            self.draw.choice(honest)()
            if self.draw.random() < 0.97
            else self.draw.choice([self._hello, self._wrong_wake, self._audio, self._end, self._noise])()
        )

    def _tick(self) -> tuple[int, bytes]:
        return 0, encode(Tick(*(self.draw.choice([0, 1, 100, 200]) for _ in range(5))))

    def _new_wake(self) -> tuple[int, bytes]:
        self._wake, self._next = self._good_wake(), 9_000
        return 0, encode(self._wake)

    def _wrong_wake(self) -> tuple[int, bytes]:
        frame = bytearray(encode(self._good_wake()))
        at = HEADER.size + self.draw.randrange(120)
        frame[at] = self.draw.randrange(256)
        return 0, bytes(frame)

    def _audio(self) -> tuple[int, bytes]:
        count = self.draw.choice([2, 160, 160, 1_600, 2_048])
        start = self._next if self.draw.random() < 0.99 else self.draw.randrange(2**64)
        self._next += count
        return 0, encode(Audio(start, bytes(2 * count - (self.draw.random() < 0.003))))

    def _end(self) -> tuple[int, bytes]:
        wake_id = self._wake.wake_id if self.draw.random() < 0.9 else self.draw.randrange(2**64)
        return 0, encode(End(wake_id))

    def _notice(self) -> tuple[int, bytes]:
        draw = self.draw
        notices: list[Message] = [Trouble(draw.randrange(1, 7)), Collect(draw.randrange(1, 5), draw.randrange(9), 9)]
        if draw.random() < 0.02:
            notices = [Walls(*range(12)), Stats(1, 2, 3, 4, 5, 6, 7), Trouble(draw.randrange(9))]
        return 0, encode(draw.choice(notices))

    def _from_uplink(self) -> tuple[int, bytes]:
        draw = self.draw
        sid = self.log.account.sessions if draw.random() < 0.9 else draw.randrange(2**64)
        told: list[Message] = [Stop(sid), Base(draw.randrange(99))]
        if draw.random() < 0.05:
            self._sent_bytes += draw.randrange(1_000)
            told = [Sent(sid, self._sent_bytes), UplinkWalls(*range(12))]
        return 1, encode(draw.choice(told))

    def _from_meter(self) -> tuple[int, bytes]:
        self._sent_bytes += self.draw.randrange(1_000)
        counts = [self._sent_bytes - (self.draw.random() < 0.002) * 5_000] * 3
        return 2, encode(Count(7, *(max(0, count) for count in counts)))

    def _noise(self) -> tuple[int, bytes]:
        return self.draw.randrange(3), self.draw.randbytes(self.draw.randrange(1, 64))


def run(seed: int, messages: int, counts: Counter[str]) -> Iterator[int]:
    """So many messages; yields how many were said. Raises `BrokenPromiseError`, or whatever the gate let through."""
    said = 0
    while said < messages:
        said += Episode(random.Random(f"{seed}/{counts['gates']}"), counts).run()
        counts["gates"] += 1
        yield said
