"""Process 4, status: `python -m wakeword.status SETTINGS_JSON` (settings.StatusSettings; started by `wakeword run` or
systemd/wakeword-status.service).

It has one end of a pipe with status lines, one end of a pipe on which listen can be asked to hold, and its sockets. It
has no sound, no evidence, and once its sockets are open it can make no other and open no file but installed code. Ends
with 0 when the writers of the lines have ended, 2 when a socket cannot be had.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from wakeword.errors import USAGE, WakewordError
from wakeword.sandbox import python_places, wall_calls, wall_files
from wakeword.settings import StatusSettings, status_from_json
from wakeword.status.journal import Journal
from wakeword.status.serve import Status, open_events, open_metrics


async def serve(settings: StatusSettings) -> None:
    """Until the lines end. Raises `WakewordError`."""
    status = Status(settings.to_listen, Journal() if settings.journal else None)
    servers = []
    if settings.events:
        servers.append(await open_events(settings.events, status.client))
    if settings.metrics:
        servers.append(await open_metrics(settings.metrics, status.metrics))
    wall_files(read=python_places())  # a library that is loaded at the first question for metrics
    wall_calls([])
    try:
        await asyncio.gather(*(status.follow(descriptor) for descriptor in settings.inputs))
    finally:
        for server in servers:
            server.close()


def main() -> int:
    """Run with the settings on the command line."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends last, when there is nothing more to tell
    try:
        settings = status_from_json(sys.argv[1])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        print(f"wakeword.status: not settings for this process: {error}", file=sys.stderr)
        return USAGE
    try:
        asyncio.run(serve(settings))
    except WakewordError as error:
        print(f"wakeword.status: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
