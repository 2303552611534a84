"""Make a clean clip sound as if it were said in somebody's home: speaker, room, noise, neighbours, microphone.

Arrays are float32 in [-1, 1] at 16 kHz. Every draw comes from the generator that is handed in, so a seed repeats a
clip. Noise is set against the level of the clip's active part, as the evaluation does.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from wakeword.eval.mix import align, cut, in_room, level
from wakeword.events import RATE_HZ

__all__ = ["align", "cut", "level"]  # the evaluation's, so that both mean the same by a ratio

Float32 = npt.NDArray[np.float32]
Random = np.random.Generator


@dataclass(frozen=True)
class Surroundings:
    """Everything a clip may meet. `speech` is one long array a talker, `rooms` are impulse responses."""

    speech: list[Float32]
    household: Float32
    music: Float32
    rooms: list[Float32]


def speaker(sound: Float32, random: Random, widest: float = 0.16) -> tuple[Float32, float]:
    """Another tempo and pitch by resampling; returns the factor by which times shrink."""
    factor = float(np.exp(random.uniform(-widest, widest)))
    return at_speed(sound, factor), factor


def at_speed(sound: Float32, factor: float) -> Float32:
    """So many times as fast, and as much higher."""
    return np.asarray(soxr.resample(sound, RATE_HZ * factor, RATE_HZ, quality="MQ"), np.float32)


def room(sound: Float32, random: Random, around: Surroundings) -> Float32:
    """The sound as heard across a room; length and start stay."""
    return in_room(sound, around.rooms[random.integers(len(around.rooms))])


def noise(length: int, random: Random, around: Surroundings) -> Float32:
    """`length` samples of unit level: household, music, babble, one talker, or plain noise of some colour."""
    kind = random.choice(["household", "music", "babble", "talker", "coloured"], p=[0.22, 0.19, 0.4, 0.08, 0.11])
    if kind == "household":
        sound = cut(around.household, length, random)
        if random.random() < 0.4:
            sound = sound + cut(around.household, length, random) * np.float32(random.uniform(0.3, 1))
    elif kind == "music":
        sound = cut(around.music, length, random)
    elif kind == "talker":
        sound = _talker(length, random, around)
    elif kind == "babble":
        sound = np.zeros(length, np.float32)
        for _ in range(random.integers(3, 9)):
            sound += _talker(length, random, around) * np.float32(random.uniform(0.5, 1))
    else:
        spectrum = np.fft.rfft(random.standard_normal(length).astype(np.float32))
        slope = np.arange(1, len(spectrum) + 1) ** -random.uniform(0, 1.2)
        sound = np.asarray(np.fft.irfft(spectrum * slope, length), np.float32)
    if random.random() < 0.25:
        sound = room(sound, random, around)
    return np.asarray(sound / level(sound), np.float32)


def _talker(length: int, random: Random, around: Surroundings) -> Float32:
    sound = cut(around.speech[random.integers(len(around.speech))], length, random)
    return np.asarray(sound / level(sound), np.float32)


def microphone(sound: Float32, random: Random) -> Float32:
    """Tone, band limits, codec, clipping, gain: what stands between the room and the samples."""
    if random.random() < 0.75:
        sound = _equalise(sound, random)
    if random.random() < 0.08:
        sound = _telephone(sound, random)
    peak_db = random.uniform(-46, -1) if random.random() < 0.88 else random.uniform(0, 20)  # the rest clips
    sound = sound * np.float32(10 ** (peak_db / 20) / (np.abs(sound).max() + 1e-9))
    if random.random() < 0.5:
        sound = sound + random.standard_normal(len(sound)).astype(np.float32) * np.float32(
            10 ** (random.uniform(-86, -60) / 20)
        )
    return np.clip(sound, -1, 1)


def _equalise(sound: Float32, random: Random) -> Float32:
    """A random smooth tone curve of +-8 dB; often a low-pass at 2.5-7.5 kHz or a high-pass below 300 Hz."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    knots = np.array([0, 100, 300, 800, 2000, 4000, 8000])
    gain_db = np.interp(hz, knots, random.normal(0, 3.2, len(knots)).clip(-8, 8))
    if random.random() < 0.4:
        gain_db -= 40 * np.clip(np.log2(np.maximum(hz, 1) / random.uniform(2500, 7500)), 0, 2)
    if random.random() < 0.4:
        gain_db -= 18 * np.clip(np.log2(random.uniform(80, 300) / np.maximum(hz, 1)), 0, 3)
    return np.asarray(np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(sound)), np.float32)


def _telephone(sound: Float32, random: Random) -> Float32:
    """Through 8 kHz and back: mu-law, or GSM 06.10 by libsndfile."""
    narrow = soxr.resample(sound, RATE_HZ, 8000, quality="MQ")
    narrow = narrow / (np.abs(narrow).max() + 1e-9)
    if random.random() < 0.5:
        narrow = coded(narrow, 8000, "WAV", "GSM610")
    else:
        squeezed = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
        narrow = np.sign(squeezed) * (256 ** np.abs(squeezed) - 1) / 255
    return np.asarray(np.resize(soxr.resample(narrow, 8000, RATE_HZ, quality="MQ"), len(sound)), np.float32)


def coded(sound: Float32, rate_hz: int, container: str, codec: str) -> Float32:
    """Through a codec of libsndfile and back; its end may be longer or shorter."""
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, codec, format=container)
    file.seek(0)
    heard: Float32 = soundfile.read(file, dtype="float32")[0]
    return heard
