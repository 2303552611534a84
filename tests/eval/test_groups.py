"""Subgroups: what is counted, what is compared with what, and that bias is found when, and only when, it is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from eval_sweeps import build, negative, positive, said

from wakeword.eval import groups, joint, trials


def voices(
    labels: list[str], misses: Sequence[float], clips: int, conditions: tuple[str, ...] = ("clean",)
) -> tuple[joint.Sweep, np.ndarray]:
    """A speaker a label, who is missed so often in each condition."""
    said_, files, heard = [], [], []
    for speaker, (label, missed) in enumerate(zip(labels, misses, strict=True)):
        for clip in range(clips):
            for condition in conditions:
                name = f"{speaker}-{clip}#{condition}"
                files.append(positive(name, condition=condition))
                said_.append(
                    said(
                        name,
                        name,
                        condition=condition,
                        speaker=f"s{speaker}",
                        groups={"group_sex": label} if label else {},
                    )
                )
                heard.append(clip >= missed)
    return build(said_, files, []), np.array(heard)


NONE = np.zeros(0, np.int64)


def test_each_group_has_its_misses_and_its_speakers() -> None:
    sweep, heard = voices(["f", "m", "f", "m", ""], [1, 2, 3, 4, 5], 10)
    (found,) = groups.fairness([(sweep, heard, NONE)])
    assert (found.word, found.column) == ("computer", "group_sex")
    assert [(one.name, one.misses.count, one.misses.of, one.speakers) for one in found.groups] == [
        ("f", 4, 20, 2), ("m", 6, 20, 2),
    ]  # fmt: skip
    assert found.misses
    assert (found.misses.worst, found.misses.best, found.misses.size) == ("m", "f", pytest.approx(0.1))
    assert not found.misses.can_tell
    assert not found.misses_flagged
    assert found.false_accepts is None


def test_a_group_that_was_recorded_in_more_noise_is_not_blamed_for_it() -> None:
    quiet, quiet_heard = voices(["f", "m"] * 10, [1, 1] * 10, 20)
    noisy, noisy_heard = voices(["f"] * 10, [10] * 10, 20, ("music-0dB",))
    both = build([*quiet.utterances, *noisy.utterances], [*quiet.files, *noisy.files], [])
    (found,) = groups.fairness([(both, np.concatenate([quiet_heard, noisy_heard]), NONE)])
    assert found.groups[0].misses.value > 0.2 > found.groups[1].misses.value
    assert found.misses
    assert found.misses.size == pytest.approx(0.0, abs=1e-9)
    assert not found.misses_flagged


def test_false_accepts_are_compared_by_the_hour() -> None:
    files = [negative(f"n{n}", 1.0, groups={"group_room": "bath" if n % 2 else "hall"}) for n in range(40)]
    sweep = build([], files, [])
    false = np.array([n for n in range(40) for _ in range(3 if n % 2 else 0)])
    (found,) = groups.fairness([(sweep, np.zeros(0, bool), false)])
    assert [(one.name, one.false_accepts.count, one.false_accepts.hours) for one in found.groups] == [
        ("bath", 60, 20.0), ("hall", 0, 20.0),
    ]  # fmt: skip
    assert found.false_accepts
    assert (found.false_accepts.worst, found.false_accepts.size) == ("bath", pytest.approx(3.0))
    assert found.false_accepts_flagged
    assert found.misses is None


def test_asking_of_many_columns_makes_each_answer_weaker() -> None:
    sweep, heard = voices(["f", "m"] * 8, [1, 4] * 8, 10)
    (alone,) = groups.fairness([(sweep, heard, NONE)])
    together = groups.fairness([(sweep, heard, NONE)] * 5)
    assert alone.misses
    assert alone.misses_p == alone.misses.p
    assert together[0].misses_p == pytest.approx(min(1.0, 5 * alone.misses.p))


# Two columns: sex, in which one group is missed 10 points more, and age, in which nobody is. 30 speakers a group,
# 20 clips each, 8 % missed on average, 4 points of standard deviation between speakers (so one in ten is missed twice
# as often as most). The long form of this is `python -m wakeword.eval.trials bias`.
def drawn(seed: int, worse: float) -> list[groups.Column]:
    random = np.random.default_rng(seed)
    labels, _, misses, _ = trials.speakers_drawn(random, worse, 30, 20)
    sweep, heard = voices(labels, misses, 20)
    ages = {f"s{n}": str(random.choice(["child", "adult", "old"])) for n in range(len(labels))}
    aged = [
        said(one.utterance, one.file, speaker=one.speaker, groups={**one.groups, "group_age": ages[one.speaker]})
        for one in sweep.utterances
    ]
    return groups.fairness([(build(aged, sweep.files, []), heard, NONE)])


def test_a_planted_bias_is_flagged_in_19_of_20_draws_and_none_is_not() -> None:
    planted = [drawn(seed, 0.10) for seed in range(20)]
    assert sum(any(c.misses_flagged and c.column == "group_sex" for c in found) for found in planted) >= 19
    assert sum(any(c.misses_flagged and c.column == "group_age" for c in found) for found in planted) <= 2
    none = [drawn(seed, 0.0) for seed in range(20)]
    assert sum(any(c.misses_flagged for c in found) for found in none) <= 1
