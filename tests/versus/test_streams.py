"""Streams: every clip after other sound, without a seam, and each word where it is said to be."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wakeword.errors import SourceError
from wakeword.train.spoken import SPOKEN
from wakeword.versus import streams

RATE_HZ = 16_000


def clip(noise_s: float, word_s: float = 0.5) -> np.ndarray:
    """Noise, the word (all samples 9000), noise."""
    random = np.random.default_rng(3)
    noise = random.integers(-500, 500, round(noise_s * RATE_HZ)).astype(np.int16)
    return np.concatenate([noise, np.full(round(word_s * RATE_HZ), 9_000, np.int16), noise])


@pytest.fixture
def conditions(tmp_path: Path) -> Path:
    """Two clips over noise and one without any."""
    rows = [("a.wav", "music-0dB", "alexa", "s1", 1.0), ("b.wav", "music-0dB", "alexa", "s2", 0.5)]
    rows += [("c.wav", "clean", "alexa", "s1", 0.01)]
    with (tmp_path / "index.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "condition", "word", "speaker", "start_s", "end_s"])
        for name, condition, word, speaker, noise_s in rows:
            soundfile.write(tmp_path / name, clip(noise_s), RATE_HZ, subtype="PCM_16")
            table.writerow([name, condition, word, speaker, noise_s, noise_s + 0.5])
    return tmp_path


def test_a_stream_for_each_word_and_condition(conditions: Path) -> None:
    found = [later() for later in streams.positives(conditions, {"alexa"})]
    assert [(stream.name, len(stream.said)) for stream in found] == [("alexa, clean", 1), ("alexa, music-0dB", 2)]
    assert streams.positives(conditions, {"jarvis"}) == []
    assert streams.words(conditions) == {"alexa"}


def test_a_word_ends_where_it_is_said_to_and_nothing_else_is_as_loud(conditions: Path) -> None:
    for later in streams.positives(conditions, {"alexa"}):
        stream = later()
        loud = np.flatnonzero(stream.sound == 9_000)
        ends = np.append(loud[:-1][np.diff(loud) > 1], loud[-1]) + 1
        assert ends.tolist() == [said.end for said in stream.said]
        assert len(loud) == len(stream.said) * RATE_HZ // 2


def test_before_each_word_there_are_seconds_of_its_own_noise_without_a_seam(conditions: Path) -> None:
    stream = streams.positives(conditions, {"alexa"})[1]()
    first = clip(1.0)[:RATE_HZ]
    lead = round(streams.LEAD_S * RATE_HZ)
    assert (stream.sound[lead : lead + RATE_HZ] == first).all()
    assert (stream.sound[lead - RATE_HZ : lead] == first[::-1]).all()
    assert (stream.sound[lead - 2 * RATE_HZ : lead - RATE_HZ] == first).all()
    after = stream.said[0].end + RATE_HZ  # the noise behind the word ends here, and goes on backwards
    assert (stream.sound[after : after + 8_000] == clip(1.0)[-8_000:][::-1]).all()


def test_without_noise_a_quiet_room_is_heard_before_and_after(conditions: Path) -> None:
    stream = streams.positives(conditions, {"alexa"})[0]()
    lead = stream.sound[: round(streams.LEAD_S * RATE_HZ)].astype(float)
    assert 20 * np.log10(np.std(lead) / 32768) == pytest.approx(streams.HISS_DBFS, abs=0.5)
    assert len(stream.sound) >= stream.said[-1].end + streams.TAIL_S * RATE_HZ


def test_a_negative_is_silent_where_a_word_is_really_said(tmp_path: Path) -> None:
    name, ((start_s, end_s), *_) = next(iter(SPOKEN["computer"].items()))
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / f"speech/{name}.flac", np.full(round(end_s + 1) * RATE_HZ, 0.5), RATE_HZ)
    rows = f"path,fold\nspeech/{name}.flac,dev\nspeech/gone.flac,train\nrir/gone.flac,dev\n"
    (tmp_path / "manifest.csv").write_text(rows)
    (later,) = streams.negatives(tmp_path, "dev")
    sound = later().sound
    assert not sound[int(start_s * RATE_HZ) : int(end_s * RATE_HZ)].any()
    assert sound[: int(start_s * RATE_HZ)].all()


def test_what_cannot_be_read_is_named(conditions: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"manifest\.csv: unreadable"):
        streams.negatives(conditions, "dev")
    (conditions / "c.wav").write_text("no sound")
    with pytest.raises(SourceError, match=r"c\.wav: unreadable"):
        streams.positives(conditions, {"alexa"})[0]()
    soundfile.write(conditions / "c.wav", np.zeros(80), 8_000)
    with pytest.raises(SourceError, match=r"c\.wav: 8000 Hz.*16 kHz mono is wanted"):
        streams.positives(conditions, {"alexa"})[0]()
    (conditions / "index.csv").write_text("path,word\na.wav,alexa\n")
    with pytest.raises(SourceError, match="has no column condition, speaker, start_s, end_s"):
        streams.words(conditions)
