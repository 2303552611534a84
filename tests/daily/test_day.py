"""When a day is over, and what is reported of it. A day here is 100 s, of which a wait of up to 16 s is drawn."""

from __future__ import annotations

import pytest

from wakeword.daily.day import CANCEL_MS, Days

DAY_S = 100


def plain(counts: dict[str, int]) -> tuple[int, ...]:
    """No noise."""
    return tuple(counts.get(name, 0) for name in ("wakes", "cand", "rej", "cancel"))


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Days:
    monkeypatch.setattr("wakeword.daily.day.secrets.randbelow", lambda below: below - 1)  # the longest wait: 15 s
    return Days(1_000, plain, DAY_S)


# second   850   915        1015        1115
#           |-----|----------|-----------|
#   started ^ not whole  day 9  told ^ day 10 told ^
def test_a_whole_day_is_reported_once_when_it_and_the_wait_are_over(days: Days) -> None:
    assert days.due(850) is None
    days.count("wakes")
    assert days.due(915) is None
    days.count("wakes")
    days.count("cand")
    days.count("cand")
    days.ended(CANCEL_MS)
    days.ended(CANCEL_MS + 1)
    assert days.due(1_014.9) is None
    report = days.due(1_015)
    assert report
    assert report.values() == [9, 1, 2, 0, 1, 1_000, 0]
    assert days.due(1_015) is None


def test_a_day_without_events_is_reported_too(days: Days) -> None:
    told = [days.due(second) for second in range(850, 1_350)]
    assert [report.values()[:2] for report in told if report] == [[9, 0], [10, 0], [11, 0], [12, 0]]


@pytest.mark.parametrize("second", [-4_000, 4_020])
def test_after_the_clock_was_set_the_day_it_fell_in_is_not_reported(days: Days, second: int) -> None:
    for before in range(850, 1_000):
        days.due(before)
    told = [days.due(after) for after in range(second, second + 300)]
    assert [report.day for report in told if report] == [(second - 15) // DAY_S + 1, (second - 15) // DAY_S + 2]


def test_days_that_were_slept_through_are_not_reported_nor_that_of_the_waking(days: Days) -> None:
    seconds = [*range(850, 1_020), *range(1_230, 1_500)]  # from day 10 into day 12
    assert [report.day for second in seconds if (report := days.due(second))] == [9, 13]


def test_what_is_not_counted_is_a_mistake(days: Days) -> None:
    with pytest.raises(AssertionError, match="steps"):
        days.count("steps")
