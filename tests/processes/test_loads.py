"""What each process loads: a fresh interpreter, then `sys.modules`. The gate's own list: test_gate_loads.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

REPORT = """
import json, os, sys
before = set(sys.modules)
{code}
names = {{name.split(".")[0] for name in set(sys.modules) - before}} - set(sys.stdlib_module_names)
print(json.dumps([sorted(names), os.environ.get("ORT_DISABLE_TELEMETRY")]))
"""
LISTENING = """
import numpy, wakeword.listen, wakeword.hearing
from wakeword.pipeline.pipeline import Detector
detector = Detector.load("computer", floor=True)
for turn in range(20):
    detector.process(numpy.random.default_rng(turn).integers(-9000, 9000, 5000).astype(numpy.int16))
"""
NUMPY = {"numpy"}
ONNXRUNTIME = {"onnxruntime", "flatbuffers", "google", "packaging", "coloredlogs", "humanfriendly", "sympy", "mpmath"}
VOICE = {"_webrtcvad", "soxr"}
YAML = {"yaml", "_yaml"}
NOTES = {"cryptography", "_cffi_backend", "_openssl"}  # receipts are notes, read by the evidence's own code


def loaded(code: str) -> tuple[set[str], str | None]:
    """Top-level names of packages that are not the standard library's, and the telemetry switch after the imports."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    command = [sys.executable, "-P", "-c", REPORT.format(code=code)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    names, switch = json.loads(ended.stdout)
    built_in = {name for name in names if name.startswith(("_cython", "_sysconfigdata")) or name == "cython_runtime"}
    return set(names) - built_in, switch


@pytest.mark.parametrize(("code", "allowed"), [
    ("import wakeword", set()),
    ("import wakeword.cli; wakeword.cli.build_parser('--help')", set()),
    ("import wakeword.listen", set()),
    (LISTENING, NUMPY | ONNXRUNTIME | VOICE | YAML),
    ("import wakeword.uplink", {"websockets"} | NOTES),
    ("import wakeword.mqtt", {"paho"}),
    ("import wakeword.cli.replay", set()),
    ("import wakeword.cli.audit", NOTES),
], ids=[
    "package", "help", "listen before its wall", "listen at work", "uplink", "mqtt", "replay's help", "audit"
])  # fmt: skip
def test_a_process_loads_no_more_than_this(code: str, allowed: set[str]) -> None:
    names, _ = loaded(code)
    assert names - {"wakeword"} <= allowed


def test_listening_really_loaded_the_models() -> None:
    """Else the list above would prove nothing."""
    names, _ = loaded(LISTENING)
    assert {"numpy", "onnxruntime", "_webrtcvad", "yaml"} <= names


MODULES = ["wakeword", "wakeword.cli", "wakeword.model", "wakeword.pipeline.pipeline", "wakeword.listen"]


@pytest.mark.parametrize("module", MODULES)
def test_onnxruntimes_telemetry_is_off_once_any_of_ours_is_imported(module: str) -> None:
    assert loaded(f"import {module}")[1] == "1"
