"""One wake, one utterance: as many pairs as there can be, and the rest are false accepts and misses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wakeword.eval.match import TOLERANCE_S, Window, lies_in, pair

places = st.floats(0, 20, width=16)
windows = st.builds(lambda start, length: Window(start, start + length), places, st.floats(0.125, 4, width=16))


def most_pairs(given_windows: list[Window], times: list[float]) -> int:
    """Kuhn's augmenting paths: a maximum matching of any bipartite graph."""
    taken: dict[int, int] = {}

    def place(time: int, tried: set[int]) -> bool:
        for number, window in enumerate(given_windows):
            if window.holds(times[time]) and number not in tried:
                tried.add(number)
                if number not in taken or place(taken[number], tried):
                    taken[number] = time
                    return True
        return False

    return sum(place(time, set()) for time in range(len(times)))


@given(st.lists(windows, max_size=8), st.lists(places, max_size=8))
def test_as_many_pairs_as_there_can_be(given_windows: list[Window], times: list[float]) -> None:
    found = pair(given_windows, times)
    paired = [number for number in found if number is not None]
    assert len(paired) == len(set(paired)) == most_pairs(given_windows, times)
    assert all(number is None or given_windows[number].holds(time) for number, time in zip(found, times, strict=True))


# second        0    1    2    3    4    5
# utterances         |--comp--|     |--comp--|
# wakes                   ^   ^                  -> hit, false accept (one to one), miss
def test_a_second_wake_on_one_utterance_is_a_false_accept() -> None:
    assert pair([Window(1, 2), Window(4, 5)], [1.5, 2.1]) == [0, None]


# second        0    1    2    3
# utterances         |---1---|
#                        |---2----|
# wakes                     ^ ^                  each takes one, though either could take the first
def test_overlapping_windows_share_their_wakes() -> None:
    assert sorted(map(str, pair([Window(1, 2), Window(1.5, 2.6)], [1.9, 2.2]))) == ["0", "1"]


def test_the_window_ends_with_the_tolerance() -> None:
    window = Window(1, 2)
    assert [window.holds(at) for at in (0.99, 1, 2 + TOLERANCE_S, 2.01 + TOLERANCE_S)] == [False, True, True, False]


def test_a_candidate_in_two_windows_lies_in_the_one_whose_word_ends_nearest() -> None:
    both = [Window(0, 3), Window(1, 1.5)]
    assert (lies_in(both, 1.6), lies_in(both, 2.9), lies_in(both, 9)) == (1, 0, None)
