"""A new file a day, old records removed between sessions, and the owner's wish to have all gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from evidence_room import HandClock, Room, policy
from test_states import HELLO, MODELS, WINDOW, HandOutside

from wakeword.evidence.store import Evidence, StartFacts
from wakeword.housekeeping import LOOK_MS, SPACE_MS, Housekeeper
from wakeword.messages import Hello, Wake
from wakeword.states import Gate

DAY_MS = 86_400_000


class House:
    """A gate with its keeper."""

    def __init__(self, folder: Path) -> None:
        self.room = Room(folder, HandClock())
        self.outside = HandOutside(self.room.clock)
        self.evidence = self.room.start()
        self.gate = Gate(self.evidence, self.outside, policy())
        self.keeper = Housekeeper(self.gate, self.evidence, self.facts, self.room.clock.boot_ms())
        self.gate.hear(HELLO)

    def facts(self) -> StartFacts:
        walls = {"deny": True, "kat": True, "mic": True, "net": True}
        return StartFacts(policy(), "c0" * 32, walls, self.gate.muted)

    def later(self, ms: int) -> None:
        self.room.clock.turn(ms)
        self.gate.advance()
        self.keeper.turn(self.room.clock.boot_ms())

    def wake(self) -> None:
        self.gate.hear(Wake(self.room.clock.boot_ms(), 0, 700_000, 800_000, 9, *MODELS, WINDOW))

    def files(self) -> list[str]:
        return sorted(path.name for path in self.room.folder.glob("*.seg"))

    def kinds(self) -> list[str]:
        return [str(entry.record["k"]) for entry in self.room.check().entries]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield House(tmp_path)


def test_a_new_file_each_day_but_not_inside_a_session(house: House) -> None:
    house.later(DAY_MS - 10_000)
    house.wake()
    house.later(10_000)
    assert house.files() == ["00000001.seg"]
    house.later(6_000)  # the session's cap
    house.later(1)
    assert house.files() == ["00000001.seg", "00000002.seg"]
    stops = [entry.record["why"] for entry in house.room.check().entries if entry.record["k"] == "stop"]
    assert stops == ["daily"]
    house.wake()
    assert house.gate.session


def test_after_ninety_days_content_goes_one_file_a_turn(house: House) -> None:
    for _ in range(93):
        house.later(DAY_MS)
    for _ in range(5):
        house.later(1)
    cut = [entry.epoch for entry in house.room.check().entries if entry.record["k"] == "cut"]
    assert (min(cut), max(cut)) == (1, 3)


def test_the_owners_wish_is_done_at_once_and_told(house: House) -> None:
    house.wake()
    (house.room.folder / "prune").touch()
    house.later(LOOK_MS)
    assert house.files() == ["00000001.seg"]
    house.later(15_000)
    while (house.room.folder / "prune").exists():
        house.later(LOOK_MS)
    assert house.files() == ["00000001.seg", "00000002.seg"]
    assert [entry.record["k"] for entry in house.room.check().entries if entry.epoch == 1][3:-1] == ["cut"] * 10
    prunes = [entry.record["why"] for entry in house.room.check().entries if entry.record["k"] == "prune"]
    assert prunes == ["user"]


def test_a_full_disk_is_made_room_on_once_an_hour(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Evidence, "has_room", lambda _: False)
    monkeypatch.setattr(house.evidence, "prune", asked.append)
    for _ in range(4):
        house.later(LOOK_MS)
    assert asked == ["space"]
    house.later(SPACE_MS)
    assert asked == ["space", "space"]


def test_a_hello_is_not_needed_again_after_a_new_file(house: House) -> None:
    house.later(DAY_MS)
    house.gate.hear(Hello(*MODELS))
    assert house.gate.last_fault == "state"
