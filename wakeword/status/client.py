"""The other side of the events socket: for `wakeword status`, `monitor` and `hold`. Blocking; one connection."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from wakeword.errors import CheckFailed, in_words

PATIENCE_S = 5.0
Line = dict[str, Any]  # Any: JSON


@contextmanager
def connected(path: str) -> Iterator[socket.socket]:
    """The daemon's events socket. Raises `CheckFailed` when no daemon answers there."""
    link = socket.socket(socket.AF_UNIX)
    with closing(link):
        link.settimeout(PATIENCE_S)
        try:
            link.connect(path)
        except OSError as error:
            hint = "is a daemon running, with status.events set to this?"
            raise CheckFailed(f"no daemon answers: {in_words(error)}", where=path, hint=hint) from error
        yield link


def lines(link: socket.socket) -> Iterator[Line]:
    """What the daemon says, first its state; ends with it."""
    with link.makefile("rb") as received:
        for line in received:
            yield json.loads(line)


def ask(path: str, wish: Line) -> Line:
    """Ask for one thing; the answer. Raises `CheckFailed` when there is none."""
    with connected(path) as link:
        link.sendall(json.dumps(wish).encode() + b"\n")
        answers = (line for line in lines(link) if line.get("from") == "status")
        try:
            next(answers)  # the state, which everybody is told first
            return next(answers)
        except (TimeoutError, StopIteration) as error:
            raise CheckFailed("the daemon does not answer", where=path) from error
