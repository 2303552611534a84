"""What systemd wants to know of a service (sd_notify): ready, alive, how it is, stopping. Standard library only.

Each message is one datagram to the socket that $NOTIFY_SOCKET names; without it nothing is said. The socket is opened
once, before any wall, and never waited for: a message that finds no room is lost. Protocol: `man sd_notify`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

PING_SHARE = 3  # pings in one watchdog period


class Notifier:
    """Says it to whoever started this process; to nobody when nobody asked."""

    def __init__(self, environment: MutableMapping[str, str] | None = None) -> None:
        """The variables are taken out of the environment: a child of ours must not speak for us."""
        environment = os.environ if environment is None else environment
        address = environment.pop("NOTIFY_SOCKET", "")
        period_us = environment.pop("WATCHDOG_USEC", "0")
        meant_for_us = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every_s = int(period_us) / 1e6 / PING_SHARE if period_us.isdecimal() and meant_for_us else 0.0
        self._next_s = 0.0
        self._ready = False
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
            try:
                self._socket.connect("\0" + address[1:] if address.startswith("@") else address)
            except OSError:  # nobody listens there, and nobody will
                self.close()

    def ready(self, status: str) -> None:
        """It works now; `status` is shown by `systemctl status`. Later calls change the text alone."""
        self._say("" if self._ready else "READY=1", f"STATUS={status}")
        self._ready = True

    def status(self, text: str) -> None:
        """How it is."""
        self._say(f"STATUS={text}")

    def alive(self) -> None:
        """To be called often: a ping goes out when one is due. Without pings systemd ends and restarts the service."""
        now_s = time.monotonic()
        if self._every_s and now_s >= self._next_s:
            self._next_s = now_s + self._every_s
            self._say("WATCHDOG=1")

    def reloading(self) -> None:
        """The configuration is being read again; `ready` ends it."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000}")
        self._ready = False

    def stopping(self) -> None:
        """It is ending in order."""
        self._say("STOPPING=1")

    def close(self) -> None:
        """Say no more."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _say(self, *lines: str) -> None:
        text = "\n".join(line.replace("\n", " ") for line in lines if line)
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(text.encode())
