"""The studio as a page sees it: questions and answers over its WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import studio_bed as bed
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from wakeword.errors import ConfigError
from wakeword.studio.folder import Folder
from wakeword.studio.server import MESSAGE_MAX_BYTES, VISITS_AT_ONCE, Studio


class Page:
    """Asks as the page does."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection, self.news, self._number = connection, [], 0  # type: ignore[var-annotated]

    async def ask(self, what: str, /, **more: Any) -> dict[str, Any]:
        self._number += 1
        await self.connection.send(json.dumps({"id": self._number, "ask": what, **more}))
        while True:
            told = json.loads(await self.connection.recv())
            if told.get("id") == self._number:
                return told.get("answer", told)
            self.news.append(told)

    async def speak(self, sound: np.ndarray) -> None:
        octets = (sound / np.float32(32768)).astype("<f4").tobytes()
        for at in range(0, len(octets), 9_600):
            await self.connection.send(octets[at : at + 9_600])


def address(studio: Studio) -> tuple[str, str]:
    """(WebSocket, origin)."""
    origin = studio.url.rsplit("/", 2)[0]
    return studio.url.replace("http:", "ws:") + "socket", origin


def visit(folder: Folder, act: Callable[[Page, Studio], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Studio(folder, 0) as studio:
            socket, origin = address(studio)
            async with connect(socket, origin=origin, max_size=None) as connection:  # type: ignore[arg-type]
                await act(Page(connection), studio)

    asyncio.run(asyncio.wait_for(run(), 300))


def test_a_word_is_added_looked_at_and_removed(folder: Folder) -> None:
    async def act(page: Page, _: Studio) -> None:
        assert [word["phrase"] for word in (await page.ask("words"))["words"]] == ["alexa", "computer", "jarvis"]
        assert await page.ask("add", phrase=" OK  Garden ") == {"name": "ok_garden"}
        about = await page.ask("word", word="ok_garden")
        assert (about["phrase"], about["model"], about["said"], about["points"]) == ("ok garden", False, [], {})
        assert await page.ask("remove", word="ok_garden") == {}
        assert (await page.ask("word", word="ok_garden"))["error"] == "no word 'ok_garden' here"

    visit(folder, act)


def test_a_phrase_that_cannot_be_said_is_refused_with_a_hint(folder: Folder) -> None:
    async def act(page: Page, _: Studio) -> None:
        for phrase in ("1984", "", "x" * 100, "<script>"):
            told = await page.ask("add", phrase=phrase)
            assert "cannot be said" in told["error"]
            assert "English words" in told["hint"]
        assert list(folder.root.iterdir()) == []

    visit(folder, act)


def test_from_takes_and_talk_to_a_point_that_is_tried_live(folder: Folder, room: np.ndarray) -> None:
    async def act(page: Page, _: Studio) -> None:
        await page.ask("listen", word="jarvis", what="said", rate=16_000)
        await page.speak(bed.ten_times(room))
        assert await page.ask("silence") == {}
        assert len([one for one in page.news if one["event"] == "take"]) == 10
        assert all(one["trouble"] == "" for one in page.news if one["event"] == "state")
        await page.ask("listen", word="jarvis", what="talk", rate=16_000)
        await page.speak(bed.talk(room))
        assert (await page.ask("silence"))["file"] == "0001.wav"
        found = await page.ask("point", word="jarvis")
        assert (found["yours"]["missed"], found["yours"]["takes"], found["yours"]["false"]) == (0, 10, 0)
        about = await page.ask("word", word="jarvis")
        assert about["points"]["yours"] == [found["yours"]["stage1"], found["yours"]["stage2"]]
        page.news.clear()
        await page.ask("listen", word="jarvis", what="live", rate=16_000, point="yours")
        await page.speak(np.concatenate([bed.hiss(1), bed.word(room), bed.hiss(1)]))
        await page.ask("silence")
        assert [v["accepted"] for one in page.news if one["event"] == "live" for v in one["verdicts"]] == [True]

    visit(folder, act)


def test_a_page_that_goes_away_leaves_no_half_recording(folder: Folder, room: np.ndarray) -> None:
    async def act(page: Page, studio: Studio) -> None:
        await page.ask("listen", word="jarvis", what="talk", rate=16_000)
        await page.speak(bed.talk(room)[:16_000])
        await page.ask("words")  # all before it was heard
        talk = folder.word("jarvis").sounds("talk")
        assert [path.name for path in talk.iterdir()] == [".partial.wav"]
        await page.connection.close()
        while list(talk.iterdir()):
            await asyncio.sleep(0.02)

    visit(folder, act)


def test_what_cannot_be_done_is_said_and_the_page_goes_on(folder: Folder) -> None:
    async def act(page: Page, _: Studio) -> None:
        refused = {
            "point": {"word": "jarvis"}, "train": {"word": "jarvis"}, "word": {}, "add": {},
            "forget": {"word": "jarvis", "kind": "said", "file": "../../x.wav"},
            "listen": {"word": "jarvis", "what": "other", "rate": 16_000},
        }  # fmt: skip
        for what, more in refused.items():
            assert (await page.ask(what, **more))["error"]
        assert (await page.ask("listen", word="jarvis", what="said", rate=1))["error"] == "a rate of 1 Hz"
        told = await page.ask("listen", word="jarvis", what="live", rate=16_000, point="yours")
        assert told["error"] == "no operating point has been chosen yet"
        assert await page.ask("silence") == {}
        assert len((await page.ask("words"))["words"]) == 3

    visit(folder, act)


def test_a_full_disk_ends_the_recording_and_says_so(folder: Folder, room: np.ndarray) -> None:
    async def act(page: Page, _: Studio) -> None:
        said = folder.word("jarvis").sounds("said")
        said.mkdir(parents=True)
        (said / ".partial.wav").symlink_to("/dev/full")
        await page.ask("listen", word="jarvis", what="said", rate=16_000)
        await page.speak(np.concatenate([bed.hiss(1), bed.word(room), bed.hiss(1.3)]))
        await page.ask("words")
        (ended,) = [one for one in page.news if one["event"] == "ended"]
        assert "could not be kept" in ended["error"]
        assert ended["hint"] == "is the disk full?"

    visit(folder, act)


@pytest.mark.parametrize(
    "message", ["", "[]", "3", '{"id": 1}', '{"id": 1, "ask": "tell_"}', '{"id": 1, "ask": 7}', "x" * 99]
)
def test_what_no_page_of_ours_says_ends_the_connection(folder: Folder, message: str) -> None:
    async def act(page: Page, _: Studio) -> None:
        await page.connection.send(message)
        with pytest.raises(ConnectionClosed):
            await page.connection.recv()
        assert page.connection.close_code == 1008

    visit(folder, act)


def test_a_message_that_is_too_large_ends_the_connection(folder: Folder) -> None:
    async def act(page: Page, _: Studio) -> None:
        await page.connection.send(b"\0" * (MESSAGE_MAX_BYTES + 1))
        with pytest.raises(ConnectionClosed):
            await page.connection.recv()
        assert page.connection.close_code == 1009

    visit(folder, act)


def test_no_other_page_and_no_further_page_is_let_in(folder: Folder) -> None:
    async def run() -> None:
        async with Studio(folder, 0) as studio:
            socket, origin = address(studio)
            for bad, other in ((socket, "http://evil.example"), (socket.replace("/socket", "x/socket"), origin)):
                with pytest.raises(InvalidStatus):
                    await connect(bad, origin=other)  # type: ignore[arg-type]
            pages = [await connect(socket, origin=origin) for _ in range(VISITS_AT_ONCE)]  # type: ignore[arg-type]
            with pytest.raises(InvalidStatus):
                await connect(socket, origin=origin)  # type: ignore[arg-type]
            for page in pages:
                await page.close()

    asyncio.run(asyncio.wait_for(run(), 120))


def test_it_listens_on_loopback_alone(folder: Folder) -> None:
    async def run() -> list[str]:
        async with Studio(folder, 0) as studio:
            return [socket.getsockname()[0] for socket in studio._server.sockets]

    assert asyncio.run(run()) == ["127.0.0.1"]


def test_a_port_that_is_taken_is_an_error(folder: Folder, tmp_path: Path) -> None:
    async def run() -> None:
        async with Studio(folder, 0) as studio:
            port = int(studio.url.split(":")[2].split("/")[0])
            with pytest.raises(ConfigError, match=f"port {port} cannot be had"):
                async with Studio(folder, port):
                    pass

    asyncio.run(run())
