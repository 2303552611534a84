"""Figures of a run that is small enough to count by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from eval_sweeps import WORD, build, negative, positive, row, said, write_run
from hypothesis import given
from hypothesis import strategies as st

from wakeword.eval import bounds, figures
from wakeword.eval.tables import Run

stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: pip install '.[dev]'")


# ann  u1 heard       u2 refused by stage 2 (clean)    u3 stage 1 does not ask (noise)
# bob  u4 heard (noise)
# n    two false accepts, one refused, one in a stretch that does not count; 2 h
@pytest.fixture
def run(tmp_path: Path) -> Run:
    speakers = {"p1": "ann", "p2": "ann", "p3": "ann", "p4": "bob"}
    conditions = {"p1": "clean", "p2": "clean", "p3": "music-0dB", "p4": "music-0dB"}
    utterances = [said(f"u{n}", f"p{n}", speaker=speakers[f"p{n}"], condition=conditions[f"p{n}"]) for n in range(1, 5)]
    rows = [
        row("p1", 1.0, (0.9, 0.8), "u1"), row("p2", 1.0, (0.9, 0.2), "u2"), row("p3", 1.0, (0.3, 0.9), "u3"),
        row("p4", 1.0, (0.6, 0.6), "u4"),
        row("n", 1.0, (0.6, 0.7)), row("n", 10.0, (0.8, 0.9)), row("n", 20.0, (0.7, 0.1)),
        row("n", 30.0, (0.9, 0.9), "-"),
    ]  # fmt: skip
    return write_run(
        tmp_path / "run", utterances, [*(positive(f"p{n}") for n in range(1, 5)), negative("n", 2.0)], rows
    )


def test_misses_are_counted_by_condition_and_by_stage(run: Run) -> None:
    found = {misses.name: misses for misses in figures.word_figures(run, WORD).conditions}
    assert list(found) == ["clean", "music-0dB", "all"]
    counted = {
        name: (one.both.count, one.both.of, one.stage1.count, one.stage1.of, one.stage2.count, one.stage2.of)
        for name, one in found.items()
    }
    assert counted == {"clean": (1, 2, 0, 2, 1, 2), "music-0dB": (1, 2, 1, 2, 0, 1), "all": (2, 4, 1, 4, 1, 3)}
    assert found["all"].both == bounds.wilson(2, 4)
    assert [one.speakers for one in found.values()] == [1, 2, 2]


def test_false_accepts_are_those_outside_of_the_words_that_are_said(run: Run) -> None:
    found = figures.word_figures(run, WORD)
    assert found.false_accepts == bounds.poisson(2, 2.0)
    assert found.candidates == bounds.poisson(3, 2.0)
    assert found.passed == bounds.wilson(2, 3)
    assert found.false_files.tolist() == [4, 4]


def test_latency_is_of_what_was_heard(run: Run) -> None:
    assert figures.word_figures(run, WORD).latency == figures.Latency(2, 0.15, 0.15, 0.15, 0.15)
    assert figures.latency([said("u", "p")]) is None


def test_errors_of_both_stages_are_told_apart(run: Run) -> None:
    together = figures.word_figures(run, WORD).together
    assert (together.missed_by_both, together.missed_by_stage1, together.missed_by_stage2) == (0, 1, 1)
    assert together.phi == pytest.approx(-1 / 3)  # 0 of both, 1, 1, 2: (0 * 2 - 1 * 1) / sqrt(1 * 3 * 1 * 3)
    assert together.rank == pytest.approx(stats.spearmanr([0.6, 0.8, 0.7], [0.7, 0.9, 0.1]).statistic)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30))
def test_the_rank_correlation_is_scipys(pairs: list[tuple[int, int]]) -> None:
    scores = [((1 + one) / 10, (1 + two) / 10) for one, two in pairs]
    rows = [row("n", 60.0 * n + 1, pair, above=0.0, upto=0.9) for n, pair in enumerate(scores)]
    found = figures.together(build([said("u", "p")], [positive("p"), negative("n")], rows), 0.5, 0.5).rank
    if np.ptp(scores, axis=0).all():
        assert found == pytest.approx(stats.spearmanr(*zip(*scores, strict=True)).statistic)
    else:
        assert math.isnan(found)


def test_a_run_without_a_candidate_has_figures_too(tmp_path: Path) -> None:
    found = figures.word_figures(write_run(tmp_path / "r", [said("u", "p")], [positive("p"), negative("n")], []), WORD)
    assert (found.conditions[-1].both.count, found.false_accepts.count, found.passed.of) == (1, 0, 0)
    assert math.isnan(found.together.phi)
