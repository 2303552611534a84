"""What each part of the cascade is worth: the same features as stage 1's, and misses at a bound of false accepts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("onnx", reason="training needs the extra 'train'")

from wakeword import model as models  # noqa: E402
from wakeword.model import load  # noqa: E402
from wakeword.pipeline.features import log_mel  # noqa: E402
from wakeword.train import ablation, choose, train_stage2  # noqa: E402
from wakeword.train.stage1 import Stage1  # noqa: E402


@pytest.fixture
def table() -> choose.Sweep:
    random = np.random.default_rng(3)
    said = {name: np.clip(random.normal(0.7, 0.2, (60, 2)), 0, 1) for name in choose.CONDITIONS}
    places = [(f"file {n % 7}", float(n)) for n in range(300)]
    return choose.Sweep(said, {}, places, random.uniform(size=(300, 2)) ** 3, 10.0)


def test_the_second_view_is_stage_1s_own(room: np.ndarray) -> None:
    segment = room[121_600 : 121_600 + 32_000]
    found = ablation.LogMel()(torch.from_numpy(segment.astype(np.float32))[None])[0, 0].numpy()
    np.testing.assert_allclose(found, log_mel(segment), atol=1e-3)


def test_a_stage_2_on_stage_1s_features_is_trained_and_stands_in_a_model_folder(
    pool_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    torch.save(Stage1(3).state_dict(), tmp_path / "stage1.pt")
    monkeypatch.setattr(train_stage2, "BATCH", 12)
    monkeypatch.setattr(train_stage2, "DRAWN", 24)
    shipped = models.find("jarvis")
    ablation.train([pool_folder], tmp_path / "stage1.pt", shipped.parent, tmp_path / "out", epochs=1, seed=1)
    made, original = load(tmp_path / "out" / "jarvis"), load("jarvis")
    assert made.stage1_sha256 == original.stage1_sha256
    assert made.stage2_sha256 != original.stage2_sha256


def test_stage_2_is_asked_four_times_a_second_about_the_two_seconds_before() -> None:
    sound = np.arange(32_000, dtype=np.float32) / 32767
    windows = np.stack(ablation.windows(sound))
    assert windows.shape == (8, 32_000)
    assert windows[:, -1].tolist() == [n * ablation.HOP - 1 for n in range(1, 9)]
    assert windows[0, : 32_000 - ablation.HOP].max() == 0
    assert len(ablation.windows(sound[:100])) == 0


def test_no_two_peaks_are_within_the_rest_and_the_best_comes_first() -> None:
    column = np.random.default_rng(1).uniform(size=200)
    found = ablation.peaks(column)
    assert found[0] == int(np.argmax(column))
    assert np.diff(np.sort(found)).min() > choose.REST_S / 0.25
    assert [column[at] for at in found] == sorted((column[at] for at in found), reverse=True)


@pytest.mark.parametrize("stage", [0, 1])
@pytest.mark.parametrize("bound", [0.0, 0.5, 2.0])
def test_one_stage_alone_takes_the_loosest_threshold_within_the_bound(
    table: choose.Sweep, stage: int, bound: float
) -> None:
    def pair(threshold: float) -> tuple[float, float]:
        return (threshold, 0.0) if stage == 0 else (0.0, threshold)

    within = [t for t in np.append(table.false[:, stage], 1.1) if choose.false_accepts(table, *pair(t)) <= bound * 10]
    lost = choose.misses(table, *pair(min(within)))
    assert ablation.at_most(table, bound, stage) == ablation.percent(lost, table)


def test_the_correlation_is_of_false_candidates_alone() -> None:
    logits = np.random.default_rng(2).normal(0, 2, 500)
    same = 1 / (1 + np.exp(-np.stack([logits, logits], axis=1)))
    said = {name: np.zeros((1, 2)) for name in choose.CONDITIONS}
    assert ablation.correlation(choose.Sweep(said, {}, [], same, 1.0)) == pytest.approx(1.0)


def test_stage_2_by_itself_says_what_the_verifiers_say(room: np.ndarray) -> None:
    verifiers = [ablation.Verifier(load(word)) for word in ablation.WORDS]
    sound = room[120_000:152_000].astype(np.float32) / 32767
    found = ablation.scores(verifiers, sound)
    assert found.shape == (8, 3)
    for row, segment in zip(found, ablation.windows(sound), strict=True):
        assert row.tolist() == [verifier.judge(segment) for verifier in verifiers]
