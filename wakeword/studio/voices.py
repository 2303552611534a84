"""Synthetic voices that say a phrase, so that it is heard how it will be trained: `say.py` in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from wakeword.errors import ConfigError, in_words
from wakeword.studio.child import Child
from wakeword.studio.folder import Place

News = dict[str, Any]  # Any: JSON


class Voices:
    """One phrase at a time. `tell` gets each clip as it comes, then that it is done."""

    def __init__(self, tell: Callable[[News], object]) -> None:
        self._tell = tell
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, place: Place) -> None:
        """Begin. Raises `ConfigError` when another phrase is being said."""
        if self._child:
            raise ConfigError("other voices are speaking", hint="wait until they are done")
        folder = place.sounds("voices")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(in_words(error), where=str(folder)) from error
        words = [sys.executable, "-m", "wakeword.studio.say", place.phrase, str(folder)]
        self._child = await Child.start(*words, folder=place.folder)
        self._task = asyncio.create_task(self._follow(place, self._child))

    async def stop(self) -> None:
        """No more."""
        if self._child:
            await self._child.stop()
        if self._task:
            await self._task

    async def _follow(self, place: Place, child: Child) -> None:
        async for line in child.lines():
            try:
                news = json.loads(line)
            except ValueError:  # a library's own words
                continue
            if isinstance(news, dict):
                self._tell({"event": "voice", "word": place.name, **news})
        await child.end()
        self._child = None
        self._tell({"event": "voices", "word": place.name})
