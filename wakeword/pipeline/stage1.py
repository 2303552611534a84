"""Stage 1 at work: a unit's samples and the carried states in, scores out. Listens to every unit that has voice.

One trunk serves every word: words whose models have the same trunk share one session, and each adds a head: a few
units that each weigh what the trunk said in its last steps, rectified and summed; or one such unit as it is. How the
network looks inside is in `wakeword/train/stage1.py`. Other programs' models are trunks too: `wakeword/peers/`.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from wakeword.errors import ModelError
from wakeword.model import Model, answers, bindable, open_session
from wakeword.pipeline.features import OVERLAP_SAMPLES, log_mel

Int16 = npt.NDArray[np.int16]
Float32 = npt.NDArray[np.float32]

STEP_SAMPLES = 640  # a score every 40 ms
STEPS_PER_UNIT = 2
WIDTH = 48  # numbers the trunk says each step
PRE_CONTEXT_UNITS = 14  # 1.12 s: a word's soft beginning, and nearly all that stage 1 can see before it


class Trunk(Protocol):
    """What a network must be to listen for one or more words; all that the pipeline knows of it."""

    words: list[str]
    context_samples: int  # that its features of a unit look back on
    settling_units: int  # that it is to hear before the first that it is asked about

    def reset(self) -> None:
        """Zero the states."""

    def push(self, samples: Int16) -> Float32:
        """(context_samples + 1280,) -> (2, words) logits."""

    def twin(self) -> Trunk:
        """The same network for another stream: weights are shared, states are not."""


class Stage1:
    """Scores of all words, one unit of 80 ms at a time."""

    def __init__(self, models: list[Model]) -> None:
        trunks = sorted({model.trunk for model in models})
        self._trunks = [_open([m for m in models if m.trunk == trunk]) for trunk in trunks]
        order = [word for trunk in self._trunks for word in trunk.words]
        self._columns = [order.index(model.word) for model in models]
        self.context_samples = max(trunk.context_samples for trunk in self._trunks)
        self.history_units = PRE_CONTEXT_UNITS + max(trunk.settling_units for trunk in self._trunks)

    def reset(self) -> None:
        """Zero the states: what follows has nothing before it."""
        for trunk in self._trunks:
            trunk.reset()

    def push(self, samples: Int16) -> Float32:
        """(context_samples + 1280,) -> (2, words) logits, words in the order the models were given."""
        parts = [trunk.push(samples[self.context_samples - trunk.context_samples :]) for trunk in self._trunks]
        return (parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1))[:, self._columns]

    def twin(self, numbers: list[int]) -> Stage1:
        """The models with these numbers, for another stream: weights are shared, states are not."""
        other = copy.copy(self)
        other._trunks = [trunk.twin() for trunk in self._trunks]
        other._columns = [self._columns[number] for number in numbers]
        return other


def _open(models: list[Model]) -> Trunk:
    """The words that share a trunk; a peer's code is loaded only when there is such a word."""
    if not models[0].peer:
        return _Trunk(models)
    from wakeword import peers

    trunk: Trunk = peers.open_trunk(models)
    return trunk


class _Trunk:
    context_samples = OVERLAP_SAMPLES
    settling_units = 0  # training began it so

    def __init__(self, models: list[Model]) -> None:
        self.words = [model.word for model in models]
        sessions: list[Any] = [open_session(model.stage1_bytes) for model in models]  # onnxruntime has no types
        heads = _heads(models, sessions)
        self._session = sessions[0]
        longest = max(rows.shape[1] for rows in heads)
        rows = np.concatenate([np.pad(rows, ((0, 0), (longest - rows.shape[1], 0))) for rows in heads])
        self._weights, self._bias = rows[:, :-2].T, rows[:, -2]  # (taps * 48, units), the newest step last; (units,)
        word = np.repeat(np.arange(len(heads)), [len(rows) for rows in heads])
        self._sum = np.eye(len(heads), dtype=np.float32)[word] * rows[:, -1:]  # (units, words)
        alone = np.bincount(word)[word] == 1  # the one unit of a head is the score
        self._least = np.where(alone, -np.inf, 0).astype(np.float32)
        self._before = (longest - 2) // WIDTH - 1  # earlier steps that a score needs
        self._begin()

    def _begin(self) -> None:
        self._stream = _Stream(self._session)
        self.reset()

    def reset(self) -> None:
        self._stream.reset()
        self._said = np.zeros((self._before, WIDTH), np.float32)

    def twin(self) -> _Trunk:
        other = copy.copy(self)
        other._begin()
        return other

    def push(self, samples: Int16) -> Float32:
        trunk = self._stream.push(log_mel(samples))
        said = np.concatenate([self._said, trunk]) if self._before else trunk
        self._said = said[STEPS_PER_UNIT:]
        windows = said if not self._before else sliding_window_view(said, (self._before + 1, WIDTH))
        units = np.maximum(windows.reshape(STEPS_PER_UNIT, -1) @ self._weights + self._bias, self._least)
        logits: Float32 = units @ self._sum
        return logits


def _heads(models: list[Model], sessions: list[Any]) -> list[Float32]:
    """Of each word; a manifest's word for it that the trunk is another's is not enough: they must say the same."""
    heads, first = [], None
    for model, session in zip(models, sessions, strict=True):
        where = model.folder / "stage1.onnx"
        head, said = answers(session, "head", "trunk", where=where)
        heads.append(_rows(head, where))
        first = said if first is None else first
        if not np.array_equal(first, said):
            raise ModelError("its trunk is not the one that the manifest names", where=str(where))
    return heads


def _rows(head: Float32, where: Path) -> Float32:
    """(units, taps * 48 + 2): weights from the oldest step to the newest, a bias, the unit's weight in the sum."""
    rows = np.append(head, np.float32(1))[None] if head.ndim == 1 else head
    if rows.ndim != 2 or not rows.size or rows.shape[1] < WIDTH + 2 or rows.shape[1] % WIDTH != 2:
        raise ModelError(f"a head of shape {head.shape}: not a multiple of {WIDTH} and a bias", where=str(where))
    return rows


class _Stream:
    """One stream's states, in two sets of buffers: what the network writes into one, it reads from it next time.

    They are bound once: handing arrays over at each call cost 19 us more, where the network itself takes 60.
    """

    def __init__(self, session: Any) -> None:  # onnxruntime's, which has no type information
        def zeros(entry: Any) -> tuple[Float32, Any]:
            array = np.zeros(entry.shape, np.float32)
            return array, bindable(array)

        frames, *states = session.get_inputs()
        trunk = next(entry for entry in session.get_outputs() if entry.name == "trunk")
        (self._frames, into), (said, out) = zeros(frames), zeros(trunk)
        sets = [{state.name: zeros(state) for state in states} for _ in range(2)]
        self._session = session
        self._trunk: Float32 = said[0]
        self._states, self._next_states = ([array for array, _ in one.values()] for one in sets)
        self._now, self._next = session.io_binding(), session.io_binding()
        for binding, read, write in ((self._now, *sets), (self._next, *reversed(sets))):
            binding.bind_ortvalue_input(frames.name, into)
            binding.bind_ortvalue_output("trunk", out)
            for state in states:
                binding.bind_ortvalue_input(state.name, read[state.name][1])
                binding.bind_ortvalue_output(f"{state.name}_next", write[state.name][1])

    def reset(self) -> None:
        for array in self._states:
            array.fill(0)

    def push(self, frames: Float32) -> Float32:
        """(8, 40) -> (2, 48), good until the next call."""
        self._frames[0] = frames
        self._session.run_with_iobinding(self._now)
        self._now, self._next = self._next, self._now
        self._states, self._next_states = self._next_states, self._states
        return self._trunk
