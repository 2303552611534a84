"""Mixing: at the ratio it says, at the place it says, and the same again for the same seed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve

from wakeword.errors import ConfigError, SourceError
from wakeword.eval import mix
from wakeword.eval.mix import LEAD, TAIL, Condition

RATE = 16_000
ACTIVE = [(8_000, 24_000)]


@pytest.fixture(scope="module")
def noises(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    folder = tmp_path_factory.mktemp("noise")
    for number, rate in enumerate((16_000, 44_100, 8_000)):
        noise = np.random.default_rng(number).normal(0, 0.05 * (number + 1), 6 * rate)
        soundfile.write(folder / f"{number}.wav", noise, rate)
    return tuple(str(folder / f"{number}.wav") for number in range(3))


@pytest.fixture(scope="module")
def word() -> np.ndarray:
    """Two seconds, loud from 0.5 to 1.5 s."""
    sound = np.random.default_rng(5).normal(0, 1e-4, 2 * RATE)
    sound[8_000:24_000] += 0.05 * np.sin(np.arange(16_000) * 0.2)
    return sound.astype(np.float32)


@pytest.mark.parametrize("snr_db", [20, 10, 0, -5])
@pytest.mark.parametrize("kind", ["hum", mix.BABBLE])
def test_noise_is_at_the_ratio_it_says(noises: tuple[str, ...], word: np.ndarray, kind: str, snr_db: float) -> None:
    mixed = mix.mix(word, ACTIVE, Condition(kind, snr_db, noises), "a clip")
    assert (mixed.lead, len(mixed.sound)) == (LEAD, LEAD + len(word) + TAIL)
    alone = mixed.sound / np.float32(32768)
    alone[LEAD : LEAD + len(word)] -= word
    loudness = mix.level(word[8_000:24_000])
    assert 20 * np.log10(loudness / np.sqrt(np.mean(alone**2))) == pytest.approx(snr_db, abs=0.05)


def test_a_clip_is_drawn_by_seed_condition_and_clip_alone(noises: tuple[str, ...], word: np.ndarray) -> None:
    def made(name: str, **changes: object) -> str:
        condition = Condition(**{"noise": "hum", "snr_db": 10.0, "noises": noises} | changes)  # type: ignore[arg-type]
        return hashlib.sha256(mix.mix(word, ACTIVE, condition, name).sound.tobytes()).hexdigest()

    assert made("a") == made("a")
    assert len({made("a"), made("b"), made("a", seed=2), made("a", snr_db=0.0), made("a", noise="hiss")}) == 5


def test_what_would_be_beyond_full_scale_is_made_softer_not_clipped(noises: tuple[str, ...]) -> None:
    loud = np.full(RATE, 0.9, np.float32)
    sound = mix.mix(loud, [], Condition("hum", -10.0, noises), "a").sound
    assert 32_700 < np.abs(sound.astype(int)).max() <= 32_768
    assert np.count_nonzero(np.abs(sound.astype(int)) >= 32_760) < 10


def test_a_room_keeps_level_and_place_and_is_the_convolution_it_says(tmp_path: Path, word: np.ndarray) -> None:
    response = np.zeros(12_000, np.float32)
    response[2_000], response[2_600], response[9_000] = 0.5, -0.25, 0.1  # 125 ms until the direct sound
    soundfile.write(tmp_path / "kitchen.wav", response, RATE, subtype="FLOAT")
    mixed = mix.mix(word, ACTIVE, Condition(rooms=(str(tmp_path / "kitchen.wav"),)), "a")
    assert (mixed.room, mixed.lead) == ("kitchen", 0)
    padded = np.pad(word, (0, TAIL))
    wet = fftconvolve(padded, mix.align(response))[: len(padded)]
    wet *= mix.level(padded) / mix.level(wet.astype(np.float32))
    assert np.abs(mixed.sound / 32768 - wet).max() < 1e-4
    onset = np.flatnonzero(np.abs(mixed.sound) > 400)[0]
    assert onset == pytest.approx(8_000, abs=40)


def test_short_noise_is_repeated_and_rates_are_converted(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 1_000 * np.arange(8_000) / 8_000)
    soundfile.write(tmp_path / "tone.wav", tone, 8_000)
    noise = mix.noise_at(Condition("hum", 0.0, (str(tmp_path / "tone.wav"),)), 5 * RATE, np.random.default_rng(1))
    spectrum = np.abs(np.fft.rfft(noise))
    assert len(noise) == 5 * RATE
    assert np.argmax(spectrum) / 5 == pytest.approx(1_000, abs=2)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1, abs=1e-3)


def test_what_is_no_sound_is_named(tmp_path: Path, word: np.ndarray) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    random = np.random.default_rng(1)
    with pytest.raises(SourceError, match=r"silent\.wav: nothing but silence"):
        mix.noise_at(Condition("hum", 0.0, (str(tmp_path / "silent.wav"),)), RATE, random)
    with pytest.raises(SourceError, match=r"broken\.wav"):
        mix.noise_at(Condition("hum", 0.0, (str(tmp_path / "broken.wav"),)), RATE, random)
    with pytest.raises(SourceError, match="silent: not a room response"):
        mix.response(str(tmp_path / "silent.wav"))


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        (Condition(), "clean"),
        (Condition("hum", 10.0, ("x",)), "hum-10dB"),
        (Condition("hum", -2.5, ("x",), ("y",)), "room+hum--2.5dB"),
        (Condition(rooms=("y",)), "room"),
    ],
)
def test_a_condition_has_a_name(condition: Condition, name: str) -> None:
    assert condition.name == name


def test_rooms_are_simulated_and_the_same_for_the_same_seed() -> None:
    pytest.importorskip("pyroomacoustics", reason="simulated rooms need the extra 'eval'")
    first, again, other = mix.simulate_rooms(2, 1), mix.simulate_rooms(2, 1), mix.simulate_rooms(2, 2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    for room in first:
        assert np.argmax(np.abs(room)) <= 8  # the direct sound is first
        assert len(room) <= mix.LONGEST_RESPONSE + 8


@pytest.mark.parametrize("t60_s", [0.3, 0.9])
def test_simulated_rooms_ring_as_long_as_asked(t60_s: float) -> None:
    pytest.importorskip("pyroomacoustics", reason="simulated rooms need the extra 'eval'")
    homes = mix.Homes(t60_s=(t60_s, t60_s), metres=(1.0, 5.0), largest_m=(9.0, 8.0, 3.6))
    rung = [_t20_s(room) for room in mix.simulate_rooms(5, 1, homes)]
    assert 0.75 * t60_s < np.median(rung) < 1.25 * t60_s


def _t20_s(room: mix.Float32) -> float:
    """From -5 to -25 dB of the energy still to come (Schroeder 1965), times three."""
    left_db = 10 * np.log10(np.cumsum(room[::-1].astype(np.float64) ** 2)[::-1] / np.sum(room.astype(np.float64) ** 2))
    return 3 * float(np.searchsorted(-left_db, 25) - np.searchsorted(-left_db, 5)) / 16_000


def test_without_the_library_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyroomacoustics", None)
    with pytest.raises(ConfigError, match="pyroomacoustics is not installed"):
        mix.simulate_rooms(1, 1)
