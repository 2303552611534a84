"""What commands share that serve until they are asked to end."""

from __future__ import annotations

import asyncio
import signal


def asked_to_end() -> asyncio.Event:
    """Is set by SIGINT and SIGTERM; for the loop that runs."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    return ended
