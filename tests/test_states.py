"""The whole product of states and messages, then each rule of the gate, on a real log with clocks turned by hand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from evidence_room import M1, M2, HandClock, Room, policy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wakeword.clerk import Clerk, Reports
from wakeword.evidence.record import CLOSE_REASONS, Record
from wakeword.evidence.store import Evidence
from wakeword.messages import (
    HEADER,
    Answer,
    Audio,
    Base,
    Close,
    End,
    Hello,
    Message,
    Open,
    Reason,
    Stop,
    Tick,
    Upload,
    Wake,
)
from wakeword.messages import State as StateMessage
from wakeword.notices import Ailment, Collect, Collecting, Count, Sent, Stats, Trouble, UplinkWalls, Walls
from wakeword.states import (
    DRAIN_BYTES,
    DRAIN_MS,
    MAX_FAULTS,
    MAX_WAKE_AGE_MS,
    Gate,
    State,
    reason_of,
)

MODELS = bytes.fromhex(M1), bytes.fromhex(M2)
WINDOW = bytes(range(250)) * 192  # 48,000 bytes, 1.5 s
HELLO = Hello(*MODELS)


@dataclass
class HandOutside:
    """Keeps what is said; takes as many bytes as `room` allows (None: all)."""

    clock: HandClock
    uplink_alive: bool = True
    mute: bool = False
    room: int | None = None
    uploaded: list[Message] = field(default_factory=list)
    pcm: bytes = b""
    told: list[tuple[str, str]] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)
    at_upload: list[int] = field(default_factory=list)  # size of the log at each upload

    def now_ms(self) -> int:
        return self.clock.boot_ms()

    def muted(self) -> bool:
        return self.mute

    def upload(self, message: Message, until_ms: int) -> tuple[int, int]:
        length = HEADER.size + len(message.pack())
        taken = length if self.room is None else min(length, self.room)
        self.room = None if self.room is None else self.room - taken
        if isinstance(message, Upload):
            self.pcm += message.pcm[: max(0, taken - HEADER.size)]
        if taken < length:
            self.uplink_alive = False
        else:
            self.uploaded.append(message)
        return taken, self.now_ms()

    def tell(self, message: StateMessage) -> None:
        self.told.append((message.answer.name, message.reason.name))

    def report(self, event: str, **fields: object) -> None:
        self.reported.append(event)


@dataclass
class Desk:
    """One gate, what stands round it, and the records it has written so far."""

    room: Room
    evidence: Evidence
    outside: HandOutside
    gate: Gate

    def wake(self, **changed: int | bytes) -> Wake:
        """A good wake, with changes."""
        wake = Wake(self.room.clock.boot_ms() - 20, 90_000, 700_000, 800_000, 100, *MODELS, WINDOW)
        return replace(wake, **changed)

    def opened(self) -> Wake:
        """Hello and a good wake."""
        wake = self.wake()
        self.gate.hear(HELLO)
        self.gate.hear(wake)
        assert self.gate.state is State.OPEN
        return wake

    def into(self, state: State) -> Wake:
        """Bring the gate there; the wake that the messages to come are about."""
        wake = self.wake()
        if state is not State.NEW:
            self.gate.hear(HELLO)
        if state in (State.OPEN, State.DRAIN):
            self.gate.hear(wake)
        if state is State.DRAIN:
            self.gate.hear(Stop(1))
        if state is State.LATCHED:
            self.gate.hear(End(1))
        assert self.gate.state is state
        self.room.clock.turn(100)
        return wake

    def after(self) -> list[Record]:
        """The records since the start group; the log is checked on the way."""
        records = [entry.record for entry in self.room.check().entries]
        return [record for record in records if record["k"] != "seal"][7:]

    def last(self) -> Record:
        return self.after()[-1]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, HandClock())


@pytest.fixture
def desk(room: Room) -> Desk:
    return make_desk(room)


def make_desk(room: Room, **rules: int | str) -> Desk:
    evidence = room.start(**rules)  # type: ignore[arg-type]  # rules of a policy
    outside = HandOutside(room.clock)
    clerk = Clerk(room.clock.boot_ms(), "nft", Reports(6, 600))
    return Desk(room, evidence, outside, Gate(evidence, outside, policy(**rules), clerk))


def audio(wake: Wake, count: int = 0, samples: int = 160) -> Audio:
    """The `count`-th piece of what follows the window."""
    return Audio(wake.next_sample + count * samples, b"\1\2" * samples)


# rows: what comes in; columns: NEW CLOSED OPEN DRAIN LATCHED; "same" = nothing happens but counting
PRODUCT = """
    hello     CLOSED  fault   fault   fault   same
    tick      fault   same    same    same    same
    wake      fault   OPEN    fault   OPEN    same
    audio     fault   fault   same    same    same
    end       fault   fault   CLOSED  CLOSED  same
    end_other fault   fault   fault   CLOSED  same
    stop      same    same    DRAIN   same    same
    stop_old  same    same    same    same    same
    base      same    same    same    same    same
    walls     fault   noted   noted   noted   same
    trouble   fault   noted   noted   noted   same
    collect   fault   noted   noted   noted   same
    stats     fault   noted   fault   noted   same
    up_walls  noted   noted   noted   noted   same
    sent_odd  fault   fault   fault   fault   same
    count     noted   noted   same    same    same
    to_listen fault   fault   fault   fault   same
    broken    fault   fault   fault   fault   same
"""
ROWS = [line.split() for line in PRODUCT.strip().splitlines()]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_product_of_states_and_messages(desk: Desk, state: State, row: list[str]) -> None:
    incoming, expected = row[0], row[1 + list(State).index(state)]
    wake = desk.into(state)
    before, sent = len(desk.after()), len(desk.outside.pcm)
    messages = {
        "hello": HELLO, "tick": Tick(100, 1, 1), "wake": desk.wake(), "audio": audio(wake), "end": End(wake.wake_id),
        "end_other": End(7), "stop": Stop(1), "stop_old": Stop(9), "base": Base(3), "walls": Walls(*[97] * 12),
        "trouble": Trouble(Ailment.ZEROS), "collect": Collect(Collecting.ON, 0, 9), "stats": Stats(1, 2, 3, 4, 5, 6, 7),
        "up_walls": UplinkWalls(*[97] * 12), "sent_odd": Sent(99, 0), "count": Count(1, 2, 3, 4),
        "to_listen": StateMessage(Answer.GRANTED, Reason.NONE, 1),
    }  # fmt: skip
    if incoming == "broken":
        desk.gate.broken("frame")
    else:
        for _ in range(2 if incoming == "count" else 1):  # a count stands still when it is told twice
            desk.gate.hear(messages[incoming])
    records = [record["k"] for record in desk.after()[before:]]
    if expected == "fault":
        assert records == (["close", "fault"] if state is State.OPEN else ["fault"])
        assert (desk.gate.state, desk.last()["latch"]) == (State.LATCHED, True)
        assert len(desk.outside.pcm) == sent
    elif expected == "same":
        assert (desk.gate.state, records) == (state, [])
        assert len(desk.outside.pcm) - sent == (320 if (incoming, state) == ("audio", State.OPEN) else 0)
    elif expected == "noted":
        kinds = {"trouble": "fault", "up_walls": "walls", "count": "kcount"}
        assert (desk.gate.state, records) == (state, [kinds.get(incoming, incoming)])
        assert len(desk.outside.pcm) == sent
    else:
        assert desk.gate.state is State[expected]
        assert records == {"OPEN": ["wake", "open"], "CLOSED": ["close"], "DRAIN": ["close"]}[expected] * (
            (incoming, state) not in {("end", State.DRAIN), ("end_other", State.DRAIN), ("hello", State.NEW)}
        )


def test_a_session_from_wake_to_end(desk: Desk) -> None:
    wake = desk.opened()
    for count in range(30):
        desk.room.clock.turn(10)
        desk.gate.hear(audio(wake, count))
    desk.gate.hear(End(wake.wake_id))
    woke, opened, closed = desk.after()
    head = desk.outside.uploaded[0]
    assert isinstance(head, Open)
    sent = WINDOW + b"\1\2" * 160 * 30
    assert desk.outside.pcm == sent
    assert woke["win_h"] == hashlib.sha256(b"wakegate-win\n" + head.salt + WINDOW).hexdigest()
    assert closed["sum_h"] == hashlib.sha256(b"wakegate-sum\n" + head.salt + sent).hexdigest()
    assert (closed["bytes"], closed["ms"], closed["why"]) == (len(sent), 300, "end")
    assert (opened["sid"], opened["wid"], woke["a"]) == (1, wake.wake_id, head.salt.hex())
    assert desk.outside.uploaded[-1] == Close(1, len(sent))
    assert desk.outside.told == [("GRANTED", "NONE"), ("CLOSED", "END")]
    assert (desk.room.check(head.certificate + "\n" + head.checkpoint).receipts_matched, desk.gate.state) == (
        1, State.CLOSED,
    )  # fmt: skip


def test_nothing_is_uploaded_before_the_records_are_sealed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    commit, upload = desk.evidence.commit, desk.outside.upload
    monkeypatch.setattr(desk.evidence, "commit", lambda records: (commit(records), order.append("sealed"))[0])
    monkeypatch.setattr(desk.outside, "upload", lambda *given: (order.append("upload"), upload(*given))[1])
    desk.opened()
    assert order[:2] == ["sealed", "upload"]
    assert order.count("sealed") == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"stage1_ppm": 499_999}, "score"), ({"stage2_ppm": 499_999}, "score"), ({"stage2_ppm": 1_000_001}, "score"),
        ({"lag_ms": 401}, "score"), ({"m1": bytes(32)}, "model"), ({"m2": bytes(32)}, "model"),
        ({"window": b""}, "window"), ({"window": b"odd"}, "window"), ({"window": bytes(65_538)}, "window"),
    ],
)  # fmt: skip
def test_a_wake_no_honest_listen_would_send(desk: Desk, changed: dict[str, int | bytes], code: str) -> None:
    desk.gate.hear(HELLO)
    desk.gate.hear(desk.wake(**changed))
    assert [(record["k"], record["code"], record["latch"]) for record in desk.after()] == [("fault", code, True)]
    assert desk.outside.uploaded == []


@pytest.mark.parametrize("changed", [{"stage1_ppm": 500_000}, {"stage2_ppm": 1_000_000}, {"lag_ms": 400}])
def test_the_limits_of_a_good_wake_are_inclusive(desk: Desk, changed: dict[str, int]) -> None:
    desk.gate.hear(HELLO)
    desk.gate.hear(desk.wake(**changed))
    assert desk.gate.state is State.OPEN


@pytest.mark.parametrize("age_ms", [-1, MAX_WAKE_AGE_MS + 1])
def test_a_wake_from_the_past_or_the_future_is_denied_without_a_latch(desk: Desk, age_ms: int) -> None:
    desk.gate.hear(HELLO)
    desk.gate.hear(desk.wake(wake_id=desk.room.clock.boot_ms() - age_ms))
    assert (desk.last()["code"], desk.last()["latch"], desk.gate.state) == ("stale", False, State.DRAIN)
    assert desk.outside.told == [("DENIED", "STALE")]
    desk.gate.hear(desk.wake())
    assert desk.gate.state is State.OPEN


def test_one_wake_opens_one_session(desk: Desk) -> None:
    wake = desk.opened()
    desk.gate.hear(End(wake.wake_id))
    desk.gate.hear(wake)
    assert (desk.last()["code"], desk.gate.state) == ("stale", State.DRAIN)


def test_a_denied_wake_is_used_up_too(desk: Desk) -> None:
    wake = desk.wake()
    desk.gate.hear(HELLO)
    desk.outside.mute = True
    desk.gate.hear(wake)
    desk.outside.mute = False
    desk.gate.hear(wake)
    assert desk.last()["code"] == "stale"


def test_silence_is_told_as_a_gap_unless_it_was_muted(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    desk.gate.hear(Tick(100, 0, 0))
    desk.room.clock.turn(7_000)
    desk.gate.hear(Tick(100, 0, 0))
    assert [(record["why"], record["ms"]) for record in desk.after()] == [("listen", 7_000)]
    for mute in (True, False):
        desk.outside.mute = mute
        desk.gate.advance()
        desk.room.clock.turn(9_000 if mute else 1_000)
    desk.gate.hear(Tick(100, 0, 0))
    assert [record["k"] for record in desk.after()] == ["gap", "mute", "mute"]


def test_a_report_is_written_down_and_then_passed_on_as_it_is(desk: Desk) -> None:
    stats = Stats(20_000, 3, -4, 5, -6, 6, 0)
    desk.gate.hear(HELLO)
    desk.outside.uplink_alive = False
    desk.gate.hear(stats)
    assert (desk.last()["k"], desk.outside.uploaded) == ("stats", [])
    desk.room.clock.turn(86_400_000)
    desk.outside.uplink_alive = True
    desk.gate.hear(replace(stats, day=20_001))
    assert desk.outside.uploaded == [replace(stats, day=20_001)]


def test_a_report_that_the_budget_does_not_cover_is_written_down_and_not_passed_on(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    for day in range(101):
        desk.gate.hear(Stats(20_000 + day, 3, -4, 5, -6, 6, 0))
        desk.room.clock.turn(86_400_000)
    assert [desk.last()[name] for name in ("k", "day", "spent", "bytes")] == ["stats", 20_099, 600, 0]
    assert len(desk.outside.uploaded) == 100


def test_a_meter_that_ends_is_told_and_nothing_latches(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    desk.gate.meter_gone()
    assert (desk.last()["code"], desk.last()["latch"], desk.gate.state) == ("meter", False, State.CLOSED)


def test_each_open_proves_growth_from_what_the_service_holds(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    desk.gate.hear(Base(4))
    desk.gate.hear(Base(5))  # a second one before any session is not looked at
    desk.gate.hear(desk.wake())
    head = desk.outside.uploaded[0]
    assert isinstance(head, Open)
    sizes = head.base, int(head.checkpoint.split("\n")[1])
    assert (sizes, len(head.proof)) == ((4, 8), 1)


def test_so_many_stale_wakes_end_the_gate(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    for _ in range(MAX_FAULTS):
        desk.gate.hear(desk.wake(wake_id=0))
    assert (desk.gate.state, desk.last()["latch"]) == (State.DRAIN, False)
    desk.gate.hear(desk.wake(wake_id=0))
    assert (desk.gate.state, desk.last()["latch"]) == (State.LATCHED, True)
    desk.gate.hear(desk.wake())
    assert desk.outside.pcm == b""


def test_muted_denies(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    desk.outside.mute = True
    desk.gate.advance()
    desk.gate.hear(desk.wake())
    assert [record["k"] for record in desk.after()] == ["mute"]
    assert (desk.outside.told, desk.gate.state) == ([("DENIED", "MUTE")], State.DRAIN)


def test_mute_closes_what_is_open_and_a_later_wake_opens_again(desk: Desk) -> None:
    wake = desk.opened()
    desk.room.clock.turn(50)
    desk.outside.mute = True
    desk.gate.advance()
    desk.gate.hear(audio(wake))
    assert [record["k"] for record in desk.after()] == ["wake", "open", "close", "mute"]
    assert desk.outside.pcm == WINDOW
    desk.outside.mute = False
    desk.gate.advance()
    desk.room.clock.turn(100)
    desk.gate.hear(desk.wake())
    assert desk.gate.state is State.OPEN


def test_mute_while_the_disk_is_busy_lets_no_byte_pass(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = desk.evidence.commit

    def slow(records: list[Record]) -> str:
        checkpoint = commit(records)
        desk.outside.mute = True
        return checkpoint

    monkeypatch.setattr(desk.evidence, "commit", slow)
    desk.gate.hear(HELLO)
    desk.gate.hear(desk.wake())
    assert [record["k"] for record in desk.after()] == ["wake", "open", "close", "mute"]
    assert (desk.after()[2]["bytes"], desk.after()[2]["why"]) == (0, "mute")
    assert desk.outside.uploaded == []


def test_the_first_beat_after_mute_waits_for_what_was_heard_before(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    desk.room.clock.turn(299_990)
    desk.outside.mute = True
    desk.gate.advance()
    desk.room.clock.turn(100)
    desk.gate.advance()
    assert desk.last()["k"] == "mute"
    desk.gate.hear(Tick(70, 0, 0))
    desk.room.clock.turn(5_000)
    desk.gate.advance()
    assert (desk.last()["k"], desk.last()["frames"]) == ("beat", 70)


def test_the_quota_of_an_hour(room: Room) -> None:
    desk = make_desk(room, hour=2)
    desk.gate.hear(HELLO)
    for _ in range(3):
        wake = desk.wake()
        desk.gate.hear(wake)
        desk.gate.hear(End(wake.wake_id))
        room.clock.turn(1_000)
    assert [record["k"] for record in desk.after()] == ["wake", "open", "close"] * 2
    assert desk.outside.told[-1] == ("DENIED", "QUOTA")
    for _ in range(13):
        room.clock.turn(299_000)
        desk.gate.advance()
    desk.gate.hear(desk.wake())
    assert desk.gate.state is State.OPEN


def test_no_uplink_no_session(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    desk.outside.uplink_alive = False
    desk.gate.hear(desk.wake())
    assert (desk.after(), desk.outside.told) == ([], [("DENIED", "UPLINK")])


def test_no_room_on_the_disk_no_session(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.gate.hear(HELLO)
    monkeypatch.setattr(desk.evidence, "has_room", lambda: False)
    desk.gate.hear(desk.wake())
    assert (desk.after(), desk.outside.told) == ([], [("DENIED", "DISK")])


def test_other_models_than_the_policys_are_a_fault(desk: Desk) -> None:
    desk.gate.hear(Hello(MODELS[1], MODELS[0]))
    assert (desk.gate.state, desk.last()["code"]) == (State.LATCHED, "model")


def test_an_uplink_that_stops_reading_while_audio_passes_ends_the_session(desk: Desk) -> None:
    wake = desk.opened()
    desk.outside.room = 5  # not even a frame's head
    desk.gate.hear(audio(wake))
    assert (desk.last()["why"], desk.last()["bytes"]) == ("uplink", len(WINDOW))
    assert desk.gate.state is State.DRAIN


def test_a_meter_that_falls_silent_is_told_at_the_next_beat_and_nothing_latches(room: Room) -> None:
    desk = make_desk(room)
    desk.gate.hear(HELLO)
    for _ in range(5):
        room.clock.turn(300_000)
        desk.gate.advance()
    assert [(record["k"], record.get("code")) for record in desk.after()] == [
        ("beat", None), ("beat", None), ("beat", None), ("beat", None), ("fault", "meter"), ("beat", None),
    ]  # fmt: skip
    assert desk.gate.state is State.CLOSED


@pytest.mark.parametrize("room_bytes", [0, 5, 300, 20_000, 48_500])
def test_an_uplink_that_stops_reading_ends_the_session_with_what_it_took(desk: Desk, room_bytes: int) -> None:
    desk.gate.hear(HELLO)
    desk.outside.room = room_bytes
    desk.gate.hear(desk.wake())
    closed = desk.last()
    assert (closed["why"], closed["bytes"]) == ("uplink", len(desk.outside.pcm))
    salt = bytes.fromhex(str(desk.after()[0]["a"]))
    assert closed["sum_h"] == hashlib.sha256(b"wakegate-sum\n" + salt + desk.outside.pcm).hexdigest()
    assert Close not in map(type, desk.outside.uploaded)


def test_the_uplink_goes_between_sessions(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    desk.gate.uplink_gone()
    assert (desk.after(), desk.gate.state) == ([], State.CLOSED)
    desk.gate.hear(desk.wake())
    assert desk.outside.told == [("DENIED", "UPLINK")]


def test_the_uplink_goes_inside_a_session(desk: Desk) -> None:
    desk.opened()
    desk.outside.uplink_alive = False
    desk.gate.uplink_gone()
    assert (desk.last()["why"], desk.gate.state) == ("uplink", State.DRAIN)


@pytest.mark.parametrize("wrong", [{"start": 90_001}, {"start": 89_999}, {"pcm": b"odd"}])
def test_a_hole_or_half_a_sample_is_a_fault(desk: Desk, wrong: dict[str, int | bytes]) -> None:
    wake = desk.opened()
    desk.gate.hear(replace(audio(wake), **wrong))
    assert [record["k"] for record in desk.after()] == ["wake", "open", "close", "fault"]
    assert (desk.after()[2]["why"], desk.last()["code"], desk.outside.pcm) == ("proto", "order", WINDOW)


@pytest.mark.parametrize(("cap_bytes", "passed"), [(48_640, 48_640), (48_639, 48_320), (48_638, 48_320)])
def test_the_byte_cap_lets_no_byte_beyond_it(room: Room, cap_bytes: int, passed: int) -> None:
    desk = make_desk(room, cap_b=cap_bytes)
    wake = desk.opened()
    room.clock.turn(100)
    for count in range(3):
        desk.gate.hear(audio(wake, count))
    assert (desk.last()["why"], desk.last()["bytes"], desk.gate.state) == ("cap_b", passed, State.DRAIN)


def test_the_time_cap_needs_no_input(desk: Desk) -> None:
    desk.opened()
    assert desk.gate.next_ms() == desk.room.clock.boot_ms() + 15_000
    desk.room.clock.turn(14_999)
    desk.gate.advance()
    assert desk.gate.state is State.OPEN
    desk.room.clock.turn(1)
    desk.gate.advance()
    assert (desk.last()["why"], desk.last()["ms"]) == ("cap_ms", 0)
    assert desk.outside.told[-1] == ("CLOSED", "CAP_TIME")


def test_audio_faster_than_real_time_is_cut(desk: Desk) -> None:
    """A wake may be 4 s old and its session opens late: so much may come at once, and no more."""
    wake = desk.opened()
    for count in range(450):
        if desk.gate.state is State.OPEN:
            desk.gate.hear(audio(wake, count))
    assert (desk.last()["why"], len(desk.outside.pcm)) == ("rate", len(WINDOW) + 409 * 320)


def test_a_listen_that_was_held_up_for_four_seconds_catches_up(desk: Desk) -> None:
    wake = desk.wake(wake_id=desk.room.clock.boot_ms() - 4_000)
    for message in (HELLO, wake):
        desk.gate.hear(message)
    for count in range(400):
        desk.gate.hear(audio(wake, count))
    assert (desk.gate.state, len(desk.outside.pcm)) == (State.OPEN, len(WINDOW) + 400 * 320)


def test_a_late_close_does_not_look_like_an_overrun(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    wake = desk.opened()
    desk.room.clock.turn(14_000)
    desk.gate.hear(audio(wake))
    desk.room.clock.turn(30_000)
    desk.gate.hear(audio(wake, 1))
    assert (desk.last()["why"], desk.last()["ms"]) == ("cap_ms", 14_000)


@pytest.mark.parametrize("too_much", ["bytes", "time"])
def test_listen_must_learn_of_the_end(desk: Desk, too_much: str) -> None:
    wake = desk.into(State.DRAIN)
    desk.gate.hear(audio(wake))
    assert desk.gate.state is State.DRAIN
    if too_much == "time":
        desk.room.clock.turn(DRAIN_MS)
        desk.gate.hear(audio(wake, 1))
    else:
        for count in range(DRAIN_BYTES // 320):
            desk.gate.hear(audio(wake, count))
    assert (desk.gate.state, desk.last()["code"]) == (State.LATCHED, "state")


def test_a_beat_says_what_was_heard_and_passed(desk: Desk) -> None:
    wake = desk.opened()
    desk.gate.hear(End(wake.wake_id))
    for _ in range(2):
        desk.gate.hear(Tick(100, 3, 2))
    desk.room.clock.turn(300_000)
    assert desk.gate.next_ms() <= desk.room.clock.boot_ms()
    desk.gate.advance()
    beat = desk.last()
    assert (beat["frames"], beat["sess"], beat["pass_b"], beat["muted"]) == (200, 1, 48_000, False)
    desk.room.clock.turn(300_000)
    desk.gate.advance()
    assert desk.last()["frames"] == 0


def test_a_tally_once_a_day_and_at_the_end(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    desk.gate.hear(Tick(100, 5, 4))
    for _ in range(288):
        desk.room.clock.turn(300_000)
        desk.gate.advance()
    desk.gate.hear(Tick(100, 1, 0))
    desk.gate.finish("shutdown")
    tallies = [(record["cand"], record["rej"], record["ms"]) for record in desk.after() if record["k"] == "tally"]
    assert tallies == [(5, 4, 86_400_000), (1, 0, 0)]


def test_a_day_ends_outside_a_session_only(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    assert not desk.gate.day_over()
    desk.room.clock.turn(86_400_000)
    assert desk.gate.day_over()
    desk.gate.hear(desk.wake())
    assert not desk.gate.day_over()
    desk.gate.uplink_gone()
    desk.gate.renewed()
    assert not desk.gate.day_over()


def test_an_orderly_end_inside_a_session(desk: Desk) -> None:
    desk.opened()
    assert desk.gate.listen_gone(asked=True, whole=True) == "shutdown"
    desk.gate.finish("shutdown")
    assert [record["k"] for record in desk.after()] == ["wake", "open", "close", "beat", "tally", "stop"]
    assert desk.after()[2]["why"] == "shutdown"


@pytest.mark.parametrize(("asked", "whole"), [(False, True), (True, False), (False, False)])
def test_an_end_of_listen_that_nobody_asked_for_is_a_fault(desk: Desk, asked: bool, whole: bool) -> None:
    desk.opened()
    assert desk.gate.listen_gone(asked=asked, whole=whole) == "fault"
    assert [record["k"] for record in desk.after()] == ["wake", "open", "close", "fault"]
    assert (desk.after()[2]["why"], desk.last()["code"]) == ("listen", "eof")


def test_an_end_of_listen_between_sessions_that_nobody_asked_for_is_a_fault_too(desk: Desk) -> None:
    desk.gate.hear(HELLO)
    assert desk.gate.listen_gone(asked=False, whole=True) == "fault"
    assert [(record["k"], record["code"]) for record in desk.after()] == [("fault", "eof")]


def test_every_reason_of_a_close_can_be_told() -> None:
    told = {why: reason_of(why).name for why in CLOSE_REASONS}
    assert told == {
        "end": "END", "cap_b": "CAP_BYTES", "cap_ms": "CAP_TIME", "rate": "RATE", "mute": "MUTE", "stop": "STOP",
        "uplink": "UPLINK", "listen": "LISTEN", "proto": "PROTOCOL", "shutdown": "SHUTDOWN",
    }  # fmt: skip


ANYTHING = st.one_of(
    st.just("advance"), st.just("mute"), st.just("unmute"), st.just("gone"), st.integers(1, 400_000),
    st.just(HELLO), st.builds(Tick, st.integers(0, 200), st.integers(0, 3), st.integers(0, 3)),
    st.just("wake"), st.just("wake"), st.just("audio"), st.just("audio"), st.just("end"), st.just("broken"),
    st.builds(Stop, st.integers(0, 3)), st.builds(End, st.integers(0, 99)), st.builds(Base, st.integers(0, 99)),
    st.builds(Audio, st.integers(0, 3), st.binary(min_size=1, max_size=9)),
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(ANYTHING, max_size=30))
def test_whatever_comes_the_log_holds_and_accounts_for_every_byte(
    tmp_path_factory: pytest.TempPathFactory, events: list[object]
) -> None:
    desk = make_desk(Room(tmp_path_factory.mktemp("any"), HandClock()))
    desk.gate.hear(HELLO)
    wake, count = desk.wake(), 0
    for event in events:
        desk.room.clock.turn(7)
        match event:
            case "advance":
                desk.gate.advance()
            case "mute" | "unmute":
                desk.outside.mute = event == "mute"
                desk.gate.advance()
            case "gone":
                desk.outside.uplink_alive = False
                desk.gate.uplink_gone()
            case "broken":
                desk.gate.broken("frame")
            case "wake":
                wake, count = desk.wake(), 0
                desk.gate.hear(wake)
            case "audio":
                desk.gate.hear(audio(wake, count))
                count += 1
            case "end":
                desk.gate.hear(End(wake.wake_id))
            case int(later):
                desk.room.clock.turn(later)
                desk.gate.advance()
            case message:
                desk.gate.hear(message)  # type: ignore[arg-type]  # the rest of ANYTHING
    desk.gate.finish("fault" if desk.gate.state is State.LATCHED else "shutdown")
    desk.evidence.close()
    result = desk.room.check()
    assert sum(session.passed_bytes for session in result.sessions) == len(desk.outside.pcm)
    assert all(session.why != "crash" for session in result.sessions)
