"""Stage 2 at work: the whole segment of a candidate, seen through other features, once. It can only refuse.

Features and network are one ONNX graph, from samples to what the last layer is given (`trunk`); that layer is a
constant beside it (`head`), so that words which differ in nothing else share one session: it takes 5 MB. How the
network looks inside is in `wakeword/train/stage2.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.errors import ModelError
from wakeword.model import Model, answers, open_session, sha256

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

SEGMENT_SAMPLES = 32_000  # 2 s up to the moment at which stage 1 decided


class Stage2:
    """The verifier of one word."""

    def __init__(self, model: Model, others: Sequence[Stage2] = ()) -> None:
        """`others` are open already: one that is alike but for its head lends its session. Raises `ModelError`."""
        head = _head(model)
        self._weights, self._bias = head[:-1], head[-1]
        self._trunk = sha256(model.stage2_bytes.replace(head.tobytes(), b"", 1))  # the file but for the head's numbers
        alike = [other for other in others if other._trunk == self._trunk]
        self._session: Any = alike[0]._session if alike else open_session(model.stage2_bytes)  # it has no types

    def judge(self, segment: Int16) -> float:
        """(32000,) int16 -> score in [0, 1]."""
        return self.weigh(self.look(segment))

    def look(self, segment: Int16) -> Float32:
        """(32000,) int16 -> (n,), what the last layer is given: the same for all words that share the session."""
        look: Float32 = self._session.run(["trunk"], {"samples": segment.astype(np.float32)[None]})[0][0]
        return look

    def weigh(self, look: Float32) -> float:
        """A look -> score in [0, 1]."""
        return 0.5 + 0.5 * math.tanh(float(look @ self._weights + self._bias) / 2)  # the logistic function


def _head(model: Model) -> Float32:
    """(n + 1,): the last layer's weights, its bias; the network itself is not run."""
    where = model.folder / "stage2.onnx"
    head: Float32 = answers(model.stage2_bytes, "head", where=where)[0]
    if head.ndim != 1 or len(head) < 2:
        raise ModelError(f"a head of shape {head.shape}: not a layer's weights and its bias", where=str(where))
    return head
