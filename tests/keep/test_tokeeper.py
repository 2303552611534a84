"""listen's end: each candidate with its sound while consent stands; the gate is told that, and how many, never when."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from wakeword.events import RATE_HZ, Verdict
from wakeword.keep import clip, consent
from wakeword.keep.consent import Consent, Shelf
from wakeword.keep.tokeeper import ToKeeper
from wakeword.model import load
from wakeword.notices import Collect, Collecting
from wakeword.pipeline.pipeline import Detector
from wakeword.settings import CollectSettings, ConsentSettings
from wakeword.statusline import StatusLines

LOUD = Path(__file__).parent.parent / "models" / "loud"
Int16 = npt.NDArray[np.int16]


class House:
    """listen's end, what it told the gate, and what came out of the pipe."""

    def __init__(self, folder: Path, *, over: str = "") -> None:
        self.shelf, now_s = Shelf(folder), int(time.time())
        self.until_s = now_s + 1_000
        consent.write(self.shelf.consent, Consent(now_s, self.until_s, "ab" * 32))
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        given = ConsentSettings(str(self.shelf.consent), consent.stamp(self.shelf.consent), now_s, self.until_s)
        self.settings = CollectSettings(given, None if over else self.writer, over)
        self.told: list[Collect] = []
        self.end = ToKeeper(self.settings, self.told.append, StatusLines(None, "listen"))

    def came(self) -> bytes:
        """All of it: what the pipe had no room for follows with the next tick."""
        found, before = b"", -1
        while len(found) > before:
            before = len(found)
            try:
                found += os.read(self.reader, 1 << 20)
            except BlockingIOError:
                self.end.tick()
                with suppress(BlockingIOError):
                    found += os.read(self.reader, 1 << 20)
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    os.close(made.reader)


@pytest.fixture(scope="module")
def asked(room: Int16) -> tuple[Verdict, Detector]:
    """A candidate just decided, and the detector that has heard it."""
    detector = Detector.load(LOUD)
    for start in range(7 * RATE_HZ, 13 * RATE_HZ, 1280):
        found = [event for event in detector.process(room[start : start + 1280]) if isinstance(event, Verdict)]
        if found and found[0].accepted:
            return found[0], detector
    raise AssertionError("nobody is heard")


def test_a_candidate_comes_out_with_the_ring_and_all_that_was_decided(
    house: House, asked: tuple[Verdict, Detector], room: Int16
) -> None:
    verdict, detector = asked
    house.end.offer(verdict, detector)
    head, pcm = clip.unpack(house.came())
    assert (head.word, head.accepted) == ("loud", True)
    assert head.stage1 == pytest.approx(verdict.candidate.stage1, abs=1e-6)
    assert head.stage2 == pytest.approx(verdict.stage2, abs=1e-6)
    assert detector.heard - clip.SAMPLES + head.end == verdict.candidate.end
    sound = np.frombuffer(pcm, "<i2")
    heard = room[7 * RATE_HZ : 7 * RATE_HZ + detector.heard][-clip.SAMPLES :]
    np.testing.assert_array_equal(sound[clip.SAMPLES - len(heard) :], heard)
    assert not sound[: clip.SAMPLES - len(heard)].any()


def test_the_gate_is_told_the_number_once_at_the_end(house: House, asked: tuple[Verdict, Detector]) -> None:
    for _ in range(3):
        house.end.offer(*asked)
        house.came()
    house.end.tick(last=True)
    assert house.told == [Collect(Collecting.ON, 0, house.until_s), Collect(Collecting.DAY, 3, house.until_s)]


def test_once_a_day_it_is_told_that_it_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = time.monotonic()
    house.end.tick()
    assert [one.why for one in house.told] == [Collecting.ON]
    monkeypatch.setattr(time, "monotonic", lambda: now_s + 86_401)
    house.end.tick()
    house.end.tick()
    assert [one.why for one in house.told] == [Collecting.ON, Collecting.DAY]


def test_once_consent_is_gone_not_one_clip_more_comes_out(house: House, asked: tuple[Verdict, Detector]) -> None:
    house.end.offer(*asked)
    assert len(house.came()) == clip.FRAME_BYTES
    house.shelf.consent.unlink()
    house.end.offer(*asked)
    house.end.offer(*asked)
    house.end.tick(last=True)
    assert house.came() == b""
    assert [(one.why, one.kept) for one in house.told] == [(Collecting.ON, 0), (Collecting.FORGOTTEN, 1)]


def test_a_wrong_clock_keeps_nothing_and_ends_nothing(
    house: House, asked: tuple[Verdict, Detector], monkeypatch: pytest.MonkeyPatch
) -> None:
    wall_s = time.time()
    monkeypatch.setattr(time, "time", lambda: wall_s - 100_000)
    house.end.offer(*asked)
    assert house.came() == b""
    monkeypatch.setattr(time, "time", lambda: wall_s)
    house.end.offer(*asked)
    assert len(house.came()) == clip.FRAME_BYTES
    assert [one.why for one in house.told] == [Collecting.ON]


def test_a_keeper_that_reads_nothing_holds_nobody_up_and_gets_whole_clips_alone(
    house: House, asked: tuple[Verdict, Detector]
) -> None:
    for _ in range(30):  # far more than the pipe holds
        house.end.offer(*asked)
    got = house.came()
    assert len(got) % clip.FRAME_BYTES == 0
    assert 1 <= len(got) // clip.FRAME_BYTES < 30
    for at in range(0, len(got), clip.FRAME_BYTES):
        assert clip.unpack(got[at : at + clip.FRAME_BYTES])[0].word == "loud"
    house.end.tick(last=True)
    assert house.told[-1].kept == len(got) // clip.FRAME_BYTES


def test_a_keeper_that_has_ended_is_not_missed(tmp_path: Path, asked: tuple[Verdict, Detector]) -> None:
    house = House(tmp_path)
    os.close(house.reader)
    house.end.offer(*asked)
    house.end.offer(*asked)
    house.end.tick(last=True)
    assert [one.why for one in house.told] == [Collecting.ON]


@pytest.mark.parametrize("over", ["expired", "forgotten"])
def test_what_ended_while_nothing_ran_is_told_at_the_start(
    tmp_path: Path, over: str, asked: tuple[Verdict, Detector]
) -> None:
    house = House(tmp_path, over=over)
    house.end.offer(*asked)
    house.end.tick(last=True)
    assert house.came() == b""
    assert house.told == [Collect(Collecting[over.upper()], 0, house.until_s)]
    os.close(house.reader)
    os.close(house.writer)


def test_without_consent_it_does_nothing(asked: tuple[Verdict, Detector]) -> None:
    told: list[Collect] = []
    end = ToKeeper(CollectSettings(), told.append, StatusLines(None, "listen"))
    end.offer(*asked)
    end.tick(last=True)
    assert told == []


def test_a_word_too_long_to_be_described_is_not_kept(house: House, asked: tuple[Verdict, Detector]) -> None:
    verdict, detector = asked
    named = Detector([replace(load(LOUD), word="x" * 500)], detector.points)
    named.process(np.zeros(8 * RATE_HZ, np.int16))
    house.end.offer(replace(verdict, candidate=replace(verdict.candidate, word="x" * 500)), named)
    assert house.came() == b""
