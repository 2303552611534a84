"""`scripts/soak`: hours of a household through the whole daemon, faster than they pass, and what it costs over time.

A loop of 80 minutes, again and again: the demo's room with its wake words, talk that wakes nobody, a quiet room, a
louder one. Listen takes it at `--speed` times real time, but for sessions, which the gate passes in real time alone. So
wakes are as rare as in a house: eight hours have no more than the 60 sessions that the gate allows in one hour of the
clock. A service here receives. Every few seconds each process's memory and open descriptors are looked at; at the end
the log is verified. What must be flat is compared early and late: memory, without the pages of files, which the
kernel takes and gives as it likes, in the second tenth of the run and in the last; wakes in its two halves.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wakeword import config
from wakeword.bench import daemon, sounds
from wakeword.bench.figures import machine, percentile
from wakeword.demo import stage
from wakeword.errors import CHECK_FAILED, WakewordError
from wakeword.events import RATE_HZ, Verdict
from wakeword.model import load, shipped_words
from wakeword.pipeline.pipeline import Detector
from wakeword.places import places, prepare
from wakeword.plan import make_plan
from wakeword.replay import replay
from wakeword.settings import SourceSettings
from wakeword.supervise import Plan, Supervisor

Int16 = npt.NDArray[np.int16]

LOOK_EVERY_S = 5.0
PROCESSES = ("listen", "gate", "uplink")
LOOP_MINUTES, TALK_MINUTES = 79, 39  # and the room
MINUTE_SAMPLES, PAUSE_SAMPLES, PIECE_SAMPLES = 60 * RATE_HZ, 6 * RATE_HZ // 5, 16_384
LEAST_LAG_MS = 80.0  # a wake waits for the end of its block, up to 160 ms at the pace of a microphone
MEMORY_SLACK, LATENCY_SLACK = 1.03, 1.5  # late over early; chosen: Python's own memory moves by a percent or two
EPILOG = """examples:
  scripts/soak --hours 8 --speed 20            a working day in 25 minutes
  scripts/soak --hours 168 --speed 1 --out week
  scripts/soak --hours 0.2 --speed 20          does it run at all

Writes OUT/soak.json (all values) and OUT/soak.txt (what is printed). Exit codes: 0 flat, nothing lost, log verified;
1 not so, and which; 2 bad usage. Ctrl-C ends it early, with what there is by then."""


@dataclass
class Look:
    """At one moment."""

    heard_h: float
    rss_mib: dict[str, float]
    own_mib: dict[str, float]  # without the pages of files
    descriptors: dict[str, int | None]  # None where only root may count them


@dataclass
class Run:
    """What was seen."""

    looks: list[Look] = field(default_factory=list)
    lags_ms: list[int] = field(default_factory=list)  # of wakes, in order: word's last sample to decision
    events: dict[str, int] = field(default_factory=dict)
    heard_s: float = 0.0
    took_s: float = 0.0
    failure: str = ""
    verified: bool = False
    records: dict[str, int] = field(default_factory=dict)  # in the evidence, by kind; gaps by their cause
    verdict: dict[str, bool] = field(default_factory=dict)


def main() -> int:
    """Run, print, write; returns the exit code."""
    parser = argparse.ArgumentParser(
        "scripts/soak", description="Hours of sound through the whole daemon.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--hours", type=float, default=8.0, metavar="H", help="of sound (default: 8)")
    parser.add_argument("--speed", type=float, default=20.0, metavar="X", help="times real time (default: 20)")
    parser.add_argument("--word", action="append", metavar="W", help="packaged words (default: all)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="a new folder (default: soak-output/TIME)")
    given = parser.parse_args()
    if given.hours <= 0 or not 1 <= given.speed <= 100:
        parser.error("--hours is above 0, --speed 1 to 100")
    try:
        folder = stage.output_folder(given.out or Path("soak-output") / time.strftime("%Y-%m-%dT%H-%M-%S"))
        run = soak(given.word or sorted(shipped_words()), given.hours, given.speed)
    except WakewordError as error:
        print(f"soak: {error}", file=sys.stderr)
        return error.exit_code
    run.verdict = judged(run)
    text = report(run, given.speed)
    (folder / "soak.json").write_text(json.dumps({"machine": machine(), "speed": given.speed} | asdict(run), indent=1))
    (folder / "soak.txt").write_text(text)
    print(text)
    return 0 if all(run.verdict.values()) else CHECK_FAILED


def soak(words: list[str], hours: float, speed: float) -> Run:
    """The run itself. Raises `WakewordError` when it cannot begin."""
    run, began_s = Run(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wakeword-soak-") as name, stage.service(Path(name)) as (url, _):
        folder = Path(name)
        plan = _plan(folder, words, url, speed)
        with _Household(household(words), hours), Supervisor(plan) as running:
            _watch(running, run, hours)
        run.failure, run.took_s = running.failure, time.monotonic() - began_s
        run.verified = _verified(folder / "evidence")
        run.records = _records(folder / "evidence")
    return run


def _plan(folder: Path, words: list[str], url: str, speed: float) -> Plan:
    path = stage.write_config(folder, words, url)
    options: dict[config.Key, object] = {
        ("policy", "sessions_per_hour"): 60, ("evidence", "heartbeat_ms"): 10_000,
    }  # fmt: skip
    loaded = config.load(path, options, environment={})
    prepare(places(loaded.config, {}))
    return make_plan(loaded.config, SourceSettings("stdin", speed=speed), {})


def _watch(running: Supervisor, run: Run, hours: float) -> None:
    """Until the sound ends, with a line of progress."""
    next_s, began_s = time.monotonic() + LOOK_EVERY_S, time.monotonic()
    try:
        for line in running.lines():
            what = f"{line['from']} {line['event']}"
            run.events[what] = run.events.get(what, 0) + 1
            run.heard_s = max(run.heard_s, float(line.get("at_s") or 0.0))
            if line["event"] == "wake":
                run.lags_ms.append(int(line["lag_ms"]))
            if time.monotonic() >= next_s and len(running.pids()) == len(PROCESSES):
                next_s = time.monotonic() + LOOK_EVERY_S
                with suppress(OSError, KeyError):  # one of them ends just now: the sound is over
                    run.looks.append(_look(run.heard_s, running.pids()))
                _progress(run.heard_s / 3600, hours, time.monotonic() - began_s)
    except KeyboardInterrupt:
        running.stop()
        for _ in running.lines():
            pass


def _look(heard_s: float, pids: dict[str, int]) -> Look:
    found = {name: daemon.memory(pid) for name, pid in pids.items()}
    return Look(
        heard_h=round(heard_s / 3600, 4),
        rss_mib={name: round(memory.rss_mib, 2) for name, memory in found.items()},
        own_mib={name: round(memory.own_mib, 2) for name, memory in found.items()},
        descriptors={name: _descriptors(pid) for name, pid in pids.items()},
    )


def _descriptors(pid: int) -> int | None:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  # names are wanted, not what they lead to
    except PermissionError:
        return None


def _progress(heard_h: float, hours: float, took_s: float) -> None:
    left_min = took_s / max(heard_h, 1e-6) * (hours - heard_h) / 60
    end = "\r" if sys.stderr.isatty() else "\n"
    print(f"{heard_h:7.2f} of {hours:g} h heard, {left_min:5.1f} min left   ", end=end, file=sys.stderr, flush=True)


class _Household:
    """Writes the loop into what becomes this process's standard input, which listen inherits: a context manager."""

    def __init__(self, loop: Sequence[Int16], hours: float) -> None:
        self._left = round(hours * 3600 * RATE_HZ)
        self._loop = loop

    def __enter__(self) -> None:
        reader, writer = os.pipe()
        self._kept = os.dup(0)
        os.dup2(reader, 0)
        os.close(reader)
        self._writer = writer
        threading.Thread(target=self._feed, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        os.dup2(self._kept, 0)
        os.close(self._kept)

    def _feed(self) -> None:
        try:
            with os.fdopen(self._writer, "wb", buffering=0) as pipe:
                for part in itertools.cycle(self._loop):
                    heard = part[: self._left]
                    self._left -= len(heard)
                    for at in range(0, len(heard), PIECE_SAMPLES):
                        pipe.write(heard[at : at + PIECE_SAMPLES].astype("<i2").tobytes())
                    if self._left == 0:
                        return
        except BrokenPipeError:  # listen was stopped before the end
            return


def household(words: Sequence[str]) -> list[Int16]:
    """80 minutes in parts of about one: the room once, then talk that wakes none of `words`, a quiet room, a louder."""
    models = [load(word) for word in words]
    detector = Detector(models, [model.points["default"] for model in models])
    lines = [np.concatenate([line, np.zeros(PAUSE_SAMPLES, np.int16)]) for line in sounds.said(wake_words=False)]
    unwoken = [line for line in lines if not _wakes(detector, line)]
    talk = np.resize(np.concatenate(unwoken), MINUTE_SAMPLES)
    rooms = [sounds.quiet(dbfs, 60) for dbfs in sounds.QUIET_DBFS]
    return [sounds.room(), *[talk] * TALK_MINUTES, *rooms * ((LOOP_MINUTES - TALK_MINUTES) // len(rooms))]


def _wakes(detector: Detector, line: Int16) -> bool:
    events = replay([line], detector, None)
    return any([isinstance(event, Verdict) and event.accepted for event in events])  # all: the next begins afresh


def _verified(evidence: Path) -> bool:
    command = [sys.executable, "-P", "-m", "wakeword", "audit", "verify", str(evidence)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _records(evidence: Path) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for segment in sorted(evidence.glob("*.seg")):
        for line in segment.read_bytes().splitlines():
            record: dict[str, Any] = json.loads(line)  # Any: JSON
            kind = str(record["k"])
            counts[f"{kind} {record['why']}" if kind in ("gap", "close") else kind] += 1
    return dict(counts)


def judged(run: Run) -> dict[str, bool]:
    """What must hold, and whether it does."""
    gaps = sum(count for kind, count in run.records.items() if kind.startswith("gap") and kind != "gap first")
    early, late = _halves(run.lags_ms)
    verdict = {"no process failed": not run.failure, "log verified": run.verified, "zero gaps": gaps == 0}
    verdict["latency flat"] = percentile(late, 0.5) <= LATENCY_SLACK * max(LEAST_LAG_MS, percentile(early, 0.5))
    for name in PROCESSES:
        early, late = _early_late([look.own_mib[name] for look in run.looks])
        verdict[f"memory of {name} flat"] = statistics.median(late) <= MEMORY_SLACK * statistics.median(early)
        open_early, open_late = _early_late([look.descriptors[name] or 0 for look in run.looks])
        verdict[f"descriptors of {name} flat"] = max(open_late) <= max(open_early)
    return verdict


def _early_late(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """The second tenth and the last."""
    tenth = max(1, len(values) // 10)
    return list(values[tenth : 2 * tenth]) or list(values) or [0.0], list(values[-tenth:]) or [0.0]


def _halves(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Wakes are few: a tenth of them says nothing."""
    half = len(values) // 2
    return list(values[:half]) or list(values) or [0.0], list(values[half:]) or [0.0]


def report(run: Run, speed: float) -> str:
    """For people."""
    lines = [f"{run.heard_s / 3600:.2f} h heard in {run.took_s / 60:.1f} min, at {speed:g} times real time"]
    for name in PROCESSES:
        values = [look.own_mib[name] for look in run.looks]
        fds = sorted({str(look.descriptors[name]) for look in run.looks})
        early, late = (statistics.median(part) for part in _early_late(values))
        lines.append(
            f"{name:<7} MiB {picture(values)}  early {early:.1f}  late {late:.1f}   descriptors {', '.join(fds)}"
        )
    if run.lags_ms:
        early_ms, late_ms = _halves(run.lags_ms)
        shown = f"early {percentile(early_ms, 0.5):.0f}  late {percentile(late_ms, 0.5):.0f}"
        lines.append(f"{'wakes':<7} ms  {picture(run.lags_ms)}  {shown}  longest {max(run.lags_ms)}")
    if run.failure:
        lines.append(f"failure: {run.failure}")
    lines.append("records " + "  ".join(f"{kind} {count}" for kind, count in sorted(run.records.items())))
    lines.append("events  " + "  ".join(f"{kind} {count}" for kind, count in sorted(run.events.items())))
    lines += [f"{'yes' if held else 'NO':<4}{what}" for what, held in run.verdict.items()]
    return "\n".join(lines)


def picture(values: Sequence[float], width: int = 40) -> str:
    """The course of the values as a row of blocks, from nothing to the highest."""
    if not values:
        return ""
    most = max(values) or 1.0
    parts = np.array_split(np.asarray(values, float), min(width, len(values)))
    return "".join("▁▂▃▄▅▆▇█"[min(7, int(8 * float(part.max()) / most))] for part in parts)


if __name__ == "__main__":
    sys.exit(main())
