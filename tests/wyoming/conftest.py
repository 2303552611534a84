"""The service, started once for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("wyoming.event", reason="needs the library wyoming: pip install '.[wyoming]'")
from wyoming_bed import Service, accepted

from wakeword.events import RATE_HZ


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """Serves all shipped words on a free port of the loopback."""
    with Service("--uri", "tcp://127.0.0.1:0") as made:
        yield made
        assert made.end() == 0


@pytest.fixture(scope="session")
def sentence(room: np.ndarray, said: list[dict[str, str]]) -> dict[str, np.ndarray]:
    """For each word the sentence of the room that has it most clearly, 2 s of the room before and 1 s after it."""
    found: dict[str, tuple[float, np.ndarray]] = {}
    for line in said:
        if line["word"]:
            sound = room[int(RATE_HZ * (float(line["start_s"]) - 2)) : int(RATE_HZ * (float(line["end_s"]) + 1))]
            best = max((min(one.candidate.stage1, one.stage2) for one in accepted(sound, line["word"])), default=0)
            found[line["word"]] = max(found.get(line["word"], (0.0, sound)), (best, sound), key=lambda pair: pair[0])
    return {word: sound for word, (_, sound) in found.items()}
