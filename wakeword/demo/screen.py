"""What the demo shows: subtitles, a live line a second, decisions as they fall, and the account at the end.

On a terminal the live line stays at the bottom and events scroll above it; elsewhere each second is a plain line.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from wakeword.demo.account import Account, Told
from wakeword.demo.room import Line
from wakeword.display import described
from wakeword.evidence.report import ENDS

Event = dict[str, Any]  # Any: JSON of another process

BAR_CELLS = 20
QUIETEST_DBFS, LOUDEST_DBFS = -70.0, 0.0
PLAIN_WIDTH = 120  # where there is no terminal to ask
STYLES = {"wake": "bold green", "reject": "yellow", "fault": "bold red", "error": "bold red", "denied": "bold red"}


class Screen:
    """A context manager: `show` each event; leaving it takes the live line away."""

    def __init__(self, lines: list[Line], console: Console | None = None) -> None:
        """`lines` become subtitles."""
        self.console = console or _console()
        self._subtitles = list(lines)
        self._session: int | None = None
        self._now_s = 0.0
        self._live = Live(Text(), console=self.console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def say(self, text: str, style: str = "") -> None:
        """A line of our own."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def show(self, event: Event) -> None:
        """One status line of the daemon."""
        self._now_s = max(self._now_s, float(event.get("at_s") or event.get("end_s") or 0.0))
        self._subtitle()
        match event.get("event"):
            case "level":
                line = self._level(event)
                if self.console.is_terminal:
                    self._live.update(line, refresh=True)
                else:
                    self.say(line.plain.rstrip())
            case "open":
                self._session = event.get("sid")
            case "close":
                self._session = None
        if text := described(event):
            self.say(f"{clock(self._now_s)}   {text}", STYLES.get(str(event.get("event")), "cyan"))

    def _subtitle(self) -> None:
        while self._subtitles and self._subtitles[0].start_s <= self._now_s:
            line = self._subtitles.pop(0)
            self.say(f"{clock(line.start_s)}   {line.who} says: “{line.what}”  ({line.how})", "bold")

    def _level(self, event: Event) -> Text:
        """The live line: clock, level, voice, the strongest word's two scores, session."""
        scores = event.get("scores") or {"": {}}
        word, both = max(scores.items(), key=lambda item: item[1].get("stage1") or 0.0)
        line = Text(f"{clock(self._now_s)}   {bar(event['dbfs'])} {event['dbfs']:>5.0f} dBFS  ")
        line.append("voice" if event.get("speaking") else "     ", "bold")
        line.append(f"  {word:<9} stage 1 {score(both.get('stage1'))}  stage 2 {score(both.get('stage2'))}")
        if self._session is not None:
            line.append(f"   session {self._session} is open: sending", "bold green")
        return line


def clock(seconds: float) -> str:
    """0:07."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def bar(dbfs: float) -> str:
    """A level as BAR_CELLS characters."""
    share = (min(max(dbfs, QUIETEST_DBFS), LOUDEST_DBFS) - QUIETEST_DBFS) / (LOUDEST_DBFS - QUIETEST_DBFS)
    return "█" * round(share * BAR_CELLS) + "·" * (BAR_CELLS - round(share * BAR_CELLS))


def score(value: float | None) -> str:
    """Two digits, or a dash where nothing was scored."""
    return "   -" if value is None else f"{value:4.2f}"


def told_table(account: Account) -> Table:
    """Each line of the room and what became of it."""
    table = _table("What was said, and what became of it")
    table.add_column("at", justify="right")
    table.add_column("said")
    table.add_column("stages", no_wrap=True)
    table.add_column("became")
    table.add_column("left, in session")
    for told in account.told:
        line = told.line
        sessions = ", ".join(str(session) for session in told.sessions)
        left = f"{told.left_s:.1f} of {line.end_s - line.start_s:.1f} s, {sessions}" if sessions else "nothing"
        said = f"{line.what} ({line.how})"
        table.add_row(
            clock(line.start_s), said, _both(told.stage1, told.stage2), became(told), left, style=_style(told)
        )
    return table


def became(told: Told) -> str:
    """The decision in words."""
    if told.missed and told.woke:
        return f"MISSED, and woke “{told.woke}”"
    if told.missed:
        return "MISSED"
    if told.false_accept:
        return f"FALSE ACCEPT of “{told.woke}”"
    if told.woke:
        return f"woke “{told.woke}”"
    if told.stage1 is not None:
        return "refused by stage 2"
    return "in an open session" if told.sessions else "no candidate"


def _style(told: Told) -> str:
    if told.missed or told.false_accept:
        return "bold red"
    return "green" if told.woke else ""


def sent_table(account: Account) -> Table:
    """Each session, in the log's words and the service's. Fits 80 columns."""
    table = _table("What was sent")
    for name in ("no.", "woken by", "stages", "room, s", "ended by", "log says", "service", "agree"):
        table.add_column(
            name, justify="right" if name in ("no.", "log says", "service") else "left", no_wrap=name != "agree"
        )
    for sent in account.sent:
        place = "?" if sent.start_s is None else f"{sent.start_s:.2f}–{sent.end_s:.2f}"
        theirs = "none" if sent.service_bytes is None else f"{sent.service_bytes:,}"
        agree = Text("yes", "green") if not sent.problems else Text("; ".join(sent.problems), "bold red")
        ended = ENDS.get(sent.why, sent.why)
        scores = _both(sent.stage1, sent.stage2)
        table.add_row(str(sent.session), sent.word or "?", scores, place, ended, f"{sent.log_bytes:,}", theirs, agree)
    return table


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1),
        collapse_padding=True,
    )


def _both(stage1: float | None, stage2: float | None) -> str:
    """Two scores, or a dash where nothing was scored."""
    return "-" if stage1 is None else f"{stage1:.2f} {score(stage2).strip()}"


def conclusions(account: Account) -> list[str]:
    """The figures, plainly, the bad ones first."""
    wanted = sum(bool(told.line.word) for told in account.told)
    spoken = sum(told.line.end_s - told.line.start_s for told in account.told)
    asked = sum(told.left_s for told in account.told if told.line.word)
    other = sum(told.left_s for told in account.told if not told.line.word)
    refused = sum(told.stage1 is not None and not told.woke for told in account.told)
    between = sum(event["event"] == "reject" for event in account.outside)
    return [
        f"misses: {account.misses} of {wanted} wake words; false accepts: {account.false_accepts}",
        f"stage 2 refused what stage 1 had asked about: {refused} lines, and {between} times other sound",
        f"of {spoken:.1f} s of talk {asked + other:.1f} s left: {asked:.1f} s with a wake word, {other:.1f} s without",
        *_overheard(account),
    ]


def _overheard(account: Account) -> list[str]:
    """Talk without a wake word that was inside a session: a cost of any session, so named and not hidden."""
    heard = [told for told in account.told if told.left_s and not told.line.word]
    return [f"uploaded without a wake word in it: “{told.line.what}” ({told.left_s:.1f} s)" for told in heard]


def _console() -> Console:
    """As wide as the terminal; elsewhere wide enough for the tables."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)
