"""The meter: what the kernel counted, told to the gate; and what cannot be counted is said."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wakeword import meter
from wakeword.errors import ConfigError
from wakeword.messages import METER_TO_GATE, FrameReader
from wakeword.meter import Connections, Meter, NoticesLostError, cgroup_of, main, nft_packets, unit_packets
from wakeword.notices import Count
from wakeword.settings import MeterSettings, meter_from_json, to_json

PATIENCE_S = 60.0


@pytest.fixture
def connections() -> Iterator[Connections]:
    try:
        counted = Connections(None)
        counted.payload_bytes()
    except (ConfigError, PermissionError, OSError) as error:
        pytest.skip(f"this kernel tells nothing of TCP (sock_diag): {error}")
    yield counted
    counted.close()


def until(reached: Callable[[], bool]) -> None:
    """Waits for what the kernel does in its own time."""
    waited, never = 0.0, select.poll()
    while not reached():
        assert waited < PATIENCE_S
        never.poll(20)
        waited += 0.02


def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        served, _ = server.accept()
    return client, served


def test_payload_is_counted_while_a_connection_lives_and_after(connections: Connections) -> None:
    before = connections.payload_bytes()
    client, served = pair()
    client.sendall(bytes(5_000))
    until(lambda: connections.payload_bytes() - before >= 5_000)  # other tests may be sending too
    cookies = set(connections._living)
    client.close()
    served.close()
    until(lambda: bool(connections.payload_bytes()) and not cookies <= set(connections._living))
    assert connections.payload_bytes() - before >= 5_000


def test_a_count_never_falls(connections: Connections) -> None:
    last = connections.payload_bytes()
    for size in (1, 10_000, 0):
        client, served = pair()
        client.sendall(bytes(size))
        client.close()
        served.close()
        now = connections.payload_bytes()
        assert now >= last
        last = now


def test_connections_of_another_control_group_do_not_count(tmp_path: Path) -> None:
    """A folder that is no control group at all: nothing is in it."""
    counted = Connections(tmp_path)
    client, served = pair()
    client.sendall(bytes(5_000))
    assert counted.payload_bytes() == 0
    for each in (client, served, counted):
        each.close()


def test_lost_notices_end_the_meter(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    """The room for notices is taken away, and many connections end."""
    connections.notices.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

    def lost() -> bool:
        for _ in range(20):
            for each in pair():
                each.close()
        try:
            connections.payload_bytes()
        except NoticesLostError:
            return True
        return False

    until(lost)


def test_settings_name_a_source_that_there_is() -> None:
    settings = MeterSettings(3, "nft")
    assert meter_from_json(to_json(settings)) == settings
    with pytest.raises(ValueError, match="not 'own'"):
        meter_from_json(to_json(MeterSettings(3, "own")))
    assert main(["{}"]) == 2
    assert main([]) == 2


def tool(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of that name, found first."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("shown", "counted"),
    [
        ("IPEgressBytes=100580\nIPIngressBytes=432\nInvocationID=ab", (100_580, 432, "ab")),
        ("IPEgressBytes=[not set]\nIPIngressBytes=[not set]\nInvocationID=", None),
        ("IPEgressBytes=18446744073709551615\nIPIngressBytes=0\nInvocationID=ab", None),
        ("", None),
    ],
)
def test_what_systemd_shows_of_a_unit(
    shown: str, counted: tuple[int, int, str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, "systemctl", f"cat <<'.'\n{shown}\n.", monkeypatch)
    if counted:
        assert unit_packets("a.service") == counted
    else:
        with pytest.raises(ConfigError, match="counts nothing"):
            unit_packets("a.service")


def test_a_unit_without_a_control_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "CGROUPS", (tmp_path / "v1", tmp_path / "v2"))
    (tmp_path / "v2" / "system.slice" / "a.service").mkdir(parents=True)
    (tmp_path / "v2" / "cgroup.procs").touch()
    tool(tmp_path, "systemctl", "echo /system.slice/$4", monkeypatch)
    assert cgroup_of("a.service") == tmp_path / "v2" / "system.slice" / "a.service"
    with pytest.raises(ConfigError, match=r"b\.service has no control group"):
        cgroup_of("b.service")


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo 'no such table' >&2; exit 1", "no such table"),
        ("echo '{}'", "without uplink_out or uplink_in"),
        ('echo \'{"nftables": [{"metainfo": {}}, {"counter": {"name": "uplink_out", "bytes": 5}}]}\'', "without"),
    ],
)
def test_a_table_without_counters_is_named(
    script: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, "nft", script, monkeypatch)
    with pytest.raises(ConfigError, match=complaint):
        nft_packets("wakeword")


def test_a_tool_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ConfigError, match="nft is not installed"):
        nft_packets("wakeword")


def nft_of(folder: Path, out: int, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = [
        f'{{"counter": {{"name": "{name}", "bytes": {size}}}}}'
        for name, size in zip(meter.COUNTERS, (out, 7), strict=True)
    ]
    tool(folder, "nft", f"echo '{{\"nftables\": [{{}}, {', '.join(counters)}]}}'", monkeypatch)


def test_a_counter_that_was_set_back_begins_another_generation(
    connections: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    nft_of(tmp_path, 100, monkeypatch)
    counting = Meter(MeterSettings(writer, "nft"))
    for out in (100, 200, 50):
        nft_of(tmp_path, out, monkeypatch)
        counting.tell()
    told = [each for each in FrameReader(METER_TO_GATE).push(os.read(reader, 4_096)) if isinstance(each, Count)]
    assert [count.egress_bytes for count in told] == [100, 200, 50]
    assert told[0].generation == told[1].generation != told[2].generation
    for descriptor in (reader, writer):
        os.close(descriptor)
    counting.close()


def test_it_ends_when_the_gate_does(connections: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nft_of(tmp_path, 100, monkeypatch)
    reader, writer = os.pipe()
    command = [sys.executable, "-P", "-m", "wakeword.meter", to_json(MeterSettings(writer, "nft"))]
    process = subprocess.Popen(command, pass_fds=(writer,))
    os.close(writer)
    assert len(os.read(reader, 40)) == 40
    os.close(reader)
    assert process.wait(PATIENCE_S) == 0


def test_where_nothing_can_be_counted_it_says_so_and_does_not_start(tmp_path: Path) -> None:
    environment = os.environ | {"PATH": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "wakeword.meter", to_json(MeterSettings(1, "nft"))]
    ended = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert ended.stderr.startswith(b"wakeword meter: ")
    assert shutil.which("nft", path=str(tmp_path)) is None
