"""Curves against scikit-learn's, on drawn scores, exactly; and against the daemon's decisions."""

from __future__ import annotations

import numpy as np
import pytest
from eval_sweeps import build, drawn, negative, positive, row, said
from hypothesis import given
from hypothesis import strategies as st

from wakeword.eval import det, tune

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed: pip install '.[dev]'")

SCORES = st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=1, max_size=40)


@given(SCORES, SCORES, st.randoms(use_true_random=False))
def test_a_curve_is_scikit_learns(heard: list[float], false: list[float], random: np.random.Generator) -> None:
    weights = np.array([random.random() + 0.1 for _ in heard])
    weights /= weights.sum()
    own = det.curve(np.array(heard), weights, np.array(false))
    rows = {level: (frr, count) for level, frr, count in zip(own.threshold, own.frr, own.false, strict=True)}
    known = metrics.det_curve(
        [1] * len(heard) + [0] * len(false), heard + false, sample_weight=[*weights, *[1 / len(false)] * len(false)]
    )
    for fpr, fnr, threshold in zip(*known, strict=True):
        if threshold in rows:  # scikit-learn's last point lies above all scores
            assert rows[threshold] == (pytest.approx(fnr), pytest.approx(fpr * len(false)))
    assert len(set(known[2]) - set(rows)) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_every_point_of_a_curve_is_what_the_daemon_does_there(seed: int) -> None:
    sweep = drawn(np.random.default_rng(seed), speakers=6, files=10)
    weights = tune.condition_weights(sweep)
    one, both = det.stage1(sweep, weights), det.cascade(sweep, weights)
    for level, frr, false in zip(one.threshold, one.frr, one.false, strict=True):
        assert frr == pytest.approx(weights @ ~sweep.asked(level))
        assert false == len(sweep.candidates(level))
    for first, second, frr, false in zip(both.threshold, both.second, both.frr, both.false, strict=True):
        assert frr == pytest.approx(weights @ ~sweep.heard(first, second))
        assert false == len(sweep.false_accepts(first, second))


def test_the_cascades_curve_is_never_beaten_by_a_pair_of_its_grid() -> None:
    sweep = drawn(np.random.default_rng(7), speakers=4, clips=5, files=5)
    weights = tune.condition_weights(sweep)
    both = det.cascade(sweep, weights)
    assert (np.diff(both.false) > 0).all()
    assert (np.diff(both.frr) < 0).all()
    for first in sweep.scores[sweep.owner >= 0, 0]:
        for second in np.linspace(0.1, 1, 19):
            frr, false = weights @ ~sweep.heard(first, second), len(sweep.false_accepts(first, second))
            assert (both.frr[both.false <= false] <= frr + 1e-12).any()


def test_stage_2s_curve_is_of_what_stage_1_let_through() -> None:
    rows = [
        row("p1", 1.0, (0.9, 0.8), "u1"), row("p2", 1.0, (0.3, 0.9), "u2"), row("p3", 1.0, (0.7, 0.2), "u3"),
        row("n", 1.0, (0.6, 0.4)), row("n", 9.0, (0.2, 0.9)),
    ]  # fmt: skip
    files = [positive("p1"), positive("p2"), positive("p3"), negative("n")]
    sweep = build([said(f"u{n}", f"p{n}") for n in (1, 2, 3)], files, rows)
    found = det.stage2(sweep, tune.condition_weights(sweep), 0.5)
    assert found.threshold.tolist() == [1.0, 0.8, 0.4, 0.2]
    assert found.frr.tolist() == [1.0, 0.5, 0.5, 0.0]  # of u1 and u3; u2 never came so far
    assert found.false.tolist() == [0, 0, 1, 1]


def test_nothing_at_all_has_a_curve_too() -> None:
    sweep = build([said("u", "p")], [positive("p")], [])
    weights = tune.condition_weights(sweep)
    assert det.stage1(sweep, weights).frr.tolist() == [1.0]
    assert det.stage2(sweep, weights, 0.5).false.tolist() == [0]
    assert len(det.cascade(sweep, weights).frr) == 0
