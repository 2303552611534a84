"""Promises are kept where the truth is known: short forms of what `python -m wakeword.eval.trials` runs at length."""

from __future__ import annotations

import numpy as np
from eval_sweeps import build, drawn, negative, positive, row, said

from wakeword.eval import trials
from wakeword.eval.tune import Wish


def test_the_bound_of_a_chosen_point_holds_in_19_of_20_draws_of_recordings() -> None:
    sweep = drawn(np.random.default_rng(11), speakers=10, files=60)
    for wish in (Wish(1.0), Wish(1.0, promise=True)):
        made = [trial for trial in trials.promises(sweep, wish, 60) if trial]
        assert len(made) > 40
        assert sum(trial.held for trial in made) >= 0.95 * len(made)
    assert sum(trial.true <= 1.0 for trial in made) >= 0.95 * len(made)  # so a promise keeps the limit itself


def test_a_bound_without_the_choice_in_it_would_not_hold() -> None:
    """The same draws against the frequency that was counted: it is too low about every other time."""
    sweep = drawn(np.random.default_rng(11), speakers=10, files=60)
    made = [trial for trial in trials.promises(sweep, Wish(1.0), 60) if trial]
    assert sum(trial.true <= 1.0 for trial in made) <= 0.8 * len(made)


def test_recordings_of_one_group_are_drawn_together() -> None:
    files = [
        *(negative(f"n{n}", 1.0, groups={"group_kind": "music" if n < 5 else "talk"}) for n in range(10)),
        positive("p"),
    ]
    rows = [row("p", 1.0, (0.9, 0.9), "u"), *(row(f"n{n}", 1.0, (0.95, 0.95)) for n in range(5))]
    sweep = build([said("u", "p")], files, rows)
    one_by_one, together = (
        {trial.promised for trial in trials.promises(sweep, Wish(0.6), 40, by) if trial} for by in ("", "group_kind")
    )
    assert len(one_by_one) > 3  # 0 to 10 h of music were drawn
    assert len(together) <= 3  # none, half, or all of it


def test_nothing_is_promised_on_too_little() -> None:
    sweep = drawn(np.random.default_rng(11), speakers=5, files=4)
    assert list(trials.promises(sweep, Wish(0.5, promise=True), 5)) == [None] * 5


def test_planted_bias_is_found_the_more_surely_the_more_speakers_there_are() -> None:
    few, many = (trials.flagged(0.10, speakers, 20, 60) for speakers in (5, 30))
    assert few < 0.8 < 0.95 <= many
    assert trials.flagged(0.0, 30, 20, 60) <= 0.1
