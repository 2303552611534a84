"""What can happen to a microphone, done to a real one, and how long the daemon takes to notice and to hear again.

    python tests/microphone_faults.py --times 20 [--json]       (scripts/microphone-faults)

Each fault has a PulseAudio server (`mic_bed.py`) and a daemon of its own. One round: the daemon is well; the fault is
injected; the daemon must name it; it is mended; the daemon must hear again, in this life or, where no other way is
left, in the next. `noticed` is the time from injecting to naming it, `heard again` from mending to the word that it is.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from daemon import Daemon, Line, verify
from mic_bed import Feeder, MicBed, missing

from wakeword.evidence.record import MICROPHONE_FAULTS

LOUD = str(Path(__file__).parent / "models" / "loud")
NOBODY = "ws://127.0.0.1:9"


@dataclass(frozen=True)
class Fault:
    """How it is done and undone, and by which code the evidence must name it."""

    code: str
    inject: Callable[[MicBed, Feeder], object]
    mend: Callable[[MicBed, Feeder], object]


def _set(**fields: float) -> Callable[[MicBed, Feeder], object]:
    return lambda _, feeder: [setattr(feeder, name, value) for name, value in fields.items()]


FAULTS = {
    "unplugged": Fault("unplugged", lambda bed, _: bed.unplug(), lambda bed, _: bed.plug_in()),
    "server killed": Fault("unplugged", lambda bed, _: bed.kill(), lambda bed, _: bed.restart()),
    "moved to another source": Fault("stolen", lambda bed, _: bed.steal(), lambda bed, _: bed.give_back()),
    "suspended": Fault(
        "stalled",
        lambda bed, _: bed.control("suspend-source", "fed", "1"),
        lambda bed, _: bed.control("suspend-source", "fed", "0"),
    ),
    "server frozen": Fault("stalled", lambda bed, _: bed.freeze(), lambda bed, _: bed.thaw()),
    "half its pace": Fault("rate", _set(pace=0.5), _set(pace=1.0)),
    "twice its pace": Fault("rate", _set(pace=2.0), _set(pace=1.0)),
    "zeros": Fault("zeros", _set(loudness=0), _set(loudness=300)),
    "clipping": Fault("clipping", _set(clips=True), _set(clips=False)),
}


@dataclass(frozen=True)
class Found:
    """Of one fault: seconds of each round."""

    name: str
    noticed_s: list[float]
    again_s: list[float]

    def row(self) -> dict[str, object]:
        return {"fault": self.name, "times": len(self.again_s), "noticed_s": self.noticed_s, "again_s": self.again_s}


def rounds(name: str, times: int, folder: Path) -> Found:
    """One fault, so many times, in one daemon. Raises `AssertionError` when it is not named or not survived."""
    fault, found = FAULTS[name], Found(name, [], [])
    with ExitStack() as opened:
        bed = opened.enter_context(MicBed(folder / "bed"))
        feeder = opened.enter_context(bed.feeder())
        options = ("--word", LOUD, "--device", "fed")
        daemon = opened.enter_context(Daemon(folder, NOBODY, *options, environment=bed.environment))
        daemon.event("listen", "listening")
        daemon.event("listen", "level")
        for _ in range(times):
            began_s = time.monotonic()
            fault.inject(bed, feeder)
            daemon.until(lambda line: begins(line, fault.code))
            found.noticed_s.append(time.monotonic() - began_s)
            began_s = time.monotonic()
            fault.mend(bed, feeder)
            daemon.until(lambda line: is_over(line, fault.code))
            found.again_s.append(time.monotonic() - began_s)
            daemon.event("listen", "level")
        assert daemon.stop() == 0, daemon.stderr()
        verify(daemon.evidence)
    logged = logged_faults(daemon.evidence)
    assert logged == {fault.code: times}, logged
    return found


def logged_faults(evidence: Path) -> dict[str, int]:
    """The microphone's ailments in the evidence: how often each began."""
    counts: Counter[str] = Counter()
    for segment in sorted(evidence.glob("*.seg")):
        for line in segment.read_bytes().splitlines():
            record = json.loads(line)
            if record["k"] == "fault" and record["code"] in MICROPHONE_FAULTS:
                counts[record["code"]] += record["arg"]
    return dict(counts)


def begins(line: Line, code: str) -> bool:
    return line["from"] == "listen" and line["event"] == "fault" and line.get("code") == code


def is_over(line: Line, code: str) -> bool:
    """Well again; or listening in a new life, after an end of the process that was no other way out."""
    if line["event"] == "listening":
        return True
    return line["from"] == "listen" and line["event"] == "warning" and line.get("code") == code


def measure(names: list[str], times: int, at_once: int) -> list[Found]:
    """Several faults side by side: nearly all of it is waiting."""
    with tempfile.TemporaryDirectory(prefix="wakeword-mic-") as folder, ThreadPoolExecutor(at_once) as pool:
        folders = [Path(folder) / str(number) for number in range(len(names))]
        for each in folders:
            each.mkdir()
        return list(pool.map(rounds, names, [times] * len(names), folders))


def main() -> int:
    parser = argparse.ArgumentParser("scripts/microphone-faults", description=__doc__.splitlines()[0])
    parser.add_argument("fault", nargs="*", help=f"of: {', '.join(FAULTS)} (default: all)")
    parser.add_argument("--times", type=int, default=20, metavar="N", help="each so often (default: 20)")
    parser.add_argument("--at-once", type=int, default=3, metavar="N", help="so many side by side (default: 3)")
    parser.add_argument("--json", action="store_true", help="all values, a fault a line")
    given = parser.parse_args()
    if absent := missing():
        parser.exit(2, f"{absent}\n")
    if unknown := [name for name in given.fault if name not in FAULTS]:
        parser.error(f"no such fault: {', '.join(unknown)}")
    for found in measure(given.fault or list(FAULTS), given.times, given.at_once):
        if given.json:
            print(json.dumps(found.row()), flush=True)
            continue
        for what, values in (("noticed", found.noticed_s), ("heard again", found.again_s)):
            figures = f"median {statistics.median(values):5.1f} s  longest {max(values):5.1f} s"
            print(f"{found.name:<24} {len(values):>3} of {given.times}  {what:<12} {figures}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
