"""`--names`, and `--stage1` as the command line takes it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from wakeword.events import Verdict
from wakeword.pipeline.pipeline import Detector

HANG_S = 120


def replay(*options: str, sound: np.ndarray | None = None) -> subprocess.CompletedProcess[bytes]:
    octets = b"" if sound is None else sound.astype("<i2").tobytes()
    command = [sys.executable, "-m", "wakeword", "replay", "-", *options]
    return subprocess.run(command, input=octets, capture_output=True, check=False, timeout=HANG_S)


def test_names_are_a_line_a_wake_without_sessions(room: np.ndarray) -> None:
    """As a satellite's --wake-command wants it: what follows a wake is the satellite's affair."""
    events = Detector.load("jarvis", "alexa").process(room)
    wakes = [event.candidate.word for event in events if isinstance(event, Verdict) and event.accepted]
    ended = replay("--names", "--word", "jarvis", "--word", "alexa", sound=room)
    assert ended.returncode == 0
    assert ended.stdout.decode().split("\n") == [*wakes, ""]
    assert len(wakes) >= 3


@pytest.mark.parametrize(("options", "says"), [
    (["--names", "--json"], "--names stands alone"),
    (["--stage1", "openwakeword:x.onnx"], "whose stage 1 is openwakeword:x.onnx? (--stage1 WORD=KIND:PATH"),
    (["--word", "alexa", "--stage1", "snowboy:x"], "not a stage 1 of another program: 'snowboy:x'"),
    (["--word", "alexa", "--stage1", "jarvis=openwakeword:x"], "a stage 1 for 'jarvis', which is not listened for"),
    (["--word", "alexa", "--stage1", "openwakeword:/no/head.onnx"], "/no/head.onnx: "),
])  # fmt: skip
def test_what_cannot_be_is_a_usage_error_with_its_cause(options: list[str], says: str) -> None:
    ended = replay(*options)
    assert ended.returncode == 2
    assert ended.stderr.decode().startswith(f"wakeword: {says}")
