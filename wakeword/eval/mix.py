"""Recordings as they would have sounded elsewhere: over noise at a stated ratio, across a room. Repeatable by its seed.

Signal and noise are compared over the word's active part: the louder half of its 20 ms frames. A second of noise stands
before the recording and half a second after it, as in a room. Babble is six talkers at once, each at the same level. A
room is an impulse response whose direct sound comes first, so that words keep their place in time; the level stays.

Arrays are float32 in [-1, 1] at 16 kHz. Which noise, from where on, and which room: drawn by a generator that is seeded
with the seed of the run, the recording's own hash and the condition, so neither order nor company change a clip.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.errors import ConfigError, SourceError
from wakeword.events import RATE_HZ
from wakeword.source.convert import Converter

Float32 = npt.NDArray[np.float32]
Int16 = npt.NDArray[np.int16]
Point = npt.NDArray[np.float64]  # (3,)
Random = np.random.Generator

LEAD, TAIL = RATE_HZ, RATE_HZ // 2
TALKERS = 6
BABBLE = "babble"
LONGEST_RESPONSE = int(0.8 * RATE_HZ)  # chosen: homes are done by then
MOST_REFLECTIONS = 50  # of one path: with 12, a room whose T60 is 0.9 s dies away as one of 0.35 s does
VERSION = 2  # of what is computed here; part of every mixed clip's name in the cache


@dataclass(frozen=True)
class Condition:
    """What is done to a recording. The default leaves it alone."""

    noise: str = ""  # a kind: the folder's name, or `babble`
    snr_db: float = 0.0
    noises: tuple[str, ...] = ()  # recordings of that kind
    rooms: tuple[str, ...] = ()  # impulse responses, one of which is drawn
    seed: int = 0

    @property
    def name(self) -> str:
        """`clean`, `household-10dB`, `room`, `room+household-10dB`."""
        noise = f"{self.noise}-{self.snr_db:g}dB" if self.noise else ""
        return "+".join(part for part in ("room" if self.rooms else "", noise) if part) or "clean"


@dataclass(frozen=True)
class Homes:
    """From where to where simulated rooms go; places are drawn evenly in between."""

    t60_s: tuple[float, float] = (0.15, 0.7)
    metres: tuple[float, float] = (0.5, 4.0)  # from talker to microphone
    largest_m: tuple[float, float, float] = (7.0, 6.0, 3.2)


@dataclass(frozen=True)
class Mixed:
    """A clip in a condition. `lead` samples now stand before what was its first."""

    sound: Int16
    lead: int
    room: str


def mix(sound: Float32, active: list[tuple[int, int]], condition: Condition, name: str) -> Mixed:
    """(n,) -> the recording in the condition. `active` are the words' samples, `name` what the draw goes by.

    Raises `SourceError` for a noise or a room that cannot be read.
    """
    random = np.random.default_rng(list(hashlib.sha256(f"{condition.seed}|{condition.name}|{name}".encode()).digest()))
    lead = LEAD if condition.noise else 0
    room = condition.rooms[random.integers(len(condition.rooms))] if condition.rooms else ""
    words = np.concatenate([sound[start:end] for start, end in active] or [sound])
    loudness = level(words if len(words) else sound)
    sound = np.pad(sound, (lead, TAIL if condition.noise or room else 0))
    if room:
        sound = in_room(sound, response(room))
    if condition.noise:
        noise = noise_at(condition, len(sound), random)
        sound = sound + noise * np.float32(loudness * 10 ** (-condition.snr_db / 20))
    sound = sound / max(1.0, float(np.abs(sound).max(initial=0)))
    whole = np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)
    return Mixed(whole, lead, Path(room).stem)


def noise_at(condition: Condition, length: int, random: Random) -> Float32:
    """`length` samples of the condition's noise, RMS 1."""
    if condition.noise == BABBLE:
        talkers = [_stretch(condition.noises, length, random) for _ in range(TALKERS)]
        sound = np.asarray(sum(talker / level(talker) for talker in talkers), np.float32)
    else:
        sound = _stretch(condition.noises, length, random)
    return np.asarray(sound / (np.sqrt(np.mean(sound**2)) + 1e-9), np.float32)


def level(sound: Float32) -> float:
    """RMS of the louder half of the 20 ms frames: the active part."""
    frames = sound[: len(sound) // 320 * 320].reshape(-1, 320)
    if not len(frames):
        return float(np.sqrt(np.mean(sound**2) + 1e-12)) if len(sound) else 1e-6
    energy = np.sort(np.mean(frames**2, axis=1))
    return float(np.sqrt(np.mean(energy[len(energy) // 2 :]) + 1e-12))


def in_room(sound: Float32, room: Float32) -> Float32:
    """The sound as heard across a room; length, start and level stay."""
    length = len(sound) + len(room) - 1
    size = 1 << (length - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(room, size), size)[: len(sound)].astype(np.float32)
    return np.asarray(wet * (level(sound) / level(wet)), np.float32)


def align(room: Float32) -> Float32:
    """Direct sound first, at most 0.8 s, its peak at 1, so that words keep their place in time."""
    peak = int(np.argmax(np.abs(room)))
    room = room[max(0, peak - 8) : peak + LONGEST_RESPONSE]
    return np.asarray(room / (np.abs(room).max() + 1e-12), np.float32)


def response(path: str) -> Float32:
    """An impulse response in a file. Raises `SourceError`."""
    found = align(read_part(path, 0.0, 10 * RATE_HZ))
    if not np.abs(found).max(initial=0) > 0:
        raise SourceError("silent: not a room response", where=path)
    return found


def cut(sound: Float32, length: int, random: Random) -> Float32:
    """A random stretch, repeated when the sound is too short."""
    if len(sound) < length:
        sound = np.tile(sound, -(-length // max(1, len(sound))))
    start = int(random.integers(len(sound) - length + 1))
    return sound[start : start + length].astype(np.float32)


def _stretch(paths: tuple[str, ...], length: int, random: Random) -> Float32:
    """A stretch of one of the recordings that is not silent; repeated when the recording is too short."""
    for _ in range(20):
        path = paths[random.integers(len(paths))]
        found = read_part(path, random.random(), length)
        if len(found) and np.abs(found).max() > 1e-4:
            return np.resize(found, length)
    raise SourceError("nothing but silence in 20 places", where=path)


def read_part(path: str, place: float, length: int) -> Float32:
    """At most `length` samples of a recording, as 16 kHz mono, from `place`: 0 its beginning, 1 as late as they fit.

    Raises `SourceError`.
    """
    try:
        with soundfile.SoundFile(path) as file:
            wanted = -(-length * file.samplerate // RATE_HZ)
            file.seek(int(place * max(0, file.frames - wanted)))
            samples = file.read(wanted, dtype="float32", always_2d=True)
            converter = Converter(file.samplerate, file.channels)
    except (OSError, soundfile.SoundFileError) as error:
        raise SourceError(str(error), where=path) from error
    found = np.concatenate([converter.push(samples), converter.finish()])[:length]
    return found.astype(np.float32) / np.float32(32768)


def simulate_rooms(count: int, seed: int, homes: Homes = Homes()) -> list[Float32]:
    """`count` impulse responses of shoe-box rooms (image sources).

    Raises `ConfigError` without pyroomacoustics.
    """
    try:
        import pyroomacoustics as pra
    except ImportError as error:
        raise ConfigError("pyroomacoustics is not installed", hint="pip install 'wakeword[eval]'") from error
    random = np.random.default_rng(seed)
    rooms: list[Float32] = []
    while len(rooms) < count:
        size = np.array([random.uniform(2.2, wall) for wall in homes.largest_m])
        t60 = random.uniform(*homes.t60_s)
        try:
            absorption, order = pra.inverse_sabine(t60, size)
        except ValueError:  # that room cannot be so dead or so live
            continue
        microphone = random.uniform(0.3, size - 0.3)
        direction = random.standard_normal(3) * [1, 1, 0.3]
        talker = microphone + direction / np.linalg.norm(direction) * random.uniform(*homes.metres)
        if not np.all((talker > 0.2) & (talker < size - 0.2)):
            continue
        rooms.append(shoe_box(size, absorption, min(order, MOST_REFLECTIONS), talker, microphone))
    return rooms


def shoe_box(size: Point, absorption: float, order: int, talker: Point, microphone: Point) -> Float32:
    """The response of an empty room by image sources of so many reflections; places in metres from a corner."""
    import pyroomacoustics as pra

    room = pra.ShoeBox(size, fs=RATE_HZ, materials=pra.Material(absorption), max_order=order)
    room.add_source(talker)
    room.add_microphone(microphone)
    room.compute_rir()
    return align(np.asarray(room.rir[0][0], np.float32))
