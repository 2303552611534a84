"""The gate's pipes: nothing blocks, and what was taken is what is counted."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from wakeword.messages import GATE_TO_LISTEN, GATE_TO_UPLINK, HEADER, Answer, FrameReader, Reason, State, Upload, encode
from wakeword.outside import Pipes
from wakeword.settings import GateSettings

DENIED = State(Answer.DENIED, Reason.MUTE, 1)


class Ends:
    """Pipes, and their far ends."""

    def __init__(self, folder: Path) -> None:
        self.from_listen, self.listen_writes = os.pipe()
        self.listen_reads, self.to_listen = os.pipe()
        self.uplink_reads, self.to_uplink = os.pipe()
        self.from_uplink, self.uplink_writes = os.pipe()
        self.mute_file = folder / "muted"
        self.settings = GateSettings(
            "", "", "", "", self.from_listen, self.to_listen, self.to_uplink, self.from_uplink, str(self.mute_file)
        )
        self.pipes = Pipes(self.settings)


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    ends = Ends(tmp_path)
    yield ends
    for name, descriptor in vars(ends).items():
        if isinstance(descriptor, int) and not (name == "to_uplink" and not ends.pipes.uplink_alive):
            os.close(descriptor)


def test_a_frame_arrives_whole(ends: Ends) -> None:
    upload = Upload(bytes(4_096))
    before = ends.pipes.now_ms()
    taken, taken_ms = ends.pipes.upload(upload, before + 10_000)
    assert (taken, taken_ms >= before) == (HEADER.size + 4_096, True)
    assert FrameReader(GATE_TO_UPLINK).push(os.read(ends.uplink_reads, 65_536)) == [upload]


def test_an_uplink_that_never_reads_is_ended_and_told_so_by_its_pipe(ends: Ends) -> None:
    total = 0
    for _ in range(1_000_000 // 4_000):  # more than a pipe holds
        taken, _ = ends.pipes.upload(Upload(bytes(4_000)), ends.pipes.now_ms() + 20)
        total += taken
    assert not ends.pipes.uplink_alive
    received = b""
    while piece := os.read(ends.uplink_reads, 65_536):
        received += piece
    assert len(received) == total
    assert ends.pipes.upload(Upload(bytes(2)), ends.pipes.now_ms() + 20) == (0, 0)


def test_nothing_is_begun_after_the_deadline(ends: Ends) -> None:
    assert ends.pipes.upload(Upload(bytes(2)), ends.pipes.now_ms()) == (0, 0)
    assert not ends.pipes.uplink_alive
    assert os.read(ends.uplink_reads, 10) == b""


def test_an_uplink_that_has_gone(ends: Ends) -> None:
    os.close(ends.uplink_reads)
    assert ends.pipes.upload(Upload(bytes(2)), ends.pipes.now_ms() + 10_000) == (0, 0)
    assert not ends.pipes.uplink_alive
    ends.uplink_reads = os.dup(ends.from_listen)


def test_telling_listen_never_waits(ends: Ends) -> None:
    told = 65_536 // len(encode(DENIED)) + 10  # more than a pipe holds
    for _ in range(told):
        ends.pipes.tell(DENIED)
    reader = FrameReader(GATE_TO_LISTEN)
    heard = reader.push(os.read(ends.listen_reads, 1_000_000))
    assert 0 < len(heard) < told
    assert set(heard) == {DENIED}
    assert reader.between_frames
    os.close(ends.listen_reads)
    ends.pipes.tell(DENIED)
    ends.listen_reads = os.dup(ends.from_listen)


def test_the_switch_is_the_existence_of_a_file(ends: Ends) -> None:
    assert not ends.pipes.muted()
    ends.mute_file.touch()
    assert ends.pipes.muted()
    ends.mute_file.unlink()
    assert not ends.pipes.muted()


def test_a_switch_that_cannot_be_read_means_muted(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", fails)
    assert ends.pipes.muted()


def test_without_a_switch_nothing_is_muted(tmp_path: Path) -> None:
    ends = Ends(tmp_path)
    assert not Pipes(replace(ends.settings, mute_file="")).muted()
    for descriptor in (value for value in vars(ends).values() if isinstance(value, int)):
        os.close(descriptor)


def test_systemd_is_told_at_the_start_and_then_every_few_seconds_and_may_be_gone(tmp_path: Path) -> None:
    ends = Ends(tmp_path)
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    pipes = Pipes(replace(ends.settings, notify=writer.fileno()))
    pipes.announce("READY=1")
    for _ in range(3):
        pipes.alive()
    reader.setblocking(False)
    assert [reader.recv(64) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]
    with pytest.raises(BlockingIOError):
        reader.recv(64)
    reader.close()
    pipes.announce("STATUS=nobody reads")
    writer.close()
    for descriptor in (value for value in vars(ends).values() if isinstance(value, int)):
        os.close(descriptor)
