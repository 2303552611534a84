"""What tests of MQTT share: a real mosquitto, and a client that writes down what it is told."""

from __future__ import annotations

import getpass
import queue
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

paho = pytest.importorskip("paho.mqtt.client", reason="needs the library paho-mqtt: pip install '.[mqtt]'")

HANG_S = 90  # a test that hangs fails after this
PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Told(NamedTuple):
    """One message."""

    topic: str
    payload: str
    retained: bool  # it lay there already


class Mosquitto:
    """A broker on the loopback, which can be killed and started again at the same port."""

    def __init__(self, folder: Path, *settings: str) -> None:
        if PROGRAM is None:
            pytest.skip("needs mosquitto: apt-get install mosquitto")
        self._folder, self._settings = folder, settings or ("allow_anonymous true",)
        self.log = folder / "mosquitto.log"
        for _ in range(20):  # another process may take a port that was free
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.port = free.getsockname()[1]
            if self.start():
                return
        raise AssertionError(self.log.read_text())

    def start(self) -> bool:
        """Whether it came up."""
        lines = [f"listener {self.port} 127.0.0.1", "log_dest stderr", "log_type all", f"user {getpass.getuser()}"]
        (self._folder / "mosquitto.conf").write_text("\n".join([*lines, *self._settings]) + "\n")
        with self.log.open("a") as log:
            self._process = subprocess.Popen([PROGRAM, "-c", str(self._folder / "mosquitto.conf")], stderr=log)
        while self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return True
        return False

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Listener:
    """Reads everything, in order."""

    def __init__(self, port: int, configure: Callable[[Any], object] = lambda client: None) -> None:
        self._told: queue.Queue[Told] = queue.Queue()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        configure(self._client)
        ready: queue.Queue[int] = queue.Queue()
        self._client.on_connect = lambda client, *rest: client.subscribe("#")
        self._client.on_subscribe = lambda *rest: ready.put(1)
        self._client.on_message = lambda client, data, message: self._told.put(
            Told(message.topic, message.payload.decode(), message.retain)
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        ready.get(timeout=HANG_S)

    def until(self, topic: str, payload: str) -> list[Told]:
        """All messages up to this one."""
        found: list[Told] = []
        while not found or (found[-1].topic, found[-1].payload) != (topic, payload):
            found.append(self._told.get(timeout=HANG_S))
        return found

    def publish(self, topic: str, payload: str) -> None:
        self._client.publish(topic, payload).wait_for_publish(HANG_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
