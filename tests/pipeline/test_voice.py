"""Voice activity: what opens it, what does not, and how long it stays open."""

from __future__ import annotations

import numpy as np
import pytest

from wakeword.pipeline.voice import FLOOR_DBFS, HANG_OVER_UNITS, UNIT_SAMPLES, VoiceDetector

SILENCE = np.zeros(UNIT_SAMPLES, np.int16)


def units(samples: np.ndarray) -> list[np.ndarray]:
    return [samples[at : at + UNIT_SAMPLES] for at in range(0, len(samples) - UNIT_SAMPLES + 1, UNIT_SAMPLES)]


@pytest.fixture
def voice() -> VoiceDetector:
    return VoiceDetector()


@pytest.fixture
def sentence(room: np.ndarray) -> np.ndarray:
    """ "Computer, what time is it?": 8.53 to 10.47 s of the room."""
    return room[136_480:167_520]


def test_nobody_speaks_at_first(voice: VoiceDetector) -> None:
    assert not voice.speaking


def test_silence_never_opens_it(voice: VoiceDetector) -> None:
    assert not any(voice.push(SILENCE) for _ in range(200))
    assert voice.dbfs == pytest.approx(-120)


def test_a_sentence_is_heard_from_its_first_units_on_and_throughout(voice: VoiceDetector, sentence: np.ndarray) -> None:
    heard = [voice.push(unit) for unit in units(sentence)]
    first = heard.index(True)
    assert first <= 3  # a word's first consonant may be missed: the pre-context makes up for it
    assert all(heard[first:])


def test_the_hang_over_lasts_as_many_units_as_it_says(voice: VoiceDetector, sentence: np.ndarray) -> None:
    for unit in units(sentence):
        voice.push(unit)
    silent_already = voice.quiet_units
    after = [voice.push(SILENCE) for _ in range(HANG_OVER_UNITS + 3)]
    assert after.count(True) == HANG_OVER_UNITS - silent_already
    assert after == sorted(after, reverse=True)  # once closed, closed
    assert voice.quiet_units == silent_already + HANG_OVER_UNITS + 3


def test_a_sentence_under_the_floor_is_not_heard(voice: VoiceDetector, sentence: np.ndarray) -> None:
    loudest = max(np.mean(unit.astype(float) ** 2) for unit in units(sentence))
    under = 32768 * 10 ** (FLOOR_DBFS / 20) / np.sqrt(loudest) * 0.9
    faint = np.trunc(sentence * under).astype(np.int16)
    assert np.abs(faint).max() > 0
    assert not any(voice.push(unit) for unit in units(faint))


def test_a_click_opens_it_for_no_longer_than_a_syllable(voice: VoiceDetector) -> None:
    """WebRTC's detector holds on to a click for up to six frames of 20 ms: two units, and the hang-over."""
    click = SILENCE.copy()
    click[700] = 30_000
    opened = [voice.push(unit) for unit in [click, *[SILENCE] * 40]]
    assert opened.count(True) <= 2 + HANG_OVER_UNITS
    assert opened == sorted(opened, reverse=True)


@pytest.mark.parametrize(("samples", "dbfs"), [
    (np.full(UNIT_SAMPLES, -32768), 0.0),
    (np.full(UNIT_SAMPLES, 328), -39.99),
    (32767 * np.sin(np.arange(UNIT_SAMPLES) * np.pi / 8), -3.01),
])  # fmt: skip
def test_the_level_is_that_of_the_last_unit(voice: VoiceDetector, samples: np.ndarray, dbfs: float) -> None:
    voice.push(samples.astype(np.int16))
    assert voice.dbfs == pytest.approx(dbfs, abs=0.01)
