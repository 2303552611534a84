"""One house for all tests of this folder: built once, since a machine's boot and an installation take some seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import systemd_house
from systemd_house import House, house


@dataclass(frozen=True)
class FirstInstall:
    """What the script did to a machine that had nothing of ours."""

    before: set[str]  # what had been written to the machine's disk
    said: str


@pytest.fixture(scope="session")
def home() -> Iterator[House]:
    """With a microphone and a service outside."""
    if reason := systemd_house.missing():
        pytest.skip(reason)
    with house() as made:
        yield made


@pytest.fixture(scope="session")
def first_install(home: House) -> FirstInstall:
    return FirstInstall(home.bed.written(), home.install())


@pytest.fixture
def installed(home: House, first_install: FirstInstall) -> House:
    """Installed, whatever tests before did to it; stopped or running."""
    if not home.installed:
        home.install("--no-start")
    return home


@pytest.fixture
def running(installed: House) -> House:
    """Installed, configured, started: all three are ready."""
    if installed.configure() or not installed.active():
        installed.stop()
        installed.start()
    return installed
