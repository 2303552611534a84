"""The whole pipeline on the recorded room: any cut gives the same events, and they are those of a naive reading."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword import model
from wakeword.errors import ConfigError, ModelError
from wakeword.events import Candidate, Event, Verdict, Voice
from wakeword.pipeline.features import OVERLAP_SAMPLES
from wakeword.pipeline.pipeline import (
    FLOOR,
    REFRACTORY_SAMPLES,
    RING_SAMPLES,
    USUAL_WORD_SAMPLES,
    Detector,
)
from wakeword.pipeline.stage1 import PRE_CONTEXT_UNITS, STEP_SAMPLES, Stage1
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES, Stage2
from wakeword.pipeline.trigger import Trigger
from wakeword.pipeline.voice import UNIT_SAMPLES, VoiceDetector

WORDS = ("computer", "jarvis", "alexa")


def run(detector: Detector, samples: np.ndarray, cuts: list[int]) -> list[Event]:
    """The events of a new stream, handed over in blocks of the lengths given, over and over."""
    detector.reset()
    events, at, turn = [], 0, 0
    while at < len(samples):
        length = cuts[turn % len(cuts)]
        events += detector.process(samples[at : at + length])
        at, turn = at + length, turn + 1
    return events


@pytest.fixture(scope="module")
def detector() -> Detector:
    """All words, every candidate from the lowest threshold on: the most events there can be."""
    return Detector.load(*WORDS, floor=True)


@pytest.fixture(scope="module")
def events(detector: Detector, room: np.ndarray) -> list[Event]:
    """The room in one block."""
    return run(detector, room, [len(room)])


def verdicts(events: list[Event]) -> list[Verdict]:
    return [event for event in events if isinstance(event, Verdict)]


# --- the same result two ways


@given(st.lists(st.integers(1, 48_000), min_size=1, max_size=50))
@settings(max_examples=12)
def test_cuts_do_not_matter(detector: Detector, room: np.ndarray, events: list[Event], cuts: list[int]) -> None:
    assert run(detector, room, cuts) == events


@pytest.mark.parametrize("length", [1, 160, 1_000, 100_000])
def test_the_length_of_blocks_does_not_matter(
    detector: Detector, room: np.ndarray, events: list[Event], length: int
) -> None:
    assert run(detector, room, [length]) == events


def test_two_detectors_agree_bit_for_bit(room: np.ndarray, events: list[Event]) -> None:
    assert run(Detector.load(*WORDS, floor=True), room, [len(room)]) == events


def test_an_empty_block_is_nothing(detector: Detector) -> None:
    detector.reset()
    assert detector.process(np.zeros(0, np.int16)) == []
    assert detector.heard == 0


def naive(samples: np.ndarray) -> list[tuple[str, int, float, float]]:
    """Word, decision, both scores: stretch after stretch of voice, without ring, state or order of arrival."""
    loaded = [model.load(word) for word in WORDS]
    voice, speaking = VoiceDetector(), [False]
    for start in range(0, len(samples) - UNIT_SAMPLES + 1, UNIT_SAMPLES):
        speaking.append(voice.push(samples[start : start + UNIT_SAMPLES]))
    opens = [k for k in range(len(speaking) - 1) if speaking[k + 1] and not speaking[k]]
    closes = [k for k in range(1, len(speaking)) if speaking[k] and (k + 1 == len(speaking) or not speaking[k + 1])]
    padded = np.concatenate([np.zeros(SEGMENT_SAMPLES, np.int16), samples])
    found = []
    for opened, closed in zip(opens, closes, strict=True):
        stage1, first = Stage1(loaded), max(opened - PRE_CONTEXT_UNITS, 0)
        scores = []
        for unit in range(first, closed):
            start = SEGMENT_SAMPLES + unit * UNIT_SAMPLES
            scores.append(stage1.push(padded[start - OVERLAP_SAMPLES : start + UNIT_SAMPLES]))
        for word, column in zip(loaded, np.concatenate(scores).T, strict=True):
            trigger = Trigger(FLOOR)
            for firing in filter(None, (trigger.push(float(score)) for score in column)):
                decided = first * UNIT_SAMPLES + (firing.decided + 1) * 640
                found.append(
                    (word.word, decided, firing.score, Stage2(word).judge(padded[decided : decided + SEGMENT_SAMPLES]))
                )
    return sorted(found)


def test_verdicts_are_those_of_a_naive_reading(room: np.ndarray, events: list[Event]) -> None:
    found = [(v.candidate.word, v.candidate.decided, v.candidate.stage1, v.stage2) for v in verdicts(events)]
    assert sorted(found) == naive(room)
    assert len(found) > 10  # else this compares little


# --- what events say


def test_each_candidate_is_followed_by_its_verdict(events: list[Event]) -> None:
    for before, after in pairwise([event for event in events if not isinstance(event, Voice)]):
        if isinstance(before, Candidate):
            assert isinstance(after, Verdict)
            assert after.candidate is before


def test_a_verdict_accepts_exactly_when_both_stages_reach_their_thresholds(
    detector: Detector, events: list[Event]
) -> None:
    points = dict(zip(WORDS, detector.points, strict=True))
    judged = verdicts(events)
    for verdict in judged:
        point = points[verdict.candidate.word]
        assert verdict.accepted == (verdict.candidate.stage1 >= point.stage1 and verdict.stage2 >= point.stage2)
    assert {verdict.accepted for verdict in judged} == {True, False}


def test_positions_are_sample_numbers_that_fit_together(events: list[Event], room: np.ndarray) -> None:
    for verdict in verdicts(events):
        candidate = verdict.candidate
        assert candidate.start == max(0, candidate.end - USUAL_WORD_SAMPLES)
        assert candidate.end <= candidate.decided <= candidate.end + 4 * 640 <= len(room)
        assert verdict.segment_start == candidate.decided - SEGMENT_SAMPLES


def test_voice_opens_and_closes_in_turn_and_candidates_lie_between(events: list[Event]) -> None:
    speaking = False
    for event in events:
        if isinstance(event, Voice):
            assert event.speaking is not speaking
            speaking = event.speaking
        else:
            assert speaking


def test_the_ring_still_holds_the_segment_that_was_judged(detector: Detector, room: np.ndarray) -> None:
    detector.reset()
    for start in range(0, len(room) - UNIT_SAMPLES, UNIT_SAMPLES):
        for verdict in verdicts(detector.process(room[start : start + UNIT_SAMPLES])):
            segment = detector.ring.read(verdict.segment_start, verdict.candidate.decided)
            before = max(0, -verdict.segment_start)
            expected = room[max(0, verdict.segment_start) : verdict.candidate.decided]
            np.testing.assert_array_equal(segment, np.pad(expected, (before, 0)))


# --- without the floor: the daemon's own mode


def test_after_a_wake_no_word_is_a_candidate_for_the_refractory_time(room: np.ndarray) -> None:
    detector = Detector.load(*WORDS)
    woken = -REFRACTORY_SAMPLES
    for verdict in verdicts(run(detector, room, [4_000])):
        assert verdict.candidate.decided > woken + REFRACTORY_SAMPLES
        woken = verdict.candidate.decided if verdict.accepted else woken


def test_it_is_alert_before_each_wake_is_decided_and_nearly_never_else(room: np.ndarray) -> None:
    """So whoever reads long blocks reads short ones in time, and not for nothing."""
    detector = Detector.load("computer", "jarvis")
    alert: list[bool] = []
    wakes: list[int] = []
    for unit in np.array_split(room[: len(room) // UNIT_SAMPLES * UNIT_SAMPLES], len(room) // UNIT_SAMPLES):
        before = detector.alert
        wakes += [len(alert) for verdict in verdicts(detector.process(unit)) if verdict.accepted]
        alert.append(before)
    assert wakes
    assert all(alert[wake] for wake in wakes)
    assert sum(alert) < len(alert) / 10


def test_candidates_reach_stage_1s_threshold(room: np.ndarray) -> None:
    detector = Detector.load(*WORDS)
    points = dict(zip(WORDS, detector.points, strict=True))
    for verdict in verdicts(run(detector, room, [len(room)])):
        assert verdict.candidate.stage1 >= points[verdict.candidate.word].stage1


# --- rest and wake_up


# second      0 ------------ 7 --- rest ----- 15 ------- 25
# utterances            |computer|  8.5         |jarvis| 18.4
def test_a_resting_detector_hears_and_does_not_judge(room: np.ndarray) -> None:
    detector = Detector.load(*WORDS, floor=True)
    detector.process(room[:112_000])
    detector.rest()
    resting = detector.process(room[112_000:240_000])
    assert verdicts(resting) == []
    assert [event.speaking for event in resting if isinstance(event, Voice)].count(True) > 0
    heard = 240_000 // UNIT_SAMPLES * UNIT_SAMPLES
    assert detector.heard == heard
    np.testing.assert_array_equal(detector.ring.read(heard - RING_SAMPLES, heard), room[heard - RING_SAMPLES : heard])
    detector.wake_up()
    assert "jarvis" in {verdict.candidate.word for verdict in verdicts(detector.process(room[240_000:400_000]))}


def test_nothing_from_before_waking_up_is_judged_nor_within_the_refractory_time(room: np.ndarray) -> None:
    """Woken in the middle of a sentence: what follows is judged as the beginning of a stream."""
    for woken_at in range(140_800, 166_400, 3 * UNIT_SAMPLES):
        detector = Detector.load("computer", floor=True)
        detector.rest()
        detector.process(room[:woken_at])
        detector.wake_up(refractory=8_000)
        for verdict in verdicts(detector.process(room[woken_at:240_000])):
            assert verdict.candidate.decided > woken_at + 8_000


def test_the_rests_end_is_a_new_beginning_of_stage_1(room: np.ndarray) -> None:
    rested, fresh = Detector.load("computer", floor=True), Detector.load("computer", floor=True)
    start = 130_560  # 0.4 s before the sentence, in a pause
    rested.process(room[:40_960])
    rested.rest()
    rested.process(room[40_960:start])
    rested.wake_up()
    later = [v.candidate.decided - start for v in verdicts(rested.process(room[start:200_000]))]
    assert later == [v.candidate.decided for v in verdicts(fresh.process(room[start:200_000]))]
    assert later != []


# --- displays, and what is refused


def test_levels_are_those_of_the_last_unit_and_verdict(room: np.ndarray) -> None:
    detector = Detector.load(*WORDS, floor=True)
    dbfs, stage1, stage2 = detector.levels()
    assert (dbfs, stage1, stage2) == (-120.0, pytest.approx(dict.fromkeys(WORDS, 0.0), abs=1e-6), {})
    judged = verdicts(detector.process(room[:200_000]))
    dbfs, stage1, stage2 = detector.levels()
    unit = room[198_400:199_680].astype(float)
    assert dbfs == pytest.approx(10 * np.log10(np.mean(unit**2) / 32768**2))
    assert set(stage1) == set(WORDS)
    assert stage2 == {verdict.candidate.word: verdict.stage2 for verdict in judged}


def test_what_is_watched_are_the_scores_that_candidates_report_and_events_stay_the_same(
    room: np.ndarray, events: list[Event]
) -> None:
    seen: dict[tuple[int, int], float] = {}
    detector = Detector.load(*WORDS, floor=True)
    detector.watch(lambda number, step, logit: seen.update({(number, step): logit}))
    assert run(detector, room, [len(room)]) == events
    for verdict in verdicts(events):
        at = (WORDS.index(verdict.candidate.word), verdict.candidate.end // STEP_SAMPLES - 1)
        assert 1 / (1 + math.exp(-seen[at])) == verdict.candidate.stage1


@pytest.mark.parametrize("block", [np.zeros(100, np.float32), np.zeros((10, 2), np.int16), np.zeros(5, np.uint16)])
def test_other_arrays_are_refused(detector: Detector, block: np.ndarray) -> None:
    with pytest.raises(TypeError, match=f"wanted a one-dimensional int16 array, got {block.dtype}"):
        detector.process(block)


def test_an_unknown_word_is_refused_with_those_there_are() -> None:
    with pytest.raises(ModelError, match=r"no model 'computr' .*alexa, computer, jarvis"):
        Detector.load("computr")


def test_an_unknown_point_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"'alexa' has no operating point 'loose' .*strict, default, keen"):
        Detector.load("alexa", point="loose")


def test_no_word_and_the_same_word_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match="no word to listen for"):
        Detector.load()
    with pytest.raises(ConfigError, match="'jarvis' is given twice"):
        Detector.load("jarvis", "alexa", "jarvis")


# --- twins


def test_a_twin_hears_its_own_stream_only(detector: Detector, room: np.ndarray, events: list[Event]) -> None:
    first, second = detector.twin(), detector.twin()
    found: tuple[list[Event], list[Event]] = ([], [])
    for start in range(0, len(room), 4_000):  # one of them hears the room two seconds later
        found[0].extend(first.process(room[start : start + 4_000]))
        late = room[max(0, start - 32_000) : max(0, start - 28_000)]
        found[1].extend(second.process(late if start >= 32_000 else np.zeros(0, np.int16)))
    assert found[0] == events
    assert found[1] == events[: len(found[1])]
    assert len(verdicts(found[1])) > 10


def test_a_twin_of_some_words_is_a_detector_of_these(room: np.ndarray) -> None:
    alone = run(Detector.load("jarvis"), room, [len(room)])
    twin = Detector.load(*WORDS).twin("jarvis")
    found = run(twin, room, [len(room)])
    assert [model.word for model in twin.models] == ["jarvis"]
    assert [type(event) for event in found] == [type(event) for event in alone]
    for one, other in zip(verdicts(found), verdicts(alone), strict=True):
        assert (one.candidate.decided, one.accepted) == (other.candidate.decided, other.accepted)
        assert (one.candidate.stage1, one.stage2) == pytest.approx((other.candidate.stage1, other.stage2), abs=1e-4)


def test_a_twin_of_an_unknown_word_is_refused(detector: Detector) -> None:
    with pytest.raises(ConfigError, match=r"no word 'hal' here \(there is computer, jarvis, alexa\)"):
        detector.twin("computer", "hal")
