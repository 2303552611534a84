"""Starts the keeper for `wakeword run` where there is consent, and sees to it that consent is looked at in time.

The keeper is no part of the daemon's chain: the daemon goes on without it, and gate and uplink know nothing of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

from wakeword.keep import consent, folder
from wakeword.keep.consent import Consent, Shelf
from wakeword.settings import CollectSettings, ConsentSettings, KeeperSettings, to_json

Line = dict[str, Any]  # Any: JSON
PIPE_BYTES = 1 << 20  # chosen: eight clips
ENDS_S = 3.0  # chosen: it seals one clip at most before it ends; then it is killed


class Keeping:
    """A context manager: the keeper does not outlive it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._to_keeper = -1
        self._shelf: Shelf | None = None
        self._stamp = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def begin(self, shelf: Shelf, evidence: str) -> CollectSettings:
        """For a new start of listen: what it is handed. A keeper is started only where consent stands.

        Raises `ConfigError` when what has expired cannot be deleted.
        """
        standing = consent.settle(shelf, time.time())
        if standing:
            folder.make(shelf.clips)
        ended = None if standing else consent.read(shelf.consent)
        self._end()  # not before all this: where it fails, what runs goes on
        self._shelf, self._stamp = shelf, consent.stamp(shelf.consent)
        if standing is None:
            told = ConsentSettings(until_s=ended.until_s) if ended else ConsentSettings()
            return CollectSettings(consent=told, over=ended.ended if ended else "")
        given = ConsentSettings(str(shelf.consent), self._stamp, standing.given_s, standing.until_s)
        self._start(shelf, standing, given, evidence)
        return CollectSettings(consent=given, to_keeper=self._to_keeper)

    def look(self, line: Line) -> bool:
        """To be called with every status line; True when consent was given meanwhile: it takes a new start."""
        if self._shelf is None or line.get("from") != "listen":
            return False
        if line.get("event") == "collect" and line.get("why") in (consent.EXPIRED, consent.FORGOTTEN):
            self._written_down(self._shelf)
            return False
        if line.get("event") != "level" or consent.stamp(self._shelf.consent) == self._stamp:
            return False
        self._stamp = consent.stamp(self._shelf.consent)
        return consent.settle(self._shelf, time.time()) is not None

    def _written_down(self, shelf: Shelf) -> None:
        """The evidence knows that it is over: now nothing is left of it, unless consent was given anew since."""
        anew = consent.stamp(shelf.consent) != self._stamp and consent.settle(shelf, time.time()) is not None
        if not anew:
            consent.clear(shelf)
            shelf.consent.unlink(missing_ok=True)
            self._stamp = ""

    def _start(self, shelf: Shelf, standing: Consent, given: ConsentSettings, evidence: str) -> None:
        from_listen, self._to_keeper = os.pipe()
        with contextlib.suppress(OSError):  # the system's limit for all pipes of this user: smaller ones work too
            fcntl.fcntl(self._to_keeper, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        settings = KeeperSettings(
            from_listen, str(shelf.clips), given, standing.public_key, standing.most_clips, evidence
        )
        command = [sys.executable, "-P", "-m", "wakeword.keeper", to_json(settings)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(from_listen,), process_group=0
        )
        os.close(from_listen)

    def _end(self) -> None:
        """It ends when no writer is left."""
        if self._process is None:
            return
        os.close(self._to_keeper)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_S)
        self._process.kill()
        self._process.wait()
        self._process = None
