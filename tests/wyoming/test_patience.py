"""A client that stalls is let go, each for its cause: here the server runs in the test, with less patience."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("wyoming.event", reason="needs the library wyoming: pip install '.[wyoming]'")
from wyoming.event import async_read_event
from wyoming_bed import run

from wakeword.pipeline.pipeline import Detector
from wakeword.wyoming import server
from wakeword.wyoming.server import Server


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load("computer")


async def let_go(detector: Detector, says: bytes, *, reads: bool = True) -> tuple[str, list[str]]:
    """Why a client is let go that says this and then nothing; and the types of what it was told, if it reads."""
    gone: asyncio.Queue[str] = asyncio.Queue()
    serving = Server(detector, lambda told: gone.put_nowait(told["why"]) if told["event"] == "disconnected" else None)
    await serving.start("tcp://127.0.0.1:0")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(serving.uri.rpartition(":")[2]))
    writer.write(says)
    told = []
    while reads and (event := await async_read_event(reader)):
        told.append(event.type)
    why = await gone.get()
    writer.transport.abort()
    await serving.stop()
    return why, told


def test_an_event_that_does_not_end_is_not_waited_for(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "EVENT_S", 0.05)
    why, _ = run(let_go(detector, b'{"type": "audio-chunk", "payload_length": 9}\nabc'))
    assert why == "an event did not end within 0.05 s"


def test_a_client_that_says_nothing_is_let_go_and_told_so(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_S", 0.05)
    assert run(let_go(detector, b"")) == ("nothing was said for 0.05 s", ["error"])


def test_a_client_that_takes_no_answer_is_let_go(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "EVENT_S", 0.05)
    why, _ = run(let_go(detector, b'{"type": "describe"}\n' * 20_000, reads=False))
    assert why == "took no answer for 0.05 s"
