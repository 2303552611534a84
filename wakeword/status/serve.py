"""The sockets of the status process: events (JSON lines, both ways) and metrics (HTTP). No client holds anybody up.

Who may connect is decided by the socket's file: its owner and group alone (0660). A client that does not read is cut
off when `MOST_WAITING_BYTES` wait for it; there are at most `MOST_CLIENTS`; what a client says is at most
`MOST_ASKED_BYTES` a line, and all it can ask for is a hold, bounded again by listen itself, or the state.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Awaitable, Callable
from typing import Any

from wakeword.errors import ConfigError, in_words
from wakeword.hold import pack
from wakeword.status.figures import Figures, Line
from wakeword.status.journal import Journal

MOST_CLIENTS, MOST_WAITING_BYTES, MOST_ASKED_BYTES = 16, 262_144, 1_024
_LONGEST_LINE = 65_536
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Status:
    """What the process knows, and who is told of it."""

    def __init__(self, to_listen: int | None, journal: Journal | None = None) -> None:
        self.figures, self._journal = Figures(), journal
        self._to_listen = to_listen
        self._clients: set[asyncio.StreamWriter] = set()
        if to_listen is not None:
            os.set_blocking(to_listen, False)

    async def follow(self, descriptor: int) -> None:
        """Take status lines until their writers have ended."""
        reader = asyncio.StreamReader(limit=_LONGEST_LINE)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0))
        while received := await reader.readline():
            self.take(received)

    def take(self, received: bytes) -> None:
        """One status line: counted, and passed on."""
        try:
            line = json.loads(received)
        except ValueError:
            return
        if isinstance(line, dict):
            self.figures.take(line)
            self.tell(line)
            if self._journal:
                self._journal.tell(line)

    def tell(self, line: Line) -> None:
        """To all clients; one that does not read is cut off."""
        sent = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        for client in list(self._clients):
            if client.transport.get_write_buffer_size() > MOST_WAITING_BYTES:
                self._clients.discard(client)
                client.transport.abort()
            else:
                client.write(sent)

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to the events socket: first the state, then lines as they come."""
        if len(self._clients) >= MOST_CLIENTS:
            writer.close()
            return
        self._clients.add(writer)
        try:
            self._answer(writer, {"event": "state", **self.figures.state()})
            while asked := await reader.readline():
                self._answer(writer, self._asked(asked))
        except (ValueError, OSError):  # a line without an end, or a client that has gone
            return
        finally:
            self._clients.discard(writer)
            writer.close()

    async def metrics(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request for metrics, whatever its path; then the connection is over."""
        from wakeword.status.exposition import CONTENT_TYPE, exposition

        try:
            async with asyncio.timeout(5):
                request = await reader.readuntil(b"\r\n\r\n")
            good = request.startswith((b"GET ", b"HEAD "))
            body = exposition(self.figures) if good else b"GET only\n"
            status = "200 OK" if good else "405 Method Not Allowed"
            head = f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n".encode() + (b"" if request.startswith(b"HEAD ") else body))
            await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            return
        finally:
            writer.close()

    def _answer(self, writer: asyncio.StreamWriter, line: Line) -> None:
        writer.write(json.dumps({"from": "status", **line}).encode() + b"\n")

    def _asked(self, asked: bytes) -> Line:
        try:
            wish: Any = json.loads(asked)  # Any: whatever a client says
            if wish["do"] == "state":
                return {"event": "state", **self.figures.state()}
            if wish["do"] == "hold" and type(wish["ms"]) is int:
                return self._hold(wish["ms"])
        except (ValueError, TypeError, KeyError):
            pass  # answered below, with what could have been asked
        return {"event": "refused", "what": 'known: {"do": "state"} and {"do": "hold", "ms": 0 to 60000}'}

    def _hold(self, length_ms: int) -> Line:
        if self._to_listen is None:
            return {"event": "refused", "what": "there is no way to listen from here"}
        try:
            os.write(self._to_listen, pack(length_ms))
        except ValueError as error:
            return {"event": "refused", "what": str(error)}
        except OSError as error:
            return {"event": "refused", "what": f"listen does not take it: {in_words(error)}"}
        return {"event": "asked", "do": "hold", "ms": length_ms}


async def open_events(path: str, answer: Answer) -> asyncio.Server:
    """The events socket. Raises `ConfigError` when it is in use or cannot be."""
    return await _open_unix(path, answer, "status.events")


async def open_metrics(address: str, answer: Answer) -> asyncio.Server:
    """The metrics, at `unix:PATH` or at HOST:PORT of this machine itself. Raises `ConfigError`."""
    if address.startswith("unix:"):
        return await _open_unix(address.removeprefix("unix:"), answer, "status.metrics")
    host, _, port = address.rpartition(":")
    try:
        return await asyncio.start_server(answer, host.strip("[]"), int(port), limit=8_192)
    except OSError as error:
        raise ConfigError(str(error), where=f"status.metrics {address}") from error


async def _open_unix(path: str, answer: Answer, where: str) -> asyncio.Server:
    try:
        _, probe = await asyncio.open_unix_connection(path)
        probe.close()
        raise ConfigError("another daemon answers here", where=f"{where} {path}")
    except ConnectionRefusedError:
        if stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116  # left behind by a process that was killed
            os.unlink(path)  # noqa: PTH108
    except OSError:
        pass  # there is none yet; if there is another reason, binding names it
    before = os.umask(0o117)
    try:
        return await asyncio.start_unix_server(answer, path, limit=MOST_ASKED_BYTES)
    except OSError as error:
        raise ConfigError(str(error), where=f"{where} {path}") from error
    finally:
        os.umask(before)
