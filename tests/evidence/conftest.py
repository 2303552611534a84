"""The house of this folder's tests: `room`, a log in a folder of its own with clocks that a test turns by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_room import HandClock, Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path, HandClock())
