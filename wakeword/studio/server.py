"""The studio's server: one WebSocket a page, on which it asks, is answered, and is told what changes.

The page sends `{"id", "ask", …}` and gets `{"id", "answer"}` or `{"id", "error", "hint"}`; while a microphone is open
it sends sound as binary messages. Whatever changes by itself comes as `{"event", …}`. What may be asked are the
methods `ask_…` of `Visit`; a message of another form ends the connection.

What takes longer than a few milliseconds runs in a thread or in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from wakeword import model as models
from wakeword.errors import ConfigError, SourceError, WakewordError
from wakeword.pipeline.pipeline import Detector
from wakeword.studio import export, point, training
from wakeword.studio.door import Door
from wakeword.studio.folder import KINDS, Folder, Place
from wakeword.studio.live import Live
from wakeword.studio.streams import Listener, Said, Stream, Talk, seconds
from wakeword.studio.voices import Voices
from wakeword.train.phrases import Word

News = dict[str, Any]  # Any: JSON
T = TypeVar("T")

MESSAGE_MAX_BYTES = 1 << 20  # 5 s of a microphone at 48 kHz
VISITS_AT_ONCE = 4
YOURS = "yours"


class Studio:
    """Serves one folder on a loopback address. A context manager."""

    def __init__(self, folder: Folder, port: int, corpora: Path | None = None, options: str = "") -> None:
        """`corpora` and `options` are for `wakeword train`."""
        self.folder, self._port = folder, port
        self.door = Door.new(folder)
        self.training = training.Training(folder, corpora, options, self.tell)
        self.voices = Voices(self.tell)
        self.pool = ThreadPoolExecutor(2, "wakeword-studio")
        self._visits: set[Visit] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: Server

    async def __aenter__(self) -> Studio:
        """Raises `ConfigError` when the port cannot be had."""
        try:
            self._server = await serve(
                self._visit, "127.0.0.1", self._port, process_request=self._let_in, compression=None,
                max_size=MESSAGE_MAX_BYTES, server_header=None,
            )  # fmt: skip
        except OSError as error:
            what = f"port {self._port} cannot be had: {error.strerror}"
            raise ConfigError(what, hint="--port 0 takes any") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.training.stop()
        await self.voices.stop()
        self._server.close()
        await self._server.wait_closed()
        self.pool.shutdown()

    @property
    def url(self) -> str:
        """With the token in it."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/{self.door.token}/"

    def tell(self, news: News) -> None:
        """To every page."""
        for visit in self._visits:
            task = asyncio.create_task(visit.tell(news))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _let_in(self, connection: ServerConnection, request: Request) -> Response | None:
        answer = await asyncio.get_running_loop().run_in_executor(self.pool, self.door.answer, request)
        if answer is None and len(self._visits) >= VISITS_AT_ONCE:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open\n")
        return answer

    async def _visit(self, connection: ServerConnection) -> None:
        visit = Visit(self, connection)
        self._visits.add(visit)
        try:
            await visit.serve()
        except ConnectionClosed:
            return
        finally:
            self._visits.discard(visit)
            await visit.leave()


class Visit:
    """One page."""

    def __init__(self, studio: Studio, connection: ServerConnection) -> None:
        self._studio, self._connection = studio, connection
        self._stream: Stream | None = None

    async def serve(self) -> None:
        """Until the page is closed, or says what no page of ours says."""
        async for message in self._connection:
            if isinstance(message, bytes):
                await self._hear(message)
                continue
            try:
                given = json.loads(message)
                number, ask = given["id"], getattr(self, f"ask_{given['ask']}")
            except (ValueError, TypeError, KeyError, AttributeError):
                await self._connection.close(1008, "not a question of this page")
                return
            try:
                await self._say({"id": number, "answer": await ask(given)})
            except WakewordError as error:
                await self._say({"id": number, "error": error.what, "hint": error.hint})
            except (TypeError, KeyError, ValueError) as error:
                await self._say({"id": number, "error": f"not understood: {error!r}", "hint": "reload the page"})

    async def leave(self) -> None:
        """It is gone."""
        stream, self._stream = self._stream, None
        if stream:
            await self._work(stream.abandon)

    async def tell(self, news: News) -> None:
        """What changed; a page that is gone needs not know."""
        try:
            await self._say(news)
        except ConnectionClosed:
            return

    # --- what a page may ask

    async def ask_words(self, _: News) -> News:
        """All words, and where they are kept."""
        words = [
            {"name": place.name, "phrase": place.phrase, "model": bool(place.model), "trained": place.trained}
            for place in self._studio.folder.words()
        ]
        return {"words": words, "folder": str(self._studio.folder.root)}

    async def ask_add(self, given: News) -> News:
        """A phrase, as it was typed."""
        word = Word.of(str(given["phrase"]))
        place = self._studio.folder.add(word.name, word.phrase)
        return {"name": place.name}

    async def ask_remove(self, given: News) -> News:
        """A word with all that is kept of it."""
        place = self._place(given)
        if self._studio.training.state(place)["state"] == "running":
            raise ConfigError("it is being trained", hint="stop the training first")
        await self._work(lambda: self._studio.folder.remove(place.name))
        return {}

    async def ask_word(self, given: News) -> News:
        """Everything about one word."""
        return await self._work(lambda: self._about(self._place(given)))

    async def ask_forget(self, given: News) -> News:
        """One recording, or all of a kind."""
        place, kind = self._place(given), str(given["kind"])
        place.forget(kind, str(given.get("file", "")))
        return {}

    async def ask_voices(self, given: News) -> News:
        """Have synthetic voices say it; clips come as news."""
        await self._studio.voices.start(self._place(given))
        return {}

    async def ask_train(self, given: News) -> News:
        """Begin, or go on."""
        await self._studio.training.start(self._place(given))
        return {}

    async def ask_stop(self, _: News) -> News:
        """Stop the training; what is done is kept."""
        await self._studio.training.stop()
        return {}

    async def ask_point(self, given: News) -> News:
        """An operating point for this voice and room."""
        place = self._place(given)
        return await self._work(lambda: point.form(point.find(place)))

    async def ask_listen(self, given: News) -> News:
        """A microphone was opened, for `said`, `talk` or `live`."""
        if self._stream:
            raise ConfigError("a microphone is open already")
        place, rate, what = self._place(given), int(given["rate"]), str(given["what"])
        makers: dict[str, Callable[[], Listener]] = {
            "said": lambda: Said(place),
            "talk": lambda: Talk(place),
            "live": lambda: Live(_detector(place, str(given.get("point", "default")))),
        }
        self._stream = await self._work(lambda: Stream(rate, makers[what]()))
        return {}

    async def ask_silence(self, _: News) -> News:
        """The microphone was closed."""
        stream, self._stream = self._stream, None
        return await self._work(stream.finish) if stream else {}

    # --- the rest

    async def _hear(self, block: bytes) -> None:
        """Sound that comes after its stream has ended is not heard."""
        if not self._stream:
            return
        stream = self._stream
        try:
            for news in await self._work(lambda: stream.push(block)):
                await self._say(news)
        except (ConfigError, SourceError) as error:
            self._stream = None
            await self._say({"event": "ended", "error": error.what, "hint": error.hint})

    def _place(self, given: News) -> Place:
        return self._studio.folder.word(str(given["word"]))

    def _about(self, place: Place) -> News:
        sounds = {
            kind: [{"file": path.name, "seconds": round(seconds(path), 2)} for path in place.listed(kind)]
            for kind in KINDS
        }
        points: News = {}
        if place.model:
            model = models.load(place.model)
            own = {YOURS: models.point_of(model, str(place.point))} if place.point.is_file() else {}
            points = {name: [at.stage1, at.stage2] for name, at in (model.points | own).items()}
        return {
            "name": place.name, "phrase": place.phrase, "model": bool(place.model), "trained": place.trained,
            **sounds, "points": points, "training": self._studio.training.state(place),
            "how": export.how(place) if place.model else "",
        }  # fmt: skip

    async def _say(self, told: News) -> None:
        await self._connection.send(json.dumps(told, ensure_ascii=False))

    async def _work(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._studio.pool, work)


def _detector(place: Place, at: str) -> Detector:
    """The word's detector at a point of its model, or at the one that was chosen here. Raises `WakewordError`."""
    place.check_model()
    if at == YOURS and not place.point.is_file():
        raise ConfigError("no operating point has been chosen yet")
    return Detector.load(place.model, point=str(place.point) if at == YOURS else at)
