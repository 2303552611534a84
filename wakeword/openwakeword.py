"""openWakeWord's `Model` with our two stages inside: a program written for it changes one import.

    from wakeword.openwakeword import Model        # was: from openwakeword.model import Model

`predict(frame)` returns {name: score}. A score is 0 until stage 1 asks; then it tells how both stages judge, 0.5 and
above for a wake of the operating point, below for a refusal, once: theirs stays high for some frames, so patience has
nothing to wait for. What this cannot do is refused, not ignored. Written from its documented behaviour (0.5.1, 0.6).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword.errors import ConfigError
from wakeword.events import RATE_HZ, Event, Verdict
from wakeword.model import Model as Word
from wakeword.model import Point, find, load_manifest, shipped_words
from wakeword.names import canonical
from wakeword.pipeline.pipeline import Detector
from wakeword.source.file import FileSource

Int16 = npt.NDArray[np.int16]
Scores = dict[str, float]

FRAME_SAMPLES = 1_280
REMEMBERED = 30  # scores of each word, as there


class Model:
    """Listens for `wakeword_models`: shipped words or model folders, all shipped words when there are none.

    `point` (strict, default, keen, room) takes the place of a threshold of one's own: 0.5 always stands for it.
    `vad_threshold`, `inference_framework`, `custom_verifier_threshold`, `ncpu` and `device` are taken and change
    nothing: voice detection is always on, the networks are ONNX on one thread of the processor.
    """

    def __init__(
        self,
        wakeword_models: Sequence[str | Path] = (),
        class_mapping_dicts: Sequence[dict[str, Any]] = (),
        enable_speex_noise_suppression: bool = False,
        vad_threshold: float = 0,
        custom_verifier_models: dict[str, Any] | None = None,
        custom_verifier_threshold: float = 0.1,
        inference_framework: str = "onnx",
        *,
        point: str = "default",
        **others: Any,  # Any: theirs, of which some are refused
    ) -> None:
        """Raises `ConfigError` for what is not here, `ModelError` for a word that is not."""
        _refuse(
            class_mapping_dicts=class_mapping_dicts,
            enable_speex_noise_suppression=enable_speex_noise_suppression,
            custom_verifier_models=custom_verifier_models,
            **{name: value for name, value in others.items() if name not in ("wakeword_model_paths", "ncpu", "device")},
        )
        asked = [str(name) for name in wakeword_models or others.get("wakeword_model_paths", ()) or shipped_words()]
        self._names = {_word(name): Path(name).stem if Path(name).is_dir() else name for name in asked}
        self._detector = Detector.load(*(_place(name) for name in asked), point=point)
        self._points: dict[str, Point] = {
            model.word: at for model, at in zip(self._detector.models, self._detector.points, strict=True)
        }
        self.models: dict[str, Word] = {self._names[model.word]: model for model in self._detector.models}
        self.events: list[Event] = []  # of the last `predict`: both scores, and where the word was
        self.reset()

    def reset(self) -> None:
        """Forget all that was heard."""
        self._detector.reset()
        self._waits: dict[str, int] = {}  # frames for which a word's score stays 0 after a wake
        self.prediction_buffer: defaultdict[str, deque[float]] = defaultdict(partial(deque, maxlen=REMEMBERED))

    def predict(
        self,
        x: npt.NDArray[Any],
        patience: dict[str, int] | None = None,
        threshold: dict[str, float] | None = None,
        debounce_time: float = 0.0,
        timing: bool = False,
    ) -> Scores:
        """(n,) int16 at 16 kHz, best 1280 at a time -> {name: 0 to 1}. Raises `ValueError` for another array.

        `patience` is taken and needs no waiting; with `debounce_time` in seconds a word that reached its `threshold`
        is 0 for so long.
        """
        if timing:
            raise ConfigError("timing is not measured here", hint="wakeword's own: scripts/bench")
        if not isinstance(x, np.ndarray) or x.dtype != np.int16 or x.ndim != 1:
            raise ValueError(f"a one-dimensional int16 array is wanted, not {getattr(x, 'dtype', type(x).__name__)}")
        if (patience or debounce_time) and not threshold:
            raise ValueError("patience and debounce_time need a threshold for each word")
        self.events = self._detector.process(x)
        scores = self._scores(self.events)
        for name in scores:
            scores[name] = self._debounced(name, scores[name], threshold or {}, debounce_time, len(x))
            self.prediction_buffer[name].append(scores[name])
        return scores

    def predict_clip(
        self, clip: str | Path | npt.NDArray[Any], padding: int = 1, chunk_size: int = FRAME_SAMPLES, **options: Any
    ) -> list[Scores]:
        """A recording of any rate (or int16 at 16 kHz) with `padding` seconds of silence round it, frame by frame.

        What follows the last whole frame is not heard, as there. Raises `SourceError` for an unreadable file.
        """
        sound = clip if isinstance(clip, np.ndarray) else _read(clip)
        silence = np.zeros(padding * RATE_HZ, np.int16)
        padded = np.concatenate([silence, sound, silence])
        starts = range(0, len(padded) - chunk_size, chunk_size)
        return [self.predict(padded[start : start + chunk_size], **options) for start in starts]

    def get_parent_model_from_label(self, label: str) -> str:
        """The model that gives this label: here each label is a model; "" for any other."""
        return label if label in self.models else ""

    def _scores(self, events: Iterable[Event]) -> Scores:
        """Each word's best verdict in these events."""
        scores = dict.fromkeys(self.models, 0.0)
        for event in events:
            if isinstance(event, Verdict):
                word = event.candidate.word
                name, score = self._names[word], joint(event, self._points[word])
                scores[name] = max(scores[name], score)
        return scores

    def _debounced(self, name: str, score: float, threshold: Scores, seconds: float, samples: int) -> float:
        waits = self._waits.get(name, 0)
        self._waits[name] = max(0, waits - samples)
        if waits > 0:
            return 0.0
        if seconds > 0 and score >= threshold.get(name, 2.0):
            self._waits[name] = round(seconds * RATE_HZ)
        return score


def joint(verdict: Verdict, point: Point) -> float:
    """Both scores as one number in [0, 1]: 0.5 and above exactly when the verdict accepts.

    Each score is mapped so that its threshold is 0.5, in straight lines to 0 and 1; the lesser one counts.
    """
    pairs = ((verdict.candidate.stage1, point.stage1), (verdict.stage2, point.stage2))
    least = min(_half(score, threshold) for score, threshold in pairs)
    return max(least, 0.5) if verdict.accepted else min(least, float(np.nextafter(0.5, 0)))


def _half(score: float, threshold: float) -> float:
    if score >= threshold:
        return 0.5 + 0.5 * (score - threshold) / (1 - threshold) if threshold < 1 else 1.0
    return 0.5 * score / threshold


def _refuse(**given: Any) -> None:
    """Raise `ConfigError` for what was asked for and is not here."""
    hints = {
        "class_mapping_dicts": "a word has one class here",
        "enable_speex_noise_suppression": "the models know noise; suppress it before predict()",
        "custom_verifier_models": "stage 2 is the verifier; pickles are not opened",
    }
    for name, value in given.items():
        if name not in hints or value:
            raise ConfigError(f"{name} is not supported", hint=hints.get(name, "not known here"))


def _place(name: str) -> str:
    """A folder as it is, a word as its manifest has it. Raises `ModelError` with what there is."""
    if Path(name).suffix in (".onnx", ".tflite"):
        raise ConfigError(
            f"{name} is a model of openWakeWord",
            hint='it can be the stage 1: Detector.load("alexa", stage1={"alexa": "openwakeword:PATH"}); docs/peers.md',
        )
    return name if Path(name).is_dir() else canonical(name)


def _word(name: str) -> str:
    return str(load_manifest(find(_place(name))).get("word"))


def _read(path: str | Path) -> Int16:
    source = FileSource(str(path))
    try:
        blocks = [np.zeros(0, np.int16)]
        while (block := source.read()) is not None:
            blocks.append(block)
    finally:
        source.close()
    return np.concatenate(blocks)
