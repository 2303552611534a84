"""The daemon's events, told to an MQTT broker in the form that Home Assistant discovers. Nothing is subscribed to.

It is a client of the events socket like any other (`status/client.py`) and asks nothing there, so that whoever may
write to the broker has no way to the daemon. What is told: how it stands, whether a session is open, and each wake with
its word and both scores. No sound, no transcript, no level, no candidate. docs/status.md has the topics.

While the broker is away nothing is kept for it but how things stand: a wake that is told late is a wrong one.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from wakeword import __version__
from wakeword.errors import ConfigError
from wakeword.status.figures import Figures, Line

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_S = 30  # chosen: after one and a half times that a broker takes us for lost, and tells our last will
AGAIN_S = (1, 60)  # chosen: a broker that is away is tried again after so long, twice as long each time
NAME = re.compile(r"[a-z0-9_-]{1,40}")
STATES = ("listening", "muted", "held", "fault", "stopped")
Notify = Callable[[str], None]  # told in a line what a person should know


@dataclass(frozen=True, slots=True)
class Broker:
    """Where, and as whom."""

    url: str  # mqtt://HOST[:PORT], or mqtts:// with TLS and the system's authorities
    user: str = ""
    password: str = ""

    @property
    def address(self) -> tuple[str, int, bool]:
        """Host, port, TLS. Raises `ConfigError`."""
        try:
            parts = urlsplit(self.url)
            usual = PORTS[parts.scheme]
            port = parts.port or usual
        except (KeyError, ValueError) as error:
            raise ConfigError(f"not a broker: {self.url}", hint="mqtt://HOST[:PORT] or mqtts://HOST[:PORT]") from error
        if not parts.hostname or parts.username or parts.password or parts.path not in ("", "/"):
            raise ConfigError(f"not a broker: {self.url}", hint="mqtt://HOST[:PORT]; --user names the user")
        return parts.hostname, port, parts.scheme == "mqtts"


@dataclass(frozen=True, slots=True)
class Topics:
    """Where one daemon's events go. Raises `ConfigError` for a name that cannot stand in a topic."""

    name: str
    discovery: str = "homeassistant"  # Home Assistant's prefix; "" tells it nothing

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ConfigError(f"not a name: {self.name!r}", hint="1 to 40 of a-z, 0-9, _ and -")
        if not all(each.isprintable() and each not in "+# " for each in self.discovery):
            raise ConfigError(f"not a prefix of topics: {self.discovery!r}", hint="homeassistant")

    def of(self, what: str) -> str:
        """wakeword/NAME/WHAT."""
        return f"wakeword/{self.name}/{what}"

    def entities(self) -> dict[str, str]:
        """Topic -> JSON: what Home Assistant is to make of them; one device with three entities."""
        if not self.discovery:
            return {}
        device = {"identifiers": [f"wakeword_{self.name}"], "name": f"wakeword {self.name}", "sw_version": __version__}
        entities: dict[tuple[str, str], dict[str, Any]] = {  # Any: JSON
            ("event", "wake"): {"name": "Wake", "event_types": ["wake"], "icon": "mdi:account-voice"},
            ("binary_sensor", "session"): {"name": "Sending sound", "device_class": "running"},
            ("sensor", "state"): {"name": "State", "device_class": "enum", "options": list(STATES)},
        }
        return {
            f"{self.discovery}/{kind}/wakeword_{self.name}/{what}/config": _json(
                {
                    **entity, "unique_id": f"wakeword_{self.name}_{what}", "state_topic": self.of(what),
                    "availability_topic": self.of("availability"), "device": device,
                    "origin": {"name": "wakeword", "sw_version": __version__},
                }
            )
            for (kind, what), entity in entities.items()
        }  # fmt: skip


class Teller:
    """A context manager: a connection to the broker in a thread of its own, made again whenever it is lost."""

    def __init__(self, broker: Broker, topics: Topics, notify: Notify) -> None:
        """Raises `ConfigError`."""
        self._host, self._port, tls = broker.address
        self._url, self._topics, self._notify = broker.url, topics, notify
        self._figures = Figures()
        self._kept = topics.entities()  # topic -> payload that the broker is to retain
        self._lock = threading.Lock()  # what is kept and what was told last are the same in both threads
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"wakeword-{topics.name}")
        self._client.on_connect, self._client.on_disconnect = self._connected, self._lost
        self._client.on_connect_fail = self._failed
        self._client.will_set(topics.of("availability"), "offline", retain=True)
        self._client.reconnect_delay_set(*AGAIN_S)
        if broker.user:
            self._client.username_pw_set(broker.user, broker.password)
        if tls:
            self._client.tls_set()

    def __enter__(self) -> Teller:
        self.gone()
        self._client.connect_async(self._host, self._port, KEEPALIVE_S)
        self._client.loop_start()
        return self

    def __exit__(self, *error: object) -> None:
        self.gone()
        self._client.disconnect()
        self._client.loop_stop()

    def take(self, line: Line) -> None:
        """A line of the events socket."""
        self._figures.take(line)
        session = "OFF" if self._figures.session is None else "ON"
        self._keep({"state": _state(self._figures), "session": session, "availability": "online"})
        if (line.get("from"), line.get("event")) == ("listen", "wake"):
            scores = {stage: line.get(stage) for stage in ("stage1", "stage2")}
            self._say(self._topics.of("wake"), _json({"event_type": "wake", "word": line.get("word"), **scores}))

    def gone(self) -> None:
        """The daemon has ended, or is not there yet."""
        self._figures = Figures()
        self._keep({"session": "OFF", "state": "stopped", "availability": "offline"})

    def _keep(self, told: dict[str, str]) -> None:
        for what, payload in told.items():
            topic = self._topics.of(what)
            with self._lock:
                if self._kept.get(topic) != payload:
                    self._kept[topic] = payload
                    self._say(topic, payload, retain=True)

    def _say(self, topic: str, payload: str, *, retain: bool = False) -> None:
        if self._client.is_connected():
            self._client.publish(topic, payload, retain=retain)

    def _connected(
        self, _: Client, __: object, flags: ConnectFlags, reason: ReasonCode, ___: Properties | None
    ) -> None:
        if reason.is_failure:
            self._notify(f"{self._url} refuses: {reason}")
            return
        self._notify(f"{self._url}: connected, telling as {self._topics.of('…')}")
        with self._lock:
            for topic, payload in self._kept.items():
                self._client.publish(topic, payload, retain=True)

    def _lost(self, _: Client, __: object, flags: DisconnectFlags, reason: ReasonCode, ___: Properties | None) -> None:
        if reason.is_failure:
            self._notify(f"{self._url}: lost: {reason}; trying again")

    def _failed(self, _: Client, __: object) -> None:
        self._notify(f"{self._url}: cannot connect, or not trusted; trying again")


def _state(figures: Figures) -> str:
    if figures.fault:
        return "fault"
    if figures.muted:
        return "muted"
    if figures.held:
        return "held"
    return "listening" if figures.listening else "stopped"


def _json(content: dict[str, Any]) -> str:  # Any: JSON
    return json.dumps(content, separators=(",", ":"))
