"""Does the evaluation say what the daemon does? Recordings of a run, one by one, through `wakeword run --input`.

    python -m wakeword.bench.equality RUN --clips 500

RUN is a finished folder of `wakeword eval`. Each recording is given to a whole daemon of its own (three processes, a
local service), with the run's models, thresholds and sessions; its wakes must be the accepted rows of
`candidates.csv`, word by word, to the millisecond and to the fourth digit of both scores, and what it refused must be
there as well. A daemon on a busy machine may refuse a wake that comes too late, or end a session early, and says so;
that is its policy, not its ears: such a recording is heard again. Exit codes: 0 all equal, 1 some differ (each is
named), 2 bad usage.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from wakeword.bench import daemon
from wakeword.demo.stage import service
from wakeword.errors import ConfigError, WakewordError
from wakeword.eval.tables import Candidate, File, Run, open_run
from wakeword.model import FORMAT
from wakeword.settings import SourceSettings

LONGEST_S = 60.0  # of a recording: an open session is heard in real time
PER_SERVICE = 25  # recordings: what a service reports of its sessions waits in a pipe that holds so many, and more
ATTEMPTS = 5  # at a recording in which something else than the sound ended a session

Row = tuple[str, float, float, float]  # word, its end in seconds, both scores: as a status line tells them


@dataclass(frozen=True)
class Compared:
    """One recording. Refused rows of the run that lie under the threshold are not the daemon's, and not expected."""

    file: str
    wakes: int
    refused: int
    wrong: str  # "" or what differs
    again: int = 0  # times that it was heard in vain: something else than the sound had ended a session


@dataclass
class _Heard:
    """What a daemon said of a recording."""

    wakes: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)
    disturbed: str = ""

    def look(self, line: daemon.Line, pids: dict[str, int]) -> bool:
        who, what = line["from"], line["event"]
        if who == "listen" and what in ("wake", "reject"):
            rows = self.wakes if what == "wake" else self.refused
            rows.append((line["word"], line["end_s"], line["stage1"], line["stage2"]))
        if what in ("late", "denied", "fault", "error") or (what == "close" and line["why"] != "end"):
            self.disturbed = json.dumps(line)
        return False


def compare(run: Run, file: File, expected: list[Candidate], url: str, folder: Path) -> Compared:
    """Let a daemon hear a recording. Raises `WakewordError` when the daemon fails."""
    source = SourceSettings("file", file.path, channel=run.about["channel"], paced=False)
    for attempt in range(ATTEMPTS):
        own = folder / str(attempt)
        own.mkdir(parents=True)
        path = own / "config.yaml"
        path.write_text(yaml.safe_dump(configuration(run.about, url, own)))
        heard = _Heard()
        daemon.watch(daemon.plan(path, source), heard.look)
        if not heard.disturbed:
            break
    wakes = [row(one) for one in expected if one.accepted]
    refused = [row(one) for one in expected if not one.accepted]
    equal = len(wakes) == len(heard.wakes) and all(map(same, wakes, heard.wakes))
    wrong = heard.disturbed if equal else f"{heard.disturbed} daemon {heard.wakes}, evaluation {wakes}"
    if unknown := [one for one in heard.refused if not any(same(one, other) for other in refused)]:
        wrong += f" refused by the daemon alone: {unknown}"
    return Compared(file.file, len(wakes), len(heard.refused), wrong, attempt)


def configuration(about: dict[str, Any], url: str, folder: Path) -> dict[str, Any]:
    """What the run used, as a user would write it. A busy machine must not make the gate refuse: `lag_ms`."""
    point = folder / "point.yaml"
    words = {
        name: {
            "stage1": word["threshold_stage1"], "stage2": word["threshold_stage2"],
            "smoothed_steps": word["smoothed_steps"], "refractory_ms": word["refractory_ms"],
            "stage1_sha256": word["stage1_sha256"], "stage2_sha256": word["stage2_sha256"],
        }
        for name, word in about["words"].items()
    }  # fmt: skip
    point.write_text(yaml.safe_dump({"format": FORMAT, "words": words}))
    return {
        "words": [
            {"model": str(Path(word["model"]).absolute()), "point": str(point)} for word in about["words"].values()
        ],
        "session": about["session"],
        "uplink": {"url": url},
        "policy": {"lag_ms": 2_000, "sessions_per_hour": 60},
        "evidence": {"directory": str(folder / "evidence"), "device_key": str(folder / "device.key")},
        "mute_file": str(folder / "muted"),
    }  # fmt: skip


def row(one: Candidate) -> Row:
    """As listen's status lines tell it, but that these have four digits."""
    return one.word, one.time_s, one.stage1, one.stage2


def same(one: Row, other: Row) -> bool:
    """Equal as far as both tell: the word, the millisecond, and the scores rounded to four digits or to six."""
    return one[:2] == other[:2] and all(abs(a - b) < 5.1e-5 for a, b in zip(one[2:], other[2:], strict=True))


def chosen(run: Run, clips: int, seed: int) -> list[File]:
    """So many of the recordings that lie on disk as they were heard. Raises `ConfigError` when there are fewer."""
    there = [file for file in run.files() if file.read and file.file == file.path and file.hours * 3600 <= LONGEST_S]
    if len(there) < clips:
        raise ConfigError(f"{len(there)} recordings of at most {LONGEST_S:g} s", where=str(run.folder), hint="--clips")
    return random.Random(seed).sample(there, clips)  # noqa: S311 - a draw, not a secret


def measure(run: Run, clips: int, at_once: int, seed: int) -> Iterator[Compared]:
    """One after another, `at_once` daemons at a time: most of their time is that of open sessions."""
    files = chosen(run, clips, seed)
    names = {file.file for file in files}
    expected: dict[str, list[Candidate]] = {name: [] for name in names}
    for candidate in run.candidates():
        if candidate.file in names:
            expected[candidate.file].append(candidate)
    for start in range(0, clips, PER_SERVICE):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wakeword-equality-")))
            url, _ = stack.enter_context(service(folder))
            pool = stack.enter_context(ThreadPoolExecutor(at_once))
            some = files[start : start + PER_SERVICE]
            waiting = [
                pool.submit(compare, run, file, expected[file.file], url, folder / str(number))
                for number, file in enumerate(some)
            ]
            yield from (one.result() for one in waiting)


def main() -> int:
    """Compare; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m wakeword.bench.equality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN", help="a folder of `wakeword eval`")
    parser.add_argument("--clips", type=int, default=500, help="how many recordings, drawn at random (default: 500)")
    parser.add_argument("--at-once", type=int, default=4, help="daemons at a time (default: 4)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began, found = time.monotonic(), []
    try:
        for number, one in enumerate(measure(open_run(given.run), given.clips, given.at_once, given.seed)):
            found.append(one)
            if one.wrong:
                print(f"{one.file}: {one.wrong}", flush=True)
            if (number + 1) % 50 == 0:
                left = (time.monotonic() - began) / (number + 1) * (given.clips - number - 1)
                print(f"{number + 1} of {given.clips}, {left / 60:.1f} min left", file=sys.stderr, flush=True)
    except WakewordError as error:
        print(f"wakeword: {error}", file=sys.stderr)
        return error.exit_code
    wrong = sum(bool(one.wrong) for one in found)
    wakes, refused = sum(one.wakes for one in found), sum(one.refused for one in found)
    again = sum(one.again for one in found)
    print(f"{len(found)} recordings, {wakes} wakes, {refused} refused, {again} heard again: {wrong} recordings differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
