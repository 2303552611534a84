"""TensorFlow Lite by its C interface (tensorflow/lite/c/c_api.h): microWakeWord's networks, bytes to probability.

The library is the one in the package `pymicro-wakeword` (4.8 MB; no compiler of its own in it, so that no memory need
be writable and executable). The package's Python is not imported: it reads models from files by their names, while what
is run here is what was hashed.
"""

from __future__ import annotations

import ctypes
import importlib.util
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from wakeword.errors import ModelError
from wakeword.model import Model

FEATURES = 40
MOST_STRIDE = 50  # chosen: half a second
HINT = "pip install 'wakeword[microwakeword]'"


class _Quantisation(ctypes.Structure):
    _fields_ = (("scale", ctypes.c_float), ("zero_point", ctypes.c_int32))


_POINTER, _INT, _SIZE = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
_CALLS: dict[str, tuple[Any, ...]] = {  # what it returns, what it takes
    "ModelCreate": (_POINTER, _POINTER, _SIZE),
    "ModelDelete": (None, _POINTER),
    "InterpreterCreate": (_POINTER, _POINTER, _POINTER),
    "InterpreterDelete": (None, _POINTER),
    "InterpreterAllocateTensors": (_INT, _POINTER),
    "InterpreterInvoke": (_INT, _POINTER),
    "InterpreterGetInputTensorCount": (_INT, _POINTER),
    "InterpreterGetOutputTensorCount": (_INT, _POINTER),
    "InterpreterGetInputTensor": (_POINTER, _POINTER, _INT),
    "InterpreterGetOutputTensor": (_POINTER, _POINTER, _INT),
    "TensorType": (_INT, _POINTER),
    "TensorNumDims": (_INT, _POINTER),
    "TensorDim": (_INT, _POINTER, _INT),
    "TensorQuantizationParams": (_Quantisation, _POINTER),
    "TensorCopyFromBuffer": (_INT, _POINTER, _POINTER, _SIZE),
    "TensorCopyToBuffer": (_INT, _POINTER, _POINTER, _SIZE),
}
_TYPES = {3: np.uint8, 9: np.int8}  # kTfLiteUInt8, kTfLiteInt8


def library() -> dict[str, Any]:
    """Its functions by name, from the installed package, which is looked for and not imported. Raises `ModelError`."""
    spec = importlib.util.find_spec("pymicro_wakeword")
    folders = (spec.submodule_search_locations if spec else None) or []
    paths = [path for folder in folders for path in Path(folder, "lib").glob("libtensorflowlite_c.*")]
    if not paths:
        raise ModelError("nothing here runs microWakeWord's models", hint=HINT)
    try:
        opened = ctypes.CDLL(str(paths[0]))
        functions = {name: getattr(opened, f"TfLite{name}") for name in _CALLS}
    except (AttributeError, OSError) as error:
        raise ModelError(f"cannot be used: {error}", where=str(paths[0]), hint=HINT) from error
    for name, function in functions.items():
        function.restype, *function.argtypes = _CALLS[name]
    return functions


class Weights:
    """A model as TensorFlow Lite holds it; any number of interpreters read it."""

    def __init__(self, library: dict[str, Any], model: Model) -> None:
        self.library, self.word = library, model.word
        content = model.peer_files["network"]
        self._held = ctypes.create_string_buffer(content, len(content))  # it is read there for as long as it lives
        self.handle = library["ModelCreate"](self._held, len(content))
        if not self.handle:
            raise self.unusable("it is damaged")
        weakref.finalize(self, library["ModelDelete"], self.handle)

    def unusable(self, why: str) -> ModelError:
        """What to raise."""
        return ModelError(f"TensorFlow Lite cannot run the stage 1 given for '{self.word}': {why}")


class Network:
    """An interpreter: weights and a state. Raises `ModelError` for a network that is not one of microWakeWord."""

    def __init__(self, weights: Weights) -> None:
        self._weights, self._library = weights, weights.library
        call = self._library
        self._handle = call["InterpreterCreate"](weights.handle, None)
        if not self._handle:
            raise weights.unusable("it has operations that are not in this library")
        weakref.finalize(self, call["InterpreterDelete"], self._handle)
        tensors = [call[f"InterpreterGet{end}TensorCount"](self._handle) for end in ("Input", "Output")]
        if tensors != [1, 1]:
            raise weights.unusable("it is no network of one input and one output")
        self._input = call["InterpreterGetInputTensor"](self._handle, 0)
        self._output = call["InterpreterGetOutputTensor"](self._handle, 0)
        shape = self._shape(self._input)
        if len(shape) != 3 or (shape[0], shape[2]) != (1, FEATURES) or not 1 <= shape[1] <= MOST_STRIDE:
            raise weights.unusable(f"it wants an array of shape {shape}, not (1, 1 to {MOST_STRIDE}, {FEATURES})")
        self._done("InterpreterAllocateTensors", self._handle)
        if np.prod(shape_out := self._shape(self._output)) != 1:
            raise weights.unusable(f"it answers with an array of shape {shape_out}; a wake word needs one score")
        self.stride = shape[1]
        self._in, self._out = (self._type(tensor) for tensor in (self._input, self._output))
        self._from, self._to = (call["TensorQuantizationParams"](tensor) for tensor in (self._input, self._output))
        if not self._from.scale > 0:
            raise weights.unusable("its input has no scale")

    def run(self, frames: list[list[float]]) -> float:
        """(stride, 40) features -> the probability, 0 to 1."""
        limits = np.iinfo(self._in)
        steps = np.round(np.array(frames) / self._from.scale + self._from.zero_point)
        given = np.clip(steps, limits.min, limits.max).astype(self._in)
        said = np.zeros(1, self._out)
        self._done("TensorCopyFromBuffer", self._input, given.ctypes.data, given.nbytes)
        self._done("InterpreterInvoke", self._handle)
        self._done("TensorCopyToBuffer", self._output, said.ctypes.data, said.nbytes)
        return (int(said[0]) - int(self._to.zero_point)) * float(self._to.scale)

    def _done(self, name: str, *given: Any) -> None:  # Any: what C takes
        if self._library[name](*given) != 0:
            raise self._weights.unusable(f"{name} failed")

    def _shape(self, tensor: int) -> tuple[int, ...]:
        dimensions = self._library["TensorNumDims"](tensor)
        return tuple(self._library["TensorDim"](tensor, number) for number in range(dimensions))

    def _type(self, tensor: int) -> Any:  # Any: a class of numpy's integers
        code = self._library["TensorType"](tensor)
        if code not in _TYPES:
            raise self._weights.unusable("its numbers are not of 8 bits")
        return _TYPES[code]
