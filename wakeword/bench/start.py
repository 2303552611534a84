"""From `wakeword run` to listening: the whole command, as a user starts it, with walls and self-test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from wakeword.bench import daemon, sounds
from wakeword.bench.figures import Figure
from wakeword.errors import WakewordError

TARGET_S = 1.0
SOUND_S = 60.0  # longer than any start: it is stopped before


def measure(folder: Path, words: list[str], rounds: int, *, microphone: bool) -> list[Figure]:
    """With the first word and with all, in turn. The very first start is not counted: it reads the disk."""
    path = sounds.write(folder / "quiet.wav", sounds.quiet(sounds.QUIET_DBFS[0], SOUND_S))
    sound = [] if microphone else ["--input", str(path)]
    counts = sorted({1, len(words)})
    found: dict[int, list[float]] = {count: [] for count in counts}
    for number in range(rounds + 1):
        for count in counts:
            config = daemon.write_config(folder / f"{count}", words[:count])
            taken_s = once(["--config", str(config), *sound])
            if number:
                found[count].append(taken_s)
    return [
        Figure(f"start to listening, {count} word{'s' if count > 1 else ''}", "s", tuple(values), TARGET_S)
        for count, values in found.items()
    ]


def once(options: list[str]) -> float:
    """Seconds from starting the command to its line that it listens. Raises `WakewordError` when it does not."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WAKEWORD_")}
    command = [sys.executable, "-P", "-m", "wakeword", "run", "--json", *options]
    began_s = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "listening":
                taken_s = time.monotonic() - began_s
                process.terminate()
                process.stdout.read()
                return taken_s
    raise WakewordError(f"`wakeword run` ended with code {process.returncode} before it listened")
