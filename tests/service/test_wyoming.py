"""A session delivered to a Wyoming speech-to-text server: the reference library's own server at the other end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("wyoming.event", reason="needs the library wyoming: pip install '.[wyoming]'")
import wyoming_bed  # first: it imports the library without its warning
from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_read_event, async_write_event

from wakeword.errors import ConfigError
from wakeword.messages import Open
from wakeword.service import wyoming
from wakeword.service.outbox import Outbox, SessionFailed
from wakeword.service.websocket import Service, check_url
from wakeword.service.wyoming import CHUNK_MIN_BYTES, deliver

AUDIO = bytes(i * 7 % 251 for i in range(176_000))
OPENED = Open(3, bytes(range(16)), 48_000, 480_000, 15_000, "certificate", "checkpoint")
Line = dict[str, Any]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Heard:
    """A server that keeps what it was told and answers with its length."""

    def __init__(self, *before: Event) -> None:
        self.events: list[Event] = []
        self.ended = False
        self._before = before

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while event := await async_read_event(reader):
            self.events.append(event)
            if AudioStop.is_type(event.type):
                for answer in (*self._before, Transcript(text=f"{len(self.pcm)} bytes").event()):
                    await async_write_event(answer, writer)
        self.ended = True

    @property
    def pcm(self) -> bytes:
        return b"".join(AudioChunk.from_event(e).audio for e in self.events if AudioChunk.is_type(e.type))


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[Service]:
    """On a free port of the loopback."""
    done: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        done.append(task)
        try:
            await serve(reader, writer)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield Service(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", "computer", 3.0, language="en")
    await asyncio.gather(*done)


def session(serve: Serve, audio: bytes = AUDIO, opened: Open = OPENED) -> tuple[int, list[Line]]:
    """A whole session; what `deliver` returns and what it notified."""

    async def delivered() -> tuple[int, list[Line]]:
        told: list[Line] = []
        outbox = Outbox(opened)
        outbox.put(audio)
        outbox.close()
        async with serving(serve) as service:
            return await deliver(outbox, service, told.append), told

    return wyoming_bed.run(delivered())


def of(told: list[Line], event: str) -> list[Line]:
    return [line for line in told if line["event"] == event]


# --- a session


def test_the_server_hears_all_of_it_in_order_and_its_transcript_comes_back() -> None:
    server = Heard()
    sent, told = session(server)
    assert sent == len(AUDIO)
    assert server.pcm == AUDIO
    first, start, *_, stop = server.events
    assert Transcribe.from_event(first).language == "en"
    assert AudioStart.from_event(start) == AudioStart(rate=16_000, width=2, channels=1, timestamp=0)
    assert AudioStop.from_event(stop).timestamp == 5_500
    assert of(told, "transcript") == [{"event": "transcript", "text": "176000 bytes", "final": True}]
    assert server.ended  # by our closing the connection: nothing stays open behind a session


def test_chunks_are_large_enough_for_the_auditors_bound_on_the_kernels_count() -> None:
    server = Heard()
    sent, told = session(server)
    lengths = [len(event.payload or b"") for event in server.events if AudioChunk.is_type(event.type)]
    assert min(lengths[:-1]) >= CHUNK_MIN_BYTES
    (count,) = of(told, "tcp")
    assert sent < count["bytes"] <= sent + 22 * -(-sent // 1_024) + 8_192


def test_sound_is_sent_while_it_is_said() -> None:
    """The first second reaches the server before the session has its second."""

    async def halves() -> int:
        server, outbox = Heard(), Outbox(OPENED)
        async with serving(server) as service:
            outbox.put(AUDIO[:32_000])
            task = asyncio.create_task(deliver(outbox, service, lambda line: None))
            while len(server.pcm) < 32_000 - CHUNK_MIN_BYTES:
                await asyncio.sleep(0.01)
            outbox.put(AUDIO[32_000:])
            outbox.close()
            return await task

    assert wyoming_bed.run(halves()) == len(AUDIO)


def test_a_streamed_transcript_grows_and_is_final_once() -> None:
    parts = [TranscriptStart().event(), *(TranscriptChunk(text=text).event() for text in ("what ", "time"))]
    _, told = session(Heard(*parts, TranscriptStop().event()))
    assert [(line["text"], line["final"]) for line in of(told, "transcript")] == [
        ("what", False), ("what time", False), ("176000 bytes", True)
    ]  # fmt: skip


def test_a_transcript_before_the_end_asks_the_gate_to_stop() -> None:
    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while event := await async_read_event(reader):
            if AudioChunk.is_type(event.type):
                await async_write_event(Transcript(text="enough").event(), writer)
                break
        while await reader.read(65_536):
            pass

    async def open_ended() -> tuple[int, list[Line]]:
        told: list[Line] = []
        outbox = Outbox(OPENED)
        outbox.put(AUDIO[:20_000])

        def notify(line: Line) -> None:
            told.append(line)
            if line["event"] == "stop":  # the gate closes the session
                outbox.close()

        async with serving(hasty) as service:
            return await deliver(outbox, service, notify), told

    sent, told = wyoming_bed.run(open_ended())
    assert sent == 20_000
    assert [line["event"] for line in told] == ["connected", "transcript", "stop", "tcp"]


# --- servers that are none, or not good


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(65_536):
        pass


def says(*pieces: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
        await writer.drain()
        while await reader.read(65_536):
            pass

    return serve


async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await async_write_event(Error("no model\x1b[2J", "x").event(), writer)
    writer.write_eof()
    while await reader.read(65_536):
        pass


def line(**entries: object) -> bytes:
    return json.dumps(entries).encode() + b"\n"


@pytest.mark.parametrize(("serve", "why"), [
    (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "not a Wyoming server: not JSON"),
    (says(b"x" * 20_000), "not a Wyoming server: a line of more than 16384 bytes"),
    (says(line(type="transcript", data_length=2**40)), "not a Wyoming server: data_length"),
    (says(line(type="transcript", data={"text": ["a"]})), "not a Wyoming server: the text of transcript is none"),
    (says(line(type="voice-started") * 1_001), "the server sent more than 1000 events"),
    (refuses, "closed by the server before its transcript"),
])  # fmt: skip
def test_a_server_that_is_none_fails_the_session_and_says_why(serve: Serve, why: str) -> None:
    with pytest.raises(SessionFailed, match=why):
        session(serve)


def test_what_a_server_refuses_is_told_without_control_characters() -> None:
    told: list[Line] = []

    async def refused() -> None:
        outbox = Outbox(OPENED)
        async with serving(refuses) as service:
            await deliver(outbox, service, told.append)

    with pytest.raises(SessionFailed):
        wyoming_bed.run(refused())
    assert of(told, "refused") == [{"event": "refused", "text": "no model [2J"}]


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wyoming, "ANSWER_S", -3.9)  # with the connection's 3 s and the cap of 1 s: 0.1 s
    with pytest.raises(SessionFailed, match="no transcript within"):
        session(silent, opened=Open(3, bytes(16), 48_000, 480_000, 1_000, "c", "c"))


def test_nobody_there_is_a_failed_session() -> None:
    async def nowhere() -> None:
        async with serving(silent) as service:
            pass
        await deliver(Outbox(OPENED), service, lambda line: None)

    with pytest.raises(SessionFailed, match="cannot connect"):
        wyoming_bed.run(nowhere())


@pytest.mark.parametrize(("url", "with_token", "why"), [
    ("tcp://127.0.0.1", False, "not an address of a Wyoming server"),
    ("tcp://:10300", False, "not an address of a Wyoming server"),
    ("tcp://a:99999", False, "not an address of a Wyoming server"),
    ("tcp://a:10300", True, "a Wyoming server asks for no token"),
])  # fmt: skip
def test_an_address_that_cannot_be_is_refused(url: str, with_token: bool, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        check_url(url, with_token=with_token)
