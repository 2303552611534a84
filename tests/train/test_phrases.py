"""What synthetic voices say: near-misses must be near and must not be the word."""

from __future__ import annotations

import re

import pytest

from wakeword.train import phrases


@pytest.mark.parametrize("word", phrases.NEAR)
def test_no_near_miss_contains_a_word_itself(word: str) -> None:
    for phrase in phrases.near_misses(word):
        assert not set(re.findall(r"[a-z']+", phrase.lower())) & set(phrases.NEAR), phrase


@pytest.mark.parametrize("word", phrases.NEAR)
def test_near_misses_are_clean_and_said_once(word: str) -> None:
    found = phrases.near_misses(word)
    assert len(found) >= 30
    assert len(set(found)) == len(found)
    assert all(phrase == " ".join(phrase.split()) and phrase for phrase in found)


def test_sentences_around_name_no_word() -> None:
    for sentence in phrases.AROUND:
        assert not set(re.findall(r"[a-z']+", sentence.lower())) & set(phrases.NEAR)
