"""One Wyoming event off a stream: a JSON line, then the bytes of data and payload that it announces.

The reference library reads what it is told to, of any length, and merges any JSON as data. Here each length has a cap,
each entry its type, and whoever breaks them is cut off. A stranger's JSON is kept only as what its event may hold.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from wyoming.event import Event

MAX_LINE_BYTES = 16_384  # chosen: their lines have 100 bytes; data may stand in the line, but a satellite's has 300
MAX_DATA_BYTES = 65_536  # chosen: an `info` of two hundred voices
MAX_PAYLOAD_BYTES = 1 << 20  # chosen: half a minute at 16 kHz; satellites send 64 ms


class WireError(Exception):
    """The other side does not speak Wyoming; the text says how."""


async def read_event(reader: asyncio.StreamReader, idle_s: float | None, patience_s: float) -> Event | None:
    """The next event; None when the connection ended between two. `reader` has the limit MAX_LINE_BYTES.

    Waits `idle_s` for an event to begin (None: for ever), and `patience_s` for it to end. Raises `WireError`.
    """
    try:
        async with asyncio.timeout(idle_s):
            first = await reader.read(1)
    except TimeoutError as error:
        raise WireError(f"nothing was said for {idle_s:g} s") from error
    if not first:
        return None
    try:
        async with asyncio.timeout(patience_s):
            return await _rest(reader, first)
    except TimeoutError as error:
        raise WireError(f"an event did not end within {patience_s:g} s") from error
    except asyncio.LimitOverrunError as error:
        raise WireError(f"a line of more than {MAX_LINE_BYTES} bytes") from error
    except asyncio.IncompleteReadError as error:
        raise WireError("the connection ended inside an event") from error


async def _rest(reader: asyncio.StreamReader, first: bytes) -> Event:
    head = _object(first + (b"" if first == b"\n" else await reader.readuntil(b"\n")))
    kind = head.get("type")
    if not isinstance(kind, str):
        raise WireError("an event without a type")
    data = head.get("data", {})
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise WireError(f"data of {kind} is not an object")
    if length := _length(head, "data_length", MAX_DATA_BYTES):
        data |= _object(await reader.readexactly(length))
    length = _length(head, "payload_length", MAX_PAYLOAD_BYTES)
    return Event(kind, data, await reader.readexactly(length) if length else None)


def _object(content: bytes) -> dict[str, Any]:
    """JSON that is an object. Its values are anybody's."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, or brackets a thousand deep
        raise WireError("not JSON") from error
    if not isinstance(found, dict):
        raise WireError("JSON that is not an object")
    return found


def _length(head: dict[str, Any], name: str, most: int) -> int:
    length = head.get(name)
    if length is None:
        return 0
    if type(length) is not int or not 0 <= length <= most:
        raise WireError(f"{name} {length!r:.20} is not between 0 and {most}")
    return length
