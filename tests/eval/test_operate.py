"""From an evaluation to a file that the daemon listens with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from eval_sweeps import WORD, build, drawn, negative, positive, row, said, write_run

from wakeword import model
from wakeword.cli import main
from wakeword.errors import ConfigError
from wakeword.eval import joint, operate, tables
from wakeword.eval.tables import Run
from wakeword.eval.tune import Wish
from wakeword.pipeline.pipeline import Detector


def as_run(folder: Path, sweep: joint.Sweep) -> Run:
    """A drawn sweep as an evaluation's folder, of the shipped models."""
    rows = [
        row(sweep.files[f].file, decided / 1000, (one, two), sweep.utterances[owner].utterance if owner >= 0 else "")
        for f, decided, (one, two), owner in zip(
            sweep.file.tolist(), sweep.decided_ms.tolist(), sweep.scores.tolist(), sweep.owner.tolist(), strict=True
        )
    ]
    run = write_run(folder, sweep.utterances, sweep.files, rows)
    loaded = model.load(WORD)
    run.about["words"][WORD] |= {"stage1_sha256": loaded.stage1_sha256, "stage2_sha256": loaded.stage2_sha256}
    (folder / "run.json").write_text(json.dumps(run.about))
    return tables.open_run(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """30 speakers, 20 h."""
    sweep = drawn(np.random.default_rng(3), speakers=30, files=80)
    return as_run(tmp_path_factory.mktemp("runs") / "run", sweep)


# --- two parts


@pytest.mark.parametrize("how", [None, "speaker", "hash"])
def test_the_parts_have_nothing_in_common_and_are_about_halves(run: Run, how: str | None) -> None:
    sweep = joint.load(run, WORD)
    one, two, was = operate.halves(sweep, how)
    assert was == (how or "speaker")
    assert not {file.file for file in one.files} & {file.file for file in two.files}
    if was == "speaker":
        assert not {u.speaker for u in one.utterances} & {u.speaker for u in two.utterances}
    assert len(one.utterances) + len(two.utterances) == len(sweep.utterances)
    assert len(one.utterances) == len(two.utterances) == 150
    assert one.hours == two.hours == 10.0
    assert operate.halves(sweep, how)[0].files == one.files  # the same every time


def test_a_clip_and_its_noisy_versions_stay_together() -> None:
    files = [
        positive(f"p{n}{mixed}", condition=mixed[1:] or "clean") for n in range(8) for mixed in ("", "#babble-0dB")
    ]
    files = [tables.File(file.file, file.file.partition("#")[0], *_rest(file)) for file in files]
    sweep = build([said(file.file, file.file) for file in files], files, [])
    one, two, how = operate.halves(sweep, None)
    assert how == "hash"  # nobody says who speaks
    assert not {file.path for file in one.files} & {file.path for file in two.files}
    assert len(one.files) == len(two.files) == 8


def _rest(file: tables.File) -> tuple[str, float, str]:
    return file.kind, file.hours, file.condition


def test_misses_of_one_condition_can_be_asked_for() -> None:
    files = [positive("a"), positive("b", condition="far"), negative("n")]
    sweep = build([said("u", "a"), said("v", "b", condition="far")], files, [])
    assert [one.utterance for one in operate.only_conditions(sweep, ["far"]).utterances] == ["v"]
    assert operate.only_conditions(sweep, ["far"]).hours == 1.0
    with pytest.raises(ConfigError, match=r"no condition 'near' in this run \(it has clean, far\)"):
        operate.only_conditions(sweep, ["near"])


# --- the refractory time


# A television says it twice within 3 s, over and over. With 1 s of rest each time wakes it; with 4 s every second.
def test_a_longer_refractory_time_is_chosen_where_it_saves_false_accepts() -> None:
    utterances, files = [said("u", "p")], [positive("p"), negative("tv", 1.0)]
    rows = [row("p", 1.0, (0.9, 0.5), "u")]
    rows += [
        row("tv", 60.0 * (n // 2) + 3 * (n % 2) + 1, (0.9, 0.9), rest_until_s=60.0 * (n // 2) + 3 * (n % 2) + 2)
        for n in range(8)
    ]
    sweep = build(utterances, files, rows)
    wish = Wish(4.5)
    heard = [operate.Heard(sweep, None, 1000)]
    assert operate.tune(heard, wish, [1000]).at_home.frr == 1.0
    found = operate.tune(heard, wish, [1000, 4000])
    assert (found.refractory_ms, found.at_home.frr, found.at_home.false_accepts.count) == (4000, 0.0, 4)
    assert found.chosen.chains == 2
    assert found.own_refractory


# --- smoothing


def twice(worse: float, better: float) -> list[operate.Heard]:
    """The same recordings heard with 2 steps and with 3: the word scores 0.5, a false accept these."""
    utterances, files = [said("u", "p")], [positive("p"), negative("tv", 1.0)]
    sweeps = [
        build(utterances, files, [row("p", 1.0, (0.9, 0.5), "u"), row("tv", 9.0, (0.9, score))])
        for score in (worse, better)
    ]
    return [operate.Heard(sweep, None, 1000, steps) for sweep, steps in zip(sweeps, (2, 3), strict=True)]


def test_the_smoothing_is_chosen_that_misses_less() -> None:
    found = operate.tune(twice(0.8, 0.2), Wish(0.5))
    assert (found.smoothed_steps, found.at_home.frr, found.at_home.false_accepts.count) == (3, 0.0, 0)
    assert 0.2 < found.chosen.stage2 <= 0.5
    assert operate.tune(twice(0.8, 0.2)[:1], Wish(0.5)).at_home.frr == 1.0


def test_of_equal_smoothings_the_first_is_taken_and_both_are_paid_for() -> None:
    found = operate.tune(twice(0.2, 0.2), Wish(0.5))
    assert found.smoothed_steps == 2
    alone = operate.tune(twice(0.2, 0.2)[:1], Wish(0.5))
    assert found.chosen.chains == 2 * alone.chosen.chains
    assert found.chosen.fa_upper > alone.chosen.fa_upper


def test_only_runs_of_the_same_recordings_are_chosen_among() -> None:
    one, _ = twice(0.2, 0.2)
    other = build([said("u", "q")], [positive("q"), negative("tv", 1.0)], [])
    with pytest.raises(ConfigError, match="must be of the same recordings"):
        operate.tune([one, operate.Heard(other, None, 1000, 3)], Wish(0.5))


def test_what_was_chosen_is_what_a_detector_gets(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    third = as_run(tmp_path / "third", drawn(np.random.default_rng(3), speakers=30, files=80))
    third.about["words"][WORD]["smoothed_steps"] = 3
    (third.folder / "run.json").write_text(json.dumps(third.about))
    path = tmp_path / "tuned.yaml"
    command = ["tune", str(third.folder), str(run.folder), "--max-fa-per-hour", "1", "--write", str(path)]
    assert main([*command, "--refractory-ms", "1700"]) == 0
    assert "refractory time 1700 ms, smoothed over 3 steps" in capsys.readouterr().out
    point = Detector.load(WORD, point=str(path)).points[0]
    assert (point.smoothed_steps, point.refractory_ms) == (3, 1700)
    assert main(command) == 0  # not asked for: the session's setting stays in force
    assert Detector.load(WORD, point=str(path)).points[0].refractory_ms is None


def test_a_run_with_another_refractory_time_is_not_chosen_among(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = as_run(tmp_path / "other", drawn(np.random.default_rng(3), speakers=30, files=80))
    other.about["words"][WORD]["refractory_ms"] = 1500
    (other.folder / "run.json").write_text(json.dumps(other.about))
    assert main(["tune", str(run.folder), str(other.folder), "--max-fa-per-hour", "1"]) == 2
    assert "another refractory time" in capsys.readouterr().err
    report = ["tune", str(run.folder), "--max-fa-per-hour", "1", "--report-on", str(other.folder)]
    assert main(report) == 2
    assert "heard in another way" in capsys.readouterr().err


# --- the command


def test_tune_writes_a_point_that_the_detector_takes(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tuned.yaml"
    assert main(["tune", str(run.folder), "--max-fa-per-hour", "1", "--promise", "--write", str(path)]) == 0
    out = capsys.readouterr().out
    assert "elsewhere   misses" in out
    assert "not promised" not in out
    written = yaml.safe_load(path.read_text())["words"][WORD]
    point = Detector.load(WORD, point=str(path)).points[0]
    assert (point.stage1, point.stage2) == (written["stage1"], written["stage2"])
    chosen = written["chosen"]
    assert (chosen["promise"], chosen["fa_per_hour_upper"] <= 1.0, chosen["chosen_on"]["hours"]) == (True, True, 10.0)
    sweep = operate.halves(joint.load(run, WORD), None)[1]
    assert chosen["reported_on"]["false_accepts"] == len(sweep.false_accepts(point.stage1, point.stage2))
    assert chosen["reported_on"]["frr"] == pytest.approx(np.mean(~sweep.heard(point.stage1, point.stage2)), abs=1e-6)


def test_the_same_command_chooses_the_same(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["tune", str(run.folder), "--max-frr", "0.3", "--json"]
    assert [main(command), main(command)] == [0, 0]
    one, two = capsys.readouterr().out.splitlines()
    assert one == two
    (found,) = json.loads(one)
    assert (found["word"], found["chosen_on"]["frr"] <= 0.3) == (WORD, True)


def test_too_little_data_is_exit_code_1_and_says_how_much(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", str(run.folder), "--max-fa-per-hour", "0.01", "--promise"]) == 1
    assert "10.00 h are too few to promise 0.01 false accepts an hour for 'computer' (" in capsys.readouterr().err


def test_it_is_reported_on_another_run_of_the_same_models_only(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = as_run(tmp_path / "other", drawn(np.random.default_rng(4), speakers=5, files=8))
    command = ["tune", str(run.folder), "--max-fa-per-hour", "1", "--report-on", str(other.folder)]
    assert main([*command, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["chosen_on"]["hours"], found["reported_on"]["hours"]) == (20.0, 2.0)
    other.about["words"][WORD]["stage2_sha256"] = "0" * 64
    (other.folder / "run.json").write_text(json.dumps(other.about))
    assert main(command) == 2
    assert "was not heard by the same models" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--max-fa-per-hour", "0"], "--max-fa-per-hour: a frequency above 0"),
        (["--max-frr", "1.5"], "--max-frr: a share from 0 to below 1"),
        (["--max-frr", "0.1", "--refractory-ms", "-5"], "--refractory-ms: 0 to 60000"),
        (["--max-frr", "0.1", "--write", "tuned.txt"], "--write: the configuration knows operating points by"),
        (["--max-frr", "0.1", "--word", "jarvis"], "no word 'jarvis' in this run"),
        (["--max-frr", "0.1", "--condition", "far"], "no condition 'far'"),
        (["--max-frr", "0.1", "--split", "hash", "--report-on", "x"], "a second run is what --split would make"),
        (["--max-frr", "0.1", "--report-on", "nowhere"], "no evaluation here"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_exit_code_2(
    run: Run, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    assert main(["tune", str(run.folder), *options]) == 2
    assert says in capsys.readouterr().err
