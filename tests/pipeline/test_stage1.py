"""Stage 1 at work, on the shipped models. That streaming equals the network run at once: tests/train/test_export.py."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wakeword import model
from wakeword.errors import ModelError
from wakeword.pipeline import stage1
from wakeword.pipeline.features import OVERLAP_SAMPLES
from wakeword.pipeline.stage1 import STEPS_PER_UNIT, Stage1

UNIT = 1280


@pytest.fixture(scope="module")
def words() -> list[model.Model]:
    return [model.load(word) for word in ("computer", "jarvis", "alexa")]


@pytest.fixture(scope="module")
def units(room: np.ndarray) -> list[np.ndarray]:
    """The room's first sentence with a wake word in it, 7.6 to 10.8 s, as 40 units."""
    part = room[121_600 - OVERLAP_SAMPLES : 121_600 + 40 * UNIT]
    return [part[at : at + OVERLAP_SAMPLES + UNIT] for at in range(0, 40 * UNIT, UNIT)]


def scores(stage1: Stage1, units: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([stage1.push(unit) for unit in units])


def test_a_unit_gives_two_logits_a_word(words: list[model.Model], units: list[np.ndarray]) -> None:
    found = scores(Stage1(words), units)
    assert found.shape == (40 * STEPS_PER_UNIT, 3)
    assert found.dtype == np.float32
    assert np.all(np.isfinite(found))


def test_the_word_said_scores_highest(words: list[model.Model], units: list[np.ndarray]) -> None:
    computer, jarvis, alexa = scores(Stage1(words), units).max(axis=0)
    assert computer > 0  # a score over one half
    assert max(jarvis, alexa) < 0


def test_after_reset_nothing_of_the_past_remains(words: list[model.Model], units: list[np.ndarray]) -> None:
    stage1 = Stage1(words)
    fresh = scores(stage1, units)
    assert not np.array_equal(scores(stage1, units), fresh)  # the states do carry something
    stage1.reset()
    np.testing.assert_array_equal(scores(stage1, units), fresh)


def test_one_trunk_for_all_words_gives_the_scores_of_each_alone(
    words: list[model.Model], units: list[np.ndarray]
) -> None:
    together = scores(Stage1(words), units)
    alone = [scores(Stage1([word]), units)[:, 0] for word in words]
    assert len({word.trunk for word in words}) == 1
    np.testing.assert_allclose(together, np.stack(alone, axis=1), atol=1e-4)


def test_scores_come_in_the_order_of_the_models_whatever_their_trunks(
    words: list[model.Model], units: list[np.ndarray]
) -> None:
    computer, jarvis, alexa = words
    mixed = [alexa, replace(jarvis, trunk="~ another"), computer]  # sorts behind any hash
    together = scores(Stage1(words), units)
    np.testing.assert_allclose(scores(Stage1(mixed), units), together[:, [2, 1, 0]], atol=1e-4)


def test_any_sound_gives_finite_logits(words: list[model.Model]) -> None:
    random = np.random.default_rng(3)
    loud = random.integers(-32768, 32768, OVERLAP_SAMPLES + UNIT).astype(np.int16)
    stage1 = Stage1(words)
    for samples in (loud, loud * 0, loud // 32767, loud | 32767, loud):  # noise, silence, a whisper, full scale
        assert np.all(np.isfinite(stage1.push(samples)))


def test_a_head_of_several_taps_sees_what_the_trunk_said_before(
    words: list[model.Model], units: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    taps, random = 5, np.random.default_rng(1)
    long = random.normal(0, 0.1, taps * stage1.WIDTH + 1).astype(np.float32)
    short = random.normal(0, 0.1, stage1.WIDTH + 1).astype(np.float32)
    numbers = {words[0].word: long, words[1].word: short}
    each = np.eye(stage1.WIDTH, stage1.WIDTH + 1, dtype=np.float32)  # heads that say what the trunk said
    said = np.concatenate(
        [scores(with_heads(words, {w.word: row for w in words}, monkeypatch), units) for row in each], 1
    )
    said = said[:, ::3]
    before = np.concatenate([np.zeros((taps - 1, stage1.WIDTH), np.float32), said])
    windows = np.stack([before[step : step + taps].ravel() for step in range(len(said))])
    expected = np.stack([windows @ long[:-1] + long[-1], said @ short[:-1] + short[-1]], axis=1)
    listening = with_heads(words[:2], numbers, monkeypatch)
    np.testing.assert_allclose(scores(listening, units), expected, atol=1e-4)
    twin = listening.twin([0, 1])
    np.testing.assert_allclose(scores(twin, units), expected, atol=1e-4)  # its past is its own
    listening.reset()
    np.testing.assert_allclose(scores(listening, units), expected, atol=1e-4)


def test_a_head_of_several_units_rectifies_each_and_sums_them_beside_a_head_of_one(
    words: list[model.Model], units: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    several = random.normal(0, 0.3, (7, 3 * stage1.WIDTH + 2)).astype(np.float32)
    one = random.normal(0, 0.3, stage1.WIDTH + 1).astype(np.float32)
    single = {words[0].word: np.append(several[0, :-1], 1).astype(np.float32)[None], words[1].word: one}

    def unit(number: int) -> np.ndarray:  # a head of this unit alone: what it says before it is rectified
        alone = {**single, words[0].word: several[number, :-1]}
        return scores(with_heads(words[:2], alone, monkeypatch), units)[:, 0]

    raw = np.stack([unit(number) for number in range(len(several))], axis=1)
    assert (raw < 0).any() and (raw > 0).any()
    both = scores(with_heads(words[:2], {words[0].word: several, words[1].word: one}, monkeypatch), units)
    np.testing.assert_allclose(both[:, 0], np.maximum(raw, 0) @ several[:, -1], atol=1e-3)
    np.testing.assert_allclose(both[:, 1], scores(with_heads(words[:2], single, monkeypatch), units)[:, 1], atol=1e-4)


@pytest.mark.parametrize("shape", [(1,), (48,), (50,), (96,), (24, 49), (24, 2), (0, 50), (2, 2, 50)])
def test_a_head_that_fits_no_trunk_is_refused(
    words: list[model.Model], shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match=rf"computer.stage1\.onnx: a head of shape {re.escape(str(shape))}"):
        with_heads(words[:1], {"computer": np.zeros(shape, np.float32)}, monkeypatch)


def test_a_trunk_that_is_not_the_one_the_manifest_names_is_refused(words: list[model.Model]) -> None:
    """Else the hash in the evidence would be that of a file that is not what listens."""
    folder = Path(__file__).parents[1] / "models" / "loud"
    other = replace(model.load(folder), trunk=words[0].trunk)
    with pytest.raises(ModelError, match=r"loud.stage1\.onnx: its trunk is not the one that the manifest names"):
        Stage1([words[0], other])


def with_heads(words: list[model.Model], heads: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> Stage1:
    """The shipped trunk with other heads."""

    def answers(session: object, *outputs: str, where: Path) -> list[np.ndarray]:
        found = dict(zip(outputs, model.answers(session, *outputs, where=where), strict=True))
        return [{**found, "head": given[where]}[name] for name in outputs]

    given = {word.folder / "stage1.onnx": heads[word.word] for word in words}
    monkeypatch.setattr(stage1, "answers", answers)
    return Stage1(words)
