"""Processor seconds for an hour of sound, and memory: every engine alone in a process, in turn, round by round.

Each hears a recording of talk and one of a quiet room as fast as it can, in the steps that its own examples use; what
is counted is the process's own time from the first step to the last, starting and loading not. A machine that grows
busier spoils all of them alike. Memory is the most that was resident, the interpreter and numpy included.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wakeword.bench import sounds
from wakeword.bench.figures import Figure
from wakeword.events import RATE_HZ
from wakeword.model import Model
from wakeword.versus.engines import open_program, write_wav
from wakeword.versus.programs import TITLES, WITHOUT_SCORE

HOUR_S = 3_600
TALK, QUIET = "talk", f"quiet, {sounds.QUIET_DBFS[1]:.0f} dBFS"  # over our energy floor: the voice detector works
MEMORY = "memory"
MIDDLE = 0.5  # sensitivity; it costs what others cost
FIRST = "alexa"  # the word that all of them know


def measure(
    interpreters: dict[str, str], loaded: Sequence[Model], recordings: list[Path], *, seconds: float, rounds: int
) -> list[Figure]:
    """Medians of `rounds`. Raises `ConfigError` when an engine fails, `SourceError` for an unreadable recording."""
    found: dict[tuple[str, str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="wakeword-versus-") as name:
        files = {TALK: Path(name) / "talk.wav", QUIET: Path(name) / "quiet.wav"}
        write_wav(files[TALK], sounds.talk(recordings, seconds))
        write_wav(files[QUIET], sounds.quiet(sounds.QUIET_DBFS[1], seconds))
        length_s = round(seconds * RATE_HZ) / RATE_HZ
        for number in range(rounds):
            print(f"cost, round {number + 1} of {rounds}", file=sys.stderr)
            for engine, python, words in _variants(interpreters, loaded):
                for material, path in files.items():
                    title, cpu_s, peak_mib = _once(engine, python, words, path)
                    found.setdefault((title, material, "CPU s/h"), []).append(cpu_s * HOUR_S / length_s)
                    found.setdefault((title, MEMORY, "MiB"), []).append(peak_mib)
    return [Figure(f"{title}, {kind}", unit, tuple(values)) for (title, kind, unit), values in found.items()]


def markdown(figures: Sequence[Figure]) -> str:
    """An engine a row; medians, with the lowest and highest."""
    cells: dict[str, dict[str, Figure]] = {}
    for figure in figures:
        for kind in (TALK, QUIET, MEMORY):
            if figure.name.endswith(f", {kind}"):
                cells.setdefault(figure.name.removesuffix(f", {kind}"), {})[kind] = figure
    lines = [f"| engine | {TALK}, CPU s/h | {QUIET}, CPU s/h | memory, MiB |", "| --- | --- | --- | --- |"]
    for title, own in cells.items():
        lines.append("| " + " | ".join([title, *(_cell(own[kind]) for kind in (TALK, QUIET, MEMORY))]) + " |")
    return "\n".join(lines)


def _variants(interpreters: dict[str, str], loaded: Sequence[Model]) -> list[tuple[str, str, list[str]]]:
    """(engine, interpreter, its words): each of the others with one word, ours with one and with all."""
    ours = [str(model.folder.resolve()) for model in sorted(loaded, key=lambda model: model.word != FIRST)]
    counts = sorted({1, len(ours)})
    return [(name, python, []) for name, python in interpreters.items()] + [
        ("wakeword", sys.executable, ours[:count]) for count in counts
    ]


def _once(engine: str, python: str, words: list[str], path: Path) -> tuple[str, float, float]:
    """A process of its own, from its start to its end: title, processor seconds, MiB."""
    program, _ = open_program(engine, python)
    with program:
        own = words or [FIRST if FIRST in program.words else min(program.words)]
        setting = MIDDLE if engine in WITHOUT_SCORE else None
        _, cost = program.order(own, path, setting)
    counted = f"{len(own)} word{'s' if len(own) > 1 else ''}"
    return f"{TITLES.get(engine, engine)} {program.version}".strip() + f", {counted}", cost.cpu_s, cost.peak_mib


def _cell(figure: Figure) -> str:
    return f"{figure.median:.1f} ({min(figure.values):.1f}–{max(figure.values):.1f})"
