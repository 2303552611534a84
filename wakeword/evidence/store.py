"""The evidence on disk: the only way to write it.

One commit is one group of records and the seal over them, appended by one write and made durable by one fdatasync; only
then does anyone learn of it. A start never touches an old file: it makes a new one, whose second record says what the
last one left behind. An error while writing is the end: nothing is retried, nothing more is written, nothing opens.

    commit:  write(records + seal)  fdatasync           the order that tests/processes/test_gate.py sees from outside
    start:   write(head + records + seal)  fdatasync  fsync(folder)
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wakeword.errors import ConfigError, Fatal
from wakeword.evidence import device, note, tree
from wakeword.evidence.account import Account
from wakeword.evidence.clock import Clock
from wakeword.evidence.disk import REAL, Disk
from wakeword.evidence.growth import MOST_LEAVES, Growth
from wakeword.evidence.record import HARD_LIMITS, Record, canonical, checked
from wakeword.evidence.recovery import DamageError, Recovery, boot_name, epochs, recover
from wakeword.evidence.retention import DAY_S, LEAST, STANDARD, Retention, Shelf
from wakeword.evidence.segment import MAX_GROUP_BYTES, file_name

CLOCK_STEP_MS = 1_500  # wall seconds are whole, so honest neighbours differ by up to 1,000
LATE_MARGIN_MS = 14_000  # a verifier allows 15,000 beyond the beat
ROOM_BYTES = 4 * 1024 * 1024  # below this nothing opens: a close must still find room
PLAUSIBLE_S = 30 * DAY_S  # a wall clock that nobody keeps right, and that is further on than this since the last record
PRUNE_NAME = "prune"  # made by who wants all content removed; goes when it is
FAILED_NAME = "failed-"  # and eight digits of the boot
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
    further: tuple[Record, ...] = ()  # walls, meter, causes: whatever else this start has to say


class Evidence:
    """The open log. `account` holds its sums; `certificate` the signed note for this start's key."""

    def __init__(
        self, directory: Path, device_key: Path, clock: Clock, retention: Retention = STANDARD, disk: Disk = REAL
    ) -> None:
        """Lock the folder and recover; raises `ConfigError`, `DamageError`, or `Fatal` after a failed write."""
        self._directory, self._device_key, self._clock = directory, device_key, clock
        self._retention, self._disk, self._shelf = retention, disk, Shelf(directory, disk)
        self._file, self._asleep_ms, self._dead = -1, 0, False
        self._growth: Growth | None = None
        self._work: Iterator[None] = iter(())  # files that pruning has still to see to
        self.certificate = ""
        self._lock = self._locked()
        try:
            self._recover()
        except OSError as error:
            disk.close(self._lock)
            raise Fatal(f"the evidence cannot be read ({error})", where=str(directory)) from error
        except BaseException:
            disk.close(self._lock)
            raise

    def _recover(self) -> None:
        self._refuse_after_failure()
        directory, clock, disk = self._directory, self._clock, self._disk
        for name in disk.names(directory):
            if name.endswith(".tmp"):  # a file that was being made when the last gate ended
                disk.remove(directory / name)
        private = device.load_or_create(self._device_key, may_create=not epochs(directory, disk), disk=disk)
        public = private.public_key().public_bytes_raw()
        found = recover(directory, public, clock.boot_ms(), clock.boot_id, disk)
        beside = device.origin_beside(directory, public, disk)
        self.origin = found.origin or beside or f"wakeword/{os.urandom(8).hex()}"
        device.publish(directory, self.origin, public, disk)
        self._found, self._tree = found, found.frontier
        self.account: Account = found.account
        known_s, now_s = self.account.last_w, clock.wall_s()
        self._right_time = clock.synchronised() or not known_s or 0 <= now_s - known_s < PLAUSIBLE_S

    def start(self, facts: StartFacts, why: str = "start") -> None:
        """Begin the next file with its own key. `why`: start, or daily when this very process goes on."""
        private = device.load_private(self._device_key, self._disk)
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
        records += [self.beat(0, muted=facts.muted), *facts.further]
        path = self._directory / file_name(found.epoch)
        try:
            self._file = self._disk.create(path)
            self._append(records, self._now(), head + b"\n")
            self._disk.sync_folder(self._directory)
        except OSError as error:
            raise self._died(error) from error
        self._work = self._shelf.work([*self._older(), self._epoch], self.account.cut_n, self.account.drop_e)

    def rotate(self, facts: StartFacts) -> None:
        """After `stop(daily)`: go on in a new file with a new key, in the same process."""
        self._disk.close(self._file)
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

    def gap(self, why: str, length_ms: int) -> Record:
        """A gap inside a file, as a record's fields."""
        return {
            "k": "gap", "why": why, "ms": length_ms, "ab": 0, "tail_b": 0, "tail_h": NOTHING_SHA256, "open": 0,
            "clean": True, "cut_n": self.account.cut_n, "drop_e": self.account.drop_e,
        }  # fmt: skip

    def has_room(self) -> bool:
        """False when the disk is so full that a session should not be begun."""
        return self._disk.free_bytes(self._directory) >= ROOM_BYTES

    # --- removing what is old -------------------------------------------------------------------------------------

    def prune(self, why: str, keep_days: int = 0) -> bool:
        """Say what is to go (why: age, space, user), and let `tidy` do it; False when nothing is old enough.

        `keep_days`: what the user keeps; 0 for nothing.

        By age only when the wall clock can be believed: one that jumped ahead would take everything with it.
        """
        account, now_s, files = self.account, self._clock.wall_s(), [*self._older(), self._epoch]
        if why == "age" and not self._right_time:
            return False
        keep_s = {"age": self._retention.keep_s, "space": LEAST.keep_s, "user": keep_days * DAY_S}[why]
        if why == "user" and not keep_days:
            cut_n = self._found.frontier.size
        else:
            cut_n = self._shelf.content_horizon(files, now_s - keep_s, account.cut_n)
        drop_e = self._shelf.file_horizon(files, now_s - self._retention.drop_s, account.drop_e)
        if (cut_n, drop_e) == (account.cut_n, account.drop_e):
            return False
        self.commit([{"k": "prune", "cut_n": cut_n, "drop_e": drop_e, "why": why}])
        self._work = self._shelf.work(files, cut_n, drop_e)
        return True

    def tidy(self) -> bool:
        """One more file of what was said to go; False when all is done. Raises `Fatal`."""
        try:
            return next(self._work, self) is None
        except OSError as error:
            raise self._died(error) from error

    def prune_wanted(self) -> int | None:
        """Of how many days the owner wants to keep the content (`wakeword audit prune`); None when nobody asked."""
        if not self._disk.exists(self._directory / PRUNE_NAME):
            return None
        told = self._disk.read(self._directory / PRUNE_NAME).strip()
        return int(told) if len(told) <= 4 and told.isdigit() else 0

    def prune_done(self) -> None:
        """Tell the owner."""
        self._disk.remove(self._directory / PRUNE_NAME)

    def _older(self) -> list[int]:
        return [epoch for epoch in epochs(self._directory, self._disk) if epoch < self._epoch]

    # --- proof that the log only grew -----------------------------------------------------------------------------

    def grow_from(self, size: int) -> None:
        """A service has seen the log with so many records: from now on `growth` leads on from there, where it can."""
        known = self._growth
        if known and known.base.size <= size <= known.size:
            self._growth = known.since(size)
        elif 0 < size <= self._tree.size:
            self._growth = self._read_growth(size)

    def growth(self) -> tuple[int, tuple[bytes, ...]]:
        """The size last named to `grow_from`, and the hashes from there to the newest checkpoint; (0, ()) for none."""
        return (self._growth.base.size, self._growth.proof()) if self._growth else (0, ())

    def _read_growth(self, size: int) -> Growth | None:
        """From the files; None when they reach back too little, or are not what is in memory."""
        if self._tree.size - size > MOST_LEAVES:
            return None
        try:
            return self._shelf.growth([*self._older(), self._epoch], size, self._tree)
        except (OSError, ValueError):
            return None

    # --- the end ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of the file and of the lock."""
        if self._file >= 0:
            self._disk.close(self._file)
        self._disk.close(self._lock)

    def _now(self) -> tuple[int, int]:
        """Both clocks, read once for a whole group."""
        return self._clock.boot_ms(), self._clock.wall_s()

    def _append(self, records: list[Record], now: tuple[int, int], before: bytes = b"") -> str:
        """The one write and the one fdatasync."""
        if self._dead:
            raise Fatal("the evidence failed before", where=str(self._directory))
        every: Record = {"e": self._epoch, "t": now[0], "w": now[1]}
        grown, lines, hashes = self._tree, list[bytes](), list[bytes]()
        whole = [
            record | every | {"s": os.urandom(16).hex(), "n": grown.size + at} for at, record in enumerate(records)
        ]
        for record in whole:
            lines.append(canonical(checked(record)))
            hashes.append(tree.leaf_hash(lines[-1]))
            grown = grown.append(hashes[-1])
        text = note.checkpoint_text(self.origin, grown.size, grown.root())
        signature = self._signer.sign(text)
        seal: Record = {"k": "seal", "size": grown.size, "root": note.encode64(grown.root())}
        lines.append(canonical(seal | {"sig": note.encode64(signature)}))
        group = before + b"".join(line + b"\n" for line in lines)
        if len(group) > MAX_GROUP_BYTES:
            raise Fatal(f"a group of {len(group)} bytes; at most {MAX_GROUP_BYTES}", where=str(self._directory))
        try:
            self._disk.append(self._file, group)
            self._disk.sync_data(self._file)
        except OSError as error:
            raise self._died(error) from error
        self._tree, self._asleep_ms = grown, self._clock.boot_ms() - self._clock.awake_ms()
        for record in whole:
            self.account.take(record)
        if self._growth:
            self._growth.extend(hashes)
        return note.note(text, self.origin, signature)

    def _died(self, error: OSError) -> Fatal:
        """Whether the last bytes are on disk is unknown now, and asking the kernel again would not tell."""
        self._dead = True
        mark = self._failed_mark()
        try:
            self._disk.remove(mark)
            descriptor = self._disk.create(mark)
            self._disk.append(descriptor, f"{error}\n".encode())
            self._disk.close(descriptor)
        except OSError:
            pass  # the name alone is enough; and where not even that can be made, nobody gets far either
        return Fatal(f"the evidence cannot be written ({error}); nothing opens any more", where=str(mark))

    def _failed_mark(self) -> Path:
        """A file whose name is of this boot: no byte of it needs to reach a disk that is full or broken."""
        return self._directory / f"{FAILED_NAME}{hashlib.sha256(self._clock.boot_id.encode()).hexdigest()[:8]}"

    def _refuse_after_failure(self) -> None:
        """A failed write closes the log until the machine has restarted: the cache may hold what the disk does not."""
        mark = self._failed_mark()
        if self._disk.exists(mark):
            hint = "mend the disk and restart the machine; the next start then finds out what is there"
            raise Fatal("writing evidence failed since this machine was started", where=str(mark), hint=hint)
        for name in self._disk.names(self._directory):
            if name.startswith(FAILED_NAME):
                self._disk.remove(self._directory / name)

    def _key_record(self, code: str, why: str, signer: note.Signer) -> Record:
        prev, boot = note.encode64(self._tree.root()), boot_name(self.origin, self._clock.boot_id)
        public = note.encode64(signer.key.public)
        return {"k": "key", "v": 1, "boot": boot, "pub": public, "prev": prev, "code": code, "why": why}

    def _start_gap(self) -> Record:
        """What lies between the last sealed record and this start."""
        found, account = self._found, self.account
        why = "first" if not found.frontier.size else "stop" if account.clean else "crash"
        away_ms = 1_000 * (self._clock.wall_s() - account.last_w) if account.last_w else 0
        return self.gap(why, away_ms) | {
            "ab": found.aborted, "tail_b": len(found.tail), "tail_h": found.tail_sha256, "open": account.open_session,
            "clean": account.clean,
        }  # fmt: skip

    def _gaps(self, now: tuple[int, int]) -> list[Record]:
        """A clock that stepped, a stretch without records: said by the gate itself, before anything else."""
        account, gaps = self.account, []
        step = (1_000 * now[1] - now[0]) - (1_000 * account.last_w - account.last_t)
        silent = now[0] - account.last_t
        if abs(step) > CLOCK_STEP_MS:
            gaps.append(self.gap("clock", step))
        if silent > self._beat_ms + LATE_MARGIN_MS:
            slept = self._clock.boot_ms() - self._clock.awake_ms() - self._asleep_ms
            gaps.append(self.gap("suspend" if slept > LATE_MARGIN_MS else "late", silent))
        return gaps

    def _locked(self) -> int:
        """Hold the folder for this process alone; raises `ConfigError` when another gate has it."""
        directory = self._directory
        try:
            return self._disk.lock(directory / "lock")
        except FileNotFoundError as error:
            hint = f"mkdir -p -m 700 {directory}; a daemon that made a new one would hide a lost one"
            raise ConfigError("the folder of the evidence does not exist", where=str(directory), hint=hint) from error
        except BlockingIOError as error:
            raise ConfigError("another gate writes this log", where=str(directory), hint="stop it first") from error
        except OSError as error:
            raise ConfigError(f"cannot write here: {error.strerror}", where=str(directory)) from error


__all__ = ["DamageError", "Evidence", "Policy", "StartFacts"]
