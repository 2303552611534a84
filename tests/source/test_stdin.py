"""Standard input: raw samples, or a WAV stream that cannot know its own length."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import pytest

from wakeword.errors import SourceError
from wakeword.source.stdin import StdinSource

RAMP = (np.arange(5_000) * 5 - 12_000).astype("<i2")


@contextmanager
def piped(content: bytes, pieces: int = 1) -> Iterator[int]:
    """A pipe into which a thread writes `content`, then closes it."""
    reader, writer = os.pipe()

    def feed() -> None:
        with os.fdopen(writer, "wb", buffering=0) as pipe:
            for at in range(0, len(content), max(1, len(content) // pieces)):
                pipe.write(content[at : at + max(1, len(content) // pieces)])

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield reader
        thread.join()
    finally:
        os.close(reader)


def read(content: bytes, *, pieces: int = 1, **form: int) -> tuple[npt.NDArray[np.int16], list[str]]:
    with piped(content, pieces) as reader:
        source, blocks = StdinSource(reader, **form), []
        while (block := source.read()) is not None:
            blocks.append(block)
        assert source.read() is None
        source.close()
        return np.concatenate(blocks), source.warnings


def header(
    tag: int, bits: int, channels: int = 1, rate: int = 16_000, *, extra: bytes = b"", before: bytes = b""
) -> bytes:
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits) + extra
    unknown = b"\xff\xff\xff\xff"  # what a recorder writes that cannot know the length
    return b"RIFF" + unknown + b"WAVE" + before + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + unknown


@pytest.mark.parametrize("pieces", [1, 7, 999])
def test_raw_samples_are_exact_however_they_arrive(pieces: int) -> None:
    samples, warnings = read(RAMP.tobytes(), pieces=pieces)
    assert np.array_equal(samples, RAMP)
    assert warnings == []


def test_raw_stereo_at_48_khz_is_converted() -> None:
    samples, _ = read(np.repeat(RAMP, 6).tobytes(), rate_hz=48_000, channels=2)
    assert len(samples) == 5_000
    assert np.abs(samples[100:-100].astype(int) - RAMP[100:-100]).max() < 20


def test_half_a_sample_at_the_end_is_dropped_and_told() -> None:
    samples, warnings = read(RAMP.tobytes() + b"\1")
    assert np.array_equal(samples, RAMP)
    assert warnings == ["standard input: 1 bytes after the last whole sample were dropped"]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (header(1, 16), RAMP.tobytes()),
        (header(1, 32), (RAMP.astype("<i4") << 16).tobytes()),
        (header(3, 32), (RAMP / np.float32(32768)).astype("<f4").tobytes()),
        (header(0xFFFE, 16, extra=struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)), RAMP.tobytes()),
        (header(1, 16, before=b"LIST" + struct.pack("<I", 5) + b"hello\0"), RAMP.tobytes()),
        (header(1, 16, channels=2), np.repeat(RAMP, 2).tobytes()),
    ],
)
def test_a_wav_header_is_recognised_and_believed_for_its_format(head: bytes, body: bytes) -> None:
    assert np.array_equal(read(head + body, rate_hz=48_000)[0], RAMP)


def test_not_a_number_is_told() -> None:
    samples, warnings = read(header(3, 32) + np.array([0.5, np.nan], "<f4").tobytes())
    assert samples.tolist() == [16_384, 0]
    assert warnings == ["standard input: 1 samples were not finite and became 0"]


def test_no_input_is_no_sample() -> None:
    assert len(read(b"")[0]) == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"RIFF\0\0\0\0AVI ", "RIFF, but not WAVE"),
        (header(1, 16)[:40], "a WAV header that is cut off"),
        (header(7, 8) + b"\0", "a WAV stream of format 7 with 8 bits"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "a WAV without a format"),
        (b"RIFF\0\0\0\0WAVELIST\xf0\xff\xff\xff", "a WAV whose header does not end"),
        (b"RIFF\0\0\0\0WAVEfmt \4\0\0\0abcd", "a WAV format that is cut off"),
    ],
)
def test_a_wav_that_cannot_be_streamed_is_named(content: bytes, says: str) -> None:
    with piped(content) as reader, pytest.raises(SourceError, match=says):
        StdinSource(reader).read()
