"""openWakeWord's heads (ONNX) as stage 1. The networks are its own; the streaming round them is written anew here.

Every 80 ms, as `openwakeword/utils.py` 0.5.1 does: mel spectrogram of 1760 samples -> 8 frames of 32 bands, x / 10 + 2;
Google's speech_embedding of the last 76 frames -> 96 numbers; the head on the last 16 of these (or what it wants) -> a
score. A score serves both 40 ms steps of its unit. Where its program runs all day, ours starts with voice: from the
ring, early enough that nothing of the beginning is left in what the head sees where the pipeline first asks.
"""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.errors import ModelError
from wakeword.model import Model, open_session
from wakeword.peers import Peer, logit, read_file

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

THRESHOLD = 0.5  # its own default
MEL, EMBEDDING = "melspectrogram.onnx", "embedding_model.onnx"
MEL_FRAMES, MEL_BANDS = 76, 32  # what one embedding sees: 0.775 s
UNIT_FRAMES = 8
EMBEDDING_SIZE = 96
FIRST_UNITS = 5  # of a stream: nothing is said about them, as there
MOST_SETTLING_UNITS = 32  # with what is asked about, 3.7 s of the ring's 4
_NONE = -20.0  # the logit of a score that is nothing


def read(path: Path) -> Peer:
    """The head and its two feature models. Raises `ModelError`."""
    folder = _features(path)
    files = {"head": read_file(path), "mel": read_file(folder / MEL), "embedding": read_file(folder / EMBEDDING)}
    return Peer(files, THRESHOLD, shared=("mel", "embedding"))


def _features(head: Path) -> Path:
    """Beside the head, else in the installed package, which is looked for and not imported."""
    places = [head.parent]
    spec = importlib.util.find_spec("openwakeword")
    installed = spec.submodule_search_locations if spec else None
    places += [Path(folder) / "resources" / "models" for folder in installed or []]
    for place in places:
        if (place / MEL).is_file() and (place / EMBEDDING).is_file():
            return place
    raise ModelError(
        f"no {MEL} and {EMBEDDING} beside this head", where=str(head),
        hint="copy them there from openWakeWord, or pip install --no-deps openwakeword==0.5.1, which carries them",
    )  # fmt: skip


def open_trunk(models: list[Model]) -> Heads:
    """The heads of words that share their features. Raises `ModelError` for files that are not what they should be."""
    return Heads(models)


class Heads:
    """One spectrogram and one embedding for all words, a head a word. Is a `pipeline.stage1.Trunk`."""

    context_samples = 480  # the spectrogram of a unit begins three hops before it

    def __init__(self, models: list[Model]) -> None:
        self.words = [model.word for model in models]
        self._mel: Any = open_session(models[0].peer_files["mel"])  # onnxruntime has no type information
        self._embedding: Any = open_session(models[0].peer_files["embedding"])
        self._heads: list[Any] = [open_session(model.peer_files["head"]) for model in models]
        self._lengths = [_length(head, model) for head, model in zip(self._heads, models, strict=True)]
        self._longest = max(self._lengths)
        self.settling_units = min(self._longest + MEL_FRAMES // UNIT_FRAMES + 1, MOST_SETTLING_UNITS)
        self._beginning = self._of_noise()
        self.reset()

    def reset(self) -> None:
        """As its program begins: a flat spectrogram, embeddings of faint noise."""
        self._frames = np.ones((MEL_FRAMES, MEL_BANDS), np.float32)
        self._seen = self._beginning
        self._units = 0

    def twin(self) -> Heads:
        """The same networks for another stream."""
        other = copy.copy(self)
        other.reset()
        return other

    def push(self, samples: Int16) -> Float32:
        """(480 + 1280,) -> (2, words) logits."""
        self._frames = np.concatenate([self._frames, self._spectrogram(samples)])[-MEL_FRAMES:]
        self._seen = np.concatenate([self._seen, self._embed(self._frames[None])])[-self._longest :]
        self._units += 1
        if self._units <= FIRST_UNITS:
            return np.full((2, len(self.words)), _NONE, np.float32)
        logits = [logit(self._score(number)) for number in range(len(self.words))]
        return np.tile(np.array(logits, np.float32), (2, 1))

    def _spectrogram(self, samples: Int16) -> Float32:
        """(160 n + 480,) -> (n, 32)."""
        mel = self._mel.run(None, {self._mel.get_inputs()[0].name: samples.astype(np.float32)[None]})[0]
        frames: Float32 = mel.reshape(-1, MEL_BANDS) / 10 + 2
        return frames

    def _embed(self, windows: Float32) -> Float32:
        """(n, 76, 32) -> (n, 96)."""
        embedded = self._embedding.run(None, {self._embedding.get_inputs()[0].name: windows[..., None]})[0]
        return np.asarray(embedded, np.float32).reshape(-1, EMBEDDING_SIZE)

    def _score(self, number: int) -> float:
        head, seen = self._heads[number], self._seen[-self._lengths[number] :]
        return float(head.run(None, {head.get_inputs()[0].name: seen[None]})[0].reshape(-1)[0])

    def _of_noise(self) -> Float32:
        """(longest, 96) of uniform noise of 1,000 int16 steps, as there, but the same every time."""
        units = self._longest + MEL_FRAMES // UNIT_FRAMES + 1
        noise = np.random.default_rng(0).integers(-1000, 1000, 1280 * units + self.context_samples).astype(np.int16)
        frames = self._spectrogram(noise)
        starts = range(0, len(frames) - MEL_FRAMES + 1, UNIT_FRAMES)
        return self._embed(np.stack([frames[at : at + MEL_FRAMES] for at in starts]))[-self._longest :]


def _length(head: Any, model: Model) -> int:
    """How many embeddings a head sees. Raises `ModelError` for a graph that is no head of one word."""
    try:
        ((_, length, size),) = (entry.shape for entry in head.get_inputs())
        outputs = [entry.shape for entry in head.get_outputs()]
    except ValueError:
        size, length, outputs = 0, 0, []
    if size != EMBEDDING_SIZE or not isinstance(length, int) or not 1 <= length <= 40:
        raise ModelError(f"the stage 1 given for '{model.word}' is no head of openWakeWord")
    if outputs != [[1, 1]]:
        raise ModelError(
            f"the stage 1 given for '{model.word}' tells several things apart; a wake word needs one score"
        )
    return length
