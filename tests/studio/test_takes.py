"""Takes are cut out of a stream where somebody speaks, and what is wrong with one is said."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import studio_bed as bed
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.studio.takes import LEAD_UNITS, MOST_UNITS, Cutter, Take

Int16 = npt.NDArray[np.int16]


def cut(*sounds: Int16) -> list[Take]:
    sound = np.concatenate(sounds)
    cutter = Cutter()
    whole = len(sound) // UNIT_SAMPLES * UNIT_SAMPLES
    takes = [cutter.push(sound[at : at + UNIT_SAMPLES]) for at in range(0, whole, UNIT_SAMPLES)]
    return [take for take in takes if take]


def problem(*sounds: Int16) -> str:
    (take,) = cut(*sounds)
    return take.problem


def test_every_word_between_pauses_is_a_take(room: Int16) -> None:
    takes = cut(bed.ten_times(room))
    assert [take.problem for take in takes] == [""] * 10
    assert all(0.5 < take.voiced_s < 1.2 for take in takes)


def test_a_take_has_what_was_heard_before_it_but_never_the_word_before(room: Int16) -> None:
    word = bed.word(room)
    first, second, third = cut(
        bed.hiss(3), word, bed.hiss(0.9, 2), word, bed.hiss(3, 3), word, bed.hiss(1)
    )  # fmt: skip
    most = len(word) + (LEAD_UNITS + 11) * UNIT_SAMPLES
    assert len(first.samples) <= most
    assert len(third.samples) <= most
    assert len(second.samples) < len(word) + 0.9 * bed.RATE + UNIT_SAMPLES
    quiet = second.samples[: UNIT_SAMPLES // 4].astype(float)
    assert np.sqrt(np.mean(quiet**2)) < 40  # the room, not the end of the word before


@given(st.integers(0, UNIT_SAMPLES - 1))
@settings(max_examples=10)
def test_where_the_units_lie_does_not_matter(room: Int16, shift: int) -> None:
    assert len(cut(bed.hiss(0.8)[: 8_000 + shift], bed.word(room), bed.hiss(1.3), bed.word(room), bed.hiss(1.3))) == 2


def test_a_click_is_no_take() -> None:
    click = np.zeros(160, np.int16)
    click[40:60] = 20_000
    assert cut(bed.hiss(1), click, bed.hiss(2)) == []


def test_what_is_wrong_with_a_take_is_said(room: Int16) -> None:
    around, word = bed.hiss(1.5), bed.word(room)
    assert "clipped" in problem(around, bed.word(room, 30), around)
    assert "without a pause" in problem(around, bed.talk(room)[: 5 * bed.RATE], around)
    hum = np.sin(np.arange(4 * bed.RATE) * 2 * np.pi * 20 / bed.RATE) * 1.4 * word.astype(float).std()
    hum[2 * bed.RATE : 2 * bed.RATE + len(word)] += word
    assert any("hardly louder" in take.problem for take in cut(hum.astype(np.int16)))
    assert problem(around, word, around) == ""


def test_a_quiet_voice_is_named_as_such(room: Int16) -> None:
    word, silence = bed.word(room), np.zeros(bed.RATE, np.int16)
    level = 20 * np.log10(word.astype(float).std() / 32768)
    takes = cut(silence, bed.word(room, 10 ** ((-60 - level) / 20)), silence)
    assert ["too quiet" in take.problem for take in takes] == [True]


def test_an_endless_sound_is_not_kept_in_memory(room: Int16) -> None:
    cutter, talk = Cutter(), bed.talk(room)
    for at in range(0, len(talk) - UNIT_SAMPLES, UNIT_SAMPLES):
        cutter.push(talk[at : at + UNIT_SAMPLES])
    assert len(cutter._units) <= LEAD_UNITS + MOST_UNITS + 10


def test_the_state_names_silence_clipping_and_a_microphone_that_nobody_speaks_into(room: Int16) -> None:
    def trouble(sound: Int16) -> object:
        cutter = Cutter()
        for at in range(0, len(sound) - UNIT_SAMPLES + 1, UNIT_SAMPLES):
            cutter.push(sound[at : at + UNIT_SAMPLES])
        return cutter.watch.state()["trouble"]

    assert trouble(np.zeros(3 * bed.RATE, np.int16)) == "silence"
    assert trouble(bed.hiss(9)) == "unheard"
    assert trouble(bed.word(room, 30)) == "clipping"
    assert trouble(bed.word(room)) == ""
