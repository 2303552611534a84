"""What is exported equals what was trained, and is what the pipeline runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("onnx", reason="training needs the extra 'train'")

from wakeword import model  # noqa: E402
from wakeword.pipeline.features import OVERLAP_SAMPLES, log_mel  # noqa: E402
from wakeword.pipeline.stage1 import Stage1 as Running  # noqa: E402
from wakeword.pipeline.stage2 import Stage2 as Judging  # noqa: E402
from wakeword.train import assemble, export, stage1  # noqa: E402
from wakeword.train.export import Scale  # noqa: E402
from wakeword.train.phrases import Word  # noqa: E402
from wakeword.train.stage1 import Stage1  # noqa: E402
from wakeword.train.stage2 import Several, Stage2  # noqa: E402

WORDS = ["computer", "jarvis", "alexa"]
SCALES = {"scale1": (1.5, -0.7), "scale2": (2.0, 0.4)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Stage1, Stage2]:
    """Random weights of both stages, and the model folders made of them."""
    out = tmp_path_factory.mktemp("export")
    torch.manual_seed(6)
    one, two = Stage1(3).train(), Stage2(3).eval()
    one(torch.randn(16, 80, 40) * 3 - 9)
    two.mel.kernel.normal_(0, 0.02)
    two.mel.bank.uniform_(0, 0.01)
    torch.save(one.state_dict(), out / "one.pt")
    torch.save(two.state_dict(), out / "two.pt")
    details = {word: dict(SCALES) for word in WORDS}
    assemble.assemble(out / "one.pt", [out / "two.pt"], [Word.of(word) for word in WORDS], out / "models", details)
    return out / "models", one.eval(), two.eval()


def test_the_pipelines_stage_1_equals_the_network(trained: tuple[Path, Stage1, Stage2], room: np.ndarray) -> None:
    folder, one, _ = trained
    running = Running([model.load(folder / word) for word in WORDS])
    part = room[130_000 - OVERLAP_SAMPLES : 130_000 + 25 * 1280]
    units = [part[at : at + OVERLAP_SAMPLES + 1280] for at in range(0, 25 * 1280, 1280)]
    found = np.concatenate([running.push(unit) for unit in units])
    with torch.no_grad():
        raw = one(torch.from_numpy(log_mel(part))[None])[0].numpy()
    np.testing.assert_allclose(found, raw * SCALES["scale1"][0] + SCALES["scale1"][1], atol=2e-3)


def test_the_pipelines_stage_2_equals_the_network(trained: tuple[Path, Stage1, Stage2], room: np.ndarray) -> None:
    folder, _, two = trained
    segment = room[136_000:168_000]
    with torch.no_grad():
        raw = two(torch.from_numpy(segment.astype(np.float32))[None])[0]
    expected = torch.sigmoid(raw * SCALES["scale2"][0] + SCALES["scale2"][1]).numpy()
    found = [Judging(model.load(folder / word)).judge(segment) for word in WORDS]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_words_share_a_trunk_whose_name_is_its_content(trained: tuple[Path, Stage1, Stage2]) -> None:
    folder, one, _ = trained
    assert len({model.load(folder / word).trunk for word in WORDS}) == 1
    other = Stage1(3).eval()
    assert export.stage1_graph(one, 0, Scale())[1] == export.stage1_graph(one, 2, Scale(3, 1))[1]
    assert export.stage1_graph(one, 0, Scale())[1] != export.stage1_graph(other, 0, Scale())[1]


def test_the_same_weights_give_the_same_bytes(trained: tuple[Path, Stage1, Stage2]) -> None:
    _, one, two = trained
    assert export.stage1_graph(one, 1, Scale()) == export.stage1_graph(one, 1, Scale())
    assert export.stage2_graph(two, 1, Scale()) == export.stage2_graph(two, 1, Scale())


def test_a_graph_that_differs_from_its_network_is_not_written(
    trained: tuple[Path, Stage1, Stage2], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slightly_wrong(layer: object) -> object:
        folded = right(layer)
        folded.bias.data += 0.2
        return folded

    right = stage1._fold
    monkeypatch.setattr(stage1, "_fold", slightly_wrong)
    with pytest.raises(ValueError, match="the exported graph differs by"):
        export.stage1_graph(trained[1], 0, Scale())


def test_several_trainings_judge_by_their_mean_logit_on_the_words_all_know(tmp_path: Path) -> None:
    torch.manual_seed(4)
    networks = [Stage2(3).eval(), Stage2(5).eval()]
    for number, network in enumerate(networks):
        network.mel.kernel.normal_(0, 0.02, generator=torch.Generator().manual_seed(1))
        network.mel.bank.fill_(0.005)
        torch.save(network.state_dict(), tmp_path / f"{number}.pt")
    loaded = export.load_stage2([tmp_path / "0.pt", tmp_path / "1.pt"])
    samples = torch.randn(2, 32_000) * 500
    with torch.no_grad():
        expected = (networks[0](samples) + networks[1](samples)[:, :3]) / 2
        assert torch.allclose(loaded(samples), expected, atol=1e-5)
    assert isinstance(loaded, Several)
    assert len(export.stage2_graph(loaded, 2, Scale())) < 5_000_000
