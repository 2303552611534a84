"""An operating point of one's own: between what is known of hours and what was heard of this voice."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soundfile
import studio_bed as bed
from hypothesis import given
from hypothesis import strategies as st

from wakeword import Detector
from wakeword.errors import ConfigError
from wakeword.eval import bounds
from wakeword.model import Point
from wakeword.studio import point
from wakeword.studio.folder import Folder, Place
from wakeword.studio.point import middle

SCORE = st.floats(0.1, 0.999)


@given(SCORE, SCORE, st.lists(st.tuples(SCORE, SCORE), min_size=1), st.tuples(SCORE, SCORE), st.floats(0, 1))
def test_a_pair_lies_between_the_loosest_point_and_the_weakest_take(
    one: float, two: float, takes: list[tuple[float, float]], strict: tuple[float, float], share: float
) -> None:
    takes = [(max(first, one), max(second, two)) for first, second in takes]  # the loosest point heard them
    made = middle(Point(one, two), takes, Point(*strict), share)
    assert one <= made.stage1 <= min(first for first, _ in takes)
    assert two <= made.stage2 <= min(second for _, second in takes)
    assert made.stage1 <= max(one, strict[0])


def test_half_way_is_half_way_in_logits() -> None:
    made = middle(Point(0.5, 0.5), [(0.9, 0.999)], Point(0.99, 0.7), 0.5)
    assert made.stage1 == pytest.approx(1 / (1 + math.exp(-math.log(9) / 2)), abs=1e-4)
    assert made.stage2 == pytest.approx(1 / (1 + math.exp(-math.log(7 / 3) / 2)), abs=1e-4)  # no further than strict


def test_ten_takes_and_some_talk_make_a_point_that_the_daemon_takes(ten_takes: Place, room: np.ndarray) -> None:
    ten_takes.keep("talk", bed.talk(room))
    found = point.find(ten_takes)
    assert found.yours
    assert (found.heard, found.yours.measured.false_accepts.count) == (10, 0)
    detector = Detector.load("jarvis", point=str(ten_takes.point))
    assert detector.points == [found.yours.point]
    keen = detector.models[0].points["keen"]
    assert keen.stage1 <= found.yours.point.stage1 < min(take.stage1 or 0 for take in found.takes)
    assert keen.stage2 <= found.yours.point.stage2 < min(take.stage2 or 0 for take in found.takes)


def test_bounds_are_those_of_wilson_and_garwood_and_little_talk_says_little(
    ten_takes: Place, room: np.ndarray
) -> None:  # fmt: skip
    ten_takes.keep("talk", bed.talk(room))
    hours = len(bed.talk(room)) / bed.RATE / 3600
    form = point.form(point.find(ten_takes))
    most = bounds.poisson_upper(0, 0.05) / hours
    assert f"below {most:.0f} an hour" in form["sentences"][1]
    assert most > 500
    assert form["yours"]["missed_high"] == round(bounds.wilson(0, 10).high, 4) == 0.2775
    assert form["yours"]["talk_s"] == round(hours * 3600, 1)
    keen = next(row for row in form["others"] if row["name"] == "keen")
    assert form["yours"]["elsewhere"] == keen["elsewhere"]


def test_false_wakes_in_the_talk_raise_the_point_and_are_told(ten_takes: Place, room: np.ndarray) -> None:
    """The word in the talk stands for what wakes it falsely: as far as the takes allow, thresholds go up."""
    calm = point.find(ten_takes)
    weak = np.concatenate([bed.hiss(1), (bed.word(room, 0.2) + bed.hiss(1)[: len(bed.word(room))]), bed.hiss(1)])
    ten_takes.keep("talk", np.concatenate([bed.talk(room), weak]))
    found = point.find(ten_takes)
    assert calm.yours
    assert found.yours
    assert found.yours.point.stage1 >= calm.yours.point.stage1
    if found.yours.measured.false_accepts.count:
        assert "did you say the word, or what sounds like it?" in point.sentences(found)[-1]
        assert found.fa_upper > bounds.poisson_upper(1, 0.05) / found.yours.measured.false_accepts.hours


def test_without_talk_nothing_is_said_of_this_room(ten_takes: Place) -> None:
    found = point.find(ten_takes)
    assert found.fa_upper == math.inf
    assert "not talked yet" in point.sentences(found)[1]


def test_takes_that_are_not_the_word_make_no_point(jarvis: Place, room: np.ndarray) -> None:
    jarvis.point.parent.mkdir()
    jarvis.point.write_text("of another day")
    for _ in range(3):
        jarvis.keep("said", bed.talk(room)[: 2 * bed.RATE])
    found = point.find(jarvis)
    assert (found.heard, found.yours, jarvis.point.exists()) == (0, None, False)
    assert "None of your 3 takes" in point.sentences(found)[0]
    assert point.form(found)["yours"] is None


def test_a_take_that_was_missed_is_counted(ten_takes: Place, room: np.ndarray) -> None:
    ten_takes.keep("said", bed.talk(room)[: 2 * bed.RATE])
    lines = point.sentences(point.find(ten_takes))
    assert "10 of 11 times" in lines[0]
    assert "1 of 11 takes did not wake it" in lines[1]


def test_a_broken_recording_is_not_counted(ten_takes: Place) -> None:
    (ten_takes.sounds("said") / "0011.wav").write_bytes(b"RIFF")
    assert len(point.find(ten_takes).takes) == 10


def test_what_is_missing_is_said(folder: Folder, jarvis: Place) -> None:
    with pytest.raises(ConfigError, match="no take"):
        point.find(jarvis)
    with pytest.raises(ConfigError, match="no model"):
        point.find(folder.add("ok_garden", "ok garden"))
    with pytest.raises(ConfigError, match="no operating point"):
        point.loosest_of({})


def test_the_run_is_one_that_tune_takes_too(ten_takes: Place, room: np.ndarray, capsys: pytest.CaptureFixture) -> None:
    from wakeword.cli import main

    soundfile.write(ten_takes.keep("talk", bed.talk(room)), bed.talk(room), bed.RATE)
    point.find(ten_takes)
    assert main(["tune", str(ten_takes.run), "--max-fa-per-hour", "100", "--split", "none"]) == 0
    assert "jarvis: stage 1" in capsys.readouterr().out
