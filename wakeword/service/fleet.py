"""One report to the maker: a POST of the very bytes that the evidence counts, and whether it was taken. docs/fleet.md.

Beside a session's this is the only connection that the uplink makes: once in some days, by consent, without the token
of the sessions. The answer's status is looked at, nothing else; no redirect is followed, nothing is tried twice.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from wakeword import __version__
from wakeword.errors import ConfigError
from wakeword.service.outbox import SessionFailed
from wakeword.service.websocket import payload_sent, plain, shown, trust

ANSWER_S = 20.0  # for the whole exchange
TAKEN = range(200, 300)


@dataclass(frozen=True, slots=True)
class Maker:
    """Who is sent reports, checked once at the start."""

    url: str
    tls: ssl.SSLContext | None
    connect_s: float = 3.0


def open_maker(url: str, ca_file: str, connect_s: float) -> Maker | None:
    """The maker with its authority read; None for "". Raises `ConfigError`."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"not an address for reports: {url}", hint="such as https://example.org/fleet")
    return Maker(url, trust(url, ca_file), connect_s)


async def deliver(maker: Maker, body: bytes) -> int:
    """Post it; returns the TCP payload that it took. Raises `SessionFailed` in plain words when it was not taken."""
    connection = _connection(maker)
    working = asyncio.get_running_loop().run_in_executor(None, _post, connection, maker, body)
    try:
        return await asyncio.wait_for(asyncio.shield(working), ANSWER_S)
    except TimeoutError as error:
        raise SessionFailed(f"{shown(maker.url)}: no answer within {ANSWER_S:.0f} s") from error
    finally:
        with suppress(OSError, AttributeError):  # not connected any more
            connection.sock.shutdown(socket.SHUT_RDWR)  # what the thread still waits for ends
        with suppress(Exception):
            await working  # whatever it was, it has been told


def _connection(maker: Maker) -> http.client.HTTPConnection:
    parts = urlsplit(maker.url)
    if maker.tls:
        return http.client.HTTPSConnection(parts.netloc, timeout=maker.connect_s, context=maker.tls)
    return http.client.HTTPConnection(parts.netloc, timeout=maker.connect_s)


def _post(connection: http.client.HTTPConnection, maker: Maker, body: bytes) -> int:
    parts = urlsplit(maker.url)
    headers = {"Content-Type": "application/json", "User-Agent": f"wakeword/{__version__}", "Connection": "close"}
    own = None
    try:
        connection.connect()
        own = socket.socket(fileno=socket.dup(connection.sock.fileno()))  # a socket with TLS has no dup of its own
        connection.request("POST", parts.path or "/", body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SessionFailed(f"{shown(maker.url)}: {plain(str(error)) or type(error).__name__}") from error
    finally:
        sent = payload_sent(own, whole=True) if own else 0
        connection.close()
    if status not in TAKEN:
        raise SessionFailed(f"{shown(maker.url)}: answered HTTP {status}")
    return sent
