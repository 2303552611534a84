"""The uplink's other way to deliver: one session to a Wyoming speech-to-text server, whose transcript comes back.

    > transcribe, audio-start, audio-chunk …, audio-stop        < transcript (or transcript-chunk …, transcript)

The connection begins and ends with the session. The server is not believed: lengths have caps and types are checked
(`wyoming/wire.py`), its text is cleaned and cut, and all else it says is ignored. Wyoming has no encryption and no
password: a `tcp://` address is for this machine or a network that is yours.
"""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event, async_write_event

from wakeword.events import RATE_HZ
from wakeword.service.outbox import Outbox, SessionFailed
from wakeword.service.websocket import REPLIES_MAX, TEXT_MAX_BYTES, Notify, Service, payload_sent, plain
from wakeword.wyoming.wire import MAX_LINE_BYTES, WireError, read_event

ANSWER_S = 20.0  # chosen: a small Whisper on a Raspberry Pi takes that long for a sentence
EVENT_S = 5.0  # for an event that began to end
# A chunk costs some 160 bytes round its samples; an auditor's bound allows 22 a 1024 (docs/audit-log.md).
CHUNK_MIN_BYTES = 8_192  # 256 ms


async def deliver(outbox: Outbox, service: Service, notify: Notify) -> int:
    """Connect, send the session, wait for the transcript, close. Returns the audio bytes sent.

    Raises `SessionFailed` with the reason in plain words. Takes at most the connection's time, the session's cap and
    ANSWER_S together.
    """
    limit_s = service.longest_s(outbox.opened, ANSWER_S)
    try:
        async with asyncio.timeout(limit_s):
            reader, writer = await _open(service)
            own = writer.get_extra_info("socket").dup()
            notify({"event": "connected", "url": service.place})
            whole = False
            try:
                sent = await _converse(reader, writer, outbox, service, notify)
                writer.close()
                await writer.wait_closed()
                whole = True
                return sent
            finally:
                writer.transport.abort()
                notify({"event": "tcp", "bytes": payload_sent(own, whole=whole)})
    except TimeoutError as error:
        raise SessionFailed(f"{service.place}: no transcript within {limit_s:.0f} s") from error
    except WireError as error:
        raise SessionFailed(f"{service.place}: not a Wyoming server: {plain(str(error))}") from error
    except OSError as error:
        raise SessionFailed(f"{service.place}: the connection broke: {plain(str(error))}") from error


async def _open(service: Service) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(service.url)
    try:
        async with asyncio.timeout(service.connect_s):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=MAX_LINE_BYTES)
    except TimeoutError as error:
        raise SessionFailed(f"{service.place}: no connection within {service.connect_s:g} s") from error
    except OSError as error:
        raise SessionFailed(f"{service.place}: cannot connect: {plain(str(error))}") from error
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return reader, writer


async def _converse(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, outbox: Outbox, service: Service, notify: Notify
) -> int:
    """Send and hear at the same time. A transcript before the end means: enough."""
    sending = asyncio.create_task(_send(writer, outbox, service))
    hearing = asyncio.create_task(_hear(reader, notify))
    try:
        await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        if hearing.done() and not sending.done():
            if not await hearing:
                raise SessionFailed(f"{service.place}: closed by the server before its transcript")
            notify({"event": "stop"})
        sent = await sending
        if not await hearing:
            raise SessionFailed(f"{service.place}: closed by the server before its transcript")
        return sent
    finally:
        for task in (sending, hearing):
            task.cancel()
        await asyncio.gather(sending, hearing, return_exceptions=True)


async def _send(writer: asyncio.StreamWriter, outbox: Outbox, service: Service) -> int:
    """What is wanted, audio, end."""
    form = {"rate": RATE_HZ, "width": 2, "channels": 1}
    await async_write_event(Transcribe(language=service.language or None).event(), writer)
    await async_write_event(AudioStart(**form, timestamp=0).event(), writer)
    sent = 0
    while piece := await outbox.take(CHUNK_MIN_BYTES):
        await async_write_event(AudioChunk(**form, audio=piece, timestamp=sent * 1000 // 2 // RATE_HZ).event(), writer)
        sent += len(piece)
    await async_write_event(AudioStop(timestamp=sent * 1000 // 2 // RATE_HZ).event(), writer)
    return sent


async def _hear(reader: asyncio.StreamReader, notify: Notify) -> bool:
    """True once the transcript has come, False when the server has closed without one.

    Raises `WireError` for what is not Wyoming, `SessionFailed` when it says far too much.
    """
    sofar = ""
    for _ in range(REPLIES_MAX):
        event = await read_event(reader, None, EVENT_S)
        if event is None:
            return False
        text = _text(event)
        if event.type == "transcript":
            notify({"event": "transcript", "text": plain(text), "final": True})
            return True
        if event.type == "transcript-chunk":
            sofar = (sofar + text)[:TEXT_MAX_BYTES]
            notify({"event": "transcript", "text": plain(sofar), "final": False})
        elif event.type == "error":
            notify({"event": "refused", "text": plain(text)})
            return False
    raise SessionFailed(f"the server sent more than {REPLIES_MAX} events in one session")


def _text(event: Event) -> str:
    text = event.data.get("text", "")
    if not isinstance(text, str):
        raise WireError(f"the text of {event.type} is none")
    return text
