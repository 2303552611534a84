"""A recording through pipeline and sessions, as the daemon would hear it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.events import Candidate, Event, Verdict, Voice
from wakeword.pipeline.pipeline import Detector
from wakeword.replay import TAIL_UNITS, Ended, replay
from wakeword.settings import SessionSettings

UNIT = 1280
SESSION = SessionSettings()


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load("computer", "jarvis", "alexa")


def play(
    detector: Detector, blocks: Iterator[np.ndarray] | list[np.ndarray], session: SessionSettings | None = SESSION
) -> list:
    detector.reset()
    return list(replay(blocks, detector, session))


def split(samples: np.ndarray, lengths: list[int]) -> Iterator[np.ndarray]:
    at, turn = 0, 0
    while at < len(samples):
        yield samples[at : at + lengths[turn % len(lengths)]]
        at, turn = at + lengths[turn % len(lengths)], turn + 1


def wakes(events: list[Event | Ended]) -> list[Verdict]:
    return [event for event in events if isinstance(event, Verdict) and event.accepted]


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=20))
@settings(max_examples=8)
def test_cuts_do_not_matter(detector: Detector, room: np.ndarray, lengths: list[int]) -> None:
    assert play(detector, split(room, lengths)) == play(detector, [room])


def test_every_wake_opens_a_session_and_every_session_ends_once(detector: Detector, room: np.ndarray) -> None:
    events = play(detector, [room])
    opened = [verdict.candidate.decided for verdict in wakes(events)]
    ended = [event for event in events if isinstance(event, Ended)]
    assert [event.opened for event in ended] == opened
    assert len(opened) >= 4
    for event in ended:
        assert 0 < event.at - event.opened <= SESSION.cap_ms * 16 + UNIT


# session          |wake ------------- silence|  refractory  |
# candidates                 none               none           again
def test_nothing_is_judged_in_a_session_nor_right_after(detector: Detector, room: np.ndarray) -> None:
    until = 0
    for event in play(detector, [room]):
        if isinstance(event, Candidate):
            assert event.decided > until
        if isinstance(event, Verdict) and event.accepted:
            until = 10**9
        if isinstance(event, Ended):
            until = event.at + SESSION.refractory_ms * 16


def test_without_sessions_every_candidate_is_judged(room: np.ndarray) -> None:
    floor = Detector.load("computer", floor=True)
    events = play(floor, [room], None)
    floor.reset()
    assert [e for e in events if not isinstance(e, Voice)] == [
        e for e in floor.process(room) if not isinstance(e, Voice)
    ]
    assert not any(isinstance(event, Ended) for event in events)


def test_a_session_ends_at_its_cap_when_nobody_falls_silent(detector: Detector, room: np.ndarray) -> None:
    first = wakes(play(detector, [room]))[0].candidate.decided
    talk = room[68_000:108_000]  # 4.25 to 6.75 s: a sentence about a train
    endless = np.concatenate([room[:first], np.tile(talk, 9)])
    ended = next(event for event in play(detector, [endless]) if isinstance(event, Ended))
    assert (ended.why, ended.at - ended.opened) == ("cap", pytest.approx(SESSION.cap_ms * 16, abs=UNIT))


def test_a_word_at_the_very_end_of_a_recording_is_still_decided(detector: Detector, room: np.ndarray) -> None:
    """Cut off where the word ends, before the trigger could wait for the peak."""
    for wake in wakes(play(detector, [room])):
        cut = play(detector, [room[: wake.candidate.end]])
        assert wake.candidate.word in [verdict.candidate.word for verdict in wakes(cut)]


def test_a_recording_that_ends_within_a_session_says_so(detector: Detector, room: np.ndarray) -> None:
    first = wakes(play(detector, [room]))[0].candidate.decided
    cut = play(detector, [room[: first + 8_000]])
    assert [event.why for event in cut if isinstance(event, Ended)] == ["end"]


@pytest.mark.parametrize("length", [0, 1, UNIT, UNIT + 1])
def test_the_tail_is_silence_in_whole_units(detector: Detector, length: int) -> None:
    assert play(detector, [np.zeros(length, np.int16)]) == []
    assert detector.heard == (-(-length // UNIT) + TAIL_UNITS) * UNIT
