"""Other programs' wake-word models as stage 1, with our stage 2 behind them: a user keeps the word they have.

A specification is `KIND:PATH`:

    openwakeword:…/alexa_v0.1.onnx     a head of openWakeWord; its two feature models lie beside it or in its package
    microwakeword:…/alexa.json         a manifest of microWakeWord (ESPHome); its network lies beside it

`replace_stage1` gives a model of ours that first stage: the same word, the same stage 2, their threshold. Each kind is
a module with `read` (files and threshold, no library) and `open_trunk` (what `pipeline/stage1.py` runs). No file is
unpickled, nothing is downloaded.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wakeword.errors import ConfigError, ModelError
from wakeword.model import SMOOTHED_STEPS, Model, Point, set_digest, sha256

KINDS = ("openwakeword", "microwakeword")
MAX_FILE_BYTES = 64 << 20  # chosen: forty times the largest there is


@dataclass(frozen=True, slots=True)
class Peer:
    """What was read: each file by its role, and the threshold its makers give."""

    files: dict[str, bytes]
    threshold: float
    shared: tuple[str, ...] | None = None  # roles; words for whom these are the same share a trunk. None: with nobody
    smoothed_steps: int = SMOOTHED_STEPS


def check(spec: str) -> tuple[str, Path]:
    """`KIND:PATH` -> its parts. Raises `ConfigError`."""
    kind, _, path = spec.partition(":")
    if kind not in KINDS or not path:
        raise ConfigError(f"not a stage 1 of another program: {spec!r}", hint=f"KIND:PATH; kinds: {', '.join(KINDS)}")
    return kind, Path(path).expanduser()


def replace_stage1(model: Model, spec: str) -> Model:
    """`model` with the stage 1 that `spec` names. Raises `ConfigError`, `ModelError`."""
    kind, path = check(spec)
    peer: Peer = _module(kind).read(path)
    digest = _digest(peer.files, sorted(peer.files))
    common = digest if peer.shared is None else _digest(peer.files, peer.shared)
    return replace(
        model,
        trunk=f"{kind}:{common}",
        points={name: Point(peer.threshold, point.stage2, peer.smoothed_steps) for name, point in model.points.items()},
        stage1_sha256=digest,
        stage1_bytes=b"",
        peer=kind,
        peer_files=peer.files,
    )


def replaced(model: Model, spec: str) -> Model:
    """`replace_stage1`, or the model as it is for ""."""
    return replace_stage1(model, spec) if spec else model


def replace_stages1(models: list[Model], specs: Mapping[str, str]) -> list[Model]:
    """Each model with the stage 1 that `specs` names for its word, if any. Raises `ConfigError`, `ModelError`."""
    words = [model.word for model in models]
    for word in specs:
        if word not in words:
            raise ConfigError(f"a stage 1 for '{word}', which is not listened for", hint=f"words: {', '.join(words)}")
    return [replaced(model, specs.get(model.word, "")) for model in models]


def open_trunk(models: list[Model]) -> Any:
    """The network of words that share a trunk, as `pipeline.stage1.Trunk`, which this module may not name."""
    return _module(models[0].peer).open_trunk(models)


def read_file(path: Path) -> bytes:
    """A file's bytes. Raises `ModelError`."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"{path.stat().st_size:,} bytes are no wake-word model", where=str(path))
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"unreadable: {error.strerror}", where=str(path)) from error


def logit(score: float) -> float:
    """A score of 0 to 1 as a finite logit, as `Trunk.push` answers."""
    bounded = min(max(score, 1e-8), 1 - 1e-8)
    return math.log(bounded / (1 - bounded))


def _module(kind: str) -> Any:  # Any: a module; what it has is said at this file's head
    return importlib.import_module(f"wakeword.peers.{kind}")


def _digest(files: dict[str, bytes], roles: list[str] | tuple[str, ...]) -> str:
    return set_digest([sha256(files[role]) for role in roles])
