"""What one pass says of a point is what the daemon does at it, or it says that it is not certain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from wakeword import model
from wakeword.eval.decide import Course, decide, replayed
from wakeword.eval.score import Asked, Scored, Scorer
from wakeword.model import Point
from wakeword.pipeline.pipeline import Detector
from wakeword.settings import SessionSettings

UNIT = 1280
POINT = Point(0.5, 0.5)
WORDS = ("computer", "jarvis", "alexa")
SHORT = SessionSettings(silence_ms=200, patience_ms=300, cap_ms=1_500, refractory_ms=0)  # begins anew in mid speech


@pytest.fixture(scope="module")
def models() -> list[model.Model]:
    return [model.load(word) for word in WORDS]


@pytest.fixture(scope="module")
def detector(models: list[model.Model]) -> Detector:
    return Detector(models, [Point(1, 1)] * 3)


@pytest.fixture(scope="module")
def parts(models: list[model.Model], room: np.ndarray) -> list[tuple[np.ndarray, Scored]]:
    """The room in eight parts, each with its one pass."""
    scorer = Scorer(models)
    cuts = [room[at : at + len(room) // 8] for at in range(0, len(room) - len(room) // 8 + 1, len(room) // 8)]
    return [(cut, scorer.score([cut])) for cut in cuts]


@given(
    st.integers(0, 7), st.lists(st.floats(0.05, 1), min_size=3, max_size=3), st.sampled_from([0.0, 0.05, 0.5, 0.9]),
    st.sampled_from([SessionSettings(), SHORT]),
)  # fmt: skip
@settings(max_examples=40)
def test_what_is_certain_is_what_the_daemon_does(
    detector: Detector, parts: list, part: int, stage1: list[float], stage2: float, session: SessionSettings
) -> None:
    room, scored = parts[part]
    points = [Point(threshold, stage2) for threshold in stage1]
    detector.points = points
    detector.reset()
    found, expected = decide(scored, points, session), replayed([room], detector, session)
    event(f"certain: {found.certain}, wakes: {sum(one.accepted for one in expected.decisions)}")
    if found.certain:
        assert found.decisions == expected.decisions
    first = next((number for number, one in enumerate(expected.decisions) if one.accepted), len(expected.decisions))
    assert found.decisions[: first + 1] == expected.decisions[: first + 1]  # up to the first wake it always is


def test_both_answers_occur(parts: list) -> None:
    """Else the test above would say little."""
    loose = [Point(0.3, 0.0)] * 3
    answers = {decide(scored, loose, session).certain for _, scored in parts for session in (SHORT, SessionSettings())}
    assert answers == {True, False}


def course(voiced: str, session: SessionSettings, history: int = 14) -> Course:
    bits = np.packbits(np.array([mark == "v" for mark in voiced]), bitorder="little").tobytes()
    return Course(Scored(len(voiced) * UNIT, history, bits, len(voiced), ()), session)


def asked(unit: int) -> Asked:
    return Asked(0, 2 * unit, 2 * unit + 1, unit, 0.9, 0.9, 0.0, 0.9)


# unit       0         1         2         3
#            0123456789012345678901234567890
# voice      vvvvvvvvvvvv.......................      the wake is decided in unit 9; the last voice is in unit 11
# session             |opened         |silence        900 ms of quiet are reached with unit 23
def test_a_session_ends_when_the_talker_has_been_silent_for_long_enough() -> None:
    quiet = course("v" * 12 + "." * 30, SessionSettings(silence_ms=900, refractory_ms=1000))
    assert quiet.session_ends(asked(9)) == (12 + 12) * UNIT
    assert quiet.rest_until(asked(9), POINT) == (12 + 12) * UNIT + 16_000
    assert quiet.rest_until(asked(9), replace(POINT, refractory_ms=250)) == (12 + 12) * UNIT + 4_000


def test_a_recording_that_ends_in_a_session_has_no_more_decisions() -> None:
    short = course("v" * 12, SessionSettings())
    assert short.session_ends(asked(9)) is None
    assert short.rest_until(asked(9), POINT) == 12 * UNIT


# after a session that ends with unit 10:
@pytest.mark.parametrize(
    ("voiced", "until"),
    [
        ("v" * 2 + "." * 20, 10),  # nobody speaks again
        ("v" * 2 + "." * 28 + "v" * 3 + "." * 20, 10),  # somebody does, long after: stage 1 begins as it would anyway
        ("v" * 2 + "." * 13 + "v" * 3 + "." * 20, 26),  # sooner: with less to look back on, until voice falls silent
        ("v" * 15 + "." * 20, 23),  # somebody still speaks
        ("v" * 15, 15),  # to the end
    ],
)
def test_scores_are_uncertain_where_stage_1_has_less_to_look_back_on(voiced: str, until: int) -> None:
    assert course(voiced, SessionSettings()).uncertain_until(10 * UNIT) == until * UNIT
