"""Near-misses of a Mandarin phrase, by syllable."""

from __future__ import annotations

import pytest

pytest.importorskip("pypinyin", reason="needs the extra voices")
pytest.importorskip("jieba", reason="needs the extra voices")

from wakeword.train import mandarin


def test_a_syllable_is_an_initial_a_final_and_a_tone() -> None:
    assert mandarin.syllables("中爱") == [("Z", "ong", "1"), ("", "ai", "4")]


def test_regional_neighbours_cost_less_than_other_sounds_and_tones_least() -> None:
    zhang, zang, ma, zhang3 = ("Z", "ang", "1"), ("z", "ang", "1"), ("m", "a", "1"), ("Z", "ang", "3")
    cost = mandarin.cost
    assert 0 == cost(zhang, zhang) < cost(zhang, zhang3) < cost(zhang, zang) < cost(zhang, ma)


def test_what_is_nearly_the_phrase_is_found_and_what_sounds_the_same_is_not() -> None:
    found = mandarin.near_misses("小爱同学")
    assert {"小爱", "爱同学", "小学同学"} <= set(found)
    assert not [near for near in found if mandarin.syllables(near) == mandarin.syllables("小爱同学")]
