"""Near-misses by sound: what is near for an ear must be near in the figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.train.sounds_like import ENGLISH, NEAREST, Lexicon, near_misses, sounds

WORDS = {
    "computer": "kəmpjˈuTəɹ", "commuter": "kəmjˈuTəɹ", "compute": "kəmpjˈut", "kitchen": "kˈɪʧən", "elect": "əlˈɛkt",
    "Alexa": "əlˈɛksə", "alexis": "əlˈɛksɪs", "a": "ɐ", "us": "ˌʌs", "sir": "sˈɜɹ", "garden": "ɡˈɑɹdən",
    "pardon": "pˈɑɹdən", "ok": "ˌOkˈA", "oh": "ˈO", "sock": "sˈɑk",
}  # fmt: skip
KNOWN = Lexicon({word: sounds(said) for word, said in WORDS.items()})
spoken = st.lists(st.integers(0, len(ENGLISH.drop) - 1), min_size=1, max_size=8)


def between(one: list[int], other: list[int]) -> float:
    return float(ENGLISH.distance(one, np.array([other]))[0])


def test_a_voice_partner_is_nearer_than_another_kind_of_sound() -> None:
    assert between(sounds("p"), sounds("b")) < between(sounds("p"), sounds("f")) < between(sounds("p"), sounds("i"))


@given(spoken)
def test_nothing_is_nearer_than_the_same(word: list[int]) -> None:
    assert between(word, word) == 0


@given(spoken, spoken)
def test_hearing_is_as_far_both_ways(one: list[int], other: list[int]) -> None:
    assert between(one, other) == pytest.approx(between(other, one), abs=1e-4)


@given(spoken, spoken)
def test_the_cost_is_the_cheapest_edit(one: list[int], other: list[int]) -> None:
    table = np.zeros((len(one) + 1, len(other) + 1))
    table[1:, 0], table[0, 1:] = np.cumsum(ENGLISH.drop[one]), np.cumsum(ENGLISH.drop[other])
    for i, heard in enumerate(one, 1):
        for j, said in enumerate(other, 1):
            changed = table[i - 1, j - 1] + ENGLISH.change[heard, said]
            table[i, j] = min(changed, table[i - 1, j] + ENGLISH.drop[heard], table[i, j - 1] + ENGLISH.drop[said])
    assert between(one, other) == pytest.approx(table[-1, -1], abs=1e-4)


def test_the_nearest_word_comes_first_and_never_the_word_itself() -> None:
    found = KNOWN.near(sounds(WORDS["computer"]), 5)
    assert [word for _, word in found][:2] == ["commuter", "compute"]
    assert all(cost >= NEAREST for cost, _ in found)


def test_words_that_begin_in_the_same_way_are_found() -> None:
    assert KNOWN.beginning(sounds("kəmp"), 9) == ["compute", "computer"]


def test_a_phrase_of_two_words_is_missed_by_each_alone_and_by_each_replaced() -> None:
    found = near_misses("ok garden", "ˌOkˈA ɡˈɑɹdən", KNOWN)
    assert {"ok", "garden", "ok pardon"} <= set(found)
    assert "ok garden" not in found
