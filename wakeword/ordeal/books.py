"""Bytes, by three who did not copy from each other: the log, the kernel, the service; over many sessions. Needs root.

Two network namespaces joined by a cable: in one the real gate, uplink and meter, in the other the embedded service with
TLS. This process is listen. Every few sessions it waits until the counts are written down, and then that nothing at all
is sent for a while. On the last log 5,000 bytes are sent past the gate, twice: while no session is open, and by a false
uplink inside one.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Self

from wakeword.errors import ConfigError
from wakeword.evidence.answers import unknown_payload
from wakeword.evidence.device import VKEY_NAME
from wakeword.evidence.note import Key
from wakeword.evidence.record import Record
from wakeword.evidence.rules import most_payload
from wakeword.evidence.segment import replay
from wakeword.evidence.verify import Result, verify
from wakeword.messages import GATE_TO_LISTEN, Answer, Audio, End, FrameReader, Hello, State, Wake, encode
from wakeword.meter import nft_packets
from wakeword.ordeal.life import MODEL1, MODEL2, BrokenPromiseError
from wakeword.settings import GateSettings, MeterSettings, UplinkSettings, to_json

SESSIONS_A_LOG = 50  # the policy lets 60 through in an hour
GROUP = 5  # sessions between two looks at the counts
QUIET_S = 2.0
PLANTED = 5_000
PATIENCE_S = 120.0
DEVICE, SERVICE = "wk-device", "wk-service"
ADDRESS = "10.78.0.2"
CABLE = f"""netns add {DEVICE}
netns add {SERVICE}
-n {DEVICE} link add wk0 type veth peer name wk1 netns {SERVICE}
-n {DEVICE} link set wk0 addrgenmode none
-n {SERVICE} link set wk1 addrgenmode none
-n {DEVICE} addr add 10.78.0.1/24 dev wk0
-n {DEVICE} link set wk0 up
-n {SERVICE} addr add {ADDRESS}/24 dev wk1
-n {SERVICE} link set wk1 up
-n {DEVICE} link set lo up"""  # without addresses of IPv6 the kernel itself sends nothing
NFT = """table inet wakeword {
 counter uplink_out { }
 counter uplink_in { }
 chain out { type filter hook output priority 0; oifname != "lo" counter name uplink_out; }
 chain in { type filter hook input priority 0; iifname != "lo" counter name uplink_in; }
}
"""
RECEIVER = f"""
import asyncio, ssl, sys
from pathlib import Path
from wakeword.service.local import LocalService, LocalSettings

async def sink(reader, writer):
    while await reader.read(65536):
        pass
    writer.close()

async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1], sys.argv[2])
    await asyncio.start_server(sink, "{ADDRESS}", 9999)
    settings = LocalSettings(Path(sys.argv[3]), "{ADDRESS}:8443", tls=tls)
    async with LocalService(settings, lambda got: print(got.session, got.bytes, flush=True)):
        print("ready", flush=True)
        await asyncio.Future()

asyncio.run(main())
"""
SEND = f"import socket; s = socket.create_connection(('{ADDRESS}', 9999)); s.sendall(bytes({PLANTED})); s.close()"
FALSE_UPLINK = f"""
import socket, sys
from wakeword import uplink

honest = uplink.Uplink._start

def start(self, opened):
    with socket.create_connection(("{ADDRESS}", 9999)) as past:
        past.sendall(bytes({PLANTED}))
    honest(self, opened)

uplink.Uplink._start = start
sys.exit(uplink.main())
"""


@dataclass
class Books:
    """Accounts of the same sessions; all in bytes but the first and the last."""

    sessions: int = 0
    log: int = 0  # sum of `close`
    service: int = 0  # sound that arrived
    uplink_payload: int = 0  # TCP payload, by the uplink itself
    kernel_payload: int = 0  # the same, by the kernel
    kernel_packets: int = 0
    most_payload: int = 0  # that I18 allows
    idle: int = 0  # packets while nothing was open
    planted_idle: str = ""  # the verifier's finding
    planted_inside: int = 0  # payload that the uplink does not know of, as the report has it
    findings: list[str] = field(default_factory=list)  # before anything was planted


def needed() -> str:
    """What is missing here, "" when nothing is."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    missing = [tool for tool in ("ip", "nft", "openssl") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not found (apt install iproute2 nftables openssl)"
    tried = subprocess.run(["unshare", "-n", "nft", "add", "table", "inet", "w"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else f"this kernel has no nftables or namespaces: {tried.stderr.decode()}"


def run(sessions: int, seed: int, step: Callable[[int], None]) -> Books:
    """So many sessions, on as many logs as the quota asks for, and then the planted bytes; calls `step` at each.

    Raises `ConfigError` where it cannot be done, `BrokenPromiseError` when the books do not agree.
    """
    if missing := needed():
        raise ConfigError(missing, where="books")
    books, draw = Books(), Random(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ordeal-books-")))
        stack.enter_context(_cable())
        receiver = stack.enter_context(_receiver(folder))
        while books.sessions < sessions:
            here = min(SESSIONS_A_LOG, sessions - books.sessions)
            with Device(folder / f"log{books.sessions}", folder / "ca.pem") as device:
                _many(books, device, here, draw, step)
            _entered(books, device, here)
        books.service = sum(int(line.split()[1]) for line in _lines(receiver, sessions))
        books.planted_idle = _plant_idle(folder)
        books.planted_inside = _plant_inside(folder)
    _agree(books, sessions)
    return books


def _agree(books: Books, sessions: int) -> None:
    """What must be equal is."""
    expected = f"{PLANTED} are unaccounted for"
    wrong = [
        what
        for what, good in (
            ("findings before anything was planted", not books.findings),
            ("sessions", books.sessions == sessions),
            ("log and service", books.log == books.service),
            ("kernel and uplink", books.kernel_payload == books.uplink_payload),
            ("the bound on payload", books.log < books.kernel_payload <= books.most_payload),
            ("silence between sessions", books.idle == 0),
            ("what was planted between sessions", expected in books.planted_idle),
            ("what was planted inside one", books.planted_inside == PLANTED),
        )
        if not good
    ]
    if wrong:
        raise BrokenPromiseError(f"do not agree: {', '.join(wrong)}: {books}")


@contextmanager
def _cable() -> Iterator[None]:
    """The two namespaces."""
    try:
        for line in CABLE.splitlines():
            subprocess.run(["ip", *line.split()], check=True)
        subprocess.run(["ip", "netns", "exec", DEVICE, "nft", "-f", "-"], input=NFT, text=True, check=True)
        yield
    finally:
        for name in (DEVICE, SERVICE):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@contextmanager
def _receiver(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service, with an authority of its own."""
    key, ca = folder / "key.pem", folder / "ca.pem"
    made = f"openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=books -addext subjectAltName=IP:{ADDRESS}"
    subprocess.run([*made.split(), "-keyout", str(key), "-out", str(ca)], check=True, capture_output=True)
    process = _inside(SERVICE, "-c", RECEIVER, str(ca), str(key), str(folder / "out"), stdout=subprocess.PIPE)
    try:
        _lines(process, 1)  # it listens
        yield process
    finally:
        process.kill()
        process.communicate()


def _inside(name: str, *command: str, **given: Any) -> subprocess.Popen[bytes]:  # Any: Popen's own
    return subprocess.Popen(["ip", "netns", "exec", name, sys.executable, "-P", *command], **given)


def _lines(process: subprocess.Popen[bytes], many: int) -> list[str]:
    """So many lines that the service prints; waits for them."""
    assert process.stdout
    told = b""
    while told.count(b"\n") < many:
        if not select.select([process.stdout], [], [], PATIENCE_S)[0]:
            raise BrokenPromiseError(f"the service has not received what was sent: {told.decode()}")
        if not (received := os.read(process.stdout.fileno(), 65_536)):
            raise BrokenPromiseError("the service has ended")
        told += received
    return told.decode().splitlines()


class Device:
    """Gate, uplink and meter on one log, as a context manager."""

    def __init__(self, folder: Path, authority: Path, uplink: tuple[str, ...] = ("-m", "wakeword.uplink")) -> None:
        self.folder = folder
        (folder / "log").mkdir(parents=True)
        pipes = [os.pipe() for _ in range(5)]
        (from_listen, self._to_gate), (self._from_gate, to_listen), (at_uplink, to_uplink), *rest = pipes
        (from_uplink, uplink_says), (from_meter, meter_says) = rest
        gate = GateSettings(
            str(folder / "log"), str(folder / "device.key"), MODEL1.hex(), MODEL2.hex(), from_listen, to_listen,
            to_uplink, from_uplink, sessions_per_hour=60, meter="nft", from_meter=from_meter,
        )  # fmt: skip
        sends = UplinkSettings(f"wss://{ADDRESS}:8443", "computer", at_uplink, uplink_says, ca_file=str(authority))
        counts = MeterSettings(meter_says, "nft")
        parts = (
            (("-m", "wakeword.gate", to_json(gate)), (from_listen, to_listen, to_uplink, from_uplink, from_meter)),
            ((*uplink, to_json(sends)), (at_uplink, uplink_says)),
            (("-m", "wakeword.meter", to_json(counts)), (meter_says,)),
        )
        self._processes = [_inside(DEVICE, *command, pass_fds=theirs) for command, theirs in parts]
        for _, theirs in parts:
            for descriptor in theirs:
                os.close(descriptor)
        self._answers = FrameReader(GATE_TO_LISTEN)
        self.sessions, self.before = 0, list[Record]()

    def __enter__(self) -> Self:
        os.write(self._to_gate, encode(Hello(MODEL1, MODEL2)))
        self.until_counted()
        return self

    def __exit__(self, *_: object) -> None:
        self._processes[0].terminate()
        os.close(self._to_gate)
        for process in self._processes:
            process.wait(PATIENCE_S)
        os.close(self._from_gate)

    def session(self, draw: Random) -> None:
        """A window and some audio; waits until the gate has closed it and the uplink has sent it."""
        wake_id = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        window = bytes(2 * draw.randrange(8_000, 32_000))
        frames = [encode(Wake(wake_id, 0, 700_000, 800_000, 90, MODEL1, MODEL2, window))]
        frames += [encode(Audio(1_280 * number, bytes(2_560))) for number in range(draw.randrange(6))]
        for frame in [*frames, encode(End(wake_id))]:
            os.write(self._to_gate, frame)
        told: list[Answer] = []
        while told != [Answer.GRANTED, Answer.CLOSED]:
            if not select.select([self._from_gate], [], [], PATIENCE_S)[0]:
                raise BrokenPromiseError(f"the gate says no more than {told}")
            answers = self._answers.push(os.read(self._from_gate, 4_096))
            told += [answer.answer for answer in answers if isinstance(answer, State)]
            if told and told[-1] is Answer.DENIED:
                raise BrokenPromiseError("the gate denied")
        self.sessions += 1
        self._until("own")

    def records(self) -> list[Record]:
        """All that is sealed now."""
        path = self.folder / "log" / "00000001.seg"
        return list(replay(path.read_bytes(), 1, None).records) if path.exists() else []

    def counts(self) -> dict[str, Any]:
        """The newest count of each source."""
        return {str(record["src"]): record for record in self.records() if record["k"] == "kcount"}

    def until_counted(self, payload: int = 0) -> None:
        """The kernel's count was written down after all sessions, of at least so much."""
        self._until("nft", payload)

    def _until(self, source: str, payload: int = 0) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            records = self.records()
            closes = [0, *(at for at, record in enumerate(records) if record["k"] == "close")]
            after = [record for record in records[closes[-1] :] if record["k"] == "kcount" and record["src"] == source]
            if len(closes) > self.sessions and after and int(after[-1]["uq_b"]) >= payload:
                return
            time.sleep(0.05)
        raise BrokenPromiseError(f"{source}: no count was written down after {self.sessions} sessions: {records[-3:]}")

    def result(self) -> Result:
        """The verifier's."""
        return verify(self.folder / "log", Key.from_vkey((self.folder / "log" / VKEY_NAME).read_text()))


def _many(books: Books, device: Device, sessions: int, draw: Random, step: Callable[[int], None]) -> None:
    """Sessions, and silence after each few."""
    for number in range(1, sessions + 1):
        device.session(draw)
        step(books.sessions + number)
        if number % GROUP == 0 or number == sessions:
            device.until_counted()
            books.idle += _sent_while_quiet()


def _sent_while_quiet() -> int:
    before = _packets()
    time.sleep(QUIET_S)
    return _packets() - before


def _packets() -> int:
    """All that went through the cable so far, both ways."""
    out, back, _ = nft_packets("wakeword", ("ip", "netns", "exec", DEVICE))
    return out + back


def _entered(books: Books, device: Device, sessions: int) -> None:
    """What the log of this device says, which has ended."""
    result, counts = device.result(), device.counts()
    books.findings += [f"{finding.invariant} {finding.where} {finding.what}" for finding in result.findings]
    passed = sum(session.passed_bytes for session in result.sessions)
    books.log, books.sessions = books.log + passed, books.sessions + len(result.sessions)
    books.most_payload += most_payload(passed, sessions)
    first = next(record for record in device.records() if record["k"] == "kcount" and record["src"] == "nft")
    books.uplink_payload += counts["own"]["uq_b"]
    books.kernel_payload += counts["nft"]["uq_b"] - int(first["uq_b"])
    books.kernel_packets += counts["nft"]["eg_b"] - int(first["eg_b"])


def _plant_idle(folder: Path) -> str:
    """5,000 bytes past the gate while nothing is open: what the verifier says of them."""
    with Device(folder / "planted-idle", folder / "ca.pem") as device:
        payload = int(device.counts()["nft"]["uq_b"])
        _inside(DEVICE, "-c", SEND).wait(PATIENCE_S)
        device.until_counted(payload + 1)
    return "; ".join(f"{finding.invariant}: {finding.what}" for finding in device.result().findings)


def _plant_inside(folder: Path) -> int:
    """An uplink that sends 5,000 bytes to somebody else at each session: what the report makes of it."""
    with Device(folder / "planted-inside", folder / "ca.pem", ("-c", FALSE_UPLINK)) as device:
        device.session(Random(0))
        device.until_counted(PLANTED)
    return unknown_payload([entry.record for entry in device.result().entries])
