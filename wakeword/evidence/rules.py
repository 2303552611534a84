"""What the records must say together: invariants I5 to I13 and I15 to I18 of docs/audit-log.md, one method each.

Records come in log order, line by line. Nothing here knows files, keys or hashes (that is `verify.py`), and nothing is
shared with who writes: a rule that is wrong on one side is found by the other. A line that cannot be read, and one
whose content was removed, is HIDDEN: what it might have changed is unknown until a record says it again, and what is
unknown breaks no rule. All sums are whole numbers, so that every verifier comes to the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wakeword.evidence.record import HARD_LIMITS, Record

HOUR_MS = 3_600_000
CLOCK_SLACK_MS = 2_500
SILENCE_MARGIN_MS = 15_000
BURST_BYTES = 131_072
MAX_WAKE_AGE_MS = 5_000
WHOLE_WINDOW = ("end", "cap_b", "cap_ms", "rate", "stop")  # ends at which the window must have passed whole

HIDDEN: Record = {"k": "cut"}


def most_payload(passed: int, sessions: int) -> int:
    """Bytes of TCP payload that so many bytes in so many sessions may cost: TLS, framing, what goes before (I18)."""
    return passed + 22 * -(-passed // 1_024) + 8_192 * sessions


def _at_once(record: Record, other: Record) -> bool:
    return (record["t"], record["w"]) == (other["t"], other["w"])


Report = Callable[[str, str, str], None]  # invariant, where, what


@dataclass
class Session:
    """One session as recorded. `why` is "crash" when it was never closed."""

    sid: int
    where: str
    wall_s: int
    opened_ms: int
    cap_bytes: int
    cap_ms: int
    window_bytes: int | None = None  # None: its wake is hidden
    stage1_ppm: int = 0
    stage2_ppm: int = 0
    passed_bytes: int = 0
    length_ms: int = 0
    why: str = "crash"


@dataclass
class _Totals:
    """Sums since the log began; None = not known (content was removed), until the next beat says."""

    sessions: int | None = 0
    passed_bytes: int | None = 0


@dataclass
class _Meter:
    """The kernel's counts at the last `kcount`, and what the gate passed since."""

    record: Record
    passed_bytes: int = 0
    sessions: int = 0


@dataclass
class Rules:
    """`begin_file`, then `take` its every line that is evidence. Findings go to `report`; sessions are collected."""

    report: Report
    sessions: list[Session] = field(default_factory=list)
    _leaf_in_file: int = 0
    _before: Record = field(default_factory=dict)  # the line before, of any kind
    _last: Record = field(default_factory=dict)  # the record before
    _boot: str = ""
    _policy: Record = field(default_factory=dict)
    _selftest: Record = field(default_factory=dict)
    _latched: bool = False
    _hidden: bool = False  # a line of this file
    _sealed: bool = False  # the first group of this file
    _muted: bool | None = None
    _beats_muted: int = 0
    _open: Session | None = None
    _open_known: bool = True
    _wake_ids: dict[str, int] = field(default_factory=dict)
    _opened: list[tuple[str, int]] = field(default_factory=list)
    _totals: _Totals = field(default_factory=_Totals)
    _meters: dict[str, _Meter] = field(default_factory=dict)

    def take(self, record: Record, where: str) -> None:
        """One line, in order: head, record, seal, or HIDDEN."""
        kind = str(record["k"])
        self._group(kind, record, where)
        if kind == "cut":
            self._forget()
        elif kind not in ("head", "seal"):
            self._time(record, where)
            getattr(self, f"_on_{kind}", lambda *_: None)(record, where)
            self._last = record
            self._leaf_in_file += 1
        self._sealed = self._sealed or kind == "seal"
        self._before = record

    def begin_file(self, *, after_missing: bool) -> None:
        """The lines of another file follow; `after_missing`: not those of the file before them."""
        if after_missing:
            self._forget()
        self._leaf_in_file, self._latched, self._hidden, self._sealed = 0, False, False, False
        self._policy, self._selftest, self._before = {}, {}, {}

    def _forget(self) -> None:
        """Something is hidden here: nothing that it might have changed is known any more."""
        self._leaf_in_file += 1
        self._last, self._muted, self._beats_muted, self._hidden = {}, None, 0, True
        self._open, self._open_known = None, False
        self._totals, self._meters = _Totals(None, None), {}

    def _group(self, kind: str, record: Record, where: str) -> None:
        """I5: an open directly after its wake, a seal directly after the open; one group, one moment."""
        before = self._before.get("k")
        if "t" in self._before and "t" in record and not self._hidden and not _at_once(self._before, record):
            self.report("I5", where, "records of different times under one seal: the seal between them is gone")
        if before == "open" and kind != "seal":
            self.report("I5", where, "an open record is not sealed by itself: audio could pass before it was on disk")
        elif before == "wake" and kind != "open":
            self.report("I5", where, "a wake without its open record")
        elif kind == "open" and before != "cut" and (before != "wake" or self._before["wid"] != record["wid"]):
            self.report("I5", where, "an open record that does not follow its own wake")

    def _time(self, record: Record, where: str) -> None:
        """I12, I13: time runs forward; steps of the wall clock and silences are said."""
        if record["k"] == "key":
            same_boot, self._boot = record["boot"] == self._boot, str(record["boot"])
        else:
            same_boot = True
        last = self._last
        if not last:
            return
        passed = int(record["t"]) - int(last["t"])
        if same_boot and passed < 0:
            self.report("I12", where, f"the clock since boot falls by {-passed} ms")
        if self._leaf_in_file < 2:
            return
        step = 1_000 * (int(record["w"]) - int(last["w"])) - passed
        said = int(record["ms"]) if record["k"] == "gap" and record["why"] == "clock" else 0
        if abs(step - said) > CLOCK_SLACK_MS:
            self.report("I12", where, f"the wall clock moves by {step} ms; recorded: {said} ms")
        allowed = int(self._policy["beat_ms"]) + SILENCE_MARGIN_MS if self._policy else passed
        if passed > allowed and record["k"] != "gap":
            self.report("I13", where, f"{passed} ms without a record; at most {allowed} without a gap record")

    def _on_gap(self, gap: Record, where: str) -> None:
        """At the start of a file it says which session a crash left open (I8) and how long the gate was away (I12)."""
        if self._leaf_in_file != 1:
            return
        left_open = self._open.sid if self._open else 0
        if self._open_known and gap["open"] != left_open:
            self.report("I8", where, f"session {left_open} is open here (0: none); the gap names {gap['open']}")
        if self._open and self._totals.passed_bytes is not None:
            self._totals.passed_bytes += self._open.cap_bytes
        if self._open:
            self._metered(self._open.cap_bytes)
        if not self._open_known:
            self._totals = _Totals(None, None)
        self._open, self._open_known = None, True

    def _metered(self, passed_bytes: int) -> None:
        for meter in self._meters.values():
            meter.passed_bytes += passed_bytes
            meter.sessions += 1

    def _on_policy(self, policy: Record, where: str) -> None:
        """I15: a start's policy, once, and none beyond the limits that are built into every verifier."""
        if self._policy or self._sealed:
            self.report("I15", where, "a policy that does not belong to a start: rules change at a start only")
        self._policy = policy
        for name, (low, high) in HARD_LIMITS.items():
            if not low <= int(policy[name]) <= high:
                self.report("I15", where, f"{name} = {policy[name]} is outside {low} to {high}")

    def _on_selftest(self, selftest: Record, _: str) -> None:
        self._selftest = selftest

    def _on_fault(self, fault: Record, _: str) -> None:
        self._latched = self._latched or bool(fault["latch"])

    def _on_mute(self, mute: Record, where: str) -> None:
        """I11, first part: nothing is open while muted."""
        if mute["on"] and self._open:
            self.report("I11", where, f"session {self._open.sid} is still open when mute begins")
        self._muted, self._beats_muted = bool(mute["on"]), 0

    def _on_beat(self, beat: Record, where: str) -> None:
        """I11, second part, and I17: the beat repeats mute and the totals truthfully."""
        if self._muted is not None and beat["muted"] != self._muted:
            self.report("I11", where, f"the beat says muted = {beat['muted']}, the records before say {self._muted}")
        if beat["muted"]:
            if self._beats_muted and beat["frames"] != 0:
                self.report("I11", where, f"{beat['frames']} frames heard while muted")
            self._beats_muted += 1
        if self._open:
            return
        said = int(beat["sess"]), int(beat["pass_b"])
        summed = self._totals.sessions, self._totals.passed_bytes
        if summed[0] not in (None, said[0]) or summed[1] not in (None, said[1]):
            given = f"the records give {summed[0]} and {summed[1]}"
            self.report("I17", where, f"the beat says {said[0]} sessions and {said[1]} bytes; {given}")
        self._totals = _Totals(*(told if own is None else own for own, told in zip(summed, said, strict=True)))

    def _on_wake(self, wake: Record, where: str) -> None:
        """I6, I7, and I11: both scores reach the policy, the wake id is new and fresh, nothing is muted."""
        policy = self._policy
        if not policy:
            if not self._hidden:
                self.report("I15", where, "a wake before any policy")
        elif int(wake["s1"]) < int(policy["s1_min"]) or int(wake["s2"]) < int(policy["s2_min"]):
            scores = f"{wake['s1']}, {wake['s2']}; the policy asks for {policy['s1_min']}, {policy['s2_min']}"
            self.report("I6", where, f"the stages did not agree: {scores} (ppm)")
        elif int(wake["lag_ms"]) > int(policy["lag_ms"]) or (wake["m1"], wake["m2"]) != (policy["m1"], policy["m2"]):
            self.report("I6", where, "a wake that is later, or by other models, than the policy allows")
        if int(wake["wid"]) <= self._wake_ids.get(self._boot, -1):
            self.report("I7", where, f"wake id {wake['wid']} was used before")
        elif not 0 <= int(wake["t"]) - int(wake["wid"]) <= MAX_WAKE_AGE_MS:
            self.report("I7", where, f"wake id {wake['wid']} is not of the last {MAX_WAKE_AGE_MS} ms")
        self._wake_ids[self._boot] = max(int(wake["wid"]), self._wake_ids.get(self._boot, -1))
        if self._muted:
            self.report("I11", where, "a wake while muted")

    def _on_open(self, opened: Record, where: str) -> None:
        """I8, I9, I10, I16: one session at a time, within the policy's caps and quota, with all walls standing."""
        sid, policy = int(opened["sid"]), self._policy
        if self._open:
            self.report("I8", where, f"session {sid} opens while {self._open.sid} is open")
        if self._totals.sessions is not None and sid != self._totals.sessions + 1:
            self.report("I8", where, f"session {sid} follows {self._totals.sessions}")
        if policy and (int(opened["cap_b"]) > int(policy["cap_b"]) or int(opened["cap_ms"]) > int(policy["cap_ms"])):
            self.report("I9", where, "a cap above the policy's")
        self._quota(int(opened["t"]), where)
        walls = [self._selftest.get(wall) for wall in ("deny", "kat", "mic", "net")]
        if not all(walls) and (self._selftest or not self._hidden):
            self.report("I16", where, "a session although the self-test found a wall missing")
        elif self._latched:
            self.report("I16", where, "a session after a fault that closes the gate until the next start")
        self._begin(opened, where)

    def _quota(self, now_ms: int, where: str) -> None:
        self._opened = [(boot, at) for boot, at in self._opened if boot == self._boot and now_ms - at <= HOUR_MS]
        self._opened.append((self._boot, now_ms))
        hour = int(self._policy.get("hour", len(self._opened)))
        if len(self._opened) > hour:
            self.report("I10", where, f"{len(self._opened)} sessions within an hour; the policy allows {hour}")

    def _begin(self, opened: Record, where: str) -> None:
        caps = int(opened["cap_b"]), int(opened["cap_ms"])
        session = Session(int(opened["sid"]), where, int(opened["w"]), int(opened["t"]), *caps)
        wake = self._before
        if wake.get("k") == "wake":
            session.window_bytes = int(wake["win_b"])
            session.stage1_ppm, session.stage2_ppm = int(wake["s1"]), int(wake["s2"])
        self._open, self._open_known, self._totals.sessions = session, True, session.sid
        self.sessions.append(session)

    def _on_close(self, close: Record, where: str) -> None:
        """I8, I9: it names the open session, and the session kept its caps and real time."""
        session, self._open = self._open, None
        sid, sent, length_ms = int(close["sid"]), int(close["bytes"]), int(close["ms"])
        if session is None:
            if self._open_known:
                self.report("I8", where, f"session {sid} is closed but was not open")
            self._open_known, self._totals = True, _Totals(None, None)
            return
        if sid != session.sid:
            self.report("I8", where, f"session {sid} is closed; open is {session.sid}")
        session.passed_bytes, session.length_ms, session.why = sent, length_ms, str(close["why"])
        if self._totals.passed_bytes is not None:
            self._totals.passed_bytes += sent
        self._metered(sent)
        if wrong := self._over(session, close):
            self.report("I9", where, wrong)

    def _over(self, session: Session, close: Record) -> str:
        """What of the caps was not kept, in words."""
        sent, length_ms, window = session.passed_bytes, session.length_ms, session.window_bytes
        if sent > session.cap_bytes:
            return f"{sent} bytes passed; the cap is {session.cap_bytes}"
        if window is not None and close["why"] in WHOLE_WINDOW and sent < window:
            return f"{sent} bytes passed, less than the window of {window}"
        if length_ms > session.cap_ms or length_ms > int(close["t"]) - session.opened_ms:
            return (
                f"{length_ms} ms; the cap is {session.cap_ms} ms, and {int(close['t']) - session.opened_ms} ms went by"
            )
        if window is None or not self._policy:
            return ""
        beyond = 1_000 * (sent - window - BURST_BYTES) - int(self._policy["rate"]) * length_ms
        return f"{sent} bytes in {length_ms} ms is faster than real time" if beyond > 0 else ""

    def _on_stop(self, _: Record, where: str) -> None:
        """I8: nothing is open at a clean end."""
        if self._open:
            self.report("I8", where, f"the gate stops while session {self._open.sid} is open")

    def _on_stats(self, stats: Record, _: str) -> None:
        """A report that was sent takes a connection, as a session does (I18)."""
        if stats["bytes"]:
            self._metered(int(stats["bytes"]))

    def _on_kcount(self, count: Record, where: str) -> None:
        """I18: by the kernel's own counts the uplink sent no more than the gate passed and transport costs."""
        meter = self._meters.get(str(count["gen"]))
        self._meters[str(count["gen"])] = _Meter(count)
        if meter is None:
            return
        out, back, unique = (int(count[name]) - int(meter.record[name]) for name in ("eg_b", "in_b", "uq_b"))
        sent, sessions = meter.passed_bytes, meter.sessions
        if min(out, back, unique) < 0:
            self.report("I18", where, "a counter of the kernel fell")
        elif unique > most_payload(sent, sessions):
            what = f"{unique} bytes left by the uplink as payload; the gate passed {sent} in {sessions} sessions"
            self.report("I18", where, f"{what}: {unique - sent} are unaccounted for")
        elif 100 * out > 150 * sent + 1_638_400 * sessions + 4 * back:
            what = f"{out} bytes left by the uplink in packets; the gate passed {sent} in {sessions} sessions"
            self.report("I18", where, f"{what}: {out - sent} are unaccounted for")
