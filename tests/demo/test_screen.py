"""What the demo shows, read as text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from wakeword.demo.account import Account, Sent, Told
from wakeword.demo.room import Line
from wakeword.demo.screen import Screen, bar, became, clock, conclusions, sent_table, told_table

ASKED = Line(1.0, 3.0, "Computer, what time is it?", "af_kore", "computer", "near")
NEAR = Line(5.0, 7.0, "The commuter train was loud.", "am_onyx", "", "near-miss: commuter")
LEVEL = {
    "from": "listen",
    "event": "level",
    "at_s": 6.0,
    "dbfs": -35.0,
    "speaking": True,
    "scores": {"computer": {"stage1": 0.91, "stage2": 0.2}, "jarvis": {"stage1": 0.1, "stage2": None}},
}


def text(*shown: object) -> str:
    """What a console of 120 columns, no terminal, would print."""
    out = io.StringIO()
    console = Console(file=out, width=120, highlight=False)
    for thing in shown:
        console.print(thing)
    return out.getvalue()


def screen(lines: list[Line]) -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    return Screen(lines, Console(file=out, width=120, highlight=False)), out


def test_a_second_is_one_line_with_level_and_both_scores_of_the_strongest_word() -> None:
    shown, out = screen([])
    with shown:
        shown.show(LEVEL)
    assert out.getvalue() == ("0:06   ██████████··········   -35 dBFS  voice  computer  stage 1 0.91  stage 2 0.20\n")


def test_subtitles_come_before_what_happens_in_them() -> None:
    shown, out = screen([ASKED, NEAR])
    wake = {"from": "listen", "event": "wake", "word": "computer", "start_s": 1.0, "end_s": 1.6, "stage1": 0.9}
    with shown:
        shown.show({**wake, "stage2": 0.8, "accepted": True})
        shown.show({"from": "gate", "event": "open", "sid": 4})
        shown.show(LEVEL)
        shown.show({"from": "gate", "event": "close", "sid": 4, "bytes": 96_000, "ms": 2_000, "why": "end"})
        shown.show({**LEVEL, "at_s": 7.0})
    printed = out.getvalue().splitlines()
    assert printed[0] == "0:01   af_kore says: “Computer, what time is it?”  (near)"
    assert "WAKE" in printed[1]
    assert "session 4 open" in printed[2]
    assert "commuter" in printed[3]
    assert printed[4].endswith("session 4 is open: sending")
    assert "96,000 bytes" in printed[5]
    assert not printed[6].endswith("sending")


def test_a_terminal_gets_a_live_line_and_no_line_a_second() -> None:
    out = io.StringIO()
    shown = Screen([], Console(file=out, width=120, force_terminal=True, highlight=False, color_system=None))
    with shown:
        for second in range(5):
            shown.show({**LEVEL, "at_s": float(second)})
        shown.show({"from": "gate", "event": "open", "sid": 4})
    assert "0:04" in out.getvalue()
    assert "\x1b[2K" in out.getvalue(), "the live line is redrawn in place"


@pytest.mark.parametrize(
    ("dbfs", "cells"), [(-120.0, 0), (-70.0, 0), (-35.0, 10), (0.0, 20), (3.0, 20), (float("-inf"), 0)]
)
def test_the_bar_has_twenty_cells(dbfs: float, cells: int) -> None:
    assert (len(bar(dbfs)), bar(dbfs).count("█")) == (20, cells)


def test_the_clock_counts_minutes() -> None:
    assert [clock(s) for s in (0.9, 59.99, 60.0, 754.0)] == ["0:00", "0:59", "1:00", "12:34"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told(ASKED, 0.9, 0.8, "computer", (1,), 2.0), "woke “computer”"),
        (Told(ASKED, 0.9, 0.2, "", (), 0.0), "MISSED"),
        (Told(ASKED, 0.9, 0.8, "jarvis", (1,), 2.0), "MISSED, and woke “jarvis”"),
        (Told(NEAR, 0.9, 0.8, "computer", (1,), 2.0), "FALSE ACCEPT of “computer”"),
        (Told(NEAR, 0.9, 0.2, "", (), 0.0), "refused by stage 2"),
        (Told(NEAR, None, None, "", (3,), 0.4), "in an open session"),
        (Told(NEAR, None, None, "", (), 0.0), "no candidate"),
    ],
)
def test_each_outcome_has_its_words(told: Told, words: str) -> None:
    assert became(told) == words


def books(*told: Told, problems: tuple[str, ...] = ()) -> Account:
    sent = Sent(1, "computer", 0.9, 0.8, "end", 96_000, 96_000, 0.5, 3.5, problems)
    return Account(list(told), [sent], [], [])


def test_the_tables_name_scores_seconds_and_bytes() -> None:
    account = books(Told(ASKED, 0.9, 0.8, "computer", (1,), 2.0), Told(NEAR, None, None, "", (), 0.0))
    printed = text(told_table(account), sent_table(account))
    assert "2.0 of 2.0 s, 1" in printed
    assert "nothing" in printed
    assert "0.50–3.50" in printed
    assert printed.count("96,000") == 2
    assert "silence" in printed


def test_no_figure_is_cut_on_a_narrow_terminal() -> None:
    sent = Sent(12, "computer", 0.9, 0.8, "cap_ms", 480_000, 480_000, 100.25, 115.25, ())
    out = io.StringIO()
    Console(file=out, width=80).print(sent_table(Account([], [sent], [], [])))
    assert "…" not in out.getvalue()
    assert all(figure in out.getvalue() for figure in ("12", "0.90 0.80", "100.25–115.25", "its time cap", "480,000"))


def test_a_disagreement_stands_in_the_table() -> None:
    assert "half is missing" in text(sent_table(books(problems=("half is missing",))))


def test_misses_false_accepts_and_other_talk_are_stated() -> None:
    account = books(Told(ASKED, 0.9, 0.2, "", (), 0.0), Told(NEAR, None, None, "", (1,), 0.4))
    assert conclusions(account) == [
        "misses: 1 of 1 wake words; false accepts: 0",
        "stage 2 refused what stage 1 had asked about: 1 lines, and 0 times other sound",
        "of 4.0 s of talk 0.4 s left: 0.0 s with a wake word, 0.4 s without",
        "uploaded without a wake word in it: “The commuter train was loud.” (0.4 s)",
    ]
