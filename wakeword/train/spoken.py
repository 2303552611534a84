"""Stretches of recordings in which one of the words is really said: neither false accepts nor negatives."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from wakeword.events import RATE_HZ

Sound = TypeVar("Sound", npt.NDArray[np.float32], npt.NDArray[np.int16])

# Found by their transcripts: word -> the recording's name -> (start_s, end_s).
SPOKEN = {
    "computer": {
        "big-fish-002": [(140.6, 146.9), (147.4, 151.7)],
        "big-fish-004": [(74.2, 81.1)],
        "big-fish-007": [(105.9, 117.2)],
        "small-fish-002": [(123.3, 126.2)],
        "small-fish-003": [(131.7, 137.6)],
        "small-fish-004": [(130.4, 135.1)],
    }
}


def blank_spoken(sound: Sound, path: str) -> Sound:
    """The recording with those stretches set to silence; the array itself where there are none."""
    for places in SPOKEN.values():
        for start_s, end_s in places.get(Path(path).stem, []):
            sound = sound.copy()
            sound[int(start_s * RATE_HZ) : int(end_s * RATE_HZ)] = 0
    return sound
