"""The bench as a command: it really measures, briefly; nothing here compares a time with a limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wakeword.bench import cost, daemon, latency, memory, sounds, start
from wakeword.errors import WakewordError
from wakeword.events import RATE_HZ

LOUD = str(Path(__file__).parent.parent / "models" / "loud")


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wakeword.bench", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def medians(ended: subprocess.CompletedProcess[str]) -> dict[str, float]:
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    assert told["machine"]["python"]
    return {figure["name"]: figure["median"] for figure in told["figures"]}


def test_cost_of_every_sound_alone_in_listen_and_in_real_time() -> None:
    found = medians(bench("cost", "--json", "--word", LOUD, "--seconds", "5", "--rounds", "1", "--real-time", "2"))
    names = ["talk", "quiet, -75 dBFS", "quiet, -60 dBFS"]
    expected = [f"{where}, {name}, 1 word" for name in names for where in ("pipeline", "listen")]
    expected += [f"{where} in real time, {name}, 1 word" for name in names for where in ("listen", "gate", "uplink")]
    assert list(found) == expected
    assert all(value > 0 for name, value in found.items() if not name.startswith("uplink"))  # which sleeps
    assert found["pipeline, talk, 1 word"] > found["pipeline, quiet, -75 dBFS, 1 word"]


def test_start_and_latency() -> None:
    found = medians(bench("start", "latency", "--json", "--word", LOUD, "--rounds", "1"))
    assert found["start to listening, 1 word"] > 0
    assert found["WAKE to the first sample in the uplink's pipe"] > 0
    assert found["stage 2, one verdict"] > 0


def test_memory_is_that_of_the_three_processes(tmp_path: Path) -> None:
    figures = memory.measure(tmp_path, [LOUD], microphone=False, after_s=1.0)
    resident = {figure.name: figure.median for figure in figures if figure.name.endswith(", resident")}
    assert list(resident) == ["listen, resident", "gate, resident", "uplink, resident"]
    assert resident["listen, resident"] > resident["gate, resident"] > 5


def test_memory_that_was_never_looked_at_is_no_figure(tmp_path: Path) -> None:
    with pytest.raises(WakewordError, match=r"ended before 1000 s"):
        memory.measure(tmp_path, [LOUD], microphone=False, after_s=1_000, fast=True)


def test_the_clock_and_the_memory_are_those_of_the_other_process() -> None:
    code = "import sys; held = b'x' * 50_000_000; print(sum(range(3_000_000)), flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        found, spent_s = daemon.memory(other.pid), daemon.cpu_s(other.pid)
        began_s = time.process_time()
        sum(range(3_000_000))
        assert spent_s > (time.process_time() - began_s) / 4
        assert found.peak_mib >= found.rss_mib > 48
        assert found.pss_mib is not None
        assert found.pss_mib > 47
        other.communicate()
    with pytest.raises(OSError, match=r"Invalid argument"):
        daemon.cpu_s(other.pid)


def test_who_has_seen_enough_is_not_asked_again_while_the_daemon_ends(tmp_path: Path) -> None:
    plan = cost._plan(tmp_path / "daemon", [LOUD], sounds.ROOM, paced=True)
    seen: list[str] = []
    daemon.watch(plan, lambda line, pids: seen.append(line["event"]) or line["event"] == "listening")
    assert seen.count("listening") == 1
    assert seen[-1] == "listening"  # what the processes say as they end comes after it


def test_a_daemon_that_fails_is_named(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "quiet.wav", np.zeros(RATE_HZ, np.int16))
    plan = cost._plan(tmp_path / "daemon", [LOUD], path, paced=False)
    path.unlink()
    with pytest.raises(WakewordError, match=r"the bench's daemon failed: listen ended with code 3"):
        cost.run(plan, "listen")


def test_a_start_that_fails_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WakewordError, match=r"ended with code 2 before it listened"):
        start.once(["--config", str(tmp_path / "none.yaml")])
    assert "none.yaml" in capfd.readouterr().err


def test_a_gate_that_ends_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gate0" / "log").mkdir(parents=True)
    with pytest.raises(FileExistsError):
        latency._first_byte(tmp_path, 1)
    reader, writer = os.pipe()
    os.close(writer)
    with pytest.raises(WakewordError, match=r"has ended"):
        latency._read(reader, 1)
    os.close(reader)


@pytest.mark.parametrize(("options", "said"), [
    (["nonsense"], "no kind of figure: nonsense (there are cost, memory, start, latency, eval)"),
    (["cost", "--rounds", "0"], "--rounds is at least 1"),
    (["cost", "--seconds", "0"], "0 is not between 1 and 36000 seconds"),
    (["cost", "--seconds", "long"], "invalid _seconds value: 'long'"),
])  # fmt: skip
def test_what_cannot_be_measured_is_refused(options: list[str], said: str) -> None:
    ended = bench(*options)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    ended = bench("cost", "--speech", str(tmp_path / "none.wav"))
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        3,
        f"bench: {tmp_path}/none.wav: no such file or directory",
    )


def test_help_shows_every_kind_and_examples() -> None:
    shown = bench("--help").stdout
    for word in ("cost", "memory", "start", "latency", "scripts/bench memory start --microphone"):
        assert word in shown
