"""Choosing both thresholds: the best pair, a bound that holds after choosing, and honesty about too little data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from eval_sweeps import build, drawn, negative, positive, row, said

from wakeword.errors import CheckFailed
from wakeword.eval import bounds, joint, tune
from wakeword.eval.tune import Wish


def few(false: list[tuple[float, float]], hours: float = 10.0) -> joint.Sweep:
    """Ten clips, two of them said weakly, and these false candidates a minute apart."""
    scores = [(0.9, 0.9)] * 8 + [(0.9, 0.6)] * 2
    utterances = [said(f"u{n}", f"p{n}") for n in range(10)]
    rows = [row(f"p{n}", 1.0, pair, f"u{n}") for n, pair in enumerate(scores)]
    rows += [row("n", 60.0 * (n + 1), pair) for n, pair in enumerate(false)]
    return build(utterances, [*(positive(f"p{n}") for n in range(10)), negative("n", hours)], rows)


def test_the_pair_with_the_fewest_misses_within_the_limit_is_chosen() -> None:
    false = [(0.8, 0.7), (0.8, 0.3), (0.3, 0.2)]
    strict, loose = (tune.choose(few(false, 1.0), Wish(most)) for most in (0.5, 1.0))
    assert (strict.allowed, strict.frr) == (0, 0.0)  # stage 1 at 0.9 refuses all three
    assert (strict.stage1, strict.stage2) == (0.9, 0.35)  # between the weakest word and the least threshold
    assert (loose.allowed, loose.frr) == (1, 0.0)


def test_what_stage_1_cannot_refuse_stage_2_must() -> None:
    chosen = tune.choose(few([(0.95, 0.7), (0.95, 0.3)], 1.0), Wish(0.5))
    assert (chosen.stage2, chosen.frr) == (0.8, pytest.approx(0.2))
    chosen = tune.choose(few([(0.95, 0.7), (0.95, 0.3)], 1.0), Wish(1.0))
    assert (chosen.stage2, chosen.frr) == (0.45, pytest.approx(0.0))


def test_a_promise_takes_the_bound_not_the_estimate() -> None:
    chosen = tune.choose(few([(0.95, 0.7), (0.95, 0.3)], 10.0), Wish(0.5, promise=True))
    assert chosen.chains == 1  # all clips have one score at stage 1
    assert chosen.allowed == 1  # 4.74 is the bound of 1, 6.30 that of 2: only the first is below 0.5 in 10 h
    assert chosen.fa_upper == pytest.approx(0.474386, rel=1e-5)
    assert tune.choose(few([(0.95, 0.7), (0.95, 0.3)], 10.0), Wish(0.5)).allowed == 5


def test_too_few_hours_are_said_with_how_many_would_do() -> None:
    with pytest.raises(CheckFailed, match=r"2\.00 h are too few to promise 0\.5 .* \(6\.0 h without a single one"):
        tune.choose(few([], 2.0), Wish(0.5, promise=True))
    with pytest.raises(CheckFailed, match="no hours without the word"):
        tune.choose(few([], 0.0), Wish(0.5))


def test_with_as_many_hours_as_were_said_to_do_it_does() -> None:
    needed = bounds.hours_needed(0.5, tune.ERROR)
    assert tune.choose(few([], needed + 1e-6), Wish(0.5, promise=True)).fa_upper <= 0.5
    with pytest.raises(CheckFailed):
        tune.choose(few([], needed - 1e-6), Wish(0.5, promise=True))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("wish", [Wish(0.5), Wish(2.0), Wish(2.0, promise=True), Wish(most_frr=0.1)])
def test_the_choice_keeps_its_limit_where_it_was_made_and_tells_the_truth(seed: int, wish: Wish) -> None:
    sweep = drawn(np.random.default_rng(seed))
    chosen = tune.choose(sweep, wish)
    missed = ~sweep.heard(chosen.stage1, chosen.stage2)
    assert chosen.frr == pytest.approx(tune.condition_weights(sweep) @ missed)
    assert len(sweep.false_accepts(chosen.stage1, chosen.stage2)) <= chosen.allowed
    if wish.most_fa_per_hour:
        assert chosen.allowed <= wish.most_fa_per_hour * sweep.hours
    if wish.promise:
        assert chosen.fa_upper <= 2.0
    if wish.most_frr:
        assert chosen.frr <= wish.most_frr


def test_no_other_pair_of_the_tried_thresholds_is_better() -> None:
    sweep = drawn(np.random.default_rng(9), files=20)
    chosen, weights = tune.choose(sweep, Wish(1.0)), tune.condition_weights(sweep)
    for one in tune.stage1_levels(sweep):
        for two in np.unique(sweep.scores[:, 1]):
            if len(sweep.false_accepts(one, two)) <= 5:
                assert weights @ ~sweep.heard(one, two) >= chosen.frr - 1e-12


def test_a_limit_of_misses_is_kept_with_the_fewest_false_accepts() -> None:
    false = [(0.95, 0.7), (0.95, 0.3)]
    assert tune.choose(few(false), Wish(most_frr=0.0)).allowed == 1
    assert tune.choose(few(false), Wish(most_frr=0.2)).allowed == 0
    deaf = build([said("u", "p")], [positive("p"), negative("n")], [row("p", 1.0, (0.9, 0.05), "u")])
    with pytest.raises(CheckFailed, match=r"miss at most 50 % .* \(the least that can be had on this data is 100\.0 %"):
        tune.choose(deaf, Wish(most_frr=0.5))


def test_a_promise_of_misses_is_stricter_than_the_estimate() -> None:
    sweep = drawn(np.random.default_rng(2), speakers=40)
    estimate, promise = (tune.choose(sweep, Wish(most_frr=0.2, promise=promise)) for promise in (False, True))
    assert promise.frr < estimate.frr <= 0.2
    missed, weights = ~sweep.heard(promise.stage1, promise.stage2), tune.condition_weights(sweep)
    effect = tune.speakers_effect(sweep, missed, weights)
    assert tune.frr_upper(promise.frr, effect, weights, tune.ERROR / promise.chains) <= 0.2


def test_the_bound_of_misses_is_wilsons_where_all_count_alike() -> None:
    found = tune.frr_upper(0.1, 1.0, np.full(50, 1 / 50), 0.025)
    assert found == pytest.approx(bounds.wilson(5, 50).high)
    assert tune.frr_upper(0.1, 2.0, np.full(100, 1 / 100), 0.025) == pytest.approx(found)


def test_conditions_weigh_the_same_however_many_clips_they_have() -> None:
    utterances = [said(f"u{n}", "p", condition="clean" if n else "babble") for n in range(5)]
    weights = tune.condition_weights(build(utterances, [positive("p")], []))
    assert weights.tolist() == pytest.approx([0.5, 0.125, 0.125, 0.125, 0.125])


def test_clips_of_one_speaker_count_for_less_when_they_fall_together() -> None:
    utterances = [said(f"u{n}", f"p{n}", speaker=f"s{n // 10}") for n in range(40)]
    sweep = build(utterances, [positive(f"p{n}") for n in range(40)], [])
    weights = tune.condition_weights(sweep)
    together, spread = np.arange(40) < 10, np.arange(40) % 10 == 0
    assert tune.speakers_effect(sweep, together, weights) == pytest.approx(40 / 3)  # as four, and not forty
    assert tune.speakers_effect(sweep, spread, weights) == 1.0


# The variance of counts that are drawn with frequencies of their own, over their mean, is what the effect says.
def test_the_design_effect_is_the_variance_over_the_mean_of_bunched_counts() -> None:
    random = np.random.default_rng(5)
    frequencies = random.gamma(0.5, 2.0, 4_000)  # v = 2 around a mean of 1 an hour
    files = [negative(f"n{number}", 1.0) for number in range(4_000)]
    rows = [
        row(f"n{number}", 3.0 * place + 1, (0.95, 0.5))
        for number, rate in enumerate(frequencies)
        for place in range(random.poisson(10 * rate))
    ]
    rows += [row("p", 1.0, (0.9, 0.9), "u")]
    sweep = build([said("u", "p")], [*files, positive("p")], rows)
    assert tune.design_effect(sweep, 1.0) == pytest.approx(1 + 2 * 1.0, rel=0.1)
    counts = random.poisson(frequencies)
    assert counts.var() / counts.mean() == pytest.approx(3.0, rel=0.1)
    even = build([said("u", "p")], [*files[:50], positive("p")], [row("p", 1.0, (0.9, 0.9), "u")])
    assert tune.design_effect(even, 1.0) == 1.0


def test_the_bound_of_a_chosen_threshold_holds_in_95_of_100_draws() -> None:
    """Many thresholds, one chosen where the misses are fewest: the true frequency there, known, is within its bound."""
    held = []
    for seed in range(120):
        chosen = tune.choose(drawn(np.random.default_rng(seed), speakers=8, files=40), Wish(1.0))
        accepted = _normal(_logit(chosen.stage1), -1, 1.2) * _normal(_logit(chosen.stage2), -1.5, 1.5)
        held.append(20.0 * accepted <= chosen.fa_upper)
    assert np.mean(held) >= 0.95


def _logit(score: float) -> float:
    return math.log(score / (1 - score))


def _normal(above: float, mean: float, deviation: float) -> float:
    return 0.5 * math.erfc((above - mean) / deviation / math.sqrt(2))
