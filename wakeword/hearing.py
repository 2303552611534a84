"""listen's loop: read a block, hear it (`listener.py`), take the gate's answers.

A second thread watches the clock: a device that hangs, spins or runs at a wrong rate ends the process, since none of
these can be mended from inside. A recording is played in real time; when it need not be (`paced` is false) it is read
at once, but for sessions: the gate passes no more than real time allows.

Mute closes the source; nothing is read and thrown away. What was heard before is gone from the ring after it: as much
silence goes through the pipeline as the ring holds.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from wakeword.errors import UNREADABLE
from wakeword.events import RATE_HZ
from wakeword.listener import Listener
from wakeword.model import Point, load, set_digest
from wakeword.notices import Notice
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.settings import ListenSettings, SourceSettings
from wakeword.source.level import Unchanged
from wakeword.source.microphone import Microphone, Watchdog, find, reread_devices
from wakeword.source.stdin import StdinSource
from wakeword.statusline import StatusLines
from wakeword.togate import ToGate

Int16 = npt.NDArray[np.int16]

BLOCK_SAMPLES = UNIT_SAMPLES  # 80 ms
MUTE_CHECK_S = 0.25
LAST_WORDS_S = 2.0  # for what still waits for the gate at the end
DEAD_AFTER_SAMPLES = 5 * RATE_HZ  # chosen: no room is so quiet that int16 does not move for 5 s


class Feed(Protocol):
    """A source that is open."""

    warnings: list[str]

    def read(self) -> Int16 | None:
        """The next samples; None at the end."""

    def close(self) -> None:
        """No sample is taken after this."""


class Hearing:
    """The process's state besides what `Listener` holds."""

    def __init__(self, settings: ListenSettings, status: StatusLines) -> None:
        """Loads the models; opens no source yet. Raises `WakewordError`."""
        self._settings, self._status = settings, status
        self._stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._parent = os.getppid()
        self._gate = ToGate(settings.to_gate, settings.from_gate)
        models = [load(word.model) for word in settings.words]
        points = [Point(word.threshold_stage1, word.threshold_stage2) for word in settings.words]
        stage1 = set_digest([model.stage1_sha256 for model in models])
        stage2 = set_digest([model.stage2_sha256 for model in models])
        self._detector = Detector(models, points)
        self._listener = Listener(
            self._detector, self._gate, status, settings.session, (bytes.fromhex(stage1), bytes.fromhex(stage2))
        )

    def tell(self, notice: Notice) -> None:
        """Tell the gate, before `run`, what it writes down: which walls stand."""
        self._gate.send(notice)

    def run(self) -> None:
        """Until SIGTERM, the end of the sound, or the end of whoever started us. Raises `WakewordError` for a fault."""
        ended, again = False, False
        while not ended and not self._over():
            if self._muted():
                self._wait_muted()
                continue
            feed = open_feed(self._settings.source, self._fault, again=again)
            again = True
            try:
                ended = self._hear(feed)
            finally:
                feed.close()
            for warning in feed.warnings:
                self._status.write("warning", what=warning)
        if ended:
            self._listener.end_sound()
        self._listener.end_session()
        self._listener.tick(last=True)
        self._gate.flush(LAST_WORDS_S)
        self._status.write("ended", at_s=round(self._detector.heard / RATE_HZ, 2))

    def _hear(self, feed: Feed) -> bool:
        """True when the sound has ended, False when it is to be closed."""
        source, unmoved, pace = self._settings.source, _Unmoved(self._status), _Pace()
        self._status.write("listening", source=source.name or source.kind)
        for block in blocks(feed):
            arrived_s = time.monotonic()
            if source.kind == "device":
                unmoved.push(block)
            elif source.paced or self._listener.in_session:
                arrived_s = self._wait_until(pace.due_s(len(block)))
            else:
                pace = _Pace()
            self._listener.hear(block, arrived_s)
            self._take_answers(0.0)
            if self._over() or (source.kind == "device" and self._muted()):
                return False
            if self._muted():  # a recording waits where it is
                self._wait_muted()
                pace = _Pace()
        return True

    def _wait_until(self, due_s: float) -> float:
        """Take the gate's answers until then; returns when the block may count as heard."""
        while (left := due_s - time.monotonic()) > 0 and not self._stopping:
            self._take_answers(left)
        return time.monotonic()

    def _take_answers(self, patience_s: float) -> None:
        for answer in self._gate.answers(patience_s):
            self._listener.answer(answer)
        self._gate.flush(0.0)

    def _muted(self) -> bool:
        return bool(self._settings.mute_file) and os.path.exists(self._settings.mute_file)  # noqa: PTH110  # every block: Path takes 5 x as long

    def _wait_muted(self) -> None:
        """The source is closed. Ticks go on: they say that nothing was heard."""
        self._listener.forget()
        self._status.write("mute", on=True)
        while self._muted() and not self._over():
            self._take_answers(MUTE_CHECK_S)
            self._listener.tick()
        if not self._stopping:
            self._status.write("mute", on=False)

    def _over(self) -> bool:
        """Asked to stop, or whoever started us has died: then nobody would stop us."""
        return self._stopping or os.getppid() != self._parent

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _fault(self, what: str) -> None:
        """Called by the watchdog's thread, while the loop's may hang for ever: end the process, not the thread."""
        self._status.write("fault", what=what)
        os.write(2, f"wakeword.listen: {what}\n".encode())
        os._exit(UNREADABLE)


def open_feed(source: SourceSettings, fault: Callable[[str], object], *, again: bool = False) -> Feed:
    """Open what the settings name. `again`: the machine's devices may have changed. Raises `SourceError`."""
    if source.kind == "stdin":
        return StdinSource(sys.stdin.fileno(), source.rate_hz, source.channels, source.channel)
    if source.kind == "file":
        module = importlib.import_module("wakeword.source.file")  # soundfile: not in the microphone's process
        feed: Feed = module.FileSource(source.name, source.channel)
        return feed
    if again:
        reread_devices()
    return _Watched(Microphone(find(source.name), source.rate_hz, source.channels, source.channel), fault)


def blocks(feed: Feed) -> Iterator[Int16]:
    """The feed's samples in blocks of 80 ms; the last may be shorter, and an empty one says that nothing has come."""
    held = np.zeros(0, np.int16)
    while (samples := feed.read()) is not None:
        held = np.concatenate([held, samples])
        whole = len(held) - len(held) % BLOCK_SAMPLES
        if not whole:
            yield held[:0]
        for at in range(0, whole, BLOCK_SAMPLES):
            yield held[at : at + BLOCK_SAMPLES]
        held = held[whole:]
    if len(held):
        yield held


class _Watched:
    """A microphone with its watchdog."""

    def __init__(self, microphone: Microphone, fault: Callable[[str], object]) -> None:
        self.warnings: list[str] = []
        self._microphone = microphone
        self._watchdog = Watchdog(lambda: microphone.delivered, microphone.rate_hz, fault)
        self._watchdog.start()

    def read(self) -> Int16:
        return self._microphone.read()

    def close(self) -> None:
        self._watchdog.stop()
        self._microphone.close()


class _Pace:
    """Real time for what has no clock of its own, from the first block on."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._samples = 0

    def due_s(self, samples: int) -> float:
        """When the last of these further samples would have been heard."""
        self._samples += samples
        return self._began_s + self._samples / RATE_HZ


class _Unmoved:
    """Says once when a microphone's samples cease to change, and once when they move again."""

    def __init__(self, status: StatusLines) -> None:
        self._status, self._run, self._dead = status, Unchanged(), False

    def push(self, block: Int16) -> None:
        dead = self._run.push(block) >= DEAD_AFTER_SAMPLES
        if dead and not self._dead:
            self._status.write("fault", what="the microphone delivers one constant value: muted at itself, or dead")
        elif self._dead and not dead:
            self._status.write("warning", what="the microphone delivers sound again")
        self._dead = dead
