"""A sound device -> samples at 16 kHz. Through PortAudio's reads, never its callback: a Python callback needs memory
that is writable and executable, which the walls forbid.

Nothing here waits. PortAudio's own waiting read hangs for ever on some dead devices, spins on others, and wakes up ten
times as often as is needed; so who listens sleeps by the clock and takes what has come meanwhile. What ails a device is
judged in `health.py`, and what is done about it in `ear.py`.
"""

from __future__ import annotations

import ctypes.util
import importlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.errors import SourceError
from wakeword.events import RATE_HZ
from wakeword.source.convert import Converter, check_form

Int16 = npt.NDArray[np.int16]

# What the device keeps for us. It delivers a quarter of that at a time, so that twice as much would delay a wake; and
# PortAudio's own idea of a high latency, 35 ms, costs 160 wakings a second (measured through PulseAudio).
BUFFER_S = 0.64
LOOK_S = 0.02  # between two looks of `read_for`
_CARD = re.compile(r"\(hw:(\d+),(\d+)\)")


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device that can be listened to."""

    index: int  # PortAudio's, of this moment
    name: str  # with a sound card's id in place of its number, which changes at boot: "USB Audio: - (hw:Device,0)"
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
            name=_by_id(str(device["name"])),
            host=hosts[device["hostapi"]],
            channels=int(device["max_input_channels"]),
            rate_hz=round(device["default_samplerate"]),
            default=index in chosen,
        )
        for index, device in enumerate(sounddevice.query_devices())
        if device["max_input_channels"] > 0
    ]


def find(name: str) -> Device:
    """The device of this name, or unique part of a name; "" is the default one.

    Raises `SourceError` with the list of those that exist. A number is refused: it means another device after a boot.
    """
    known = devices()
    listing = "; ".join(device.name for device in known) or "none"
    hint = f"microphones: {listing}; `wakeword devices` shows them with their level"
    if not known:
        raise SourceError("no microphone was found", hint="see docs/microphone.md, or use --input FILE")
    if not name:
        return next((device for device in known if device.default), known[0])
    if name.isdecimal():
        raise SourceError(f"a microphone is named, not numbered: {name} may be another one tomorrow", hint=hint)
    exact = [device for device in known if name == device.name]
    partly = [device for device in known if name.casefold() in device.name.casefold()]
    found = exact or partly
    if len(found) != 1:
        what = f"{len(found)} microphones match {name!r}" if found else f"no microphone {name!r}"
        raise SourceError(what, hint=hint)
    return found[0]


class Microphone:
    """An open sound device. `overflows` counts the times that it lost samples.

    `rate_hz` and `channels` are asked for first; a device that refuses them is opened at its own rate and converted.
    Raises `SourceError` when it cannot be opened.
    """

    def __init__(self, device: Device, rate_hz: int = RATE_HZ, channels: int = 1, channel: int | None = None) -> None:
        sounddevice, quietly = _portaudio()
        self._error: type[Exception] = sounddevice.PortAudioError
        self._quietly = quietly
        self.device = device
        self.channels = max(channels, (channel or 0) + 1)
        self.overflows = 0
        check_form(rate_hz, self.channels, channel)
        if self.channels > device.channels:
            raise SourceError(f"microphone {device.name!r} has {device.channels} channels, not {self.channels}")
        with quietly():
            self.rate_hz, self._stream = self._open(sounddevice.RawInputStream, (rate_hz, device.rate_hz))
        self._converter = Converter(self.rate_hz, self.channels, channel)

    def _open(self, stream_of: Callable[..., Any], rates_hz: tuple[int, ...]) -> tuple[int, Any]:
        """The first rate that the device takes, and the running stream."""
        refused: Exception | None = None
        for rate_hz in dict.fromkeys(rates_hz):
            form = {"samplerate": rate_hz, "channels": self.channels, "dtype": "int16", "latency": BUFFER_S}
            try:
                stream = stream_of(device=self.device.index, **form)
                stream.start()
                return rate_hz, stream
            except self._error as error:
                refused = error
        raise SourceError(f"microphone {self.device.name!r} cannot be opened: {_words(refused)}") from refused

    def available(self) -> int:
        """Samples, at the device's rate, that can be taken now. Raises `SourceError` when the device is gone."""
        try:
            return int(self._stream.read_available)
        except self._error as error:
            raise SourceError(f"microphone {self.device.name!r} is gone: {_words(error)}") from error

    def take(self, count: int) -> Int16:
        """`count` of the available samples, at 16 kHz. Raises `SourceError` when the device is gone."""
        try:
            samples, overflowed = self._stream.read(count)
        except self._error as error:
            raise SourceError(f"microphone {self.device.name!r} is gone: {_words(error)}") from error
        self.overflows += bool(overflowed)
        return self._converter.push(np.frombuffer(samples, "<i2").reshape(-1, self.channels).astype(np.int16))

    def read_for(self, seconds: float) -> Int16:
        """What arrives in this time: for a display of its level."""
        until, heard = time.monotonic() + seconds, [np.zeros(0, np.int16)]
        while time.monotonic() < until:
            if ready := self.available():
                heard.append(self.take(ready))
            time.sleep(LOOK_S)
        return np.concatenate(heard)

    def close(self) -> None:
        """Close the device itself: no sample is taken after this. May be called again."""
        with self._quietly():
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)


def reread_devices() -> None:
    """Let PortAudio look at the machine again: it lists devices only once. All streams must be closed."""
    sounddevice, quietly = _portaudio()
    with quietly():
        sounddevice._terminate()  # its only way; documented by its author for this use
        sounddevice._initialize()


def _portaudio() -> tuple[Any, Callable[[], Any]]:  # Any: sounddevice has no types
    try:
        with _stderr_silenced(), _found_without_a_program():
            sounddevice = importlib.import_module("sounddevice")  # PortAudio starts: not before it is used
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


def _by_id(name: str) -> str:
    """PortAudio's name of a card's device, with the card's id; as it is where the kernel tells no id."""
    found = _CARD.search(name)
    if not found:
        return name
    try:
        card = Path(f"/proc/asound/card{found[1]}/id").read_text(encoding="ascii").strip()
    except OSError:
        return name
    return name.replace(found[0], f"(hw:{card},{found[2]})")


def _words(error: Exception | None) -> str:
    return str(error.args[0]) if error and error.args else str(error)
