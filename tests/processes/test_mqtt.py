"""`wakeword mqtt` beside a real daemon and a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trustme
from broker import HANG_S, Listener, Mosquitto
from daemon import Daemon, Service

import wakeword
from wakeword.events import RATE_HZ

LOUD = str(Path(__file__).parent.parent / "models" / "loud")
ROOM = Path(wakeword.__file__).parent / "data" / "room.flac"
HERE = "wakeword/kitchen"


class Telling:
    """The process."""

    def __init__(self, broker: Mosquitto, events: Path, scheme: str = "mqtt", **environment: str) -> None:
        command = [sys.executable, "-m", "wakeword", "mqtt", "--broker", f"{scheme}://127.0.0.1:{broker.port}"]
        self.process = subprocess.Popen(
            [*command, "--name", "kitchen", "--events", str(events)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | environment,
        )  # fmt: skip

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()


@pytest.fixture
def telling(broker: Mosquitto, tmp_path: Path) -> Iterator[Telling]:
    running = Telling(broker, tmp_path / "events.sock")
    yield running
    running.process.kill()
    running.process.communicate()


def test_a_daemons_session_is_told_and_its_end(
    tmp_path: Path, room: np.ndarray, receiver: Service, listener: Listener, telling: Telling
) -> None:
    """The process was there before the daemon, and looks for it; the broker is told nothing of what was said."""
    recorded = tmp_path / "recorded.wav"
    soundfile.write(
        recorded, np.concatenate([np.zeros(4 * RATE_HZ, np.int16), room[7 * RATE_HZ : 13 * RATE_HZ]]), RATE_HZ
    )
    listener.until(f"{HERE}/availability", "offline")
    events = {"WAKEWORD_STATUS__EVENTS": str(tmp_path / "events.sock")}
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(recorded), environment=events) as daemon:
        begun = listener.until(f"{HERE}/session", "ON")
        ended = listener.until(f"{HERE}/session", "OFF")
        assert daemon.to_the_end() == 0
    gone = listener.until(f"{HERE}/availability", "offline")
    wakes = [json.loads(each.payload) for each in begun if each.topic == f"{HERE}/wake"]
    (said,) = daemon.of("listen", "wake")[:1]
    assert wakes[0] == {"event_type": "wake", **{name: said[name] for name in ("word", "stage1", "stage2")}}
    told = {each.topic.removeprefix(f"{HERE}/") for each in [*begun, *ended, *gone] if each.topic.startswith(HERE)}
    assert told == {"wake", "session", "state", "availability"}


def test_ended_in_order_it_takes_its_leave(listener: Listener, telling: Telling) -> None:
    listener.until(f"{HERE}/availability", "offline")
    status = Path(f"/proc/{telling.process.pid}/status").read_text()
    assert {"Seccomp:\t2", "NoNewPrivs:\t1"} <= set(status.splitlines())  # its walls
    telling.process.send_signal(signal.SIGTERM)
    assert telling.process.wait(HANG_S) == 0
    assert telling.line().endswith("connected, telling as wakeword/kitchen/…\n")
    assert telling.line() == ""


def test_killed_the_broker_says_that_it_is_offline(
    tmp_path: Path, receiver: Service, listener: Listener, telling: Telling
) -> None:
    listener.until(f"{HERE}/availability", "offline")
    events = {"WAKEWORD_STATUS__EVENTS": str(tmp_path / "events.sock")}
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--input", str(ROOM), environment=events):
        listener.until(f"{HERE}/availability", "online")
        telling.process.kill()
        listener.until(f"{HERE}/availability", "offline")


def test_without_a_broker_it_goes_on_trying_and_still_ends_when_asked(broker: Mosquitto, tmp_path: Path) -> None:
    broker.kill()
    telling = Telling(broker, tmp_path / "events.sock")
    assert telling.line().endswith("cannot connect, or not trusted; trying again\n")
    telling.process.send_signal(signal.SIGTERM)
    assert telling.process.wait(HANG_S) == 0
    telling.process.communicate()


def test_tls_trusts_the_systems_authorities_alone(tmp_path: Path) -> None:
    known, stranger = trustme.CA(), trustme.CA()
    for name, authority in (("known", known), ("stranger", stranger)):
        authority.cert_pem.write_to_path(str(tmp_path / f"{name}.pem"))
    certificate = known.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    files = (f"certfile {tmp_path / 'cert.pem'}", f"keyfile {tmp_path / 'key.pem'}")
    broker = Mosquitto(tmp_path, "allow_anonymous true", *files)
    for name, said in (("stranger", ": cannot connect, or not trusted; trying again\n"), ("known", ": connected, ")):
        trusted = {"SSL_CERT_FILE": str(tmp_path / f"{name}.pem"), "SSL_CERT_DIR": str(tmp_path / "none")}
        telling = Telling(broker, tmp_path / "events.sock", "mqtts", **trusted)
        assert said in telling.line()
        telling.process.kill()
        telling.process.communicate()
    broker.kill()


def test_what_cannot_be_is_refused_with_a_hint(tmp_path: Path) -> None:
    def ended(*options: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "wakeword", "mqtt", "--events", "x", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_S)
        return done.returncode, done.stderr

    assert ended("--broker", "here") == (
        2,
        "wakeword: not a broker: here (mqtt://HOST[:PORT] or mqtts://HOST[:PORT])\n",
    )
    code, said = ended("--broker", "mqtt://here", "--password-file", str(tmp_path / "none"))
    assert code == 2
    assert said.startswith(f"wakeword: {tmp_path / 'none'}: no password can be read")
