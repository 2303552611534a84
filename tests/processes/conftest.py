"""What the tests of whole processes share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from daemon import Service, service


@pytest.fixture
def receiver() -> Iterator[Service]:
    """A service of our own on a free port of the loopback."""
    with service() as made:
        yield made
