"""Any rate, width and number of channels -> 16 kHz mono int16."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.errors import SourceError
from wakeword.source.convert import Converter, Mixer, check_form

Samples = npt.NDArray[np.int16] | npt.NDArray[np.float32]


def convert(samples: Samples, rate_hz: int, channels: int, channel: int | None = None) -> npt.NDArray[np.int16]:
    converter = Converter(rate_hz, channels, channel)
    return np.concatenate([converter.push(samples), converter.finish()])


def tone(hz: float, rate_hz: int, seconds: float = 1.0, amplitude: float = 0.5) -> npt.NDArray[np.float32]:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(rate_hz * seconds)) / rate_hz)).astype(np.float32)


def rms(samples: npt.NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean((samples / 32768.0) ** 2)))


def noise(shape: tuple[int, ...], seed: int = 1, amplitude: float = 0.1) -> npt.NDArray[np.float32]:
    return (amplitude * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


EVERY_VALUE = np.arange(-32768, 32768).astype(np.int16)


def test_sixteen_khz_mono_int16_passes_unchanged() -> None:
    assert np.array_equal(convert(EVERY_VALUE, 16_000, 1), EVERY_VALUE)


def test_the_same_samples_as_floats_are_the_same() -> None:
    assert np.array_equal(convert((EVERY_VALUE / 32768).astype(np.float32), 16_000, 1), EVERY_VALUE)


def test_a_chosen_channel_is_exact() -> None:
    both = np.stack([EVERY_VALUE[::-1], EVERY_VALUE], axis=1)
    assert np.array_equal(convert(both, 16_000, 2, channel=1), EVERY_VALUE)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000])
def test_a_second_stays_a_second_and_a_tone_keeps_pitch_and_level(rate_hz: int) -> None:
    converted = convert(tone(1000, rate_hz, 1.0), rate_hz, 1)
    assert abs(len(converted) - 16_000) <= 1
    spectrum = np.abs(np.fft.rfft(converted[:16_000].astype(np.float64), n=16_000))
    assert int(spectrum.argmax()) == 1000
    assert rms(converted[2000:14_000]) == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)


def test_what_16_khz_cannot_hold_is_filtered_and_not_folded_down() -> None:
    assert rms(convert(tone(11_000, 48_000), 48_000, 1)[2000:-2000]) < 1e-4


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 3_000), max_size=12),
    form=st.sampled_from([(16_000, 1), (44_100, 1), (48_000, 2), (16_000, 4), (8_000, 3)]),
)
def test_how_samples_are_cut_into_blocks_does_not_matter(cuts: list[int], form: tuple[int, int]) -> None:
    rate_hz, channels = form
    samples = noise((20_000, channels)) * np.linspace(0, 1, 20_000, dtype=np.float32)[:, None]
    samples[:, 0] *= np.float32(1.7)
    converter, pieces, at = Converter(rate_hz, channels), [], 0
    for cut in [*cuts, 20_000]:
        pieces.append(converter.push(samples[at : at + cut]))
        at += cut
    assert np.array_equal(np.concatenate([*pieces, converter.finish()]), convert(samples, rate_hz, channels))


def test_a_reversed_a_half_and_a_dead_channel_take_nothing_from_the_loudest() -> None:
    voice = noise((16_000,))
    array = np.stack([voice, voice / 2, -voice, np.zeros_like(voice)], axis=1)
    assert np.array_equal(convert(array, 16_000, 4), convert(voice, 16_000, 1))


def test_two_like_channels_are_averaged_so_that_their_noise_falls() -> None:
    voice, hiss = noise((32_000,)), noise((32_000, 2), seed=2, amplitude=0.02)
    mixed = convert(voice[:, None] + hiss, 16_000, 2)
    assert rms(mixed - convert(voice, 16_000, 1)) == pytest.approx(0.02 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("other", ["silent", "offset", "quiet hiss"])
def test_a_voice_on_one_side_keeps_its_level(other: str) -> None:
    voice = noise((32_000,))
    side = {
        "silent": np.zeros_like(voice),
        "offset": np.full_like(voice, 0.3),
        "quiet hiss": noise((32_000,), seed=3, amplitude=0.001),
    }[other]
    assert rms(convert(np.stack([side, voice], axis=1), 16_000, 2)) == pytest.approx(
        rms(convert(voice, 16_000, 1)), rel=0.01
    )


def test_a_channel_that_dies_is_left_within_three_seconds() -> None:
    voice = noise((96_000,))
    dying = voice.copy()
    dying[16_000:] = 0
    mixed = convert(np.stack([dying, voice], axis=1), 16_000, 2)
    assert np.array_equal(mixed[64_000:], convert(voice, 16_000, 1)[64_000:])


def test_silence_on_all_channels_is_silence() -> None:
    assert not convert(np.zeros((5_000, 3), np.int16), 16_000, 3).any()


def test_the_mixer_gives_back_as_many_samples_as_it_took() -> None:
    mixer = Mixer(2, 16_000)
    assert len(mixer.push(noise((1_000, 2)))) + len(mixer.finish()) == 1_000
    assert len(mixer.finish()) == 0 or len(mixer.push(noise((0, 2)))) == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_becomes_zero_and_spoils_nothing_after_it(bad: float) -> None:
    good = noise((48_000,))
    broken = good.copy()
    broken[1_000] = bad
    healed = good.copy()
    healed[1_000] = 0
    converter = Converter(48_000, 1)
    converted = np.concatenate([converter.push(broken), converter.finish()])
    assert converter.not_finite == 1
    assert np.array_equal(converted, convert(healed, 48_000, 1))


def test_beyond_full_scale_is_clipped_and_counted() -> None:
    converter = Converter(16_000, 1)
    assert converter.push(np.array([3e38, -7, 1, -1, 0.5], np.float32)).tolist() == [
        32767,
        -32768,
        32767,
        -32768,
        16384,
    ]
    assert converter.clipped == 2


@pytest.mark.parametrize(
    ("rate_hz", "channels", "channel", "says"),
    [
        (0, 1, None, "a rate of 0 Hz"),
        (1_000_000, 1, None, "a rate of 1000000 Hz"),
        (16_000, 0, None, "0 channels"),
        (16_000, 65, None, "65 channels"),
        (16_000, 2, 2, r"no channel 2 \(there are 2, counted from 0\)"),
        (16_000, 2, -1, "no channel -1"),
    ],
)
def test_a_form_that_cannot_be_is_refused_by_name(rate_hz: int, channels: int, channel: int | None, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        check_form(rate_hz, channels, channel)


def test_a_block_of_another_width_is_refused() -> None:
    with pytest.raises(SourceError, match="3 channels instead of 2"):
        Converter(16_000, 2).push(np.zeros((10, 3), np.int16))
