"""Choosing operating points on a sweep that is small enough to see through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.errors import ConfigError
from wakeword.train import choose
from wakeword.train.choose import CONDITIONS, Sweep

HEADER = "word,condition,path,speaker,time_s,stage1,stage2,hours\n"


def sweep(said: list[tuple[float, float]], false: list[tuple[float, float]], hours: float = 1.0) -> Sweep:
    """The same utterances in every condition; false candidates a minute apart."""
    utterances = {name: np.array(said) for name in CONDITIONS}
    places = [("a", 60.0 * number) for number in range(len(false))]
    return Sweep(
        utterances, {name: ["ann"] * len(said) for name in CONDITIONS}, places, np.array(false).reshape(-1, 2), hours
    )


def test_the_table_is_read_by_word_and_condition(tmp_path: Path) -> None:
    path = tmp_path / "sweep.csv"
    path.write_text(
        HEADER
        + "computer,clean,c/a.flac,ann,0.1,0.9,0.8,0\n"
        + "computer,babble-0dB,b/a.flac,ann,0.1,0.7,0.6,0\n"
        + "jarvis,clean,c/b.flac,bob,0.1,0.5,0.4,0\n"
        + ",speech,speech/x,src,-1,0,0,0.5\n"
        + "computer,speech,speech/x,src,3.00,0.6,0.2,0\n"
        + ",speech,noise/y,src,-1,0,0,0.25\n"
    )
    found = choose.read(path, "computer")
    assert {name: scores.tolist() for name, scores in found.utterances.items()} == {
        "clean": [[0.9, 0.8]], "10dB": [], "0dB": [[0.7, 0.6]],
    }  # fmt: skip
    assert (found.hours, found.places, found.false.tolist()) == (0.75, [("speech/x", 3.0)], [[0.6, 0.2]])
    assert choose.read(path, "computer", "speech/").hours == 0.5
    with pytest.raises(ConfigError, match=r"no hours across rooms .*made anew"):
        choose.both(path, "computer")


# second          0    1.0  2.0          10     (one file)     0   (another)
# accepted        ^     ^    ^            ^                    ^
# counted         1     -    2            3                    4        within 1.5 s of a counted one: the same
def test_false_accepts_close_to_a_counted_one_are_the_same() -> None:
    places = [("a", 0.0), ("a", 1.0), ("a", 2.0), ("a", 10.0), ("b", 0.0)]
    table = Sweep({}, {}, places, np.full((5, 2), 0.9), 1.0)
    assert choose.false_accepts(table, 0.5, 0.5) == 4
    assert choose.false_accepts(table, 0.95, 0.5) == 0


def test_a_stage_whose_threshold_is_0_says_yes_to_all() -> None:
    """As it must when the other stage is looked at alone."""
    table = sweep([(1.0, 0.4)], [(0.2, 0.9), (1.0, 0.6), (1.0, 0.1)])
    assert choose.false_accepts(table, 0.0, 0.5) == 2
    assert choose.false_accepts(table, 0.5, 0.0) == 2
    assert choose.false_accepts(table, 0.0, 0.0) == 3


def test_a_miss_is_a_refusal_by_either_stage() -> None:
    table = sweep([(0.9, 0.9), (0.9, 0.1), (0.1, 0.9), (0.5, 0.5)], [])
    assert choose.misses(table, 0.5, 0.5) == dict.fromkeys(CONDITIONS, 2)


def test_the_pair_with_fewest_misses_within_the_allowance_is_chosen() -> None:
    said = [(0.9, 0.9)] * 8 + [(0.9, 0.6)] * 2
    false = [(0.8, 0.7), (0.8, 0.3), (0.3, 0.2)]
    strict = choose.choose(sweep(said, false), 0.5)  # none of the false ones may pass
    loose = choose.choose(sweep(said, false), 1.0)  # one may: the quieter utterances come back
    assert (strict.false_accepts, strict.misses["clean"]) == (0, 2)
    assert (loose.false_accepts, loose.misses["clean"]) == (1, 0)


@given(
    st.lists(st.tuples(st.floats(0.05, 0.999), st.floats(0.001, 0.999)), min_size=1, max_size=12),
    st.lists(st.tuples(st.floats(0.05, 0.999), st.floats(0.001, 0.999)), max_size=12),
    st.floats(0.1, 4),
)
def test_a_choice_keeps_its_allowance_and_tells_the_truth(
    said: list[tuple[float, float]], false: list[tuple[float, float]], most: float
) -> None:
    table = sweep(said, false)
    chosen = choose.choose(table, most)
    assert chosen.false_accepts == choose.false_accepts(table, chosen.stage1, chosen.stage2) <= most
    assert chosen.misses == choose.misses(table, chosen.stage1, chosen.stage2)


def test_candidates_per_hour_lets_just_so_many_through() -> None:
    table = sweep([(0.9, 0.9)], [(score / 100, 0.5) for score in range(10, 90)], hours=2.0)
    threshold = choose.candidates_per_hour(table, 5)
    assert int(np.sum(table.false[:, 0] >= threshold)) == pytest.approx(10, abs=1)


@given(st.integers(0, 10_000))
def test_points_are_nested_what_strict_or_room_accepts_default_does_and_so_does_keen(seed: int) -> None:
    random = np.random.default_rng(seed)
    said = {name: np.clip(random.normal(0.7, 0.2, (40, 2)), 0.001, 0.999) for name in choose.CONDITIONS}
    places = [(f"file {n % 5}", float(n)) for n in range(200)]
    near, across = (random.uniform(0.001, 0.999, size=(200, 2)) ** power for power in (2.0, 1.2))
    rooms = choose.Sweep(said, {}, places, across, 10.0)
    found = choose.points(choose.Sweep(said, {}, places, near, 10.0), rooms)
    for stage in ("stage1", "stage2"):
        room, strict, default, keen = (getattr(found[name], stage) for name in ("room", "strict", "default", "keen"))
        assert min(room, strict) >= default >= keen
    bounds = {**choose.FA_PER_HOUR, "room": choose.ROOM_FA_PER_HOUR}
    assert all(point.false_accepts <= bounds[name] * 10.0 for name, point in found.items())
    assert choose.false_accepts(rooms, found["room"].stage1, found["room"].stage2) <= 10 * choose.ROOM_FA_PER_HOUR
