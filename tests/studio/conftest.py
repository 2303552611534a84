"""A studio's folder, and takes in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import studio_bed as bed

from wakeword.studio.folder import Folder, Place
from wakeword.studio.streams import Said, Stream


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "kept")


@pytest.fixture
def jarvis(folder: Folder) -> Place:
    return folder.word("jarvis")


def heard(stream: Stream, sound: np.ndarray, block: int = 2_400) -> list[dict[str, object]]:
    """All news of a sound that comes as a browser sends it, states left out."""
    octets = (sound / np.float32(32768)).astype("<f4").tobytes()
    news = [one for at in range(0, len(octets), 4 * block) for one in stream.push(octets[at : at + 4 * block])]
    return [one for one in news if one["event"] != "state"]


@pytest.fixture
def ten_takes(jarvis: Place, room: np.ndarray) -> Place:
    stream = Stream(bed.RATE, Said(jarvis))
    assert [one["file"] for one in heard(stream, bed.ten_times(room))] == [f"{n:04d}.wav" for n in range(1, 11)]
    stream.finish()
    return jarvis
