"""Memory over hours: when it is flat, and a run that is too short to tell."""

from __future__ import annotations

import sys

import pytest

from wakeword.bench import endurance, sounds
from wakeword.bench.endurance import Endured, Look


def endured(*mib: float, hours: float = 10.0) -> Endured:
    """Ten looks, the later ones of which are these."""
    held = [100.0] * (10 - len(mib)) + list(mib)
    return Endured(tuple(Look(float(at), (one,)) for at, one in enumerate(held)), hours, 10.0, 60.0, 0)


def test_it_is_flat_when_all_was_heard_and_the_end_is_like_the_beginning() -> None:
    assert endured(104.0).flat
    assert endured(50.0).flat
    assert not endured(106.0).flat
    assert not endured(104.0, hours=9.9).flat


def test_what_the_first_tenth_holds_does_not_count() -> None:
    assert endured(*[200.0] * 9).flat
    assert not endured(*[200.0] * 8).flat


def test_hours_too_few_to_look_at_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(endurance, "LOOK_S", 600.0)
    command = ["endurance", str(sounds.ROOM), "--hours", "0.05", "--jobs", "1", "--word", "computer"]
    monkeypatch.setattr(sys, "argv", command)
    assert endurance.main() == 2
    assert "--hours: all was heard before anybody looked" in capsys.readouterr().err
