"""Does `wakeword eval` stay as small as it began? Hours upon hours of recordings, and each process's memory meanwhile.

    python -m wakeword.bench.endurance talk music --hours 100

A tenth of the hours is cut into pieces of 20 seconds, and these are linked into one corpus ten times: so each tenth
is the same work. The cache is told that no two of the links are alike, so each of them is really heard. The command
itself then runs, and while it hears, the resident memory of its processes is looked at: the median of the last tenth of
the looks must be at most 5 % above that of the second tenth. Exit codes: 0 flat, and every recording was heard;
1 not so; 2 bad usage.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from wakeword.bench import daemon, sounds
from wakeword.bench.figures import machine
from wakeword.errors import CHECK_FAILED, ConfigError, WakewordError
from wakeword.eval import tables
from wakeword.eval.cache import Cache
from wakeword.eval.corpus import recordings
from wakeword.events import RATE_HZ
from wakeword.source.file import FileSource

Int16 = npt.NDArray[np.int16]

PIECE_S = 20
ROUNDS = 10
SLACK = 1.05  # late over early; chosen: where in the round a look falls moves a median by some percent
LOOK_S = 2.0


@dataclass(frozen=True)
class Look:
    """At one moment: seconds since the beginning, and the resident MiB of each process, largest first."""

    at_s: float
    rss_mib: tuple[float, ...]

    @property
    def total_mib(self) -> float:
        """Of all together: what is shared counts several times."""
        return sum(self.rss_mib)


@dataclass(frozen=True)
class Endured:
    """What was seen. `looks`, one at least, are those while it was hearing."""

    looks: tuple[Look, ...]
    hours: float  # that the run says it heard
    wanted_hours: float
    took_s: float
    exit_code: int

    @property
    def early_mib(self) -> float:
        """The median of the second tenth: the first is that of models being loaded."""
        tenth = max(1, len(self.looks) // 10)
        return statistics.median(look.total_mib for look in self.looks[tenth : 2 * tenth] or self.looks)

    @property
    def late_mib(self) -> float:
        """The median of the last tenth."""
        return statistics.median(look.total_mib for look in self.looks[-max(1, len(self.looks) // 10) :])

    @property
    def flat(self) -> bool:
        """Is the memory at the end what it was near the beginning, and all was heard?"""
        heard = self.exit_code == 0 and abs(self.hours - self.wanted_hours) < 1e-3 * self.wanted_hours
        return heard and self.late_mib <= SLACK * self.early_mib


def cut(folder: Path, sources: Sequence[Path], hours: float) -> list[Path]:
    """These recordings, one after another, in pieces of equal length; those shorter than a piece are left out.

    Raises `SourceError` for one that cannot be read, `ConfigError` when they are not long enough.
    """
    pieces: list[Path] = []
    wanted = max(1, round(hours * 3600 / PIECE_S))
    for source in sources:
        with FileSource(source, block_s=PIECE_S) as blocks:
            for block in _pieces(blocks):
                pieces.append(sounds.write(folder / f"{len(pieces):05d}.wav", block))
                if len(pieces) == wanted:
                    return pieces
    there = f"{len(pieces) * PIECE_S / 3600:.2f} h in pieces of {PIECE_S} s"
    raise ConfigError(f"{hours:.2f} h are needed, these recordings have {there}", where=str(sources[0]), hint="--hours")


def _pieces(blocks: Iterable[Int16]) -> Iterator[Int16]:
    """Whole pieces; what is left over at the end of a recording is not used."""
    pending = np.zeros(0, np.int16)
    for block in blocks:
        pending = np.concatenate([pending, block])
        while len(pending) >= PIECE_S * RATE_HZ:
            yield pending[: PIECE_S * RATE_HZ]
            pending = pending[PIECE_S * RATE_HZ :]


def link(folder: Path, pieces: Sequence[Path], cache: Path) -> None:
    """The corpus: all pieces, `ROUNDS` times, which the cache takes for different ones."""
    known = Cache(cache)
    try:
        for turn in range(ROUNDS):
            for piece in pieces:
                path = folder / f"{turn}-{piece.name}"
                path.symlink_to(piece.resolve())
                known.keep_hash(str(path), hashlib.sha256(path.name.encode()).hexdigest())
    finally:
        known.close()


def endure(folder: Path, sources: Sequence[Path], hours: float, jobs: int, words: Sequence[str]) -> Endured:
    """Make the corpus in `folder`, hear it, look. Raises `WakewordError`."""
    cache, links, out = folder / "cache.sqlite", folder / "corpus", folder / "run"
    links.mkdir()
    (folder / "pieces").mkdir()
    pieces = cut(folder / "pieces", sources, hours / ROUNDS)
    link(links, pieces, cache)
    wanted = ROUNDS * len(pieces) * PIECE_S / 3600
    command = [sys.executable, "-P", "-m", "wakeword", "eval", "--negatives", str(links), "--out", str(out)]
    command += ["--jobs", str(jobs), "--cache", str(cache), "--clips", "0", "--json"]
    command += [option for word in words for option in ("--word", word)]
    looks: list[Look] = []
    began_s = time.monotonic()
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            while _wait(process, LOOK_S) is None:
                if _hearing(folder / "stderr") and (seen := _memory(process.pid)):
                    looks.append(Look(time.monotonic() - began_s, seen))
        finally:
            process.kill()
            process.wait()
    took_s = time.monotonic() - began_s
    if process.returncode == 0 and not looks:
        raise ConfigError("all was heard before anybody looked at the memory", where="--hours", hint="more of them")
    heard = sum(file.hours for file in tables.open_run(out).files()) if process.returncode == 0 else 0.0
    return Endured(tuple(looks), heard, wanted, took_s, process.returncode)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _hearing(errors: Path) -> bool:
    """Its lines of progress say where it is: the first tenth is behind, and not all of it."""
    told = errors.read_text("utf-8", "replace")
    return "hearing:" in told and "hearing: 100 %" not in told


def _memory(pid: int) -> tuple[float, ...]:
    """Of a process and its children; () when they end meanwhile."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return tuple(sorted((daemon.memory(int(one)).rss_mib for one in (str(pid), *children)), reverse=True))
    except (OSError, KeyError):
        return ()


def report(found: Endured) -> str:
    """For people."""
    speed = found.hours * 3600 / found.took_s
    most = max(look.total_mib for look in found.looks)
    return (
        f"{found.hours:.2f} of {found.wanted_hours:.2f} h heard in {found.took_s / 60:.1f} min ({speed:.0f} times real "
        f"time); all processes together, MiB: early {found.early_mib:.1f}, late {found.late_mib:.1f}, most {most:.1f} "
        f"({len(found.looks)} looks): {'flat' if found.flat else 'NOT flat'}"
    )


def main() -> int:
    """Hear, look, print; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m wakeword.bench.endurance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="+", type=Path, metavar="FOLDER", help="recordings to hear again and again")
    parser.add_argument("--hours", type=float, default=100.0, metavar="H", help="of sound (default: 100)")
    jobs = len(os.sched_getaffinity(0))
    parser.add_argument("--jobs", type=int, default=jobs, metavar="N", help=f"processes (default: {jobs}, all cores)")
    parser.add_argument("--word", action="append", default=[], metavar="W", help="packaged words (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values there")
    given = parser.parse_args()
    if given.hours <= 0 or given.jobs < 1:
        parser.error("--hours is above 0, --jobs at least 1")
    try:
        sources = [path for place in given.sources for path in (recordings(place) if place.is_dir() else [place])]
        with tempfile.TemporaryDirectory(prefix="wakeword-endurance-") as name:
            found = endure(Path(name), sources, given.hours, given.jobs, given.word)
            errors = (Path(name) / "stderr").read_text("utf-8", "replace")
    except WakewordError as error:
        print(f"endurance: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    if found.exit_code:
        print(errors, file=sys.stderr)
        return found.exit_code
    if given.json:
        looks = [[round(look.at_s, 1), *look.rss_mib] for look in found.looks]
        given.json.write_text(json.dumps({"machine": machine(), "hours": found.hours, "looks": looks}) + "\n", "utf-8")
    print(report(found))
    return 0 if found.flat else CHECK_FAILED


if __name__ == "__main__":
    sys.exit(main())
