"""Standard input -> blocks at 16 kHz: raw 16-bit samples of a stated rate and width, or a WAV stream.

A WAV header is recognised and believed for its format only: a recorder that writes to a pipe cannot know its length,
so the samples go on until the input ends. soundfile needs a file to seek in; hence a parser of our own, for the formats
that recorders put on pipes (16-bit, 32-bit and float samples).
"""

from __future__ import annotations

import os
import select
import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wakeword.errors import SourceError
from wakeword.source.convert import Converter, check_form

Int16 = npt.NDArray[np.int16]

BLOCK_S = 0.08
PATIENCE_S = 0.25  # chosen: whoever reads here has other things to do, such as to end
_WHERE = "standard input"
_LONGEST_HEADER = 1 << 20  # chosen: pictures and lists before the sound may be large, but not endless


class _Form(NamedTuple):
    rate_hz: int
    channels: int
    dtype: str  # of one sample, little-endian


class StdinSource:
    """Samples from a descriptor. `warnings` grow as it is read. Raises `SourceError` for a WAV that it cannot take."""

    def __init__(self, descriptor: int, rate_hz: int = 16_000, channels: int = 1, channel: int | None = None) -> None:
        check_form(rate_hz, channels, channel)
        self.warnings: list[str] = []
        self._descriptor, self._channel = descriptor, channel
        self._raw = _Form(rate_hz, channels, "<i2")
        self._form: _Form | None = None  # known when the first bytes have come
        self._held = b""
        self._ended = False

    def read(self) -> Int16 | None:
        """About 80 ms of sound; none when the input pauses for `PATIENCE_S`; None at its end."""
        if self._ended:
            return None
        if not select.select([self._descriptor], [], [], PATIENCE_S)[0]:
            return np.zeros(0, np.int16)
        if self._form is None:
            self._begin()
        received = os.read(self._descriptor, self._block_bytes - len(self._held))
        self._held += received
        if received and len(self._held) < self._block_bytes:
            return np.zeros(0, np.int16)
        held, self._held = self._held, b""
        return self._converter.push(self._samples(held)) if received else self._finish(held)

    def _begin(self) -> None:
        """The first bytes are here: raw samples, or a header, which no writer holds back in part."""
        self._held = self._exactly(4)
        self._form = form = self._wav_header() if self._held == b"RIFF" else self._raw
        self._converter = Converter(form.rate_hz, form.channels, self._channel)
        self._sample_bytes = np.dtype(form.dtype).itemsize * form.channels
        self._block_bytes = max(1, round(BLOCK_S * form.rate_hz)) * self._sample_bytes

    def _finish(self, held: bytes) -> Int16:
        self._ended = True
        over = len(held) % self._sample_bytes
        if over:
            self.warnings.append(f"{_WHERE}: {over} bytes after the last whole sample were dropped")
        converted = [self._converter.push(self._samples(held[: len(held) - over])), self._converter.finish()]
        if self._converter.not_finite:
            self.warnings.append(f"{_WHERE}: {self._converter.not_finite} samples were not finite and became 0")
        return np.concatenate(converted)

    def close(self) -> None:
        """Nothing to close: the descriptor is the caller's."""

    def _samples(self, held: bytes) -> npt.NDArray[np.int16] | npt.NDArray[np.float32]:
        form = self._form or self._raw
        samples = np.frombuffer(held, form.dtype).reshape(-1, form.channels)
        if form.dtype == "<i4":
            return samples.astype(np.float32) * np.float32(2**-31)
        return samples.astype(np.float32) if form.dtype == "<f4" else samples.astype(np.int16)

    def _exactly(self, count: int) -> bytes:
        """`count` bytes, fewer only at the end of the input."""
        pieces = bytearray()
        while len(pieces) < count and (piece := os.read(self._descriptor, count - len(pieces))):
            pieces += piece
        return bytes(pieces)

    def _wav_header(self) -> _Form:
        """Reads up to the first sample."""
        if self._exactly(8)[4:] != b"WAVE":
            raise SourceError("RIFF, but not WAVE", where=_WHERE)
        form: _Form | None = None
        passed = 12
        while passed < _LONGEST_HEADER:
            header = self._exactly(8)
            if len(header) < 8:
                raise SourceError("a WAV header that is cut off", where=_WHERE)
            name, length = header[:4], int.from_bytes(header[4:], "little")
            if name == b"data":
                if form is None:
                    raise SourceError("a WAV without a format before its samples", where=_WHERE)
                self._held = b""
                return form
            if passed + length > _LONGEST_HEADER:
                break
            content = self._exactly(length + length % 2)
            passed += 8 + len(content)
            if name == b"fmt ":
                form = _wav_form(content)
        raise SourceError("a WAV whose header does not end", where=_WHERE)


def _wav_form(content: bytes) -> _Form:
    """The `fmt ` chunk."""
    if len(content) < 16:
        raise SourceError("a WAV format that is cut off", where=_WHERE)
    tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", content)
    if tag == 0xFFFE and len(content) >= 26:  # extensible: the true tag begins the sub-format
        tag = int.from_bytes(content[24:26], "little")
    dtype = {(1, 16): "<i2", (1, 32): "<i4", (3, 32): "<f4"}.get((tag, bits))
    if dtype is None:
        raise SourceError(
            f"a WAV stream of format {tag} with {bits} bits",
            where=_WHERE,
            hint="16-bit, 32-bit or float can be streamed",
        )
    return _Form(rate_hz, channels, dtype)
