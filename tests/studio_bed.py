"""What the studio's tests share: a studio as users start it, and rooms for the browser's microphone to hear.

A room is made of the demo's recording: one voice that says "jarvis", again and again, and talk without it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

Int16 = npt.NDArray[np.int16]

RATE = 16_000
JARVIS_S = (53.86, 54.78)  # "Jarvis.", alone
TALK_S = ((2.0, 7.2), (34.4, 41.2), (49.2, 52.6), (58.3, 61.6))  # nobody says it, nor what sounds like it


def hiss(seconds: float, seed: int = 1) -> Int16:
    """A quiet room."""
    return np.random.default_rng(seed).normal(0, 12, int(seconds * RATE)).astype(np.int16)


def word(room: Int16, gain: float = 1.0) -> Int16:
    """ "Jarvis", alone, in (n,) samples."""
    start, end = (int(at * RATE) for at in JARVIS_S)
    return np.clip(room[start:end] * float(gain), -32768, 32767).astype(np.int16)


def ten_times(room: Int16) -> Int16:
    """Ten takes and pauses between them, each at another level."""
    gains = np.linspace(0.6, 2.4, 10)
    return np.concatenate([hiss(0.8), *(part for gain in gains for part in (word(room, gain), hiss(1.3)))])


def talk(room: Int16) -> Int16:
    """19 s of talk without the word."""
    return np.concatenate([room[int(start * RATE) : int(end * RATE)] for start, end in TALK_S])


def written(path: Path, *sounds: Int16) -> Path:
    """A WAV file of these, one after the other."""
    soundfile.write(path, np.concatenate(sounds), RATE, subtype="PCM_16")
    return path


@contextmanager
def studio(folder: Path, *options: str) -> Iterator[str]:
    """`wakeword studio` on this folder; its address. Ends as with Ctrl-C, and is seen to end well.

    A warning is an error in the studio itself; not in a training, whose libraries warn of their own libraries.
    """
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "wakeword", "studio", "--json", "--folder", str(folder), *options],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    try:
        told = json.loads(process.stdout.readline())
        assert told["folder"] == str(folder.resolve())
        yield told["url"]
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        process.stdout.close()
        assert process.wait(60) == 0
