"""What a broker is told of status lines. The broker is a real one."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
from pathlib import Path

import pytest
from broker import HANG_S, Listener, Mosquitto

from wakeword.errors import ConfigError
from wakeword.mqtt import Broker, Teller, Topics

HERE = "wakeword/kitchen"
LISTENING = {"from": "listen", "event": "listening"}
WAKE = {"from": "listen", "event": "wake", "word": "jarvis", "start_s": 1.0, "stage1": 0.98, "stage2": 0.91}
OPEN = {"from": "gate", "event": "open", "sid": 1}
CLOSE = {"from": "gate", "event": "close", "sid": 1, "bytes": 32_000, "ms": 1_000, "why": "end"}
SAID = json.dumps({"event_type": "wake", "word": "jarvis", "stage1": 0.98, "stage2": 0.91}, separators=(",", ":"))


def teller(port: int, notify: queue.Queue[str] | None = None, **more: str) -> Teller:
    at = Broker(f"mqtt://127.0.0.1:{port}", more.pop("user", ""), more.pop("password", ""))
    return Teller(at, Topics("kitchen", **more), (notify or queue.Queue()).put)


def told(of: list[tuple[str, str, bool]], what: str) -> list[str]:
    return [payload for topic, payload, _ in of if topic == f"{HERE}/{what}"]


def test_wakes_sessions_and_how_it_stands_are_told_in_order_and_nothing_else(
    broker: Mosquitto, listener: Listener
) -> None:
    with teller(broker.port, discovery="") as telling:
        first = listener.until(f"{HERE}/availability", "offline")
        others = [
            {"from": "listen", "event": "level", "at_s": 2.0, "dbfs": -20.0, "scores": {"jarvis": {"stage1": 0.1}}},
            {"from": "listen", "event": "candidate", "word": "jarvis", "stage1": 0.9},
            {"from": "listen", "event": "reject", "word": "jarvis", "stage1": 0.9, "stage2": 0.1},
            {"from": "uplink", "event": "transcript", "sid": 1, "text": "call my mother"},
        ]
        for line in (LISTENING, WAKE, OPEN, *others, CLOSE):
            telling.take(line)
        found = listener.until(f"{HERE}/session", "OFF")
    assert [payload for _, payload, _ in first] == ["OFF", "stopped", "offline"]
    assert [(topic.removeprefix(f"{HERE}/"), payload) for topic, payload, _ in found] == [
        ("state", "listening"), ("availability", "online"), ("wake", SAID), ("session", "ON"), ("session", "OFF")
    ]  # fmt: skip


@pytest.mark.parametrize(("lines", "state"), [
    ([LISTENING, {"from": "listen", "event": "mute", "on": True}], "muted"),
    ([LISTENING, {"from": "listen", "event": "hold", "on": True}], "held"),
    ([LISTENING, {"from": "listen", "event": "fault", "what": "unplugged", "code": "unplugged"}], "fault"),
    ([LISTENING, {"from": "run", "event": "ended", "process": "gate", "code": 74}], "stopped"),
])  # fmt: skip
def test_how_it_stands(broker: Mosquitto, listener: Listener, lines: list[dict[str, object]], state: str) -> None:
    with teller(broker.port) as telling:
        listener.until(f"{HERE}/availability", "offline")
        for line in lines:
            telling.take(line)
        assert told(listener.until(f"{HERE}/state", state), "state") == ["listening", state]


def test_who_comes_later_finds_how_it_stands_but_no_wake(broker: Mosquitto, listener: Listener) -> None:
    with teller(broker.port) as telling:
        listener.until(f"{HERE}/availability", "offline")
        for line in (LISTENING, WAKE, OPEN):
            telling.take(line)
        listener.until(f"{HERE}/session", "ON")
        late = Listener(broker.port)
        telling.take(CLOSE)
        found = late.until(f"{HERE}/session", "OFF")
        late.close()
    retained = {each.topic.removeprefix(f"{HERE}/"): each.payload for each in found if each.retained}
    assert {what: payload for what, payload in retained.items() if not what.endswith("/config")} == {
        "availability": "online", "session": "ON", "state": "listening"
    }  # fmt: skip
    assert told(found, "wake") == []


def test_home_assistant_is_told_of_a_device_with_three_entities(broker: Mosquitto, listener: Listener) -> None:
    with teller(broker.port) as telling:
        telling.take(LISTENING)
        found = listener.until(f"{HERE}/availability", "online")
    configurations = {topic: json.loads(payload) for topic, payload, _ in found if topic.endswith("/config")}
    assert set(configurations) == {
        f"homeassistant/{kind}/wakeword_kitchen/{what}/config"
        for kind, what in (("event", "wake"), ("binary_sensor", "session"), ("sensor", "state"))
    }
    for topic, entity in configurations.items():
        what = topic.split("/")[-2]
        assert (entity["state_topic"], entity["availability_topic"]) == (f"{HERE}/{what}", f"{HERE}/availability")
        assert entity["device"]["identifiers"] == ["wakeword_kitchen"]
    assert len({entity["unique_id"] for entity in configurations.values()}) == 3
    assert configurations["homeassistant/event/wakeword_kitchen/wake/config"]["event_types"] == ["wake"]


def test_after_the_broker_was_away_it_is_told_how_things_stand_and_no_wake_of_meanwhile(broker: Mosquitto) -> None:
    notes: queue.Queue[str] = queue.Queue()
    with teller(broker.port, notes) as telling:
        telling.take(LISTENING)
        assert notes.get(timeout=HANG_S).endswith("connected, telling as wakeword/kitchen/…")
        broker.kill()
        assert "lost" in notes.get(timeout=HANG_S)
        for line in (WAKE, OPEN):
            telling.take(line)
        assert broker.start()
        while not notes.get(timeout=HANG_S).endswith("connected, telling as wakeword/kitchen/…"):
            pass
        listener = Listener(broker.port)
        telling.take(CLOSE)
        found = listener.until(f"{HERE}/session", "OFF")
        listener.close()
    assert told(found, "session")[-2:] == ["ON", "OFF"]
    assert told(found, "wake") == []


def test_nothing_is_subscribed_to(broker: Mosquitto, listener: Listener) -> None:
    """Whoever writes to the broker has no way to the daemon."""
    with teller(broker.port) as telling:
        listener.publish("homeassistant/status", "online")
        telling.take(LISTENING)
        listener.until(f"{HERE}/availability", "online")
    log = broker.log.read_text()
    assert "wakeword-kitchen" in log
    assert [line for line in log.splitlines() if "SUBSCRIBE from wakeword-kitchen" in line] == []


def test_a_broker_that_refuses_is_named(tmp_path: Path) -> None:
    notes: queue.Queue[str] = queue.Queue()
    passwords = tmp_path / "passwords"
    if not shutil.which("mosquitto_passwd"):
        pytest.skip("needs mosquitto_passwd: apt-get install mosquitto")
    subprocess.run(["mosquitto_passwd", "-c", "-b", str(passwords), "speaker", "secret"], check=True)
    broker = Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}")
    with teller(broker.port, notes, user="speaker", password="guess"):
        assert notes.get(timeout=HANG_S) == f"mqtt://127.0.0.1:{broker.port} refuses: Not authorized"
    with teller(broker.port, notes, user="speaker", password="secret"):
        while "connected" not in (note := notes.get(timeout=HANG_S)):
            assert "refuses" in note or "lost" in note  # of the one before
    broker.kill()


@pytest.mark.parametrize(
    "url",
    [
        "homeassistant.local",
        "http://a",
        "http://a:80",
        "mqtt://",
        "mqtt://a:99999",
        "mqtt://user:secret@a",
        "mqtt://a/topic",
    ],
)
def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not a broker"):
        Teller(Broker(url), Topics("kitchen"), print)


@pytest.mark.parametrize("name", ["", "a/b", "#", "+", "Küche", "x" * 41])
def test_a_name_that_cannot_stand_in_a_topic_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="not a name"):
        Topics(name)
    with pytest.raises(ConfigError, match="not a prefix"):
        Topics("kitchen", "a/#")
