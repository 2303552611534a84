"""What synthetic voices say: near-misses must be near and must not be the word."""

from __future__ import annotations

import re

import pytest

from wakeword.errors import ConfigError
from wakeword.train import phrases
from wakeword.train.phrases import Word


@pytest.mark.parametrize(
    ("said", "name", "phrase", "language"),
    [
        ("computer", "computer", "computer", "en"),
        ("  OK   Garden ", "ok_garden", "ok garden", "en"),
        ("what's up", "whats_up", "what's up", "en"),
        ("小爱同学", "小爱同学", "小爱同学", "zh"),
    ],
)
def test_a_word_is_what_is_said(said: str, name: str, phrase: str, language: str) -> None:
    assert Word.of(said) == Word(name, phrase, language)


@pytest.mark.parametrize("said", ["", "a", "爱", "hal 9000", "привет", "../up", "x" * 50, "hey 小爱"])
def test_what_no_voice_can_say_is_refused(said: str) -> None:
    with pytest.raises(ConfigError, match="cannot be said"):
        Word.of(said)


@pytest.mark.parametrize("word", phrases.NEAR)
def test_no_near_miss_by_hand_contains_a_word_itself(word: str) -> None:
    for phrase in phrases.listed(word):
        assert not set(re.findall(r"[a-z']+", phrase.lower())) & set(phrases.NEAR), phrase


@pytest.mark.parametrize("word", phrases.NEAR)
def test_near_misses_by_hand_are_clean_and_said_once(word: str) -> None:
    found = phrases.listed(word)
    assert len(found) >= 30
    assert len(set(found)) == len(found)
    assert all(phrase == " ".join(phrase.split()) and phrase for phrase in found)


@pytest.mark.parametrize("phrase", ["alexa", "ok garden", "小爱同学"])
def test_near_misses_of_any_phrase_do_not_hold_the_phrase(phrase: str) -> None:
    pytest.importorskip("hibari", reason="needs the extra voices")
    pytest.importorskip("jieba", reason="needs the extra voices")
    found = phrases.near_misses(Word.of(phrase))
    assert len(found) >= 40
    assert len(set(found)) == len(found)
    assert not [near for near in found if f" {phrase} " in f" {near.lower()} "]


def test_sentences_around_name_no_word() -> None:
    for sentence in phrases.AROUND["en"]:
        assert not set(re.findall(r"[a-z']+", sentence.lower())) & set(phrases.NEAR)
