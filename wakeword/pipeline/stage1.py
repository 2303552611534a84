"""Stage 1 at work: a frame's features and the carried states in, scores out. Listens to every frame that has voice.

One trunk serves every word: words whose models have the same trunk share one session, and each adds 49 multiplications.
How the network looks inside is in `wakeword/train/stage1.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.model import Model, open_session

Float32 = npt.NDArray[np.float32]

STEP_SAMPLES = 640  # a score every 40 ms
STEPS_PER_UNIT = 2


class Stage1:
    """Scores of all words, one unit of 80 ms at a time."""

    def __init__(self, models: list[Model]) -> None:
        trunks = sorted({model.trunk for model in models})
        self._trunks = [_Trunk([m for m in models if m.trunk == trunk]) for trunk in trunks]
        order = [word for trunk in self._trunks for word in trunk.words]
        self._columns = [order.index(model.word) for model in models]

    def reset(self) -> None:
        """Zero the states: what follows has nothing before it."""
        for trunk in self._trunks:
            trunk.reset()

    def push(self, frames: Float32) -> Float32:
        """(8, 40) log-mel -> (2, words) logits, words in the order the models were given."""
        parts = [trunk.push(frames) for trunk in self._trunks]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)[:, self._columns]


class _Trunk:
    def __init__(self, models: list[Model]) -> None:
        self.words = [model.word for model in models]
        self._session: Any = open_session(models[0].stage1_bytes)  # onnxruntime has no type information
        self._states = [entry.name for entry in self._session.get_inputs()][1:]
        self._shapes = [entry.shape for entry in self._session.get_inputs()][1:]
        self._outputs = ["trunk", *(f"{name}_next" for name in self._states)]
        heads = [self._head(model, number) for number, model in enumerate(models)]
        self._weights = np.stack([head[:-1] for head in heads], axis=1)  # (48, words)
        self._bias = np.array([head[-1] for head in heads], np.float32)
        self.reset()

    def _head(self, model: Model, number: int) -> Float32:
        session = self._session if number == 0 else open_session(model.stage1_bytes)
        return np.asarray(session.run(["head"], self._zero_feeds())[0], np.float32)

    def _zero_feeds(self) -> dict[str, Float32]:
        states = {name: np.zeros(shape, np.float32) for name, shape in zip(self._states, self._shapes, strict=True)}
        return {"log_mel": np.zeros((1, 8, 40), np.float32), **states}

    def reset(self) -> None:
        self._feeds = self._zero_feeds()

    def push(self, frames: Float32) -> Float32:
        self._feeds["log_mel"] = frames[None]
        trunk, *states = self._session.run(self._outputs, self._feeds)
        self._feeds.update(zip(self._states, states, strict=True))
        logits: Float32 = trunk[0] @ self._weights + self._bias
        return logits
