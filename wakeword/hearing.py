"""listen's loop: sleep until a block is due, take it, hear it (`listener.py`), take the gate's answers.

How long a block is decides how often the process wakes up, and a waking costs more than the work in it: 320 ms while
nobody speaks, 240 while somebody does, 80 once stage 1 half expects a word, and inside a session. The decisions are the
same for every length (`pipeline.py`); a wake is decided up to a block later than it could be.

A microphone is watched and found again by `source/ear.py`. What that cannot mend, a call into the sound library that
never returns, a second thread sees: it ends the process, and whoever started it starts another.

Mute closes the source; nothing is read and thrown away. What was heard before is gone from the ring after it: as much
silence goes through the pipeline as the ring holds.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import math
import os
import select
import signal
import sys
import time
from types import FrameType

from wakeword.daily.day import Days
from wakeword.errors import UNREADABLE
from wakeword.events import RATE_HZ
from wakeword.hold import HoldPipe
from wakeword.keep.tokeeper import ToKeeper
from wakeword.lean import give_back
from wakeword.listener import Listener
from wakeword.model import load, point_from, set_digest
from wakeword.notices import Ailment, Notice, Trouble
from wakeword.notify import Notifier
from wakeword.peers import replaced
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.settings import ListenSettings, SourceSettings
from wakeword.source.ear import Ear, Watchdog
from wakeword.source.paced import Paced
from wakeword.source.stdin import StdinSource
from wakeword.statusline import StatusLines
from wakeword.togate import GateLostError, ToGate

QUIET_SAMPLES = 4 * UNIT_SAMPLES  # shorter than any wake word: when its end is near, voice was found long before
# Measured on 120 clips, clean and at 10 dB: a wake so waits for the end of its block for 30 to 53 ms, at most 160.
# Blocks of 160 ms alone: 58 to 62, at most 120, and half as many wakings again.
TALK_SAMPLES, ALERT_SAMPLES = 3 * UNIT_SAMPLES, UNIT_SAMPLES
SESSION_SAMPLES = UNIT_SAMPLES
MUTE_CHECK_S = 0.25
LAST_WORDS_S = 2.0  # for what still waits for the gate at the end


class Hearing:
    """The process's state besides what `Listener` holds."""

    def __init__(self, settings: ListenSettings, status: StatusLines, notifier: Notifier | None = None) -> None:
        """Loads the models; opens no source yet. Raises `WakewordError`."""
        self._settings, self._status = settings, status
        self._notifier = notifier or Notifier({})
        self._stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._parent = os.getppid()
        self._gate = ToGate(settings.to_gate, settings.from_gate)
        self._hold = HoldPipe(settings.from_status)
        models = [replaced(load(word.model), word.stage1_model) for word in settings.words]
        points = [point_from(word) for word in settings.words]
        stage1 = set_digest([model.stage1_sha256 for model in models])
        stage2 = set_digest([model.stage2_sha256 for model in models])
        self._detector = Detector(models, points)
        hashes = (bytes.fromhex(stage1), bytes.fromhex(stage2))
        days = _days(settings)
        self._listener = Listener(self._detector, self._gate, status, settings.session, hashes, settings.lag_ms, days)
        self._listener.keeper = ToKeeper(settings.collect, self._gate.send, status)
        self._turns = 0  # of the loop: the watchdog looks at them
        self._heard_at_ping = -1

    def tell(self, notice: Notice) -> None:
        """Tell the gate, before `run`, what it writes down: which walls stand."""
        self._gate.send(notice)

    def run(self) -> None:
        """Until SIGTERM, the end of the sound, or the end of whoever started us. Raises `WakewordError` for a fault."""
        watchdog = Watchdog(lambda: self._turns, self._stuck)
        watchdog.start()
        ended = lean = False
        while not ended and not self._over():
            if self._muted():
                self._wait_muted()
                continue
            feed = self._open(self._settings.source)
            if isinstance(feed, Paced) or feed.well:
                self._status.write("listening", source=self._settings.source.name or self._settings.source.kind)
                self._notifier.ready("listening")
            if not lean:
                lean = True
                give_back()
            ended = self._hear(feed)
            if not self._stopping:  # the end of the process closes it too, and does not wait for a dead sound server
                feed.close()
            for warning in feed.warnings:
                self._status.write("warning", what=warning)
        self._notifier.stopping()
        if ended:
            self._listener.end_sound()
        self._listener.end_session()
        self._listener.tick(last=True)
        self._gate.flush(LAST_WORDS_S)
        self._status.write("ended", at_s=round(self._detector.heard / RATE_HZ, 2))
        watchdog.stop()

    def _hear(self, feed: Ear | Paced) -> bool:
        """True when the sound has ended, False when it is to be closed."""
        while True:
            wanted = self._block_samples()
            if isinstance(feed, Paced):
                feed.real_time = self._listener.in_session
            self._wait_until(feed.due_s(wanted))
            block = feed.read(wanted)
            if block is None:
                return True
            if len(block):
                self._listener.hear(block, time.monotonic(), feed.pace if isinstance(feed, Paced) else 1.0)
            else:
                self._listener.tick()
            self._gate.flush(0.0)
            self._turn(feed)
            if self._over() or (isinstance(feed, Ear) and self._muted()):
                return False
            if isinstance(feed, Paced) and self._muted():  # a recording waits where it is
                self._wait_muted()
                feed.resume()

    def _block_samples(self) -> int:
        """How long the next block is to be."""
        if self._listener.in_session:
            return SESSION_SAMPLES
        if not self._listener.speaking:
            return QUIET_SAMPLES
        return ALERT_SAMPLES if self._detector.alert else TALK_SAMPLES

    def _open(self, source: SourceSettings) -> Ear | Paced:
        """Open what the settings name. Raises `SourceError`."""
        speed = source.speed if source.paced else math.inf
        if source.kind == "stdin":
            return Paced(StdinSource(sys.stdin.fileno(), source.rate_hz, source.channels, source.channel), speed)
        if source.kind == "file":
            module = importlib.import_module("wakeword.source.file")  # soundfile: not in the microphone's process
            return Paced(module.FileSource(source.name, source.channel), speed)
        return Ear(source, self._told)

    def _told(self, ailment: Ailment | None, begins: bool, what: str) -> None:
        """The microphone is ill, or well again: for the evidence, for whoever watches, and for the ring."""
        if ailment is None:
            self._status.write("warning", what=what)
            self._listener.forget()
            return
        self._status.write("fault" if begins else "warning", what=what, code=ailment.name.lower(), begins=begins)
        if begins:
            self._gate.send(Trouble(ailment))
            self._notifier.status(f"microphone: {what}")
        else:
            self._notifier.ready("listening")
        if begins and ailment not in (Ailment.ZEROS, Ailment.CLIPPING):
            self._listener.forget()  # what follows does not follow on what was heard

    def _turn(self, feed: Ear | Paced) -> None:
        """Once a turn: for our own watchdog, and for systemd's while there is something to be heard."""
        self._turns += 1
        if self._detector.heard != self._heard_at_ping or (isinstance(feed, Ear) and feed.searching):
            self._heard_at_ping = self._detector.heard
            self._notifier.alive()

    def _wait_until(self, due_s: float) -> None:
        """Take the gate's answers and holds until then; looks at least once."""
        while True:
            left_s = due_s - time.monotonic()
            self._look(max(0.0, left_s))
            if left_s <= 0 or self._stopping:
                return

    def _look(self, patience_s: float) -> None:
        """Take what neighbours have to say; wait for it at most so long."""
        watched = [self._settings.from_gate]
        if self._hold.descriptor is not None:
            watched.append(self._hold.descriptor)
        ready = select.select(watched, [], [], patience_s)[0]
        if self._settings.from_gate in ready:
            for answer in self._gate.answers():
                self._listener.answer(answer)
        if self._hold.descriptor in ready and (length_ms := self._hold.newest_ms()) is not None:
            self._listener.hold(length_ms)

    def _muted(self) -> bool:
        return bool(self._settings.mute_file) and os.path.exists(self._settings.mute_file)  # noqa: PTH110  # every block: Path takes 5 x as long

    def _wait_muted(self) -> None:
        """The source is closed. Ticks go on: they say that nothing was heard."""
        self._listener.forget()
        self._status.write("mute", on=True)
        self._notifier.ready("muted: the microphone is closed")
        while self._muted() and not self._over():
            self._look(MUTE_CHECK_S)
            self._listener.tick()
            self._gate.flush(0.0)
            self._turns += 1
            self._notifier.alive()
        if not self._stopping:
            self._status.write("mute", on=False)

    def _over(self) -> bool:
        """Asked to stop, or whoever started us has died: then nobody would stop us."""
        return self._stopping or os.getppid() != self._parent

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _stuck(self) -> None:
        """Called by the watchdog's thread, while the loop's may hang for ever: end the process, not the thread."""
        what = "the sound library does not return from a call: this process ends, to be started again"
        self._status.write("fault", what=what, code=Ailment.STALLED.name.lower(), begins=True)
        os.write(2, f"wakeword.listen: {what}\n".encode())
        faulthandler.dump_traceback(2, all_threads=True)  # which call: whoever reads the journal wants to know
        with contextlib.suppress(GateLostError):
            self._gate.send(Trouble(Ailment.STALLED))  # the loop's thread is not in there: it hangs elsewhere
        os._exit(UNREADABLE)


def _days(settings: ListenSettings) -> Days | None:
    """By consent alone: the noise's library is 30 MB in memory."""
    if not settings.stats_epsilon:
        return None
    mechanism = importlib.import_module("wakeword.daily.mechanism").Mechanism(settings.stats_epsilon)
    return Days(settings.stats_epsilon, mechanism.release, settings.stats_day_s)
