"""One life of the daemon after another, on a real microphone: after crashes, after a reload; and when there is none."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import kill_run
import mic_bed
import pytest
from daemon import Daemon, verify
from mic_bed import MicBed

pytestmark = [pytest.mark.mic, pytest.mark.skipif(bool(mic_bed.missing()), reason=mic_bed.missing() or "none")]

NOBODY = "ws://127.0.0.1:9"
LOUD = str(Path(__file__).parent.parent / "models" / "loud")


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[MicBed]:
    with MicBed(tmp_path / "bed") as made:
        yield made


def listening(folder: Path, bed: MicBed, *options: str) -> Daemon:
    """A daemon that hears the microphone."""
    options = ("--word", LOUD, "--device", "mic", *options)
    daemon = Daemon(folder, NOBODY, *options, environment=bed.environment)
    daemon.event("listen", "listening")
    return daemon


def test_after_each_kill_the_daemon_is_back_and_hears_the_word_and_the_log_names_every_kill() -> None:
    """In short what `scripts/ordeal/processes` does 200 times, at random moments."""
    found = kill_run.Found()
    with kill_run.run_home() as home, kill_run.Talker(home.fifo):
        home.start()
        for name in kill_run.PROCESSES:
            home.kill(name)
            home.daemon.event("listen", "wake")
            home.daemon.event("gate", "open")
        records = kill_run.read(home.stop())
    kill_run.hold_against(records, [(name, 0.0) for name in kill_run.PROCESSES], [], found)
    assert found.wrong == []
    assert sum(found.sessions.values()) == 3


def test_a_log_that_lacks_a_wake_or_a_cause_is_not_let_through() -> None:
    kills = [("gate", 100.0), ("listen", 130.0)]
    records: list[dict[str, object]] = [{"k": "wake", "t": 111_000}]
    records += [
        {"k": "cause", "who": who, "how": how, "code": 9} for who, how in (("gate", "signal"), ("gate", "late"))
    ]
    found = kill_run.Found()
    kill_run.hold_against(records, kills, [98.0, 104.0, 110.0, 120.0, 131.0], found)
    assert (found.said, found.missed_s, found.disturbed, found.heard_all_the_same) == (2, [20.0], 3, 0)
    assert found.others == {"gate late 9": 1}
    assert len(found.wrong) == 1
    assert "does not name: {'listen signal 9': 1}" in found.wrong[0]


def test_what_another_life_cannot_mend_ends_the_daemon_with_its_code(tmp_path: Path, bed: MicBed) -> None:
    with listening(tmp_path, bed) as daemon:
        (daemon.evidence.parent / "device.key").rename(tmp_path / "stolen.key")
        os.kill(daemon.pids()["uplink"], signal.SIGKILL)
        assert daemon.to_the_end() == 2
        assert [line["why"] for line in daemon.of("run", "again")] == ["uplink was ended by SIGKILL"]
        assert "wakeword: gate ended with code 2" in daemon.stderr()


def test_a_stop_between_two_lives_is_the_end(tmp_path: Path, bed: MicBed) -> None:
    with listening(tmp_path, bed) as daemon:
        os.kill(daemon.pids()["gate"], signal.SIGKILL)
        daemon.event("run", "again")
        assert daemon.stop() in (0, 128 + signal.SIGKILL)  # of the life under way, or of the one that was killed
    verify(daemon.evidence)


def test_a_reload_begins_a_log_file_with_the_new_rules_and_a_wrong_file_leaves_the_old(
    tmp_path: Path, bed: MicBed
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("policy: {sessions_per_hour: 7}\n")
    with listening(tmp_path, bed, "--config", str(settings)) as daemon:
        settings.write_text("policy: {sessions_per_hour: 8}\n")
        daemon.process.send_signal(signal.SIGHUP)
        assert daemon.event("run", "reloaded")["ok"] is True
        daemon.event("listen", "listening")
        settings.write_text("policy: {sessions_an_hour: 9}\n")
        daemon.process.send_signal(signal.SIGHUP)
        refused = daemon.event("run", "reloaded")
        assert refused["ok"] is False
        assert "settings.yaml:1: unknown key 'sessions_an_hour'" in refused["what"]
        daemon.event("listen", "listening")
        assert daemon.stop() == 0
    verify(daemon.evidence)
    records = kill_run.read(daemon.evidence)
    assert [record["hour"] for record in records if record["k"] == "policy"] == [7, 8, 8]
    assert [record["k"] for record in records if record["k"] in ("cause", "gap", "stop")].count("stop") == 3


def test_a_microphone_that_was_never_heard_is_not_waited_for(tmp_path: Path, bed: MicBed) -> None:
    options = ("--word", LOUD, "--device", "misspelt")
    with Daemon(tmp_path, NOBODY, *options, environment=bed.environment) as daemon:
        assert daemon.to_the_end() == 3
        assert daemon.of("run", "again") == []
        assert "no microphone 'misspelt'" in daemon.stderr()
