"""Recordings: what can be read is read, what cannot is named, nothing takes memory that a header merely claims."""

from __future__ import annotations

import os
import resource
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from wakeword.errors import SourceError
from wakeword.source.file import FileSource

RATE = 16_000
SWEEP = (0.4 * np.sin(2 * np.pi * np.cumsum(np.linspace(200, 4000, 9_600)) / RATE)).astype(np.float32)
SWEEP_INT16 = np.rint(SWEEP * 32768).astype(np.int16)


def read(path: Path, **options: float) -> tuple[npt.NDArray[np.int16], list[str]]:
    with FileSource(path, **options) as source:  # type: ignore[arg-type]  # options are given by name
        return np.concatenate(list(source)), source.warnings


def wav(sound: bytes, *, claimed: int | None = None, tag: int = 1, bits: int = 16, before: bytes = b"") -> bytes:
    form = struct.pack("<HHIIHH", tag, 1, RATE, RATE * bits // 8, bits // 8, bits)
    data = b"data" + struct.pack("<I", len(sound) if claimed is None else claimed) + sound
    content = b"WAVEfmt " + struct.pack("<I", len(form)) + form + before + data
    return b"RIFF" + struct.pack("<I", len(content)) + content


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_every_width_of_wav_has_the_same_level(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "x.wav", SWEEP, RATE, subtype)
    samples, warnings = read(tmp_path / "x.wav")
    assert (len(samples), warnings) == (9_600, [])
    coarse = {"PCM_U8": 400, "ULAW": 600, "ALAW": 600}.get(subtype, 1)
    assert np.abs(samples.astype(int) - SWEEP_INT16).max() <= coarse


@pytest.mark.parametrize(("suffix", "tolerance"), [("flac", 0), ("ogg", 3_000), ("mp3", 3_000)])
def test_other_formats_are_read(tmp_path: Path, suffix: str, tolerance: int) -> None:
    soundfile.write(tmp_path / f"x.{suffix}", SWEEP_INT16, RATE)
    samples, _ = read(tmp_path / f"x.{suffix}")
    assert abs(len(samples) - 9_600) <= tolerance
    assert np.corrcoef(samples[:9_000], SWEEP_INT16[:9_000])[0, 1] > 0.99


def test_opus_is_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.opus", SWEEP, RATE, format="OGG", subtype="OPUS")
    samples, _ = read(tmp_path / "x.opus")
    assert abs(len(samples) - 9_600) <= 320


@pytest.mark.parametrize("block_s", [0.01, 0.08, 1.0])
def test_int16_at_16_khz_is_exact_whatever_the_block(tmp_path: Path, block_s: float) -> None:
    soundfile.write(tmp_path / "x.wav", SWEEP_INT16, RATE)
    assert np.array_equal(read(tmp_path / "x.wav", block_s=block_s)[0], SWEEP_INT16)


def test_stereo_float_at_8_khz_keeps_its_length_and_says_what_is_missing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.stack([SWEEP, SWEEP], axis=1), 8_000, "FLOAT")
    samples, warnings = read(tmp_path / "x.wav")
    assert len(samples) == 19_200
    assert warnings == [f"{tmp_path}/x.wav: recorded at 8000 Hz: there is nothing above 4000 Hz for the models to hear"]


def test_a_channel_can_be_chosen(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.stack([np.zeros_like(SWEEP_INT16), SWEEP_INT16], axis=1), RATE)
    assert np.array_equal(read(tmp_path / "x.wav", channel=1)[0], SWEEP_INT16)
    with pytest.raises(SourceError, match=r"x\.wav: no channel 2 \(there are 2, counted from 0\)"):
        FileSource(tmp_path / "x.wav", channel=2)


def test_a_name_may_hold_anything_and_a_folder_may_end_in_wav(tmp_path: Path) -> None:
    folder = tmp_path / "clips.wav"
    folder.mkdir()
    soundfile.write(folder / "naïve 語 🎤 -x.wav", SWEEP_INT16, RATE)
    assert np.array_equal(read(folder / "naïve 語 🎤 -x.wav")[0], SWEEP_INT16)
    with pytest.raises(SourceError, match=r"clips\.wav: a folder, not a recording"):
        FileSource(folder)


def test_no_samples_are_no_error_but_a_warning(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(b""))
    samples, warnings = read(tmp_path / "x.wav")
    assert len(samples) == 0
    assert warnings == [f"{tmp_path}/x.wav: empty: 0.0 s of sound"]
    assert FileSource(tmp_path / "x.wav").duration_s == 0


def test_a_header_that_claims_too_much_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(SWEEP_INT16.tobytes(), claimed=57_600))
    samples, warnings = read(tmp_path / "x.wav")
    assert np.array_equal(samples, SWEEP_INT16)
    assert warnings == [f"{tmp_path}/x.wav: cut off: its header claims 57600 bytes of sound, 19200 are there"]


def test_a_flac_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = tmp_path / "whole.flac"
    soundfile.write(whole, np.tile(SWEEP_INT16, 5), RATE)
    (tmp_path / "cut.flac").write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    samples, warnings = read(tmp_path / "cut.flac")
    assert 30_000 < len(samples) < 36_100
    assert np.array_equal(samples, np.tile(SWEEP_INT16, 5)[: len(samples)])
    assert warnings == [f"{tmp_path}/cut.flac: damaged or cut off after {len(samples) / RATE:.2f} s"]


def test_what_is_not_finite_becomes_zero_and_is_counted(tmp_path: Path) -> None:
    broken = SWEEP.copy()
    broken[[100, 200, 300]] = [np.nan, np.inf, -np.inf]
    soundfile.write(tmp_path / "x.wav", broken, RATE, "FLOAT")
    samples, warnings = read(tmp_path / "x.wav")
    expected = SWEEP_INT16.copy()
    expected[[100, 200, 300]] = 0
    assert np.array_equal(samples, expected)
    assert warnings == [f"{tmp_path}/x.wav: 3 samples are not finite numbers; 0 was put in their place"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.wav", b"", "the file is empty"),
        ("text.wav", b"this is not a sound\n" * 30, r"not a sound file \(no known format\)"),
        ("short.wav", wav(b"")[:30], "broken WAV: header cut off"),
        ("chunk.wav", wav(b"\0\0", before=b"LIST" + struct.pack("<I", 0xFFFF_FFF0)), "a chunk longer than the file"),
        ("x.raw", b"\0" * 3_200, "raw samples have no header"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=says) as caught:
        FileSource(tmp_path / name)
    assert caught.value.where == str(tmp_path / name)
    assert caught.value.exit_code == 3


def test_a_missing_file_and_a_pipe_are_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file or directory"):
        FileSource(tmp_path / "x.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(SourceError, match="not a regular file"):
        FileSource(tmp_path / "pipe.wav")


def test_seven_hours_take_no_more_memory_than_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    seven_hours = 7 * 3_600 * RATE * 2
    path.write_bytes(wav(b"", claimed=seven_hours))
    os.truncate(path, path.stat().st_size + seven_hours)  # sparse: it takes no room on the disk
    with FileSource(path) as source:
        assert source.duration_s == 7 * 3_600
        blocks = iter(source)
        for _ in range(60):
            next(blocks)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        samples = sum(len(block) for block in blocks) + 60 * RATE
    assert samples == 7 * 3_600 * RATE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2_000  # kB


def test_it_can_be_closed_twice_and_is_over_after_its_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", SWEEP_INT16, RATE)
    source = FileSource(tmp_path / "x.wav")
    assert sum(len(block) for block in source) == 9_600
    assert source.read() is None
    source.close()
    source.close()
