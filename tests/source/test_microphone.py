"""The judgement on a microphone's pulse, without a microphone; with one: tests/processes/test_microphone.py."""

from __future__ import annotations

import threading

import pytest

from wakeword.source import microphone
from wakeword.source.microphone import Pulse, Watchdog


def verdicts(delivered: list[int], rate_hz: int = 16_000) -> list[str]:
    """One check a second; `delivered` is what came in each."""
    pulse, total, found = Pulse(rate_hz), 0, []
    for second, count in enumerate(delivered):
        total += count
        found.append(pulse.check(float(second), total))
    return found


def test_a_steady_device_is_well() -> None:
    assert verdicts([16_000] * 100) == [""] * 100


def test_five_seconds_of_nothing_are_a_fault_and_four_are_not() -> None:
    assert verdicts([16_000] * 20 + [0] * 4 + [80_000] + [16_000] * 20) == [""] * 45
    found = verdicts([16_000] * 20 + [0] * 5)
    assert (found[-2], found[-1]) == ("", "the microphone delivered nothing for 5 s")


def test_a_device_that_never_delivers_is_a_fault() -> None:
    assert verdicts([0] * 6)[-1] == "the microphone delivered nothing for 5 s"


def test_a_stall_of_three_seconds_and_its_backlog_are_no_fault() -> None:
    assert verdicts([16_000] * 15 + [0] * 3 + [64_000] + [16_000] * 15) == [""] * 34


@pytest.mark.parametrize("rate", [6_000, 48_000])
def test_another_rate_than_promised_is_a_fault_after_ten_seconds(rate: int) -> None:
    found = verdicts([rate] * 11)
    assert found[:10] == [""] * 10
    assert found[10] == f"the microphone delivers {rate} samples a second instead of 16000"


def test_the_watchdog_calls_out_once_and_not_after_it_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "STALLED_CHECKS", 0)  # any check is one too many
    called = threading.Event()
    said: list[str] = []

    def fault(what: str) -> None:
        said.append(what)
        called.set()

    watchdog = Watchdog(lambda: 0, 16_000, fault)
    watchdog.start()
    assert called.wait(30)
    assert said == ["the microphone delivered nothing for 0 s"]
    quiet = Watchdog(lambda: 0, 16_000, said.append)
    quiet.stop()
    quiet.start()
    quiet._thread.join(30)
    assert len(said) == 1
