"""The watchdog over the loop. The ear itself needs a microphone: tests/processes/test_microphone.py."""

from __future__ import annotations

import threading

import pytest

from wakeword.source.ear import Watchdog

HANG_S = 60


class Quick(Watchdog):
    STUCK_CHECKS = 1


def test_a_loop_that_stands_still_is_called_out_once() -> None:
    called = threading.Event()
    times: list[int] = []

    def stuck() -> None:
        times.append(1)
        called.set()

    watchdog = Quick(lambda: 7, stuck)
    watchdog.start()
    assert called.wait(HANG_S)
    watchdog._thread.join(HANG_S)
    assert times == [1]


def test_a_loop_that_turns_is_left_alone_until_it_does_not() -> None:
    looks = threading.Semaphore(0)
    turns = iter([1, 2, 3, 3])
    called = threading.Event()

    def turned() -> int:
        looks.release()
        return next(turns)

    watchdog = Quick(turned, called.set)
    watchdog.start()
    for _ in range(3):
        assert looks.acquire(timeout=HANG_S)
    assert not called.is_set()
    assert called.wait(HANG_S)


def test_a_watchdog_that_was_stopped_says_nothing() -> None:
    said: list[int] = []
    watchdog = Quick(lambda: 7, lambda: said.append(1))
    watchdog.stop()
    watchdog.start()
    watchdog._thread.join(HANG_S)
    assert not watchdog._thread.is_alive()
    assert said == []


def test_it_waits_longer_than_a_call_into_a_server_that_answers() -> None:
    assert Watchdog.STUCK_CHECKS >= 5


@pytest.mark.parametrize("number", ["3", "0"])
def test_a_microphone_is_named_and_not_numbered(number: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from wakeword.errors import SourceError
    from wakeword.source import microphone

    listed = [microphone.Device(0, "USB Audio: - (hw:Device,0)", "ALSA", 1, 48_000, True)]
    monkeypatch.setattr(microphone, "devices", lambda: listed)
    with pytest.raises(SourceError, match=r"named, not numbered.*USB Audio: - \(hw:Device,0\)"):
        microphone.find(number)
    assert microphone.find("hw:Device") == microphone.find("") == listed[0]
