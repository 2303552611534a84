"""`wakeword eval` and `wakeword tune` on real sound, one after the other, as a user would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wakeword.cli import main
from wakeword.pipeline.pipeline import Detector


def evaluate(small: Any, out: Path, *more: str) -> int:
    given = ["--positives", str(small.positives), "--negatives", str(small.negatives), "--word", "computer"]
    return main(["eval", *given, "--cache", str(out.parent / "cache"), "--jobs", "1", "--out", str(out), *more])


def test_from_recordings_to_a_point_that_the_detector_takes(
    small: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, bars, tuned = tmp_path / "run", tmp_path / "bars.yaml", tmp_path / "tuned.yaml"
    bars.write_text("false_accepts:\n  per_hour_at_most: 0.001\n")
    assert evaluate(small, run, "--bars", str(bars), "--json") == 1  # so little sound can show no such thing
    form = json.loads(capsys.readouterr().out)
    assert form == json.loads((run / "summary.json").read_text("utf-8"))
    assert form["words"]["computer"]["all"]["utterances"] == 2
    (finding,) = form["bars"]
    assert (finding["bar"], finding["passed"]) == ("false_accepts.per_hour_at_most", False)

    bars.write_text("misses:\n  share_at_most: 1.0\n")
    assert evaluate(small, run, "--bars", str(bars)) == 0
    assert "bar kept    misses.share_at_most  computer all conditions" in capsys.readouterr().out
    assert main(["tune", str(run), "--max-frr", "0.9", "--split", "none", "--write", str(tuned)]) == 0
    assert "computer: stage 1 0." in capsys.readouterr().out
    assert Detector.load("computer", point=str(tuned)).points[0].stage1 >= 0.1
    again = tmp_path / "again"
    assert evaluate(small, again, "--point", str(tuned), "--against", str(run)) == 0
    assert "of " in capsys.readouterr().out
    about = json.loads((again / "run.json").read_text())["words"]["computer"]
    assert about["threshold_stage1"] == Detector.load("computer", point=str(tuned)).points[0].stage1


def test_bars_that_are_wrong_are_said_before_hours_of_work(
    small: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bars = tmp_path / "bars.yaml"
    bars.write_text("false_accepts:\n  per_our_at_most: 0.5\n")
    assert evaluate(small, tmp_path / "run", "--bars", str(bars)) == 2
    assert f"{bars}:2: unknown key 'per_our_at_most' (nearest: per_hour_at_most)" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
