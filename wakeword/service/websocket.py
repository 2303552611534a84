"""The uplink's side of `docs/service.md`: one session over one WebSocket connection, which begins and ends with it.

A service is not believed. What it says is taken only in the forms of the protocol, cleaned and cut to length; whatever
else it sends is ignored or ends the session. It is not followed either: no redirect, no proxy from the environment.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import json
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI
from websockets.uri import parse_uri

from wakeword import __version__
from wakeword.errors import ConfigError
from wakeword.events import RATE_HZ
from wakeword.messages import Open
from wakeword.service.outbox import Outbox, SessionFailed

PROTOCOL_VERSION = 1
REPLY_MAX_BYTES = 16_384  # of one message of the service
REPLIES_MAX = 1_000  # of a session
TEXT_MAX_BYTES = 3_000  # of a transcript or receipt as JSON: a status line stays below statusline.MOST_BYTES
TOKEN_MAX_CHARS = 4_096
URL_MAX_CHARS = 1_000
ANSWER_S = 5.0  # the service's time to answer and close after `end`
BYTES_SENT_AT, TCP_INFO_BYTES = 200, 216  # of Linux's struct tcp_info: tcpi_bytes_sent, tcpi_bytes_retrans follow
NORMAL_CLOSURE = 1_000
CAP_MAX_MS = 60_000  # the longest session that the evidence's verifiers accept

Notify = Callable[[dict[str, Any]], None]  # called with one event: "event" and its fields, all plain JSON


@dataclass(frozen=True, slots=True)
class Service:
    """Where sessions go, checked once at the start."""

    url: str
    words: str  # that the device listens for, joined by commas
    connect_s: float = 3.0
    token: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = None
    labels: dict[str, str] = field(default_factory=dict)
    language: str = ""  # asked of a Wyoming server

    @property
    def place(self) -> str:
        """The address as it may be shown."""
        return shown(self.url)

    def longest_s(self, opened: Open, answer_s: float) -> float:
        """Seconds that a session may take in all: to connect, to its cap, and for the answer."""
        return self.connect_s + min(opened.cap_ms, CAP_MAX_MS) / 1000 + answer_s


def shown(url: str) -> str:
    """An address without user, password or query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def check_url(url: str, *, with_token: bool) -> None:
    """Raise `ConfigError` unless `url` is ws:// or wss:// with a host, safe to send a token to; or Wyoming's tcp://."""
    if url.startswith("tcp://"):
        _check_wyoming_url(url, with_token=with_token)
        return
    try:
        uri = parse_uri(url)
    except (InvalidURI, ValueError) as error:
        raise ConfigError(f"not a WebSocket address: {url}", hint="such as wss://example.org/listen") from error
    if len(url) > URL_MAX_CHARS:
        raise ConfigError(f"an address of more than {URL_MAX_CHARS} characters")
    if with_token and not uri.secure and uri.host not in ("127.0.0.1", "::1", "localhost"):
        raise ConfigError("a token over ws:// can be read by anyone on the way", where=url, hint="use wss://")


def _check_wyoming_url(url: str, *, with_token: bool) -> None:
    try:
        good = bool(urlsplit(url).hostname) and bool(urlsplit(url).port)
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"not an address of a Wyoming server: {url}", hint="such as tcp://127.0.0.1:10300")
    if with_token:
        raise ConfigError("a Wyoming server asks for no token", where=url)
    if importlib.util.find_spec("wyoming") is None:
        raise ConfigError("the library wyoming is not installed", where=url, hint="pip install 'wakeword[wyoming]'")


def read_token(path: str) -> str:
    """The bearer token in a file, "" for no file; raises `ConfigError` for one that no HTTP header can carry."""
    if not path:
        return ""
    try:
        with Path(path).open("rb") as file:
            token = file.read(TOKEN_MAX_CHARS + 2).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the token: {error}", where=path) from error
    if not token or len(token) > TOKEN_MAX_CHARS or not token.isprintable() or " " in token:
        raise ConfigError(f"a token is one word of at most {TOKEN_MAX_CHARS} characters", where=path)
    return token


def trust(url: str, ca_file: str) -> ssl.SSLContext | None:
    """How to verify a wss:// or https:// service: by `ca_file` alone if given, else the system's authorities.

    None for ws:// and http://.
    """
    if not url.lower().startswith(("wss:", "https:")):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the default context would write SSLKEYLOGFILE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not ca_file:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"no certificate authority to read: {error}", where=ca_file) from error
    return context


def start_message(opened: Open, service: Service) -> str:
    """The session's first message, as `docs/service.md` has it."""
    return json.dumps(
        {
            "type": "start",
            "version": PROTOCOL_VERSION,
            "session": opened.session_id,
            "word": service.words,
            "format": "s16le",
            "rate": RATE_HZ,
            "channels": 1,
            "preroll_samples": opened.window_bytes // 2,
            "cap_bytes": opened.cap_bytes,
            "cap_ms": opened.cap_ms,
            "salt": opened.salt.hex(),
            "certificate": opened.certificate,
            "checkpoint": opened.checkpoint,
            "base": opened.base,
            "proof": [base64.b64encode(each).decode() for each in opened.proof],
            "labels": service.labels,
        }
    )


async def deliver(outbox: Outbox, service: Service, notify: Notify) -> int:
    """Connect, send the session, hear the service out, close. Returns the audio bytes sent.

    Raises `SessionFailed` with the reason in plain words. Takes at most the connection's time, the session's cap and
    ANSWER_S together.
    """
    limit_s = service.longest_s(outbox.opened, ANSWER_S)
    try:
        async with asyncio.timeout(limit_s):
            own = await _reached(service)
            hand, whole = own.dup(), False  # a second hand on it, to ask the kernel at the end how much went out
            try:
                connection = await _open(service, own)
                try:
                    notify({"event": "connected", "url": service.place})
                    sent = await _converse(connection, outbox, service, notify)
                    await connection.close()
                    whole = connection.close_code == NORMAL_CLOSURE
                    return sent
                finally:
                    connection.transport.abort()  # closed already, unless something failed: then without a goodbye
            finally:
                notify({"event": "tcp", "bytes": payload_sent(hand, whole=whole)})
    except TimeoutError as error:
        raise SessionFailed(f"{service.place}: the service did not keep up within {limit_s:.0f} s") from error
    except ConnectionClosed as error:
        raise SessionFailed(f"{service.place}: the connection broke: {plain(str(error))}") from error


def payload_sent(own: socket.socket, *, whole: bool) -> int:
    """What the kernel counted for this second hand on a connection's socket, which is closed with it; 0 if it cannot.

    Unless it all went out (`whole`), what the connection still holds is dropped.
    """
    with own:
        if not whole:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        told = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    if len(told) < TCP_INFO_BYTES:  # a kernel before 4.19 does not count
        return 0
    sent, again = struct.unpack_from("=QQ", told, BYTES_SENT_AT)
    return int(sent - again)


class _Straight(connect):
    """Connects where it was told to and nowhere else: a redirect is an answer like 404."""

    def process_redirect(self, exc: Exception) -> Exception:
        return exc


async def _reached(service: Service) -> socket.socket:
    """TCP to the first of the service's addresses that answers; raises `SessionFailed`."""
    loop, uri, failure = asyncio.get_running_loop(), parse_uri(service.url), OSError("its name has no address")
    try:
        async with asyncio.timeout(service.connect_s):
            for family, kind, protocol, _, address in await loop.getaddrinfo(
                uri.host, uri.port, type=socket.SOCK_STREAM
            ):
                own = socket.socket(family, kind, protocol)
                try:
                    own.setblocking(False)
                    await loop.sock_connect(own, address)
                    return own
                except OSError as error:
                    own.close()
                    failure = error
                except BaseException:
                    own.close()
                    raise
            raise failure
    except TimeoutError as error:
        raise SessionFailed(f"{service.place}: no connection within {service.connect_s:g} s") from error
    except OSError as error:
        raise SessionFailed(f"{service.place}: cannot connect: {plain(str(error))}") from error


async def _open(service: Service, own: socket.socket) -> ClientConnection:
    """The connection, ready to send; closes `own` and raises `SessionFailed` when there is none."""
    try:
        return await _Straight(
            service.url,
            sock=own,
            additional_headers={"Authorization": f"Bearer {service.token}"} if service.token else None,
            user_agent_header=f"wakeword/{__version__}",
            compression=None,  # audio does not shrink, and lengths would no longer be the evidence's
            proxy=None,
            open_timeout=service.connect_s,
            ping_interval=None,
            close_timeout=1,
            max_size=REPLY_MAX_BYTES,
            ssl=service.tls,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        hint = {401: " (is the token right?)", 403: " (is the token right?)", 404: " (is the path right?)"}
        raise SessionFailed(f"{service.place}: answered HTTP {status}{hint.get(status, '')}") from error
    except (InvalidHandshake, InvalidMessage, EOFError) as error:
        raise SessionFailed(f"{service.place}: not a WebSocket service: {plain(str(error))}") from error
    except ssl.SSLError as error:
        raise SessionFailed(f"{service.place}: not trusted: {plain(str(error))}") from error
    except TimeoutError as error:
        raise SessionFailed(f"{service.place}: no connection within {service.connect_s:g} s") from error
    except OSError as error:
        raise SessionFailed(f"{service.place}: cannot connect: {plain(str(error))}") from error


async def _converse(connection: ClientConnection, outbox: Outbox, service: Service, notify: Notify) -> int:
    """Send and hear at the same time, until the service closes after `end`."""
    sending = asyncio.create_task(_send(connection, outbox, service))
    hearing = asyncio.create_task(_hear(connection, notify))
    try:
        await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        if hearing.done() and not sending.done():
            raise SessionFailed(f"{service.place}: closed by the service before the end: {await hearing}")
        sent = await sending
        await asyncio.wait({hearing}, timeout=ANSWER_S)
        if hearing.done():
            await hearing
        return sent
    finally:
        for task in (sending, hearing):
            task.cancel()
        await asyncio.gather(sending, hearing, return_exceptions=True)


async def _send(connection: ClientConnection, outbox: Outbox, service: Service) -> int:
    """Header, audio, end."""
    await connection.send(start_message(outbox.opened, service))
    sent = 0
    while piece := await outbox.take():
        await connection.send(piece)
        sent += len(piece)
    await connection.send(json.dumps({"type": "end", "bytes": sent}))
    return sent


async def _hear(connection: ClientConnection, notify: Notify) -> str:
    """Pass on what the service says until it closes, and return how it closed.

    Raises `SessionFailed` when it says far too much, `ConnectionClosed` when the connection breaks.
    """
    heard = 0
    try:
        while True:
            message = await connection.recv()
            heard += 1
            if heard > REPLIES_MAX:
                raise SessionFailed(f"the service sent more than {REPLIES_MAX} messages in one session")
            if event := parse_reply(message):
                notify(event)
    except ConnectionClosed as closed:
        if closed.rcvd is None or not closed.rcvd_then_sent:  # broken, or closed by us for a message too long
            raise
        return plain(str(closed.rcvd))


def parse_reply(message: str | bytes) -> dict[str, Any] | None:
    """A message of the service as an event, or None for anything that the protocol does not know."""
    event: dict[str, Any] | None = None
    match _parsed(message):
        case {"type": "stop"}:
            event = {"event": "stop"}
        case {"type": "transcript", "text": str(text), **rest}:
            event = {"event": "transcript", "text": plain(text), "final": rest.get("final") is True}
        case {"type": "received", "bytes": int(count)} if not isinstance(count, bool) and 0 <= count < 2**53:
            event = {"event": "received", "bytes": count}
        case {"type": "receipt", "cosignature": str(line)}:
            event = {"event": "receipt", "cosignature": plain(line)}
        case {"type": "base", "size": int(size)} if not isinstance(size, bool) and 0 < size < 2**53:
            event = {"event": "base", "size": size}
        case {"type": "error", "text": str(text)}:
            event = {"event": "refused", "text": plain(text)}
    return event


def _parsed(message: str | bytes) -> object:
    try:
        return json.loads(message) if isinstance(message, str) else None
    except (ValueError, RecursionError):  # no JSON, an absurd number, or brackets a thousand deep
        return None


def plain(text: str) -> str:
    """Text that a terminal may show: no control characters, one line, cut to a length that fits a status line."""
    plain = "".join(c if c.isprintable() else " " for c in text[:TEXT_MAX_BYTES]).strip()
    while len(json.dumps(plain)) > TEXT_MAX_BYTES:
        plain = plain[: len(plain) * 3 // 4]
    return plain
