"""Trained weights to the two ONNX graphs of a model folder, checked against the network they came from.

Calibration is folded into the last layer: `Scale(a, b)` turns a raw logit z into a z + b, so that 0.5 means the same
for every word: at stage 1 twenty candidates an hour of other speech, at stage 2 the shipped default point
(`choose.py`).
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from wakeword.train.stage1 import UNIT_FRAMES, Stage1, Streaming
from wakeword.train.stage2 import SEGMENT_SAMPLES, Several, Stage2

OPSET = 17


@dataclass(frozen=True)
class Scale:
    """The calibration of one word at one stage: logit -> a logit + b, a > 0."""

    a: float = 1.0
    b: float = 0.0


class Before(nn.Module):
    """Stage 2 up to its last layer."""

    def __init__(self, trained: Stage2 | Several) -> None:
        super().__init__()
        self.trained = trained

    def forward(self, samples: Tensor) -> Tensor:
        """(1, 32000) in int16 steps -> (1, n)."""
        return self.trained.before(samples)


def stage1_graph(trained: Stage1, word: int, scale: Scale) -> tuple[bytes, str]:
    """The streaming trunk with the head of one word as a constant output; and the trunk's own identity."""
    streaming = Streaming(trained).eval()
    states = streaming.zeros()
    names = ["energy", "weight", *(f"carry{n}" for n in range(len(states) - 2))]
    inputs, outputs = ["log_mel", *names], ["trunk", *(f"{name}_next" for name in names)]
    frames = torch.zeros(1, UNIT_FRAMES, 40)
    model = _traced(streaming, (frames, *states), inputs, outputs)
    trunk = hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()
    _add_head(model, torch.cat([trained.heads.weight[word], trained.heads.bias[word : word + 1]]), scale)
    _check_stage1(model.SerializeToString(), trained, word, scale)
    return model.SerializeToString(deterministic=True), trunk


def with_head(graph: bytes, head: npt.NDArray[np.float32]) -> bytes:
    """The same trunk, to the bit, with another head: (units, taps * 48 + 2) as `pipeline/stage1.py` reads it."""
    model = onnx.load_from_string(graph)
    values = next(tensor for tensor in model.graph.initializer if tensor.name == "head_values")
    values.CopyFrom(numpy_helper.from_array(head, "head_values"))
    said = next(output for output in model.graph.output if output.name == "head")
    said.CopyFrom(helper.make_tensor_value_info("head", TensorProto.FLOAT, list(head.shape)))
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def stage2_graph(trained: Stage2 | Several, word: int, scale: Scale) -> bytes:
    """From samples to what the last layer is given; the last layer of one word as a constant output."""
    model = _traced(Before(trained).eval(), (torch.zeros(1, SEGMENT_SAMPLES),), ["samples"], ["trunk"])
    _add_head(model, trained.last(word), scale)
    graph = model.SerializeToString(deterministic=True)
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    samples = torch.randn(1, SEGMENT_SAMPLES, generator=torch.Generator().manual_seed(0)) * 500
    with torch.no_grad():
        expected = trained(samples)[0, word : word + 1].numpy() * scale.a + scale.b
    said, head = session.run(None, {"samples": samples.numpy()})
    _same(said @ head[:-1] + head[-1], expected, 4e-3)
    return graph


def _add_head(model: onnx.ModelProto, last: Tensor, scale: Scale) -> None:
    """The last layer, weights and bias, with the calibration in it."""
    head = (last * scale.a).detach().numpy().astype(np.float32)
    head[-1] += scale.b
    model.graph.initializer.append(numpy_helper.from_array(head, "head_values"))
    model.graph.node.append(helper.make_node("Identity", ["head_values"], ["head"]))
    model.graph.output.append(helper.make_tensor_value_info("head", TensorProto.FLOAT, [len(head)]))
    onnx.checker.check_model(model)


def _check_stage1(graph: bytes, trained: Stage1, word: int, scale: Scale) -> None:
    """Ten units streamed must equal the network run at once."""
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    states = {e.name: np.zeros(e.shape, np.float32) for e in session.get_inputs()[1:]}
    frames = np.random.default_rng(0).normal(-9, 3, (1, 10 * UNIT_FRAMES, 40)).astype(np.float32)
    logits = []
    for start in range(0, frames.shape[1], UNIT_FRAMES):
        trunk, *new = session.run(None, {"log_mel": frames[:, start : start + UNIT_FRAMES], **states})
        head = new.pop()
        states = dict(zip(states, new, strict=True))
        logits.append(trunk[0] @ head[:-1] + head[-1])
    with torch.no_grad():
        expected = trained.eval()(torch.from_numpy(frames))[0, :, word].numpy() * scale.a + scale.b
    _same(np.concatenate(logits), expected, 2e-3)


def _same(found: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    difference = float(np.abs(found - expected).max())
    if difference > tolerance:
        raise ValueError(f"the exported graph differs by {difference:.2g} from the network")


def _traced(module: nn.Module, example: tuple[Tensor, ...], inputs: list[str], outputs: list[str]) -> onnx.ModelProto:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the tracing exporter is deprecated, and is the one that needs no other package
        torch.onnx.export(
            module, example, buffer, input_names=inputs, output_names=outputs, opset_version=OPSET, dynamo=False
        )  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


def load_stage1(path: Path, words: int) -> Stage1:
    """The averaged weights of a training."""
    model = Stage1(words)
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()


def load_stage2(paths: list[Path]) -> Several:
    """The averaged weights of one training or of several, of however many words each."""
    networks = []
    for path in paths:
        weights = torch.load(path, weights_only=True)
        model = Stage2(len(weights["head.out.bias"]))
        model.load_state_dict(weights)
        networks.append(model.eval())
    return Several(networks).eval()
