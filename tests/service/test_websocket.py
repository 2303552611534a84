"""The uplink's side of the protocol, without a process: deadlines, addresses, what a service may say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve

from wakeword.messages import Open
from wakeword.service import websocket
from wakeword.service.outbox import Outbox, SessionFailed
from wakeword.service.websocket import REPLY_MAX_BYTES, Service, deliver, parse_reply
from wakeword.statusline import MOST_BYTES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(["stop", "transcript", "received", "receipt", "error", "other", 7, None])


@given(st.text() | st.binary())
def test_no_text_or_bytes_break_the_reader(message: str | bytes) -> None:
    assert parse_reply(message) is None or isinstance(message, str)


@given(KINDS, st.dictionaries(st.sampled_from(["text", "final", "bytes", "cosignature", "more"]), JSON))
def test_whatever_a_reply_holds_its_event_is_flat_short_and_printable(kind: object, fields: dict[str, Any]) -> None:
    event = parse_reply(json.dumps({"type": kind, **fields}))
    if event is None:
        return
    for value in event.values():
        assert isinstance(value, (str, int, bool))
        assert not isinstance(value, str) or value.isprintable()
    assert len(json.dumps(event)) < MOST_BYTES - 100  # the rest of a status line


@pytest.mark.parametrize("letter", ["a", '"', "ж", "\U00010400"])
def test_the_longest_text_still_fits_a_status_line(letter: str) -> None:
    event = parse_reply(json.dumps({"type": "transcript", "text": letter * REPLY_MAX_BYTES}))
    assert event is not None
    assert 1_500 < len(json.dumps(event)) < MOST_BYTES - 100


def test_a_service_that_takes_nothing_is_given_up_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async def never_read(connection: ServerConnection) -> None:
            connection.transport.pause_reading()
            await over.wait()

        over = asyncio.Event()
        box = Outbox(Open(1, bytes(16), 0, 2_000_000, 100, "", ""))
        for _ in range(480):
            box.put(bytes(4_096))
        async with serve(never_read, "127.0.0.1", 0, max_queue=1, close_timeout=0.1) as server:
            port = server.sockets[0].getsockname()[1]
            service = Service(f"ws://127.0.0.1:{port}", "computer", connect_s=0.2)
            with pytest.raises(SessionFailed, match="did not keep up within"):
                await deliver(box, service, lambda event: None)
            over.set()

    monkeypatch.setattr(websocket, "ANSWER_S", 0.1)
    asyncio.run(scenario())


def test_a_service_that_never_closes_has_its_time_to_answer_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> int:
        async def stay(connection: ServerConnection) -> None:
            async for _ in connection:
                pass

        box = Outbox(Open(1, bytes(16), 0, 10_000, 1_000, "", ""))
        box.put(bytes(10_000))
        box.close()
        async with serve(stay, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await deliver(box, Service(f"ws://127.0.0.1:{port}", "computer"), lambda event: None)

    monkeypatch.setattr(websocket, "ANSWER_S", 0.05)
    assert asyncio.run(scenario()) == 10_000


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("wss://user:secret@hub.example/a?key=secret", "wss://hub.example/a"),
        ("ws://127.0.0.1:8765", "ws://127.0.0.1:8765"),
    ],
)
def test_the_address_is_shown_without_its_secrets(url: str, place: str) -> None:
    assert Service(url, "computer").place == place


def test_the_token_is_not_shown() -> None:
    assert "s3cret" not in repr(Service("wss://hub.example", "computer", token="s3cret"))
