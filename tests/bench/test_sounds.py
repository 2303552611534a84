"""What the bench lets the daemon hear."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from wakeword.bench import sounds
from wakeword.errors import SourceError
from wakeword.events import RATE_HZ


@pytest.mark.parametrize("dbfs", sounds.QUIET_DBFS)
def test_quiet_is_as_loud_as_it_says(dbfs: float) -> None:
    noise = sounds.quiet(dbfs, 2.0).astype(float)
    assert len(noise) == 2 * RATE_HZ
    assert 10 * np.log10(np.mean(noise**2) / 32768**2) == pytest.approx(dbfs, abs=0.3)


def test_talk_is_the_rooms_lines_without_the_pauses(room: npt.NDArray[np.int16], said: list[dict[str, str]]) -> None:
    length_s = sum(float(line["end_s"]) - float(line["start_s"]) for line in said)
    talk = sounds.talk([], 2 * length_s)
    first = room[round(float(said[0]["start_s"]) * RATE_HZ) : round(float(said[0]["end_s"]) * RATE_HZ)]
    assert np.array_equal(talk[: len(first)], first)
    again = talk[
        np.flatnonzero(np.all(np.lib.stride_tricks.sliding_window_view(talk, 400) == first[:400], axis=1))[1] :
    ]
    assert np.array_equal(again[: len(first)], first)
    assert len(talk) == round(2 * length_s * RATE_HZ)


def test_talk_of_ones_own_is_repeated(tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "a.wav", np.arange(100, dtype=np.int16))
    assert np.array_equal(sounds.talk([path, path], 250 / RATE_HZ), np.resize(np.arange(100, dtype=np.int16), 250))


def test_recordings_without_sound_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    soundfile.write(path, np.zeros(0, np.int16), RATE_HZ)
    with pytest.raises(SourceError, match=r"no sound in these recordings"):
        sounds.talk([path], 1)
