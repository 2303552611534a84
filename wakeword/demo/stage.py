"""Sets the demo's stage: a service in a process of its own, and the daemon's three, all of them the real ones.

Everything lies below one folder: `config.yaml`, `evidence/`, `device.key`, `received/`, `events.jsonl`.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wakeword import config
from wakeword.errors import ConfigError
from wakeword.evidence import note
from wakeword.evidence.device import VKEY_NAME
from wakeword.evidence.verify import Result, verify
from wakeword.places import places, prepare
from wakeword.plan import make_plan
from wakeword.settings import SourceSettings
from wakeword.supervise import Plan, Supervisor

Event = dict[str, Any]  # Any: a status line, JSON of another process
SERVICE_ENDS_S = 20.0  # for sessions still under way


@dataclass(frozen=True, slots=True)
class Played:
    """What was seen of a run that is over."""

    events: list[Event]  # status lines of the daemon, in order
    failure: str  # "" or why a process ended that should not have
    exit_code: int


def output_folder(given: Path | None) -> Path:
    """A new folder: the one asked for, or one named by the time. Raises `ConfigError` when it is in use."""
    folder = given or Path("demo-output") / time.strftime("%Y-%m-%dT%H-%M-%S")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        used = any(folder.iterdir())
    except OSError as error:
        raise ConfigError(f"cannot be used: {error.strerror}", where=str(folder), hint="--out DIR") from error
    if used:
        raise ConfigError("has something in it already", where=str(folder), hint="--out with a new folder")
    return folder.absolute()


@contextlib.contextmanager
def service(folder: Path) -> Iterator[tuple[str, Callable[[], list[Event]]]]:
    """`wakeword service` on a free port: its address, and a function that ends it and returns its reports."""
    command = [sys.executable, "-P", "-m", "wakeword", "service", "--json", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--out", str(folder / "received")], stdout=subprocess.PIPE, text=True, process_group=0
    )

    def end() -> list[Event]:
        process.terminate()
        reported, _ = process.communicate(timeout=SERVICE_ENDS_S)
        return [json.loads(line) for line in reported.splitlines()]

    try:
        assert process.stdout is not None
        listening = process.stdout.readline()
        if not listening:
            raise ConfigError(f"the local service did not start (exit code {process.wait()})")
        yield json.loads(listening)["url"], end
    finally:
        process.kill()
        process.communicate()


def write_config(folder: Path, words: list[str], url: str) -> Path:
    """The configuration of this run as a user would write it; `wakeword run --config` takes it too."""
    path = folder / "config.yaml"
    settings = {
        "words": words,
        "uplink": {"url": url},
        "evidence": {"directory": str(folder / "evidence"), "device_key": str(folder / "device.key")},
        "mute_file": str(folder / "muted"),
    }
    path.write_text(f"# Written by `wakeword demo`.\n{yaml.safe_dump(settings, sort_keys=False)}")
    return path


def make(path: Path, sound: Path, *, paced: bool) -> Plan:
    """What to start, from that file alone: neither the user's own configuration nor the environment is used."""
    loaded = config.load(path, environment={})
    prepare(places(loaded.config, {}))
    return make_plan(loaded.config, SourceSettings("file", str(sound.absolute()), paced=paced), {})


def play(
    plan: Plan,
    folder: Path,
    show: Callable[[Event], None],
    ended_by: Callable[[Supervisor], contextlib.AbstractContextManager[None]],
) -> Played:
    """Run to the recording's end, or until something within `ended_by` stops it. Each status line is kept and shown."""
    events: list[Event] = []
    with (folder / "events.jsonl").open("w") as kept, Supervisor(plan) as running, ended_by(running):
        for event in running.lines():
            events.append(event)
            kept.write(json.dumps(event) + "\n")
            show(event)
    return Played(events, running.failure, running.exit_code)


def audit(folder: Path) -> Result:
    """The log checked with every signature, against the checkpoints that the service kept."""
    key = note.Key.from_vkey((folder / "evidence" / VKEY_NAME).read_text())
    kept = folder / "received" / "checkpoints.txt"
    return verify(folder / "evidence", key, kept.read_text() if kept.exists() else "", every=True)
