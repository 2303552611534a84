"""One `Supervisor` after another: again after a crash or a lost microphone, and with new settings when asked to reload.

Nothing is mended inside a life: every life is a fresh start of all processes, with a log file of its own in which the
cause of the one before is written down. Only what a new life can cure leads to one: a process that was killed or broke
down, a microphone that is lost. Wrong settings, a disk that refused a record, a damaged log stay what they are; a sound
device that was never heard is more likely misspelt than lost; a recording or a pipe cannot be heard from where it was.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from wakeword.errors import DAMAGED, FATAL, USAGE, WakewordError
from wakeword.supervise import Plan, Supervisor

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0  # before a further life: doubled each time that nothing was heard in it
FOR_GOOD = tuple(f" exit {code}" for code in (USAGE, FATAL, DAMAGED))  # another life would end in the same way


class Lives:
    """The daemon for as long as it is wanted. `make` reads the settings afresh; it is called once at the construction.

    lives = Lives(make)                   # raises what `make` raises
    for line in lives.lines(): show(line) # stop() and reload() may be called from signal handlers
    return lives.exit_code
    """

    def __init__(self, make: Callable[[], Plan]) -> None:
        self.exit_code, self.failure, self._cause = 0, "", ""
        self.plan = make()
        self._make = make
        self._running: Supervisor | None = None
        self._stopped = self._reload = False
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)

    def stop(self) -> None:
        """No further life, and an orderly end of this one."""
        self._stopped = True
        self._end_life()

    def reload(self) -> None:
        """An orderly end of this life, and another one with settings read afresh: a new policy is a new log file."""
        self._reload = True
        self._end_life()

    def lines(self) -> Iterator[dict[str, Any]]:  # Any: JSON
        """The status lines of all lives, and `{"from": "run", "event": "again" or "reloaded" …}` between them."""
        pause_s, heard = FIRST_PAUSE_S, False
        try:
            while True:
                listened = False
                for line in self._life():
                    listened |= line.get("from") == "listen" and line.get("event") == "listening"
                    yield line
                heard |= listened
                if self._stopped:
                    return
                if self._reload:
                    yield {"from": "run", "event": "reloading"}
                    yield self._reloaded()
                    continue
                if not (heard and self._curable()):
                    return
                pause_s = FIRST_PAUSE_S if listened else min(2 * pause_s, LONGEST_PAUSE_S)
                self._patiently()
                yield {"from": "run", "event": "again", "in_s": pause_s, "why": self.failure}
                select.select([self._woken], [], [], pause_s)
        finally:
            os.close(self._woken)
            os.close(self._wake)

    def _life(self) -> Iterator[dict[str, Any]]:
        if self._stopped:
            return
        with Supervisor(self.plan) as running:
            self._running = running
            if self._stopped or self._reload:  # asked for while it was being started
                running.stop()
            yield from running.lines()
        self._running = None
        self.exit_code, self.failure, self._cause = running.exit_code, running.failure, running.cause

    def _curable(self) -> bool:
        """Would another life hear what this one does not?"""
        broke = bool(self._cause) and not self._cause.endswith(FOR_GOOD)
        return broke and self.plan.listen.source.kind == "device"

    def _reloaded(self) -> dict[str, Any]:
        """The new settings, or the old ones where the new ones are wrong."""
        self._reload = False
        try:
            self.plan = self._make()
        except WakewordError as error:
            return {"from": "run", "event": "reloaded", "ok": False, "what": f"{error}; the settings stay as they were"}
        return {"from": "run", "event": "reloaded", "ok": True}

    def _patiently(self) -> None:
        """The next life is told why there is one, and waits for the microphone rather than end again."""
        listen, gate = self.plan.listen, self.plan.gate
        patient = replace(listen, source=replace(listen.source, wait=True))
        self.plan = replace(self.plan, listen=patient, gate=replace(gate, ended=(self._cause,)))

    def _end_life(self) -> None:
        if self._running:
            self._running.stop()
        try:
            os.write(self._wake, b".")
        except (BlockingIOError, OSError):  # full of earlier ones, or over already
            return
