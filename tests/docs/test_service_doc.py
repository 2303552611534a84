"""docs/service.md holds: its example server works, and its numbers are the code's."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wakeword.messages import Open
from wakeword.service import local, websocket
from wakeword.service.outbox import HELD_MAX_BYTES, PIECE_MAX_BYTES, PIECE_MIN_BYTES, Outbox
from wakeword.service.websocket import Service, deliver, parse_reply, start_message

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "service.md").read_text("utf-8")
SOUND = bytes(i * 7 % 251 for i in range(176_000))
NOTE = "text\n\n— name AAAA\n"
OPENED = Open(3, bytes(range(16)), 48_000, 480_000, 15_000, NOTE, NOTE)


@pytest.fixture
def example(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The document's server, as a stranger would run it."""
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len([line for line in program.splitlines() if line.strip()]) <= 25
    path = tmp_path / "service.py"
    path.write_text(program)
    process = subprocess.Popen([sys.executable, str(path), "0"], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_the_example_server_receives_a_session(example: subprocess.Popen[str]) -> None:
    assert example.stdout is not None
    port = int(example.stdout.readline().removeprefix("port "))
    outbox = Outbox(OPENED)
    outbox.put(SOUND)
    outbox.close()
    events: list[dict[str, object]] = []
    sent = asyncio.run(deliver(outbox, Service(f"ws://127.0.0.1:{port}", "computer"), events.append))
    assert sent == 176_000
    assert {"event": "received", "bytes": 176_000} in events
    assert example.stdout.readline().split() == ["session", "3", "5.5", "seconds", hashlib.sha256(SOUND).hexdigest()]


def test_the_start_message_has_exactly_the_documented_fields() -> None:
    shown = json.loads(re.sub(r"\n\s+", " ", re.findall(r'> (\{"type": "start".*?\}\})', TEXT, re.DOTALL)[0]))
    sent = json.loads(start_message(OPENED, Service("ws://hub.example", "computer,jarvis")))
    assert list(shown) == list(sent)
    table = TEXT[TEXT.index("| field | is |") : TEXT.index("4. The bytes of all")]
    assert all(f"`{name}`" in table for name in sent if name != "type")


def test_every_documented_reply_is_understood() -> None:
    shown = re.findall(r'\| `(\{"type": .*?\})` \|', TEXT)
    kinds = [json.loads(reply.replace(": N", ": 7"))["type"] for reply in shown]
    assert kinds == ["stop", "transcript", "received", "receipt", "base", "error"]
    assert all(parse_reply(reply.replace(": N", ": 7")) for reply in shown)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (websocket.PROTOCOL_VERSION, "| `version` | {} |"),
        (PIECE_MIN_BYTES, "Messages are {:,} to"),
        (PIECE_MAX_BYTES, "to {:,} bytes, the last may be shorter"),
        (round(websocket.ANSWER_S), "waits at most {} s for the service"),
        (websocket.REPLY_MAX_BYTES, "longer than {:,} bytes"),
        (websocket.REPLIES_MAX, "more than {:,} come"),
        (websocket.TEXT_MAX_BYTES, "about {:,} bytes are kept"),
        (HELD_MAX_BYTES, "at most {:,} and"),
        (websocket.CAP_MAX_MS, "and {:,} |"),
        (round(Service("", "").connect_s), "({} s by default)"),
        (local.BYTES_A_SECOND, "{:,} bytes a second"),
    ],
)
def test_the_numbers_are_the_codes(number: int, words: str) -> None:
    assert words.format(number) in TEXT


def test_the_accounting_is_what_the_embedded_service_computes() -> None:
    intake = local.Intake()
    service = Service("ws://hub.example", "computer")
    for message in (start_message(OPENED, service), SOUND[:65_536], SOUND[65_536:], '{"type": "end", "bytes": 176000}'):
        intake.push(message)
    formulas = re.findall(r'SHA-256\("(.*?)" \+ salt \+ (.*?)\)', TEXT)
    assert [prefix for prefix, _ in formulas] == ["wakegate-win\\n", "wakegate-sum\\n"]
    window, whole = ((prefix.replace("\\n", "\n").encode() + OPENED.salt) for prefix, _ in formulas)
    assert intake.result().window_sha256 == hashlib.sha256(window + SOUND[: 24_000 * 2]).hexdigest()
    assert intake.result().sum_sha256 == hashlib.sha256(whole + SOUND).hexdigest()
