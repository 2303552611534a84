"""What all tests share: the recorded room, and how properties are drawn."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from browser import Chromium, started
from hypothesis import HealthCheck, settings

import wakeword

if TYPE_CHECKING:
    from broker import Listener, Mosquitto

settings.register_profile(
    "wakeword",
    deadline=None,  # no test here is timed
    print_blob=True,  # a failure prints what repeats it
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("wakeword")

ROOM = Path(wakeword.__file__).parent / "data" / "room.flac"


@pytest.fixture(scope="session")
def room() -> npt.NDArray[np.int16]:
    """The demo's room: 73 s with wake words, near-misses, music and silence."""
    samples, rate = soundfile.read(ROOM, dtype="int16")
    assert rate == 16_000
    samples.flags.writeable = False
    return np.asarray(samples)


@pytest.fixture(scope="session")
def said() -> list[dict[str, str]]:
    """What is said in the room: start_s, end_s, what, who, word, how."""
    with ROOM.with_suffix(".csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real MQTT broker; see `broker.py`, which skips where its library or its program is not."""
    from broker import Mosquitto

    running = Mosquitto(tmp_path)
    yield running
    running.kill()


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Listener]:
    """Reads all that the broker is told."""
    from broker import Listener

    reading = Listener(broker.port)
    yield reading
    reading.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """One headless browser for a file of tests; see `browser.py`. No longer: playwright keeps an event loop running."""
    with started() as browser:
        yield browser
