"""When a session ends by itself: the talker has finished, or the cap is reached. Pure, in stream time."""

from __future__ import annotations

from wakeword.events import RATE_HZ
from wakeword.model import Point
from wakeword.settings import SessionSettings


def refractory_samples(settings: SessionSettings, point: Point) -> int:
    """How long nothing is detected after a session of a word at this point."""
    own = point.refractory_ms
    return (settings.refractory_ms if own is None else own) * RATE_HZ // 1000


class Session:
    """One session, opened at sample `opened`. A talker may pause `patience_ms` before saying what is wanted."""

    def __init__(self, settings: SessionSettings, opened: int) -> None:
        self._opened = opened
        self._cap = settings.cap_ms * RATE_HZ // 1000
        self._silence = settings.silence_ms * RATE_HZ // 1000
        self._patience = settings.patience_ms * RATE_HZ // 1000
        self._spoken = False

    def push(self, heard: int, quiet: int) -> str | None:
        """After `heard` samples, the last `quiet` of them without voice: `silence` or `cap` when it is over."""
        lasted = heard - self._opened
        self._spoken |= quiet == 0
        if lasted >= self._cap:
            return "cap"
        wait = self._silence if self._spoken else self._patience
        return "silence" if min(quiet, lasted) >= wait else None
