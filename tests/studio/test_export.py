"""What is taken along is all that another machine needs."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from wakeword import Detector, model
from wakeword.errors import ConfigError
from wakeword.studio import export, point
from wakeword.studio.folder import Folder, Place


def unpacked(place: Place, folder: Path) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(export.archive(place))) as file:
        file.extractall(folder)
        return sorted(file.namelist())


def test_of_a_shipped_word_the_point_goes_along(ten_takes: Place, tmp_path: Path) -> None:
    found = point.find(ten_takes)
    assert unpacked(ten_takes, tmp_path) == ["README.txt", "jarvis.yaml"]
    assert found.yours
    assert Detector.load("jarvis", point=str(tmp_path / "jarvis.yaml")).points == [found.yours.point]
    assert "words: [{model: jarvis, point: jarvis.yaml}]" in (tmp_path / "README.txt").read_text()
    assert str(ten_takes.point) in export.how(ten_takes)


def test_of_a_trained_word_the_model_goes_along(jarvis: Place, tmp_path: Path) -> None:
    trained = jarvis.out / "jarvis"
    trained.mkdir(parents=True)
    for path in model.find("jarvis").iterdir():
        (trained / path.name).write_bytes(path.read_bytes())
    assert "jarvis/manifest.yaml" in unpacked(jarvis, tmp_path)
    assert model.load(tmp_path / "jarvis").stage1_sha256 == model.load("jarvis").stage1_sha256
    assert "--model ./jarvis" in (tmp_path / "README.txt").read_text()
    assert f"--model {trained}" in export.how(jarvis)


def test_without_a_model_there_is_nothing_to_take_along(folder: Folder) -> None:
    with pytest.raises(ConfigError, match="no model"):
        export.archive(folder.add("ok_garden", "ok garden"))
