"""A word of one's own: the shipped weights taken back out of their graphs, a head on them, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
onnx = pytest.importorskip("onnx", reason="training needs the extra 'train'")

from onnx import numpy_helper  # noqa: E402

from wakeword import model as models  # noqa: E402
from wakeword.errors import ConfigError  # noqa: E402
from wakeword.pipeline.features import OVERLAP_SAMPLES, log_mel  # noqa: E402
from wakeword.pipeline.pipeline import Detector  # noqa: E402
from wakeword.pipeline.stage1 import Stage1 as Listening  # noqa: E402
from wakeword.train import assemble, base, card, choose, corpus, mine, own, train_head  # noqa: E402
from wakeword.train.export import with_head  # noqa: E402
from wakeword.train.learn import Average, Pool  # noqa: E402
from wakeword.train.phrases import Word  # noqa: E402

SHIPPED = models.find("computer")
WORDS = ("rise",)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def heard(head: train_head.Head) -> base.Stage1:
    trunk = base.stage1(SHIPPED)
    trunk.heads = head
    return trunk.eval()


def folder_with(head: train_head.Head, out: Path) -> Path:
    """A model folder: the shipped trunk with this head, the shipped stage 2."""
    graph = with_head((SHIPPED / "stage1.onnx").read_bytes(), head.numbers(1.0, 0.0))
    trunk = models.load("computer").trunk
    manifest = assemble.manifest(Word.of("ok garden"), trunk, {}, [], "wakeword train", 1)
    assemble.write(out / "ok_garden", manifest, graph, (SHIPPED / "stage2.onnx").read_bytes())
    return out / "ok_garden"


def test_the_trunk_that_comes_back_out_of_a_graph_hears_the_same(room: np.ndarray, tmp_path: Path) -> None:
    torch.manual_seed(1)
    head = train_head.Head()
    sound = room[: 1280 * 100]
    samples = np.concatenate([np.zeros(OVERLAP_SAMPLES, np.int16), sound])
    listening = Listening([models.load(folder_with(head, tmp_path)), models.load("computer")])
    found = [listening.push(samples[at : at + OVERLAP_SAMPLES + 1280]) for at in range(0, len(sound), 1280)]
    with torch.no_grad():
        expected = heard(head)(torch.from_numpy(log_mel(samples))[None])[0, :, 0].numpy()
    np.testing.assert_allclose(np.concatenate(found)[:, 0], expected, atol=2e-3)
    assert len(listening._trunks) == 1  # the shipped word and this one share their trunk


def test_stage_2_comes_back_out_of_its_graph_but_for_the_last_layer(room: np.ndarray) -> None:
    network = base.stage2(SHIPPED).eval()
    graph = onnx.load(str(SHIPPED / "stage2.onnx")).graph
    kept = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    several = [name for name in kept if name.startswith("trained.networks.")]
    name = "trained.networks.0.head.mix.weight" if several else "trained.head.mix.weight"
    torch.testing.assert_close(network.head.mix.weight.detach(), torch.from_numpy(kept[name].copy()))
    assert network.head.out.weight.shape == (1, 64)


@pytest.mark.parametrize("stage", [base.stage1, base.stage2])
def test_a_graph_of_another_kind_is_refused_by_name(stage: object, tmp_path: Path) -> None:
    for name in ("stage1", "stage2"):
        other = "stage2" if name == "stage1" else "stage1"
        (tmp_path / f"{name}.onnx").write_bytes((SHIPPED / f"{other}.onnx").read_bytes())
    with pytest.raises(ConfigError, match=r"stage[12]\.onnx: has no '"):
        stage(tmp_path)
    for name in ("stage1", "stage2"):
        (tmp_path / f"{name}.onnx").write_text("no graph")
    with pytest.raises(ConfigError, match=r"stage[12]\.onnx: not a graph"):
        stage(tmp_path)


def test_a_head_learns_on_a_trunk_that_stays_as_it_is(
    pool_folder: Path, other_pool_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_head, "BATCH", 32)
    monkeypatch.setattr(train_head, "Average", lambda head, decay: Average(head, 0.8))
    trunk = base.stage1(SHIPPED)
    before = {name: value.clone() for name, value in trunk.state_dict().items() if not name.startswith("heads.")}
    train_head.train(trunk, [Pool(pool_folder, WORDS)], tmp_path, epochs=20, seed=1)
    network = train_head.load(trunk, tmp_path / "head.pt")
    for name, value in before.items():
        torch.testing.assert_close(network.state_dict()[name], value)
    other = Pool(other_pool_folder, WORDS)
    with torch.no_grad():
        best = network(torch.from_numpy(other.log_mels().astype(np.float32))).amax(dim=(1, 2)).numpy()
    assert np.median(best[other.word == 0]) > np.quantile(best[other.labels == "speech"], 0.9)


def test_near_misses_are_left_to_stage_2(pool_folder: Path) -> None:
    pool = Pool(pool_folder, WORDS)
    said, targets = train_head.heard(base.stage1(SHIPPED), [pool], np.random.default_rng(1))
    words, others = np.sum(pool.labels == "rise"), np.sum(pool.labels == "speech")
    assert 0 < words + others < len(pool)
    assert len(said) == len(targets.word) == words * train_head.VIEWS + others


def test_calibration_decides_as_the_raw_scores_did() -> None:
    random = np.random.default_rng(1)
    said = {name: random.uniform(size=(40, 2)) for name in choose.CONDITIONS}
    said["clean"][3] = 0  # no candidate at all
    table = choose.Sweep(said, {}, [("a", float(n)) for n in range(0, 200, 2)], random.uniform(size=(100, 2)), 2.0)
    moved = own.calibrated(table, -1.3, 2.1)

    def shifted(score: float, by: float) -> float:
        return float(1 / (1 + np.exp(-(np.log(score / (1 - score)) + by))))

    for one, two in random.uniform(0.05, 0.95, (50, 2)):
        points = shifted(one, -1.3), shifted(two, 2.1)
        assert choose.misses(moved, *points) == choose.misses(table, one, two)
        assert choose.false_accepts(moved, *points) == choose.false_accepts(table, one, two)


def test_recordings_of_ones_own_are_found_by_their_loudness_at_any_rate(tmp_path: Path) -> None:
    rate, random = 44_100, np.random.default_rng(2)
    sound = random.normal(0, 0.001, (rate * 2, 2))
    sound[rate // 2 : rate] += random.normal(0, 0.2, (rate // 2, 2))
    (tmp_path / "anna").mkdir()
    soundfile.write(tmp_path / "anna" / "one.wav", sound, rate)
    soundfile.write(tmp_path / "silence.wav", np.zeros(rate), rate)
    (tmp_path / "notes.txt").write_text("not a recording")
    (found,) = corpus.recorded(tmp_path, "ok_garden")
    assert (found.label, found.speaker, found.path) == ("ok_garden", "anna", "anna/one.wav")
    assert found.start == pytest.approx(8_000, abs=200)
    assert found.end == pytest.approx(16_000, abs=200)


def test_what_is_missing_is_named_before_anything_is_done(tmp_path: Path) -> None:
    given = own.Own(Word.of("ok garden"), tmp_path / "corpora", tmp_path / "out", tmp_path / "work", SHIPPED)
    with pytest.raises(ConfigError, match=r"manifest\.csv: not found \(see docs/models\.md"):
        own.follow(given)
    (tmp_path / "corpora").mkdir()
    (tmp_path / "corpora" / "manifest.csv").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="empty: no sound file in it"):
        own.follow(own.Own(given.word, given.corpora, given.out, given.work, SHIPPED, recordings=tmp_path / "empty"))
    assert not given.work.exists()


def test_every_step_has_a_result_of_its_own(tmp_path: Path) -> None:
    given = own.Own(Word.of("ok garden"), tmp_path, tmp_path / "out", tmp_path / "work", SHIPPED)
    results = [result for _, result, _ in own.steps(given)]
    assert len(set(results)) == len(results)
    assert all(tmp_path / "work" in result.parents or tmp_path / "out" in result.parents for result in results)


def test_the_card_says_who_was_not_heard_in_training_and_measures_groups_of_voices(tmp_path: Path) -> None:
    folder = folder_with(train_head.Head(), tmp_path)
    voices = ["af_nova", "bm_fable:0.4+im_nicola:0.6"] * 10
    scores = np.array([[0.9, 0.9], [0.9, 0.1]] * 10)
    said = {name: scores for name in choose.CONDITIONS}
    table = choose.Sweep(said, {name: voices for name in said}, [], np.zeros((0, 2)), 3.0)
    given = own.Own(Word.of("ok garden"), tmp_path, tmp_path, tmp_path, SHIPPED)
    card.write(folder, table, table, table, own._about(given))
    text = (folder / "card.md").read_text("utf-8")
    assert "No person said the word in training" in text
    assert "| American | 0 of 10 (0-28 %) |" in text
    assert "| British/Italian | 10 of 10 (72-100 %) |" in text
    assert "| female | 0 of 10" in text
    assert Detector.load(str(folder)).models[0].phrase == "ok garden"


def test_the_floor_of_mining_lets_so_many_candidates_an_hour_through(
    tmp_path: Path, room: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["path,source,fold"]
    (tmp_path / "speech").mkdir()
    for number in range(3):
        soundfile.write(tmp_path / "speech" / f"{number}.flac", room, 16_000)
        rows.append(f"speech/{number}.flac,room,train")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    torch.manual_seed(4)
    model = heard(train_head.Head())
    with torch.no_grad():
        model.heads.sum.bias.zero_()  # scores that mean nothing, and go up and down
    floors = [mine.floor_for(model, tmp_path, per_hour) for per_hour in (50, 500, 5_000)]
    assert floors == sorted(floors, reverse=True)
    found = len(mine.candidates(model, room.astype(np.float32) / 32768, floors[1]))
    assert found == pytest.approx(500 * len(room) / 16_000 / 3_600, abs=2)
    assert mine.floor_for(model, tmp_path, 1e9) == mine.LEAST


def test_mining_that_finds_nothing_says_what_is_wrong_and_leaves_nothing(tmp_path: Path, room: np.ndarray) -> None:
    rows = ["path,source,fold"]
    for path in ("speech/a.flac", "noise/household/b.flac", "noise/music/c.flac", "rir/d.flac"):
        (tmp_path / path).parent.mkdir(parents=True)
        soundfile.write(tmp_path / path, room[:16_000], 16_000)
        rows.append(f"{path},room,train")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    model = heard(train_head.Head())
    with torch.no_grad():
        model.heads.sum.bias.fill_(-20.0)
    with pytest.raises(ConfigError, match=r"stage 1 asks nowhere at a score of 0\.12 \(it has learned too little"):
        mine.mine(model, ["ok_garden"], tmp_path / "mined", tmp_path, passes=1, floor=0.12, seed=1)
    assert not (tmp_path / "mined").exists()
