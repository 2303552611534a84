"""What is written down because a neighbour says so: which records, and never more than so many."""

from __future__ import annotations

import pytest

from wakeword.clerk import (
    HOUR_MS,
    METER_SILENT_MS,
    ON_THE_WAY_MS,
    SETTLED_MS,
    SILENT_MS,
    STRAY_BYTES,
    UNSTEADY_MS,
    Clerk,
    Ration,
    Reports,
)
from wakeword.evidence.record import EVERY, MAX_WHOLE, Record, problem
from wakeword.messages import FrameError, Tick
from wakeword.notices import Ailment, Collect, Collecting, Count, Notice, Sent, Stats, Trouble, UplinkWalls, Walls

T0 = 10_000_000


@pytest.fixture
def clerk() -> Clerk:
    return Clerk(T0, "nft", Reports(epsilon=1_000, budget=2_500, every_days=7))


def take(clerk: Clerk, notice: Notice, at_ms: int = T0, *, idle: bool = True) -> list[Record]:
    """Every record that comes out fits the schema."""
    records = clerk.take(notice, at_ms, idle=idle)
    common: Record = {"e": 1, "n": 0, "s": "0" * 32, "t": 0, "w": 0}
    assert set(common) == set(EVERY)
    assert [problem(record | common) for record in records] == [""] * len(records)
    return records


def test_a_ration_grows_again_and_never_beyond_its_most() -> None:
    ration = Ration(2, 1_000, 0)
    assert [ration.take(0) for _ in range(3)] == [True, True, False]
    assert [ration.take(at) for at in (999, 1_000, 1_001, 2_500, 2_999, 3_000)] == [
        False, True, False, True, False, True,
    ]  # fmt: skip
    assert [ration.take(100_000) for _ in range(3)] == [True, True, False]


def test_each_process_tells_its_walls_once(clerk: Clerk) -> None:
    [listen], [uplink] = take(clerk, Walls(*[97] * 12)), take(clerk, UplinkWalls(-1, -1, *[13] * 10))
    assert (listen["who"], listen["inet"], listen["wx"]) == ("listen", 97, 97)
    assert (uplink["who"], uplink["inet"], uplink["wx"]) == ("uplink", -1, 13)
    for again in (Walls(*[0] * 12), UplinkWalls(*[0] * 12)):
        with pytest.raises(FrameError, match="twice"):
            take(clerk, again)


def test_a_microphone_that_ails_all_day_makes_a_bounded_log(clerk: Clerk) -> None:
    records: list[Record] = []
    for second in range(86_400):
        records += take(clerk, Trouble(Ailment.CLIPPING + 0 * second), T0 + 1_000 * second)
    records += [record for record in clerk.tally(T0 + 86_400_000) if record["k"] == "fault"]
    assert len(records) <= 40 + 144 + 1
    assert sum(int(record["arg"]) for record in records) == 86_400
    assert {(record["code"], record["latch"]) for record in records} == {("clipping", False)}


@pytest.mark.parametrize("ailment", Ailment)
def test_each_ailment_has_its_code(clerk: Clerk, ailment: Ailment) -> None:
    [record] = take(clerk, Trouble(ailment))
    assert (record["k"], record["code"], record["arg"]) == ("fault", ailment.name.lower(), 1)


def test_a_day_of_ticks_is_a_tally_and_a_hold(clerk: Clerk) -> None:
    for _ in range(10):
        clerk.tick(Tick(100, 3, 2, 1, 50), T0)
    assert clerk.frames() == 1_000
    assert clerk.frames() == 0
    clerk.denied = 4
    assert clerk.tally(T0 + 5) == [
        {"k": "tally", "cand": 30, "rej": 20, "deny": 4, "ms": 5}, {"k": "hold", "count": 10, "ms": 5_000},
    ]  # fmt: skip
    assert clerk.tally(T0 + 6) == [{"k": "tally", "cand": 0, "rej": 0, "deny": 0, "ms": 1}]


def test_no_number_of_ticks_outgrows_a_record(clerk: Clerk) -> None:
    clerk._sums["held"] = MAX_WHOLE // 10 - 1
    clerk.tick(Tick(200, 200, 200, 200, 200), T0)
    common: Record = {"e": 1, "n": 0, "s": "0" * 32, "t": 0, "w": 0}
    assert [problem(record | common) for record in clerk.tally(T0)] == ["", ""]


def test_a_silence_is_told_when_it_ends(clerk: Clerk) -> None:
    clerk.hears_from(T0)
    assert clerk.tick(Tick(0, 0, 0), T0 + SILENT_MS + 1) == 0
    assert clerk.tick(Tick(100, 0, 0), T0 + SILENT_MS) == 0
    assert clerk.tick(Tick(100, 0, 0), T0 + 2 * SILENT_MS + 1) == SILENT_MS + 1
    told = [clerk.tick(Tick(1, 0, 0), T0 + 10_000 * number) for number in range(2, 200)]
    assert sum(silent > 0 for silent in told) < 50  # rationed


def test_consent_and_what_was_kept(clerk: Clerk) -> None:
    [given] = take(clerk, Collect(Collecting.ON, 0, 1_800_000_000))
    assert (given["why"], given["until"], given["kept"]) == ("on", 1_800_000_000, 0)
    records = [record for _ in range(30) for record in take(clerk, Collect(Collecting.DAY, 5, 1_800_000_000))]
    assert (len(records), records[-1]["kept"]) == (9, 5)
    [later] = take(clerk, Collect(Collecting.FORGOTTEN, 1, 0), T0 + HOUR_MS)
    assert (later["why"], later["kept"]) == ("forgotten", 21 * 5 + 1)


def report(day: int, epsilon: int = 1_000) -> Stats:
    return Stats(day, 3, -4, 5, -6, epsilon, 0)


def test_one_report_a_day_and_only_by_consent(clerk: Clerk) -> None:
    [record] = take(clerk, report(20_000))
    assert (record["day"], record["cand"], record["eps"], record["spent"]) == (20_000, -4, 1_000, 1_000)
    assert record["bytes"] == len(b'{"cancel":-6,"cand":-4,"day":20000,"eps":1000,"rej":5,"v":1,"wakes":3}')
    with pytest.raises(FrameError, match="second one"):
        take(clerk, report(20_007), T0 + 20 * HOUR_MS - 1)
    assert take(clerk, report(20_007), T0 + 20 * HOUR_MS)
    with pytest.raises(FrameError, match="nobody consented"):
        take(Clerk(T0), report(20_000))
    with pytest.raises(FrameError, match="nobody consented"):
        take(clerk, report(20_014, epsilon=2_000), T0 + 40 * HOUR_MS)


def test_of_seven_days_one_is_reported(clerk: Clerk) -> None:
    told = [take(clerk, report(20_000 + day), T0 + 24 * day * HOUR_MS) for day in range(9)]
    assert [bool(records) for records in told] == [True, *[False] * 6, True, False]


def test_a_spent_budget_ends_reporting_and_says_so(clerk: Clerk) -> None:
    told = [take(clerk, report(20_000 + 7 * turn), T0 + 168 * turn * HOUR_MS) for turn in range(4)]
    assert [(record["bytes"] > 0, record["day"], record["spent"]) for [record] in told] == [
        (True, 20_000, 1_000), (True, 20_007, 2_000), (False, 20_007, 2_000), (False, 20_007, 2_000),
    ]  # fmt: skip
    assert [told[2][0][name] for name in ("wakes", "cand", "rej", "cancel")] == [0, 0, 0, 0]


def test_what_was_spent_is_said_again_at_each_start(clerk: Clerk) -> None:
    assert clerk.start_records()[-1]["k"] == "kcount"
    take(clerk, report(20_000))
    repeated = clerk.start_records()[-1]
    assert [repeated[name] for name in ("k", "day", "eps", "spent", "bytes")] == ["stats", 20_000, 1_000, 1_000, 0]
    withdrawn = Clerk(T0, reports=Reports(day=20_000, cost=1_000, spent=1_000))
    assert withdrawn.start_records()[-1] == repeated
    with pytest.raises(FrameError, match="nobody consented"):
        take(withdrawn, report(20_007))


@pytest.mark.parametrize(
    ("source", "said", "records"),
    [("none", (False, False), 1), ("own", (False, True), 2), ("bpf", (True, True), 2), ("nft", (True, True), 2)],
)
def test_a_start_says_what_is_counted(source: str, said: tuple[bool, bool], records: int) -> None:
    told = Clerk(T0, source).start_records()
    assert (told[0]["src"], (told[0]["eg"], told[0]["uq"]), len(told)) == (source, said, records)
    assert all((record["src"], record["uq_b"]) == ("own", 0) for record in told[1:])


def test_the_uplinks_own_count_is_written_when_nothing_is_on_its_way(clerk: Clerk) -> None:
    for sid in (1, 2):
        clerk.announced(sid)
    assert take(clerk, Sent(1, 500)) == []
    [record] = take(clerk, Sent(2, 900))
    assert (record["src"], record["uq_b"], record["eg_b"]) == ("own", 900, 0)
    clerk.announced(3)
    assert take(clerk, Sent(3, 950), idle=False) == []
    with pytest.raises(FrameError, match="no session 3"):
        take(clerk, Sent(3, 950))
    clerk.announced(4)
    with pytest.raises(FrameError, match="count fell") as caught:
        take(clerk, Sent(4, 949))
    assert caught.value.code == "meter"


def test_without_a_meter_nothing_is_counted() -> None:
    clerk = Clerk(T0, "none")
    clerk.announced(1)
    assert take(clerk, Sent(1, 5)) == []
    with pytest.raises(FrameError, match="nobody asked for"):
        take(clerk, Count(1, 2, 3, 4))


def counted(clerk: Clerk, count: Count, at_ms: int = T0, *, idle: bool = True) -> list[Record]:
    """A meter that says the same twice: it stands still."""
    return take(clerk, count, at_ms, idle=idle) + take(clerk, count, at_ms, idle=idle)


def test_the_kernels_count_is_written_once_an_hour_and_once_after_each_session(clerk: Clerk) -> None:
    [first] = counted(clerk, Count(7, 10, 20, 30))
    assert first == {"k": "kcount", "gen": "0" * 15 + "7", "eg_b": 10, "in_b": 20, "uq_b": 30, "src": "nft"}
    assert counted(clerk, Count(7, 11, 20, 30), T0 + HOUR_MS - 1) == []
    assert counted(clerk, Count(7, 12, 20, 30), T0 + HOUR_MS)
    clerk.announced(1)
    clerk.closed(T0 + HOUR_MS)
    later = T0 + HOUR_MS
    assert counted(clerk, Count(7, 13, 20, 30), later + SETTLED_MS) == []  # still on its way
    take(clerk, Sent(1, 3))
    assert counted(clerk, Count(7, 14, 20, 30), later + SETTLED_MS - 1) == []
    assert counted(clerk, Count(7, 15, 20, 30), later + SETTLED_MS, idle=False) == []
    [after] = counted(clerk, Count(7, 16, 20, 30), later + SETTLED_MS)
    assert after["eg_b"] == 16
    assert counted(clerk, Count(7, 17, 20, 30), later + SETTLED_MS) == []


def test_what_is_sent_although_nothing_is_open_is_written_down_at_once(clerk: Clerk) -> None:
    counted(clerk, Count(7, 100, 20, 30))
    assert counted(clerk, Count(7, 100 + STRAY_BYTES, 20, 30)) == []  # late ends of connections
    [packets] = counted(clerk, Count(7, 101 + STRAY_BYTES, 20, 30))
    [payload] = counted(clerk, Count(7, 101 + STRAY_BYTES, 20, 31))
    [anew] = counted(clerk, Count(8, 0, 0, 0))
    assert (packets["eg_b"], payload["uq_b"], anew["gen"]) == (101 + STRAY_BYTES, 31, "0" * 15 + "8")


def test_an_uplink_that_sends_all_day_makes_a_bounded_log(clerk: Clerk) -> None:
    records = [record for second in range(3_600) for record in take(clerk, Count(7, 0, 0, second), T0 + 1_000 * second)]
    assert 0 < len(records) <= 40 + 6 + 2
    assert int(records[-1]["uq_b"]) >= 3_000


def test_counts_that_never_stand_still_are_waited_for_a_minute(clerk: Clerk) -> None:
    clerk.closed(T0)
    assert take(clerk, Count(7, 1, 0, 0), T0 + UNSTEADY_MS - 1) == []
    assert take(clerk, Count(7, 2, 0, 0), T0 + UNSTEADY_MS)


def test_a_meter_that_falls_silent_is_told_once(clerk: Clerk) -> None:
    take(clerk, Count(7, 1, 2, 3))
    late = T0 + METER_SILENT_MS + 1
    assert [clerk.meter_silent(at) for at in (late - 1, late, late + 1)] == [False, True, False]
    take(clerk, Count(7, 1, 2, 3), late + 2)
    assert clerk.meter_silent(late + 3 + METER_SILENT_MS)
    assert not Clerk(T0, "own").meter_silent(late)


def test_an_uplink_that_never_reports_holds_the_kernels_count_up_for_two_minutes_only(clerk: Clerk) -> None:
    counted(clerk, Count(7, 10, 20, 30))
    clerk.announced(1)
    clerk.closed(T0)
    assert counted(clerk, Count(7, 11, 20, 30), T0 + ON_THE_WAY_MS - 1) == []
    assert counted(clerk, Count(7, 11, 20, 30), T0 + ON_THE_WAY_MS)


@pytest.mark.parametrize("fallen", [(9, 20, 30), (10, 19, 30), (10, 20, 29)])
def test_a_counter_that_falls_is_a_fault_unless_it_began_anew(clerk: Clerk, fallen: tuple[int, int, int]) -> None:
    take(clerk, Count(7, 10, 20, 30))
    take(clerk, Count(8, *fallen))
    take(clerk, Count(8, 10, 20, 30))
    with pytest.raises(FrameError, match="fell"):
        take(clerk, Count(8, *fallen))


def test_a_proof_is_looked_up_once_at_the_start_and_once_a_session(clerk: Clerk) -> None:
    assert [clerk.may_base(), clerk.may_base()] == [True, False]
    clerk.closed(T0)
    clerk.closed(T0)
    assert [clerk.may_base() for _ in range(2)] == [True, False]
