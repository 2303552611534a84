"""Wakes, sessions and faults as messages of systemd's journal, with fields: `journalctl WAKEWORD_EVENT=wake`.

Each is one datagram to the journal's own socket, NAME=value a line (https://systemd.io/JOURNAL_NATIVE_PROTOCOL). Never
waited for: one that finds no room is lost. No level, no candidate, nothing that was said. systemd's own Python package
would do this, but it is built against libsystemd on the machine where it is installed. Standard library only.
"""

from __future__ import annotations

import contextlib
import re
import socket

from wakeword.display import described
from wakeword.errors import ConfigError
from wakeword.status.figures import Line

SOCKET = "/run/systemd/journal/socket"
WARNING, NOTICE, INFO = 4, 5, 6  # of syslog
TOLD = {  # whose event -> how grave
    ("listen", "listening"): INFO, ("listen", "mute"): NOTICE, ("listen", "hold"): INFO, ("listen", "wake"): NOTICE,
    ("listen", "late"): NOTICE, ("listen", "fault"): WARNING, ("listen", "warning"): NOTICE,
    ("gate", "open"): NOTICE, ("gate", "close"): NOTICE, ("gate", "denied"): NOTICE, ("gate", "fault"): WARNING,
    ("uplink", "sent"): INFO, ("uplink", "reported"): INFO, ("uplink", "error"): WARNING,
    ("run", "ended"): NOTICE, ("run", "again"): WARNING, ("run", "reloaded"): NOTICE,
}  # fmt: skip
_NAME, _LONGEST = re.compile(r"[a-z][a-z0-9_]{0,30}"), 500


class Journal:
    """A connection to it, to be made before any wall stands."""

    def __init__(self, address: str = SOCKET) -> None:
        """Raises `ConfigError` where there is no journal."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise ConfigError(
                f"no journal: {error.strerror}", where="status.journal", hint="it is systemd's"
            ) from error

    def tell(self, line: Line) -> None:
        """A status line, if it is one of `TOLD`."""
        if told := message(line):
            with contextlib.suppress(OSError):
                self._socket.send(told)

    def close(self) -> None:
        """Say no more."""
        self._socket.close()


def message(line: Line) -> bytes:
    """The datagram, b"" for a line that does not belong there."""
    who, event = str(line.get("from")), str(line.get("event"))
    if (who, event) not in TOLD:
        return b""
    fields = {"MESSAGE": described(line) or f"{who}: {event}", "PRIORITY": TOLD[who, event]}
    fields |= {"SYSLOG_IDENTIFIER": "wakeword", "WAKEWORD_FROM": who, "WAKEWORD_EVENT": event}
    plain = {
        name: value for name, value in line.items() if _NAME.fullmatch(name) and isinstance(value, str | int | float)
    }
    fields |= {f"WAKEWORD_{name.upper()}": value for name, value in plain.items() if name not in ("from", "event")}
    return "".join(f"{name}={_one_line(value)}\n" for name, value in fields.items()).encode("utf-8", "replace")


def _one_line(value: object) -> str:
    """As the protocol's short form has it; a control character might end a line, or a terminal's good order."""
    return "".join(each if each.isprintable() else " " for each in str(value)[:_LONGEST])
