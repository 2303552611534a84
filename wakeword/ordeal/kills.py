"""SIGKILL for the real gate at random moments, again and again on one log; after each, what came out is held to it.

Each gate is the whole process, walls and all; it is forked from this one so that 10,000 starts take minutes, not hours.
This process is listen and uplink to it: it wakes, talks and ends sessions as fast as the gate takes them, keeps what
comes out of the uplink's pipe, and kills. Whatever came out must be in the log at that moment; every few kills the
whole log is verified, with all checkpoints that came out.
"""

from __future__ import annotations

import os
import random
import select
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wakeword import gate as gate_process
from wakeword.evidence.device import VKEY_NAME
from wakeword.evidence.note import Key
from wakeword.evidence.verify import Result, verify
from wakeword.messages import (
    GATE_TO_UPLINK,
    HEADER,
    Audio,
    Close,
    End,
    FrameReader,
    Hello,
    Open,
    Tick,
    Upload,
    Wake,
    encode,
)
from wakeword.ordeal.life import MODEL1, MODEL2, BrokenPromiseError
from wakeword.settings import GateSettings, to_json

KILLS_A_LOG = 25
LONGEST = 1.4  # a gate lives up to so many times what the one before needed until its first sample came out
FIRST_S, MOST_S = 0.2, 5.0
PATIENCE_S = 0.02  # the next wake comes when the last session is over, or when nothing came of it
CLOSES = HEADER.pack(Close.TYPE, 1, 0, 16)
WINDOW = bytes(3_200)


@dataclass
class Log:
    """One log and what came out beside it."""

    folder: Path
    notes: list[str] = field(default_factory=list)
    bytes_of: dict[int, int] = field(default_factory=dict)

    def result(self) -> Result:
        """The verifier's, of all of it and every checkpoint that came out."""
        device = Key.from_vkey((self.folder / "log" / VKEY_NAME).read_text())
        return verify(self.folder / "log", device, "\n".join(self.notes))

    def check(self) -> None:
        """Everything, with every checkpoint that came out."""
        if not self.notes:
            return  # nothing came out, nothing was promised
        result = self.result()
        if result.findings or result.receipts_ignored or result.receipts_matched != result.receipts:
            found = [f"{finding.invariant} {finding.where} {finding.what}" for finding in result.findings]
            raise BrokenPromiseError(f"{found} {result.receipts_ignored}; the log is in {self.folder}")
        known = {session.sid: session for session in result.sessions}
        for sid, taken in self.bytes_of.items():
            session = known.get(sid)
            wrong = session is None or (session.why != "crash" and session.passed_bytes != taken)
            if wrong or (session and taken > session.cap_bytes):
                raise BrokenPromiseError(f"session {sid}: {taken} bytes came out, and the log says {session}")


def run(seed: int, kills: int, counts: Counter[str]) -> Iterator[int]:
    """Kill so often; yields how often it was done. `counts` grows. Raises `BrokenPromiseError`."""
    draw, done, needed_s = random.Random(seed), 0, FIRST_S
    while done < kills:
        with tempfile.TemporaryDirectory(prefix="ordeal-kills-") as name:
            folder = Path(name)
            (folder / "log").mkdir()
            log = Log(folder)
            for _ in range(min(KILLS_A_LOG, kills - done)):
                needed_s = _one(log, draw, counts, needed_s)
                done += 1
                yield done
            log.check()
            counts["sessions"] += len(log.bytes_of)
            counts["logs verified"] += 1


def _one(log: Log, draw: random.Random, counts: Counter[str], needed_s: float) -> float:
    """A gate from its start to its kill; returns how long the next one may need until a sample comes out."""
    pipes = [os.pipe() for _ in range(4)]
    (from_listen, to_gate), (_, to_listen), (at_uplink, to_uplink), (from_uplink, _) = pipes
    theirs = (from_listen, to_listen, to_uplink, from_uplink)
    given = GateSettings(
        str(log.folder / "log"), str(log.folder / "device.key"), MODEL1.hex(), MODEL2.hex(), *theirs,
        sessions_per_hour=60,
    )  # fmt: skip
    child = forked(given, {end for pipe in pipes for end in pipe} - set(theirs))
    for descriptor in theirs:
        os.close(descriptor)
    try:
        came, first_s = _talk(to_gate, at_uplink, draw, draw.uniform(0, LONGEST * needed_s))
        os.kill(child, signal.SIGKILL)
    finally:
        os.waitpid(child, 0)
    came += b"".join(iter(lambda: os.read(at_uplink, 65_536), b""))
    for descriptor in {end for pipe in pipes for end in pipe} - set(theirs):
        os.close(descriptor)
    hold_against(log, came, counts)
    return min(MOST_S, 0.9 * needed_s + 0.1 * first_s if first_s else needed_s * 1.01)


def forked(settings: GateSettings, not_its: set[int]) -> int:
    """The pid of a gate, the whole process with its walls; `not_its` are descriptors that it is not to have."""
    child = os.fork()
    if child == 0:
        for descriptor in not_its:
            os.close(descriptor)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(gate_process.main([to_json(settings)]))
    return child


def _talk(to_gate: int, at_uplink: int, draw: random.Random, for_s: float) -> tuple[bytes, float]:
    """As listen, whatever the pipe takes; returns what came out at the uplink's end, and when first, in seconds."""
    began_s = time.monotonic()
    until_s, first_s = began_s + for_s, 0.0
    os.set_blocking(to_gate, False)
    os.set_blocking(at_uplink, False)
    waiting, came, asked_s, asked_at = encode(Hello(MODEL1, MODEL2)), bytearray(), began_s, 0
    while (left := until_s - time.monotonic()) > 0:
        over = came[-24:-16] == CLOSES and len(came) > asked_at
        if not waiting and (over or time.monotonic() - asked_s > PATIENCE_S):
            waiting, asked_s, asked_at = _session(draw), time.monotonic(), len(came)
        reading, writing, _ = select.select([at_uplink], [to_gate] if waiting else [], [], min(left, PATIENCE_S))
        if writing:
            try:
                waiting = waiting[os.write(to_gate, waiting[:16_384]) :]
            except BrokenPipeError:
                break  # it found fault, or a disk error: what it wrote is looked at all the same
        if reading and not (received := os.read(at_uplink, 65_536)):
            break
        if reading:
            came += received
            first_s = first_s or time.monotonic() - began_s
    os.set_blocking(at_uplink, True)
    return bytes(came), first_s


def _session(draw: random.Random) -> bytes:
    """A tick, a wake, some audio, and the end."""
    wake_id = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    frames = [encode(Tick(100, 1, 0)), encode(Wake(wake_id, 0, 700_000, 800_000, 90, MODEL1, MODEL2, WINDOW))]
    frames += [encode(Audio(160 * number, bytes(320))) for number in range(draw.randrange(4))]
    return b"".join([*frames, encode(End(wake_id))])


def hold_against(log: Log, came: bytes, counts: Counter[str]) -> None:
    """Every session of which a sample came out has its records in the log, now."""
    reader, sid = FrameReader(GATE_TO_UPLINK), 0
    written = b"".join(path.read_bytes() for path in (log.folder / "log").glob("*.seg"))
    for message in reader.push(came):
        if isinstance(message, Open):
            sid = message.session_id
            log.notes += [message.certificate, message.checkpoint]
            log.bytes_of[sid] = 0
        if isinstance(message, Upload):
            log.bytes_of[sid] += len(message.pcm)
            if f'"sid":{sid},'.encode() not in written:
                raise BrokenPromiseError(f"a sample of session {sid} came out and its open record is not in the log")
    counts["killed while a frame was under way"] += not reader.between_frames
    counts["bytes that came out"] += len(came)
