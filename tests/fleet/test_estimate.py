"""Many reports -> rates: right on average, with intervals that hold, and nothing unreadable passed over in silence."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from wakeword.cli import main
from wakeword.daily.report import COUNTS, MOST, Report, scale
from wakeword.fleet.estimate import noise_variance, rates, read, reports_needed
from wakeword.fleet.simulate import Fleet, noise, simulate


def reports(true: int, many: int) -> list[Report]:
    draw = np.random.default_rng(many)
    columns = [true + noise(draw, scale(name, 1_000), many) for name in COUNTS]
    return [Report(20_000, 1_000, tuple(map(int, row))) for row in np.array(columns).T]


def test_the_mean_of_many_is_the_rate() -> None:
    for rate in rates(reports(3, 50_000)):
        assert rate.low < 3 < rate.high
        assert rate.error == pytest.approx(rate.noise, rel=0.05)  # all households are alike here
        assert (rate.low + rate.high) / 2 == pytest.approx(rate.mean)


def test_one_report_tells_its_noise_and_promises_nothing() -> None:
    [cancel] = [rate for rate in rates(reports(3, 1)) if rate.name == "cancel"]
    assert cancel.error == cancel.noise == pytest.approx(math.sqrt(noise_variance(8)))
    assert not any(rate.seen for rate in rates(reports(10_000, 29)))


@pytest.mark.parametrize("scale_", [0.3, 2.0, 8.0, 960.0])
def test_the_variance_of_the_noise(scale_: float) -> None:
    cells = np.arange(-40_000, 40_001)
    weights = np.exp(-np.abs(cells) / scale_)
    assert noise_variance(scale_) == pytest.approx((weights * cells**2).sum() / weights.sum())


def test_how_many_reports_it_takes() -> None:
    many = reports_needed("cancel", 1_000, 0.05)
    assert 1.96 * math.sqrt(noise_variance(8) / many) == pytest.approx(0.05, rel=1e-3)


def test_what_is_no_report_is_named_by_its_line() -> None:
    good = '{"cancel":-6,"cand":-4,"day":20000,"eps":1000,"rej":5,"v":1,"wakes":3}'
    found, wrong = read([good, "", "x", good, '{"v":1}'])
    assert len(found) == 2
    assert [line.split(":")[0] for line in wrong] == ["line 3", "line 5"]


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    path = tmp_path / "reports.jsonl"
    lines = [
        json.dumps({"v": 1, "day": 20_000 + number % 2, "eps": 1_000} | dict(zip(COUNTS, report.counts, strict=True)))
        for number, report in enumerate(reports(2, 100))
    ]
    path.write_text("\n".join(lines))
    return path


def test_the_command_estimates_each_day_and_all(collected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "estimate", str(collected), "--days", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["rates"]) == ["20000", "20001", "all"]
    assert [rate["reports"] for rate in told["rates"]["all"]] == [100] * 4
    means = [[rate["mean"] for rate in told["rates"][day]] for day in ("20000", "20001", "all")]
    assert (np.array(means[0]) + means[1]).tolist() == pytest.approx((2 * np.array(means[2])).tolist())


def test_the_command_names_bad_lines_and_ends_with_3(collected: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collected.write_text(collected.read_text() + "\nnonsense\n")
    assert main(["fleet", "estimate", str(collected)]) == 3
    captured = capsys.readouterr()
    assert "line 101: not JSON" in captured.err
    assert "100" in captured.out


def test_without_a_report_there_is_nothing_to_estimate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none").write_text("")
    assert main(["fleet", "estimate", str(tmp_path / "none")]) == 2
    assert "no reports" in capsys.readouterr().err


def test_simulated_fleets_are_estimated_without_bias_and_the_interval_holds() -> None:
    outcomes = simulate(Fleet(devices=2_000), 8_000, fleets=300, seed=3)
    for one in outcomes:
        assert abs(one.bias - one.clipping) < 4 * one.bias_error, one
        assert one.covered_low < 0.95 < one.covered_high, one
    assert [one.true for one in outcomes] == pytest.approx([4.3, 16.3, 12.0, 0.18])


def test_counts_beyond_the_greatest_are_a_known_bias() -> None:
    heavy = Fleet(devices=2_000, asked=3.0 * MOST["wakes"], unlike=50.0)
    [wakes, *_] = simulate(heavy, 10_000, fleets=20, seed=4)
    assert wakes.bias == pytest.approx(wakes.clipping, abs=5 * wakes.bias_error)
    assert wakes.bias < -50


def test_an_estimate_that_leaves_out_the_noise_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of coverage can fail: intervals of half the width hold the truth too seldom."""
    monkeypatch.setattr("wakeword.fleet.simulate.errors_aside", lambda: 0.98)
    assert all(one.covered_high < 0.95 for one in simulate(Fleet(devices=2_000), 8_000, fleets=300, seed=3))


def test_the_commands_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "simulate", "--devices", "500", "--fleets", "60", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["good"] is True
    assert main(["fleet", "budget", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cancel"]["scale"] == 8
    assert main(["fleet", "attack", "--reports", "1"]) == 2
