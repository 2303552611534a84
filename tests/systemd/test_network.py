"""A network that fails in every way while somebody speaks: it costs the session, never the listening.

Behind a proxy that misbehaves as it is told stands a good service with TLS. Through all of it listen's count of frames
keeps up with the clock, no process grows, nothing is kept on disk for later, and the first session after it arrives.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from systemd_house import EVIDENCE, LONG, PROCESSES, STATE, House
from websockets.sync.server import ServerConnection, serve

NAME = "hub.test"
FRAME_MS = 10
HEAD_BYTES = 6_000  # of what the device sends at first: TLS, HTTP, and the session's first message
SLIP_MS = 3_000  # between the count and the clock: what the sound server holds, and a beat, on a busy machine
GROWTH_KB = 6_000  # of a process's memory: a session's 480 kB, twice, and what an allocator keeps
FAULTS = ("down", "slow", "reset", "wrong certificate", "dead names") if LONG else ("slow", "reset")


@dataclass
class Proxy:
    """Between the device and the service; `mode` says how it treats the next connection."""

    address: str
    good: int  # ports of this machine: the service
    wrong: int  # and one with a certificate of somebody else's
    mode: str = ""
    seen: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listener = socket.create_server((self.address, 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.seen.append(self.mode)
                threading.Thread(target=self._treat, args=(connection, self.mode), daemon=True).start()

    def _treat(self, device: socket.socket, mode: str) -> None:
        if mode == "down":
            return _reset(device)
        port = self.wrong if mode == "wrong certificate" else self.good
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as service, device:
            threading.Thread(target=_pass_on, args=(service, device), daemon=True).start()
            passed = 0
            while not self._ended.is_set() and (piece := device.recv(1 if self._crawls(mode, passed) else 4_096)):
                service.sendall(piece)
                passed += len(piece)
                if self._crawls(mode, passed):
                    self._ended.wait(1)  # one byte a second
                if mode == "reset" and passed > HEAD_BYTES:
                    return _reset(device)
        return None

    @staticmethod
    def _crawls(mode: str, passed: int) -> bool:
        return mode == "slow" and passed > HEAD_BYTES


def _pass_on(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while piece := here.recv(4_096):
            there.sendall(piece)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextmanager
def tls_service(certificate: trustme.LeafCert, received: list[int]) -> Iterator[int]:
    """A WebSocket server that counts each whole session's bytes; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def hear(connection: ServerConnection) -> None:
        total = 0
        with suppress(Exception):  # a connection may end in any way here
            for message in connection:
                total += len(message) if isinstance(message, bytes) else 0
                if isinstance(message, str) and json.loads(message)["type"] == "end":
                    received.append(total)
                    return

    with serve(hear, "127.0.0.1", 0, ssl=context) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.socket.getsockname()[1])


@contextmanager
def names_are_dead(home: House) -> Iterator[None]:
    """Whoever asks for a name waits: the name server takes questions and never answers."""
    hosts = home.bed.root / "etc/hosts"
    known = hosts.read_text()
    hosts.write_text("".join(line for line in known.splitlines(keepends=True) if NAME not in line))
    try:
        yield
    finally:
        hosts.write_text(known)


@pytest.fixture
def hostile(installed: House, tmp_path: Path) -> Iterator[tuple[Proxy, list[int]]]:
    """Configured for a service known by its name, with a certificate; started."""
    ours, theirs, received = trustme.CA(), trustme.CA(), list[int]()
    root = installed.bed.root
    known = {path: path.read_bytes() for path in (root / "etc/hosts", root / "etc/resolv.conf")}
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with (
        silent,
        tls_service(ours.issue_cert(NAME), received) as good,
        tls_service(theirs.issue_cert(NAME), []) as wrong,
    ):
        silent.bind((installed.bed.outside, 53))
        proxy = Proxy(installed.bed.outside, good, wrong)
        ours.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        shutil.copy(tmp_path / "ca.pem", root / "etc/wakeword/ca.pem")
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{installed.bed.outside} {NAME}\n")
        (root / "etc/resolv.conf").write_text(f"nameserver {installed.bed.outside}\noptions timeout:5 attempts:1\n")
        uplink = {"ca_file": "/etc/wakeword/ca.pem", "addresses": [installed.bed.outside]}
        installed.stop()
        installed.configure(f"wss://{NAME}:{proxy.port}", uplink=uplink, evidence={"heartbeat_ms": 1_000})
        installed.start()
        yield proxy, received
        installed.stop()
        proxy.close()
        for path, content in known.items():
            path.write_bytes(content)


def memory_kb(home: House, name: str) -> int:
    status = home.bed.run("cat", f"/proc/{home.pid(name)}/status").stdout
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


def test_a_failing_network_costs_the_session_and_nothing_else(
    installed: House, hostile: tuple[Proxy, list[int]]
) -> None:
    proxy, received = hostile
    home, pids = installed, [installed.pid(name) for name in PROCESSES]
    proxy.mode = "good"
    home.wake()
    home.bed.until(lambda: len(received) == 1, "a session arrives")
    before, files = {name: memory_kb(home, name) for name in PROCESSES}, home.bed.written()
    first, told = home.records("beat")[-1], len(troubles(home))
    for fault in FAULTS:
        proxy.mode = fault
        with names_are_dead(home) if fault == "dead names" else nullcontext():
            closed = home.wake()
            settled(home)
        assert closed["why"] in {"end", "uplink", "stop", "cap_ms"}, fault
        assert len(received) == 1, f"nothing arrives whole: {fault}"
        print(f"\n{fault}: session closed ({closed['why']}) after {closed['ms'] / 1000:.1f} s", end="")
    assert {fault for fault in FAULTS if fault in proxy.seen} == set(FAULTS) - {"dead names"}
    beats = [beat for beat in home.records("beat") if beat["t"] > first["t"]]
    slip_ms = sum(beat["frames"] for beat in beats) * FRAME_MS - (beats[-1]["t"] - first["t"])
    grown = {name: memory_kb(home, name) - before[name] for name in PROCESSES}
    seconds = (beats[-1]["t"] - first["t"]) // 1_000
    print(f"\nover {seconds} s listen's frames are {slip_ms} ms from the clock; memory grew by, in kB: {grown}")
    assert abs(slip_ms) < SLIP_MS
    assert max(grown.values()) < GROWTH_KB
    assert len(troubles(home)) == told
    assert {path for path in home.bed.written() - files if not path.startswith((EVIDENCE, STATE))} == set()
    assert [home.pid(name) for name in PROCESSES] == pids

    proxy.mode = "good"
    assert home.wake()["why"] == "end"
    home.bed.until(lambda: len(received) == 2, "a session arrives again")
    home.verified()


def troubles(home: House) -> list[dict[str, Any]]:
    """Gaps and faults in the log; but the silence of this microphone is digital, which is one."""
    return [record for record in home.records("gap", "fault") if record.get("code") != "zeros"]


def settled(home: House) -> None:
    """Wait until the uplink has given up what it could not send."""
    own = ("own", None)  # not the meter's counts; a close has no source

    def counted() -> bool:
        return bool([each for each in home.records("kcount", "close") if each.get("src") in own][-1]["k"] == "kcount")

    home.bed.until(counted, "the uplink's count is in the log")
