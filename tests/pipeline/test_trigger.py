"""The trigger, with the timeline of logits drawn above each test. A step is 40 ms; two steps are averaged."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wakeword.pipeline.trigger import PATIENCE_STEPS, REFRACTORY_STEPS, SMOOTHED_STEPS, Firing, Trigger

NOTHING = -20.0
WORD = [2.0, 2.0, NOTHING]
logits = st.floats(-12, 12, width=16)


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def fire(scores: list[float], threshold: float = 0.5) -> list[Firing]:
    trigger = Trigger(threshold)
    return [firing for score in scores if (firing := trigger.push(score))]


# step       0    1    2    3
# logit    -20    2    2  -20
# mean     -20   -9    2   -9          threshold 0, a score of one half
#                      ^ peak, decided one step later, when the mean falls
def test_a_peak_fires_once_when_the_score_falls() -> None:
    assert fire([NOTHING, 2, 2, NOTHING, NOTHING]) == [Firing(peak=2, decided=3, score=sigmoid(2))]


# step       0    1    2    3    4
# logit    -20    2  -20  -20  -20    alone it fires; with its neighbours, two or four of them, it is nothing
def test_so_many_steps_are_averaged_as_are_asked_for() -> None:
    scores = [NOTHING, 2, NOTHING, NOTHING, NOTHING]
    fired = {
        steps: [firing for score in scores if (firing := trigger.push(score))]
        for steps, trigger in ((steps, Trigger(0.5, steps)) for steps in (1, 2, 4))
    }
    assert fired == {1: [Firing(peak=1, decided=2, score=sigmoid(2))], 2: [], 4: []}


# step       0    1    2    3
# logit     -4    5   -4   -4
# mean           .5   .5   -4          a single step is weighed against its neighbours
def test_one_high_step_counts_half() -> None:
    assert fire([-4, 3, -4, -4]) == []
    assert fire([-4, 5, -4, -4]) == [Firing(peak=1, decided=2, score=sigmoid(0.5))]


# step       0    1    2    3    4    5    6
# logit     -1    2    3    4    5    6    7     rises for longer than anyone waits
# mean           .5  2.5  3.5  4.5               waiting since step 1, patience ends at step 4
def test_a_rise_is_waited_for_no_longer_than_the_patience() -> None:
    first = fire([-1, 2, 3, 4, 5, 6, 7])[0]
    assert first == Firing(peak=1 + PATIENCE_STEPS, decided=1 + PATIENCE_STEPS, score=sigmoid(4.5))


# mean       2  fires    1    1 …    1    1      a lower peak within the refractory time is the same word
def test_a_lower_peak_within_the_refractory_time_is_silent() -> None:
    assert len(fire([*WORD, 1, 1, NOTHING, 1, 1, NOTHING])) == 1


# mean      .5  fires    3  fires again          a weak false start must not hide the word
def test_a_higher_peak_within_the_refractory_time_fires_again() -> None:
    firings = fire([0.5, 0.5, NOTHING, 3, 3, NOTHING])
    assert [firing.score for firing in firings] == [sigmoid(0.5), sigmoid(3)]


def test_the_same_peak_fires_again_once_the_refractory_time_is_over() -> None:
    early = WORD + [NOTHING] * (REFRACTORY_STEPS - 4) + WORD
    late = WORD + [NOTHING] * (REFRACTORY_STEPS - 1) + WORD
    assert len(fire(early)) == 1
    assert [firing.decided for firing in fire(late)] == [2, 2 + REFRACTORY_STEPS + 2]


def test_reset_forgets_scores_and_refractory_time_but_not_the_step() -> None:
    trigger = Trigger(0.5)
    for score in WORD:
        trigger.push(score)
    trigger.reset()
    assert [trigger.push(score) for score in WORD] == [None, None, Firing(peak=4, decided=5, score=sigmoid(2))]


def test_reset_forgets_a_peak_that_was_waited_for() -> None:
    trigger = Trigger(0.5)
    trigger.push(2)
    trigger.push(2)
    trigger.reset()
    assert [trigger.push(NOTHING) for _ in range(5)] == [None] * 5


def test_seek_names_the_next_step() -> None:
    trigger = Trigger(0.5)
    trigger.seek(1000)
    assert [trigger.push(score) for score in WORD][2] == Firing(peak=1001, decided=1002, score=sigmoid(2))


def test_a_threshold_of_one_never_fires_and_of_nought_always() -> None:
    assert fire([NOTHING, 30, 30, 30, NOTHING], threshold=1.0) == []
    assert len(fire([NOTHING, NOTHING, NOTHING], threshold=0.0)) == 1


@given(st.lists(logits, max_size=200), st.floats(0.05, 0.95))
def test_every_firing_is_a_peak_over_the_threshold_decided_soon_after(scores: list[float], threshold: float) -> None:
    before = [NOTHING] * (SMOOTHED_STEPS - 1)
    means = [sum(part) / SMOOTHED_STEPS for part in zip(before + scores, scores, strict=False)]
    firings = fire(scores, threshold)
    for firing in firings:
        assert firing.score == sigmoid(means[firing.peak])
        assert firing.score >= threshold - 1e-12
        assert 0 <= firing.decided - firing.peak <= PATIENCE_STEPS
    for earlier, later in pairwise(firings):
        assert later.decided > earlier.decided
        assert later.decided - earlier.decided > REFRACTORY_STEPS or later.score > earlier.score


@given(st.lists(logits, min_size=1, max_size=120))
def test_the_best_score_over_the_threshold_is_always_reported(scores: list[float]) -> None:
    """What a sweep over recorded candidates relies on: no candidate hides a better one."""
    means = [sum(pair) / 2 for pair in zip([NOTHING, *scores], [*scores, NOTHING], strict=True)]
    best = max((firing.score for firing in fire([*scores, NOTHING, NOTHING], 0.05)), default=0.0)
    assert best == pytest.approx(sigmoid(max(means)) if sigmoid(max(means)) >= 0.05 else 0.0)


@given(st.lists(logits, max_size=60), st.floats(0.3, 3), st.floats(-3, 3))
def test_calibration_only_moves_the_threshold(scores: list[float], a: float, b: float) -> None:
    """An affine map of a model's logits, with the threshold mapped too, fires at the same steps."""
    mapped = [a * score + b for score in scores]
    plain = [(f.peak, f.decided) for f in fire([0, *scores], sigmoid(1.0))]
    means = [(x + y) / 2 for x, y in zip([0, *scores], scores, strict=False)]
    assume(all(abs(x - y) > 1e-3 for n, x in enumerate([1.0, *means]) for y in means[n:]))  # no near ties
    assert [(f.peak, f.decided) for f in fire([b, *mapped], sigmoid(a + b))] == plain
