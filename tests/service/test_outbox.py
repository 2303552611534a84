"""The outbox: whole, in order, in pieces of the stated sizes, bounded."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.messages import Open
from wakeword.service.outbox import HELD_MAX_BYTES, PIECE_MAX_BYTES, PIECE_MIN_BYTES, Outbox, SessionFailed


def outbox(cap_bytes: int = 480_000) -> Outbox:
    return Outbox(Open(1, bytes(16), 0, cap_bytes, 15_000, "", ""))


async def drain(box: Outbox) -> list[bytes]:
    pieces = []
    while piece := await box.take():
        pieces.append(piece)
    return pieces


@given(st.lists(st.integers(2, 4_096), max_size=60), st.lists(st.booleans(), max_size=60))
def test_all_bytes_leave_in_order_and_no_piece_but_the_last_is_small(puts: list[int], rests: list[bool]) -> None:
    async def scenario() -> list[bytes]:
        box = outbox()
        taking = asyncio.create_task(drain(box))
        for number, length in enumerate(puts):
            box.put(sound[sum(puts[:number]) :][:length])
            if number < len(rests) and rests[number]:
                await asyncio.sleep(0)  # let the taker run between two puts
        box.close()
        return await taking

    sound = bytes(i * 7 % 251 for i in range(sum(puts)))
    pieces = asyncio.run(scenario())
    assert b"".join(pieces) == sound
    assert all(PIECE_MIN_BYTES <= len(piece) <= PIECE_MAX_BYTES for piece in pieces[:-1])
    assert all(len(piece) <= PIECE_MAX_BYTES for piece in pieces)


def test_a_small_piece_waits_for_more() -> None:
    async def scenario() -> None:
        box = outbox()
        taking = asyncio.create_task(box.take())
        for _ in range(PIECE_MIN_BYTES // 2 - 1):
            box.put(b"ab")
            await asyncio.sleep(0)
        assert not taking.done()
        box.put(b"ab")
        assert await taking == b"ab" * (PIECE_MIN_BYTES // 2)

    asyncio.run(scenario())


@pytest.mark.parametrize(("cap", "limit"), [(10_000, 10_000), (2**32 - 1, HELD_MAX_BYTES)])
def test_more_than_the_cap_is_refused(cap: int, limit: int) -> None:
    box = outbox(cap)
    box.put(bytes(limit))
    with pytest.raises(SessionFailed, match=f"more than the session's {limit} bytes"):
        box.put(b"ab")


def test_a_discarded_session_counts_but_holds_nothing() -> None:
    async def scenario() -> bytes:
        box = outbox()
        box.put(bytes(5_000))
        box.discard()
        box.put(bytes(5_000))
        box.close()
        assert box.received_bytes == 10_000
        return await box.take()

    assert asyncio.run(scenario()) == b""
