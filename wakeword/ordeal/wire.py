"""The same hostile neighbours as in `fuzz.py`, for the real gate: frames through real pipes into the whole process.

What to say next is drawn as there, with states in memory as a guide; each piece goes to the process too. Whatever comes
out at the uplink's end must be in the log at that moment; every few gates the whole log is verified, and each of its
wakes must be one that was said, window and all; and each gate ends by itself once its pipes are closed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import select
import signal
import sys
import tempfile
import termios
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from wakeword.evidence.device import VKEY_NAME
from wakeword.messages import Message, Wake
from wakeword.ordeal.fuzz import Episode
from wakeword.ordeal.kills import Log, forked, hold_against
from wakeword.ordeal.life import MODEL1, MODEL2, POLICY, BrokenPromiseError
from wakeword.settings import GateSettings

GATES_A_LOG = 20  # so that the quota of an hour seldom ends the talk
CLAIMED = ("I11", "I18")  # what listen says that it heard while muted, and what a meter says that it counted
PATIENCE_S = 60.0  # a gate that takes longer to read or to end hangs


class Wired(Episode):
    """One real gate, and the states in memory that say what it may be thinking."""

    def __init__(self, draw: random.Random, counts: Counter[str], log: Log, said: set[tuple[int, bytes]]) -> None:
        """`said`: id and window of each wake that was ever said in whole; grows."""
        super().__init__(draw, counts)
        self._said = said
        self._folder, self._came = log.folder, bytearray()
        pipes = [os.pipe() for _ in range(5)]
        (from_listen, to_gate), (self._from_gate, to_listen), (self._at_uplink, to_uplink), *others = pipes
        (from_uplink, uplink_says), (from_meter, meter_says) = others
        self._ends = [to_gate, uplink_says, meter_says]
        theirs = (from_listen, to_listen, to_uplink, from_uplink)
        settings = GateSettings(
            str(log.folder / "log"), str(log.folder / "device.key"), MODEL1.hex(), MODEL2.hex(), *theirs,
            from_meter=from_meter, meter="nft", mute_file=str(log.folder / "muted"), cap_bytes=POLICY.cap_b,
            cap_ms=POLICY.cap_ms, window_bytes=POLICY.win_b, sessions_per_hour=60,
        )  # fmt: skip
        self._child = forked(settings, {*self._ends, self._from_gate, self._at_uplink})
        for descriptor in (*theirs, from_meter):
            os.close(descriptor)
        for descriptor in (*self._ends, self._from_gate, self._at_uplink):
            os.set_blocking(descriptor, False)
        self.log.now[0] = _boot_ms()

    def something_happens(self) -> None:
        """Real time, and the mute switch."""
        self.log.now[0] = _boot_ms()
        if self.draw.random() < 0.01:
            self.outside.mute = not self.outside.mute
            switch = self._folder / "muted"
            switch.touch() if self.outside.mute else switch.unlink()
        self.gate.advance()

    def feed(self, pipe: int, piece: bytes) -> None:
        """To the process, and then to the guide."""
        self._write(pipe, piece)
        super().feed(pipe, piece)

    def hear(self, message: Message) -> None:
        """The guide; which wakes were said is kept."""
        if isinstance(message, Wake):
            self._said.add((message.wake_id, message.window))
        super().hear(message)

    def _write(self, pipe: int, piece: bytes) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while piece:
            self._read()
            try:
                piece = piece[os.write(self._ends[pipe], piece) :]
            except BlockingIOError:
                self._wait(until_s, [self._ends[pipe]])
            except BrokenPipeError:
                return  # it found fault, and has ended
        self._read()

    def _wait(self, until_s: float, writing: list[int]) -> None:
        if time.monotonic() > until_s:
            os.kill(self._child, signal.SIGKILL)
            raise BrokenPromiseError("the gate hangs: it neither reads nor ends")
        select.select([self._at_uplink], writing, [], 0.02)

    def _unread(self) -> int:
        """Bytes in the gate's pipes."""
        return sum(
            int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)
            for descriptor in self._ends
        )

    def _read(self) -> bool:
        """What has come by now; False at the end of the gate's pipe."""
        try:
            while received := os.read(self._at_uplink, 65_536):
                self._came += received
        except BlockingIOError:
            return True
        return False

    def end(self) -> bytes:
        """When it has read all, ask for the end and wait; what came out at the uplink's end."""
        until_s = time.monotonic() + PATIENCE_S
        while self._unread() and self._read():
            self._wait(until_s, [])
        os.kill(self._child, signal.SIGTERM)
        for descriptor in self._ends:
            os.close(descriptor)
        while self._read():
            self._wait(until_s, [])
        _, status = os.waitpid(self._child, 0)
        for descriptor in (self._from_gate, self._at_uplink):
            os.close(descriptor)
        (self._folder / "muted").unlink(missing_ok=True)
        code = os.waitstatus_to_exitcode(status)
        self.counts[f"gates that ended with {code}"] += 1
        if code not in (0, 1):
            raise BrokenPromiseError(f"a gate whose neighbours are gone ends with {code}; the log is in {self._folder}")
        return bytes(self._came)


def run(seed: int, messages: int, counts: Counter[str]) -> Iterator[int]:
    """So many messages to real gates; yields how many were said. Raises `BrokenPromiseError`."""
    done = 0
    while done < messages:
        with tempfile.TemporaryDirectory(prefix="ordeal-wire-") as name:
            log, said = Log(Path(name)), set[tuple[int, bytes]]()
            (log.folder / "log").mkdir()
            for _ in range(GATES_A_LOG):
                episode = Wired(random.Random(f"{seed}/{counts['gates']}"), counts, log, said)
                try:
                    done += episode.run()
                finally:
                    came = episode.end()
                hold_against(log, came, counts)
                counts["gates"] += 1
                yield done
                if done >= messages:
                    break
            _check(log, said, counts)


def _check(log: Log, said: set[tuple[int, bytes]], counts: Counter[str]) -> None:
    """The log holds, but for what hostile neighbours say of themselves; every wake in it was said, window and all."""
    if not (log.folder / "log" / VKEY_NAME).exists():
        return
    result = log.result()
    wrong = [f"{each.invariant} {each.where} {each.what}" for each in result.findings if each.invariant not in CLAIMED]
    known = {session.sid for session in result.sessions}
    if wrong or result.receipts_matched != result.receipts or set(log.bytes_of) - known:
        raise BrokenPromiseError(f"{wrong} {result.receipts_ignored}; the log is in {log.folder}")
    for wake in (entry.record for entry in result.entries if entry.record["k"] == "wake"):
        salt = b"wakegate-win\n" + bytes.fromhex(str(wake["a"]))
        windows = [window for wake_id, window in said if wake_id == wake["wid"]]
        if wake["win_h"] not in [hashlib.sha256(salt + window).hexdigest() for window in windows]:
            raise BrokenPromiseError(
                f"wake {wake['wid']} is in the log and was not said so; the log is in {log.folder}"
            )
    counts["findings about the neighbours"] += len(result.findings)
    counts["sessions of real gates"] += len(known)


def _boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
