"""Two runs of the same recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from eval_sweeps import negative, positive, row, said, write_run
from hypothesis import given
from hypothesis import strategies as st

from wakeword.eval import compare, summary
from wakeword.eval.compare import Change

stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: pip install '.[dev]'")


def change(folder: Path, before: list[bool], after: list[bool], false: tuple[int, int] = (0, 0)) -> Change:
    """Two clips a speaker, heard so; so many false accepts in ten recordings of 1 h."""
    words = []
    for name, heard, count in (("before", before, false[0]), ("after", after, false[1])):
        utterances = [said(f"u{n}", f"p{n}", speaker=f"s{n // 2}") for n in range(len(heard))]
        files = [*(positive(f"p{n}") for n in range(len(heard))), *(negative(f"n{n}", 1.0) for n in range(10))]
        rows = [row(f"p{n}", 1.0, (0.9, 0.8 if ok else 0.2), f"u{n}") for n, ok in enumerate(heard)]
        rows += [row(f"n{n % 10}", 1.0 + 10 * (n // 10), (0.9, 0.9)) for n in range(count)]
        words.append(summary.figures(write_run(folder / name, utterances, files, rows))[0])
    (found,) = compare.compare(*words)
    return found


def test_who_changed_sides_is_named(tmp_path: Path) -> None:
    found = change(tmp_path, [True, True, False, True], [True, False, True, True])
    assert (found.utterances, found.unpaired) == (4, 0)
    assert [one.utterance for one in found.worse] == ["u1"]
    assert [one.utterance for one in found.better] == ["u2"]
    assert (found.mcnemar, found.misses_significant) == (1.0, False)


def test_many_speakers_that_get_worse_are_significant_and_one_is_not(tmp_path: Path) -> None:
    many = change(tmp_path, [True] * 40, [False, True] * 20)
    assert many.misses_significant
    assert many.mcnemar == pytest.approx(2 / 2**20)
    one = change(tmp_path, [True] * 40, [False, False] + [True] * 38)
    assert (one.misses_p, one.misses_significant) == (1.0, False)


def test_false_accepts_are_paired_by_recording(tmp_path: Path) -> None:
    found = change(tmp_path, [True], [True], (2, 12))
    assert (found.hours, found.false_before, found.false_after) == (10.0, 2, 12)
    assert found.false_p == pytest.approx(2 * 2 / 2**10)  # +1 in ten of ten recordings; two questions were asked
    assert found.false_accepts_significant
    assert not change(tmp_path, [True], [True], (2, 3)).false_accepts_significant


def test_the_sentences_say_what_is_significant(tmp_path: Path) -> None:
    misses, false = compare.sentences([change(tmp_path, [True] * 40, [False, True] * 20, (2, 3))])
    assert "0 are heard that were missed before, 20 are missed that were heard: significant (p = 0.00" in misses
    assert "in the same 10.00 h: 2 before, 3 now: not significant" in false


def test_runs_without_a_recording_in_common_say_so(tmp_path: Path) -> None:
    one = summary.figures(write_run(tmp_path / "a", [said("u", "p")], [positive("p")], []))[0]
    two = summary.figures(write_run(tmp_path / "b", [said("v", "q")], [positive("q")], []))[0]
    (found,) = compare.compare(one, two)
    assert (found.utterances, found.unpaired) == (0, 2)
    assert compare.sentences([found]) == ["computer: the two runs have no recording in common, by name."]


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_scipys_binomial_test(worse: int, better: int) -> None:
    known = stats.binomtest(worse, worse + better, 0.5).pvalue if worse + better else 1.0
    assert compare.mcnemar(worse, better) == pytest.approx(known)


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=10))
def test_signs_are_scipys_permutation_test(changes: list[int]) -> None:
    if any(changes):
        known = stats.permutation_test(
            (np.array(changes, float),), lambda x, axis: np.abs(x.sum(axis)), permutation_type="samples",
            alternative="greater", vectorized=True, n_resamples=np.inf,
        ).pvalue  # fmt: skip
        assert compare.signs(changes) == pytest.approx(known)
    else:
        assert compare.signs(changes) == 1.0


def test_many_signs_are_drawn() -> None:
    assert compare.signs([1] * 15 + [-1] * 5) == pytest.approx(compare.mcnemar(15, 5), abs=0.01)
