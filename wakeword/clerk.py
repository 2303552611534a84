"""What the gate writes down because a neighbour says so, and how much: counts, walls, ailments, a meter's numbers.

Nothing here decides whether audio passes. Each kind of record has a bound, so that a neighbour that never stops talking
fills no disk: counts are summed until the next beat or tally, walls are told once a process, the rest is rationed. What
a ration cuts off is added to the next record of its kind.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wakeword.evidence.record import MAX_WHOLE, Record
from wakeword.messages import FrameError, Tick
from wakeword.notices import (
    Ailment,
    Collect,
    Collecting,
    Count,
    Notice,
    Numbers,
    Sent,
    Stats,
    Trouble,
    UplinkWalls,
    Walls,
)

FRAME_MS = 10
HOUR_MS = 3_600_000
SILENT_MS = 5_000  # listen heard nothing for so long without being muted: a gap
SETTLED_MS = 2_000  # after a session's end: its last acknowledgements are counted by then
UNSTEADY_MS = 60_000  # ... or is no longer waited for
ON_THE_WAY_MS = 120_000  # an uplink gives a session up long before
KERNEL = ("nft", "bpf")  # sources that count outside of the uplink
DAY_MS = 24 * HOUR_MS
METER_SILENT_MS = 900_000  # a meter speaks twice a minute
STRAY_BYTES = 2_000  # chosen: a connection's end takes a few packets of 40 to 80 bytes, some of them twice
STATS_EVERY_MS = 20 * HOUR_MS  # one report a day, which may be sent some hours earlier than the day before


class Ration:
    """So many at once, and one more each `refill_ms`."""

    def __init__(self, most: int, refill_ms: int, now_ms: int) -> None:
        self._most, self._left, self._refill_ms, self._since_ms = most, most, refill_ms, now_ms

    def take(self, now_ms: int) -> bool:
        """True when there was one left."""
        grown = (now_ms - self._since_ms) // self._refill_ms
        self._left = min(self._most, self._left + grown)
        self._since_ms += grown * self._refill_ms
        if not self._left:
            return False
        self._left -= 1
        return True


@dataclass
class Reports:
    """What may be reported to the maker, and what was: the account of it is the evidence's, so no file can reset it.

    All epsilons are thousandths. What a start's records repeat outlives the pruning of those that said it first.
    """

    epsilon: int = 0  # that each costs; 0: nobody consented
    budget: int = 0
    every_days: int = 1
    day: int = 0  # of the last one
    cost: int = 0  # of the last one; 0: there was none
    spent: int = 0

    def due(self, day: int) -> bool:
        """Long enough after the last one."""
        return not self.cost or day >= self.day + self.every_days

    def standing(self) -> Record:
        """What was spent so far, as a record of a report that is not sent."""
        none: Record = dict.fromkeys(("wakes", "cand", "rej", "cancel", "bytes"), 0)
        return none | {"k": "stats", "day": self.day, "eps": self.cost, "spent": self.spent}


class Clerk:
    """Counts, and turns notices into records: at most those that are returned, to be committed by the gate."""

    def __init__(self, now_ms: int, source: str = "own", reports: Reports | None = None) -> None:
        """`source`: who counts the uplink's bytes (none, own, nft, bpf); `reports`: None for no reports at all."""
        self.denied = 0
        self._source, self._reports, self._stats_ms = source, reports or Reports(), now_ms - STATS_EVERY_MS
        self._sums: Counter[str] = Counter()  # since the last beat or tally
        self._tally_ms = self._heard_ms = now_ms
        self._walled: set[str] = set()
        self._ailing: Counter[str] = Counter()
        self._kept = 0
        self._troubles, self._collects = Ration(40, 600_000, now_ms), Ration(10, HOUR_MS, now_ms)
        self._on_the_way: set[int] = set()  # sessions that the uplink was told of and has not finished
        self._closed_ms, self._closed, self._bases = now_ms - SETTLED_MS, 0, 0
        self._own_generation, self._own_bytes = os.urandom(8).hex(), 0
        self._counted = self._written = Count(0, 0, 0, 0)
        self._counted_ms, self._written_ms, self._written_closed = now_ms, now_ms - HOUR_MS, 0
        self._strays = Ration(40, 600_000, now_ms)

    # --- what listen counts -------------------------------------------------------------------------------------

    def tick(self, tick: Tick, now_ms: int) -> int:
        """Add up; returns how many ms nothing was heard before, when that is worth a record, else 0."""
        for name, number in zip(("frames", "cand", "rej", "holds", "held"), tick.values(), strict=True):
            self._sums[name] = min(self._sums[name] + number, MAX_WHOLE // FRAME_MS)
        if not tick.frames:
            return 0
        silent_ms, self._heard_ms = now_ms - self._heard_ms, now_ms
        return silent_ms if silent_ms > SILENT_MS and self._troubles.take(now_ms) else 0

    def hears_from(self, now_ms: int) -> None:
        """From here on silence counts: listen has begun, or mute has ended."""
        self._heard_ms = now_ms

    def frames(self) -> int:
        """Heard since the last beat."""
        return self._sums.pop("frames", 0)

    def tally(self, now_ms: int) -> list[Record]:
        """A day's sums, and what a ration held back: never times."""
        sums, passed_ms = self._sums, now_ms - self._tally_ms
        records: list[Record] = [
            {"k": "tally", "cand": sums.pop("cand", 0), "rej": sums.pop("rej", 0), "deny": self.denied, "ms": passed_ms}
        ]
        held_ms, holds = FRAME_MS * sums.pop("held", 0), sums.pop("holds", 0)
        if holds or held_ms:
            records.append({"k": "hold", "count": holds, "ms": held_ms})
        records += [_ailment(code, count) for code, count in sorted(self._ailing.items())]
        self._ailing.clear()
        self.denied, self._tally_ms = 0, now_ms
        return records

    # --- notices --------------------------------------------------------------------------------------------------

    def take(self, notice: Notice, now_ms: int, *, idle: bool) -> list[Record]:
        """What is to be written down now; raises `FrameError` for what must not be said. `idle`: no session is open."""
        action = _ACTIONS[type(notice)]
        return action(self, notice, now_ms, idle)

    def _walls(self, walls: Walls, _: int, __: bool) -> list[Record]:
        who = "uplink" if isinstance(walls, UplinkWalls) else "listen"
        if who in self._walled:
            raise FrameError("state", f"{who} tells its walls twice")
        self._walled.add(who)
        return [walls_record(who, walls)]

    def _trouble(self, trouble: Trouble, now_ms: int, _: bool) -> list[Record]:
        code = Ailment(trouble.ailment).name.lower()
        self._ailing[code] += 1
        return [_ailment(code, self._ailing.pop(code))] if self._troubles.take(now_ms) else []

    def _collect(self, collect: Collect, now_ms: int, _: bool) -> list[Record]:
        self._kept = min(self._kept + collect.kept, MAX_WHOLE)
        if not self._collects.take(now_ms):
            return []
        kept, self._kept = self._kept, 0
        return [{"k": "collect", "why": Collecting(collect.why).name.lower(), "until": collect.until_s, "kept": kept}]

    def _stats(self, stats: Stats, now_ms: int, _: bool) -> list[Record]:
        """The report's record; with `bytes` 0 when it must not be sent, none when it need not be yet."""
        reports = self._reports
        if stats.epsilon != reports.epsilon or now_ms - self._stats_ms < STATS_EVERY_MS:
            raise FrameError("state", "a report that nobody consented to, or a second one of the day")
        self._stats_ms = now_ms
        if not reports.due(stats.day):
            return []
        if reports.spent + stats.epsilon > reports.budget:
            return [reports.standing()] if reports.cost else []
        reports.day, reports.cost, reports.spent = stats.day, stats.epsilon, reports.spent + stats.epsilon
        names = ("day", "wakes", "cand", "rej", "cancel", "eps")
        record: Record = {"k": "stats", "spent": reports.spent, "bytes": len(stats.body())}
        return [record | dict(zip(names, stats.values()[:-1], strict=True))]

    # --- the uplink's bytes ---------------------------------------------------------------------------------------

    def start_records(self) -> list[Record]:
        """Who counts, where the uplink's own count begins, and what reports have cost so far."""
        kernel = self._source in KERNEL
        records: list[Record] = [{"k": "meter", "src": self._source, "eg": kernel, "uq": self._source != "none"}]
        if self._source != "none":
            records.append(self._own())
        return [*records, self._reports.standing()] if self._reports.cost else records

    def announced(self, session_id: int) -> None:
        """The uplink was told of a session: it owes a `Sent`."""
        self._on_the_way.add(session_id)

    def may_base(self) -> bool:
        """Once at the start and once a session: each costs a walk through the records since."""
        self._bases += 1
        return self._bases <= self._closed + 1

    def closed(self, now_ms: int) -> None:
        """A session was closed."""
        self._closed_ms, self._closed = now_ms, self._closed + 1

    def _sent(self, sent: Sent, _: int, idle: bool) -> list[Record]:
        if sent.session_id not in self._on_the_way:
            raise FrameError("state", f"the uplink has no session {sent.session_id} on its way")
        if sent.total_bytes < self._own_bytes:
            raise FrameError("meter", "the uplink's own count fell")
        self._on_the_way.discard(sent.session_id)
        self._own_bytes = sent.total_bytes
        return [self._own()] if idle and not self._on_the_way and self._source != "none" else []

    def _count(self, count: Count, now_ms: int, idle: bool) -> list[Record]:
        """Written down between sessions, when all is sent and the counts stand still: then sums can be compared.

        Once an hour, after a session, and when something was sent although none was open. A fallen counter is a fault.
        Counts that never stand still are written down all the same.
        """
        before, self._counted, self._counted_ms = self._counted, count, now_ms
        if self._source not in KERNEL:
            raise FrameError("meter", "a meter that nobody asked for")
        if count.generation == before.generation and min(_grown(before, count)) < 0:
            raise FrameError("meter", "a counter of the kernel fell")
        since_ms, steady = now_ms - self._closed_ms, count == before
        patience_ms = ON_THE_WAY_MS if self._on_the_way else SETTLED_MS if steady else UNSTEADY_MS
        if not idle or since_ms < patience_ms:
            return []
        due = self._closed > self._written_closed or now_ms - self._written_ms >= HOUR_MS
        if not due and not (self._strayed(count) and self._strays.take(now_ms)):
            return []
        self._written, self._written_ms, self._written_closed = count, now_ms, self._closed
        generation = f"{count.generation:016x}"
        return [_kcount(self._source, generation, count.egress_bytes, count.ingress_bytes, count.unique_bytes)]

    def _strayed(self, count: Count) -> bool:
        """Payload, or more packets than the late end of a connection costs."""
        packets, _, payload = _grown(self._written, count)
        return count.generation != self._written.generation or payload > 0 or packets > STRAY_BYTES

    def meter_silent(self, now_ms: int) -> bool:
        """Nothing came from a meter that should be there: told once for each stretch of silence."""
        silent = self._source in KERNEL and now_ms - self._counted_ms > METER_SILENT_MS
        if silent:
            self._counted_ms = now_ms + DAY_MS
        return silent

    def _own(self) -> Record:
        return _kcount("own", self._own_generation, 0, 0, self._own_bytes)


def walls_record(who: str, walls: Numbers) -> Record:
    """What a process tried at its start."""
    return {"k": "walls", "who": who} | {name: getattr(walls, name) for name in Walls.LIMITS}


def _ailment(code: str, count: int) -> Record:
    return {"k": "fault", "code": code, "arg": count, "latch": False}


def _grown(before: Count, now: Count) -> list[int]:
    """Bytes of packets out and in, and of payload out."""
    return [later - earlier for earlier, later in zip(before.values()[1:], now.values()[1:], strict=True)]


def _kcount(source: str, generation: str, egress: int, ingress: int, unique: int) -> Record:
    return {"k": "kcount", "gen": generation, "eg_b": egress, "in_b": ingress, "uq_b": unique, "src": source}


_Action = Callable[[Clerk, Any, int, bool], list[Record]]  # Any: each takes its own kind of notice

_ACTIONS: dict[type[Notice], _Action] = {
    Walls: Clerk._walls,
    UplinkWalls: Clerk._walls,
    Trouble: Clerk._trouble,
    Collect: Clerk._collect,
    Stats: Clerk._stats,
    Sent: Clerk._sent,
    Count: Clerk._count,
}
