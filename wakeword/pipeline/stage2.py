"""Stage 2 at work: the whole segment of a candidate, seen through other features, once. It can only refuse.

Features and network are one ONNX graph, from samples to what the last layer is given (`trunk`); that layer is a
constant beside it (`head`), so that words which differ in nothing else share one session: it takes 5 MB. How the
network looks inside is in `wakeword/train/stage2.py`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.errors import ModelError
from wakeword.model import Model, answers, open_session

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

SEGMENT_SAMPLES = 32_000  # 2 s up to the moment at which stage 1 decided


class Stage2:
    """The verifier of one word."""

    def __init__(self, model: Model, sessions: dict[bytes, Any] | None = None) -> None:
        """`sessions` of other words, by their files without the heads' numbers, serve and are added to.

        Raises `ModelError` for a graph that is no stage 2.
        """
        sessions = {} if sessions is None else sessions
        session: Any = open_session(model.stage2_bytes)  # onnxruntime has no type information
        head = _head(session, model.folder / "stage2.onnx")
        trunk = model.stage2_bytes.replace(head.tobytes(), b"", 1)
        self._session = sessions.setdefault(trunk, session)
        self._weights, self._bias = head[:-1], head[-1]

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


def _head(session: Any, where: Path) -> Float32:
    """(n + 1,): the last layer's weights, its bias."""
    head: Float32 = answers(session, "head", where=where)[0]
    if head.ndim != 1 or len(head) < 2:
        raise ModelError(f"a head of shape {head.shape}: not a layer's weights and its bias", where=str(where))
    return head
