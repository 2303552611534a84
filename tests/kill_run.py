"""SIGKILL for each process at random moments while somebody talks to the daemon, and what came of it.

    python tests/kill_run.py --times 200 [--units] [--json]       (scripts/ordeal/processes)

"Jarvis, set a timer for ten minutes." is said every few seconds to a real PulseAudio microphone (`mic_bed.py`).
Whenever the daemon is back, it is left alone for a random while, and one of its processes is killed. As `wakeword run`
starts them; or, with `--units`, as systemd does, in a machine of its own (`systemd_house.py`). Every few kills the
daemon is stopped and its log is held to all of it: it verifies, it names every kill and nothing else as a cause, and it
has a wake for every time that the word was said longer than `PATIENCE_S` after a kill.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import mic_bed
import numpy as np
import numpy.typing as npt
from daemon import Daemon, verify
from mic_bed import BLOCK_SAMPLES, FED, Feeder, MicBed

from wakeword.bench import sounds
from wakeword.demo import stage
from wakeword.events import RATE_HZ

if TYPE_CHECKING:
    from systemd_house import House

Int16 = npt.NDArray[np.int16]

PROCESSES = ("listen", "gate", "uplink")
KILLS_A_LOG = 24  # so that the gate's limit of sessions an hour is not reached before the next log
LEFT_ALONE_S = 9.0  # at most, before the next kill
PATIENCE_S = 5.0  # a wake word that is said so long after a kill must be heard
WORD, SENTENCE_S = "jarvis", (18.3, 20.8)  # of the demo's room: heard at whatever sample it begins
EVERY_S = 5.5  # the sentence, a session's end, the refractory time, and a little
DECIDED_S = (0.2, 2.5)  # a wake comes so long after the sentence began
EPILOG = """examples:
  scripts/ordeal/processes                         200 kills of each process under `wakeword run`
  scripts/ordeal/processes --units --times 200     under systemd's units; needs root
  scripts/ordeal/processes listen --times 20       of one process

Exit codes: 0 always back, all heard, logs verified; 1 not so, and what; 2 bad usage, or a missing program."""


class Talker(Feeder):
    """Says the sentence again and again, in real time."""

    def __init__(self, fifo: Path) -> None:
        super().__init__(fifo)
        self.said_s: list[float] = []  # when each sentence began, on the boot clock

    def blocks(self) -> Iterator[Int16]:
        """The turn, over and over."""
        turn = said()
        while True:
            self.said_s.append(boot_s())
            for at in range(0, len(turn), BLOCK_SAMPLES):
                yield turn[at : at + BLOCK_SAMPLES]


def said() -> Int16:
    """(n,) one turn: the sentence, and a room's noise until the next."""
    first, last = (round(at * RATE_HZ) for at in SENTENCE_S)
    turn = sounds.quiet(-70.0, EVERY_S)
    turn[: last - first] += sounds.room()[first:last]
    return turn.astype("<i2")


def boot_s() -> float:
    """The clock of the evidence."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Home(Protocol):
    """Where the daemon lives. A life is from `start` to `stop`, with a log of its own."""

    fifo: Path

    def start(self) -> None:
        """Begin a log and wait until the daemon listens."""

    def kill(self, name: str) -> float:
        """SIGKILL; returns when the daemon listens again, with the time of the kill."""

    def stop(self) -> Path:
        """In order; the evidence, which has been verified."""


class RunHome:
    """`wakeword run`, on this machine."""

    def __init__(self, folder: Path, bed: MicBed, url: str) -> None:
        self.fifo, self._folder, self._bed, self._url, self._lives = bed.fifo, folder, bed, url, 0

    def start(self) -> None:
        self._lives += 1
        folder = self._folder / f"life-{self._lives}"
        folder.mkdir()
        (folder / "config.yaml").write_text("policy: {sessions_per_hour: 60}\n")
        options = ("--word", WORD, "--device", "fed", "--config", str(folder / "config.yaml"))
        self.daemon = Daemon(folder, self._url, *options, environment=self._bed.environment)
        self.daemon.event("listen", "listening")

    def kill(self, name: str) -> float:
        while (pid := self.daemon.pids().get(name)) is None:  # on a busy machine a life may end by itself
            self.daemon.event("listen", "listening")
        killed_s = boot_s()
        os.kill(pid, signal.SIGKILL)
        self.daemon.event("run", "again")
        self.daemon.event("listen", "listening")
        return killed_s

    def stop(self) -> Path:
        with self.daemon as daemon:
            assert daemon.stop() == 0, daemon.stderr()
        verify(daemon.evidence)
        return daemon.evidence


@contextlib.contextmanager
def run_home() -> Iterator[RunHome]:
    """A microphone, a service, a folder."""
    with tempfile.TemporaryDirectory(prefix="wakeword-kills-") as name, contextlib.ExitStack() as opened:
        folder = Path(name)
        bed = opened.enter_context(MicBed(folder / "bed"))
        (folder / "service").mkdir()
        url, _ = opened.enter_context(stage.service(folder / "service"))
        yield RunHome(folder, bed, url)


class UnitsHome:
    """The units of `systemd/`, in a machine of their own."""

    def __init__(self, house: House) -> None:
        self.fifo, self._house = house.bed.root / "run/sound/fed", house
        house.install("--no-start")
        house.configure(policy={"sessions_per_hour": 60})
        config = house.bed.root / "etc/wakeword/config.yaml"
        config.write_text(config.read_text().replace("- computer", f"- {WORD}"))
        fed = FED.format(fifo="/run/sound/fed").split()
        for words in (["load-module", "module-pipe-source", *fed], ["set-default-source", "fed"]):
            house.bed.run("env", "PULSE_SERVER=unix:/run/sound/native", "HOME=/run/sound", "pactl", *words)

    def start(self) -> None:
        self._house.bed.run("rm", "-rf", "/var/lib/wakeword", "/etc/wakeword/credentials")
        self._house.bed.run("/opt/wakeword/libexec/wakeword-setup")
        self._house.start()

    def kill(self, name: str) -> float:
        pid = self._house.bed.until(lambda: self._house.pid(name), f"{name} is there")
        killed_s = boot_s()
        self._house.bed.run("kill", "-KILL", str(pid))
        self._house.bed.until(lambda: self._house.pid(name) not in (0, pid) and self._house.active(), f"{name} is back")
        return killed_s

    def stop(self) -> Path:
        self._house.stop()
        self._house.verified()
        return self._house.bed.root / "var/lib/wakeword/evidence"


@contextlib.contextmanager
def units_home() -> Iterator[UnitsHome]:
    """A machine with the daemon installed in it."""
    from systemd_house import house  # needs more than `wakeword run` does

    with house() as made:
        yield UnitsHome(made)


@dataclass
class Found:
    """What came of the kills."""

    back_s: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PROCESSES})
    said: int = 0  # longer than `PATIENCE_S` after a kill, or before the first
    missed_s: list[float] = field(default_factory=list)  # of these, not heard: how long after the last kill
    disturbed: int = 0  # said sooner after a kill, or into one
    heard_all_the_same: int = 0  # of these
    logs: int = 0
    others: Counter[str] = field(default_factory=Counter)  # ends that were nobody's kill, as the log names them
    sessions: Counter[str] = field(default_factory=Counter)  # by why they ended
    wrong: list[str] = field(default_factory=list)

    @property
    def held(self) -> bool:
        """Whether all was as it must be."""
        return not self.missed_s and not self.wrong

    def row(self) -> dict[str, Any]:  # Any: JSON
        """As JSON."""
        return {
            "held": self.held, "logs": self.logs, "said": self.said, "missed_s": self.missed_s,
            "disturbed": self.disturbed, "heard_all_the_same": self.heard_all_the_same,
            "sessions": dict(self.sessions), "others": dict(self.others), "wrong": self.wrong, "back_s": self.back_s,
        }  # fmt: skip

    def add(self, row: dict[str, Any]) -> None:  # Any: JSON
        """What came of another log."""
        self.logs, self.said, self.disturbed = (
            getattr(self, name) + row[name] for name in ("logs", "said", "disturbed")
        )
        self.heard_all_the_same += row["heard_all_the_same"]
        self.missed_s += row["missed_s"]
        self.wrong += row["wrong"]
        self.sessions.update(row["sessions"])
        self.others.update(row["others"])
        for name, back_s in row["back_s"].items():
            self.back_s[name] += back_s


def killed(home: Home, victims: list[str], draw: random.Random, step: Callable[[], None]) -> Iterator[Found]:
    """Kill these, a log for each `KILLS_A_LOG`: what came of each."""
    for at in range(0, len(victims), KILLS_A_LOG):
        found = Found()
        with Talker(home.fifo) as talker:
            home.start()
            began_s, kills = boot_s(), []
            for name in victims[at : at + KILLS_A_LOG]:
                time.sleep(draw.uniform(0, LEFT_ALONE_S))  # what is waited for here is a random moment
                kills.append((name, home.kill(name)))
                found.back_s[name].append(round(boot_s() - kills[-1][1], 3))
                step()
            time.sleep(LEFT_ALONE_S)
            ended_s = boot_s()
            records = read(home.stop())
        hold_against(records, kills, [s for s in talker.said_s if began_s < s < ended_s - DECIDED_S[1]], found)
        yield found


def read(evidence: Path) -> list[dict[str, Any]]:  # Any: JSON
    """All records of a log, in order."""
    return [json.loads(line) for path in sorted(evidence.glob("*.seg")) for line in path.read_bytes().splitlines()]


def hold_against(
    records: list[dict[str, Any]], kills: list[tuple[str, float]], said_s: list[float], found: Found
) -> None:
    """One log against what was done while it was written."""
    found.logs += 1
    wakes_s = [record["t"] / 1_000 for record in records if record["k"] == "wake"]
    for at_s in said_s:
        heard = any(DECIDED_S[0] < wake_s - at_s < DECIDED_S[1] for wake_s in wakes_s)
        if any(-DECIDED_S[1] < at_s - kill_s < PATIENCE_S for _, kill_s in kills):
            found.disturbed += 1
            found.heard_all_the_same += heard
            continue
        found.said += 1
        if not heard:
            found.missed_s.append(round(at_s - max([kill_s for _, kill_s in kills if kill_s < at_s], default=0), 2))
    causes = [f"{record['who']} {record['how']} {record['code']}" for record in records if record["k"] == "cause"]
    done = Counter(f"{name} signal {signal.SIGKILL}" for name, _ in kills)
    found.others.update(Counter(causes) - done)
    if unnamed := done - Counter(causes):
        found.wrong.append(f"kills that the log does not name: {dict(unnamed)}; it names {dict(Counter(causes))}")
    found.sessions.update(str(record["why"]) for record in records if record["k"] == "close")
    found.sessions.update("crash" for record in records if record["k"] == "gap" and record["open"])


def units_missing() -> str:
    """What `--units` lacks here, or ""."""
    import systemd_house

    return systemd_house.missing()


def report(found: Found) -> str:
    """For people."""
    lines = []
    for name, back_s in found.back_s.items():
        if back_s:
            figures = f"median {statistics.median(back_s):.1f} s  longest {max(back_s):.1f} s"
            lines.append(f"{name:<7} killed {len(back_s):>4} times, back {len(back_s):>4} times  {figures}")
    lines.append(
        f"said {found.said} times over {PATIENCE_S:g} s after a kill: missed {len(found.missed_s)} {found.missed_s}"
    )
    lines.append(f"said {found.disturbed} times sooner: heard {found.heard_all_the_same} all the same")
    sessions = "  ".join(f"{why} {count}" for why, count in found.sessions.items())
    lines.append(f"{found.logs} logs verified; sessions: {sessions}")
    lines += [f"ended by itself, and named: {what}, {count} times" for what, count in found.others.items()]
    return "\n".join([*lines, *(f"WRONG: {what}" for what in found.wrong)])


def main() -> int:
    parser = argparse.ArgumentParser(
        "scripts/ordeal/processes", description=(__doc__ or "").partition("\n")[0], epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("process", nargs="*", help=f"of: {', '.join(PROCESSES)} (default: all)")
    parser.add_argument("--times", type=int, default=200, metavar="N", help="each so often (default: 200)")
    parser.add_argument("--units", action="store_true", help="under systemd's units instead of `wakeword run`")
    parser.add_argument("--at-once", type=int, default=3, metavar="N", help="so many homes side by side (default: 3)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and the order (default: 1)")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="a line for each log: a run broken off goes on")
    parser.add_argument("--json", action="store_true", help="all values, one object")
    given = parser.parse_args()
    if unknown := [name for name in given.process if name not in PROCESSES]:
        parser.error(f"no such process: {', '.join(unknown)}")
    if absent := mic_bed.missing() or (units_missing() if given.units else ""):
        parser.exit(2, f"{absent}\n")
    found = Found()
    for line in given.keep.read_text().splitlines() if given.keep and given.keep.exists() else []:
        found.add(json.loads(line))
    victims = [
        name for name in given.process or PROCESSES for _ in range(max(0, given.times - len(found.back_s[name])))
    ]
    random.Random(given.seed).shuffle(victims)
    began_s, done = time.monotonic(), 0

    def step() -> None:
        nonlocal done
        done += 1
        took_s = time.monotonic() - began_s
        left_min = took_s / done * (len(victims) - done) / 60
        print(f"{done} of {len(victims)} killed, {left_min:.0f} min left", file=sys.stderr, flush=True)

    def one(number: int) -> None:
        draw = random.Random(given.seed + number)
        try:
            with units_home() if given.units else run_home() as home:
                for log in killed(home, victims[number :: given.at_once], draw, step):
                    keep(log)
        except (AssertionError, queue.Empty) as error:
            keep(Found(wrong=[f"home {number}: {error!r}"[:2_000]]))

    def keep(log: Found) -> None:
        found.add(log.row())
        if given.keep:
            with given.keep.open("a") as kept:
                kept.write(json.dumps(log.row()) + "\n")

    try:
        with ThreadPoolExecutor(given.at_once) as pool:
            list(pool.map(one, range(given.at_once)))
    except KeyboardInterrupt:
        print("broken off; so far, but for the logs under way:", file=sys.stderr)
    print(json.dumps(found.row()) if given.json else report(found))
    return 0 if found.held else 1


if __name__ == "__main__":
    sys.exit(main())
