"""`wakeword monitor`: what the daemon hears and decides, live."""

from __future__ import annotations

import argparse
import json
import time
from collections import deque

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from wakeword.cli.status import events, socket_arguments
from wakeword.cli.status import text as state_text
from wakeword.display import Line, described
from wakeword.status.client import connected, lines
from wakeword.status.figures import Figures

EXAMPLES = """examples:
  wakeword monitor                   level, both stages' scores of each word, the last decisions; Ctrl-C ends it
  wakeword monitor --json            the lines themselves, one JSON object each

While nobody speaks the level is told every 5 s only: each line wakes the daemon's processes up."""

BAR_DB, BAR_WIDTH, LAST_DECISIONS = 60.0, 30, 12


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword monitor`."""
    parser.epilog = EXAMPLES
    socket_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def execute(given: argparse.Namespace) -> int:
    """Until the daemon ends, or Ctrl-C."""
    with connected(events(given)) as link:
        link.settimeout(None)
        if given.json:
            for line in lines(link):
                print(json.dumps(line), flush=True)
            return 0
        view = View()
        with Live(view.shown(), console=Console(), auto_refresh=False) as live:
            for line in lines(link):
                view.take(line, time.strftime("%H:%M:%S"))
                live.update(view.shown(), refresh=True)
    return 0


class View:
    """What is on the screen. No clock and no terminal of its own."""

    def __init__(self) -> None:
        self._figures = Figures()
        self._scores: dict[str, dict[str, float | None]] = {}
        self._said: deque[str] = deque(maxlen=LAST_DECISIONS)

    def take(self, line: Line, clock: str) -> None:
        """One line of the daemon, at this time of day."""
        self._figures.take(line)
        if line.get("event") == "level" and isinstance(line.get("scores"), dict):
            self._scores = line["scores"]
        if said := described(line):
            self._said.append(f"{clock}  {said}")

    def shown(self) -> Group:
        """The screen: state, level, a line a word, what happened last."""
        state = self._figures.state()
        rows = [Text(state_text(state), "bold red" if state.get("fault") else "bold"), _level(state.get("level_dbfs"))]
        rows += [_word(word, both) for word, both in sorted(self._scores.items())]
        return Group(*rows, Text(""), *(Text(said) for said in self._said))


def _level(dbfs: object) -> Text:
    level = dbfs if isinstance(dbfs, int | float) else -BAR_DB
    filled = round(BAR_WIDTH * min(1.0, max(0.0, 1 + level / BAR_DB)))
    return Text(f"{'█' * filled}{'·' * (BAR_WIDTH - filled)}  {level:6.1f} dBFS", "cyan")


def _word(word: str, both: dict[str, float | None]) -> Text:
    stage1, stage2 = both.get("stage1"), both.get("stage2")
    filled = round(BAR_WIDTH * min(1.0, max(0.0, stage1 or 0.0)))
    second = "  -  " if stage2 is None else f"{stage2:.2f}"
    return Text(f"{'█' * filled}{'·' * (BAR_WIDTH - filled)}  {word:<12} stage 1 {stage1 or 0:.2f}  stage 2 {second}")
