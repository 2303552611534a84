"""What tests of Wyoming share: the service as a process, the reference library's client, sentences of the room."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the library imports audioop, which Python 3.11 to 3.12 has and deprecates
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.client import AsyncClient
    from wyoming.event import Event
    from wyoming.wake import Detect, Detection, NotDetected

from wakeword.events import Verdict
from wakeword.pipeline.pipeline import Detector

HANG_S = 120  # a test that hangs fails after this
Int16 = npt.NDArray[np.int16]
T = TypeVar("T")


class Service:
    """`wakeword wyoming --json` and its lines."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "wakeword", "wyoming", "--json", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.uri = str(self.event("listening")["uri"])

    @property
    def port(self) -> int:
        return int(self.uri.rpartition(":")[2])

    def event(self, kind: str, **fields: object) -> dict[str, Any]:
        """The next line of that kind with these fields."""
        assert self.process.stdout
        for line in self.process.stdout:
            said: dict[str, Any] = json.loads(line)
            if said["event"] == kind and said | fields == said:
                return said
        raise AssertionError(f"the service ended with {self.process.wait(HANG_S)}")

    def end(self) -> int:
        assert self.process.stdout
        self.process.send_signal(signal.SIGTERM)
        stuck = threading.Timer(HANG_S, self.process.kill)
        stuck.start()
        rest = self.process.stdout.read()  # not `communicate`, which passes over what this stream has read ahead
        self.process.wait()
        stuck.cancel()
        assert all(line.startswith("{") for line in rest.splitlines()), rest  # nothing but events: no traceback
        return self.process.returncode

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()


def run(work: Coroutine[Any, Any, T]) -> T:
    """To its end, or fail."""

    async def bounded() -> T:
        async with asyncio.timeout(HANG_S):
            return await work

    return asyncio.run(bounded())


@asynccontextmanager
async def client(uri: str, names: list[str] | None = None, **context: object) -> AsyncIterator[AsyncClient]:
    """The reference library's, having asked for these words."""
    async with AsyncClient.from_uri(uri) as connected:
        await connected.write_event(Detect(names, context or None).event())
        yield connected


async def say(
    to: AsyncClient, sound: Int16, *, rate: int = 16_000, samples: int = 1_024, start: bool = True, clock: int = 0
) -> None:
    """A sound as chunks, (n,) or (n, channels) int16 or int32, then `audio-stop`."""
    shape = {"rate": rate, "width": sound.itemsize, "channels": 1 if sound.ndim == 1 else sound.shape[1]}
    if start:
        await to.write_event(AudioStart(**shape, timestamp=clock).event())
    for at in range(0, len(sound), samples):
        piece = sound[at : at + samples].tobytes()
        await to.write_event(AudioChunk(**shape, audio=piece, timestamp=clock + at * 1000 // rate).event())
    await to.write_event(AudioStop().event())


async def answers(of: AsyncClient) -> list[Event]:
    """All events up to the one that ends a stream: `not-detected`, or `pong` of a ping behind it."""
    found: list[Event] = []
    while (event := await of.read_event()) is not None:
        found.append(event)
        if NotDetected.is_type(event.type) or event.type == "pong":
            break
    return found


async def heard(uri: str, sound: Int16, names: list[str] | None = None, **form: Any) -> list[Event]:
    """What the service makes of a sound, on a connection of its own."""
    async with client(uri, names) as connected:
        await say(connected, sound, **form)
        await connected.write_event(Event("ping", {}))
        return await answers(connected)


def detected(events: list[Event]) -> list[str | None]:
    """The names in detections."""
    return [Detection.from_event(event).name for event in events if Detection.is_type(event.type)]


def accepted(sound: Int16, *words: str) -> list[Verdict]:
    """What the pipeline itself makes of it."""
    events = Detector.load(*words).process(sound)
    return [event for event in events if isinstance(event, Verdict) and event.accepted]
