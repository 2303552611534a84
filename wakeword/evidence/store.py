"""The evidence on disk: the only way to write it.

One commit is one group of records and the seal over them, appended by one write and made durable by one fdatasync; only
then does anyone learn of it. A start never touches an old file: it makes a new one, whose second record says what the
last one left behind. An error while writing is the end: nothing is retried, nothing more is written, nothing opens.

    commit:  write(records + seal)  fdatasync           the order that tests/processes/test_gate.py sees from outside
    start:   write(head + records + seal)  fdatasync  fsync(folder)
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeword.errors import ConfigError, Fatal
from wakeword.evidence import device, note, tree
from wakeword.evidence.account import Account
from wakeword.evidence.clock import Clock
from wakeword.evidence.record import HARD_LIMITS, Record, canonical, checked
from wakeword.evidence.recovery import DamageError, Recovery, boot_name, epochs, recover
from wakeword.evidence.segment import MAX_GROUP_BYTES, file_name

CLOCK_STEP_MS = 1_500  # wall seconds are whole, so honest neighbours differ by up to 1,000
LATE_MARGIN_MS = 14_000  # a verifier allows 15,000 beyond the beat
ROOM_BYTES = 4 * 1024 * 1024  # below this nothing opens: a close must still find room
FAILED_NAME = "failed"
NOTHING_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force from one start to the next, as they stand in the evidence. Hashes are hexadecimal."""

    s1_min: int  # ppm
    s2_min: int
    lag_ms: int
    m1: str
    m2: str
    cap_b: int
    cap_ms: int
    win_b: int
    rate: int  # bytes a second
    hour: int  # sessions
    beat_ms: int
    file: str  # sha256 of the configuration

    def record(self) -> Record:
        """The policy as a record's fields; raises `ConfigError` beyond the limits that every verifier holds it to."""
        for name, (low, high) in HARD_LIMITS.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} = {getattr(self, name)} is outside {low} to {high}", where="policy")
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class StartFacts:
    """What a start group says beside what recovery found."""

    policy: Policy
    code: str  # sha256 over the gate's files, 64 hexadecimal digits
    selftest: dict[str, bool]  # deny, kat, mic, net
    muted: bool


class Evidence:
    """The open log. `account` holds its sums; `certificate` the signed note for this start's key."""

    def __init__(self, directory: Path, device_key: Path, clock: Clock) -> None:
        """Lock the folder and recover; raises `ConfigError`, `DamageError`, or `Fatal` after a failed write."""
        if not directory.is_dir():
            hint = f"mkdir -p -m 700 {directory}; a daemon that made a new one would hide a lost one"
            raise ConfigError("the folder of the evidence does not exist", where=str(directory), hint=hint)
        self._directory, self._device_key, self._clock = directory, device_key, clock
        self._file, self._asleep_ms, self._dead = -1, 0, False
        self.certificate = ""
        self._lock = _locked(directory)
        try:
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    def _recover(self) -> None:
        self._refuse_after_failure()
        directory, clock = self._directory, self._clock
        private = device.load_or_create(self._device_key, may_create=not epochs(directory))
        public = private.public_key().public_bytes_raw()
        found = recover(directory, public, clock.boot_ms(), clock.boot_id)
        self.origin = found.origin or device.origin_beside(directory, public) or f"wakeword/{os.urandom(8).hex()}"
        device.publish(directory, self.origin, public)
        self._found, self._tree = found, found.frontier
        self.account: Account = found.account

    def start(self, facts: StartFacts, why: str = "start") -> None:
        """Begin the next file with its own key. `why`: start, or daily when this very process goes on."""
        private = device.load_private(self._device_key)
        signer, found = note.Signer.fresh(self.origin), self._found
        self._beat_ms, self._signer, self._epoch = facts.policy.beat_ms, signer, found.epoch
        first, front = self._tree.size, self._tree.hex()
        head = canonical(
            {"k": "head", "v": 1, "e": found.epoch, "first": first, "front": front, "origin": self.origin}
        )  # fmt: skip
        gap, key = self._start_gap(), self._key_record(facts.code, why, signer)
        certifier = note.Signer(note.device_name(self.origin), private)
        text = note.certificate_text(self.origin, key | {"e": found.epoch, "n": first})
        signature = certifier.sign(text)
        self.certificate = note.note(text, certifier.name, signature)
        self.account.crashed()
        records: list[Record] = [key | {"cert": note.encode64(signature)}, gap]
        records += [{"k": "policy", **facts.policy.record()}]
        records += [{"k": "selftest", **facts.selftest}, {"k": "mute", "on": facts.muted, "src": "boot"}]
        records += [self.beat(0, muted=facts.muted)]
        path = self._directory / file_name(found.epoch)
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            self._append(records, self._now(), head + b"\n")
            device.sync_folder(self._directory)
        except OSError as error:
            raise self._died(error) from error

    def rotate(self, facts: StartFacts) -> None:
        """After `stop(daily)`: go on in a new file with a new key, in the same process."""
        os.close(self._file)
        self._found = Recovery(self.account, self._tree, self.origin, self._epoch + 1)
        self.start(facts, "daily")

    def commit(self, records: Sequence[Record]) -> str:
        """Make the records durable, in this order; return the signed checkpoint over them. Raises `Fatal`, for good."""
        now = self._now()
        return self._append([*self._gaps(now), *records], now)

    def beat(self, frames: int, *, muted: bool, passing: int = 0) -> Record:
        """A heartbeat's fields; `passing` is what an open session has passed so far."""
        account = self.account
        return {
            "k": "beat", "frames": frames, "muted": muted, "sync": self._clock.synchronised(),
            "sess": account.sessions, "pass_b": account.passed_bytes + passing,
        }  # fmt: skip

    def has_room(self) -> bool:
        """False when the disk is so full that a session should not be begun."""
        disk = os.statvfs(self._directory)
        return disk.f_bavail * disk.f_frsize >= ROOM_BYTES

    def close(self) -> None:
        """Let go of the file and of the lock."""
        if self._file >= 0:
            os.close(self._file)
        os.close(self._lock)

    def _now(self) -> tuple[int, int]:
        """Both clocks, read once for a whole group."""
        return self._clock.boot_ms(), self._clock.wall_s()

    def _append(self, records: list[Record], now: tuple[int, int], before: bytes = b"") -> str:
        """The one write and the one fdatasync."""
        if self._dead:
            raise Fatal("the evidence failed before", where=str(self._directory))
        every: Record = {"e": self._epoch, "t": now[0], "w": now[1]}
        grown, lines = self._tree, []
        whole = [
            record | every | {"s": os.urandom(16).hex(), "n": grown.size + at} for at, record in enumerate(records)
        ]
        for record in whole:
            lines.append(canonical(checked(record)))
            grown = grown.append(tree.leaf_hash(lines[-1]))
        text = note.checkpoint_text(self.origin, grown.size, grown.root())
        signature = self._signer.sign(text)
        seal: Record = {"k": "seal", "size": grown.size, "root": note.encode64(grown.root())}
        lines.append(canonical(seal | {"sig": note.encode64(signature)}))
        group = before + b"".join(line + b"\n" for line in lines)
        if len(group) > MAX_GROUP_BYTES:
            raise Fatal(f"a group of {len(group)} bytes; at most {MAX_GROUP_BYTES}", where=str(self._directory))
        try:
            written = os.write(self._file, group)
            if written != len(group):
                raise OSError(f"only {written} of {len(group)} bytes were written")
            os.fdatasync(self._file)
        except OSError as error:
            raise self._died(error) from error
        self._tree, self._asleep_ms = grown, self._clock.boot_ms() - self._clock.awake_ms()
        for record in whole:
            self.account.take(record)
        return note.note(text, self.origin, signature)

    def _died(self, error: OSError) -> Fatal:
        """Whether the last bytes are on disk is unknown now, and asking the kernel again would not tell."""
        self._dead = True
        try:
            mark = self._directory / FAILED_NAME
            mark.write_text(f"{self._clock.boot_id}\n{error}\n", encoding="utf-8")
        except OSError:
            mark = Path("nowhere, the folder cannot be written")
        return Fatal(f"the evidence cannot be written ({error}); nothing opens any more", where=str(mark))

    def _refuse_after_failure(self) -> None:
        """A failed write closes the log until the machine has restarted: the cache may hold what the disk does not."""
        mark = self._directory / FAILED_NAME
        if mark.exists() and mark.read_text(encoding="utf-8").startswith(self._clock.boot_id):
            hint = "mend the disk and restart the machine; the next start then finds out what is there"
            raise Fatal("writing evidence failed since this machine was started", where=str(mark), hint=hint)
        mark.unlink(missing_ok=True)

    def _key_record(self, code: str, why: str, signer: note.Signer) -> Record:
        prev, boot = note.encode64(self._tree.root()), boot_name(self.origin, self._clock.boot_id)
        public = note.encode64(signer.key.public)
        return {"k": "key", "v": 1, "boot": boot, "pub": public, "prev": prev, "code": code, "why": why}

    def _start_gap(self) -> Record:
        """What lies between the last sealed record and this start."""
        found, account = self._found, self.account
        why = "first" if not found.frontier.size else "stop" if account.clean else "crash"
        away_ms = 1_000 * (self._clock.wall_s() - account.last_w) if account.last_w else 0
        return self._gap(why, away_ms) | {
            "ab": found.aborted, "tail_b": len(found.tail), "tail_h": found.tail_sha256, "open": account.open_session,
            "clean": account.clean,
        }  # fmt: skip

    def _gap(self, why: str, length_ms: int) -> Record:
        return {
            "k": "gap", "why": why, "ms": length_ms, "ab": 0, "tail_b": 0, "tail_h": NOTHING_SHA256, "open": 0,
            "clean": True, "cut_n": self.account.cut_n, "drop_e": self.account.drop_e,
        }  # fmt: skip

    def _gaps(self, now: tuple[int, int]) -> list[Record]:
        """A clock that stepped, a stretch without records: said by the gate itself, before anything else."""
        account, gaps = self.account, []
        step = (1_000 * now[1] - now[0]) - (1_000 * account.last_w - account.last_t)
        silent = now[0] - account.last_t
        if abs(step) > CLOCK_STEP_MS:
            gaps.append(self._gap("clock", step))
        if silent > self._beat_ms + LATE_MARGIN_MS:
            slept = self._clock.boot_ms() - self._clock.awake_ms() - self._asleep_ms
            gaps.append(self._gap("suspend" if slept > LATE_MARGIN_MS else "late", silent))
        return gaps


def _locked(directory: Path) -> int:
    """Hold the folder for this process alone; raises `ConfigError` when another gate has it."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot write here: {error.strerror}", where=str(directory)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ConfigError("another gate writes this log", where=str(directory), hint="stop it first") from error
    return descriptor


__all__ = ["DamageError", "Evidence", "Policy", "StartFacts"]
