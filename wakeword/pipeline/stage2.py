"""Stage 2 at work: the whole segment of a candidate, seen through other features, once. It can only refuse.

Features and network are one ONNX graph, from samples to score; how it looks inside is in `wakeword/train/stage2.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.model import Model, open_session

Int16 = npt.NDArray[np.int16]

SEGMENT_SAMPLES = 32_000  # 2 s up to the moment at which stage 1 decided


class Stage2:
    """The verifier of one word."""

    def __init__(self, model: Model) -> None:
        self._session: Any = open_session(model.stage2_bytes)  # onnxruntime has no type information

    def judge(self, segment: Int16) -> float:
        """(32000,) int16 -> score in [0, 1]."""
        samples = segment.astype(np.float32)[None]
        return float(self._session.run(["score"], {"samples": samples})[0][0])
