"""The recipe: steps in order, done ones skipped; and a calibration that moves thresholds and decides the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("onnx", reason="training needs the extra 'train'")

from wakeword.errors import ConfigError
from wakeword.train import choose, recipe
from wakeword.train.choose import CONDITIONS, Sweep
from wakeword.train.phrases import Word
from wakeword.train.recipe import Recipe


@pytest.fixture
def made(tmp_path: Path) -> Recipe:
    for path in ("corpora/manifest.csv", "wake/index.csv"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).touch()
    rows = [f"{word}.flac,{word},{fold}" for word in ("computer", "jarvis") for fold in ("train", "dev")]
    (tmp_path / "wake/index.csv").write_text("\n".join(["path,word,fold", *rows]))
    return Recipe(
        (Word.of("computer"), Word.of("jarvis")),
        tmp_path / "corpora",
        tmp_path / "wake",
        tmp_path / "out",
        tmp_path / "work",
        tmp_path,
    )


def test_every_step_has_a_result_of_its_own(made: Recipe) -> None:
    steps = recipe.steps(made)
    results = [result for _, result, _ in steps]
    assert len(set(results)) == len(steps) == 8 + 2 * len(made.spoken) + made.pools + made.seeds_stage2
    assert results[-1] == made.out / "jarvis" / "card.md"


def test_what_is_done_is_skipped_and_the_rest_done_in_order(
    made: Recipe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def step(name: str) -> tuple[str, Path, object]:
        return name, made.work / name, lambda: (done.append(name), (made.work / name).touch())

    done: list[str] = []
    monkeypatch.setattr(recipe, "steps", lambda given: [step(name) for name in ("one", "two", "three")])
    made.work.mkdir()
    (made.work / "two").touch()
    recipe.follow(made)
    assert done == ["one", "three"]
    recipe.follow(made)
    assert done == ["one", "three"]
    assert capsys.readouterr().out.count("done before") == 1 + 3


@pytest.mark.parametrize("missing", ["corpora/manifest.csv", "wake/index.csv"])
def test_missing_corpora_are_named_before_anything_is_done(made: Recipe, tmp_path: Path, missing: str) -> None:
    (tmp_path / missing).unlink()
    with pytest.raises(ConfigError, match=rf"{missing}: not found \(see docs/models\.md"):
        recipe.follow(made)
    assert not made.work.exists()


@pytest.mark.parametrize("fold", ["train", "dev"])
def test_a_word_without_recordings_is_named_before_anything_is_done(made: Recipe, fold: str) -> None:
    index = made.wake / "index.csv"
    index.write_text(index.read_text().replace(f"jarvis.flac,jarvis,{fold}", f"a.flac,smart_mirror,{fold}"))
    with pytest.raises(
        ConfigError, match=rf"index\.csv: no recording of 'jarvis' in the {fold} fold \(.*computer, smart_"
    ):
        recipe.follow(made)
    assert not made.work.exists()


def test_weights_that_are_nowhere_are_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"openwakeword==0\.5\.1"):
        recipe.find_embedding(tmp_path)
    for name in ("embedding_model.onnx", "melspectrogram.onnx"):
        (tmp_path / name).touch()
    assert recipe.find_embedding(tmp_path) == tmp_path


def moved(scores: np.ndarray, shift: float) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-(np.log(scores / (1 - scores)) + shift))))


def test_calibration_puts_the_default_point_at_one_half_and_decides_the_same() -> None:
    random = np.random.default_rng(8)
    said = {name: random.uniform(0.2, 0.999, (60, 2)) for name in CONDITIONS}
    false, places = random.uniform(0.05, 0.9, (200, 2)), [("a", 60.0 * number) for number in range(200)]
    table = Sweep(said, {}, places, false, 20.0)
    rooms = Sweep(said, {}, places, random.uniform(0.05, 0.95, (200, 2)), 20.0)
    found = recipe.calibration(table, rooms)["manifest"]
    points = found["operating_points"]
    assert points["default"] == pytest.approx({"stage1": 0.5, "stage2": 0.5}, abs=1.1e-4)
    shifts = [found["scale1"][1], found["scale2"][1]]
    calibrated = Sweep(
        {name: np.stack([moved(scores[:, k], shifts[k]) for k in (0, 1)], axis=1) for name, scores in said.items()},
        {}, places, np.stack([moved(false[:, k], shifts[k]) for k in (0, 1)], axis=1), 20.0,
    )  # fmt: skip
    for name, most in choose.FA_PER_HOUR.items():
        chosen, point = choose.choose(table, most), points[name]
        before, after = chosen.misses, choose.misses(calibrated, point["stage1"], point["stage2"])
        assert all(abs(before[c] - after[c]) <= 1 for c in CONDITIONS)  # thresholds are rounded to 1e-4
        measured = recipe.measure(calibrated, calibrated, points)[name]["dev"]
        assert measured["misses"]["clean"] == f"{after['clean']} of 60"
        assert measured["false_accepts"] <= most * 20 + 1
    across = Sweep(
        calibrated.utterances, {}, places, np.stack([moved(rooms.false[:, k], shifts[k]) for k in (0, 1)], axis=1), 20.0
    )
    counts = {name: each["dev"] for name, each in recipe.measure(calibrated, across, points).items()}
    assert counts["room"]["false_accepts_across_rooms"] <= choose.ROOM_FA_PER_HOUR * 20 + 1
    assert counts["default"]["false_accepts_across_rooms"] > counts["room"]["false_accepts_across_rooms"]
