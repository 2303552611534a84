"""microWakeWord's models (ESPHome's manifest of version 2) as stage 1, run by TensorFlow Lite as its makers do.

Every 10 ms, as `pymicro_wakeword/microwakeword.py` 2.5.0 does: 40 features of the last 30 ms; every `stride` of them
through the network, which keeps its state inside -> a probability; the mean of the last `sliding_window_size` is held
against `probability_cutoff`. A step of 40 ms gets the largest mean that ended in it.

Features are those of the package `pymicro-features`; networks are run by `tflite.py`.
"""

from __future__ import annotations

import copy
import json
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.errors import ModelError
from wakeword.model import LEAST_THRESHOLD, Model
from wakeword.peers import Peer, logit, read_file
from wakeword.peers.tflite import HINT, Network, Weights, library

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]
Frame = list[float]  # 40 features

VERSION, STEP_MS = 2, 10  # of the manifests that are read; of the features
FRAME_SAMPLES, STEP_FRAMES, STEPS = 160, 4, 2  # a frame of features; frames in a step; steps in a unit
MOST_WINDOW = 100  # chosen: three seconds
# Its features go by a running estimate of the noise. Measured on 190 stretches of talk and noise: after 3.7 s of
# history (these, and what is asked about before voice) scores are within 0.03 of those of a program that never stopped;
# after 2.1 s, 0.24; after 1.1 s, 0.93.
SETTLING_UNITS = 32


def read(path: Path) -> Peer:
    """A manifest and the network that it names, beside it. Raises `ModelError`."""
    content = read_file(path)
    cutoff, _, name = _understood(content, str(path))
    network = read_file(path.parent / name)
    if network[4:8] != b"TFL3":
        raise ModelError("no model of TensorFlow Lite", where=str(path.parent / name), hint=f"{path.name} names it")
    return Peer({"manifest": content, "network": network}, cutoff, shared=(), smoothed_steps=1)


def _understood(content: bytes, where: str) -> tuple[float, int, str]:
    """Cut-off, window and the network's file name. Raises `ModelError` that names the key."""
    try:
        manifest = json.loads(content)
        version, name, micro = manifest["version"], manifest["model"], manifest["micro"]
        cutoff, window, step = (
            micro[key] for key in ("probability_cutoff", "sliding_window_size", "feature_step_size")
        )
    except KeyError as error:
        raise ModelError(f"no manifest of microWakeWord: it lacks {error}", where=where) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"no manifest of microWakeWord: {error}", where=where, hint="a .json file") from error
    faults = {
        f"version: {version!r}, not {VERSION}": version != VERSION,
        f"model: {name!r} is no name of a file beside it": not isinstance(name, str) or Path(name).name != name,
        f"micro.feature_step_size: {step!r} ms, not {STEP_MS}": step != STEP_MS,
        f"micro.probability_cutoff: {cutoff!r}, not {LEAST_THRESHOLD} to 1":
            not isinstance(cutoff, int | float) or not LEAST_THRESHOLD <= cutoff <= 1,
        f"micro.sliding_window_size: {window!r}, not 1 to {MOST_WINDOW}":
            type(window) is not int or not 1 <= window <= MOST_WINDOW,
    }  # fmt: skip
    if found := [fault for fault, there in faults.items() if there]:
        raise ModelError(found[0], where=where, hint="newer models of the same word have manifests of version 2")
    return float(cutoff), window, name


def open_trunk(models: list[Model]) -> Networks:
    """The networks of these words. Raises `ModelError`, also when what runs them is not installed."""
    return Networks(models)


class Networks:
    """One stream of features for all words, a network a word. Is a `pipeline.stage1.Trunk`."""

    context_samples = 0
    settling_units = SETTLING_UNITS

    def __init__(self, models: list[Model]) -> None:
        self.words = [model.word for model in models]
        calls = library()
        self._weights = [Weights(calls, model) for model in models]
        self._windows = [_understood(model.peer_files["manifest"], model.word)[1] for model in models]
        self.reset()

    def reset(self) -> None:
        """As its program begins. The state is inside the interpreter, and a new one is the only way to clear it."""
        self._features = _features()
        self._heads = [_Head(*one) for one in zip(self._weights, self._windows, strict=True)]

    def twin(self) -> Networks:
        """The same networks for another stream."""
        other = copy.copy(self)
        other.reset()
        return other

    def push(self, samples: Int16) -> Float32:
        """(1280,) -> (2, words) logits."""
        octets = samples.tobytes()
        frames = [self._features.process_samples(octets[at : at + 2 * FRAME_SAMPLES]).features
                  for at in range(0, len(octets), 2 * FRAME_SAMPLES)]  # fmt: skip
        steps = [[frame for frame in frames[at : at + STEP_FRAMES] if frame]  # none in a stream's first 20 ms
                 for at in range(0, STEPS * STEP_FRAMES, STEP_FRAMES)]  # fmt: skip
        return np.array([[logit(head.push(step)) for head in self._heads] for step in steps], np.float32)


class _Head:
    """One word's network and the mean of its last probabilities."""

    def __init__(self, weights: Weights, window: int) -> None:
        self._network = Network(weights)
        self._frames: list[Frame] = []
        self._recent: deque[float] = deque(maxlen=window)
        self._score = 0.0

    def push(self, frames: list[Frame]) -> float:
        """The largest mean that ended with these; the one before, if none did. 0 until there are enough for one."""
        self._frames += frames
        stride, means = self._network.stride, []
        while len(self._frames) >= stride:
            self._recent.append(self._network.run(self._frames[:stride]))
            del self._frames[:stride]
            if len(self._recent) == self._recent.maxlen:
                means.append(sum(self._recent) / len(self._recent))
        self._score = max(means, default=self._score)
        return self._score


def _features() -> Any:  # Any: pymicro_features has no type information
    """What makes the features of one stream. Raises `ModelError`."""
    try:
        from pymicro_features import MicroFrontend
    except ImportError as error:
        raise ModelError(f"{error.name} is not installed", hint=HINT) from error
    return MicroFrontend()
