"""The trained networks inside a model folder: what a word of one's own starts from, so that it trains a head, not all.

A folder holds graphs, made by `export.py`; here their weights go back into the networks of `stage1.py` and `stage2.py`.
The trunk comes back with its batch norm folded into the convolutions: it hears the same, and is not trained on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from wakeword.errors import ConfigError
from wakeword.pipeline.stage1 import WIDTH
from wakeword.train.stage1 import KERNEL, Stage1
from wakeword.train.stage2 import Stage2

PREFIXES = "trained.", "trained.networks.0."  # of one training; of an average of several, the first


def stage1(folder: Path) -> Stage1:
    """The trunk of `folder/stage1.onnx`, with a new head for one word. Raises `ConfigError` for other graphs."""
    found = _Weights(folder / "stage1.onnx")
    model = Stage1(1)
    with torch.no_grad():
        for name in ("alpha", "delta", "root"):
            getattr(model.normaliser, name).copy_(found[f"normaliser.{name}"])
        for number, layer in enumerate(model.layers):
            rows = found[f"convs.{number}.weight"]  # (KERNEL * C, 48), as `Windows` has it
            layer.conv.weight.copy_(rows.reshape(KERNEL, -1, WIDTH).permute(2, 1, 0))
            layer.norm.bias.copy_(found[f"convs.{number}.bias"])
            layer.norm.running_var.fill_(1 - layer.norm.eps)  # mean 0 and weight 1 are its beginning: no change
    return model.eval()


def stage2(folder: Path) -> Stage2:
    """The network of `folder/stage2.onnx`; its last layer is new, for one word. Raises `ConfigError`."""
    found = _Weights(folder / "stage2.onnx")
    model = Stage2(1)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if not name.startswith("head.out.") and not name.endswith("num_batches_tracked"):
                value.copy_(found[next((p + name for p in PREFIXES if p + name in found), name)])
    return model


class _Weights:
    """A graph's initialisers by name."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            tensors = onnx.load(str(path)).graph.initializer
        except (OSError, DecodeError) as error:
            raise ConfigError(f"not a graph: {error}", where=str(path)) from error
        self._found = {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def __getitem__(self, name: str) -> torch.Tensor:
        if name not in self._found:
            raise ConfigError(f"has no '{name}'", where=str(self._path), hint="a model trained by this program")
        return torch.from_numpy(np.array(self._found[name]))
