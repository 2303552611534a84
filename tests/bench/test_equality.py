"""The whole daemon against a run of the evaluation: on a real recording they agree, and a wrong table is found out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wakeword import model
from wakeword.bench import equality
from wakeword.errors import ConfigError
from wakeword.eval import tables
from wakeword.eval.run import Order, evaluate
from wakeword.eval.tables import Candidate, Run, Table

RATE = 16_000


@pytest.fixture
def run(tmp_path: Path, room: np.ndarray) -> Run:
    """One recording, with a wake in it."""
    (tmp_path / "talk").mkdir()
    soundfile.write(tmp_path / "talk" / "woken.wav", room[7 * RATE : 11 * RATE], RATE)
    words = tuple(model.load(word) for word in ("computer", "jarvis"))
    points = tuple(word.points["keen"] for word in words)
    order = Order((), (str(tmp_path / "talk"),), tmp_path / "out", words, points, tmp_path / "eval.sqlite")
    evaluate(order, lambda what, done, whole: None)
    return tables.open_run(tmp_path / "out")


def test_the_daemon_does_what_the_evaluation_says(run: Run) -> None:
    (found,) = equality.measure(run, 1, 1, 1)
    assert (found.wrong, found.wakes) == ("", 1)


def test_a_table_that_says_something_else_is_found_out(run: Run) -> None:
    rows = list(run.candidates())
    table = Table(run.folder, Candidate)
    for one in rows:
        table.write(replace(one, stage2=one.stage2 - 0.001) if one.accepted else one)
    table.close()
    (wrong,) = [one for one in equality.measure(run, 1, 1, 1) if one.wrong]
    assert wrong.file.endswith("woken.wav")


@pytest.mark.parametrize(
    ("told", "equal"),
    [
        (("computer", 2.32, 0.5, 0.8359), True),  # rounded from 0.8358501, and six digits of it
        (("computer", 2.32, 0.5, 0.8360), False),
        (("computer", 2.33, 0.5, 0.8358), False),
        (("jarvis", 2.32, 0.5, 0.8358), False),
    ],
)
def test_two_rows_are_the_same_as_far_as_both_tell(told: equality.Row, equal: bool) -> None:
    assert equality.same(("computer", 2.32, 0.5, 0.835850), told) == equal


def test_more_recordings_than_there_are_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match="1 recordings of at most 60 s"):
        equality.chosen(run, 2, 1)
