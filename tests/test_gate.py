"""The gate's loop and its start and end, in this process; the real one, walls and all: processes/test_gate.py."""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from wakeword import forbidden, gate, sandbox, selftest
from wakeword.errors import ConfigError, WakewordError
from wakeword.evidence.device import VKEY_NAME
from wakeword.evidence.note import Key
from wakeword.evidence.record import FORBIDDEN_ACTS
from wakeword.evidence.verify import Result, verify
from wakeword.messages import Audio, End, Hello, Message, Tick, Wake, encode
from wakeword.notices import Count
from wakeword.settings import GateSettings, to_json

M1, M2 = b"\xaa" * 32, b"\xbb" * 32
HELLO = Hello(M1, M2)


def now_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


@dataclass
class Pipes:
    """All that a gate is joined to, and the far ends."""

    folder: Path

    def __post_init__(self) -> None:
        self.descriptors: set[int] = set()
        from_listen, self.listen = self._pipe()
        self.answers, to_listen = self._pipe()
        self.sent, to_uplink = self._pipe()
        from_uplink, self.uplink = self._pipe()
        from_meter, self.meter = self._pipe()
        self.status, status = self._pipe()
        self.settings = GateSettings(
            str(self.folder / "log"), str(self.folder / "device.key"), M1.hex(), M2.hex(), from_listen, to_listen,
            to_uplink, from_uplink, from_meter=from_meter, meter="nft", status=status,
        )  # fmt: skip
        (self.folder / "log").mkdir()

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self.descriptors |= set(ends)
        return ends

    def close(self, *descriptors: int) -> None:
        for descriptor in descriptors:
            self.descriptors.discard(descriptor)
            os.close(descriptor)

    def say(self, *messages: Message) -> None:
        os.write(self.listen, b"".join(map(encode, messages)))

    def wake(self) -> Wake:
        return Wake(now_ms(), 16_000, 700_000, 800_000, 90, M1, M2, bytes(3_200))

    def result(self) -> Result:
        return verify(self.folder / "log", Key.from_vkey((self.folder / "log" / VKEY_NAME).read_text()))

    def kinds(self) -> list[str]:
        result = self.result()
        assert result.findings == []
        return [str(entry.record["k"]) for entry in result.entries if entry.record["k"] not in ("head", "seal")]


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[Pipes]:
    pipes = Pipes(tmp_path)
    yield pipes
    for descriptor in pipes.descriptors:
        try:
            os.close(descriptor)
        except OSError:  # the gate gave its uplink up
            continue


@pytest.fixture
def no_walls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """Walls would stay: what would be built is kept, and each forbidden act reads as refused."""
    built: list[tuple[str, object]] = []
    monkeypatch.setattr(sandbox, "own_network", lambda: built.append(("network", None)))
    monkeypatch.setattr(sandbox, "wall_files", lambda **places: built.append(("files", places)))
    monkeypatch.setattr(sandbox, "wall_calls", lambda: built.append(("calls", None)))
    refused = dict.fromkeys(FORBIDDEN_ACTS, 13) | {"log": -1}
    monkeypatch.setattr(forbidden, "try_acts", lambda **_: dict(refused))
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield built  # type: ignore[misc]  # pytest's fixtures are generators
    for number, handler in kept.items():
        signal.signal(number, handler)


def end_when(pipes: Pipes, event: str) -> threading.Thread:
    """SIGTERM for this process once the gate has said so, and listen's pipe ends."""

    def wait() -> None:
        told = b""
        while f'"event":"{event}"'.encode() not in told:
            told += os.read(pipes.status, 65_536)
        os.kill(os.getpid(), signal.SIGTERM)
        pipes.close(pipes.listen)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_start_a_session_and_an_orderly_end(pipes: Pipes, no_walls: list[tuple[str, object]]) -> None:
    wake = pipes.wake()
    pipes.say(HELLO, Tick(100, 1, 0), wake, Audio(16_000, bytes(320)), End(wake.wake_id))
    for _ in range(2):
        os.write(pipes.meter, encode(Count(7, 1, 2, 3)))
    ending = end_when(pipes, "close")
    assert gate.main([to_json(pipes.settings)]) == 0
    ending.join()
    places = {"read": [Path(pipes.settings.device_key)], "write": [Path(pipes.settings.directory)]}
    assert no_walls == [("network", None), ("files", places), ("calls", None)]
    kinds = pipes.kinds()
    assert kinds[:9] == ["key", "gap", "policy", "selftest", "mute", "beat", "walls", "meter", "kcount"]
    assert [kind for kind in kinds if kind in ("wake", "open", "close")] == ["wake", "open", "close"]
    assert kinds[-3:] == ["beat", "tally", "stop"]
    assert [session.passed_bytes for session in pipes.result().sessions] == [3_520]


def test_a_fault_ends_it_and_is_named(
    pipes: Pipes, no_walls: list[tuple[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    pipes.say(HELLO, replace(pipes.wake(), stage2_ppm=499_999))
    assert gate.main([to_json(pipes.settings)]) == 1
    assert capsys.readouterr().err == "wakeword gate: closed after a fault (score); the evidence names it\n"
    assert pipes.kinds()[-4:] == ["fault", "beat", "tally", "stop"]


def test_the_owners_wish_to_prune_begins_a_new_file_in_the_same_process(
    pipes: Pipes, no_walls: list[tuple[str, object]]
) -> None:
    wish = pipes.folder / "log" / "prune"
    wish.touch()
    pipes.say(HELLO)
    done = threading.Event()

    def wait() -> None:
        while wish.exists() and not done.wait(0.02):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        pipes.close(pipes.listen)

    ending = threading.Thread(target=wait)
    ending.start()
    assert gate.main([to_json(pipes.settings)]) == 0
    done.set()
    ending.join()
    assert [entry.record["why"] for entry in pipes.result().entries if entry.record["k"] == "key"] == [
        "start", "daily",
    ]  # fmt: skip
    assert not wish.exists()


class Heard:
    """Stands where the states stand, and keeps what reaches it."""

    state = gate.State.CLOSED
    session = None

    def __init__(self) -> None:
        self.heard: list[str] = []

    def next_ms(self) -> int:
        return 0

    def advance(self) -> None:
        pass

    def hear(self, message: Message) -> None:
        self.heard.append(type(message).__name__)

    def broken(self, code: str) -> None:
        self.heard.append(f"broken {code}")

    def meter_gone(self) -> None:
        self.heard.append("meter gone")

    def uplink_gone(self) -> None:
        self.heard.append("uplink gone")

    def listen_gone(self, *, asked: bool, whole: bool) -> str:
        return f"listen gone, asked {asked}, whole {whole}"


def loop_of(pipes: Pipes, stops: list[int]) -> tuple[gate.Loop, Heard]:
    heard = Heard()
    return gate.Loop(heard, gate.Pipes(pipes.settings), pipes.settings, stops), heard  # type: ignore[arg-type]


def test_neighbours_are_heard_one_frame_at_a_time_and_their_ends_are_told(pipes: Pipes) -> None:
    loop, heard = loop_of(pipes, [])
    os.write(pipes.uplink, b"\xff" * 8)
    os.write(pipes.meter, encode(Count(1, 2, 3, 4)))
    pipes.say(HELLO)
    for _ in range(2):
        assert loop.turn() == ""
    assert heard.heard == ["broken frame", "Count", "Hello"]
    pipes.close(pipes.uplink, pipes.meter)
    assert loop.turn() == ""
    assert heard.heard[3:] == ["uplink gone", "meter gone"]
    assert os.read(pipes.sent, 1) == b""
    pipes.descriptors.discard(pipes.settings.to_uplink)


@pytest.mark.parametrize("stops", [[], [15]])
@pytest.mark.parametrize("rest", [b"", b"\1"])
def test_the_end_of_listen(pipes: Pipes, stops: list[int], rest: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "END_PATIENCE_MS", 60)
    loop, _ = loop_of(pipes, stops)
    os.write(pipes.listen, rest)
    pipes.close(pipes.listen)
    turns = []
    while not turns or not turns[-1]:
        turns.append(loop.turn())
    assert turns[-1] == f"listen gone, asked {bool(stops)}, whole {not rest}"
    assert (len(turns) > 1 + len(rest)) == (not stops)  # without a signal it is waited for


def test_a_stop_that_listen_does_not_follow(pipes: Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "STOP_PATIENCE_MS", 60)
    loop, _ = loop_of(pipes, [15])
    turns = [loop.turn()]
    while not turns[-1]:
        turns.append(loop.turn())
    assert turns[-1] == "shutdown"
    assert len(turns) > 1


def test_without_a_meter_nobody_is_waited_for(pipes: Pipes) -> None:
    pipes.settings = replace(pipes.settings, from_meter=-1, meter="own")
    loop, heard = loop_of(pipes, [])
    pipes.say(HELLO)
    turns = [loop.turn() for _ in range(2)]  # the head, then what it announces
    assert (turns, heard.heard) == (["", ""], ["Hello"])


def test_latched_it_stops(pipes: Pipes) -> None:
    loop, heard = loop_of(pipes, [])
    heard.state = gate.State.LATCHED
    assert loop.turn() == "fault"


def test_causes_are_written_as_the_supervisor_has_them() -> None:
    settings = GateSettings("", "", "", "", 0, 0, 0, 0, ended=("listen signal 9", "gate exit 74"))
    assert gate.causes(settings) == [
        {"k": "cause", "who": "listen", "how": "signal", "code": 9},
        {"k": "cause", "who": "gate", "how": "exit", "code": 74},
    ]
    for text in ("", "listen", "listen signal", "listen signal x", "who exit 1", "listen exit 256"):
        with pytest.raises(ConfigError, match="not a cause"):
            gate.causes(replace(settings, ended=(text,)))


def test_a_self_test_that_finds_something_missing_is_an_error(
    pipes: Pipes, no_walls: list[tuple[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftest, "known_answers", lambda: False)
    with pytest.raises(WakewordError, match="found a wall missing: kat"):
        gate.prove(gate.policy_of(pipes.settings))
    assert gate.main([to_json(pipes.settings)]) == 2
    assert list((pipes.folder / "log").glob("*.seg")) == []


@pytest.mark.parametrize("given", [[], ["{}"], ["nonsense"], [json.dumps({"listen": 1})]])
def test_wrong_settings_are_named(
    given: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gate.main(given) == 2
    monkeypatch.setattr(sys, "argv", ["gate", *given])
    with pytest.raises(SystemExit, match=r"^2$"):
        runpy.run_path(gate.__file__, run_name="__main__")
    assert capsys.readouterr().err.startswith("wakeword gate: one argument, the settings as JSON: ")
