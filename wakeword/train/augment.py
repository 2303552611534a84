"""Make a clean clip sound as if it were said in somebody's home: speaker, room, noise, neighbours, microphone.

Arrays are float32 in [-1, 1] at 16 kHz. Every draw comes from the generator that is handed in, so a seed repeats a
clip. Noise is set against the level of the clip's active part, as the evaluation does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr
from scipy.signal import fftconvolve

from wakeword.events import RATE_HZ

Float32 = npt.NDArray[np.float32]
Random = np.random.Generator


@dataclass(frozen=True)
class Surroundings:
    """Everything a clip may meet. `speech` is one long array a talker, `rooms` are impulse responses."""

    speech: list[Float32]
    household: Float32
    music: Float32
    rooms: list[Float32]


def simulate_rooms(count: int, seed: int) -> list[Float32]:
    """`count` impulse responses of shoe-box rooms, T60 0.15-0.7 s, talker 0.5-4 m away (image sources)."""
    import pyroomacoustics as pra

    random = np.random.default_rng(seed)
    rooms: list[Float32] = []
    while len(rooms) < count:
        size = np.array([random.uniform(2.2, 7), random.uniform(2.2, 6), random.uniform(2.2, 3.2)])
        t60 = random.uniform(0.15, 0.7)
        try:
            absorption, order = pra.inverse_sabine(t60, size)
        except ValueError:  # that room cannot be so dead or so live
            continue
        room = pra.ShoeBox(size, fs=RATE_HZ, materials=pra.Material(absorption), max_order=min(order, 12))
        microphone = random.uniform(0.3, size - 0.3)
        direction = random.standard_normal(3) * [1, 1, 0.3]
        talker = microphone + direction / np.linalg.norm(direction) * random.uniform(0.5, 4)
        if not np.all((talker > 0.2) & (talker < size - 0.2)):
            continue
        room.add_source(talker)
        room.add_microphone(microphone)
        room.compute_rir()
        rooms.append(align(np.asarray(room.rir[0][0], np.float32)))
    return rooms


def align(room: Float32) -> Float32:
    """Direct sound first, at most 0.8 s, its peak at 1, so that words keep their place in time."""
    peak = int(np.argmax(np.abs(room)))
    room = room[max(0, peak - 8) : peak + int(0.8 * RATE_HZ)]
    return np.asarray(room / np.abs(room).max(), np.float32)


def level(sound: Float32) -> float:
    """RMS of the louder half of the 20 ms frames: the active part."""
    frames = sound[: len(sound) // 320 * 320].reshape(-1, 320)
    if not len(frames):
        return float(np.sqrt(np.mean(sound**2) + 1e-12))
    energy = np.sort(np.mean(frames**2, axis=1))
    return float(np.sqrt(np.mean(energy[len(energy) // 2 :]) + 1e-12))


def speaker(sound: Float32, random: Random, widest: float = 0.16) -> tuple[Float32, float]:
    """Another tempo and pitch by resampling; returns the factor by which times shrink."""
    factor = float(np.exp(random.uniform(-widest, widest)))
    return np.asarray(soxr.resample(sound, RATE_HZ * factor, RATE_HZ, quality="MQ"), np.float32), factor


def room(sound: Float32, random: Random, around: Surroundings) -> Float32:
    """The sound as heard across a room; length and start stay."""
    response = around.rooms[random.integers(len(around.rooms))]
    dry = level(sound)
    wet = np.asarray(fftconvolve(sound, response)[: len(sound)], np.float32)
    return np.asarray(wet * (dry / level(wet)), np.float32)


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


def cut(sound: Float32, length: int, random: Random) -> Float32:
    """A random stretch, repeated when the sound is too short."""
    if len(sound) < length:
        sound = np.tile(sound, -(-length // max(1, len(sound))))
    start = int(random.integers(len(sound) - length + 1))
    return sound[start : start + length].astype(np.float32)


def microphone(sound: Float32, random: Random) -> Float32:
    """Tone, band limits, codec, clipping, gain: what stands between the room and the samples."""
    if random.random() < 0.75:
        sound = _equalise(sound, random)
    if random.random() < 0.06:
        sound = _telephone(sound)
    peak_db = random.uniform(-36, -1) if random.random() < 0.9 else random.uniform(0, 9)  # the rest clips
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


def _telephone(sound: Float32) -> Float32:
    """8 kHz mu-law and back."""
    narrow = soxr.resample(sound, RATE_HZ, 8000, quality="MQ")
    narrow = narrow / (np.abs(narrow).max() + 1e-9)
    squeezed = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    wide = soxr.resample(np.sign(squeezed) * (256 ** np.abs(squeezed) - 1) / 255, 8000, RATE_HZ, quality="MQ")
    return np.asarray(np.resize(wide, len(sound)), np.float32)
