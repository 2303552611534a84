"""What is written down before a start under systemd: each process's settings, causes, and how walls are narrowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wakeword import config, prepare
from wakeword.config import Config, Source, Uplink
from wakeword.settings import gate_from_json, listen_from_json, meter_from_json, status_from_json, uplink_from_json


def shown(*ends: tuple[str, str, int, int]) -> str:
    """`systemctl show` of (process, result, status, when)."""
    return "\n\n".join(
        f"Result={result}\nExecMainExitTimestampMonotonic={when}\nExecMainStatus={status}\nId=wakeword-{name}.service"
        for name, result, status, when in ends
    )


@pytest.mark.parametrize(
    ("ends", "causes"),
    [
        ([("listen", "success", 0, 5), ("gate", "success", 0, 6), ("uplink", "success", 0, 7)], []),
        ([("listen", "signal", 9, 5), ("gate", "exit-code", 1, 6), ("uplink", "success", 0, 7)], ["listen signal 9"]),
        ([("listen", "exit-code", 1, 6), ("gate", "core-dump", 11, 5)], ["gate signal 11"]),
        ([("listen", "watchdog", 6, 5)], ["listen watchdog 6"]),
        ([("gate", "timeout", 9, 8), ("listen", "exit-code", 3, 5)], ["listen exit 3", "gate late 9"]),
        ([("gate", "exit-code", 1, 5)], ["gate exit 1"]),
        ([("gate", "oom-kill", 9, 5)], ["gate signal 9"]),
        ([("listen", "signal", 9, 5), ("gate", "exit-code", 1, 6), ("listen", "signal", 9, 5)], ["listen signal 9"]),
        ([("stranger", "signal", 9, 5)], []),
    ],
)
def test_the_first_that_ended_wrongly_is_a_cause(ends: list[tuple[str, str, int, int]], causes: list[str]) -> None:
    assert list(prepare.causes(shown(*ends))) == causes


def test_without_an_earlier_start_there_is_no_cause() -> None:
    assert list(prepare.causes("")) == []


RESOLV = "# made by hand\nnameserver 192.0.2.53\nsearch home\nnameserver 2001:db8::53\n"


@pytest.mark.parametrize(
    ("url", "named", "expected"),
    [
        ("wss://192.0.2.7:443/in", [], ["192.0.2.7"]),
        ("ws://[2001:db8::7]:80/in", [], ["2001:db8::7"]),
        ("ws://localhost:8765", [], ["127.0.0.1", "::1"]),
        ("tcp://192.0.2.9:10300", [], ["192.0.2.9"]),
        ("wss://speech.example/in", [], []),
        ("wss://speech.example/in", ["192.0.2.0/24"], ["192.0.2.0/24", "192.0.2.53", "2001:db8::53"]),
    ],
)
def test_the_uplink_reaches_its_service_and_no_more(url: str, named: list[str], expected: list[str]) -> None:
    assert prepare.addresses(Config(uplink=Uplink(url=url, addresses=named)), RESOLV) == expected


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """/proc/asound of a machine with two cards."""
    for number, name in ((0, "vc4hdmi"), (1, "Array")):
        (tmp_path / f"card{number}" / "pcm0p").mkdir(parents=True)
        (tmp_path / name).symlink_to(f"card{number}")
    for capture in ("pcm0c", "pcm2c"):
        (tmp_path / "card1" / capture).mkdir()
    return tmp_path


ARRAY = ["/dev/snd/controlC1", "/dev/snd/pcmC1D0c", "/dev/snd/pcmC1D2c"]


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("hw:CARD=Array,DEV=0", ARRAY), ("plughw:Array", ARRAY), ("USB Array: Audio (hw:1,0)", ARRAY),
        ("hw:CARD=vc4hdmi", ["/dev/snd/controlC0"]), ("hw:CARD=Gone", []), ("pulse", []), ("", []), ("3", []),
    ],
)  # fmt: skip
def test_listen_opens_its_card_and_no_other(cards: Path, device: str, expected: list[str]) -> None:
    assert prepare.sound_devices(device, cards) == expected


def test_each_process_finds_its_part(tmp_path: Path) -> None:
    (tmp_path / "settings").mkdir()
    (tmp_path / "ended").write_text(shown(("uplink", "signal", 9, 4)))
    evidence = config.Evidence(directory="/var/lib/wakeword/evidence", device_key="/etc/wakeword/device.key")
    given = Config(uplink=Uplink(url="ws://192.0.2.7/in"), evidence=evidence, source=Source(device="hw:CARD=Nowhere"))
    prepare.prepare(given, tmp_path)
    files = {path.name: path.read_text() for path in (tmp_path / "settings").iterdir()}
    assert set(files) == {"listen.json", "gate.json", "uplink.json", "meter.json", "narrow"}
    assert meter_from_json(files["meter.json"]).source == gate_from_json(files["gate.json"]).meter == "bpf"
    assert listen_from_json(files["listen.json"]).evidence == "/var/lib/wakeword/evidence"
    assert gate_from_json(files["gate.json"]).directory == "/var/lib/wakeword/evidence"
    assert tuple(gate_from_json(files["gate.json"]).ended) == ("uplink signal 9",)
    assert uplink_from_json(files["uplink.json"]).url == "ws://192.0.2.7/in"
    assert files["narrow"] == "address 192.0.2.7\n"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "settings").iterdir()} == {0o644}


def test_without_a_meter_the_uplinks_own_count_is_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "meter.json").write_text("of a start before")
    given = Config(uplink=Uplink(url="ws://192.0.2.7/in"), evidence=config.Evidence(meter=False))
    prepare.prepare(given, tmp_path)
    assert not (tmp_path / "settings" / "meter.json").exists()
    assert gate_from_json((tmp_path / "settings" / "gate.json").read_text()).meter == "own"


def test_a_status_process_is_started_where_somebody_is_to_be_told(tmp_path: Path) -> None:
    (tmp_path / "settings").mkdir()
    status = config.Status(events="/run/wakeword-status/events", journal=True)
    prepare.prepare(Config(uplink=Uplink(url="ws://192.0.2.7/in"), status=status), tmp_path)
    found = status_from_json((tmp_path / "settings" / "status.json").read_text())
    assert (found.events, found.metrics, found.journal) == ("/run/wakeword-status/events", "", True)
    prepare.prepare(Config(uplink=Uplink(url="ws://192.0.2.7/in")), tmp_path)
    assert not (tmp_path / "settings" / "status.json").exists()


def test_a_wrong_configuration_is_told_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAKEWORD_RUNTIME", str(tmp_path))
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "gate.json").write_text(json.dumps({"of": "before"}))
    wrong = tmp_path / "config.yaml"
    wrong.write_text("uplink:\n  url: ws://192.0.2.7\n  adresses: []\n")
    assert prepare.main(["--config", str(wrong)]) == 2
    assert "config.yaml:3: unknown key 'adresses' (nearest: addresses)" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "settings").iterdir()] == ["gate.json"]


@pytest.mark.parametrize(
    ("line", "code"), [("session: {cap_ms: 9000}", 0), ("words: [nobody]", 2), ("sesion: {cap_ms: 9000}", 2)]
)
def test_a_check_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, code: int
) -> None:
    monkeypatch.setenv("WAKEWORD_RUNTIME", str(tmp_path))
    given = tmp_path / "config.yaml"
    given.write_text(f"uplink: {{url: 'ws://192.0.2.7'}}\n{line}\n")
    assert prepare.main(["--config", str(given), "--check"]) == code
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    assert bool(capsys.readouterr().err) == (code != 0)
