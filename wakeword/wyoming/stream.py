"""One client's stream: whatever it sends -> 16 kHz mono -> its own detector -> what was said. No connection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wakeword.errors import ConfigError, SourceError
from wakeword.events import RATE_HZ, Event, Verdict
from wakeword.names import canonical
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.replay import TAIL_UNITS
from wakeword.source.convert import Converter, check_form

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

PIECE_S = 1  # of a long chunk, heard at a time: others get their turn in between


@dataclass(frozen=True, slots=True)
class Form:
    """How a client's samples are: little-endian integers of `width` bytes, 2 or 4."""

    rate: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        """Raises `SourceError` for what cannot be converted."""
        if self.width not in (2, 4):
            raise SourceError(f"samples of {self.width} bytes", hint="2 or 4 can be converted")
        check_form(self.rate, self.channels, None)

    @property
    def frame_bytes(self) -> int:
        """One sample of every channel."""
        return self.width * self.channels


@dataclass(frozen=True, slots=True)
class Detected:
    """A wake: both stages agree. Times are milliseconds on the client's own clock, that of its timestamps."""

    name: str  # as the client asked for it
    chunk_ms: int
    word: str
    stage1: float
    stage2: float
    start_ms: int
    end_ms: int
    stage1_sha256: str
    stage2_sha256: str


def resolve(names: list[str] | None, words: list[str]) -> dict[str, str]:
    """Each word asked for, with the name it was asked by: `Alexa`, `ok garden`, `alexa_v0.1` are understood.

    None or an empty list is every word. Raises `ConfigError` for a name that is no word here.
    """
    asked: dict[str, str] = {}
    for name in names or words:
        word = canonical(name)
        if word not in words:
            raise ConfigError(f"no word {name[:64]!r} here", hint=f"there is {', '.join(words)}")
        asked.setdefault(word, name)
    return asked


class Stream:
    """From one `audio-start` to its `audio-stop`. `detector` is this stream's alone, and new."""

    def __init__(self, detector: Detector, asked: dict[str, str]) -> None:
        self.detected = 0
        self._detector, self._asked = detector, asked
        self._models = {model.word: model for model in detector.models}
        self._form: Form | None = None
        self._converter: Converter
        self._before_ms = 0  # of the client's sound in earlier forms
        self._frames = 0  # in this form
        self._ahead_ms = 0  # how far the client's clock is before the count of its samples

    def push(self, form: Form, chunk: bytes, timestamp_ms: int | None) -> Iterator[list[Detected]]:
        """Hear a chunk, piece by piece; yields what each had in it. Raises `SourceError` for half a sample.

        A form other than that of the last chunk begins the conversion anew, and goes on with the same stream.
        """
        if len(chunk) % form.frame_bytes:
            raise SourceError(f"{len(chunk)} bytes are no whole number of {form.frame_bytes}-byte samples")
        if form != self._form:
            if self._form:
                yield self._found(self._detector.process(self._converter.finish()), self._now_ms + self._ahead_ms)
            self._before_ms, self._frames = self._now_ms, 0
            self._form, self._converter = form, Converter(form.rate, form.channels)
        start_ms = self._now_ms if timestamp_ms is None else timestamp_ms
        self._ahead_ms = start_ms - self._now_ms
        step = PIECE_S * form.rate * form.frame_bytes
        for at in range(0, len(chunk), step):
            piece = chunk[at : at + step]
            self._frames += len(piece) // form.frame_bytes
            events = self._detector.process(self._converter.push(_samples(piece, form)))
            yield self._found(events, start_ms)

    def finish(self) -> list[Detected]:
        """The sound has ended: decide what its last samples leave open, as `replay` does."""
        if self._form is None:
            return []
        silence = np.zeros((1 + TAIL_UNITS) * UNIT_SAMPLES, np.int16)
        events = self._detector.process(np.concatenate([self._converter.finish(), silence]))
        return self._found(events, self._now_ms + self._ahead_ms)

    @property
    def _now_ms(self) -> int:
        """The client's sound so far, by its samples."""
        return self._before_ms + (self._frames * 1000 // self._form.rate if self._form else 0)

    def _found(self, events: list[Event], chunk_ms: int) -> list[Detected]:
        found = []
        for event in events:
            if isinstance(event, Verdict) and event.accepted:
                candidate, model = event.candidate, self._models[event.candidate.word]
                found.append(
                    Detected(
                        name=self._asked[model.word],
                        chunk_ms=chunk_ms,
                        word=model.word,
                        stage1=round(candidate.stage1, 4),
                        stage2=round(event.stage2, 4),
                        start_ms=self._ahead_ms + candidate.start * 1000 // RATE_HZ,
                        end_ms=self._ahead_ms + candidate.end * 1000 // RATE_HZ,
                        stage1_sha256=model.stage1_sha256,
                        stage2_sha256=model.stage2_sha256,
                    )
                )
        self.detected += len(found)
        return found


def _samples(piece: bytes, form: Form) -> Int16 | Float32:
    """(n, channels) as `Converter` takes them."""
    samples = np.frombuffer(piece, f"<i{form.width}").reshape(-1, form.channels)
    return samples.astype(np.int16) if form.width == 2 else samples.astype(np.float32) * np.float32(2**-31)
