"""The real gate over real pipes: what it grants, refuses and survives, and in which order it writes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from wakeword.evidence.note import Key
from wakeword.evidence.record import Record
from wakeword.evidence.verify import Result, verify
from wakeword.messages import (
    GATE_TO_LISTEN,
    GATE_TO_UPLINK,
    HEADER,
    Answer,
    Audio,
    Close,
    End,
    FrameReader,
    Hello,
    Message,
    Open,
    Reason,
    State,
    Stop,
    Tick,
    Upload,
    Wake,
    encode,
    write_message,
)
from wakeword.settings import GateSettings, to_json

M1, M2 = b"\xaa" * 32, b"\xbb" * 32
WINDOW = bytes(range(200)) * 160  # 32,000 bytes, 1 s
HELLO = Hello(M1, M2)
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt install strace)")


def now_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


@dataclass
class Running:
    """A gate, and the far ends of its pipes."""

    process: subprocess.Popen[bytes]
    folder: Path
    to_gate: int
    from_gate: int
    uplink_in: int
    uplink_out: int
    status: int
    mute_file: Path
    _readers: dict[int, FrameReader] = field(default_factory=dict)
    _held: dict[int, list[Message]] = field(default_factory=dict)
    _lines: bytes = b""

    def say(self, *messages: Message) -> None:
        """As listen."""
        for message in messages:
            write_message(self.to_gate, message)

    def wake(self, **changed: int | bytes) -> Wake:
        return replace(Wake(now_ms(), 16_000, 700_000, 800_000, 90, M1, M2, WINDOW), **changed)

    def status_until(self, event: str) -> list[dict[str, object]]:
        """The gate's status lines up to the first of this event; waits for it."""
        lines: list[dict[str, object]] = []
        while not lines or lines[-1]["event"] != event:
            while b"\n" not in self._lines:
                received = os.read(self.status, 65_536)
                assert received, f"the gate ended before it said {event}: {lines}"
                self._lines += received
            line, self._lines = self._lines.split(b"\n", 1)
            lines.append(json.loads(line))
        return lines

    def heard(self, descriptor: int, until: type[Message]) -> list[Message]:
        """What came through this pipe up to the first message of this type; waits for it."""
        accepts = GATE_TO_UPLINK if descriptor == self.uplink_in else GATE_TO_LISTEN
        reader = self._readers.setdefault(descriptor, FrameReader(accepts))
        held = self._held.setdefault(descriptor, [])
        while not any(isinstance(message, until) for message in held):
            received = os.read(descriptor, 65_536)
            assert received, f"the pipe ended before {until.__name__}: {held[-3:]}"
            held += reader.push(received)
        end = next(at for at, message in enumerate(held) if isinstance(message, until)) + 1
        taken, self._held[descriptor] = held[:end], held[end:]
        return taken

    def answer(self) -> State:
        """The next thing that the gate tells listen."""
        message = self.heard(self.from_gate, State)[-1]
        assert isinstance(message, State)
        return message

    def pid(self) -> int:
        """The gate's own, when strace stands between."""
        started = self.process.pid
        args = self.process.args
        traced = isinstance(args, list) and args[0] == "strace"
        return int(Path(f"/proc/{started}/task/{started}/children").read_text()) if traced else started

    def stop(self) -> int:
        """An orderly end. Returns the exit code."""
        os.kill(self.pid(), signal.SIGTERM)
        os.close(self.to_gate)
        return self.ended()

    def ended(self) -> int:
        """The exit code; one that lives on although it should not fails the test instead of holding it up for ever."""
        return self.process.wait(timeout=60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()


class Bench:
    """Starts gates on one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Running] = []
        self.descriptors: list[int] = []

    def start(self, *, wrapped_by: tuple[str, ...] = (), wait: bool = True, **settings: int | str) -> Running:
        """A gate; with `wait` it has begun its file."""
        pipes = [os.pipe() for _ in range(5)]
        (listen_out, to_gate), (from_gate, listen_in), (uplink_in, uplink_to), (from_up, uplink_out), (status, says) = (
            pipes
        )
        mute_file = self.folder / "muted"
        given = GateSettings(
            str(self.folder / "log"), str(self.folder / "device.key"), M1.hex(), M2.hex(), listen_out, listen_in,
            uplink_to, from_up, mute_file=str(mute_file), status=says, **settings,  # type: ignore[arg-type]
        )  # fmt: skip
        theirs = (listen_out, listen_in, uplink_to, from_up, says)
        command = [*wrapped_by, sys.executable, "-P", "-m", "wakeword.gate", to_json(given)]
        process = subprocess.Popen(command, pass_fds=theirs, stderr=subprocess.PIPE)
        for descriptor in theirs:
            os.close(descriptor)
        running = Running(process, self.folder, to_gate, from_gate, uplink_in, uplink_out, status, mute_file)
        self.started.append(running)
        self.descriptors += [to_gate, from_gate, uplink_in, uplink_out, status]
        if wait:
            running.status_until("started")
        return running

    def check(self, receipts: str = "") -> Result:
        """The oracle: the log holds."""
        device = Key.from_vkey((self.folder / "log" / "device.vkey").read_text())
        result = verify(self.folder / "log", device, receipts, every=True)
        assert [(finding.invariant, finding.where, finding.what) for finding in result.findings] == []
        return result

    def records(self, kind: str) -> list[Record]:
        return [entry.record for entry in self.check().entries if entry.record["k"] == kind]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "log").mkdir()
    bench = Bench(tmp_path)
    yield bench
    for running in bench.started:
        running.close()
    for descriptor in bench.descriptors:
        try:
            os.close(descriptor)
        except OSError:  # closed by the test
            continue


def sent(messages: list[Message]) -> bytes:
    return b"".join(message.pcm for message in messages if isinstance(message, Upload))


def test_a_session_arrives_byte_for_byte(bench: Bench) -> None:
    gate = bench.start()
    wake = gate.wake()
    gate.say(HELLO, Tick(100, 1, 0), wake)
    for count in range(5):
        gate.say(Audio(16_000 + 1_600 * count, bytes([count]) * 3_200))
    gate.say(End(wake.wake_id))
    received = gate.heard(gate.uplink_in, Close)
    head = received[0]
    assert isinstance(head, Open)
    assert sent(received) == WINDOW + b"".join(bytes([count]) * 3_200 for count in range(5))
    assert received[-1] == Close(1, len(WINDOW) + 16_000)
    assert [gate.answer() for _ in range(2)] == [
        State(Answer.GRANTED, Reason.NONE, wake.wake_id), State(Answer.CLOSED, Reason.END, wake.wake_id),
    ]  # fmt: skip
    assert gate.stop() == 0
    result = bench.check(head.certificate + "\n" + head.checkpoint)
    assert (result.receipts_matched, [session.passed_bytes for session in result.sessions]) == (1, [48_000])
    assert bench.records("selftest")[0] == bench.records("selftest")[0] | {
        "deny": True, "kat": True, "mic": True, "net": True,
    }  # fmt: skip
    assert [record["why"] for record in bench.records("stop")] == ["shutdown"]


def test_a_weak_wake_uploads_nothing_and_ends_the_gate(bench: Bench) -> None:
    gate = bench.start()
    gate.say(HELLO, gate.wake(stage2_ppm=499_999))
    assert gate.ended() == 1
    assert os.read(gate.uplink_in, 100) == b""
    assert [record["code"] for record in bench.records("fault")] == ["score"]
    assert gate.process.stderr is not None
    assert b"closed after a fault (score)" in gate.process.stderr.read()


def test_a_wake_that_comes_too_late_is_denied_and_the_next_one_is_not(bench: Bench) -> None:
    gate = bench.start()
    late = gate.wake(wake_id=now_ms() - 4_001)
    gate.say(HELLO, late)
    assert gate.answer() == State(Answer.DENIED, Reason.STALE, late.wake_id)
    gate.say(wake := gate.wake())
    assert gate.answer() == State(Answer.GRANTED, Reason.NONE, wake.wake_id)
    gate.say(End(wake.wake_id))
    assert sent(gate.heard(gate.uplink_in, Close)) == WINDOW
    assert gate.stop() == 0
    assert [record["wid"] for record in bench.records("wake")] == [wake.wake_id]


def test_mute_denies_and_unmute_grants(bench: Bench) -> None:
    gate = bench.start()
    gate.say(HELLO)
    gate.mute_file.touch()
    gate.status_until("mute")
    gate.say(gate.wake())
    assert (gate.answer().answer, gate.status_until("denied")[-1]["why"]) == (Answer.DENIED, "mute")
    gate.mute_file.unlink()
    gate.status_until("mute")
    gate.say(gate.wake())
    assert gate.answer().answer is Answer.GRANTED
    gate.mute_file.touch()
    assert gate.status_until("close")[-1]["why"] == "mute"
    assert gate.stop() == 0
    assert [record["on"] for record in bench.records("mute")] == [False, True, False, True]


def test_muted_before_the_start_is_recorded(bench: Bench) -> None:
    (bench.folder / "muted").touch()
    gate = bench.start()
    gate.say(HELLO, gate.wake())
    assert gate.answer().reason is Reason.MUTE
    assert gate.stop() == 0
    assert [(record["on"], record["src"]) for record in bench.records("mute")] == [(True, "boot")]


def test_the_time_cap_closes_without_any_input(bench: Bench) -> None:
    gate = bench.start(cap_ms=250)
    gate.say(HELLO, gate.wake())
    assert gate.status_until("close")[-1]["why"] == "cap_ms"
    assert gate.heard(gate.uplink_in, Close)[-1] == Close(1, len(WINDOW))
    assert gate.stop() == 0
    bench.check()


def test_the_service_can_stop_a_session(bench: Bench) -> None:
    gate = bench.start()
    gate.say(HELLO, gate.wake())
    gate.heard(gate.uplink_in, Upload)
    os.write(gate.uplink_out, encode(Stop(1)))
    assert gate.status_until("close")[-1]["why"] == "stop"
    assert gate.stop() == 0
    bench.check()


def test_an_uplink_that_does_not_read_is_given_up(bench: Bench) -> None:
    gate = bench.start()
    gate.say(HELLO, gate.wake(window=bytes(65_536)))  # more than a pipe holds
    assert gate.status_until("close")[-1]["why"] == "uplink"
    gate.say(gate.wake())
    assert gate.status_until("denied")[-1]["why"] == "uplink"
    assert gate.stop() == 0
    taken = b""
    while received := os.read(gate.uplink_in, 65_536):
        taken += received
    reader = FrameReader(GATE_TO_UPLINK)
    whole = sent(reader.push(taken))
    assert bench.check().sessions[0].passed_bytes - len(whole) in range(4_096)


def test_the_uplink_ends_inside_a_session(bench: Bench) -> None:
    gate = bench.start()
    gate.say(HELLO, gate.wake())
    gate.heard(gate.uplink_in, Upload)
    os.close(gate.uplink_out)
    assert gate.status_until("close")[-1]["why"] == "uplink"
    assert gate.stop() == 0
    bench.check()


FORGED = [
    ("unknown type", b"\x7f\x01\x00\x00\x08\x00\x00\x00", "frame"),
    ("another version", HEADER.pack(End.TYPE, 2, 0, 8), "frame"),
    ("reserved field in use", HEADER.pack(End.TYPE, 1, 1, 8), "frame"),
    ("four gigabytes announced", HEADER.pack(Wake.TYPE, 1, 0, 2**32 - 1), "frame"),
    ("a message of the gate's own", encode(Close(1, 2)), "frame"),
    ("audio without a wake", encode(Audio(0, b"ab")), "state"),
    ("an end of nothing", encode(End(1)), "state"),
    ("a second hello", encode(HELLO), "state"),
    ("a tick of an hour", HEADER.pack(Tick.TYPE, 1, 0, 12) + b"\x40\x7e\x05\x00" + bytes(8), "frame"),
]


@pytest.mark.parametrize(("what", "forged", "code"), FORGED, ids=[case[0] for case in FORGED])
def test_forged_frames_close_the_gate_for_this_start(bench: Bench, what: str, forged: bytes, code: str) -> None:
    gate = bench.start()
    gate.say(HELLO)
    os.write(gate.to_gate, forged)
    assert gate.ended() == 1
    assert os.read(gate.uplink_in, 100) == b"", what
    assert [(record["code"], record["latch"]) for record in bench.records("fault")] == [(code, True)]
    assert [record["why"] for record in bench.records("stop")] == ["fault"]


def test_nonsense_from_the_uplink_closes_too(bench: Bench) -> None:
    gate = bench.start()
    gate.say(HELLO, gate.wake())
    gate.heard(gate.uplink_in, Upload)
    os.write(gate.uplink_out, encode(HELLO))
    assert gate.ended() == 1
    assert [session.why for session in bench.check().sessions] == ["proto"]


def test_other_models_than_the_policys_do_not_pass_hello(bench: Bench) -> None:
    gate = bench.start()
    gate.say(Hello(M2, M1))
    assert gate.ended() == 1
    assert [record["code"] for record in bench.records("fault")] == ["model"]


@pytest.mark.parametrize("rest", [b"", b"\x04\x01\x00\x00\x0a"])
def test_listen_dies(bench: Bench, rest: bytes) -> None:
    gate = bench.start()
    gate.say(HELLO, gate.wake())
    gate.heard(gate.uplink_in, Upload)
    os.write(gate.to_gate, rest)
    os.close(gate.to_gate)
    assert gate.ended() == 1
    assert [session.why for session in bench.check().sessions] == ["listen"]
    assert [record["code"] for record in bench.records("fault")] == ["eof"]


def test_a_stop_that_listen_does_not_follow_ends_all_the_same(bench: Bench) -> None:
    gate = bench.start()
    gate.say(HELLO)
    gate.process.send_signal(signal.SIGTERM)
    assert gate.ended() == 0
    assert [record["why"] for record in bench.records("stop")] == ["shutdown"]


def test_killed_inside_a_session_the_next_start_tells(bench: Bench) -> None:
    gate = bench.start()
    gate.say(HELLO, gate.wake())
    gate.heard(gate.uplink_in, Upload)
    gate.process.kill()
    gate.process.wait()
    again = bench.start()
    wake = again.wake()
    again.say(HELLO, wake)
    assert again.answer().answer is Answer.GRANTED
    assert again.stop() == 0
    assert [(session.sid, session.why) for session in bench.check().sessions] == [(1, "crash"), (2, "shutdown")]
    assert [(gap["why"], gap["open"]) for gap in bench.records("gap")] == [("first", 0), ("crash", 1)]


def test_the_quota_holds_across_a_crash(bench: Bench) -> None:
    for expected in (Answer.GRANTED, Answer.DENIED):
        gate = bench.start(sessions_per_hour=1)
        gate.say(HELLO, gate.wake())
        assert gate.answer().answer is expected
        gate.process.kill()
        gate.process.wait()
    bench.check()


def test_a_second_gate_on_the_same_log_does_not_start(bench: Bench) -> None:
    bench.start()
    second = bench.start(wait=False)
    assert second.ended() == 2
    assert second.process.stderr is not None
    assert b"another gate writes this log" in second.process.stderr.read()


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [([], b"settings as JSON"), (["{}"], b"missing"), (["nonsense"], b"settings as JSON"), (["{}", "{}"], b"takes 1")],
)
def test_wrong_settings_are_named_without_a_traceback(argument: list[str], complaint: bytes) -> None:
    ended = subprocess.run([sys.executable, "-P", "-m", "wakeword.gate", *argument], capture_output=True, check=False)
    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_policy_beyond_the_hard_limits_does_not_start(bench: Bench) -> None:
    gate = bench.start(wait=False, cap_ms=60_001)
    assert gate.ended() == 2
    assert gate.process.stderr is not None
    assert b"cap_ms = 60001 is outside 1 to 60000" in gate.process.stderr.read()
    assert list((bench.folder / "log").iterdir()) == []


def test_the_process_is_walled(bench: Bench) -> None:
    gate = bench.start()
    status = Path(f"/proc/{gate.process.pid}/status").read_text()
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)
    assert re.search(r"^Seccomp:\t2$", status, re.M)
    assert re.search(r"^Threads:\t1$", status, re.M)
    assert gate.stop() == 0


def strace(*options: str) -> tuple[str, ...]:
    return ("strace", "-f", "-qq", *options)


@needs_strace
@pytest.mark.parametrize("call", ["landlock_create_ruleset", "landlock_restrict_self", "seccomp"])
def test_a_missing_wall_is_named_and_nothing_starts(bench: Bench, call: str, tmp_path: Path) -> None:
    lie = strace("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error=ENOSYS")
    gate = bench.start(wrapped_by=lie, wait=False)
    assert gate.ended() == 2
    assert gate.process.stderr is not None
    assert re.search(rb"Landlock|system call filter", gate.process.stderr.read())
    assert list((bench.folder / "log").glob("*.seg")) == []


@needs_strace
@pytest.mark.parametrize("call", ["landlock_restrict_self", "seccomp"])
def test_a_wall_that_only_claims_to_stand_is_found_by_trying(bench: Bench, call: str) -> None:
    lie = strace("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:retval=0")
    gate = bench.start(wrapped_by=lie, wait=False)
    assert gate.ended() == 2
    assert gate.process.stderr is not None
    assert re.search(rb"a wall is missing: .*\b(write|inet)\b.* succeeded", gate.process.stderr.read())


# What breaks: (what, only on the segment?, strace's injection). In every case nothing may reach the uplink.
DISK_FAULTS = [
    ("EIO at fdatasync", False, "fdatasync:error=EIO:when=2"),
    ("ENOSPC at fdatasync", False, "fdatasync:error=ENOSPC:when=2"),
    ("ENOSPC at write", True, "write:error=ENOSPC:when=2"),
    ("a short write", True, "write:retval=100:when=2"),
]


def injected(bench: Bench, injection: str, *, on_segment: bool) -> tuple[str, ...]:
    only = ("-P", f"{bench.folder}/log/00000001.seg") if on_segment else ()
    return strace(
        "-o", "/dev/null", *only, "-e", f"trace={injection.split(':', maxsplit=1)[0]}", "-e", f"inject={injection}"
    )


@needs_strace
@pytest.mark.parametrize(("fault", "on_segment", "injection"), DISK_FAULTS, ids=[case[0] for case in DISK_FAULTS])
def test_a_wake_under_a_disk_fault(bench: Bench, fault: str, on_segment: bool, injection: str) -> None:
    gate = bench.start(wrapped_by=injected(bench, injection, on_segment=on_segment))
    gate.say(HELLO, gate.wake())
    assert gate.ended() == 74, fault
    assert os.read(gate.uplink_in, 100) == b""
    assert os.read(gate.from_gate, 100) == b""
    assert gate.process.stderr is not None
    assert b"nothing opens any more" in gate.process.stderr.read()
    again = bench.start(wait=False)
    assert again.ended() == 74
    assert len(list((bench.folder / "log").glob("*.seg"))) == 1
    next((bench.folder / "log").glob("failed-*")).unlink()  # as a restart of the machine would
    assert bench.start().stop() == 0
    bench.check()


@needs_strace
@pytest.mark.parametrize("moment", ["write:signal=KILL:when=2", "fdatasync:signal=KILL:when=2"])
def test_death_at_the_moment_of_the_commit_lets_nothing_pass(bench: Bench, moment: str) -> None:
    call = moment.split(":", maxsplit=1)[0]
    path = ("-P", f"{bench.folder}/log/00000001.seg") if call == "write" else ()
    gate = bench.start(wrapped_by=strace("-o", "/dev/null", *path, "-e", f"trace={call}", "-e", f"inject={moment}"))
    gate.say(HELLO, gate.wake())
    gate.ended()
    assert os.read(gate.uplink_in, 100) == b""
    assert bench.start().stop() == 0
    bench.check()


# One wake, seen from outside:
#   write(evidence) fdatasync(evidence)     the records survive power loss
#   write(to_uplink)                        only now the first byte
@needs_strace
def test_order_of_system_calls(bench: Bench, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    gate = bench.start(wrapped_by=strace("-y", "-o", str(trace), "-e", "trace=write,fdatasync,fsync,openat,socket"))
    wake = gate.wake()
    gate.say(HELLO, wake, End(wake.wake_id))
    gate.heard(gate.uplink_in, Close)
    assert gate.stop() == 0
    log = str(bench.folder / "log")
    calls = []
    for line in trace.read_text().splitlines():
        call = re.match(r"\d+ +(\w+)\((\d+)<([^>]*)>(.*)", line)
        if call and call[3].endswith(".seg"):
            calls.append(f"{call[1]} segment")
        elif call and call[3] == log and call[1] == "fsync":
            calls.append("fsync folder")
        elif call and call[3].startswith("pipe:") and call[4].startswith((', "!', ', "\\"', ', "#')):  # 0x21 0x22 0x23
            calls.append("write uplink")
    start = calls.index("write segment")
    assert calls[start : start + 3] == ["write segment", "fdatasync segment", "fsync folder"]
    session = calls[start + 3 :]
    assert session[:3] == ["write segment", "fdatasync segment", "write uplink"]
    closing = session.index("write segment", 1)
    assert set(session[2:closing]) == {"write uplink"}
    assert session[closing:] == [
        "write segment", "fdatasync segment", "write uplink", "write segment", "fdatasync segment",
    ]  # fmt: skip
