"""Settings: what counts as heard, what as a false accept, and which setting an engine gets."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.versus import choose
from wakeword.versus.choose import Clip, Hearing
from wakeword.versus.engines import Row
from wakeword.versus.streams import Said, Stream

RATE_HZ = 16_000
NOTHING = choose.gather([])


def row(at_s: float, score: float, **more: float) -> Row:
    return Row("alexa", round(at_s * RATE_HZ), score, **more)


def clip(condition: str, *scores: float) -> Clip:
    return Clip(Said("a.wav", "s1", 0), condition, choose.gather((0, row(0, score)) for score in scores))


# second        0    1    2    3    4    5    6
# words               alexa|         alexa|
# rows                  ^        ^      ^  ^       at 1.6, 2.9, 4.7, 5.9
def test_a_word_is_heard_from_half_a_second_before_its_end_to_a_second_after_it() -> None:
    said = tuple(Said(f"{end_s}.wav", "s1", end_s * RATE_HZ) for end_s in (2, 5))
    rows = [row(1.6, 0.3), row(2.9, 0.9), row(4.4, 0.9), row(4.7, 0.8), row(5.9, 0.6), row(6.1, 1.0)]
    other = Row("jarvis", 2 * RATE_HZ, 1.0)
    stream = Stream("", "alexa", "clean", said, np.zeros(0, np.int16))
    one, two = choose.clips(stream, [*rows, other])
    assert one.rows.score.tolist() == [0.3, 0.9]
    assert two.rows.score.tolist() == [0.8, 0.6]
    assert (two.heard(0.5, 0.8), two.heard(0.5, 0.81)) == (True, False)
    assert one.delay_s(0.5, 0.5) == pytest.approx(0.9)
    assert two.delay_s(0.5, 0.9) is None


def test_false_accepts_within_a_second_and_a_half_are_one_but_not_across_recordings() -> None:
    false = choose.gather([(0, row(1, 0.9)), (0, row(2.4, 0.9)), (0, row(2.6, 0.9)), (1, row(2.7, 0.9))])
    assert choose.false_accepts(false, 0.5) == 3
    assert choose.false_accepts(false, 0.91) == 0


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 400), st.integers(1, 30)), max_size=40), st.integers(0, 6))
def test_the_loosest_threshold_keeps_the_bound_and_the_next_score_would_not(
    drawn: list[tuple[int, int, int]], allowed: int
) -> None:
    false = choose.gather((number, row(tenths / 10, score / 31)) for number, tenths, score in drawn)
    threshold = choose.loosest(false, allowed)
    assert choose.false_accepts(false, threshold) <= allowed
    below = false.score[false.score < threshold]
    if len(below):
        assert choose.false_accepts(false, float(below.max())) > allowed
    counts = [choose.false_accepts(false, score) for score in np.unique(false.score)[::-1].tolist()]
    assert all(one <= two for one, two in pairwise(counts))


def test_the_setting_with_the_fewest_misses_over_quiet_and_noise_is_taken() -> None:
    def there(level: float) -> dict[str, float]:
        return {"above": level - 0.01, "upto": level}

    clips = (
        Clip(Said("a", "s1", 0), "clean", choose.gather([(0, row(0, 0.9, **there(0.2)))])),
        Clip(Said("b", "s1", 0), "music-0dB", choose.gather([(0, row(0, 0.4, above=0.0, upto=1.0))])),
        Clip(Said("c", "s1", 0), "babble-0dB", choose.gather([(0, row(0, 0.3, **there(0.7)))])),
    )
    false = choose.gather([(0, row(1, 0.35, **there(0.2))), (0, row(9, 0.35, **there(0.7)))])
    hearing = Hearing("alexa", clips, false, 2.0, (0.2, 0.7))
    strict, loose = choose.choose(hearing, 0.4), choose.choose(hearing, 0.5)
    assert strict is not None
    assert loose is not None
    assert (strict.level, strict.heard, strict.false_accepts) == (0.2, (True, True, False), 0)
    assert 0.35 < strict.threshold < 0.36
    assert (loose.level, loose.heard, loose.false_accepts) == (0.2, (True, True, False), 1)
    assert choose.miss_rate(hearing, loose) == pytest.approx((0 + 1 / 2) / 2)  # quiet and 0 dB count alike


def test_an_engine_that_keeps_no_bound_has_no_setting() -> None:
    false = choose.gather([(0, row(1, 1.0))])
    assert choose.choose(Hearing("alexa", (clip("clean", 1.0),), false, 1.0, (0.5,)), 0.5) is None
    assert choose.choose(Hearing("alexa", (clip("clean", 1.0),), false, 1.0, (0.5,)), 1.0) is not None


def test_no_threshold_is_lower_than_the_engine_allows() -> None:
    hearing = Hearing("alexa", (clip("clean", 0.05), clip("0dB", 0.2)), NOTHING, 1.0, (0.5,), least=0.1)
    chosen = choose.choose(hearing, 1.0)
    assert chosen is not None
    assert (chosen.threshold, chosen.heard) == (0.1, (False, True))
