"""What the gate permits: states, messages, and one table of what a message does in a state. The heart of the gate.

    NEW      nothing heard yet; the first message must be Hello
    CLOSED   no audio passes
    OPEN     one session: audio passes, within its caps and in real time
    DRAIN    refused or ended here; what listen is still sending is dropped
    LATCHED  a rule was broken: nothing opens until the next start

Whatever `TABLE` does not name closes the gate and latches it (`_unexpected`). The order that matters:

    commit([wake, open])     on disk
    mute is looked at again
    Open, window, audio      to the uplink; only now the first byte

No descriptors here, but `Log` and `Outside` (outside.py): the same code runs in the self-test, which tries to trick it.
"""

from __future__ import annotations

import enum
import hashlib
import os
from collections.abc import Callable
from typing import Any, get_args

from wakeword.clerk import Clerk
from wakeword.evidence.record import CLOSE_REASONS, Record
from wakeword.evidence.store import Policy
from wakeword.messages import (
    Answer,
    Audio,
    Base,
    Close,
    End,
    FrameError,
    Hello,
    Message,
    Open,
    Reason,
    Stop,
    Tick,
    Wake,
)
from wakeword.messages import State as StateMessage
from wakeword.notices import Collect, Count, Notice, Sent, Stats, Trouble, UplinkWalls, Walls
from wakeword.outside import Log, Outside
from wakeword.passing import Session

BURST_BYTES = 131_072  # 4 s ahead of real time: listen on a busy machine catches up; a verifier allows the same
MAX_WAKE_AGE_MS = 4_000
MAX_PPM = 1_000_000
DRAIN_MS, DRAIN_BYTES = 2_000, 131_072
MAX_FAULTS = 20
DAY_MS = 86_400_000
AFTER_MUTE_MS = 5_000  # a beat waits so long after mute began, so that what was heard before it is all in that beat
SAMPLE_BYTES = 2


def reason_of(why: str) -> Reason:
    """What listen is told, for the word of a `close` record: both have the same order."""
    return Reason(Reason.END + CLOSE_REASONS.index(why))


class State(enum.Enum):
    """See the head of this file."""

    NEW = enum.auto()
    CLOSED = enum.auto()
    OPEN = enum.auto()
    DRAIN = enum.auto()
    LATCHED = enum.auto()


class Gate:
    """The states. Feed it messages (`hear`), broken frames (`broken`), ends (`uplink_gone`) and time (`advance`)."""

    def __init__(self, log: Log, outside: Outside, policy: Policy, clerk: Clerk | None = None) -> None:
        self.state = State.NEW
        self.muted = log.account.muted
        self.session: Session | None = None
        self.last_fault = ""
        self._log, self._outside, self._policy = log, outside, policy
        self._clerk = clerk or Clerk(outside.now_ms())
        self._faults = 0
        self._last_wake_id = log.account.last_wake_id
        self._drained, self._draining_since = 0, 0
        self._beat_ms = self._tally_ms = self._started_ms = outside.now_ms()

    def hear(self, message: Message) -> None:
        """One whole message, from listen or from the uplink."""
        TABLE.get((self.state, type(message)), Gate._unexpected)(self, message)

    def broken(self, code: str) -> None:
        """Bytes that are no message."""
        self._fault(code)

    def uplink_gone(self) -> None:
        """The uplink's pipe has ended."""
        self._outside.uplink_alive = False
        if self.session:
            self._close("uplink")

    def meter_gone(self) -> None:
        """The meter's pipe has ended: from now on nobody counts."""
        self._fault("meter", latch=False)

    def advance(self) -> None:
        """Time has passed: the mute switch, the cap, the beat, the daily tally."""
        now = self._outside.now_ms()
        if (muted := self._outside.muted()) != self.muted:
            self._set_mute(on=muted)
        if self.session and now >= self.session.until_ms:
            self._close("cap_ms")
        if now >= self._beat_ms + self._policy.beat_ms:
            self._log.commit([self._beat(now)])
            if self._clerk.meter_silent(now):
                self._fault("meter", latch=False)
        if now >= self._tally_ms + DAY_MS:
            self._log.commit(self._tally(now))

    def next_ms(self) -> int:
        """When `advance` has something to do at the latest, the mute switch aside."""
        due = min(self._beat_ms + self._policy.beat_ms, self._tally_ms + DAY_MS)
        return min(due, self.session.until_ms) if self.session else due

    def day_over(self) -> bool:
        """Time for a new file and a new key; never inside a session."""
        return self.session is None and self._outside.now_ms() >= self._started_ms + DAY_MS

    def renewed(self) -> None:
        """A new file was begun in the same process."""
        self._started_ms, self._faults = self._outside.now_ms(), 0

    def finish(self, why: str) -> None:
        """The last records of this start: daily, shutdown, fault."""
        if self.session:
            self._close("shutdown")
        now = self._outside.now_ms()
        self._log.commit([self._beat(now), *self._tally(now), {"k": "stop", "why": why}])

    def listen_gone(self, *, asked: bool, whole: bool) -> str:
        """listen's pipe has ended: `asked` for or not, after a `whole` frame or not. Returns why the gate stops."""
        if asked and whole:
            return "shutdown"
        if self.session:
            self._close("listen")
        self._fault("eof")
        return "fault"

    def _unexpected(self, message: Message) -> None:
        self._fault("state", message.TYPE)

    def _drop(self, _: Message) -> None:
        pass

    def _hello(self, hello: Hello) -> None:
        if (hello.m1.hex(), hello.m2.hex()) != (self._policy.m1, self._policy.m2):
            self._fault("model")
        else:
            self.state = State.CLOSED
            self._clerk.hears_from(self._outside.now_ms())

    def _count(self, tick: Tick) -> None:
        silent_ms = self._clerk.tick(tick, self._outside.now_ms())
        if silent_ms and not self.muted:
            self._log.commit([self._log.gap("listen", silent_ms)])

    def _note(self, notice: Notice) -> list[Record]:
        """Written down, within bounds: what was."""
        try:
            records = self._clerk.take(notice, self._outside.now_ms(), idle=self.session is None)
        except FrameError as error:
            self._fault(error.code, notice.TYPE)
            return []
        if records:
            self._log.commit(records)
        return records

    def _report(self, stats: Stats) -> None:
        """A day's counts are passed on as they are, once the record that says so is on disk."""
        for record in self._note(stats):
            if record["bytes"] and self._outside.uplink_alive:
                self._outside.upload(stats, self._outside.now_ms() + self._policy.cap_ms)
            self._outside.report("stats", day=record["day"], spent=record["spent"], bytes=record["bytes"])

    def _consider(self, wake: Wake) -> None:
        """Grant, deny or find fault."""
        if wrong := self._wrong(wake):
            self._fault(wrong)
            return
        now = self._outside.now_ms()
        if wake.wake_id <= self._last_wake_id or not 0 <= now - wake.wake_id <= MAX_WAKE_AGE_MS:
            self._deny(wake, Reason.STALE)
            self._fault("stale", latch=False)
            return
        self._last_wake_id = wake.wake_id  # used, whatever becomes of it
        reason = self._refusal(now)
        if reason is None:
            self._open(wake)
        else:
            self._clerk.denied += 1
            self._deny(wake, reason)

    def _pass(self, audio: Audio) -> None:
        session = self.session
        assert session, "OPEN without a session"
        if audio.start != session.expected or len(audio.pcm) % SAMPLE_BYTES:
            self._fault("order")
            return
        elapsed_ms = self._outside.now_ms() - session.opened_ms
        total = session.passed_bytes + len(audio.pcm)
        ahead = total - session.window_bytes - BURST_BYTES
        if total > self._policy.cap_b:
            self._close("cap_b")
        elif elapsed_ms >= self._policy.cap_ms:
            self._close("cap_ms")
        elif ahead * 1_000 > self._policy.rate * elapsed_ms:
            self._close("rate")
        elif session.send(self._outside, audio.pcm):
            session.expected += len(audio.pcm) // SAMPLE_BYTES
        else:
            self._close("uplink")

    def _end(self, end: End) -> None:
        if self.session and end.wake_id == self.session.wake_id:
            self._close("end")
        else:
            self._unexpected(end)

    def _drain(self, audio: Audio) -> None:
        """What listen sent before it learnt of the end; it has two seconds to learn."""
        self._drained += len(audio.pcm)
        late = self._outside.now_ms() - self._draining_since > DRAIN_MS
        if late or self._drained > DRAIN_BYTES:
            self._fault("state", audio.TYPE)

    def _drained_dry(self, _: End) -> None:
        self.state = State.CLOSED

    def _stop(self, stop: Stop) -> None:
        if self.session and stop.session_id == self.session.sid:
            self._close("stop")

    def _base(self, base: Base) -> None:
        if self._clerk.may_base():
            self._log.grow_from(base.size)

    def _wrong(self, wake: Wake) -> str:
        """The fault in a wake that no honest listen would send; "" when there is none."""
        policy, length = self._policy, len(wake.window)
        if (wake.m1.hex(), wake.m2.hex()) != (policy.m1, policy.m2):
            return "model"
        if not 0 < length <= policy.win_b or length % SAMPLE_BYTES:
            return "window"
        agreed = policy.s1_min <= wake.stage1_ppm <= MAX_PPM and policy.s2_min <= wake.stage2_ppm <= MAX_PPM
        return "" if agreed and wake.lag_ms <= policy.lag_ms else "score"

    def _refusal(self, now_ms: int) -> Reason | None:
        """Why an honest wake may not open now; None when it may."""
        if self.muted or self._outside.muted():
            return Reason.MUTE
        if self._log.account.opened_within_hour(now_ms) >= self._policy.hour:
            return Reason.QUOTA
        if not self._outside.uplink_alive:
            return Reason.UPLINK
        return None if self._log.has_room() else Reason.DISK

    def _deny(self, wake: Wake, reason: Reason) -> None:
        self._to_drain()
        self._outside.tell(StateMessage(Answer.DENIED, reason, wake.wake_id))
        self._outside.report("denied", why=reason.name.lower())

    def _open(self, wake: Wake) -> None:
        """Write it down; then, and only then, let it pass."""
        policy, salt = self._policy, os.urandom(16)
        sid = self._log.account.sessions + 1
        window_hash = hashlib.sha256(b"wakegate-win\n" + salt + wake.window).hexdigest()
        wake_record: Record = {
            "k": "wake", "wid": wake.wake_id, "s1": wake.stage1_ppm, "s2": wake.stage2_ppm, "lag_ms": wake.lag_ms,
            "m1": wake.m1.hex(), "m2": wake.m2.hex(), "win_b": len(wake.window), "win_h": window_hash, "a": salt.hex(),
        }  # fmt: skip
        open_record: Record = {
            "k": "open", "sid": sid, "wid": wake.wake_id, "cap_b": policy.cap_b, "cap_ms": policy.cap_ms,
            "fmt": "s16le16k",
        }  # fmt: skip
        checkpoint = self._log.commit([wake_record, open_record])
        opened_ms = self._log.account.last_t  # as the record says
        until_ms = opened_ms + policy.cap_ms
        session = Session(sid, wake.wake_id, opened_ms, until_ms, len(wake.window), wake.next_sample, salt)
        self.session, self.state = session, State.OPEN
        if self._outside.muted():  # it went on while the disk was busy
            self._set_mute(on=True)
            return
        self._outside.tell(StateMessage(Answer.GRANTED, Reason.NONE, wake.wake_id))
        self._outside.report("open", sid=sid, stage1=wake.stage1_ppm / MAX_PPM, stage2=wake.stage2_ppm / MAX_PPM)
        certificate = self._log.certificate
        base, proof = self._log.growth()
        head = Open(sid, salt, len(wake.window), policy.cap_b, policy.cap_ms, certificate, checkpoint, base, proof)
        if session.announce(self._outside, head):
            self._clerk.announced(sid)
        if not session.announced or not session.send(self._outside, wake.window):
            self._close("uplink")

    def _close(self, why: str, *after: Record) -> None:
        """Write down how it ended, with what led to that; then tell both sides."""
        session, self.session = self.session, None
        assert session, "nothing is open"
        self.state = State.CLOSED
        if why != "end":
            self._to_drain()
        self._log.commit([session.close_record(why), *after])
        self._clerk.closed(self._outside.now_ms())
        if session.announced and self._outside.uplink_alive:
            self._outside.upload(Close(session.sid, session.passed_bytes), self._outside.now_ms() + self._policy.cap_ms)
        self._outside.tell(StateMessage(Answer.CLOSED, reason_of(why), session.wake_id))
        self._outside.report(
            "close", sid=session.sid, bytes=session.passed_bytes, ms=session.last_ms - session.opened_ms, why=why
        )

    def _to_drain(self) -> None:
        self.state, self._drained, self._draining_since = State.DRAIN, 0, self._outside.now_ms()

    def _fault(self, code: str, detail: int = 0, *, latch: bool = True) -> None:
        """A rule was broken. What is open is closed; with `latch`, or after too many, nothing opens any more."""
        if self.state is State.LATCHED:
            return
        self._faults, self.last_fault = self._faults + 1, code
        latch = latch or self._faults > MAX_FAULTS
        record: Record = {"k": "fault", "code": code, "arg": detail, "latch": latch}
        if self.session:
            self._close("proto", record)
        else:
            self._log.commit([record])
        if latch:
            self.state = State.LATCHED
        self._outside.report("fault", code=code, arg=detail, latch=latch)

    def _set_mute(self, *, on: bool) -> None:
        self.muted = on
        record: Record = {"k": "mute", "on": on, "src": "user"}
        if self.session:
            self._close("mute", record)
        else:
            self._log.commit([record])
        self._clerk.hears_from(self._outside.now_ms())
        self._beat_ms = max(self._beat_ms, self._outside.now_ms() + AFTER_MUTE_MS - self._policy.beat_ms)
        self._outside.report("mute", on=on)

    def _beat(self, now_ms: int) -> Record:
        passing = self.session.passed_bytes if self.session else 0
        record = self._log.beat(self._clerk.frames(), muted=self.muted, passing=passing)
        self._beat_ms = now_ms
        return record

    def _tally(self, now_ms: int) -> list[Record]:
        self._tally_ms = now_ms
        return self._clerk.tally(now_ms)


HEARING = (State.CLOSED, State.OPEN, State.DRAIN)  # listen has said Hello, and nothing is latched

_Action = Callable[[Gate, Any], object]  # Any: each takes the message of its own row; what it returns is dropped

TABLE: dict[tuple[State, type[Message]], _Action] = {
    (State.NEW, Hello): Gate._hello,
    (State.NEW, Stop): Gate._drop,
    (State.CLOSED, Tick): Gate._count,
    (State.CLOSED, Wake): Gate._consider,
    (State.CLOSED, Stop): Gate._drop,
    (State.OPEN, Tick): Gate._count,
    (State.OPEN, Audio): Gate._pass,
    (State.OPEN, End): Gate._end,
    (State.OPEN, Stop): Gate._stop,
    (State.DRAIN, Tick): Gate._count,
    (State.DRAIN, Wake): Gate._consider,
    (State.DRAIN, Audio): Gate._drain,
    (State.DRAIN, End): Gate._drained_dry,
    (State.DRAIN, Stop): Gate._drop,
    **{(state, notice): Gate._note for state in HEARING for notice in (Walls, Trouble, Collect)},
    **{(state, Stats): Gate._report for state in (State.CLOSED, State.DRAIN)},
    **{(state, notice): Gate._note for state in (State.NEW, *HEARING) for notice in (UplinkWalls, Sent, Count)},
    **{(state, Base): Gate._base for state in (State.NEW, *HEARING)},
    **{(State.LATCHED, kind): Gate._drop for kind in get_args(Message)},
}
