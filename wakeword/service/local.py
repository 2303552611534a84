"""The embedded service: receives sessions as `docs/service.md` says, saves each as WAV with a JSON beside it.

For the demo, for tests, and for whoever wants to see what their device really sends. It understands no speech. It
checks what it is told: the pre-roll, the byte count, the caps; and it keeps each session's checkpoint, which is what
makes the sender's log checkable later (`checkpoints.txt` goes to `wakeword audit verify --receipts`).

`Intake` is one session without any I/O: messages in, a `Received` out. `LocalService` is the server around it, and
answers with a receipt where it can: `witness.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import ssl
import time
import wave
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from wakeword.errors import ConfigError
from wakeword.events import RATE_HZ
from wakeword.evidence import note
from wakeword.evidence.note import NoteError
from wakeword.service.witness import MOST_HASHES, NotWitnessed, Witness

BYTES_A_SECOND = 2 * RATE_HZ
MESSAGE_MAX_BYTES = 65_536
SESSIONS_AT_ONCE = 8
CAP_MAX_BYTES, CAP_MAX_MS = 2_000_000, 60_000  # no honest gate's policy exceeds them (docs/audit-log.md)
GRACE_S = 10.0  # beyond a session's own cap, for a slow line

log = logging.getLogger(__name__)

_LIMITS = {  # of the whole numbers in a start message, both ends included
    "session": (0, 2**53),
    "preroll_samples": (0, 65_536),
    "cap_bytes": (1, CAP_MAX_BYTES),
    "cap_ms": (1, CAP_MAX_MS),
}
_FIXED: dict[str, object] = {"version": 1, "format": "s16le", "rate": RATE_HZ, "channels": 1}


class Refused(Exception):  # noqa: N818  said of a session
    """The sender broke the protocol; the text tells it how."""


@dataclass(frozen=True, slots=True)
class Received:
    """One session as it was received. `complete` means that its end came and the byte count agreed."""

    session: int
    complete: bool
    bytes: int
    seconds: float
    sha256: str  # of the samples
    window_sha256: str  # equals win_h in the log's wake record
    sum_sha256: str  # equals sum_h in the log's close record
    problems: tuple[str, ...]
    file: str = ""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Where to listen, what to keep, and when a session is long enough."""

    folder: Path
    listen: str = "127.0.0.1:8765"  # HOST:PORT; port 0 takes any free one
    stop_after_s: float | None = None  # answer `stop` after so much audio
    token: str = field(default="", repr=False)  # "" asks for none
    tls: ssl.SSLContext | None = None


@dataclass(slots=True)
class Intake:
    """One session: `push` each message in order, then read `result`. No I/O, no clock."""

    stop_after_bytes: int | None = None
    start: dict[str, Any] = field(default_factory=dict)
    pcm: bytearray = field(default_factory=bytearray)
    complete: bool = False
    problems: list[str] = field(default_factory=list)

    def push(self, message: str | bytes) -> bool:
        """Take one message; true when the sender should be told to stop, which is once at most.

        Raises `Refused` when the message breaks the protocol.
        """
        if isinstance(message, bytes):
            return self._audio(message)
        told = _parsed(message)
        match told.get("type"):
            case "start" if not self.start:
                self.start = checked_start(told)
            case "end" if self.start:
                self._end(told)
            case kind:
                raise Refused(f"unexpected message: {str(kind)[:40]!r}")
        return False

    def _audio(self, pcm: bytes) -> bool:
        if not self.start:
            raise Refused("audio before the start message")
        before = len(self.pcm)
        self.pcm += pcm
        if len(self.pcm) > self.start["cap_bytes"]:
            raise Refused(f"more audio than cap_bytes = {self.start['cap_bytes']}")
        return self.stop_after_bytes is not None and before < self.stop_after_bytes <= len(self.pcm)

    def _end(self, told: dict[str, Any]) -> None:
        if told.get("bytes") != len(self.pcm):
            raise Refused(f"end says {told.get('bytes')!r} bytes and {len(self.pcm)} came")
        if len(self.pcm) % 2:
            raise Refused("half a sample at the end")
        if len(self.pcm) < 2 * self.start["preroll_samples"]:
            raise Refused(
                f"preroll_samples = {self.start['preroll_samples']} and only {len(self.pcm) // 2} samples came"
            )
        self.complete = True

    def result(self) -> Received:
        """What was received so far; only after a start message."""
        salt, pcm = bytes.fromhex(self.start["salt"]), bytes(self.pcm)
        window = pcm[: 2 * self.start["preroll_samples"]]
        return Received(
            session=self.start["session"],
            complete=self.complete,
            bytes=len(pcm),
            seconds=round(len(pcm) / BYTES_A_SECOND, 3),
            sha256=hashlib.sha256(pcm).hexdigest(),
            window_sha256=hashlib.sha256(b"wakegate-win\n" + salt + window).hexdigest(),
            sum_sha256=hashlib.sha256(b"wakegate-sum\n" + salt + pcm).hexdigest(),
            problems=tuple(self.problems),
        )


def checked_start(told: dict[str, Any]) -> dict[str, Any]:
    """The start message, if every field that the protocol requires is there and in range; raises `Refused`."""
    for name, value in _FIXED.items():
        if told.get(name) != value or isinstance(told[name], bool):
            raise Refused(f"{name} must be {value!r}")
    for name, (least, most) in _LIMITS.items():
        number = told.get(name)
        if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
            raise Refused(f"{name} must be a whole number from {least} to {most}")
    if not isinstance(told.get("word"), str):
        raise Refused("word must be text")
    base, proof = told.get("base", 0), told.get("proof", [])
    if not isinstance(base, int) or isinstance(base, bool) or not 0 <= base < 2**53:
        raise Refused("base must be a whole number")
    if not isinstance(proof, list) or len(proof) > MOST_HASHES or not all(isinstance(each, str) for each in proof):
        raise Refused(f"proof must be a list of at most {MOST_HASHES} hashes")
    for name in ("certificate", "checkpoint"):
        if not _is_one_note(told.get(name)):
            raise Refused(f"{name} must be one signed note")
    salt = told.get("salt")
    if not isinstance(salt, str) or len(salt) != 32 or any(c not in "0123456789abcdef" for c in salt):
        raise Refused("salt must be 32 lower-case hex digits")
    return told


def _is_one_note(text: object) -> bool:
    """Form alone: whose signature it is, only who has the device's key can tell."""
    try:
        return isinstance(text, str) and len(note.parse_notes(text)) == 1
    except note.NoteError:
        return False


def _parsed(message: str) -> dict[str, Any]:
    try:
        told = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise Refused("not JSON") from error
    if not isinstance(told, dict):
        raise Refused("not a JSON object")
    return told


def save(intake: Intake, folder: Path) -> Received:
    """Write the session's WAV and JSON, and add its two notes to checkpoints.txt; returns it with its file's name."""
    received = intake.result()
    stem = f"{time.strftime('%Y-%m-%dT%H-%M-%SZ', time.gmtime())}-session{received.session}"
    for number in range(1, 1_000):
        path = folder / (f"{stem}.wav" if number == 1 else f"{stem}-{number}.wav")
        try:
            file = path.open("xb")
        except FileExistsError:
            continue
        break
    else:
        raise ConfigError(f"a thousand sessions named {stem}", where=str(folder))
    with file, wave.open(file, "wb") as sound:
        sound.setparams((1, 2, RATE_HZ, 0, "NONE", "not compressed"))
        sound.writeframes(bytes(intake.pcm[: len(intake.pcm) // 2 * 2]))
    beside = {**asdict(received), "file": path.name, "start": intake.start}
    path.with_suffix(".json").write_text(json.dumps(beside, indent=2) + "\n")
    with (folder / "checkpoints.txt").open("a") as notes:
        notes.writelines(intake.start[name].strip("\n") + "\n\n" for name in ("certificate", "checkpoint"))
    return Received(**{**asdict(received), "file": path.name})


class LocalService:
    """The server. `async with LocalService(...) as service:` listens; `service.url` is where."""

    def __init__(self, settings: LocalSettings, report: Callable[[Received], None]) -> None:
        """Nothing is opened yet; `report` is called with each session once it is saved. Raises `ConfigError`."""
        host, _, port = settings.listen.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise ConfigError(f"not HOST:PORT: {settings.listen}", hint="such as 127.0.0.1:8765")
        self._address = (host.strip("[]"), int(port))
        self._settings, self._report = settings, report
        self._open = 0
        self._server: Server
        self._witness: Witness

    async def __aenter__(self) -> Self:
        """Listen; raises `ConfigError` when the address is taken or the folder cannot be made."""
        try:
            self._settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what it will hold is private
            self._witness = Witness(self._settings.folder / "witness")
            self._server = await serve(
                self._handle,
                *self._address,
                origins=[None],  # no page in a browser may feed this service
                process_request=self._admit,
                compression=None,
                max_size=MESSAGE_MAX_BYTES,
                ssl=self._settings.tls,
            )
        except OSError as error:
            where = f"{self._settings.listen}, {self._settings.folder}"
            raise ConfigError(f"cannot receive here: {error.strerror or error}", where=where) from error
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Close; sessions under way are saved as incomplete."""
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it listens, with the port that was chosen."""
        host, port, *_ = next(iter(self._server.sockets)).getsockname()
        return f"{'wss' if self._settings.tls else 'ws'}://{f'[{host}]' if ':' in host else host}:{port}"

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a wrong token, and more sessions at once than memory was set aside for."""
        given, wanted = request.headers.get("Authorization", ""), f"Bearer {self._settings.token}"
        if self._settings.token and not hmac.compare_digest(given.encode(), wanted.encode()):
            log.warning("refused: no token, or a wrong one")
            return connection.respond(401, "this service wants its token\n")
        if self._open >= SESSIONS_AT_ONCE:
            log.warning("refused: %d sessions are open already", self._open)
            return connection.respond(503, "too many sessions at once\n")
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        """One connection: one session."""
        stop_after_s = self._settings.stop_after_s
        intake = Intake(None if stop_after_s is None else max(1, round(stop_after_s * BYTES_A_SECOND)))
        self._open += 1
        try:
            await _receive(connection, intake)
            if intake.start:
                await self._keep(connection, intake)
        finally:
            self._open -= 1

    async def _keep(self, connection: ServerConnection, intake: Intake) -> None:
        """Save what came, and confirm it only when it is saved."""
        try:
            received = save(intake, self._settings.folder)
        except OSError as error:
            log.error("session %d is lost: %s", intake.start["session"], error)
            await _answer(connection, type="error", text=f"cannot save: {error.strerror}")
            return
        self._report(received)
        if received.complete:
            await _answer(connection, type="received", bytes=received.bytes, sha256=received.sha256)
            await self._receipt(connection, intake.start)

    async def _receipt(self, connection: ServerConnection, start: dict[str, Any]) -> None:
        """Cosign the session's checkpoint, or say from where on a proof is needed."""
        try:
            await _answer(connection, type="receipt", cosignature=self._witness.cosign(start))
        except NotWitnessed as reason:
            log.info("no receipt for session %d: %s", start["session"], reason)
            if reason.size is not None:
                await _answer(connection, type="base", size=reason.size)
        except (OSError, NoteError) as error:
            log.error("no receipt for session %d: %s", start["session"], error)


async def _answer(connection: ServerConnection, **fields: object) -> None:
    """Tell the sender, if it is still there."""
    with contextlib.suppress(ConnectionClosed):
        await connection.send(json.dumps(fields))


async def _receive(connection: ServerConnection, intake: Intake) -> None:
    """Take messages until the end, or until what comes instead of it, which is noted."""
    try:
        async with asyncio.timeout(GRACE_S):
            intake.push(await connection.recv())
        async with asyncio.timeout(intake.start["cap_ms"] / 1000 + GRACE_S):
            while not intake.complete:
                if intake.push(await connection.recv()):
                    await _answer(connection, type="stop")
    except Refused as refused:
        intake.problems.append(str(refused))
        log.warning("refused: %s", refused)
        await _answer(connection, type="error", text=str(refused))
        await connection.close(1008)
    except TimeoutError:
        intake.problems.append("the sender did not finish in time")
    except ConnectionClosed as closed:
        intake.problems.append(f"the connection ended before the session: {closed}")
