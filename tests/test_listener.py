"""Blocks in, frames out: the part of listen that has no device, here with a gate that reads when told."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.events import RATE_HZ
from wakeword.listener import Listener
from wakeword.messages import LISTEN_TO_GATE, Audio, End, FrameReader, Hello, Message, Tick, Wake
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.settings import SessionSettings
from wakeword.statusline import StatusLines
from wakeword.togate import ToGate

LOUD = Path(__file__).parent / "models" / "loud"
HASHES = (b"1" * 32, b"2" * 32)
Int16 = npt.NDArray[np.int16]


class Heard:
    """A listener, and what it has said."""

    def __init__(self, session: SessionSettings) -> None:
        self._at_gate, to_gate = os.pipe()
        from_gate, self._from_here = os.pipe()
        self._status, status = os.pipe()
        self._ends = [self._at_gate, to_gate, from_gate, self._from_here, self._status, status]
        self._gate = ToGate(to_gate, from_gate)
        os.set_blocking(self._at_gate, False)
        os.set_blocking(self._status, False)
        self.listener = Listener(Detector.load(LOUD), self._gate, StatusLines(status, "listen"), session, HASHES)
        self._reader = FrameReader(LISTEN_TO_GATE)

    def hear(self, samples: Int16) -> None:
        for at in range(0, len(samples), UNIT_SAMPLES):
            self.listener.hear(samples[at : at + UNIT_SAMPLES], time.monotonic())

    def said(self) -> list[Message]:
        """All messages so far."""
        messages: list[Message] = []
        emptied = False
        while not emptied:
            emptied = self._gate.flush(0.0)
            try:
                messages += self._reader.push(os.read(self._at_gate, 1 << 20))
            except BlockingIOError:
                continue
        return messages

    def status(self) -> str:
        return os.read(self._status, 1 << 20).decode()

    def close(self) -> None:
        for end in self._ends:
            os.close(end)


@pytest.fixture
def endless() -> Iterator[Heard]:
    """Sessions go on to a cap of 30 s."""
    heard = Heard(SessionSettings(silence_ms=29_000, patience_ms=29_000, cap_ms=30_000, refractory_ms=0))
    yield heard
    heard.close()


def test_a_gate_that_reads_too_slowly_loses_the_session_and_not_the_listener(endless: Heard, room: Int16) -> None:
    endless.hear(room[7 * RATE_HZ : 10 * RATE_HZ])
    assert endless.listener.in_session
    for at in range(10 * RATE_HZ, 24 * RATE_HZ, UNIT_SAMPLES):  # unread: more than may wait
        endless.hear(room[at : at + UNIT_SAMPLES])
        if not endless.listener.in_session:
            break
    assert not endless.listener.in_session
    assert "the gate reads too slowly: the session was cut short" in endless.status()
    messages = [message for message in endless.said() if not isinstance(message, Tick)]
    hello, wake, *audio, end = messages[: 1 + next(n for n, message in enumerate(messages) if isinstance(message, End))]
    assert isinstance(hello, Hello)
    assert isinstance(wake, Wake)
    assert isinstance(end, End)
    assert end.wake_id == wake.wake_id
    at = wake.next_sample
    for message in audio:  # what did arrive is a beginning without a hole
        assert isinstance(message, Audio)
        assert message.start == at
        at += len(message.pcm) // 2


def test_wake_ids_rise_though_the_clock_does_not(endless: Heard, room: Int16, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: 5_000_000_000)
    for _ in range(3):
        endless.hear(room[7 * RATE_HZ : 11 * RATE_HZ])
        endless.listener.end_session()
    wake_ids = [message.wake_id for message in endless.said() if isinstance(message, Wake)]
    assert len(wake_ids) >= 3
    assert wake_ids == [5_000 + number for number in range(len(wake_ids))]


def test_ending_no_session_says_nothing(endless: Heard) -> None:
    endless.listener.end_session()
    endless.listener.forget()
    assert endless.said() == [Hello(*HASHES)]


def test_everything_heard_is_counted_once(endless: Heard, room: Int16) -> None:
    endless.hear(room[: 7 * RATE_HZ + 100])
    endless.listener.tick(last=True)
    ticks = [message for message in endless.said() if isinstance(message, Tick)]
    assert sum(tick.frames for tick in ticks) == 700
    assert max(tick.frames for tick in ticks) <= 200


@settings(max_examples=8)
@given(
    start=st.integers(7 * RATE_HZ, 8 * RATE_HZ),
    silence_ms=st.integers(100, 1_500),
    cap_ms=st.integers(100, 4_000),
)
def test_each_wake_has_its_end_and_all_audio_between_is_the_rooms(
    room: Int16, start: int, silence_ms: int, cap_ms: int
) -> None:
    heard = Heard(SessionSettings(silence_ms, silence_ms, cap_ms, 200))
    messages: list[Message] = []
    try:
        for at in range(start, start + 6 * RATE_HZ, RATE_HZ // 2):
            heard.hear(room[at : at + RATE_HZ // 2])
            messages += heard.said()
        heard.listener.end_sound()
        messages += heard.said()
    finally:
        heard.close()
    open_wake, at = None, 0
    for message in messages:
        if isinstance(message, Wake):
            assert open_wake is None
            open_wake, at = message, message.next_sample
        elif isinstance(message, Audio):
            assert open_wake is not None
            assert message.start == at
            samples = np.frombuffer(message.pcm, "<i2")
            assert np.array_equal(samples, room[start + at : start + at + len(samples)])
            at += len(samples)
            assert at <= open_wake.next_sample + cap_ms * 16
        elif isinstance(message, End):
            assert open_wake is not None
            assert message.wake_id == open_wake.wake_id
            open_wake = None
    assert open_wake is None
    assert any(isinstance(message, Wake) for message in messages)
