"""A browser's microphone, at any rate and in any pieces, becomes takes and talk of 16 kHz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import studio_bed as bed

from wakeword.errors import ConfigError, SourceError
from wakeword.studio import streams
from wakeword.studio.folder import PARTIAL, Place
from wakeword.studio.streams import Said, Stream, Talk

from .conftest import heard


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_takes_come_at_any_rate(jarvis: Place, room: np.ndarray, rate_hz: int) -> None:
    sound = np.concatenate([bed.hiss(0.8), bed.word(room), bed.hiss(1.3), bed.word(room), bed.hiss(1.3)])
    given = soxr.resample(sound.astype(np.float32), bed.RATE, rate_hz) if rate_hz != bed.RATE else sound
    news = heard(Stream(rate_hz, Said(jarvis)), given, rate_hz // 20)
    assert [one["file"] for one in news] == ["0001.wav", "0002.wav"]
    assert all(streams.seconds(path) > 1.5 for path in jarvis.listed("said"))


def test_pieces_of_any_length_make_the_same_takes(jarvis: Place, room: np.ndarray) -> None:
    sound = bed.ten_times(room)[: 6 * bed.RATE]
    for block in (1_600, 333):
        heard(Stream(bed.RATE, Said(jarvis)), sound, block)
    first, second = jarvis.listed("said")[:2], jarvis.listed("said")[2:]
    assert len(first) == len(second) == 2
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_refused_take_is_told_and_not_kept(jarvis: Place, room: np.ndarray) -> None:
    news = heard(Stream(bed.RATE, Said(jarvis)), np.concatenate([bed.hiss(1), bed.word(room, 30), bed.hiss(1.3)]))
    assert "clipped" in str(news[0]["problem"])
    assert jarvis.listed("said") == []


def test_talk_is_one_recording_as_long_as_it_lasted(jarvis: Place, room: np.ndarray) -> None:
    stream = Stream(bed.RATE, Talk(jarvis))
    heard(stream, bed.talk(room))
    assert jarvis.listed("talk") == []  # not before it is whole
    told = stream.finish()
    assert told["file"] == "0001.wav"
    samples, _ = soundfile.read(jarvis.sound("talk", "0001.wav"), dtype="int16")
    assert (samples == bed.talk(room)[: len(samples)]).all()
    assert len(bed.talk(room)) - len(samples) < 1280


def test_talk_that_is_broken_off_or_too_short_leaves_nothing(jarvis: Place, room: np.ndarray) -> None:
    stream = Stream(bed.RATE, Talk(jarvis))
    heard(stream, bed.talk(room))
    stream.abandon()
    stream = Stream(bed.RATE, Talk(jarvis))
    heard(stream, bed.hiss(1))
    with pytest.raises(ConfigError, match="too short"):
        stream.finish()
    assert list(jarvis.sounds("talk").iterdir()) == []


def test_talk_on_a_full_disk_ends_at_once_and_leaves_nothing(jarvis: Place, room: np.ndarray) -> None:
    jarvis.sounds("talk").mkdir(parents=True)
    (jarvis.sounds("talk") / PARTIAL).symlink_to("/dev/full")
    with pytest.raises(ConfigError, match="could not be kept"):
        heard(Stream(bed.RATE, Talk(jarvis)), bed.talk(room))
    assert list(jarvis.sounds("talk").iterdir()) == []


def test_what_is_no_sound_is_refused(jarvis: Place) -> None:
    with pytest.raises(SourceError, match="rate"):
        Stream(17, Said(jarvis))
    with pytest.raises(ConfigError, match="half a sample"):
        Stream(bed.RATE, Said(jarvis)).push(b"123")
    nan = np.full(16_000, np.nan, "<f4").tobytes()
    assert Stream(bed.RATE, Said(jarvis)).push(nan)[-1]["dbfs"] <= -90  # deaf for as long, and no longer


def test_a_broken_recording_has_no_length(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    assert streams.seconds(tmp_path / "x.wav") == 0.0
