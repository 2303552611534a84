"""The wake-word service: one task a connection, sound heard in a few threads, nothing shared but the networks' weights.

A client is believed in nothing: lengths and types are checked (`wire.py`), a chunk waits until the one before it was
heard, an event that began must end, and a client that does not read its answers is let go. So each harms itself alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_write_event
from wyoming.info import Attribution, Describe, Info, WakeModel, WakeProgram
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

from wakeword import __version__
from wakeword.errors import ConfigError, WakewordError
from wakeword.model import load_manifest
from wakeword.pipeline.pipeline import Detector
from wakeword.wyoming.stream import Detected, Form, Stream, resolve
from wakeword.wyoming.wire import MAX_LINE_BYTES, WireError, read_event

EVENT_S = 10.0  # chosen: for an event that has begun to end, and for an answer to be taken
IDLE_S = 600.0  # chosen: a client that says nothing at all for so long is let go; a satellite comes back by itself
MOST_NAMES = 64
CLIENTS = 32
DEFAULT_URI = "tcp://127.0.0.1:10400"

Notify = Callable[[dict[str, Any]], None]  # called with one event: "event" and its fields, all plain JSON


class Server:
    """Serves a detector's words. `notify` is told of clients and detections."""

    def __init__(self, detector: Detector, notify: Notify, clients: int = CLIENTS) -> None:
        self.notify = notify
        self.words = [model.word for model in detector.models]
        self.info = _info(detector)
        self.uri = ""  # with the port that was taken
        self._detector, self._most = detector, clients
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "wakeword-hear")
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def start(self, uri: str) -> None:
        """Listen. Raises `ConfigError` for an address that is none, or cannot be had."""
        try:
            parts = urlsplit(uri)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"not an address: {uri}", hint=DEFAULT_URI) from error
        try:
            if parts.scheme == "tcp" and parts.hostname and port is not None:
                self._server = await asyncio.start_server(
                    self._connected, parts.hostname, port, limit=MAX_LINE_BYTES, backlog=2 * self._most
                )
                taken = self._server.sockets[0].getsockname()[1]
                self.uri = f"tcp://{parts.netloc.rpartition(':')[0]}:{taken}"
            elif parts.scheme == "unix" and parts.path:
                self._server = await asyncio.start_unix_server(self._connected, parts.path, limit=MAX_LINE_BYTES)
                self.uri = uri
            else:
                raise ConfigError(f"not an address: {uri}", hint=f"{DEFAULT_URI}, or unix:///PATH")
        except OSError as error:
            raise ConfigError(f"cannot listen: {error.strerror or error}", where=uri) from error

    async def stop(self) -> None:
        """Let all clients go."""
        self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._pool.shutdown()

    def detector(self, words: list[str]) -> Detector:
        """One of these words for a client of its own."""
        return self._detector.twin(*words)

    async def hear(self, work: Callable[[], list[Detected] | None]) -> list[Detected] | None:
        """In one of the threads, in the order of asking, while other clients are served."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._clients.add(task)
        client = Client(self, reader, writer)
        try:
            await client.serve(full=len(self._clients) > self._most)
        except asyncio.CancelledError:
            return  # by `stop`; asyncio's streams would report a cancelled task as an error
        finally:
            self._clients.discard(task)
            writer.transport.abort()


class Client:
    """One connection. Speaks only when spoken to, but for detections."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        peer = writer.get_extra_info("peername")
        self._name = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "local"
        self._asked: dict[str, str] | None = resolve(None, server.words)  # None: for names that are not here
        self._context: dict[str, Any] = {}
        self._stream: Stream | None = None

    async def serve(self, *, full: bool) -> None:
        """Until the client leaves, or is let go for cause."""
        why = "left"
        self._report("connected")
        try:
            if full:
                raise WireError("too many clients")
            while event := await read_event(self._reader, IDLE_S, EVENT_S):
                await self._take(event)
        except (WireError, WakewordError) as error:
            why = str(error)
            await self._say_last(Error(why, "bad-request").event())
        except ConnectionError:
            why = "connection lost"
        except TimeoutError:
            why = f"took no answer for {EVENT_S:g} s"
        self._report("disconnected", why=why)

    async def _take(self, event: Event) -> None:
        """One event; those that nobody says to a wake-word service are ignored."""
        if Describe.is_type(event.type):
            await self._say(self._server.info)
        elif Ping.is_type(event.type):
            await self._say(Pong(text=_text(event.data, "text")).event())
        elif Detect.is_type(event.type):
            await self._ask(event.data)
        elif AudioStart.is_type(event.type):
            _form(event.data)
            self._stream = self._new_stream()
        elif AudioChunk.is_type(event.type):
            await self._hear(_form(event.data), event.payload or b"", _milliseconds(event.data))
        elif AudioStop.is_type(event.type):
            await self._finish()

    async def _ask(self, data: dict[str, Any]) -> None:
        """Which words from now on. What was heard before is forgotten: there may be a hole in the sound."""
        names, context = data.get("names"), data.get("context")
        if names is not None and not (
            isinstance(names, list) and len(names) <= MOST_NAMES and all(isinstance(name, str) for name in names)
        ):
            raise WireError("names is not a list of names")
        if context is not None and not isinstance(context, dict):
            raise WireError("context is not an object")
        self._context, self._stream, self._asked = context or {}, None, None
        try:
            self._asked = resolve(names, self._server.words)
        except ConfigError as error:
            self._report("refused", why=str(error))
            await self._say(Error(str(error), "unknown-word").event())

    def _new_stream(self) -> Stream | None:
        return Stream(self._server.detector(list(self._asked)), self._asked) if self._asked else None

    async def _hear(self, form: Form, chunk: bytes, timestamp_ms: int | None) -> None:
        """The client's next chunk is read when this one was heard: that is what bounds its share."""
        self._stream = self._stream or self._new_stream()
        if self._stream:
            pieces = self._stream.push(form, chunk, timestamp_ms)
            while (found := await self._server.hear(partial(next, pieces, None))) is not None:
                await self._detections(found)

    async def _finish(self) -> None:
        """The sound has ended."""
        stream, self._stream = self._stream, None
        if stream:
            await self._detections(await self._server.hear(stream.finish) or [])
        if not stream or not stream.detected:
            await self._say(NotDetected(context=self._context or None).event())

    async def _detections(self, found: list[Detected]) -> None:
        for one in found:
            known = {name: value for name, value in asdict(one).items() if name not in ("name", "chunk_ms")}
            self._report("detection", **known)
            context = {**self._context, "wakeword": known}
            await self._say(Detection(one.name, one.chunk_ms, None, context).event())

    async def _say(self, event: Event) -> None:
        """Raises `TimeoutError` when the client takes nothing."""
        async with asyncio.timeout(EVENT_S):
            await async_write_event(event, self._writer)

    async def _say_last(self, event: Event) -> None:
        """Why it is let go, if it still listens."""
        try:
            await self._say(event)
            self._writer.close()
            async with asyncio.timeout(EVENT_S):
                await self._writer.wait_closed()
        except (ConnectionError, TimeoutError):
            return

    def _report(self, event: str, **fields: object) -> None:
        self._server.notify({"event": event, "client": self._name, **fields})


def _info(detector: Detector) -> Event:
    """One program, all words as its models: Home Assistant reads the first program only."""
    attribution = Attribution("wakeword", "")
    models = []
    for model in detector.models:
        manifest = load_manifest(model.folder)
        hashes = f"{model.stage1_sha256[:8]}+{model.stage2_sha256[:8]}"
        models.append(
            WakeModel(
                name=model.word,
                attribution=Attribution(
                    f"{model.peer or 'wakeword'} ({manifest.get('licence', 'licence unknown')})", ""
                ),
                installed=True,
                description=model.phrase.capitalize(),
                version=hashes,
                languages=[str(manifest.get("language", "en"))],
                phrase=model.phrase,
            )
        )
    description = "Two stages that look through different features and must agree"
    return Info(wake=[WakeProgram("wakeword", attribution, True, description, __version__, models)]).event()


def _form(data: dict[str, Any]) -> Form:
    """Raises `WireError` or `SourceError`."""
    match data:
        case {"rate": int(rate), "width": int(width), "channels": int(channels)}:
            return Form(rate, width, channels)
    raise WireError("audio without a whole rate, width and channels")


def _milliseconds(data: dict[str, Any]) -> int | None:
    given = data.get("timestamp")
    if given is None or isinstance(given, bool):
        return None
    if not isinstance(given, int | float) or not abs(given) < 2**53:
        raise WireError("a timestamp that is no number of milliseconds")
    return round(given)


def _text(data: dict[str, Any], name: str) -> str | None:
    given = data.get(name)
    return given if isinstance(given, str) else None
