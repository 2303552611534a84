"""Candidates kept by consent: the whole daemon, its keeper, and what lies on disk before, meanwhile and afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from daemon import HANG_S, Daemon, Line, Service, verify

from wakeword.events import RATE_HZ
from wakeword.keep import clip, consent, folder, seal
from wakeword.keep.consent import Consent, Shelf

LOUD = str(Path(__file__).parent.parent / "models" / "loud")
SENTENCE = slice(7 * RATE_HZ, 13 * RATE_HZ)  # "Computer, what time is it?" and the quiet after it
Int16 = npt.NDArray[np.int16]
LOGGED = {"evidence", "device.key", "receipts"}  # what a daemon without consent leaves in its state folder


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Where the daemon of these tests keeps what it keeps."""
    return Shelf(tmp_path / "state")


@pytest.fixture
def sound(room: Int16) -> Int16:
    """A sentence so soft that stage 2 refuses all of it, then as loud as it was said."""
    return np.concatenate([(room[SENTENCE] * 0.1).astype(np.int16), room[SENTENCE]])


@pytest.fixture
def recorded(tmp_path: Path, sound: Int16) -> Path:
    path = tmp_path / "recorded.wav"
    soundfile.write(path, sound, RATE_HZ)
    return path


def wakeword(shelf: Shelf, *words: str) -> subprocess.CompletedProcess[str]:
    """A command for the daemon of these tests."""
    command = [sys.executable, "-P", "-m", "wakeword", *words, "--evidence", str(shelf.state / "evidence")]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=HANG_S,
        env={"PATH": os.environ["PATH"], "HOME": str(shelf.state.parent)},
    )  # fmt: skip


def consented(shelf: Shelf, length: str = "1h") -> None:
    ended = wakeword(shelf, "collect", "--for", length, "--yes-i-consent")
    assert ended.returncode == 0, ended.stderr


def heard(daemon: Daemon) -> list[Line]:
    return [line for line in daemon.lines if line["from"] == "listen" and line["event"] in ("wake", "reject")]


def logged(evidence: Path) -> list[tuple[str, int]]:
    """Each collect record of a log that all verifiers accept: why, and how many were kept."""
    verify(evidence)
    lines = [line for path in sorted(evidence.glob("*.seg")) for line in path.read_text().splitlines()]
    return [(one["why"], one["kept"]) for one in map(json.loads, lines) if one["k"] == "collect"]


def left(shelf: Shelf) -> set[str]:
    return {path.name for path in shelf.state.iterdir()} - LOGGED


@contextmanager
def microphone(tmp_path: Path, url: str) -> Iterator[tuple[Daemon, int]]:
    """A daemon that hears what is written to a pipe; nothing is written yet."""
    reader, writer = os.pipe()
    try:
        with Daemon(tmp_path, url, "--word", LOUD, "--input", "-", stdin=reader) as daemon:
            os.close(reader)
            yield daemon, writer
    finally:
        os.close(writer)


def say(writer: int, sound: Int16) -> None:
    """All of it; a pipe holds 2 s, so this waits for the daemon."""
    rest = memoryview(sound.astype("<i2").tobytes())
    while rest:
        rest = rest[os.write(writer, rest) :]


def test_without_consent_nothing_is_kept(tmp_path: Path, shelf: Shelf, recorded: Path, receiver: Service) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded), "--fast") as daemon:
        daemon.event("listen", "listening")
        assert set(daemon.pids()) == {"listen", "gate", "uplink"}
        assert daemon.to_the_end() == 0
    assert {line["event"] for line in heard(daemon)} == {"wake", "reject"}
    assert left(shelf) == set()
    assert logged(daemon.evidence) == []


def test_with_consent_candidates_lie_there_sealed(
    tmp_path: Path, shelf: Shelf, recorded: Path, sound: Int16, receiver: Service
) -> None:
    consented(shelf)
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded), "--fast") as daemon:
        assert daemon.to_the_end() == 0, daemon.stderr()
    sealed = [path.read_bytes() for path in folder.found(shelf.clips)]
    opened = [clip.unpack(seal.unseal(one, seal.read_private(shelf.key))) for one in sealed]
    assert sorted((head.word, head.accepted) for head, _ in opened) == sorted(
        (line["word"], line["accepted"]) for line in heard(daemon)
    )
    assert {head.accepted for head, _ in opened} == {True, False}
    whole = np.concatenate([np.zeros(clip.SAMPLES, "<i2"), sound.astype("<i2"), np.zeros(RATE_HZ, "<i2")]).tobytes()
    for _, pcm in opened:
        assert whole.find(pcm[: 2 * (clip.SAMPLES - 3 * 1280)]) % 2 == 0  # at the end the last unit is filled up
    assert logged(daemon.evidence) == [("on", 0), ("day", len(sealed))]
    assert len({len(one) for one in sealed}) == 1  # what was accepted looks like what was not

    everything = [path.read_bytes() for path in shelf.state.rglob("*") if path.is_file()]
    loud = sound.astype("<i2").tobytes()[2 * 8 * RATE_HZ : 2 * 10 * RATE_HZ]
    for name in (b"loud", b"accepted", b"stage1"):
        assert not any(name in content for content in sealed)
    for at in range(0, len(loud) - 16, 64):
        assert not any(loud[at : at + 16] in content for content in everything)

    other = tmp_path / "other.key"
    seal.create_key(other)
    ended = wakeword(shelf, "collect", "--list", "--key", str(other))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.count("sealed to another key") == len(sealed)


def test_forget_leaves_nothing_while_the_daemon_goes_on(
    tmp_path: Path, shelf: Shelf, sound: Int16, receiver: Service
) -> None:
    consented(shelf)
    with microphone(tmp_path, receiver.url) as (daemon, writer):
        daemon.event("listen", "listening")
        assert "keeper" in daemon.pids()
        say(writer, sound)
        daemon.event("listen", "wake")
        before = len(heard(daemon))
        ended = wakeword(shelf, "forget")
        assert ended.returncode == 0, ended.stderr
        assert not shelf.clips.exists()
        assert not shelf.key.exists()
        daemon.until(lambda line: line.get("event") == "collect" and line.get("why") == "forgotten")
        say(writer, sound)
        daemon.event("listen", "reject")
        assert daemon.stop() == 0
    assert len(heard(daemon)) > before
    assert left(shelf) == set()
    (on, _), (why, kept) = logged(daemon.evidence)
    assert (on, why) == ("on", "forgotten")
    assert 1 <= kept <= len(heard(daemon))


def test_consent_expires_by_itself(tmp_path: Path, shelf: Shelf, sound: Int16, receiver: Service) -> None:
    """However slow the machine: also when it is over before the daemon has started."""
    consented(shelf, "6s")
    with microphone(tmp_path, receiver.url) as (daemon, writer):
        say(writer, sound)
        daemon.until(lambda line: line.get("event") == "collect" and line.get("why") == "expired")
        assert daemon.stop() == 0
    assert left(shelf) == set()
    assert logged(daemon.evidence)[-1][0] == "expired"


def test_what_expired_while_nothing_ran_is_deleted_at_the_next_start(
    tmp_path: Path, shelf: Shelf, recorded: Path, receiver: Service
) -> None:
    consented(shelf)
    (shelf.clips / "0123456789abcdef.clip").write_bytes(b"sealed")
    (shelf.clips / "fedcba9876543210.part").write_bytes(b"sea")
    now_s = int(time.time())
    consent.write(shelf.consent, Consent(now_s - 100, now_s - 50, "0" * 64))
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded), "--fast") as daemon:
        assert daemon.to_the_end() == 0
    assert left(shelf) == set()
    assert logged(daemon.evidence) == [("expired", 0)]


def test_consent_given_to_a_daemon_that_runs_is_seen(
    tmp_path: Path, shelf: Shelf, sound: Int16, receiver: Service
) -> None:
    with microphone(tmp_path, receiver.url) as (daemon, writer):
        daemon.event("listen", "listening")
        consented(shelf)
        daemon.event("run", "reloaded")
        daemon.until(lambda line: line.get("event") == "collect" and line.get("why") == "on")
        say(writer, sound)
        daemon.event("listen", "wake")
        assert daemon.stop() == 0
    assert 1 <= len(folder.found(shelf.clips)) <= len(heard(daemon))
    assert [why for why, _ in logged(daemon.evidence)] == ["on", "day"]


def test_without_its_keeper_the_daemon_goes_on(tmp_path: Path, shelf: Shelf, sound: Int16, receiver: Service) -> None:
    consented(shelf)
    with microphone(tmp_path, receiver.url) as (daemon, writer):
        daemon.event("listen", "listening")
        os.kill(daemon.pids()["keeper"], signal.SIGKILL)
        say(writer, sound)
        warned = daemon.event("listen", "warning")
        assert "the keeper has ended" in warned["what"]
        daemon.event("listen", "wake")
        daemon.event("gate", "close")
        assert daemon.stop() == 0
    assert folder.found(shelf.clips) == []
    assert receiver.sessions[0].announced == len(receiver.sessions[0].pcm)
    assert [why for why, _ in logged(daemon.evidence)] == ["on"]
