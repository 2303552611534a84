"""A model folder: `manifest.yaml`, `stage1.onnx`, `stage2.onnx`, `card.md`. Read whole, hashes checked, then opened.

The bytes that are hashed are the bytes that are run: files are read once. Nothing here downloads, and no file is
unpickled.
"""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from wakeword.errors import ConfigError, ModelError, in_words
from wakeword.settings import WordSettings

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before onnxruntime is imported: its wheels phone home

FORMAT = 1
POINTS = ("strict", "default", "keen", "room")
SMOOTHED_STEPS, MOST_SMOOTHED_STEPS = 2, 8  # of 40 ms; chosen: one is noisy, three cost 20 ms and find no more
MOST_REFRACTORY_MS = 60_000  # the configuration takes no more either
LEAST_THRESHOLD = 0.1  # below it no verifier of the evidence would accept the policy


@dataclass(frozen=True, slots=True)
class Point:
    """An operating point: the least scores of both stages, and what else `wakeword tune` may have chosen with them."""

    stage1: float
    stage2: float
    smoothed_steps: int = SMOOTHED_STEPS  # of stage 1's scores, whose mean is held against the threshold
    refractory_ms: int | None = None  # after this word's sessions; None: as the session settings say


@dataclass(frozen=True)
class Model:
    """One word's two detectors, checked against their manifest."""

    word: str
    phrase: str
    folder: Path
    trunk: str  # words with the same trunk share stage 1's computation
    points: dict[str, Point]
    stage1_sha256: str
    stage2_sha256: str
    stage1_bytes: bytes
    stage2_bytes: bytes
    peer: str = ""  # the kind of another program's stage 1 that replaces ours (`wakeword/peers/`)
    peer_files: dict[str, bytes] = field(default_factory=dict)  # its files by their role


def find(name: str) -> Path:
    """The folder of a shipped word, or `name` itself when it is a folder. Raises `ModelError`."""
    if (Path(name) / "manifest.yaml").is_file():
        return Path(name)
    shipped = _shipped()
    if name.isidentifier() and (shipped / name / "manifest.yaml").is_file():
        return shipped / name
    known = ", ".join(shipped_words()) or "none"
    raise ModelError(f"no model '{name}'", hint=f"shipped: {known}; or give a folder with a manifest.yaml")


def shipped_words() -> list[str]:
    """The words that come with the package."""
    return sorted(path.parent.name for path in _shipped().glob("*/manifest.yaml"))


def load(name: str | Path) -> Model:
    """Read and check a model. Raises `ModelError` naming file and remedy."""
    folder = find(str(name))
    manifest, where = load_manifest(folder), str(folder / "manifest.yaml")
    try:
        if manifest["format"] != FORMAT:
            raise ModelError(f"format {manifest['format']}, this version reads {FORMAT}", where=where)
        hashes = [str(manifest[stage]["sha256"]) for stage in ("stage1", "stage2")]
        points = {name: _point(given) for name, given in manifest["operating_points"].items()}
        word, phrase, trunk = str(manifest["word"]), str(manifest["phrase"]), str(manifest["stage1"]["trunk"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"lacks or misstates {error}", where=where) from error
    one, two = _checked(folder / "stage1.onnx", hashes[0]), _checked(folder / "stage2.onnx", hashes[1])
    return Model(word, phrase, folder, trunk, points, hashes[0], hashes[1], one, two)


def point_of(model: Model, name: str) -> Point:
    """A point of the model by its name, or this word's in a file that `wakeword tune` wrote (`….yaml`).

    Raises `ConfigError` for a point that there is not, and for one that was chosen for other models: scores of another
    training mean something else.
    """
    if name in model.points:
        return model.points[name]
    if not name.endswith((".yaml", ".yml")):
        hint = f"it has {', '.join(model.points)}; or the file that `wakeword tune` wrote"
        raise ConfigError(f"'{model.word}' has no operating point '{name}'", hint=hint)
    path = Path(name).expanduser()
    given = _tuned(path).get(model.word)
    if not isinstance(given, dict):
        raise ConfigError(f"no operating point for '{model.word}' in it", where=str(path))
    made_for = (given.get("stage1_sha256"), given.get("stage2_sha256"))
    if made_for != (model.stage1_sha256, model.stage2_sha256):
        hint = "tune again with these models, or give the folder of those"
        raise ConfigError(f"was chosen for other models of '{model.word}' (sha256 differs)", where=str(path), hint=hint)
    try:
        point = _point(given)
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{model.word}: lacks or misstates {error}", where=str(path)) from error
    if min(point.stage1, point.stage2) < LEAST_THRESHOLD:
        raise ConfigError(f"{model.word}: a threshold below {LEAST_THRESHOLD:g}", where=str(path))
    return point


def point_from(word: WordSettings) -> Point:
    """What listen was handed for a word."""
    return Point(word.threshold_stage1, word.threshold_stage2, word.smoothed_steps, word.refractory_ms)


def load_manifest(folder: Path) -> dict[str, Any]:
    """The manifest as it stands, unchecked but for its form. Raises `ModelError`."""
    path = folder / "manifest.yaml"
    try:
        manifest = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ModelError(f"unreadable: {error}", where=str(path)) from error
    if not isinstance(manifest, dict):
        raise ModelError("not a manifest", where=str(path))
    return manifest


def set_digest(hashes: list[str]) -> str:
    """One hash for the models in force: a single file's own, or that of the sorted list, a line each."""
    if len(set(hashes)) == 1:
        return hashes[0]
    return sha256("".join(f"{digest}\n" for digest in sorted(set(hashes))).encode())


def open_session(graph: bytes) -> Any:
    """An onnxruntime session of one thread that does not spin. Raises `ModelError`."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes of its own for each kind of unusable graph
        raise ModelError(f"onnxruntime {ort.__version__} cannot run this model: {error}") from error
    session._model_bytes = None  # kept by the wrapper for a change of provider, which never comes: 3 MB a word
    return session


def answers(session: Any, *outputs: str, where: Path) -> list[Any]:
    """Some outputs of a session for zeros, the constant ones above all. Raises `ModelError`."""
    import numpy as np

    try:
        zeros = {entry.name: np.zeros(entry.shape, np.float32) for entry in session.get_inputs()}
        return list(session.run(outputs, zeros))
    except Exception as error:  # classes of its own, as above
        hint = "made by another version? train or assemble it again"
        raise ModelError(f"no graph of ours: {error}", where=str(where), hint=hint) from error


def bindable(array: Any) -> Any:
    """A numpy array's own memory, for a session's binding."""
    from onnxruntime import OrtValue

    return OrtValue.ortvalue_from_numpy(array)


def _tuned(path: Path) -> dict[str, Any]:
    """The words in a file of operating points."""
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(in_words(error), where=str(path)) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"unreadable: {error}", where=str(path)) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT or not isinstance(found.get("words"), dict):
        raise ConfigError(
            f"not operating points of format {FORMAT}", where=str(path), hint="`wakeword tune` writes them"
        )
    words: dict[str, Any] = found["words"]
    return words


def _point(given: dict[str, Any]) -> Point:
    steps, refractory = given.get("smoothed_steps", SMOOTHED_STEPS), given.get("refractory_ms")
    point = Point(float(given["stage1"]), float(given["stage2"]), steps, refractory)
    if not (0 <= point.stage1 <= 1 and 0 <= point.stage2 <= 1):
        raise ValueError(f"a threshold outside 0 to 1: {point.stage1:g}, {point.stage2:g}")
    if type(steps) is not int or not 1 <= steps <= MOST_SMOOTHED_STEPS:
        raise ValueError(f"smoothed_steps, 1 to {MOST_SMOOTHED_STEPS}: {steps!r}")
    if refractory is not None and (type(refractory) is not int or not 0 <= refractory <= MOST_REFRACTORY_MS):
        raise ValueError(f"refractory_ms, 0 to {MOST_REFRACTORY_MS}: {refractory!r}")
    return point


def sha256(content: bytes) -> str:
    """In hex, by CPython's own module where it has one: hashlib maps 3.4 MB of OpenSSL into listen, for one hash."""
    for name in ("_sha2", "_sha256", "hashlib"):  # Python 3.12 and newer; 3.11; any
        with suppress(ImportError):
            return str(importlib.import_module(name).sha256(content).hexdigest())
    raise ModelError("this Python has no SHA-256")


def _checked(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"unreadable: {error.strerror}", where=str(path)) from error
    if sha256(content) != digest:
        raise ModelError(
            "is not the file that the manifest names (sha256 differs)", where=str(path),
            hint="restore the model folder, or train it again",
        )  # fmt: skip
    return content


def _shipped() -> Path:
    """`wakeword/models` when installed; `models/` beside the package in a checkout."""
    package = Path(__file__).resolve().parent  # never in an archive: soundfile and others could not be either
    return package / "models" if (package / "models").is_dir() else package.parent / "models"
