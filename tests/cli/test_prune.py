"""`wakeword audit prune`: it says what would go, asks the gate for it, and removes nothing itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evidence_room import HandClock, Room

from wakeword.cli import main
from wakeword.cli.prune import Going, days, what_goes
from wakeword.errors import ConfigError
from wakeword.evidence.retention import DAY_S


@pytest.fixture
def log(tmp_path: Path) -> Room:
    """Three files of 8 records each, ten days apart."""
    room = Room(tmp_path, HandClock())
    for _ in range(3):
        evidence = room.start()
        evidence.commit([{"k": "stop", "why": "shutdown"}])
        evidence.close()
        room.clock.turn(10 * DAY_S * 1_000)
    return room


def test_by_whole_files_what_is_older_goes(log: Room) -> None:
    now_s = log.clock.wall_s()
    a_file = what_goes(log.folder, 0, now_s).records // 3
    going = {keep: what_goes(log.folder, keep, now_s) for keep in (0, 5, 10, 15, 20, 30, 31)}
    assert {keep: each.hashes_only // a_file for keep, each in going.items()} == {
        0: 3, 5: 2, 10: 2, 15: 1, 20: 1, 30: 0, 31: 0,
    }  # fmt: skip
    assert going[15] == Going(3 * a_file, a_file, now_s - 20 * DAY_S, 15)


def test_a_dry_run_asks_for_nothing(log: Room, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(log.folder.iterdir())
    assert main(["audit", "prune", str(log.folder), "--keep", "0d", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["keep_days"] == 0
    assert sorted(log.folder.iterdir()) == before


def test_what_the_gate_then_does_is_what_was_said(log: Room, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 2026 by the hand clock, so by any real one all of it is older than a day."""
    said = what_goes(log.folder, 15, log.clock.wall_s())
    evidence = log.start()
    assert evidence.prune_wanted() is None
    assert main(["audit", "prune", str(log.folder), "--keep", "15d"]) == 0
    assert "asked: the gate does it" in capsys.readouterr().err
    assert evidence.prune_wanted() == 15
    assert evidence.prune("user", 15)
    while evidence.tidy():
        pass
    evidence.prune_done()
    assert (evidence.prune_wanted(), evidence.account.cut_n) == (None, said.hashes_only)
    assert [entry.record["why"] for entry in log.check().entries if entry.record["k"] == "prune"] == ["user"]


@pytest.mark.parametrize("content", ["", "12345", "-1", "all", "9" * 100])
def test_a_wish_without_a_number_keeps_nothing(log: Room, content: str) -> None:
    (log.folder / "prune").write_text(content)
    assert log.start().prune_wanted() == 0


@pytest.mark.parametrize("text", ["", "d", "90days", "-1", "10000", "٣d"])
def test_other_numbers_of_days_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="not a number of days"):
        days(text)
    assert (days("90d"), days("0")) == (90, 0)


def test_what_cannot_be_done_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "prune", str(tmp_path), "--keep", "1d"]) == 2
    assert "no log" in capsys.readouterr().err
    assert main(["audit", "prune", str(tmp_path / "none"), "--keep", "1d"]) == 2
    assert "no such folder" in capsys.readouterr().err
