"""When a session ends by itself. Times in samples at 16 kHz; a unit is 80 ms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.pipeline.session import Session
from wakeword.settings import SessionSettings

UNIT = 1280
SETTINGS = SessionSettings(silence_ms=800, patience_ms=2_400, cap_ms=8_000, refractory_ms=1_000)
SILENCE, PATIENCE, CAP = 10, 30, 100  # the same in units


def play(voiced: str, settings: SessionSettings = SETTINGS, opened: int = 64_000) -> tuple[str, int] | None:
    """`v` a unit with voice, `.` one without; returns why it ended and after how many units."""
    session, quiet = Session(settings, opened), 0
    for number, unit in enumerate(voiced, 1):
        quiet = 0 if unit == "v" else quiet + UNIT
        why = session.push(opened + number * UNIT, quiet)
        if why:
            return why, number
    return None


@pytest.mark.parametrize(("voiced", "ended"), [
    ("." * 99, ("silence", PATIENCE)),                          # woken, and nothing said
    ("." * 29 + "v" + "." * 99, ("silence", 30 + SILENCE)),     # said at the last moment
    ("vvv" + "." * 99, ("silence", 3 + SILENCE)),
    ("vvv" + "." * 9 + "vv" + "." * 99, ("silence", 14 + SILENCE)),  # a pause inside a sentence
    ("v" * 200, ("cap", CAP)),                                  # somebody who does not stop
    ("v" * 95 + "." * 99, ("cap", CAP)),                        # the cap comes before the silence
    ("v" * 20, None),
])  # fmt: skip
def test_how_it_ends(voiced: str, ended: tuple[str, int] | None) -> None:
    assert play(voiced) == ended


def test_quiet_from_before_the_session_does_not_count() -> None:
    session = Session(SETTINGS, 160_000)
    assert session.push(160_000 + UNIT, quiet=100_000) is None
    assert session.push(160_000 + PATIENCE * UNIT, quiet=200_000) == "silence"


def test_the_cap_wins_when_both_are_reached_at_once() -> None:
    settings = SessionSettings(silence_ms=800, patience_ms=2_400, cap_ms=2_400)
    assert play("." * 40, settings) == ("cap", PATIENCE)


@given(st.text("v.", min_size=1, max_size=150), st.integers(0, 10**9))
def test_no_session_outlives_its_cap_or_its_silence(voiced: str, opened: int) -> None:
    ended = play(voiced, opened=opened)
    after = ended[1] if ended else len(voiced)
    assert after <= CAP
    heard = voiced[: after - 1]  # until just before its end it had a reason to go on
    if "v" in heard:
        assert len(heard) - heard.rindex("v") - 1 < SILENCE
    else:
        assert len(heard) < PATIENCE
