"""Which candidate belongs to which utterance: one to one, within one recording and one word.

An utterance's window reaches from its first sample to `TOLERANCE_S` after its last; a candidate lies in it if the end
of the word, as stage 1 sees it, does. Of all ways to pair wakes with utterances the one with most pairs is taken: each
wake, in order of time, goes to the open window that closes first (for intervals and points that is a maximum
matching). A wake that finds no window is a false accept, an utterance that finds no wake is missed, and so a second
wake on one utterance is a false accept.

    second        0    1    2    3    4    5
    utterances         |--comp--|     |--comp--|
    wakes                   ^   ^                  -> hit, false accept, miss
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TOLERANCE_S = 0.7  # chosen: stage 1 places a word's end up to half a second late in noise (docs/eval.md)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch in which a word's candidates belong to it, in seconds, both ends inclusive."""

    start_s: float
    end_s: float  # of the word; the tolerance comes on top

    def holds(self, time_s: float) -> bool:
        """Is a candidate here?"""
        return self.start_s <= time_s <= self.end_s + TOLERANCE_S


def pair(windows: Sequence[Window], times_s: Sequence[float]) -> list[int | None]:
    """For each time the number of the window that it is paired with; as many pairs as can be, earlier times first."""
    free = sorted(range(len(windows)), key=lambda number: windows[number].end_s)
    found: list[int | None] = [None] * len(times_s)
    for place in sorted(range(len(times_s)), key=lambda number: times_s[number]):
        number = next((number for number in free if windows[number].holds(times_s[place])), None)
        if number is not None:
            free.remove(number)
            found[place] = number
    return found


def lies_in(windows: Sequence[Window], time_s: float) -> int | None:
    """The window in which a time lies; of several, the one whose word ends nearest."""
    inside = [number for number, window in enumerate(windows) if window.holds(time_s)]
    return min(inside, key=lambda number: abs(windows[number].end_s - time_s), default=None)
