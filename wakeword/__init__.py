"""wakeword: a two-stage wake-word daemon. No audio leaves before two independent detectors agree.

The public names, loaded when first used, so that `import wakeword.gate` loads no audio library:

    from wakeword import Detector
    detector = Detector.load("computer")
    for event in detector.process(block):     # int16 samples, 16 kHz mono, any length
        print(event)
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before anything imports onnxruntime: its wheels phone home

if TYPE_CHECKING:
    from wakeword.errors import WakewordError
    from wakeword.events import Candidate, Event, Verdict, Voice
    from wakeword.pipeline.pipeline import Detector

__version__ = "0.1.0"
__all__ = ["Candidate", "Detector", "Event", "Verdict", "Voice", "WakewordError"]

_HOME = {
    "Candidate": "wakeword.events",
    "Detector": "wakeword.pipeline.pipeline",
    "Event": "wakeword.events",
    "Verdict": "wakeword.events",
    "Voice": "wakeword.events",
    "WakewordError": "wakeword.errors",
}


def __getattr__(name: str) -> Any:  # PEP 562: a public name can be anything
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'wakeword' has no attribute {name!r}")
