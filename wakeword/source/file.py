"""A recording -> blocks at 16 kHz: WAV, FLAC, OGG, Opus, MP3 and what else libsndfile reads.

A block at a time, so that a recording of hours takes no more memory than one of seconds, and no more than it really
holds, whatever its header claims. What can be read is read: a recording that was cut off ends early with a warning; one
that cannot be read is a `SourceError` that names the file and the reason. soundfile is loaded here and nowhere in the
microphone's path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.errors import SourceError, in_words
from wakeword.source.convert import Converter

Int16 = npt.NDArray[np.int16]

_LAST_STEPS = 64  # chosen: samples at a time from the block on that holds damage
BLOCK_S = 1.0  # of sound in one block unless another length is asked for
_AS_INT16 = {"PCM_16", "PCM_S8"}  # narrower than float32 and exact in int16; all else is read as float32
_REASONS = {  # libsndfile's words -> ours
    "Format not recognised.": "not a sound file (no known format)",
    "Error in WAV file. No 'data' chunk marker.": "broken WAV: header cut off, or a chunk longer than the file",
}
_CLAIM = re.compile(r"^data\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)  # libsndfile's log of what it parsed


class FileSource:
    """A recording, in blocks of int16 at 16 kHz. A context manager and an iterator; `warnings` grow as it is read.

    `channel`, counted from 0, takes one channel; None mixes (`convert.py`). Raises `SourceError` when it
    cannot be read.
    """

    def __init__(self, path: str | Path, channel: int | None = None, block_s: float = BLOCK_S) -> None:
        self.path = Path(path)
        self.warnings: list[str] = []
        self._file = _open(self.path)
        try:
            self._converter = Converter(self._file.samplerate, self._file.channels, channel)
        except SourceError as error:
            self._file.close()
            raise SourceError(error.what, where=str(self.path), hint=error.hint) from error
        self._dtype = "int16" if self._file.subtype in _AS_INT16 else "float32"
        self._block = max(1, round(block_s * self._file.samplerate))
        self._read = 0
        self._ended = False
        claim = _CLAIM.search(self._file.extra_info)
        if claim:
            self._warn(f"cut off: its header claims {claim[1]} bytes of sound, {claim[2]} are there")

    @property
    def duration_s(self) -> float:
        """What the file claims to hold, in seconds; what is read decides."""
        return float(self._file.frames / self._file.samplerate)

    def read(self) -> Int16 | None:
        """The next block, shorter or empty where the resampler holds back; None after the last."""
        if self._ended:
            return None
        samples = self._next()
        if len(samples):
            self._read += len(samples)
            return self._converter.push(samples)
        self._ended = True
        last = self._converter.finish()
        self._last_warnings()
        return last

    def close(self) -> None:
        """Close the file. May be called again."""
        self._file.close()

    def _next(self) -> npt.NDArray[np.int16] | npt.NDArray[np.float32]:
        try:
            samples: npt.NDArray[np.int16] = self._file.read(self._block, dtype=self._dtype, always_2d=True)
        except soundfile.LibsndfileError:
            return self._before_damage()
        return samples

    def _before_damage(self) -> npt.NDArray[np.int16] | npt.NDArray[np.float32]:
        """What was decoded before the damage was lost with the block that failed: go there again in small steps."""
        if self._block > _LAST_STEPS:
            self._block = _LAST_STEPS
            with suppress(soundfile.LibsndfileError):  # if there is no way back, it ends here
                self._file.seek(self._read)
                return self._next()
        if not self._read:
            raise SourceError("damaged or cut off at its start", where=str(self.path))
        self._warn(f"damaged or cut off after {self._read / self._file.samplerate:.2f} s")
        return np.zeros((0, self._file.channels), np.int16)

    def _last_warnings(self) -> None:
        converter, rate = self._converter, self._file.samplerate
        if not self._read:
            self._warn("empty: 0.0 s of sound")
        if converter.not_finite:
            self._warn(f"{converter.not_finite} samples are not finite numbers; 0 was put in their place")
        if converter.clipped:
            self._warn(f"{converter.clipped} samples are beyond full scale and were clipped")
        if rate < 16_000:
            self._warn(f"recorded at {rate} Hz: there is nothing above {rate // 2} Hz for the models to hear")

    def _warn(self, text: str) -> None:
        self.warnings.append(f"{self.path}: {text}")

    def __iter__(self) -> Iterator[Int16]:
        while (block := self.read()) is not None:
            yield block

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _open(path: Path) -> soundfile.SoundFile:
    if path.is_dir():
        raise SourceError("a folder, not a recording", where=str(path))
    if path.exists() and not path.is_file():
        raise SourceError("not a regular file", where=str(path), hint="for a pipe, use '-' and standard input")
    try:
        with path.open("rb") as opened:
            empty = not opened.read(1)
    except OSError as error:
        raise SourceError(in_words(error), where=str(path)) from error
    if empty:
        raise SourceError("the file is empty", where=str(path))
    if path.suffix.lower() == ".raw":
        raise SourceError(
            "raw samples have no header", where=str(path), hint=f"wakeword ... - --rate 16000 < {path.name}"
        )
    try:
        return soundfile.SoundFile(str(path))
    except soundfile.LibsndfileError as error:
        reason = _REASONS.get(error.error_string, error.error_string.rstrip("."))
        raise SourceError(reason, where=str(path)) from error
