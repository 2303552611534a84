"""How long a wake takes, part by part.

the word ends -- trigger waits for the peak --> decided -- block ends --> stage 2 --> WAKE --> gate --> uplink's pipe
                 (of the stream, not of work)             |--- lag_ms in the log ---|     |--- first byte ----|
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wakeword import model as models
from wakeword.bench import sounds
from wakeword.bench.figures import Figure, percentile
from wakeword.errors import WakewordError
from wakeword.events import RATE_HZ, Candidate
from wakeword.messages import GATE_TO_UPLINK, Close, End, FrameReader, Hello, Message, Upload, Wake, write_message
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES, Stage2
from wakeword.pipeline.voice import UNIT_SAMPLES
from wakeword.settings import GateSettings, to_json

STAGE2_TARGET_MS, FIRST_BYTE_TARGET_MS = 30.0, 5.0
SESSIONS = 60  # what the policy lets through in an hour, at most: then another gate with a log of its own
MODEL1, MODEL2 = b"\x11" * 32, b"\x22" * 32  # the gate compares these with its settings and knows no more of models
GROUP_BYTES = 1_500  # what a wake and its open take in the log, with their seal


@dataclass(frozen=True, slots=True)
class _Gate:
    """A gate, and the far ends of its pipes."""

    to_gate: int
    from_gate: int
    at_uplink: int


def measure(folder: Path, words: list[str], *, calls: int, gates: int) -> list[Figure]:
    """All of it: `calls` of each word's stage 2, and `gates` gates of 60 sessions each."""
    return [*_pipeline(words, calls), *_first_byte(folder, gates)]


def _pipeline(words: list[str], calls: int) -> list[Figure]:
    """Stage 2 alone, and the room through the pipeline: the blocks that hold a candidate, and all others."""
    room = sounds.room()
    segments = [room[at : at + SEGMENT_SAMPLES] for at in range(0, len(room) - SEGMENT_SAMPLES, SEGMENT_SAMPLES // 2)]
    stages = [Stage2(models.load(word)) for word in words]
    judged = [_ms(partial(stage.judge, segments[n % len(segments)])) for n in range(calls) for stage in stages]
    detector = Detector.load(*words)
    waits: list[float] = []
    with_candidate: list[float] = []
    without: list[float] = []
    for at in range(0, len(room), UNIT_SAMPLES):
        block = room[at : at + UNIT_SAMPLES]
        began_s = time.perf_counter()
        events = detector.process(block)
        taken_ms = 1000 * (time.perf_counter() - began_s)
        candidates = [event for event in events if isinstance(event, Candidate)]
        (with_candidate if candidates else without).append(taken_ms)
        waits += [1000 * (candidate.decided - candidate.end) / RATE_HZ for candidate in candidates]
    return [
        Figure("stage 2, one verdict", "ms", tuple(judged), STAGE2_TARGET_MS),
        Figure("pipeline, a block of 80 ms with a candidate", "ms", tuple(with_candidate)),
        Figure("pipeline, a block of 80 ms without", "ms", tuple(without)),
        Figure("the trigger waits for the peak (of the stream)", "ms", tuple(waits)),
    ]


def _first_byte(folder: Path, gates: int) -> list[Figure]:
    """WAKE written to the gate -> first samples out of the uplink's pipe; and a bare fdatasync beside each, in turn."""
    passed: list[float] = []
    bare: list[float] = []
    for number in range(gates):
        with _gate(folder / f"gate{number}") as gate, (folder / "bare").open("ab", 0) as file:
            write_message(gate.to_gate, Hello(MODEL1, MODEL2))
            reader = FrameReader(GATE_TO_UPLINK)
            for _ in range(SESSIONS):
                passed.append(_session(gate, reader))
                bare.append(_ms(partial(_bare, file.fileno())))
    beyond = tuple(percentile(passed, share) - percentile(bare, share) for share in (0.5, 0.99))
    return [
        Figure("WAKE to the first sample in the uplink's pipe", "ms", tuple(passed), FIRST_BYTE_TARGET_MS),
        Figure("the same, 99th percentile", "ms", (percentile(passed, 0.99),)),
        Figure("a bare write and fdatasync of as much", "ms", tuple(bare)),
        Figure("the same, 99th percentile", "ms", (percentile(bare, 0.99),)),
        Figure("WAKE to first sample beyond the bare fdatasync, median", "ms", beyond[:1]),
        Figure("WAKE to first sample beyond the bare fdatasync, 99th percentile", "ms", beyond[1:], 10.0),
    ]


def _session(gate: _Gate, reader: FrameReader) -> float:
    """One wake, its window, its end; the milliseconds until the first samples were there."""
    wake_id = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    wake = Wake(wake_id, SEGMENT_SAMPLES, 900_000, 900_000, 10, MODEL1, MODEL2, bytes(2 * SEGMENT_SAMPLES))
    began_s = time.perf_counter()
    write_message(gate.to_gate, wake)
    _until(gate, reader, Upload)
    taken_ms = 1000 * (time.perf_counter() - began_s)
    write_message(gate.to_gate, End(wake_id))
    _until(gate, reader, Close)
    os.read(gate.from_gate, 4_096)  # its answers, so that the pipe stays empty
    return taken_ms


def _bare(descriptor: int) -> None:
    os.write(descriptor, bytes(GROUP_BYTES))
    os.fdatasync(descriptor)


def _until(gate: _Gate, reader: FrameReader, kind: type[Message]) -> None:
    while not any(isinstance(message, kind) for message in reader.push(_read(gate.at_uplink, reader.wanted))):
        pass


def _read(descriptor: int, most: int) -> bytes:
    """No more than one frame at a time. Raises `WakewordError` when the gate has ended."""
    if not (received := os.read(descriptor, most)):
        raise WakewordError("the gate that was measured has ended; what it said stands above")
    return received


@contextmanager
def _gate(folder: Path) -> Iterator[_Gate]:
    """A gate by itself: this process is listen and uplink to it."""
    (folder / "log").mkdir(parents=True)
    from_listen, to_gate = os.pipe()
    from_gate, to_listen = os.pipe()
    at_uplink, to_uplink = os.pipe()
    from_uplink, silent = os.pipe()
    told, status = os.pipe()
    settings = GateSettings(
        str(folder / "log"), str(folder / "device.key"), MODEL1.hex(), MODEL2.hex(), from_listen, to_listen, to_uplink,
        from_uplink, sessions_per_hour=SESSIONS, status=status,
    )  # fmt: skip
    theirs = (from_listen, to_listen, to_uplink, from_uplink, status)
    process = subprocess.Popen([sys.executable, "-P", "-m", "wakeword.gate", to_json(settings)], pass_fds=theirs)
    for descriptor in theirs:
        os.close(descriptor)
    try:
        _read(told, 4_096)  # that it has started: a wake before that would wait for Python to be loaded
        yield _Gate(to_gate, from_gate, at_uplink)
    finally:
        process.terminate()
        for descriptor in (to_gate, from_gate, at_uplink, silent, told):
            os.close(descriptor)
        process.wait()


def _ms(call: Callable[[], object]) -> float:
    """How long one call takes."""
    began_s = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began_s)
