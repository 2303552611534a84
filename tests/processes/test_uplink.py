"""The uplink as a process: real pipes where the gate would be, real WebSocket servers on the loopback."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.sync.server import Server, ServerConnection, serve

from wakeword.messages import UPLINK_TO_GATE, Close, FrameReader, Message, Open, Stop, Upload, encode
from wakeword.settings import UplinkSettings, to_json

HANG_S = 30  # nothing here takes a second; a test that hangs fails after this
CERTIFICATE = "wakegate-key/v1\nexample/1\n\n— example/1/device AAAA\n"
CHECKPOINT = "example/1\n8\nAAAA\n\n— example/1 BBBB\n"


def opened(session: int = 1, *, window_bytes: int = 4_096, cap_bytes: int = 480_000, cap_ms: int = 15_000) -> Open:
    return Open(session, bytes(range(16)), window_bytes, cap_bytes, cap_ms, CERTIFICATE, CHECKPOINT)


def pcm(count: int, seed: int = 1) -> bytes:
    """`count` bytes that no shift, repetition or loss leaves unchanged."""
    return bytes((seed + i * 7 + (i >> 8) * 13) % 256 for i in range(count))


class Gate:
    """The uplink's process, seen from the gate's and the supervisor's ends of its pipes."""

    def __init__(
        self, url: str, environment: dict[str, str] | None = None, under: tuple[str, ...] = (), **settings: object
    ) -> None:
        self._from_gate, self._send = os.pipe()
        self._stops, self._to_gate = os.pipe()
        self._status, status = os.pipe()
        given = UplinkSettings(url, "computer,jarvis", self._from_gate, self._to_gate, **{"status": status, **settings})
        fds = (self._from_gate, self._to_gate, status)
        command = [*under, sys.executable, "-m", "wakeword.uplink", to_json(given)]
        self.process = subprocess.Popen(
            command, pass_fds=fds, env={**os.environ, **(environment or {})}, stderr=subprocess.PIPE, text=True
        )
        for descriptor in fds:
            os.close(descriptor)
        self._held = b""
        self._heard: list[Message] = []
        self._reader = FrameReader(UPLINK_TO_GATE)

    def write(self, frames: bytes) -> None:
        """As the gate does: everything must fit within a bounded time, whatever the network does."""
        os.set_blocking(self._send, False)
        rest = memoryview(frames)
        while rest:
            assert select.select([], [self._send], [], HANG_S)[1], "the uplink does not drain the gate's pipe"
            rest = rest[os.write(self._send, rest) :]

    def send(self, *messages: Message) -> None:
        self.write(b"".join(encode(message) for message in messages))

    def session(self, opened: Open, audio: bytes) -> None:
        """A whole session in the gate's frames."""
        pieces = [Upload(audio[at : at + 2_560]) for at in range(0, len(audio), 2_560)]
        self.send(opened, *pieces, Close(opened.session_id, len(audio)))

    def status(self, event: str) -> dict[str, Any]:
        """The next status line of that event."""
        while True:
            line, newline, rest = self._held.partition(b"\n")
            if newline:
                self._held = rest
                said: dict[str, Any] = json.loads(line)
                assert said["from"] == "uplink"
                if said["event"] == event:
                    return said
                continue
            self._held += self._read(self._status)

    def stop_frame(self) -> Message:
        """The next message of the uplink to the gate that is no notice."""
        return self.told(Stop)

    def told(self, kind: type[Message]) -> Message:
        """The next message of this type of the uplink to the gate; others before it are passed over."""
        while True:
            while self._heard:
                if isinstance(message := self._heard.pop(0), kind):
                    return message
            self._heard += self._reader.push(self._read(self._stops))

    @staticmethod
    def _read(descriptor: int) -> bytes:
        assert select.select([descriptor], [], [], HANG_S)[0], "nothing came"
        received = os.read(descriptor, 65_536)
        assert received, "the uplink has ended"
        return received

    def leave(self) -> int:
        """The gate ends; returns the uplink's exit code."""
        if self._send >= 0:
            os.close(self._send)
            self._send = -1
        return self.process.wait(HANG_S)

    def deaf(self) -> None:
        """The gate's end of the uplink's pipe is gone."""
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, self._stops)
        os.close(nowhere)

    def fill_status(self) -> None:
        """Somebody else's lines that nobody reads: the pipe is full."""
        writer = os.open(f"/proc/self/fd/{self._status}", os.O_WRONLY | os.O_NONBLOCK)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 512)
        os.close(writer)

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def close(self) -> None:
        if self._send >= 0:
            os.close(self._send)
        os.close(self._stops)
        os.close(self._status)
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@contextmanager
def gate(url: str, environment: dict[str, str] | None = None, **settings: object) -> Iterator[Gate]:
    running = Gate(url, environment, **settings)
    try:
        yield running
    finally:
        running.close()


@dataclass
class Heard:
    """What one connection brought."""

    messages: list[str | bytes] = field(default_factory=list)
    authorization: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def audio(self) -> bytes:
        return b"".join(message for message in self.messages if isinstance(message, bytes))

    def told(self, kind: str) -> dict[str, Any]:
        texts = [json.loads(message) for message in self.messages if isinstance(message, str)]
        (found,) = (text for text in texts if text["type"] == kind)
        return dict(found)

    def wait(self) -> Heard:
        assert self.ended.wait(HANG_S), "the session never ended"
        return self


class Service:
    """A scripted service: `behave` runs at each session's start message, then everything is recorded to its end."""

    def __init__(self, behave: Callable[[ServerConnection], None] | None, port: int, **options: object) -> None:
        self.sessions: list[Heard] = []
        self._arrived = threading.Condition()
        self._behave = behave
        self._server: Server = serve(self._handle, "127.0.0.1", port, compression=None, **options)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.port: int = self._server.socket.getsockname()[1]

    def _handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        heard = Heard(authorization=connection.request.headers.get("Authorization", ""))
        with self._arrived:
            self.sessions.append(heard)
            self._arrived.notify_all()
        try:
            heard.messages.append(connection.recv())
            if self._behave:
                self._behave(connection)
            for message in connection:
                heard.messages.append(message)
                if isinstance(message, str) and json.loads(message)["type"] == "end":
                    break
        except ConnectionClosed:
            pass
        finally:
            heard.ended.set()

    def heard(self, number: int = 0) -> Heard:
        """The session of that number, once it is over."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.sessions) > number, HANG_S), "nobody connected"
        return self.sessions[number].wait()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


@contextmanager
def service(
    behave: Callable[[ServerConnection], None] | None = None, port: int = 0, **options: object
) -> Iterator[Service]:
    running = Service(behave, port, **options)
    try:
        yield running
    finally:
        running.close()


def url(running: Service) -> str:
    return f"ws://127.0.0.1:{running.port}/listen"


def test_a_session_arrives_byte_for_byte() -> None:
    audio = pcm(176_000)
    with service() as receiver, gate(url(receiver), header={"room": "kitchen"}) as uplink:
        uplink.session(opened(3, window_bytes=48_000), audio)
        heard = receiver.heard()
        assert heard.audio == audio
        assert heard.told("start") == {
            "type": "start",
            "version": 1,
            "session": 3,
            "word": "computer,jarvis",
            "format": "s16le",
            "rate": 16_000,
            "channels": 1,
            "preroll_samples": 24_000,
            "cap_bytes": 480_000,
            "cap_ms": 15_000,
            "salt": "000102030405060708090a0b0c0d0e0f",
            "certificate": CERTIFICATE,
            "checkpoint": CHECKPOINT,
            "base": 0,
            "proof": [],
            "labels": {"room": "kitchen"},
        }
        assert heard.told("end") == {"type": "end", "bytes": 176_000}
        assert heard.messages[0] == json.dumps(heard.told("start")), "the start message comes first"
        assert uplink.status("connected")["sid"] == 3
        assert uplink.status("sent") == {
            "from": "uplink", "event": "sent", "sid": 3, "bytes": 176_000, "confirmed": False,
            "ms": pytest.approx(0, abs=1e6),
        }  # fmt: skip
        assert uplink.leave() == 0


def test_nothing_connects_outside_a_session() -> None:
    with service() as receiver:
        with gate(url(receiver)) as uplink:
            assert uplink.leave() == 0
        assert receiver.sessions == []
        with gate(url(receiver)) as uplink:
            uplink.session(opened(), pcm(9_000))
            receiver.heard()
            uplink.status("sent")
            assert uplink.leave() == 0
        assert len(receiver.sessions) == 1


def test_a_gate_that_ended_before_the_uplink_began_is_an_orderly_end() -> None:
    with gate("ws://127.0.0.1:9") as uplink:
        uplink.deaf()
        assert uplink.leave() == 0
        assert uplink.errors() == ""


def test_no_internet_socket_before_an_open(tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    under = ("strace", "-f", "-qq", "-e", "trace=%network", "-o", str(trace))
    with service() as receiver, gate("ws://service.invalid/", under=under) as uplink:
        assert uplink.leave() == 0
        assert "AF_INET" not in trace.read_text()
        assert receiver.sessions == []
    with service() as receiver, gate(url(receiver), under=under) as uplink:  # and the trace would have shown one
        uplink.session(opened(), pcm(9_000))
        receiver.heard()
        assert uplink.leave() == 0
        assert "AF_INET" in trace.read_text()


def test_stop_of_the_service_reaches_the_gate_and_what_the_gate_still_passes_arrives() -> None:
    audio = pcm(60_000)
    with service(lambda connection: connection.send('{"type": "stop"}')) as receiver, gate(url(receiver)) as uplink:
        uplink.send(opened(7), Upload(audio[:4_000]))
        assert uplink.stop_frame() == Stop(7)
        assert uplink.status("stop")["sid"] == 7
        uplink.send(*(Upload(audio[at : at + 4_000]) for at in range(4_000, 60_000, 4_000)), Close(7, 60_000))
        assert receiver.heard().audio == audio


def test_transcripts_and_confirmation_are_passed_on_without_control_characters() -> None:
    def answer(connection: ServerConnection) -> None:
        connection.send(json.dumps({"type": "transcript", "text": "what\x1b[2J time\nis it\u202e", "final": True}))
        connection.send(json.dumps({"type": "received", "bytes": 9_000}))
        connection.send(json.dumps({"type": "receipt", "cosignature": "— witness.example/service AAAA"}))

    with service(answer) as receiver, gate(url(receiver)) as uplink:
        uplink.session(opened(), pcm(9_000))
        said = uplink.status("transcript")
        assert (said["text"], said["final"]) == ("what [2J time is it", True)
        assert uplink.status("receipt")["cosignature"] == "— witness.example/service AAAA"
        assert uplink.status("sent")["confirmed"] is True


GARBAGE = [
    b"\x00\xff\xfe" * 100,
    "",
    "not json",
    "[" * 16_000,
    "9" * 16_000,
    '{"type": null}',
    '{"type": ["stop"]}',
    '{"type": "stop-not"}',
    '{"type": "transcript", "text": 7}',
    '{"type": "transcript"}',
    '{"type": "received", "bytes": true}',
    '{"type": "received", "bytes": -1}',
    '{"type": "received", "bytes": 1e400}',
    '"stop"',
    "\ud7ff\u0000",
]


def test_garbage_is_ignored() -> None:
    def babble(connection: ServerConnection) -> None:
        for message in GARBAGE:
            connection.send(message)

    audio = pcm(20_000)
    with service(babble) as receiver, gate(url(receiver)) as uplink:
        uplink.session(opened(), audio)
        assert receiver.heard().audio == audio
        assert uplink.status("sent")["bytes"] == 20_000
        assert uplink.leave() == 0
        assert uplink.errors() == ""


@pytest.mark.parametrize(
    ("say", "reason"),
    [
        (lambda connection: connection.send("x" * 2_000_000), "1009"),
        (lambda connection: [connection.send("{}") for _ in range(1_100)], "more than 1000 messages"),
        (lambda connection: connection.close(1011, "disk full"), "disk full"),
        (lambda connection: connection.socket.shutdown(socket.SHUT_RDWR), "broke"),
    ],
    ids=["huge", "flood", "closes", "vanishes"],
)
def test_a_hostile_service_ends_its_session_and_no_more(say: Callable[[ServerConnection], object], reason: str) -> None:
    def once(connection: ServerConnection) -> None:
        if len(receiver.sessions) == 1:
            say(connection)

    with service(once) as receiver, gate(url(receiver)) as uplink:
        uplink.send(opened(1), Upload(pcm(4_096)))
        assert reason in uplink.status("error")["what"]
        assert uplink.stop_frame() == Stop(1)
        uplink.send(Upload(pcm(4_096)), Close(1, 8_192))
        uplink.session(opened(2), pcm(12_000))
        assert receiver.heard(1).audio == pcm(12_000)
        assert uplink.leave() == 0


def test_a_service_that_is_down_stops_the_session_and_the_next_one_works() -> None:
    with service() as receiver:
        port = receiver.port
    with gate(f"ws://127.0.0.1:{port}/listen") as uplink:
        uplink.send(opened(1), Upload(pcm(4_096)))
        assert "cannot connect" in uplink.status("error")["what"]
        assert uplink.stop_frame() == Stop(1)
        uplink.send(*[Upload(pcm(4_096))] * 100, Close(1, 101 * 4_096))
        with service(port=port) as receiver:
            uplink.session(opened(2), pcm(9_000))
            assert receiver.heard().audio == pcm(9_000)
        assert uplink.leave() == 0


def test_a_service_that_reads_slowly_never_holds_up_the_gate() -> None:
    go = threading.Event()
    audio = pcm(480_000)
    with service(lambda connection: go.wait(HANG_S)) as receiver, gate(url(receiver)) as uplink:
        uplink.session(opened(1), audio)  # far more than pipe and socket hold; `write` fails if it is not taken
        uplink.session(opened(2), audio[:100_000])
        go.set()
        assert {len(receiver.heard(0).audio), len(receiver.heard(1).audio)} == {480_000, 100_000}
        assert audio in (receiver.heard(0).audio, receiver.heard(1).audio)


def test_a_third_session_gives_up_the_oldest() -> None:
    go = threading.Event()
    with service(lambda connection: go.wait(HANG_S)) as receiver, gate(url(receiver)) as uplink:
        for session in (1, 2, 3):
            uplink.session(opened(session), pcm(480_000, seed=session))
        said = uplink.status("error")
        assert (said["sid"], "given up" in said["what"]) == (1, True)
        go.set()
        assert {uplink.status("sent")["sid"], uplink.status("sent")["sid"]} == {2, 3}


WALLED = """
import errno, socket, ssl, sys
from pathlib import Path
from wakeword.settings import UplinkSettings
from wakeword.uplink import build_walls

secret, folder = Path(sys.argv[1]), Path(sys.argv[1]).parent
secret.read_text()
tried = build_walls(UplinkSettings("ws://127.0.0.1", "w", -1, -1, evidence=str(folder)))
print([name for name, code in tried.items() if code == -1])
for what, act in {
    "read": lambda: secret.read_text(),
    "write": lambda: secret.open("a"),
    "make": lambda: (folder / "new").open("x"),
    "list": lambda: list(folder.iterdir()),
    "device": lambda: open("/dev/null", "r+b"),
    "remove": lambda: secret.unlink(),
}.items():
    try:
        act()
    except PermissionError as error:
        print(what, errno.errorcode[error.errno])
socket.getaddrinfo("localhost", 80)
ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_default_certs()
import sqlite3, encodings.idna
print("python, names and certificates still work")
"""


def test_no_file_can_be_written_and_none_read_that_it_does_not_need(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("evidence")
    done = subprocess.run([sys.executable, "-c", WALLED, str(secret)], capture_output=True, text=True, check=True)
    refused = [f"{what} EACCES" for what in ("read", "write", "make", "list", "device", "remove")]
    assert done.stdout.splitlines() == ["['inet', 'inet6']", *refused, "python, names and certificates still work"]


def test_the_wall_stands_before_the_first_connection(tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    under = ("strace", "-f", "-qq", "-e", "trace=landlock_restrict_self,connect", "-o", str(trace))
    with service() as receiver, gate(url(receiver), under=under) as uplink:
        uplink.session(opened(), pcm(9_000))
        receiver.heard()
        assert uplink.leave() == 0
    calls = trace.read_text()
    assert 0 <= calls.index("landlock_restrict_self") < calls.index("connect(")


def test_status_that_nobody_reads_holds_up_nobody() -> None:
    with service() as receiver, gate(url(receiver)) as uplink:
        uplink.fill_status()
        uplink.session(opened(), pcm(100_000))
        assert receiver.heard().audio == pcm(100_000)
        assert uplink.leave() == 0


@pytest.mark.parametrize(
    "frames",
    [
        encode(Upload(b"\0\0")),
        encode(Close(1, 0)),
        encode(opened(1)) + encode(opened(2)),
        encode(opened(1)) + encode(Upload(b"\0\0")) + encode(Close(1, 4)),
        encode(opened(1)) + encode(Upload(b"\0\0")) + encode(Close(2, 2)),
        encode(opened(1, cap_bytes=4)) + encode(Upload(b"\0\0\0\0")) + encode(Upload(b"\0\0")),
        encode(Stop(1)),
        b"\x99" * 8,
        encode(opened(1))[:-1],
    ],
    ids=["audio first", "close first", "two opens", "count", "session", "cap", "not for it", "unknown", "cut short"],
)
def test_a_gate_that_breaks_its_promise_is_not_followed(frames: bytes) -> None:
    with service() as receiver, gate(url(receiver)) as uplink:
        uplink.write(frames)
        assert uplink.leave() == 1
        assert uplink.errors().startswith("wakeword.uplink: ")
        assert all("end" not in str(message)[:20] for heard in receiver.sessions for message in heard.wait().messages)


def test_a_session_that_the_gate_never_closed_has_no_end() -> None:
    arrived = threading.Event()
    with service(lambda connection: arrived.set()) as receiver, gate(url(receiver)) as uplink:
        uplink.send(opened(), Upload(pcm(4_096)))
        assert arrived.wait(HANG_S)
        assert uplink.leave() == 0
        assert not any(isinstance(message, str) for message in receiver.heard().messages[1:])


def test_a_closed_session_is_still_delivered_when_the_gate_ends() -> None:
    go = threading.Event()
    with service(lambda connection: go.wait(HANG_S)) as receiver, gate(url(receiver)) as uplink:
        uplink.session(opened(), pcm(300_000))
        os.close(uplink._send)
        uplink._send = -1
        go.set()
        assert receiver.heard().audio == pcm(300_000)
        assert uplink.process.wait(HANG_S) == 0


def test_ctrl_c_in_the_terminal_is_left_to_the_supervisor() -> None:
    with service() as receiver, gate(url(receiver)) as uplink:
        uplink.session(opened(1), pcm(9_000))
        receiver.heard(0)
        uplink.process.send_signal(signal.SIGINT)
        uplink.session(opened(2), pcm(10_000))
        assert receiver.heard(1).audio == pcm(10_000)
        assert uplink.leave() == 0


def test_a_redirect_is_not_followed() -> None:
    elsewhere = "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n"
    with service() as trap, socket.create_server(("127.0.0.1", 0)) as hub:
        with gate(f"ws://127.0.0.1:{hub.getsockname()[1]}/") as uplink:
            uplink.send(opened(), Upload(pcm(4_096)))
            connection, _ = hub.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(elsewhere.format(trap.port).encode())
                assert "HTTP 302" in uplink.status("error")["what"]
            assert uplink.leave() == 0
        assert trap.sessions == []


def test_proxies_of_the_environment_do_not_divert() -> None:
    with service() as receiver, socket.create_server(("127.0.0.1", 0)) as trap:
        proxy = f"http://127.0.0.1:{trap.getsockname()[1]}"
        names = ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        with gate(url(receiver), environment=dict.fromkeys(names, proxy)) as uplink:
            uplink.session(opened(), pcm(9_000))
            assert receiver.heard().audio == pcm(9_000)
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_something_else_that_listens_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hub, gate(f"ws://127.0.0.1:{hub.getsockname()[1]}/") as uplink:
        uplink.send(opened(), Upload(pcm(4_096)))
        connection, _ = hub.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
            connection.shutdown(socket.SHUT_WR)
            assert "not a WebSocket service" in uplink.status("error")["what"]


def test_a_service_that_never_answers_the_handshake_is_given_up() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as hub,
        gate(f"ws://127.0.0.1:{hub.getsockname()[1]}/", connect_timeout_ms=100) as uplink,
    ):
        uplink.send(opened(), Upload(pcm(4_096)))
        assert "no connection within 0.1 s" in uplink.status("error")["what"]
        assert uplink.stop_frame() == Stop(1)


def test_the_token_is_sent_and_a_refusal_is_explained(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret-word\n")
    with service() as receiver, gate(url(receiver), token_file=str(token)) as uplink:
        uplink.session(opened(), pcm(9_000))
        assert receiver.heard().authorization == "Bearer s3cret-word"
    refusing = {"process_request": lambda connection, request: connection.respond(401, "no\n")}
    with service(**refusing) as receiver, gate(url(receiver), token_file=str(token)) as uplink:
        uplink.session(opened(), pcm(9_000))
        what = uplink.status("error")["what"]
        assert "HTTP 401 (is the token right?)" in what
        assert "s3cret" not in what


@pytest.mark.parametrize(
    ("address", "token", "message"),
    [
        ("http://127.0.0.1:1/", None, "not a WebSocket address"),
        ("ws://", None, "not a WebSocket address"),
        ("ws://hub.example/", "word", "use wss://"),
        ("wss://hub.example/", "", "one word"),
        ("wss://hub.example/", "two words", "one word"),
        ("wss://hub.example/", "w\x00rd", "one word"),
        ("wss://hub.example/", "wört", "cannot read the token"),
        ("wss://hub.example/", "x" * 5_000, "one word"),
    ],
)
def test_wrong_settings_end_with_2(tmp_path: Path, address: str, token: str | None, message: str) -> None:
    path = tmp_path / "token"
    if token is not None:
        path.write_text(token)
    with gate(address, token_file="" if token is None else str(path)) as uplink:
        assert uplink.process.wait(HANG_S) == 2
        said = uplink.errors()
        assert message in said
        assert "Traceback" not in said


@pytest.mark.parametrize("setting", ["token_file", "ca_file"])
def test_a_missing_credential_file_ends_with_2(tmp_path: Path, setting: str) -> None:
    missing = str(tmp_path / "nothing")
    with gate("wss://hub.example/", **{setting: missing}) as uplink:
        assert uplink.process.wait(HANG_S) == 2
        assert missing in uplink.errors()


@pytest.mark.parametrize("given", [[], ["{}"], ["no json"], ["[]"], ['{"url": 1, "nonsense": 2}']])
def test_settings_that_are_none_end_with_2(given: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wakeword.uplink", *given], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("wakeword.uplink: not settings")
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_tls_by_the_given_authority(authority: trustme.CA, ca_file: str) -> None:
    with (
        service(ssl=tls(authority, "127.0.0.1")) as receiver,
        gate(f"wss://127.0.0.1:{receiver.port}/", ca_file=ca_file) as uplink,
    ):
        uplink.session(opened(), pcm(176_000))
        assert receiver.heard().audio == pcm(176_000)
        assert uplink.status("sent")["bytes"] == 176_000


@pytest.mark.parametrize("case", ["another authority", "the system's authorities", "another name"])
def test_tls_that_does_not_verify_sends_nothing(authority: trustme.CA, ca_file: str, case: str) -> None:
    issuer = trustme.CA() if case == "another authority" else authority
    name = "hub.example" if case == "another name" else "127.0.0.1"
    trusted = "" if case == "the system's authorities" else ca_file
    with service(ssl=tls(issuer, name)) as receiver:
        with gate(f"wss://127.0.0.1:{receiver.port}/", ca_file=trusted) as uplink:
            uplink.send(opened(), Upload(pcm(4_096)))
            assert "not trusted" in uplink.status("error")["what"]
            assert uplink.stop_frame() == Stop(1)
        assert receiver.sessions == []


def test_a_service_with_a_pinned_key_is_served_and_one_without_learns_nothing(
    authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    """Both are certified by the trusted authority. The refusal names the key, which may be pinned next time."""
    certificate = authority.issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    token = tmp_path / "token"
    token.write_text("secret")
    asked: list[str] = []

    def remember(_: ServerConnection, request: Request) -> None:
        asked.append(request.headers["Authorization"])

    with service(ssl=context, process_request=remember) as receiver:
        address, settings = f"wss://127.0.0.1:{receiver.port}/", {"ca_file": ca_file, "token_file": str(token)}
        with gate(address, pins=["sha256//" + "A" * 43 + "="], **settings) as uplink:
            uplink.send(opened(), Upload(pcm(4_096)))
            what = str(uplink.status("error")["what"])
            assert uplink.stop_frame() == Stop(1)
        (found,) = re.findall(r"not trusted: its key is (sha256//\S{44}), which is not pinned", what)
        assert (receiver.sessions, asked) == ([], [])
        with gate(address, pins=["sha256//" + "A" * 43 + "=", found], **settings) as uplink:
            uplink.session(opened(), pcm(9_000))
            assert receiver.heard().audio == pcm(9_000)
        assert asked == ["Bearer secret"]


def test_keys_of_tls_are_written_nowhere(authority: trustme.CA, ca_file: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    with service(ssl=tls(authority, "127.0.0.1")) as receiver:
        address = f"wss://127.0.0.1:{receiver.port}/"
        with gate(address, ca_file=ca_file, environment={"SSLKEYLOGFILE": str(keys)}) as uplink:
            uplink.session(opened(), pcm(9_000))
            receiver.heard()
            assert uplink.leave() == 0
    assert not keys.exists()
