"""Every module that the gate loads: that is what an auditor reads, and what `code` in a key record covers."""

from __future__ import annotations

import json
import subprocess
import sys

from wakeword.gate import GATE_FILES

LIST = """
import sys, json
before = set(sys.modules)
import wakeword.gate
wakeword.gate.main(["{}"])                  # settings that are refused: loads what only an error would
print(json.dumps(sorted(set(sys.modules) - before)))
"""
# What comes with the one package that is not ours.
CRYPTOGRAPHY = {"cryptography", "_cffi_backend", "_openssl"}
# Of the standard library, what would let it reach out, run others or do two things at once.
FORBIDDEN = {
    "_socket", "asyncio", "concurrent", "ftplib", "http", "multiprocessing", "numpy", "onnxruntime", "pydantic",
    "sounddevice", "socket", "socketserver", "ssl", "subprocess", "threading", "urllib.request", "websockets", "yaml",
}  # fmt: skip


def loaded() -> list[str]:
    ended = subprocess.run([sys.executable, "-P", "-c", LIST], capture_output=True, text=True, check=True)
    return [str(name) for name in json.loads(ended.stdout)]


def test_of_ours_it_loads_what_its_code_hash_covers() -> None:
    ours = {name for name in loaded() if name.split(".")[0] == "wakeword"}
    files = {name.removesuffix(".py").replace("/", ".") for name in GATE_FILES}
    assert ours == {f"wakeword.{name}".removesuffix(".__init__") for name in files}


def test_of_others_it_loads_cryptography_alone() -> None:
    foreign = {name.split(".")[0] for name in loaded() if not name.startswith("wakeword")}
    assert foreign - set(sys.stdlib_module_names) <= CRYPTOGRAPHY


def test_it_loads_nothing_that_reaches_out() -> None:
    assert set(loaded()) & FORBIDDEN == set()
