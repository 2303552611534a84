"""One pass answers for all thresholds: checked against the daemon's own detector at thresholds that are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword import model
from wakeword.eval.score import Scored, Scorer
from wakeword.events import Verdict
from wakeword.model import Point
from wakeword.pipeline.pipeline import Detector
from wakeword.replay import replay

WORDS = ("computer", "jarvis", "alexa")


@pytest.fixture(scope="module")
def models() -> list[model.Model]:
    return [model.load(word) for word in WORDS]


@pytest.fixture(scope="module")
def scored(models: list[model.Model], room: np.ndarray) -> Scored:
    return Scorer(models).score([room])


@given(st.lists(st.floats(0.05, 0.999), min_size=3, max_size=3))
@settings(max_examples=6)
def test_any_thresholds_make_the_candidates_that_the_detector_makes(
    models: list[model.Model], room: np.ndarray, scored: Scored, thresholds: list[float]
) -> None:
    detector = Detector(models, [Point(threshold, 1.0) for threshold in thresholds])  # stage 2 is never satisfied
    verdicts = [event for event in replay([room], detector, None) if isinstance(event, Verdict)]
    expected = [
        (WORDS.index(one.candidate.word), one.candidate.end, one.candidate.decided, one.candidate.stage1, one.stage2)
        for one in verdicts
    ]
    read = [one for one in scored.asked if one.above < thresholds[one.word] <= one.upto]
    found = [(one.word, 640 * (one.peak + 1), 640 * (one.decided + 1), one.stage1, one.stage2) for one in read]
    assert found == expected


def test_the_lowest_threshold_has_its_candidates(models: list[model.Model], room: np.ndarray, scored: Scored) -> None:
    detector = Detector(models, [Point(0.5, 0.5)] * 3, floor=True)
    verdicts = [event for event in replay([room], detector, None) if isinstance(event, Verdict)]
    lowest = [(one.word, one.stage1, one.stage2) for one in scored.asked if one.above == 0]
    assert lowest == [(WORDS.index(one.candidate.word), one.candidate.stage1, one.stage2) for one in verdicts]
    assert len(lowest) > 10


def test_cuts_do_not_matter_and_nothing_remains_of_the_last_recording(
    models: list[model.Model], room: np.ndarray, scored: Scored
) -> None:
    scorer = Scorer(models)
    scorer.score([room[300_000:500_001]])
    assert scorer.score(room[at : at + 12_345] for at in range(0, len(room), 12_345)) == scored


def test_packing_changes_nothing(scored: Scored) -> None:
    assert Scored.unpack(scored.pack()) == scored
    assert scored.samples == 1_165_344 or scored.samples > 1_000_000


@pytest.mark.parametrize("sound", [np.zeros(0, np.int16), np.zeros(1, np.int16), np.zeros(20_000, np.int16)])
def test_silence_and_nothing_are_heard_too(models: list[model.Model], sound: np.ndarray) -> None:
    scored = Scorer(models).score([sound])
    assert (scored.samples, scored.asked) == (len(sound), ())
    assert Scored.unpack(scored.pack()) == scored
