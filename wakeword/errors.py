"""The errors that users see. Each says what is wrong, where, and what to do, and carries the exit code of its kind.

Anything else that is raised is a bug and keeps its traceback. `Fatal` means that the state on disk or in memory is no
longer known: stop, and let the next start find out.
"""

from __future__ import annotations

CHECK_FAILED, USAGE, UNREADABLE, FATAL, DAMAGED = 1, 2, 3, 74, 78


class WakewordError(Exception):
    """Something the user can mend: `where` (file, line or key) and `hint` (the remedy) are printed with it."""

    exit_code = USAGE

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.hint = what, where, hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.what}{remedy}"


class ConfigError(WakewordError):
    """The configuration or the command line is wrong."""


class ModelError(WakewordError):
    """A model's files are missing, changed, or made for another version."""


class SourceError(WakewordError):
    """A sound source cannot be read: a broken file, a missing device."""

    exit_code = UNREADABLE


class CheckFailed(WakewordError):
    """A check that the user asked for found something: an audit, a release bar."""

    exit_code = CHECK_FAILED


class Fatal(WakewordError):
    """What is on disk is no longer known. Nothing more is written and nothing opens."""

    exit_code = FATAL


def in_words(error: OSError) -> str:
    """What the system says of it, to stand behind the file's name: "no space left on device"."""
    return (error.strerror or str(error)).lower()
