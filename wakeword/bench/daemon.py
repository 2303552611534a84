"""The real daemon, started as `wakeword run` starts it and watched from outside: its processes' time and memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wakeword import config
from wakeword.errors import WakewordError
from wakeword.places import places, prepare
from wakeword.plan import make_plan
from wakeword.settings import SourceSettings
from wakeword.supervise import Plan, Supervisor

NOBODY = "ws://127.0.0.1:9"  # the discard port: where no session is opened, nothing ever connects to it
Line = dict[str, Any]  # Any: a status line, JSON of another process


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, in MiB, as /proc counts. `pss_mib` is None where only root may ask: a process behind a wall."""

    rss_mib: float  # resident, what is shared with others counted whole
    peak_mib: float  # the most that was ever resident
    own_mib: float  # of these, what no file holds too: the kernel cannot take it back when it wants to
    pss_mib: float | None  # what is shared counted in parts


def write_config(folder: Path, words: list[str], url: str = NOBODY, *, opens: bool = True) -> Path:
    """A configuration that keeps all it writes in `folder`. Without `opens`, stage 2 judges and is never satisfied."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "words": [{"model": word} if opens else {"model": word, "stage2": 1.0} for word in words],
        "uplink": {"url": url},
        "evidence": {"directory": str(folder / "evidence"), "device_key": str(folder / "device.key")},
        "mute_file": str(folder / "muted"),
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def plan(path: Path, source: SourceSettings | None) -> Plan:
    """What to start, from that file alone. Without `source`, the microphone."""
    loaded = config.load(path, environment={})
    prepare(places(loaded.config, {}))
    return make_plan(loaded.config, source, {})


def watch(plan: Plan, look: Callable[[Line, dict[str, int]], object]) -> None:
    """Run to the end; each status line is shown to `look`, with the processes that run by name. Its truth stops all:
    it is not asked again, since processes that end have no figures any more.

    Raises `WakewordError` when a process failed.
    """
    with Supervisor(plan) as running:
        seen = False
        for line in running.lines():
            if not seen and look(line, running.pids()):
                seen = True
                running.stop()
    if running.failure:
        raise WakewordError(f"the bench's daemon failed: {running.failure}")


def cpu_s(pid: int) -> float:
    """Processor time of all threads of a process, those that have ended included. Raises `OSError` once it is gone."""
    return time.clock_gettime((~pid << 3) | 2)  # the kernel's name for another process's clock (clock_getcpuclockid)


def memory(pid: int) -> Memory:
    """Of a process now. Raises `OSError` once it is gone."""
    status = _kilobytes(Path(f"/proc/{pid}/status"))
    try:
        pss: float | None = _kilobytes(Path(f"/proc/{pid}/smaps_rollup"))["Pss"] / 1024
    except PermissionError:
        pss = None
    return Memory(status["VmRSS"] / 1024, status["VmHWM"] / 1024, status["RssAnon"] / 1024, pss)


def _kilobytes(path: Path) -> dict[str, int]:
    """The `Name:  123 kB` lines of a file of /proc."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) == 3 and words[2] == "kB"}
