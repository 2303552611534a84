"""On which source of the sound server does our stream sit? PortAudio is never told when the server moves it.

PulseAudio, and PipeWire in its place, move a stream to another source when its own is unplugged (often to what the
loudspeaker plays), and when the default changes, even if the stream had asked for its source by name. So a second,
silent connection to the server is told of changes to streams, and looks up ours by the number of this process. Where
there is no such server, or the stream is not one of its, nothing is known: `None`.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wakeword.errors import SourceError

CONNECT_S = 1.0
_AT_ONCE_S = 0.000_1  # 0 would mean to wait for the next event


@dataclass(frozen=True, slots=True)
class Place:
    """A source of the sound server."""

    name: str
    monitor: bool  # what a loudspeaker plays, not a microphone


class Seat:
    """Watches where this process's only recording stream sits, from its construction on."""

    def __init__(self) -> None:
        """Ask the server; a server that is not there is no error."""
        self._server: Any = _connect()  # pulsectl has no types
        self._changed = False
        self.home: Place | None = None
        try:
            self.home = self._look()
        except _LostError:
            self.close()

    def moved(self) -> Place | None:
        """Where the stream sits now, if that is not `home`. Costs next to nothing while no stream changes.

        Raises `SourceError` when the server has ended. PortAudio is not to be asked then: it may not return.
        """
        if self.home is None or self._server is None:
            return None
        try:
            if not self._news():
                return None
            place = self._look()
        except _LostError as error:
            self.close()
            raise SourceError("the sound server has ended") from error
        return place if place and place != self.home else None

    def close(self) -> None:
        """Leave the server. May be called again."""
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(Exception):  # it is being left: in whatever state it is
                server.close()

    def _news(self) -> bool:
        with _losing():
            self._server.event_listen(timeout=_AT_ONCE_S)
        changed, self._changed = self._changed, False
        return changed

    def _look(self) -> Place | None:
        if self._server is None:
            return None
        with _losing():
            if self.home is None:
                self._server.event_mask_set("source_output")
                self._server.event_callback_set(self._on_change)
            mine = [
                stream.source
                for stream in self._server.source_output_list()
                if stream.proplist.get("application.process.id") == str(os.getpid())
            ]
            sources = {source.index: source for source in self._server.source_list()} if mine else {}
        found = sources.get(mine[0]) if mine else None
        return Place(str(found.name), bool(found.monitor_of_sink_name)) if found else None

    def _on_change(self, _: object) -> None:
        self._changed = True


class _LostError(Exception):
    """The server has ended, or refuses."""


@contextlib.contextmanager
def _losing() -> Iterator[None]:
    pulsectl: Any = importlib.import_module("pulsectl")
    library = pulsectl.pulsectl.c.pa  # its errors have three bases
    try:
        yield
    except (pulsectl.PulseError, pulsectl.PulseDisconnected, library.CallError, OSError) as error:
        raise _LostError from error


def _library() -> Any:
    """pulsectl: ctypes on libpulse, which ALSA's plugin has loaded anyway. Raises `ImportError` or `OSError`.

    While it is imported it would look for the library by running programs, which the walls refuse; by its name alone
    the linker finds it too.
    """
    search, ctypes.util.find_library = ctypes.util.find_library, lambda name: None
    try:
        return importlib.import_module("pulsectl")
    finally:
        ctypes.util.find_library = search


def _connect() -> Any:
    """The server's other connection; None where there is no library or no server."""
    try:
        pulsectl = _library()
        server = pulsectl.Pulse("wakeword: is the microphone still ours", connect=False)
    except (ImportError, OSError):
        return None
    try:
        server.connect(autospawn=False, timeout=CONNECT_S)
    except (pulsectl.PulseError, OSError):
        server.close()
        return None
    return server
