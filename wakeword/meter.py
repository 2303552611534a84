"""The meter, a helper beside the three: asks the kernel what the uplink sent, and tells the gate. It decides nothing.

    python -m wakeword.meter SETTINGS_JSON        settings.MeterSettings; systemd/wakeword-meter.service

Two counts. TCP payload, without what was sent twice: the kernel's own figures of every connection, the living ones and
those that just ended (sock_diag, with which `ss` looks too), of one control group or of the whole network namespace.
And IP packets:

    nft   counters `uplink_out` and `uplink_in` of an nftables table, in a namespace that the uplink has to itself;
          needs CAP_NET_ADMIN
    bpf   systemd's IPAccounting= of the uplink's unit; needs no rights

Whose a connection was is not told at its end. Of one control group those are counted, to their end, that were seen
alive, at one of two looks a second; one that was shorter is in the packets alone.

A connection that nobody counted is not passed over: when the kernel says that notices were lost, the meter ends, and
the gate writes that down. It is the maker's code as much as the gate is: it stands against faults of gate and uplink,
not against a maker who lies. It ends with the gate, and not when it is told to: before, its end would be a fault there.
Exit codes: 0 the gate has ended, 1 notices were lost, 2 nothing can be counted here.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from wakeword.errors import CHECK_FAILED, USAGE, ConfigError, WakewordError
from wakeword.messages import write_message
from wakeword.notices import Count
from wakeword.settings import MeterSettings, meter_from_json

LOOK_S = 0.5  # between two looks at connections
SOON_S, SELDOM_S = 1.0, 30.0  # between two messages: while something is sent, and while nothing is
STEADY = 3  # messages without a change, after which they become seldom
COUNTERS = ("uplink_out", "uplink_in")
CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))

# linux/sock_diag.h, linux/inet_diag.h
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
DESTROYED_TCP = 1 << 0 | 1 << 2  # the groups of IPv4 and of IPv6
NLM_REQUEST_DUMP, NLMSG_ERROR, NLMSG_DONE = 0x301, 2, 3
ALL_STATES = 0xFFFFFFFF
HEAD, MESSAGE_BYTES, COOKIE_AT = struct.Struct("=IHHII"), 72, 44
INFO, CGROUP_ID = 2, 21  # attributes
SENT_AT = 200  # of struct tcp_info: tcpi_bytes_sent, tcpi_bytes_retrans
ROOM_BYTES = 1 << 20  # for notices that wait


class NoticesLostError(WakewordError):
    """Connections ended faster than they were counted."""

    exit_code = CHECK_FAILED


class Connections:
    """TCP payload sent by all connections since this was made, of one control group or of the whole namespace."""

    def __init__(self, cgroup: Path | None) -> None:
        """`cgroup`: a folder of the control groups' file system; None for every connection of this namespace."""
        self._cgroup = cgroup.stat().st_ino if cgroup else None
        self._ended = 0
        self._living: dict[bytes, int] = {}  # cookie -> payload so far
        self.notices = _diag(DESTROYED_TCP)
        self._asking = _diag(0)

    def payload_bytes(self) -> int:
        """Now. Never falls: a connection is counted until its end is known, and its last figure stays."""
        for family in (socket.AF_INET, socket.AF_INET6):
            self._living.update(self._ask(family))
        self._hear()
        return self._ended + sum(self._living.values())

    def close(self) -> None:
        """Count no longer."""
        self.notices.close()
        self._asking.close()

    def _ask(self, family: int) -> dict[bytes, int]:
        asked = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP, 1 << (INFO - 1), ALL_STATES)
        request = HEAD.pack(HEAD.size + len(asked), SOCK_DIAG_BY_FAMILY, NLM_REQUEST_DUMP, 0, 0) + asked
        self._asking.send(request)
        found: dict[bytes, int] = {}
        while True:
            for kind, body in _messages(self._asking.recv(ROOM_BYTES)):
                if kind == NLMSG_DONE:
                    return found
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", body)[0]
                    raise ConfigError(f"the kernel tells nothing of TCP: {os.strerror(number)}", where="sock_diag")
                found |= self._counted(body)

    def _hear(self) -> None:
        """Ends that were told of by now."""
        while select.select([self.notices], [], [], 0)[0]:
            try:
                received = self.notices.recv(ROOM_BYTES)
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise NoticesLostError("the kernel dropped notices of connections' ends", where="meter") from error
                raise
            for _, body in _messages(received):
                for cookie, payload in self._counted(body).items():
                    self._ended += payload
                    self._living.pop(cookie, None)

    def _counted(self, body: bytes) -> dict[bytes, int]:
        """{cookie: payload} of one connection, {} of one that is not ours or never was connected."""
        attributes, cookie = dict(_attributes(body[MESSAGE_BYTES:])), body[COOKIE_AT : COOKIE_AT + 8]
        info, group = attributes.get(INFO, b""), attributes.get(CGROUP_ID, b"")
        ours = self._cgroup is None or cookie in self._living or int.from_bytes(group, "little") == self._cgroup
        if not ours or len(info) < SENT_AT + 16:
            return {}
        sent, again = struct.unpack_from("=2Q", info, SENT_AT)
        return {cookie: sent - again}


def _diag(groups: int) -> socket.socket:
    asking = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM_BYTES)
    try:
        asking.bind((0, groups))
    except OSError as error:
        raise ConfigError(f"no notices of connections' ends: {error.strerror}", where="sock_diag") from error
    return asking


def _messages(received: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each netlink message."""
    while len(received) >= HEAD.size:
        length, kind, *_ = HEAD.unpack_from(received)
        yield kind, received[HEAD.size : length]
        received = received[length + 3 & ~3 :]


def _attributes(rest: bytes) -> Iterator[tuple[int, bytes]]:
    while len(rest) >= 4:
        length, kind = struct.unpack_from("=HH", rest)
        yield kind, rest[4:length]
        rest = rest[max(4, length + 3 & ~3) :]


def nft_packets(table: str, before: tuple[str, ...] = ()) -> tuple[int, int, str]:
    """Bytes of IP packets out and in, and "" for whose they are; raises `ConfigError` without such counters.

    `before`: words of a command that runs another one elsewhere.
    """
    told = _run([*before, "nft", "-j", "list", "counters", "table", "inet", table])
    try:
        found = {each["counter"]["name"]: int(each["counter"]["bytes"]) for each in json.loads(told)["nftables"][1:]}
        return found[COUNTERS[0]], found[COUNTERS[1]], ""
    except (ValueError, KeyError) as error:
        raise ConfigError(f"a table inet {table} without {' or '.join(COUNTERS)}", where="nftables") from error


def unit_packets(unit: str) -> tuple[int, int, str]:
    """The same of a systemd unit with IPAccounting=yes, and which start of it counted; raises `ConfigError`."""
    told = _run(["systemctl", "show", "-p", "IPEgressBytes,IPIngressBytes,InvocationID", unit])
    shown = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    out, back = shown.get("IPEgressBytes", ""), shown.get("IPIngressBytes", "")
    if not (out.isdecimal() and back.isdecimal() and int(out) < 2**63):  # [not set], or 2^64 - 1 in older versions
        raise ConfigError(f"{unit} is not running, or counts nothing", where="systemd", hint="IPAccounting=yes")
    return int(out), int(back), shown.get("InvocationID", "")


def cgroup_of(unit: str) -> Path:
    """The folder of a running unit's control group; raises `ConfigError`."""
    named = _run(["systemctl", "show", "-P", "ControlGroup", unit]).strip()
    for root in CGROUPS:
        if named.strip("/") and (root / named.strip("/")).is_dir() and (root / "cgroup.procs").exists():
            return root / named.strip("/")
    raise ConfigError(f"{unit} has no control group (version 2)", where="systemd")


def _run(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as error:
        raise ConfigError(f"{command[0]} is not installed", where="meter") from error
    except subprocess.CalledProcessError as error:
        raise ConfigError(f"{command[0]}: {error.stderr.strip()}", where="meter") from error


class Meter:
    """Counts of one generation: a new one when the kernel's begin anew."""

    def __init__(self, settings: MeterSettings) -> None:
        """Raises `ConfigError` when something cannot be counted here."""
        self._settings, self._gone = settings, select.poll()
        self._connections = Connections(cgroup_of(settings.unit) if settings.source == "bpf" else None)
        self._begin("")
        self._last, self._steady = (0, 0, 0), 0
        self._gone.register(settings.to_gate, 0)  # POLLERR: the gate has closed its end

    def run(self) -> None:
        """Until the gate ends; raises `NoticesLostError` or `ConfigError` when it can count no longer."""
        while True:
            self.tell()
            if self._gate_ends():
                return

    def _gate_ends(self) -> bool:
        """Wait until the next message is due; sooner when something is sent after a time when nothing was."""
        due_s = time.monotonic() + (SOON_S if self._steady < STEADY else SELDOM_S)
        while (left_s := due_s - time.monotonic()) > 0:
            if self._gone.poll(1_000 * min(left_s, LOOK_S)):
                return True
            if self._connections.payload_bytes() != self._last[2] and self._steady:
                return False
        return False

    def close(self) -> None:
        """Count no longer."""
        self._connections.close()

    def _packets(self) -> tuple[int, int, str]:
        nft = self._settings.source == "nft"
        return nft_packets(self._settings.table) if nft else unit_packets(self._settings.unit)

    def _begin(self, whose: str) -> None:
        self._generation, self._whose = int.from_bytes(os.urandom(8), "little"), whose

    def tell(self) -> None:
        """One look, and one message."""
        unique = self._connections.payload_bytes()
        out, back, whose = self._packets()
        now = out, back, unique
        if whose != self._whose or any(later < before for later, before in zip(now, self._last, strict=True)):
            self._begin(whose)  # the unit was started again, or somebody set the counters back
        self._steady = self._steady + 1 if now == self._last else 0
        self._last = now
        write_message(self._settings.to_gate, Count(self._generation, *now))


def main(arguments: list[str]) -> int:
    """Count until the gate ends."""
    try:
        settings = meter_from_json(*arguments)
    except (TypeError, ValueError, KeyError) as error:
        print(f"wakeword meter: one argument, the settings as JSON: {error}", file=sys.stderr)
        return USAGE
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        Meter(settings).run()
    except BrokenPipeError:
        return 0
    except WakewordError as error:
        print(f"wakeword meter: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
