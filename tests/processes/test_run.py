"""The whole daemon on recordings: listen, gate and uplink as `wakeword run` starts and ends them."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from daemon import HANG_S, Daemon, Service, verify

from wakeword.events import RATE_HZ
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES

LOUD = str(Path(__file__).parent.parent / "models" / "loud")
SENTENCE = slice(7 * RATE_HZ, 13 * RATE_HZ)  # "Computer, what time is it?" and the quiet after it
Int16 = npt.NDArray[np.int16]


@pytest.fixture
def recorded(tmp_path: Path, room: Int16) -> Path:
    path = tmp_path / "recorded.wav"
    soundfile.write(path, room[SENTENCE], RATE_HZ)
    return path


def wakeword(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command that is over by itself."""
    return subprocess.run(
        [sys.executable, "-m", "wakeword", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )


def test_a_wake_reaches_the_service_sample_exact_with_its_preroll_and_the_log_accounts_for_it(
    tmp_path: Path, room: Int16, recorded: Path, receiver: Service
) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded), "--fast") as daemon:
        assert daemon.to_the_end() == 0
        (woken,) = daemon.of("listen", "wake")
    (session,) = receiver.sessions
    assert session.header["preroll_samples"] == SEGMENT_SAMPLES
    assert session.header["word"] == "loud"
    decided = next(
        at for at in range(SEGMENT_SAMPLES, 6 * RATE_HZ) if np.array_equal(
            room[SENTENCE][at - SEGMENT_SAMPLES : at], session.samples[:SEGMENT_SAMPLES])
    )  # fmt: skip
    assert decided / RATE_HZ == pytest.approx(woken["end_s"], abs=0.3)
    assert np.array_equal(session.samples, room[SENTENCE][decided - SEGMENT_SAMPLES :][: len(session.samples)])
    assert len(session.samples) > SEGMENT_SAMPLES + RATE_HZ
    assert session.announced == len(session.pcm)
    (logged,) = verify(daemon.evidence)["sessions"]
    assert (logged["bytes"], logged["why"]) == (len(session.pcm), "end")


def test_what_stage_2_refuses_opens_no_connection(tmp_path: Path, room: Int16, receiver: Service) -> None:
    soft = tmp_path / "soft.wav"
    soundfile.write(soft, (room[SENTENCE] * 0.1).astype(np.int16), RATE_HZ)
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(soft), "--fast") as daemon:
        assert daemon.to_the_end() == 0
        assert len(daemon.of("listen", "reject")) > 0
        assert daemon.of("gate", "open") == []
    assert receiver.connections == 0
    assert verify(daemon.evidence)["sessions"] == []


def test_standard_input_is_heard(tmp_path: Path, room: Int16, receiver: Service) -> None:
    reader, writer = os.pipe()
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", "-", stdin=reader) as daemon:
        os.close(reader)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(room[SENTENCE].tobytes())
        daemon.event("gate", "close")
        assert daemon.to_the_end() == 0
    assert len(receiver.sessions) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_three_in_order_and_the_log_with_a_stop(
    tmp_path: Path, recorded: Path, receiver: Service, number: signal.Signals
) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded)) as daemon:
        daemon.event("gate", "open")
        assert daemon.stop(number) == 0
        ended = daemon.of("run", "ended")
        assert ended[0]["process"] == "listen"
        assert {line["process"] for line in ended} == {"listen", "gate", "uplink"}
        assert all(line["in_order"] for line in ended)
        assert daemon.stderr() == ""
    (logged,) = verify(daemon.evidence)["sessions"]
    assert logged["bytes"] == len(receiver.sessions[0].pcm)


@pytest.mark.parametrize("victim", ["listen", "gate", "uplink"])
def test_when_one_process_dies_all_end_and_it_is_named(
    tmp_path: Path, recorded: Path, receiver: Service, victim: str
) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded)) as daemon:
        daemon.event("listen", "listening")
        pids = daemon.pids()
        assert set(pids) == {"listen", "gate", "uplink"}
        os.kill(pids[victim], signal.SIGKILL)
        assert daemon.to_the_end() == 128 + signal.SIGKILL
        assert f"wakeword: {victim} was ended by SIGKILL" in daemon.stderr()
        assert {line["process"] for line in daemon.of("run", "ended")} == {"listen", "gate", "uplink"}
    verify(daemon.evidence)


def handles_sigterm(pid: int) -> bool:
    (caught,) = re.findall(r"^SigCgt:\s*([0-9a-f]+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def test_the_one_that_died_is_named_also_when_another_is_seen_to_end_before(
    tmp_path: Path, recorded: Path, receiver: Service
) -> None:
    """A killed process lets go of its pipes a moment before its end can be seen: its neighbour may be the faster."""
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded)) as daemon:
        daemon.event("listen", "listening")
        pids = daemon.pids()
        while not handles_sigterm(pids["uplink"]):  # listen may be ready before it
            os.sched_yield()
        daemon.process.send_signal(signal.SIGSTOP)
        for name, number in (("uplink", signal.SIGTERM), ("gate", signal.SIGKILL)):
            os.kill(pids[name], number)
            select.select([os.pidfd_open(pids[name])], [], [], HANG_S)
        daemon.process.send_signal(signal.SIGCONT)
        assert daemon.to_the_end() == 128 + signal.SIGKILL
        assert "wakeword: gate was ended by SIGKILL" in daemon.stderr()


def test_when_the_supervisor_dies_nobody_goes_on_listening(tmp_path: Path, receiver: Service) -> None:
    reader, writer = os.pipe()  # an input that neither speaks nor ends
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", "-", stdin=reader) as daemon:
        os.close(reader)
        daemon.event("listen", "listening")
        watched = [os.pidfd_open(pid) for pid in daemon.pids().values()]
        daemon.process.kill()
        for descriptor in watched:
            assert select.select([descriptor], [], [], HANG_S)[0]
            os.close(descriptor)
    os.close(writer)


def test_a_process_that_does_not_end_when_told_is_killed_and_named(
    tmp_path: Path, recorded: Path, receiver: Service
) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded)) as daemon:
        daemon.event("listen", "listening")
        os.kill(daemon.pids()["listen"], signal.SIGSTOP)
        assert daemon.stop() == 128 + signal.SIGKILL
        assert "wakeword: listen did not end within 3 s and was killed" in daemon.stderr()
    verify(daemon.evidence)


STOPS_IN_STAGE_2 = """
import importlib.abc, importlib.machinery, os, signal, sys

class Hook(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "wakeword.pipeline.stage2":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            judge = module.Stage2.judge

            def stops(self, segment):
                os.kill(os.getpid(), signal.SIGSTOP)
                return judge(self, segment)

            module.Stage2.judge = stops

        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, Hook())
"""


def is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_while_stage_2_stands_still_nothing_opens_and_what_it_says_too_late_does_not_either(
    tmp_path: Path, recorded: Path, receiver: Service
) -> None:
    """Each time it is asked the whole process stops inside it, and goes on once the policy's 400 ms are over."""
    (tmp_path / "sitecustomize.py").write_text(STOPS_IN_STAGE_2)
    environment = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    options = ("--word", LOUD, "--input", str(recorded))
    with Daemon(tmp_path, receiver.url, *options, environment=environment) as daemon:
        daemon.event("listen", "listening")
        listen, stops = daemon.pids()["listen"], 0
        end = os.pidfd_open(listen)
        while not select.select([end], [], [], 0.02)[0]:
            if is_stopped(listen):
                stops += 1
                assert select.select([end], [], [], 0.6) == ([], [], [])  # stopped, it cannot end
                os.kill(listen, signal.SIGCONT)
        os.close(end)
        assert daemon.to_the_end() == 0
        late = daemon.of("listen", "late")
        assert daemon.of("gate", "open") == daemon.of("gate", "denied") == []
    assert stops >= len(late) > 0
    assert all(line["lag_ms"] >= 600 for line in late)
    assert receiver.connections == 0
    assert verify(daemon.evidence)["sessions"] == []


def test_muted_in_a_session_it_ends_and_unmuted_it_listens_again(
    tmp_path: Path, recorded: Path, receiver: Service
) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded)) as daemon:
        daemon.event("gate", "open")
        muted = wakeword("mute", "--evidence", str(daemon.evidence), folder=tmp_path)
        assert muted.stdout == f"muted: the microphone is closed [{daemon.evidence.parent / 'muted'}]\n"
        daemon.until(lambda line: line["event"] == "mute" and line["from"] == "gate" and line["on"])
        assert wakeword("unmute", "--evidence", str(daemon.evidence), folder=tmp_path).returncode == 0
        daemon.until(lambda line: line["event"] == "mute" and line["from"] == "listen" and not line["on"])
        assert daemon.stop() == 0
    (logged,) = verify(daemon.evidence)["sessions"]
    assert logged["why"] in ("mute", "end")


def test_a_second_daemon_on_the_same_log_is_refused_and_the_first_goes_on(
    tmp_path: Path, recorded: Path, receiver: Service
) -> None:
    options = ("--word", LOUD, "--input", str(recorded))
    (tmp_path / "second").mkdir()
    with Daemon(tmp_path, receiver.url, *options) as first:
        first.event("listen", "listening")
        with Daemon(tmp_path / "second", receiver.url, *options, "--evidence", str(first.evidence)) as second:
            assert second.to_the_end() not in (0, None)
            assert "wakeword: gate ended with code" in second.stderr()
        assert set(first.pids()) == {"listen", "gate", "uplink"}
        assert first.stop() == 0


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ([], 2, "uplink.url: no service to send to is configured"),
        (["--url", "ws://127.0.0.1:9", "--word", "xyzzy"], 2, "no model 'xyzzy'"),
        (["--url", "http://127.0.0.1:9"], 2, "command line: uplink.url: not an address of a service"),
        (["--url", "ws://127.0.0.1:9", "--input", "none.wav"], 3, "none.wav: no such file or directory"),
        (["--url", "ws://127.0.0.1:9", "--fast"], 2, "--fast is for a recording"),
        (["--url", "ws://127.0.0.1:9", "--word", LOUD, "--config", "none.yaml"], 2, "none.yaml: no such file"),
    ],
)
def test_what_cannot_be_run_is_named_before_anything_is_started(
    tmp_path: Path, options: list[str], code: int, says: str
) -> None:
    ended = wakeword("run", *options, folder=tmp_path)
    assert ended.returncode == code
    assert ended.stderr.startswith("wakeword: ")
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_configuration_is_shown_with_its_origins(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("session:\n  cap_ms: 9000\n")
    shown = wakeword("run", "--config", str(tmp_path / "x.yaml"), "--channel", "2", "--print-config", folder=tmp_path)
    assert shown.returncode == 0
    lines = {line.partition(":")[0].strip(): line for line in shown.stdout.splitlines()}
    assert lines["cap_ms"].endswith(f"# {tmp_path / 'x.yaml'}:2")
    assert lines["channel"].endswith("# command line")
    assert lines["lag_ms"].endswith("# default")


def test_text_for_a_person(tmp_path: Path, recorded: Path, receiver: Service) -> None:
    options = ["--url", receiver.url, "--word", LOUD, "--input", str(recorded), "--evidence", str(tmp_path / "ev")]
    shown = wakeword("run", *options, "--fast", folder=tmp_path)
    assert shown.returncode == 0
    first, *lines = shown.stdout.splitlines()
    assert first == f"words: loud   service: {receiver.url}   evidence: {tmp_path / 'ev'}"
    told = [line.split("  ", 1)[1] for line in lines]
    assert any(line.startswith("WAKE    loud") for line in told)
    assert "session 1 open: written down, now sending" in told
    assert f"sent {len(receiver.sessions[0].pcm):,} bytes of session 1" in told
    assert any(line.startswith("the sound has ended after 6") for line in told)
