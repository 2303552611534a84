"""The live view, fed with lines: no terminal, no clock."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from wakeword.cli.monitor import LAST_DECISIONS, View
from wakeword.display import Line

STATE: Line = {"from": "status", "event": "state", "listening": True, "fault": "", "wakes": 3, "passed_bytes": 9_000}
LEVEL: Line = {"from": "listen", "event": "level", "at_s": 60.0, "dbfs": -30.0,
               "scores": {"jarvis": {"stage1": 0.5, "stage2": None}}}  # fmt: skip
WAKE: Line = {"from": "listen", "event": "wake", "word": "jarvis", "stage1": 0.9, "stage2": 0.8, "lag_ms": 40}


def screen(*lines: Line) -> list[str]:
    """What is on it after these."""
    view = View()
    for line in lines:
        view.take(line, "12:00:00")
    console = Console(width=120, record=True, file=StringIO())
    console.print(view.shown())
    return console.export_text().splitlines()


def test_who_joins_later_sees_what_was_before_and_what_comes() -> None:
    assert screen(STATE)[0] == "listening; 0.0 s heard, 3 wakes, 9000 bytes passed"
    assert screen(STATE, LEVEL, WAKE)[0] == "listening; 60.0 s heard, 4 wakes, 9000 bytes passed"
    assert screen(STATE | {"session": 7}, LEVEL)[0].startswith("session 7 is open: sending")
    assert screen(STATE | {"listening": False, "muted": True})[0] == "muted: the microphone is closed"
    assert screen(STATE, {"from": "listen", "event": "fault", "what": "unplugged"}, LEVEL)[0] == "fault: unplugged"


def test_level_and_scores_are_bars() -> None:
    _, level, word, *_ = screen(STATE, LEVEL)
    assert (level.count("█"), level.count("·"), "-30.0 dBFS" in level) == (15, 15, True)
    assert (word.count("█"), "jarvis" in word, "stage 1 0.50  stage 2   -" in word) == (15, True, True)


def test_the_last_decisions_stay() -> None:
    said = [line for line in screen(STATE, *[WAKE] * 20) if "WAKE" in line]
    assert len(said) == LAST_DECISIONS
    assert said[0].startswith("12:00:00  WAKE    jarvis")


def test_nonsense_is_no_harm() -> None:
    assert screen(
        {}, {"event": "level", "from": "listen", "dbfs": "loud", "scores": 3, "at_s": None}, {"event": "state"}
    )
