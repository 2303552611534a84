"""The embedded service: what it accepts, what it refuses, what it leaves on disk."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from wakeword.errors import ConfigError
from wakeword.service import local
from wakeword.service.local import Intake, LocalService, LocalSettings, Received, Refused

SALT = "000102030405060708090a0b0c0d0e0f"
START: dict[str, Any] = {
    "type": "start",
    "version": 1,
    "session": 3,
    "word": "computer",
    "format": "s16le",
    "rate": 16_000,
    "channels": 1,
    "preroll_samples": 1_000,
    "cap_bytes": 480_000,
    "cap_ms": 15_000,
    "salt": SALT,
    "certificate": "wakegate-key/v1\nexample/1\n\n— example/1/device AAAA\n",
    "checkpoint": "example/1\n8\nAAAA\n\n— example/1 BBBB\n",
}
AUDIO = bytes(i * 7 % 251 for i in range(20_000))


def start(**changes: object) -> str:
    return json.dumps({**START, **changes})


def end(count: object) -> str:
    return json.dumps({"type": "end", "bytes": count})


def test_a_session_in_messages() -> None:
    intake = Intake()
    assert not any(intake.push(message) for message in (start(), AUDIO[:8_000], AUDIO[8_000:], end(20_000)))
    salt = bytes.fromhex(SALT)
    assert intake.result() == Received(
        session=3,
        complete=True,
        bytes=20_000,
        seconds=0.625,
        sha256=hashlib.sha256(AUDIO).hexdigest(),
        window_sha256=hashlib.sha256(b"wakegate-win\n" + salt + AUDIO[:2_000]).hexdigest(),
        sum_sha256=hashlib.sha256(b"wakegate-sum\n" + salt + AUDIO).hexdigest(),
        problems=(),
    )


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([AUDIO], "audio before the start"),
        ([end(0)], "unexpected message: 'end'"),
        ([start(), start()], "unexpected message: 'start'"),
        ([start(), json.dumps({"type": "pause"})], "unexpected message: 'pause'"),
        (["no json"], "not JSON"),
        (["[" * 50_000], "not JSON"),
        (["[]"], "not a JSON object"),
        ([start(version=2)], "version must be 1"),
        ([start(version=True)], "version must be 1"),
        ([start(rate=48_000)], "rate must be 16000"),
        ([start(format="opus")], "format must be 's16le'"),
        ([start(channels=2)], "channels must be 1"),
        ([start(session=-1)], "session must be a whole number"),
        ([start(session="../../etc/passwd")], "session must be a whole number"),
        ([start(cap_bytes=2_000_001)], "cap_bytes must be a whole number from 1 to 2000000"),
        ([start(cap_ms=0)], "cap_ms must be a whole number"),
        ([start(preroll_samples=1.5)], "preroll_samples must be a whole number"),
        ([start(salt="AB" * 16)], "salt must be 32 lower-case hex"),
        ([start(salt=7)], "salt must be 32 lower-case hex"),
        ([start(word=None)], "word must be text"),
        ([start(checkpoint=None)], "checkpoint must be one signed note"),
        ([start(checkpoint="")], "checkpoint must be one signed note"),
        ([start(checkpoint="no signature\n")], "checkpoint must be one signed note"),
        ([start(checkpoint=START["checkpoint"] * 2)], "checkpoint must be one signed note"),
        ([start(certificate="text\n\n— name !!!\n")], "certificate must be one signed note"),
        ([start(cap_bytes=19_999), AUDIO], "more audio than cap_bytes = 19999"),
        ([start(), AUDIO, end(19_998)], "end says 19998 bytes and 20000 came"),
        ([start(), AUDIO, end(None)], "end says None bytes and 20000 came"),
        ([start(), AUDIO[:1_999], end(1_999)], "half a sample"),
        ([start(), AUDIO[:1_998], end(1_998)], "preroll_samples = 1000 and only 999 samples came"),
    ],
)
def test_what_breaks_the_protocol_is_refused_with_the_reason(messages: list[str | bytes], why: str) -> None:
    intake = Intake()
    with pytest.raises(Refused, match=why.replace("[", "\\[")):
        for message in messages:
            intake.push(message)
    assert not intake.complete


@given(st.lists(st.text(max_size=60) | st.binary(max_size=60), max_size=6))
def test_no_messages_break_the_intake(messages: list[str | bytes]) -> None:
    intake = Intake()
    intake.push(start())
    with pytest.raises(Refused, match=r"."):
        for message in [*messages, "the last is no JSON"]:
            intake.push(message)


def test_stop_is_answered_once_at_its_second() -> None:
    intake = Intake(stop_after_bytes=5_000)
    intake.push(start())
    answers = [intake.push(AUDIO[at : at + 2_000]) for at in range(0, 20_000, 2_000)]
    assert answers == [False, False, True, *[False] * 7]


def run(settings: LocalSettings, *sessions: list[str | bytes]) -> tuple[list[Received], list[str]]:
    """Each session over a real connection; what the service reported, and every text that it answered."""
    reported: list[Received] = []
    answers: list[str] = []

    async def scenario() -> None:
        async with LocalService(settings, reported.append) as service:
            for messages in sessions:
                headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else None
                async with connect(service.url, proxy=None, additional_headers=headers) as connection:
                    for message in messages:
                        await connection.send(message)
                    try:
                        while True:
                            answers.append(str(await connection.recv()))
                    except ConnectionClosed:
                        pass

    asyncio.run(scenario())
    return reported, answers


def test_a_received_session_is_saved_with_its_facts_and_its_notes(tmp_path: Path) -> None:
    folder = tmp_path / "received"
    settings = LocalSettings(folder, "127.0.0.1:0")
    (received, second), answers = run(settings, [start(), AUDIO, end(20_000)], [start(), AUDIO[:2_000], end(2_000)])
    assert json.loads(answers[0]) == {
        "type": "received",
        "bytes": 20_000,
        "sha256": hashlib.sha256(AUDIO).hexdigest(),
    }
    with wave.open(str(folder / received.file)) as sound:
        assert sound.getparams()[:4] == (1, 2, 16_000, 10_000)
        assert sound.readframes(10_000) == AUDIO
    beside = json.loads((folder / received.file).with_suffix(".json").read_text())
    assert beside["start"] == START
    assert (beside["bytes"], beside["complete"], beside["problems"]) == (20_000, True, [])
    assert (folder / "checkpoints.txt").read_text() == f"{START['certificate']}\n{START['checkpoint']}\n" * 2
    assert second.file != received.file
    assert folder.stat().st_mode & 0o077 == 0, "what was said is private"


def test_a_session_cut_off_is_saved_and_called_incomplete(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LocalService(LocalSettings(tmp_path, "127.0.0.1:0"), reported.append) as service:
            connection = await connect(service.url, proxy=None)
            await connection.send(start())
            await connection.send(AUDIO[:3_001])
            await connection.close()

    reported: list[Received] = []
    asyncio.run(scenario())
    (received,) = reported
    assert (received.complete, received.bytes) == (False, 3_001)
    assert received.problems[0].startswith("the connection ended before the session")
    with wave.open(str(tmp_path / received.file)) as sound:
        assert sound.getnframes() == 1_500


def test_a_refused_session_is_told_why(tmp_path: Path) -> None:
    reported, answers = run(LocalSettings(tmp_path, "127.0.0.1:0"), [start(), AUDIO, end(7)], ["hello"])
    assert [json.loads(answer) for answer in answers] == [
        {"type": "error", "text": "end says 7 bytes and 20000 came"},
        {"type": "error", "text": "not JSON"},
    ]
    assert [received.problems for received in reported] == [("end says 7 bytes and 20000 came",)]


def test_a_message_too_long_ends_the_session_as_incomplete(tmp_path: Path) -> None:
    (received,), _ = run(LocalSettings(tmp_path, "127.0.0.1:0"), [start(), AUDIO, bytes(70_000)])
    assert (received.complete, received.bytes) == (False, 20_000)


def test_a_sender_that_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "GRACE_S", 0.05)
    (received,), _ = run(LocalSettings(tmp_path, "127.0.0.1:0"), [], [start(cap_ms=1), AUDIO])
    assert received.problems == ("the sender did not finish in time",)


def test_only_as_many_sessions_at_once_as_there_is_memory_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LocalService(LocalSettings(tmp_path, "127.0.0.1:0"), lambda received: None) as service:
            crowd = [await connect(service.url, proxy=None) for _ in range(local.SESSIONS_AT_ONCE)]
            with pytest.raises(InvalidStatus, match="503"):
                await connect(service.url, proxy=None)
            for connection in crowd:
                await connection.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer wört"}])
def test_a_wrong_token_is_refused(tmp_path: Path, headers: dict[str, str]) -> None:
    async def scenario() -> None:
        settings = LocalSettings(tmp_path, "127.0.0.1:0", token="right")
        async with LocalService(settings, lambda received: None) as service:
            with pytest.raises(InvalidStatus, match="401"):
                await connect(service.url, proxy=None, additional_headers=headers)

    asyncio.run(scenario())


def test_the_right_token_is_accepted(tmp_path: Path) -> None:
    settings = LocalSettings(tmp_path, "127.0.0.1:0", token="right")
    (received,), _ = run(settings, [start(), AUDIO, end(20_000)])
    assert received.complete


def test_a_page_in_a_browser_is_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LocalService(LocalSettings(tmp_path, "127.0.0.1:0"), lambda received: None) as service:
            with pytest.raises(InvalidStatus, match="403"):
                await connect(service.url, proxy=None, origin="https://attacker.example")

    asyncio.run(scenario())


@pytest.mark.parametrize("listen", ["8765", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:99999", ":8765"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, listen: str) -> None:
    with pytest.raises(ConfigError, match="not HOST:PORT"):
        LocalService(LocalSettings(tmp_path, listen), lambda received: None)


def test_a_taken_address_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LocalService(LocalSettings(tmp_path, "127.0.0.1:0"), lambda received: None) as service:
            taken = service.url.removeprefix("ws://")
            with pytest.raises(ConfigError, match=f"{taken}.*cannot receive here"):
                await LocalService(LocalSettings(tmp_path, taken), lambda received: None).__aenter__()

    asyncio.run(scenario())


def test_a_session_that_cannot_be_saved_is_not_confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(intake: Intake, folder: Path) -> Received:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(local, "save", full)
    reported, answers = run(LocalSettings(tmp_path, "127.0.0.1:0"), [start(), AUDIO, end(20_000)])
    assert reported == []
    assert json.loads(answers[0]) == {"type": "error", "text": "cannot save: No space left on device"}


@pytest.fixture
def command(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`wakeword service`, listening on a free port, saving to tmp_path, stopping each session after 0.1 s."""
    program = "import sys; from wakeword.cli import main; sys.exit(main())"
    words = ["service", "--listen", "127.0.0.1:0", "--out", str(tmp_path), "--json", "--stop-after", "0.1"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def test_the_command_reports_each_session_and_ends_cleanly_on_ctrl_c(
    command: subprocess.Popen[str], tmp_path: Path
) -> None:
    async def session(url: str) -> list[str]:
        async with connect(url, proxy=None) as connection:
            for message in (start(), AUDIO, end(20_000)):
                await connection.send(message)
            return [json.loads(str(await connection.recv()))["type"] for _ in range(2)]

    assert command.stdout is not None
    listening = json.loads(command.stdout.readline())
    assert (listening["event"], listening["out"]) == ("listening", str(tmp_path))
    assert asyncio.run(session(listening["url"])) == ["stop", "received"]
    reported = json.loads(command.stdout.readline())
    assert (reported["event"], reported["bytes"], reported["complete"]) == ("session", 20_000, True)
    command.send_signal(signal.SIGINT)
    assert command.communicate(timeout=30) == ("", "")
    assert command.returncode == 0
