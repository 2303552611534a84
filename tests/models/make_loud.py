"""Makes `loud/`, a model for tests: it wakes at any speech that is loud, and asks and refuses at speech that is not.

Small and certain, in the very format of the real ones, so that what is tested is everything but a trained network.
Needs the `train` extra; `python tests/models/make_loud.py` writes the same bytes again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent / "loud"
OPSET, IR_VERSION = 17, 9
STAGE1_BIAS = 12.0  # mean log-mel above -12: any speech, also at -45 dBFS
STAGE2_BIAS_DBFS = -32.0  # a segment of 2 s louder than this is accepted


def stage1() -> onnx.ModelProto:
    """(1, 8, 40) log-mel -> the mean of each step of four frames, in the first of 48 channels."""
    channel = np.zeros(48, np.float32)
    channel[0] = 1
    head = np.zeros(49, np.float32)
    head[0], head[48] = 2.0, 2 * STAGE1_BIAS
    nodes = [
        helper.make_node("Reshape", ["log_mel", "steps"], ["stepped"]),
        helper.make_node("ReduceMean", ["stepped"], ["mean"], axes=[2], keepdims=1),
        helper.make_node("Mul", ["mean", "channel"], ["trunk"]),
        helper.make_node("Identity", ["state"], ["state_next"]),
        helper.make_node("Identity", ["weights"], ["head"]),
    ]
    constants = {"steps": np.array([1, 2, 160]), "channel": channel, "weights": head}
    inputs = {"log_mel": [1, 8, 40], "state": [1, 1]}
    return _model(nodes, inputs, {"trunk": [1, 2, 48], "state_next": [1, 1], "head": [49]}, constants)


def stage2() -> onnx.ModelProto:
    """(1, 32000) samples -> (1, 1) nepers of power above `STAGE2_BIAS_DBFS`; the last layer leaves them as they are."""
    floor = 32768.0**2 * 10 ** (STAGE2_BIAS_DBFS / 10)
    nodes = [
        helper.make_node("ReduceSumSquare", ["samples"], ["energy"], axes=[1], keepdims=0),
        helper.make_node("Div", ["energy", "floor"], ["ratio"]),
        helper.make_node("Max", ["ratio", "least"], ["some"]),
        helper.make_node("Log", ["some"], ["nepers"]),
        helper.make_node("Unsqueeze", ["nepers", "axis"], ["trunk"]),
        helper.make_node("Identity", ["weights"], ["head"]),
    ]
    constants = {
        "floor": np.array([floor * 32_000], np.float32), "least": np.array([1e-6], np.float32),
        "axis": np.array([1]), "weights": np.array([1, 0], np.float32),
    }  # fmt: skip
    return _model(nodes, {"samples": [1, 32_000]}, {"trunk": [1, 1], "head": [2]}, constants)


def _model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, list[int]],
    outputs: dict[str, list[int]],
    constants: dict[str, np.ndarray],
) -> onnx.ModelProto:
    def values(shapes: dict[str, list[int]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    initial = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "loud", values(inputs), values(outputs), initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def main() -> None:
    """Write both graphs and the manifest."""
    hashes = {}
    for name, model in (("stage1", stage1()), ("stage2", stage2())):
        content = model.SerializeToString(deterministic=True)
        (FOLDER / f"{name}.onnx").write_bytes(content)
        hashes[name] = hashlib.sha256(content).hexdigest()
    points = {point: {"stage1": 0.5, "stage2": 0.5} for point in ("strict", "default", "keen")}
    manifest = {
        "format": 1,
        "word": "loud",
        "phrase": "anything loud",
        "stage1": {"sha256": hashes["stage1"], "trunk": hashes["stage1"]},
        "stage2": {"sha256": hashes["stage2"]},
        "operating_points": points,
    }
    (FOLDER / "manifest.yaml").write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    main()
