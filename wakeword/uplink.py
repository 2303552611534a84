"""Process 3: from the gate's pipe to the online service.

    python -m wakeword.uplink SETTINGS_JSON          (settings.UplinkSettings; started by the supervisor)

It has the network and two pipes. It has no sound device, no evidence, no file to write to, no program to run: walls
(`sandbox.py`) leave it what Python, TLS and the resolver read. It believes the gate's frames, in their order, and
nothing that a service says: a service can end a session, never start or lengthen one. Between sessions there is no
connection, no look-up of a name, no keep-alive; but by consent, once in some days, one report (`service/fleet.py`).

The gate's pipe is always drained, whatever the network does; what cannot be sent is dropped, reported on the status
pipe, and the gate is asked to stop. Exit codes: 0 when the gate has ended, 1 when it sent what it must not, 2 for wrong
settings or a missing wall. Read next: `service/websocket.py`, then `docs/service.md`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from wakeword.errors import CHECK_FAILED, WakewordError
from wakeword.forbidden import demand, try_acts
from wakeword.messages import (
    GATE_TO_UPLINK,
    Base,
    Close,
    FrameError,
    FrameReader,
    Message,
    Open,
    Stop,
    Upload,
    encode,
)
from wakeword.notices import Sent, Stats, UplinkWalls
from wakeword.notify import Notifier
from wakeword.sandbox import AF_INET, AF_INET6, python_places, resolver_places, wall_calls, wall_files
from wakeword.service import fleet
from wakeword.service.outbox import Outbox, SessionFailed
from wakeword.service.pins import pin
from wakeword.service.receipts import Receipts
from wakeword.service.websocket import Notify, Service, check_url, deliver, read_token, trust
from wakeword.settings import UplinkSettings, uplink_from_json
from wakeword.statusline import StatusLines

READ_BYTES = 65_536
SESSIONS_AT_ONCE = 2  # one that is still being sent over a slow line, and the new one
LEAVE_S = 5.0  # for sessions that the gate has closed, once the gate has ended


class Uplink:
    """The process's state: at most one session that the gate has open, and those still on their way."""

    def __init__(self, settings: UplinkSettings, service: Service, maker: fleet.Maker | None = None) -> None:
        """Nothing is opened here."""
        self._from_gate, self._to_gate, self._service = settings.from_gate, settings.to_gate, service
        self._status = StatusLines(settings.status, "uplink")
        self._frames = FrameReader(GATE_TO_UPLINK)
        self._current: Outbox | None = None
        self._receipts, self._tcp_bytes = Receipts(settings.receipts), 0
        self._maker, self._reporting = maker, set[asyncio.Task[None]]()
        self._on_the_way: dict[asyncio.Task[None], Outbox] = {}  # oldest first
        self._ended: asyncio.Future[None]
        self._deliver = delivery(service)

    async def run(self, walls: UplinkWalls, notifier: Notifier) -> None:
        """Tell the gate which walls stand, serve it until it ends; raises `FrameError` for what it must not send."""
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        for descriptor in (self._from_gate, self._to_gate):
            os.set_blocking(descriptor, False)
        with suppress(BrokenPipeError):  # a gate that has ended already; its other pipe says so in a moment
            os.write(self._to_gate, encode(walls))  # into an empty pipe
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches all processes: the gate decides
        loop.add_signal_handler(signal.SIGTERM, lambda: loop.call_later(LEAVE_S, self._end))
        loop.add_reader(self._from_gate, self._readable)
        notifier.ready("no session, no connection")
        if size := self._receipts.newest_size():
            self._tell(Base(size))
        try:
            await self._ended
            await self._leave()
        finally:
            loop.remove_reader(self._from_gate)
            for task in (*self._on_the_way, *self._reporting):
                task.cancel()
            await asyncio.gather(*self._on_the_way, *self._reporting, return_exceptions=True)

    def _readable(self) -> None:
        """Take what the pipe holds."""
        try:
            received = os.read(self._from_gate, READ_BYTES)
            if not received and not self._frames.between_frames:
                raise FrameError("eof", "the gate ended in the middle of a frame")
            if not received:
                self._end()
            for message in self._frames.push(received):
                self._take(message)
        except BlockingIOError:
            return
        except FrameError as error:
            self._end(error)

    def _end(self, error: FrameError | None = None) -> None:
        """Let `run` go on to its end."""
        asyncio.get_running_loop().remove_reader(self._from_gate)
        if self._ended.done():
            return
        if error:
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    def _take(self, message: Message) -> None:
        """One message of the gate, in the only order there is: Open, any number of Uploads, Close."""
        match message, self._current:
            case Open(), None:
                self._start(message)
            case Upload(), Outbox() as outbox:
                try:
                    outbox.put(message.pcm)
                except SessionFailed as error:
                    raise FrameError("state", str(error)) from error
            case Close(), Outbox() as outbox if (message.session_id, message.total_bytes) == (
                outbox.opened.session_id,
                outbox.received_bytes,
            ):
                outbox.close()
                self._current = None
            case Stats(), None if self._maker:
                task = asyncio.create_task(self._report(self._maker, message.body()))
                self._reporting.add(task)
                task.add_done_callback(self._reporting.discard)
            case _:
                raise FrameError("state", f"the gate sent {type(message).__name__} where it does not belong")

    def _start(self, opened: Open) -> None:
        while len(self._on_the_way) >= SESSIONS_AT_ONCE:
            oldest = next(iter(self._on_the_way))
            oldest.cancel()
            del self._on_the_way[oldest]
        self._current = Outbox(opened)
        task = asyncio.create_task(self._session(self._current))
        self._on_the_way[task] = self._current
        task.add_done_callback(lambda done: self._on_the_way.pop(done, None))

    async def _report(self, maker: fleet.Maker, body: bytes) -> None:
        """A day's counts to the maker: once, whether it takes them or not."""
        try:
            self._tcp_bytes += await fleet.deliver(maker, body)
            self._status.write("reported", bytes=len(body))
        except SessionFailed as error:
            self._status.write("error", what=f"no report: {error}")

    async def _session(self, outbox: Outbox) -> None:
        """Deliver one session and say what became of it."""
        sid, began = outbox.opened.session_id, time.monotonic()
        confirmed: list[int] = []

        def notify(event: dict[str, Any]) -> None:
            if event["event"] == "stop":
                self._ask_to_stop(outbox)
            if event["event"] == "received":
                confirmed.append(event["bytes"])
            if event["event"] == "tcp":
                self._tcp_bytes += event["bytes"]
            if event["event"] == "base":
                self._tell(Base(event["size"]))
            if event["event"] == "receipt":
                self._keep(outbox.opened, event["cosignature"])
            self._status.write(**event, sid=sid)

        try:
            sent = await self._deliver(outbox, self._service, notify)
            ms = round(1000 * (time.monotonic() - began))
            self._status.write("sent", sid=sid, bytes=sent, ms=ms, confirmed=confirmed == [sent])
        except SessionFailed as error:
            self._status.write("error", sid=sid, what=str(error))
        except asyncio.CancelledError:
            self._status.write("error", sid=sid, what="given up: the next session began, or the gate ended")
            raise
        finally:
            outbox.discard()
            self._ask_to_stop(outbox)
            self._tell(Sent(sid, self._tcp_bytes))

    def _ask_to_stop(self, outbox: Outbox) -> None:
        """Tell the gate that nobody wants more of this session, unless it is closed already."""
        if not outbox.closed:
            self._tell(Stop(outbox.opened.session_id))

    def _keep(self, opened: Open, line: str) -> None:
        """A receipt is kept, and the gate told to prove the next one from there on."""
        try:
            self._tell(Base(self._receipts.keep(opened, line)))
        except (OSError, ValueError) as error:
            self._status.write("error", sid=opened.session_id, what=f"the receipt is not kept: {error}")

    def _tell(self, message: Message) -> None:
        try:
            os.write(self._to_gate, encode(message))  # so few bytes go whole or not at all
        except (BlockingIOError, BrokenPipeError):
            return  # the gate is stalled or gone; its own cap ends a session, and a lost count is seen in the log

    async def _leave(self) -> None:
        """The gate has ended: sessions that it closed may finish, one that it left open may not."""
        for task, outbox in list(self._on_the_way.items()):
            if not outbox.closed:
                task.cancel()
        if self._on_the_way:
            await asyncio.wait(self._on_the_way, timeout=LEAVE_S)


def delivery(service: Service) -> Callable[[Outbox, Service, Notify], Coroutine[Any, Any, int]]:
    """How sessions go there. Wyoming's library is loaded for a `tcp://` address only."""
    if not service.url.startswith("tcp://"):
        return deliver
    from wakeword.service import wyoming

    return wyoming.deliver


def open_service(settings: UplinkSettings) -> Service:
    """The service with its token and authority read; raises `ConfigError`."""
    token = read_token(settings.token_file)
    check_url(settings.url, with_token=bool(token))
    tls = trust(settings.url, settings.ca_file)
    if tls and settings.pins:
        pin(tls, settings.pins)
    timeout_s = settings.connect_timeout_ms / 1000
    return Service(settings.url, settings.word, timeout_s, token, tls, settings.header, settings.language)


def build_walls(settings: UplinkSettings) -> dict[str, int]:
    """Give up all but the network, then try the walls; what came of each act. Raises `WallError`.

    No AF_UNIX either: a sound server may listen there. Files can be read where Python, TLS and the resolver need them.
    Before the first thread.
    """
    receipts = [Path(settings.receipts)] if settings.receipts else []
    wall_files(read=[*python_places(), *resolver_places()], write=receipts)
    wall_calls([AF_INET, AF_INET6])
    tried = try_acts(allowed=("inet", "inet6"), log=Path(settings.evidence) if settings.evidence else None)
    demand(tried)
    return tried


def main() -> int:
    """Run with the settings on the command line."""
    try:
        settings = uplink_from_json(sys.argv[1])
        service, notifier = open_service(settings), Notifier()
        maker = fleet.open_maker(settings.fleet_url, settings.ca_file, settings.connect_timeout_ms / 1000)
        tried = build_walls(settings)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        print(f"wakeword.uplink: not settings for this process: {error}", file=sys.stderr)
        return WakewordError.exit_code
    except WakewordError as error:
        print(f"wakeword.uplink: {error}", file=sys.stderr)
        return error.exit_code
    try:
        asyncio.run(Uplink(settings, service, maker).run(UplinkWalls(**tried), notifier))
    except FrameError as error:
        print(f"wakeword.uplink: {error}", file=sys.stderr)
        return CHECK_FAILED
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a name look-up that hangs in asyncio's resolver thread would hold up an ordinary exit
