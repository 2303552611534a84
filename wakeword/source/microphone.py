"""A sound device -> blocks at 16 kHz. Blocking reads through PortAudio, never its callback: a Python callback needs
memory that is writable and executable, which the walls forbid.

A dead microphone rarely says so: a read may hang for ever, spin, or go on with zeros. So a `Watchdog` in a second
thread compares what was delivered with the monotonic clock, and what it finds cannot be mended here: the process ends
and says why (`listen.py`). Constant samples are reported and not fatal: a hardware mute switch gives just that.

Not seen from here: PulseAudio may move a stream to another source when its own is unplugged. PortAudio is not told.
"""

from __future__ import annotations

import ctypes.util
import importlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.errors import SourceError
from wakeword.events import RATE_HZ
from wakeword.source.convert import Converter, check_form

Int16 = npt.NDArray[np.int16]

BLOCK_S = 0.08  # one unit of the pipeline
STALLED_CHECKS = 5  # chosen: seconds without a sample before the device counts as dead
RATE_WINDOW_S = 10  # chosen: over this long the device's rate must be right ...
SLOWEST, FASTEST = 0.5, 1.5  # ... within these factors; a backlog after a stall of 3 s stays inside


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device that can be listened to."""

    index: int
    name: str
    host: str  # PortAudio's host API, as "ALSA"
    channels: int
    rate_hz: int  # its own preference
    default: bool


def devices() -> list[Device]:
    """All input devices, in PortAudio's order. Raises `SourceError` when PortAudio is missing."""
    sounddevice, _ = _portaudio()
    hosts = [str(host["name"]) for host in sounddevice.query_hostapis()]
    chosen = {host["default_input_device"] for host in sounddevice.query_hostapis()[:1]}
    return [
        Device(
            index=index,
            name=str(device["name"]),
            host=hosts[device["hostapi"]],
            channels=int(device["max_input_channels"]),
            rate_hz=round(device["default_samplerate"]),
            default=index in chosen,
        )
        for index, device in enumerate(sounddevice.query_devices())
        if device["max_input_channels"] > 0
    ]


def find(name: str) -> Device:
    """The device of this index, name, or unique part of a name; "" is the default one.

    Raises `SourceError` with the list of those that exist.
    """
    known = devices()
    listing = "; ".join(f"{device.index} {device.name}" for device in known) or "none"
    hint = f"microphones: {listing}; `wakeword devices` shows them with their level"
    if not known:
        raise SourceError("no microphone was found", hint="see docs/microphone.md, or use --input FILE")
    if not name:
        return next((device for device in known if device.default), known[0])
    exact = [device for device in known if name in (str(device.index), device.name)]
    partly = [device for device in known if name.casefold() in device.name.casefold()]
    found = exact or partly
    if len(found) != 1:
        what = f"{len(found)} microphones match {name!r}" if found else f"no microphone {name!r}"
        raise SourceError(what, hint=hint)
    return found[0]


class Microphone:
    """An open sound device. `delivered` counts its samples, `overflows` the times that it lost some.

    `rate_hz` and `channels` are asked for first; a device that refuses them is opened at its own rate and converted.
    Raises `SourceError` when it cannot be opened.
    """

    def __init__(self, device: Device, rate_hz: int = RATE_HZ, channels: int = 1, channel: int | None = None) -> None:
        sounddevice, quietly = _portaudio()
        self._error: type[Exception] = sounddevice.PortAudioError
        self.device = device
        self.channels = max(channels, (channel or 0) + 1)
        self.delivered = 0
        self.overflows = 0
        check_form(rate_hz, self.channels, channel)
        if self.channels > device.channels:
            raise SourceError(f"microphone {device.name!r} has {device.channels} channels, not {self.channels}")
        with quietly():
            self.rate_hz, self._stream = self._open(sounddevice.RawInputStream, (rate_hz, device.rate_hz))
        self._converter = Converter(self.rate_hz, self.channels, channel)
        self._block = round(BLOCK_S * self.rate_hz)

    def _open(self, stream_of: Callable[..., Any], rates_hz: tuple[int, ...]) -> tuple[int, Any]:
        """The first rate that the device takes, and the running stream."""
        refused: Exception | None = None
        for rate_hz in dict.fromkeys(rates_hz):
            form = {"samplerate": rate_hz, "channels": self.channels, "dtype": "int16", "latency": "high"}
            try:
                stream = stream_of(device=self.device.index, **form)
                stream.start()
                return rate_hz, stream
            except self._error as error:
                refused = error
        raise SourceError(f"microphone {self.device.name!r} cannot be opened: {_words(refused)}") from refused

    def read(self) -> Int16:
        """The next block of about 80 ms; waits for it. Raises `SourceError` when the device is gone."""
        return self._take(self._block)

    def read_for(self, seconds: float) -> Int16:
        """What arrives in this time, never waiting inside PortAudio: a display must not hang on a dead device."""
        until, heard = time.monotonic() + seconds, []
        while time.monotonic() < until:
            ready = self._available()
            heard.append(self._take(ready) if ready else np.zeros(0, np.int16))
            time.sleep(BLOCK_S / 4)
        return np.concatenate(heard)

    def close(self) -> None:
        """Close the device itself: no sample is taken after this. May be called again."""
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)

    def _take(self, count: int) -> Int16:
        try:
            samples, overflowed = self._stream.read(count)
        except self._error as error:
            raise SourceError(f"microphone {self.device.name!r} is gone: {_words(error)}") from error
        self.delivered += count
        self.overflows += bool(overflowed)
        return self._converter.push(np.frombuffer(samples, "<i2").reshape(-1, self.channels).astype(np.int16))

    def _available(self) -> int:
        try:
            return int(self._stream.read_available)
        except self._error as error:
            raise SourceError(f"microphone {self.device.name!r} is gone: {_words(error)}") from error


class Watchdog:
    """Compares what a device delivers with the clock, once a second, in a thread of its own.

    `delivered()` is the count of samples so far; `fault(text)` is called once, from that thread, and should not return.
    """

    def __init__(self, delivered: Callable[[], int], rate_hz: int, fault: Callable[[str], object]) -> None:
        self._delivered, self._rate_hz, self._fault = delivered, rate_hz, fault
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Cease to watch, as before closing the device on purpose."""
        self._over.set()

    def _watch(self) -> None:
        pulse = Pulse(self._rate_hz)
        while not self._over.wait(1.0):
            wrong = pulse.check(time.monotonic(), self._delivered())
            if wrong and not self._over.is_set():
                self._fault(wrong)
                return


class Pulse:
    """The watchdog's judgement, without its clock and thread: called about once a second."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._past: deque[tuple[float, int]] = deque(maxlen=RATE_WINDOW_S + 1)
        self._still = 0

    def check(self, now_s: float, delivered: int) -> str:
        """What is wrong, or "". A process that was stopped itself is given time to catch up: checks are counted."""
        self._still = self._still + 1 if self._past and self._past[-1][1] == delivered else 0
        self._past.append((now_s, delivered))
        if self._still >= STALLED_CHECKS:
            return f"the microphone delivered nothing for {STALLED_CHECKS} s"
        if len(self._past) < RATE_WINDOW_S + 1:
            return ""
        since_s, before = self._past[0]
        rate = (delivered - before) / max(now_s - since_s, 1e-3)
        if not SLOWEST * self._rate_hz <= rate <= FASTEST * self._rate_hz:
            return f"the microphone delivers {rate:.0f} samples a second instead of {self._rate_hz}"
        return ""


def reread_devices() -> None:
    """Let PortAudio look at the machine again: it lists devices only once. All streams must be closed."""
    sounddevice, quietly = _portaudio()
    with quietly():
        sounddevice._terminate()  # its only way; documented by its author for this use
        sounddevice._initialize()


def _portaudio() -> tuple[Any, Callable[[], Any]]:  # Any: sounddevice has no types
    try:
        with _stderr_silenced(), _found_without_a_program():
            sounddevice = importlib.import_module(
                "sounddevice"
            )  # PortAudio starts here: not before a microphone is used
    except OSError as error:
        raise SourceError(f"PortAudio cannot be loaded: {error}", hint="apt-get install libportaudio2") from error
    return sounddevice, _stderr_silenced


@contextmanager
def _found_without_a_program() -> Iterator[None]:
    """To find a library, ctypes runs ldconfig or a compiler; behind the walls no program can be run."""
    asked = ctypes.util.find_library
    ctypes.util.find_library = lambda name: f"lib{name}.so.2"  # Debian's PortAudio has been version 2 since 2007
    try:
        yield
    finally:
        ctypes.util.find_library = asked


@contextmanager
def _stderr_silenced() -> Iterator[None]:
    """ALSA writes a page of complaints about devices nobody asked for to descriptor 2; errors come as exceptions."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _words(error: Exception | None) -> str:
    return str(error.args[0]) if error and error.args else str(error)
