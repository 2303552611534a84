"""Joined by FIFOs, the processes notice each other's ends as they do when joined by pipes."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from wakeword import join
from wakeword.errors import ConfigError

FOUR = (*join.WATCHED, "meter")
FIFOS = sorted({fifo for ends in join.ENDS.values() for _, fifo, _ in ends})


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """What `wakeword.prepare` leaves."""
    (tmp_path / "settings").mkdir()
    for name in FOUR:
        (tmp_path / "settings" / f"{name}.json").write_text(json.dumps({"status": None, "name": name}))
    for fifo in FIFOS:
        os.mkfifo(tmp_path / fifo)
    return tmp_path


def joined(runtime: Path, *names: str) -> dict[str, dict[str, int]]:
    """All that are named, started at once, as systemd does."""
    found: dict[str, dict[str, int]] = {}

    def start(name: str) -> None:
        found[name] = join.joined(name, runtime, None)

    threads = [threading.Thread(target=start, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def close(settings: dict[str, int], name: str) -> None:
    for setting, _, _ in join.ENDS[name]:
        os.close(settings[setting])


def readable(descriptor: int) -> bool:
    """Is there something to read now?"""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))


def at_end(descriptor: int) -> bool:
    """Does a process that waits here see the end of whoever writes?"""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0)) and os.read(descriptor, 1) == b""


@pytest.mark.parametrize("order", [("listen", "gate", "meter", "uplink"), ("uplink", "meter", "gate", "listen")])
def test_started_in_any_order_all_are_joined(runtime: Path, order: tuple[str, ...]) -> None:
    found = joined(runtime, *order)
    listen, gate, uplink = (found[name] for name in ("listen", "gate", "uplink"))
    for writer, reader in (
        (listen["to_gate"], gate["from_listen"]), (gate["to_listen"], listen["from_gate"]),
        (gate["to_uplink"], uplink["from_gate"]), (uplink["to_gate"], gate["from_uplink"]),
        (found["meter"]["to_gate"], gate["from_meter"]),
    ):  # fmt: skip
        os.write(writer, b"frame")
        assert os.read(reader, 9) == b"frame"
        assert not at_end(reader)
    for name, settings in found.items():
        close(settings, name)


@pytest.mark.parametrize(
    ("ends", "noticed"),
    [
        ("listen", {("gate", "from_listen")}),
        ("gate", {("listen", "from_gate"), ("uplink", "from_gate")}),
        ("uplink", {("gate", "from_uplink")}),
        ("meter", {("gate", "from_meter")}),
    ],
)
def test_the_end_of_one_is_noticed_by_its_neighbours_alone(
    runtime: Path, ends: str, noticed: set[tuple[str, str]]
) -> None:
    found = joined(runtime, *FOUR)
    close(found.pop(ends), ends)
    readers = [(name, setting) for name in found for setting, _, how in join.ENDS[name] if how == join.READ]
    assert {(name, setting) for name, setting in readers if at_end(found[name][setting])} == noticed
    for name, settings in found.items():
        close(settings, name)


def test_a_fifo_whose_writer_has_not_come_is_not_at_its_end(runtime: Path) -> None:
    uplink = join.joined("uplink", runtime, None)
    assert not at_end(uplink["from_gate"])
    close(uplink, "uplink")


def test_a_reader_that_never_comes_is_named(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join, "PATIENCE_S", 0.0)
    with pytest.raises(ConfigError, match="no such device or address") as caught:
        join.joined("listen", runtime, None)
    assert caught.value.where == str(runtime / "listen-gate")


def test_what_prepare_did_not_leave_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="systemctl status wakeword-prepare"):
        join.joined("gate", tmp_path, None)


def test_status_hears_the_three_and_may_ask_listen_and_may_start_again_alone(runtime: Path) -> None:
    (runtime / "settings" / "status.json").write_text("{}")
    for each in join.WATCHED:
        os.mkfifo(runtime / f"{each}-status")
    three = joined(runtime, *join.WATCHED)
    os.write(three["gate"]["status"], b"before\n")  # the status process is still to start
    for expected in (b"before\nlines\n", b"lines\n"):
        status = join.joined("status", runtime, None)
        os.write(three["uplink"]["status"], b"lines\n")
        os.write(status["to_listen"], b"a hold")
        assert b"".join(os.read(end, 100) for end in status["inputs"] if readable(end)) == expected
        assert os.read(three["listen"]["from_status"], 100) == b"a hold"
        for end in (*status["inputs"], status["to_listen"]):
            os.close(end)
        assert not readable(three["listen"]["from_status"])
    for name, settings in three.items():
        close(settings, name)
        os.close(settings["status"])
    os.close(three["listen"]["from_status"])


def test_without_a_status_process_no_lines_are_left_lying(runtime: Path) -> None:
    uplink = join.joined("uplink", runtime, None)
    assert uplink["status"] is None
    close(uplink, "uplink")


@pytest.mark.parametrize(("content", "taken"), [("token", True), ("", False), (None, False)])
def test_a_credential_that_is_there_is_taken(runtime: Path, tmp_path: Path, content: str | None, taken: bool) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    if content is not None:
        (credentials / "token").write_text(content)
    uplink = join.joined("uplink", runtime, credentials)
    assert (uplink.get("token_file") == str(credentials / "token")) == taken
    close(uplink, "uplink")


def test_it_becomes_the_process_with_its_descriptors(runtime: Path) -> None:
    """The real uplink, told that its configuration is wrong: so it says so and ends with 2."""
    settings = {"url": "not an address", "word": "w", "from_gate": -1, "to_gate": -1, "status": None}
    (runtime / "settings" / "uplink.json").write_text(json.dumps(settings))
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "wakeword.join", "uplink"],
        env=os.environ | {"WAKEWORD_RUNTIME": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr.partition(" (")[0]) == (
        2,
        "wakeword.uplink: not a WebSocket address: not an address",
    )


@pytest.mark.parametrize("arguments", [[], ["run"], ["listen", "gate"]])
def test_another_name_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert join.main(arguments) == 2
    assert "one of: uplink, gate, listen" in capsys.readouterr().err
