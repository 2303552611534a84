"""Memory of each process after a minute in which it did all it does: talk, candidates, sessions to a local service."""

from __future__ import annotations

from pathlib import Path

from wakeword.bench import daemon, sounds
from wakeword.bench.figures import Figure
from wakeword.demo import stage
from wakeword.errors import WakewordError
from wakeword.settings import SourceSettings

LISTEN_TARGET_MIB = 70.0
AFTER_S = 60.0


def measure(
    folder: Path, words: list[str], *, microphone: bool, after_s: float = AFTER_S, fast: bool = False
) -> list[Figure]:
    """The demo's room in real time, or the default microphone; looked at once `after_s` of it have been heard.

    `fast` reads the room at once, but for sessions.

    Resident (RSS) counts what is shared with other processes whole, PSS in parts. Raises `WakewordError`.
    """
    source = None if microphone else SourceSettings("file", str(sounds.ROOM), paced=not fast)
    seen: dict[str, daemon.Memory] = {}

    def look(line: daemon.Line, pids: dict[str, int]) -> bool:
        if line["event"] == "level" and line["at_s"] >= after_s and len(pids) == 3:
            seen.update((name, daemon.memory(pid)) for name, pid in pids.items())
        return bool(seen)

    with stage.service(folder) as (url, _):
        daemon.watch(daemon.plan(daemon.write_config(folder / "daemon", words, url), source), look)
    if not seen:
        raise WakewordError(f"the sound ended before {after_s:g} s of it were heard")
    return [figure for name in ("listen", "gate", "uplink") for figure in _figures(name, seen[name])]


def _figures(name: str, found: daemon.Memory) -> list[Figure]:
    figures = [
        Figure(f"{name}, resident", "MiB", (found.rss_mib,), LISTEN_TARGET_MIB if name == "listen" else None),
        Figure(f"{name}, most ever resident", "MiB", (found.peak_mib,)),
    ]
    return figures + ([] if found.pss_mib is None else [Figure(f"{name}, PSS", "MiB", (found.pss_mib,))])
