"""A microphone that is watched, and found again: what the listening process holds instead of a bare device.

`read` never waits and never fails: it gives what has come, nothing while there is no microphone. What is wrong is told
once when it begins and once when it is over, and each ends with a stream opened afresh, so that no sound from before it
is heard after it:

    unplugged   the device is gone: closed, and looked for by name until it is there again
    stolen      the server moved the stream to another source: closed at once, and looked for as above
    stalled     no samples and no error: waited for; opened afresh when they come, and now and then while they do not
    rate        another pace than promised: opened afresh
    zeros       one value over and over: waited for, and now and then opened afresh
    clipping    told, no more: lower the gain

Two things cannot be mended from inside, and end the process, for another to be started: a call into PortAudio that
never returns (the watchdog sees it), and a sound server that has ended (PortAudio would not return from closing).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from wakeword.errors import SourceError
from wakeword.events import RATE_HZ
from wakeword.notices import Ailment
from wakeword.settings import SourceSettings
from wakeword.source.health import CLIPPING_SHARE, CLIPPING_WINDOW_S, CONSTANT_SAMPLES, RATE_WINDOW_S, STALLED_S, Health
from wakeword.source.microphone import BUFFER_S, Microphone, find, reread_devices
from wakeword.source.seat import Place, Seat

Int16 = npt.NDArray[np.int16]

LATE_S, LOOKS = 0.02, 4  # a block that is late is looked for so often, so many times
LOOK_AGAIN_S = 0.25  # while nothing comes
SEARCH_S, SEARCH_LONG_S = 0.5, 3.0  # between two looks for a lost device: in the first minute, and later
AFRESH_S, AFRESH_LONG_S = 5.0, 300.0  # until an ailing device is opened afresh: doubled each time, up to this
NOTHING = np.zeros(0, np.int16)
DEFAULT_NAMES = ("", "default", "pulse", "pipewire")  # the system chooses: a loudspeaker's own sound is not taken

# What (None: not the microphone's fault), whether it begins or is over, in words.
Told = Callable[[Ailment | None, bool, str], None]


class Ear:
    """The configured microphone, from construction on. `told` is called from `read`."""

    def __init__(self, source: SourceSettings, told: Told) -> None:
        """Opens it. When it cannot be had now: raises `SourceError`, or with `source.wait` searches for it."""
        self.warnings: list[str] = []
        self._source, self._told = source, told
        self._microphone: Microphone | None = None
        self._ails: Ailment | None = None
        self._next_try_s, self._patience_s, self._lost_s = 0.0, AFRESH_S, 0.0
        self._clips = False
        self._opened_s = self._taken_s = self._turned_s = 0.0  # the stream; its last samples; the last look
        self._looks, self._stood_still = 0, False
        self._home = ""  # the source of the sound server that the configured name led to
        try:
            self._open(time.monotonic())
        except SourceError as error:
            if not source.wait:
                raise
            self._begin(Ailment.UNPLUGGED, str(error), time.monotonic())

    @property
    def well(self) -> bool:
        """Sound comes from the microphone that was asked for."""
        return self._ails is None

    @property
    def searching(self) -> bool:
        """There is no device now, and it is being looked for."""
        return self._microphone is None

    def due_s(self, samples: int) -> float:
        """When so many samples at 16 kHz should have come, on the monotonic clock."""
        if self._microphone is None or self._ails is Ailment.STALLED:
            return time.monotonic() + LOOK_AGAIN_S
        if self._looks:
            return time.monotonic() + LATE_S
        return self._taken_s + samples / RATE_HZ

    def read(self, samples: int) -> Int16:
        """All that has come, or nothing: not yet `samples` of them, or no microphone.

        Raises `SourceError` when the sound server has ended; then not even `close` may be called.
        """
        now_s = time.monotonic()
        if self._microphone is None:
            self._search(now_s)
            return NOTHING
        try:
            place = self._seat.moved()
        except SourceError as error:
            self._begin(Ailment.UNPLUGGED, str(error), now_s)
            raise
        if place:
            self._lose(Ailment.STOLEN, f"the sound server moved the stream to {place.name!r}", now_s)
            return NOTHING
        if now_s - self._turned_s > BUFFER_S and self._ails is None:
            held_up = f"this process was held up for {now_s - self._turned_s:.1f} s: the device has overrun"
            self._told(None, True, f"{held_up}, and is opened afresh")
            self._afresh(now_s)
            return NOTHING
        try:
            count = self._ready(self._microphone, samples, now_s)
            block = self._microphone.take(count) if count else NOTHING
        except SourceError as error:
            self._lose(Ailment.UNPLUGGED, str(error), now_s)
            return NOTHING
        return self._judged(count, block, now_s)

    def close(self) -> None:
        """Close the device: no sample is taken after this."""
        if self._microphone:
            self._microphone.close()
            self._seat.close()
        self._microphone = None

    def _ready(self, microphone: Microphone, samples: int, now_s: float) -> int:
        """How many to take now; 0 to look again a little later, when they should be there any moment."""
        self._turned_s = now_s
        count = microphone.available()
        enough = (samples / RATE_HZ - LATE_S) * microphone.rate_hz
        if count < enough and self._looks < LOOKS:
            self._looks += 1
            return 0
        self._looks = 0
        if count:
            self._taken_s = now_s
        return count

    def _judged(self, count: int, block: Int16, now_s: float) -> Int16:
        """The block, if it may be heard; what ails the device is told, and mended where that is possible."""
        found = self._health.check(now_s, count, block)
        self._clip(clips=Ailment.CLIPPING in found)
        worst = next((ailment for ailment in found if ailment is not Ailment.CLIPPING), None)
        if self._stood_still and count:
            self._afresh(now_s)  # what comes first was kept by the server meanwhile, and is old
            return NOTHING
        self._stood_still = worst is Ailment.STALLED
        if worst is None:
            if self._ails and self._mended(block, now_s):
                self._recovered()
            return block
        if self._ails is None:
            self._begin(worst, self._words(worst), now_s)
        if now_s >= self._next_try_s:
            self._afresh(now_s)
            return NOTHING
        return block

    def _mended(self, block: Int16, now_s: float) -> bool:
        """What ailed the stream before does not ail this one: for that it must have been heard for long enough."""
        if self._ails is Ailment.RATE:
            return now_s - self._opened_s > RATE_WINDOW_S
        return len(block) > 0 and (self._ails is not Ailment.ZEROS or block.min() != block.max())

    def _afresh(self, now_s: float) -> None:
        """Close and open again; the time until the next attempt is doubled."""
        self.close()
        self._patience_s = min(2 * self._patience_s, AFRESH_LONG_S)
        self._next_try_s = now_s
        self._search(now_s)

    def _lose(self, ailment: Ailment, what: str, now_s: float) -> None:
        self.close()
        self._begin(ailment, what, now_s)
        self._next_try_s = now_s
        self._search(now_s)

    def _begin(self, ailment: Ailment, what: str, now_s: float) -> None:
        self._ails, self._lost_s = ailment, now_s
        self._patience_s = AFRESH_S
        self._next_try_s = now_s if ailment is Ailment.RATE else now_s + self._patience_s
        self._told(ailment, True, what)

    def _recovered(self) -> None:
        ailment, self._ails = self._ails, None
        if ailment:
            place = f" from {self._seat.home.name!r}" if self._seat.home else ""
            gone_s = time.monotonic() - self._lost_s
            self._told(ailment, False, f"the microphone is heard again{place} after {gone_s:.1f} s")

    def _clip(self, *, clips: bool) -> None:
        if clips != self._clips:
            self._clips = clips
            share = f"{CLIPPING_SHARE:.0%} of the samples of {CLIPPING_WINDOW_S:.0f} s"
            self._told(Ailment.CLIPPING, clips, f"{share} are at full scale: lower the gain" if clips else "no more")

    def _search(self, now_s: float) -> None:
        """Look for the device, if it is time to."""
        if now_s < self._next_try_s:
            return
        try:
            reread_devices()
            self._open(now_s)
        except SourceError as error:
            if self._ails is None:  # it was only to be opened afresh
                self._begin(Ailment.UNPLUGGED, str(error), now_s)
            self._next_try_s = now_s + (SEARCH_S if now_s - self._lost_s < 60 else SEARCH_LONG_S)

    def _open(self, now_s: float) -> None:
        """Open the device and see on which source it sits. Raises `SourceError`."""
        source = self._source
        microphone = Microphone(find(source.name), source.rate_hz, source.channels, source.channel)
        seat = Seat()
        if seat.home and not self._acceptable(seat.home):
            microphone.close()
            seat.close()
            raise SourceError(f"the sound server gives {seat.home.name!r} instead of {self._home or 'a microphone'!r}")
        self._home = seat.home.name if seat.home else ""
        self._microphone, self._seat = microphone, seat
        self._health = Health(now_s, microphone.rate_hz)
        self._opened_s = self._taken_s = self._turned_s = time.monotonic()
        self._looks, self._stood_still = 0, False
        self._next_try_s = now_s + self._patience_s

    def _acceptable(self, place: Place) -> bool:
        """The system's choice may change, but not to a loudspeaker's own sound; a named one may not change at all."""
        if self._source.name in DEFAULT_NAMES:
            return not place.monitor
        return self._home in ("", place.name)

    def _words(self, ailment: Ailment) -> str:
        promised = self._microphone.rate_hz if self._microphone else 0
        return {
            Ailment.STALLED: f"the microphone has delivered nothing for {STALLED_S:.0f} s",
            Ailment.RATE: f"the microphone delivers {self._health.pace_hz():.0f} samples a second, not {promised}",
            Ailment.ZEROS: f"the microphone has delivered one value for {CONSTANT_SAMPLES / RATE_HZ:.0f} s: "
            "muted at itself, or dead",
        }[ailment]


class Watchdog:
    """Ends a process whose loop no longer turns: from a thread of its own, since the loop's may hang in a library.

    `turns()` counts the loop's turns; `stuck()` is called once, when it has not moved for `STUCK_CHECKS` looks, one a
    second. Looks are counted, not the clock: a process that was stopped itself is given time to go on.
    """

    STUCK_CHECKS = 6  # chosen: longer than any call into a sound server that answers

    def __init__(self, turns: Callable[[], int], stuck: Callable[[], object]) -> None:
        self._turns, self._stuck = turns, stuck
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Cease to watch."""
        self._over.set()

    def _watch(self) -> None:
        last, still = -1, 0
        while not self._over.wait(1.0):
            turns = self._turns()
            last, still = turns, still + 1 if turns == last else 0
            if still >= self.STUCK_CHECKS:
                self._stuck()
                return
