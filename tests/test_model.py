"""A model folder is what its manifest says, or it is refused with the file's name and the remedy."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from wakeword import model
from wakeword.errors import USAGE, ConfigError, ModelError

WORDS = ["alexa", "computer", "jarvis"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a shipped model that a test may damage."""
    return Path(shutil.copytree(model.find("computer"), tmp_path / "copy"))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.yaml"
    manifest = yaml.safe_load(path.read_text("utf-8"))
    change(manifest)
    path.write_text(yaml.safe_dump(manifest), "utf-8")


def test_the_shipped_words_are_complete() -> None:
    assert model.shipped_words() == WORDS
    for word in WORDS:
        found = model.find(word)
        assert sorted(path.name for path in found.iterdir()) == [
            "card.md",
            "manifest.yaml",
            "stage1.onnx",
            "stage2.onnx",
        ]
        loaded = model.load(word)
        assert (loaded.word, loaded.folder, set(loaded.points)) == (word, found, set(model.POINTS))


def test_points_grow_stricter_from_keen_to_strict() -> None:
    """No point may let through at both stages what a stricter one refuses at both."""
    for word in WORDS:
        points = model.load(word).points
        for looser, stricter in (("keen", "default"), ("default", "strict"), ("default", "room")):
            assert points[looser].stage1 <= points[stricter].stage1 or points[looser].stage2 <= points[stricter].stage2
        assert all(0.1 <= value <= 1 for point in points.values() for value in (point.stage1, point.stage2))


def test_the_manifest_names_the_hashes_of_the_files_as_they_are() -> None:
    for word in WORDS:
        loaded = model.load(word)
        for stage, digest in (("stage1", loaded.stage1_sha256), ("stage2", loaded.stage2_sha256)):
            assert hashlib.sha256((loaded.folder / f"{stage}.onnx").read_bytes()).hexdigest() == digest


def test_a_folder_is_loaded_by_its_path(folder: Path) -> None:
    loaded, shipped = model.load(folder), model.load("computer")
    assert (loaded.folder, loaded.stage1_bytes) == (folder, shipped.stage1_bytes)


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
@pytest.mark.parametrize("where", [0, 1_000, -1])
def test_one_changed_byte_is_refused(folder: Path, stage: str, where: int) -> None:
    path = folder / f"{stage}.onnx"
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        ModelError, match=rf"{stage}\.onnx: is not the file that the manifest names .*train it again"
    ) as raised:
        model.load(folder)
    assert raised.value.exit_code == USAGE


@pytest.mark.parametrize("missing", ["stage1.onnx", "stage2.onnx"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(ModelError, match=rf"copy/{missing}: unreadable: No such file"):
        model.load(folder)


@pytest.mark.parametrize("number", [0, 2, "1"])
def test_another_format_is_refused_with_the_one_that_is_read(folder: Path, number: object) -> None:
    edit(folder, lambda manifest: manifest.update(format=number))
    with pytest.raises(ModelError, match=f"manifest.yaml: format {number}, this version reads 1"):
        model.load(folder)


@pytest.mark.parametrize("entry", ["format", "word", "phrase", "stage1", "stage2", "operating_points"])
def test_a_missing_entry_is_named(folder: Path, entry: str) -> None:
    edit(folder, lambda manifest: manifest.pop(entry))
    with pytest.raises(ModelError, match=f"manifest.yaml: lacks or misstates '{entry}'"):
        model.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["stage1"].pop("sha256"),
        lambda manifest: manifest["stage1"].pop("trunk"),
        lambda manifest: manifest.update(stage2=None),
        lambda manifest: manifest.update(operating_points=["default"]),
        lambda manifest: manifest.update(operating_points={"default": {"stage1": "high", "stage2": 0.5}}),
        lambda manifest: manifest.update(operating_points={"default": 0.5}),
        lambda manifest: manifest.update(operating_points={"default": {"stage1": 0.5, "stage2": 1.5}}),
        lambda manifest: manifest.update(operating_points={"default": {"stage1": float("nan"), "stage2": 0.5}}),
    ],
    ids=[
        "no hash",
        "no trunk",
        "empty stage",
        "list of points",
        "word for number",
        "number for point",
        "over 1",
        "nan",
    ],
)
def test_a_misstated_entry_is_refused(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    edit(folder, change)
    with pytest.raises(ModelError, match=r"manifest\.yaml: lacks or misstates"):
        model.load(folder)


@pytest.mark.parametrize(("content", "complaint"), [
    (b"- a list", "not a manifest"),
    (b"", "not a manifest"),
    (b"word: [", "unreadable: while parsing"),
    (b"word: \xff\xfe", "unreadable: 'utf-8' codec"),
    (b"!!python/object/apply:os.system ['true']", "unreadable: could not determine a constructor"),
])  # fmt: skip
def test_what_is_no_manifest_is_refused(folder: Path, content: bytes, complaint: str) -> None:
    (folder / "manifest.yaml").write_bytes(content)
    with pytest.raises(ModelError, match=rf"manifest\.yaml: {complaint}"):
        model.load(folder)


@pytest.mark.parametrize("name", ["computr", "../models/computer/..", "", "no such folder"])
def test_an_unknown_word_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ModelError, match=rf"no model '{name}' \(shipped: alexa, computer, jarvis; or give a folder"):
        model.load(name)


def test_a_graph_that_onnxruntime_cannot_run_is_named_as_such() -> None:
    with pytest.raises(ModelError, match=r"onnxruntime [\d.]+ cannot run this model"):
        model.open_session(b"no graph at all")


def test_one_file_is_its_own_digest_and_several_do_not_depend_on_order() -> None:
    one, two = "11" * 32, "22" * 32
    assert model.set_digest([one]) == model.set_digest([one, one]) == one
    assert model.set_digest([two, one]) == model.set_digest([one, two, one])
    assert model.set_digest([one, two]) == hashlib.sha256(f"{one}\n{two}\n".encode()).hexdigest()


# --- points that were tuned


def tuned(folder: Path, **change: object) -> Path:
    """A file as `wakeword tune` writes it, with something changed in the word's entry."""
    one, two = (hashlib.sha256((folder / f"stage{n}.onnx").read_bytes()).hexdigest() for n in (1, 2))
    entry = {"stage1": 0.25, "stage2": 0.75, "stage1_sha256": one, "stage2_sha256": two} | change
    path = folder.parent / "tuned.yaml"
    path.write_text(yaml.safe_dump({"format": 1, "words": {"computer": entry}}))
    return path


def test_a_point_is_taken_by_name_or_from_the_file_that_was_tuned(folder: Path) -> None:
    loaded = model.load(folder)
    assert model.point_of(loaded, "strict") == loaded.points["strict"]
    assert model.point_of(loaded, str(tuned(folder))) == model.Point(0.25, 0.75)
    also = model.point_of(loaded, str(tuned(folder, smoothed_steps=3, refractory_ms=700)))
    assert (also.smoothed_steps, also.refractory_ms) == (3, 700)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stage2_sha256": "0" * 64}, "was chosen for other models of 'computer'"),
        ({"stage1": "high"}, "computer: lacks or misstates"),
        ({"stage1": float("nan")}, "computer: lacks or misstates a threshold outside 0 to 1"),
        ({"stage2": 1.5}, "a threshold outside 0 to 1"),
        ({"stage2": 0.05}, r"computer: a threshold below 0\.1"),
        ({"smoothed_steps": 0}, "smoothed_steps, 1 to 8: 0"),
        ({"smoothed_steps": 9}, "smoothed_steps, 1 to 8: 9"),
        ({"smoothed_steps": 2.0}, r"smoothed_steps, 1 to 8: 2\.0"),
        ({"refractory_ms": -1}, "refractory_ms, 0 to 60000: -1"),
        ({"refractory_ms": True}, "refractory_ms, 0 to 60000: True"),
    ],
)
def test_a_tuned_point_that_does_not_fit_is_refused(folder: Path, change: dict[str, Any], reason: str) -> None:
    path = tuned(folder, **change)
    with pytest.raises(ConfigError, match=reason) as caught:
        model.point_of(model.load(folder), str(path))
    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not operating points of format 1"),
        ("format: 2\nwords: {}\n", "not operating points of format 1"),
        ("format: 1\nwords: [computer]\n", "not operating points of format 1"),
        ("format: 1\nwords: {jarvis: {}}\n", "no operating point for 'computer' in it"),
        ("{", "unreadable"),
    ],
)
def test_a_file_that_is_not_of_points_is_refused(folder: Path, text: str, reason: str) -> None:
    path = folder / "points.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason):
        model.point_of(model.load(folder), str(path))


def test_a_point_that_there_is_not_is_named_with_those_that_there_are(folder: Path) -> None:
    loaded = model.load(folder)
    with pytest.raises(ConfigError, match=r"'computer' has no operating point 'loud' \(it has strict, default, keen"):
        model.point_of(loaded, "loud")
    with pytest.raises(ConfigError, match="no such file"):
        model.point_of(loaded, str(folder / "nowhere.yaml"))
