"""Both trainings, on tones: they learn, they leave what they say, and they go on where they were interrupted."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
onnx = pytest.importorskip("onnx", reason="training needs the extra 'train'")

from wakeword.train import augment, average, learn, train_stage1, train_stage2  # noqa: E402
from wakeword.train.learn import Average, Pool, learning_rate  # noqa: E402
from wakeword.train.stage1 import Stage1  # noqa: E402
from wakeword.train.stage2 import Stage2, start_from  # noqa: E402

WORDS = ("rise",)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that fit a pool of 96 clips, and an average that follows within a few steps."""
    monkeypatch.setattr(train_stage1, "BATCH", 16)
    monkeypatch.setattr(train_stage2, "BATCH", 12)
    monkeypatch.setattr(train_stage2, "DRAWN", 36)
    for module in (train_stage1, train_stage2):
        monkeypatch.setattr(module, "Average", lambda model, decay: Average(model, 0.8))


def losses(printed: str) -> list[float]:
    return [float(value) for value in re.findall(r"loss ([\d.]+)", printed)]


# --- what both share


def test_a_pool_is_read_as_it_was_written(pool_folder: Path) -> None:
    pool = Pool(pool_folder, WORDS)
    assert len(pool) == 96
    assert pool.labels[:3].tolist() == ["rise", "near:rise", "speech"]
    assert pool.word[:3].tolist() == [0, -1, -1]
    assert pool.samples.shape == (96, 51_200)


def test_features_are_computed_once_and_are_the_pipelines(pool_folder: Path) -> None:
    from wakeword.pipeline.features import OVERLAP_SAMPLES, log_mel

    pool = Pool(pool_folder, WORDS)
    first = pool.log_mels()
    expected = log_mel(np.concatenate([np.zeros(OVERLAP_SAMPLES, np.int16), pool.samples[5]]))
    np.testing.assert_allclose(first[5], expected, atol=0.01)  # kept as float16
    kept = (pool_folder / "log_mel.npy").stat().st_mtime_ns
    pool.log_mels()
    assert (pool_folder / "log_mel.npy").stat().st_mtime_ns == kept


def test_the_rate_rises_to_its_peak_and_falls_to_a_hundredth() -> None:
    rates = [learning_rate(step, 1_000, 2.0) for step in range(1_000)]
    assert rates[0] < 0.1
    assert max(rates) == rates[40] == 2.0
    assert rates[40:] == sorted(rates[40:], reverse=True)
    assert rates[-1] == pytest.approx(0.02, rel=0.01)


def test_the_average_follows_the_weights() -> None:
    layer = torch.nn.Linear(1, 1)
    average = Average(layer, 0.9)
    layer.weight.data.fill_(1.0)
    before = float(average.kept["weight"])
    average.update(layer)
    assert float(average.kept["weight"]) == pytest.approx(before + 0.1 * (1 - before))


# --- stage 1


def test_weights_are_averaged_and_counters_taken_from_the_last(tmp_path: Path) -> None:
    for number, value in enumerate((1.0, 2.0, 6.0)):
        torch.save({"weight": torch.full((2,), value), "count": torch.tensor(number)}, tmp_path / f"{number}.pt")
    average.average([tmp_path / f"{number}.pt" for number in range(3)], tmp_path / "mean.pt")
    mean = torch.load(tmp_path / "mean.pt", weights_only=True)
    assert (mean["weight"].tolist(), int(mean["count"])) == ([3.0, 3.0], 2)


def test_a_crop_holds_the_word_and_what_may_follow_it(pool_folder: Path) -> None:
    pool = Pool(pool_folder, WORDS)
    batch = np.arange(0, 96, 3)  # the words
    for seed in range(10):
        first, step = train_stage1.crop(pool, batch, np.random.default_rng(seed))
        end = pool.end[batch] // 160 - first
        assert np.all(pool.start[batch] // 160 >= first)
        assert np.all((end > 0) & (end < train_stage1.CROP_FRAMES))
        np.testing.assert_array_equal(step, -(-end // 4) - 1)
    _, step = train_stage1.crop(pool, batch + 1, np.random.default_rng(0))
    assert np.all(step == 10_000)  # a near-miss has no step at which to be heard


@pytest.mark.usefixtures("small")
def test_stage_1_learns_and_tells_unheard_clips_apart(
    pool_folder: Path, other_pool_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_stage1.train([Pool(pool_folder, WORDS)], tmp_path, WORDS, epochs=8, seed=1)
    fallen = losses(capsys.readouterr().out)
    assert len(fallen) == 8
    assert fallen[-1] < fallen[0] / 2
    network = Stage1(1)
    network.load_state_dict(torch.load(tmp_path / "stage1.pt", weights_only=True))
    other = Pool(other_pool_folder, WORDS)
    with torch.no_grad():
        best = network.eval()(torch.from_numpy(other.log_mels().astype(np.float32))).amax(dim=(1, 2)).numpy()
    assert np.quantile(best[other.word == 0], 0.1) > np.quantile(best[other.word < 0], 0.9)


@pytest.mark.usefixtures("small")
def test_stage_1_goes_on_where_it_was_interrupted_and_ends_the_same(
    pool_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pools = [Pool(pool_folder, WORDS)]
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    train_stage1.train(pools, tmp_path / "whole", WORDS, epochs=3, seed=1)
    capsys.readouterr()
    honest, calls = train_stage1.loss, iter(range(1_000))

    def interrupted(*given: object) -> object:
        if next(calls) == 8:  # in the second epoch of six batches
            raise KeyboardInterrupt
        return honest(*given)

    monkeypatch.setattr(train_stage1, "loss", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_stage1.train(pools, tmp_path / "broken", WORDS, epochs=3, seed=1)
    assert not (tmp_path / "broken" / "stage1.pt").exists()
    monkeypatch.setattr(train_stage1, "loss", honest)
    train_stage1.train(pools, tmp_path / "broken", WORDS, epochs=3, seed=1)
    assert re.findall(r"epoch (\d)/3", capsys.readouterr().out) == ["1", "2", "3"]
    whole, resumed = (torch.load(tmp_path / name / "stage1.pt", weights_only=True) for name in ("whole", "broken"))
    for key, value in whole.items():
        torch.testing.assert_close(resumed[key], value)


# --- stage 2


@pytest.fixture(scope="module")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ONNX files with the names of the real ones' weights, random but for a plausible spectrum."""
    folder = tmp_path_factory.mktemp("embedding")
    random, time = np.random.default_rng(0), np.arange(512)
    window, angles = np.hanning(512), 2 * np.pi * np.arange(257)[:, None] * time / 512
    mel = {
        "0.stft.conv_real.weight": (np.cos(angles) * window)[:, None],
        "0.stft.conv_imag.weight": (np.sin(angles) * window)[:, None],
        "1.melW": np.kron(np.eye(32), np.ones((9, 1)))[:257] * 1e-3,
    }  # fmt: skip
    network, convs = Stage2(1), {}
    for number, conv in enumerate(network.embedding.convs):
        name = "model/conv2d" + (f"_{number}" if number else "") + "/Conv2D"
        shape = tuple(conv.weight.shape)
        convs[f"{name}_weights_fused_bn" if conv.bias is not None else f"{name}/ReadVariableOp:0"] = random.normal(
            0, (2 / np.prod(shape[1:])) ** 0.5, shape
        )
        if conv.bias is not None:
            convs[f"{name}_bias_fused_bn"] = np.zeros(shape[0])
    for file, weights in (("melspectrogram.onnx", mel), ("embedding_model.onnx", convs)):
        tensors = [onnx.numpy_helper.from_array(np.float32(value), name) for name, value in weights.items()]
        onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "weights", [], [], tensors)), folder / file)
    return folder


def test_stage_2_starts_from_the_weights_it_is_given(embedding: Path) -> None:
    network = Stage2(2)
    start_from(network, embedding)
    weights = {
        t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(embedding / "embedding_model.onnx").graph.initializer
    }
    np.testing.assert_array_equal(
        network.embedding.convs[0].weight.detach(), weights["model/conv2d/Conv2D_weights_fused_bn"]
    )
    assert float(network.mel.bank.abs().sum()) > 0


def test_stage_2_sees_sixteen_descriptions_and_gives_a_logit_a_word(embedding: Path) -> None:
    network = Stage2(3)
    start_from(network, embedding)
    samples = torch.randn(2, 32_000) * 300
    with torch.no_grad():
        assert network.embedding(network.mel(samples)).shape == (2, 96, 16)
        assert network.eval()(samples).shape == (2, 3)


@pytest.mark.parametrize(("label", "kind"), [
    ("rise", "word"), ("mined:rise", "mined"), ("part:rise", "part"), ("near:rise", "near"), ("around", "near"),
    ("speech", "speech"), ("noise", "noise"), ("bumblebee", "other"),
])  # fmt: skip
def test_every_label_has_its_share(label: str, kind: str) -> None:
    assert train_stage2.kind(label, WORDS) == kind


def test_a_segment_ends_just_after_what_was_said(pool_folder: Path) -> None:
    pool = Pool(pool_folder, WORDS)
    batch = np.arange(0, 96, 3)
    drawn = train_stage2.segments(pool, batch, np.random.default_rng(1)).astype(float)
    assert drawn.shape == (32, 32_000)
    energy = (drawn.reshape(32, 80, 400) ** 2).sum(axis=2)
    middle = np.argmax(energy, axis=1) * 400  # of the word: half of it is still to come, and then up to 0.3 s
    assert np.all((middle > 32_000 - 4_000 - 4_800 - 1_200) & (middle < 32_000 - 4_000 + 1_200))


def test_a_drawn_batch_has_the_words_it_says(pool_folder: Path) -> None:
    drawer = train_stage2.Drawer([Pool(pool_folder, WORDS)], WORDS)
    samples, word = drawer.draw(200, np.random.default_rng(2))
    assert samples.shape == (200, 32_000)
    shares = train_stage2.SHARES
    share = shares["word"] / (shares["word"] + shares["near"] + shares["speech"])
    assert float((word == 0).float().mean()) == pytest.approx(share, abs=0.1)


def test_clips_meet_further_talkers_as_they_are_drawn(pool_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawer = train_stage2.Drawer([Pool(pool_folder, WORDS)], WORDS)
    drawn = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(train_stage2, "MIXED", share)
        drawn[share] = drawer.draw(60, np.random.default_rng(5))[0].numpy()
    noise = drawn[1.0] - drawn[0.0]
    snr_db = [
        20 * np.log10(augment.level(clip) / augment.level(added)) for clip, added in zip(drawn[0.0], noise, strict=True)
    ]
    low, high = train_stage2.MIX_SNR_DB
    assert low - 0.1 <= min(snr_db) < low + 4
    assert high - 4 < max(snr_db) <= high + 0.1


def test_clips_are_heard_across_rooms_as_they_are_drawn(pool_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = np.zeros(8_000, np.float32)
    late[[0, 4_800]] = 1, 0.5  # a room that says all twice, 0.3 s later
    drawer = train_stage2.Drawer([Pool(pool_folder, WORDS)], WORDS, [late])
    monkeypatch.setattr(train_stage2, "MIXED", 0.0)
    drawn = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(train_stage2, "ROOMED", share)
        drawn[share], _ = drawer.draw(60, np.random.default_rng(5))
    for dry, wet in zip(drawn[0.0].numpy(), drawn[1.0].numpy(), strict=True):
        twice = np.convolve(dry, late)[: len(dry)]
        np.testing.assert_allclose(wet, twice * (augment.level(wet) / augment.level(twice)), atol=2)


def test_bands_and_times_are_blanked_in_most_clips_to_their_mean() -> None:
    mel = torch.rand(200, 1, 197, 32)
    blanked = train_stage2.blank(mel.clone(), np.random.default_rng(1))
    changed = (blanked != mel)[:, 0].float().mean(dim=(1, 2)).numpy()
    assert 0.6 < (changed > 0).mean() < 0.9
    assert changed.max() < 0.35


@pytest.mark.usefixtures("small")
def test_stage_2_learns_and_goes_on_from_its_checkpoint(
    pool_folder: Path, other_pool_folder: Path, embedding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawer = train_stage2.Drawer([Pool(pool_folder, WORDS)], WORDS)
    train_stage2.train(drawer, train_stage2.begin(1, embedding, seed=1), tmp_path, epochs=4, seed=1)
    (tmp_path / "stage2.pt").unlink()
    train_stage2.train(drawer, train_stage2.begin(1, embedding, seed=1), tmp_path, epochs=8, seed=1)
    printed = capsys.readouterr().out
    assert re.findall(r"epoch (\d)/8", printed) == ["5", "6", "7", "8"]
    network = Stage2(1)
    network.load_state_dict(torch.load(tmp_path / "stage2.pt", weights_only=True))
    other = train_stage2.Drawer([Pool(other_pool_folder, WORDS)], WORDS)
    samples, word = other.draw(48, np.random.default_rng(3))
    with torch.no_grad():
        scores = network.eval()(samples)[:, 0].numpy()
    said = word.numpy() == 0
    assert np.median(scores[said]) > np.quantile(scores[~said], 0.8)


def test_the_pools_word_numbers_follow_the_order_given(pool_folder: Path) -> None:
    assert set(learn.Pool(pool_folder, ("speech", "rise")).word.tolist()) == {0, 1, -1}
