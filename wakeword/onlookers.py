"""Who watches `wakeword run` from outside: the status process, if one is configured, and systemd.

Neither holds the daemon up: a line that finds no room in the pipe is dropped, a status process that ends is not missed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from wakeword.config import Config
from wakeword.errors import ConfigError
from wakeword.notify import Notifier
from wakeword.places import absolute
from wakeword.settings import StatusSettings, to_json
from wakeword.statusline import MOST_BYTES

Line = dict[str, Any]  # Any: JSON
ENDS_S = 3.0  # a status process that is stopped or stuck is killed after this


def status_settings(loaded: Config) -> StatusSettings:
    """Which sockets the status process is to open. Raises `ConfigError` when metrics cannot be told."""
    if loaded.status.metrics and importlib.util.find_spec("prometheus_client") is None:
        hint = "pip install 'wakeword[status]'"
        raise ConfigError("metrics need prometheus_client", where="status.metrics", hint=hint)
    return StatusSettings(
        events=str(absolute(loaded.status.events) or ""), metrics=loaded.status.metrics, journal=loaded.status.journal
    )


class Onlookers:
    """A context manager. `hold` is listen's end of the pipe for holds; None without a status process."""

    def __init__(self, settings: StatusSettings, notifier: Notifier | None = None) -> None:
        """Nothing is started when `settings` name no socket."""
        self._notifier = notifier or Notifier()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._lines = -1
        self.hold: int | None = None
        self._heard = -1.0

    def __enter__(self) -> Self:
        if self._settings.wanted:
            self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._notifier.stopping()
        if self._process is None:
            return
        os.close(self._lines)  # it ends when it has read them all
        if self.hold is not None:
            os.close(self.hold)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_S)
        self._process.kill()
        self._process.wait()

    def tell(self, line: bytes, parsed: Line) -> None:
        """One status line, as text and as what it says."""
        if self._process is not None and len(line) <= MOST_BYTES:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._lines, line)
        match parsed.get("from"), parsed.get("event"):
            case "listen", "listening":
                self._notifier.ready("listening")
            case "listen", "mute":
                self._notifier.ready("muted: the microphone is closed" if parsed.get("on") else "unmuted")
            case "listen", "fault":
                self._notifier.status(str(parsed.get("what")))
            case "listen", "level" if parsed.get("at_s") != self._heard:
                self._heard = float(parsed.get("at_s") or 0.0)
                self._notifier.alive()
            case "run", "reloading":
                self._notifier.reloading()

    def _start(self) -> None:
        reader, self._lines = os.pipe()
        self.hold, to_listen = os.pipe()
        os.set_blocking(self._lines, False)
        settings = replace(self._settings, inputs=(reader,), to_listen=to_listen)
        command = [sys.executable, "-P", "-m", "wakeword.status", to_json(settings)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(reader, to_listen), process_group=0
        )
        os.close(reader)
        os.close(to_listen)
