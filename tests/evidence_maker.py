"""Evidence logs by the thousand, drawn from a seed: good ones, and ones that somebody or something spoilt.

A log is first planned, records without their places in the tree, and then written: salted, hashed, sealed, signed. So
it can be spoilt twice. Before it is written, as a gate would that lies and signs its lies (`LIES`); and afterwards, as
an attacker or a disk would (`FORGERIES`). Nothing here is shared with the gate's own writing (`evidence/store.py`) but
the form of a line: what one of them gets wrong, the other shows.

    case = draw(seed)        # the same case for the same seed, on every machine
    case.files               # name -> bytes
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wakeword.evidence import note, tree
from wakeword.evidence.record import KINDS, MAX_WHOLE, Base64, Hex, OneOf, Record, Truth, Value, Whole, canonical, parse
from wakeword.evidence.segment import file_name

M1, M2 = "a1" * 32, "b2" * 32
NOTHING = hashlib.sha256(b"").hexdigest()
ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group that Ed25519 signs in
POLICY: Record = {
    "k": "policy", "s1_min": 500_000, "s2_min": 500_000, "lag_ms": 400, "m1": M1, "m2": M2, "cap_b": 480_000,
    "cap_ms": 15_000, "win_b": 65_536, "rate": 32_000, "hour": 20, "beat_ms": 300_000, "file": "0" * 64,
}  # fmt: skip
QUIET: Record = {"ab": 0, "tail_b": 0, "tail_h": NOTHING, "open": 0, "clean": True}


def signer(name: str, seed: str) -> note.Signer:
    """A key that is the same for the same seed: for tests only."""
    return note.Signer(name, Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest()))


@dataclass
class Planned:
    """One file before it is written. `groups` are sealed one by one; `tail` follows the last seal."""

    boot: str
    groups: list[list[Record]]
    tail: bytes = b""
    sealed: bool = True  # False: a start that a crash cut off; then `tail` is the whole file
    lies: dict[str, Value] = field(default_factory=dict)  # head fields and the like that are written instead


@dataclass
class Case:
    """What a verifier is given."""

    what: str
    files: dict[str, bytes]
    key: str  # the device's, as a vkey
    receipts: str = ""
    witnesses: list[str] = field(default_factory=list)
    every: bool = True
    redacted: bool = False
    spoilt: bool = False


class Life:
    """A device over some days: plans one start after the other, with truthful sums."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.files: list[Planned] = []
        self.t, self.w, self.boot = random.randrange(10_000, 90_000), 1_767_225_600 + random.randrange(10**6), "b0" * 16
        self.sessions = self.passed = self.open = self.cap = 0
        self.muted = self.clean = False
        self.wid, self.cut_n, self.drop_e = -1, 0, 0
        self.opened: list[int] = []
        self.last_t = self.last_w = self.leaves = 0
        self.meter = [0, 0, 0]
        self.policy = dict(POLICY)

    def turn(self, ms: int) -> None:
        """Time passes."""
        self.t += ms
        self.w = 1_767_225_600 + (self.w - 1_767_225_600 + ms // 1_000)

    def start(self, why: str = "start") -> None:
        """key gap policy selftest mute beat."""
        first = not any(planned.sealed for planned in self.files)
        gap_why = "first" if first else "stop" if self.clean else "crash"
        away = 0 if first else 1_000 * (self.w - self.last_w)
        gap: Record = {"k": "gap", "why": gap_why, "ms": away, "open": self.open, "clean": self.clean}
        self.passed += self.cap
        self.open = self.cap = 0
        policy = self.policy | {"hour": self.random.choice([20, 20, 60])}
        group: list[Record] = [
            {"k": "key", "v": 1, "boot": self.boot, "code": "c0" * 32, "why": why},
            gap | {"cut_n": self.cut_n, "drop_e": self.drop_e},
            policy,
            {"k": "selftest", "deny": True, "kat": True, "mic": True, "net": True},
            {"k": "mute", "on": self.muted, "src": "boot"},
            self.beat(0),
        ]
        self.files.append(Planned(self.boot, []))
        self.hour = int(policy["hour"])
        self.commit(group)

    def commit(self, records: list[Record]) -> None:
        """One group, with both clocks read once."""
        group = [record | {"t": self.t, "w": self.w} for record in records]
        self.files[-1].groups.append(group)
        self.leaves += len(group)
        self.last_t, self.last_w, self.clean = self.t, self.w, group[-1]["k"] == "stop"

    def beat(self, frames: int) -> Record:
        sums: Record = {"sess": self.sessions, "pass_b": self.passed}
        return {"k": "beat", "frames": frames, "muted": self.muted, "sync": True, **sums}

    def live(self, steps: int) -> None:
        """So many things happen."""
        things: list[Callable[[], None]] = [
            self.wait, self.wait, self.session, self.session, self.session, self.mute, self.clock, self.sleep,
            self.count, self.odd, self.odd, self.late,
        ]  # fmt: skip
        for _ in range(steps):
            self.random.choice(things)()

    def wait(self) -> None:
        self.turn(self.random.randrange(1_000, 300_001, 1_000))
        self.commit([self.beat(0 if self.muted else 30_000)])

    def session(self, close: bool = True) -> None:
        self.turn(self.random.randrange(100, 20_000, 100) * 10)
        self.opened = [at for at in self.opened if self.t - at <= 3_600_000]
        if self.muted or len(self.opened) >= self.hour or self.t - 50 <= self.wid:
            self.commit([self.beat(0)])
            return
        self.wid, window = self.t - self.random.randrange(5) * 10, self.random.randrange(0, 65_537, 2)
        self.sessions, self.open, self.cap = self.sessions + 1, self.sessions + 1, int(self.policy["cap_b"])
        self.opened.append(self.t)
        scores: Record = {"s1": self.random.randrange(500_000, 10**6 + 1), "s2": self.random.randrange(500_000, 10**6)}
        self.commit([
            {"k": "wake", "wid": self.wid, **scores, "lag_ms": self.random.randrange(401), "m1": M1, "m2": M2,
             "win_b": window, "win_h": "d0" * 32, "a": "e0" * 16},
            {"k": "open", "sid": self.open, "wid": self.wid, "cap_b": self.cap, "cap_ms": 15_000, "fmt": "s16le16k"},
        ])  # fmt: skip
        if not close:
            return
        length = self.random.randrange(0, 15_001)
        self.turn(length + self.random.randrange(3_000))
        why = self.random.choice(["end", "end", "stop", "cap_b", "uplink", "shutdown"])
        sent = min(self.cap, window + 32 * length) if why == "end" else min(self.cap, window + 10 * length)
        self.passed, self.open, self.cap = self.passed + sent, 0, 0
        self.commit([{"k": "close", "sid": self.sessions, "bytes": sent, "ms": length, "why": why, "sum_h": "f0" * 32}])
        self.meter = [self.meter[0] + sent + 9_000, self.meter[1] + 500, self.meter[2] + sent + 700]

    def mute(self) -> None:
        self.turn(1_500)
        self.muted = not self.muted
        self.commit([{"k": "mute", "on": self.muted, "src": self.random.choice(["switch", "user"])}])

    def gap(self, why: str, ms: int) -> Record:
        return {"k": "gap", "why": why, "ms": ms, "cut_n": self.cut_n, "drop_e": self.drop_e, **QUIET}

    def clock(self) -> None:
        self.turn(5_000)
        step = self.random.choice([-1, 1]) * self.random.randrange(2, 90_000)
        self.w += step
        self.commit([self.gap("clock", 1_000 * step), self.beat(0)])

    def late(self) -> None:
        self.turn(900_000)
        self.commit([self.gap(self.random.choice(["late", "listen"]), 900_000), self.beat(0)])

    def sleep(self) -> None:
        self.turn(7_200_000)
        self.commit([self.gap("suspend", 7_200_000), self.beat(0)])

    def count(self) -> None:
        self.turn(3_000)
        out, back, unique = self.meter
        src = self.random.choice(["nft", "bpf", "own"])
        self.commit([{"k": "kcount", "gen": "0" * 16, "eg_b": out, "in_b": back, "uq_b": unique, "src": src}])

    def odd(self) -> None:
        """A record of one of the kinds that only tell something."""
        self.turn(2_000)
        kind = self.random.choice(
            ["tally", "walls", "meter", "cause", "hold", "collect", "stats", "fault", "selftest", "prune"]
        )
        record = drawn(self.random, kind)
        if kind == "fault":
            record["latch"] = False
        if kind == "selftest":
            record |= {"deny": True, "kat": True, "mic": True, "net": True}
        if kind == "prune":
            record |= {"cut_n": self.cut_n, "drop_e": self.drop_e}
        self.commit([record])

    def stop(self, why: str = "shutdown") -> None:
        self.turn(2_000)
        self.commit([self.beat(0), {"k": "stop", "why": why}])

    def end(self) -> None:
        """The gate ends somehow."""
        how = self.random.choice(["stop", "daily", "crash", "torn", "torn seal", "in a session", "never sealed"])
        if how in ("stop", "daily"):
            self.stop({"stop": "shutdown", "daily": "daily"}[how])
        elif how == "in a session":
            self.session(close=False)
        elif how != "crash":
            self.files[-1].tail = self.random.randbytes(self.random.randrange(1, 900))
        if how == "torn seal":
            self.files[-1].tail += b'\n{"k":"seal","root":"AAAA"}\n'
        if how == "never sealed":
            self.files.append(Planned(self.boot, [], self.random.randbytes(self.random.randrange(400)), sealed=False))
        self.turn(self.random.randrange(1_000, 900_000))
        if how != "daily" and self.random.random() < 0.4:  # another boot
            self.boot = self.random.randbytes(16).hex()
            self.t, self.wid, self.opened = self.random.randrange(5_000, 60_000), -1, []


def drawn(random: Random, kind: str) -> Record:
    """A record of the kind with any values that its schema allows."""
    record: Record = {"k": kind}
    for name, check in KINDS[kind].items():
        record[name] = any_value(random, check)
    return record


def any_value(random: Random, check: object) -> Value:
    """A value that the check accepts, extremes more often than not."""
    if isinstance(check, Whole):
        extremes = [check.low, check.high, max(check.low, 0), min(check.high, check.low + 1)]
        return random.choice([*extremes, random.randrange(max(check.low, 0), min(check.high, 10**6) + 1)])
    if isinstance(check, Truth):
        return random.random() < 0.5
    if isinstance(check, Hex):
        return random.randbytes(check.digits // 2).hex()
    if isinstance(check, Base64):
        return note.encode64(random.randbytes(check.size))
    assert isinstance(check, OneOf), check
    return random.choice(check.words)


class Writer:
    """Plans to bytes. Keeps what an attacker could steal and what others could have kept."""

    def __init__(self, random: Random, origin: str, seed: str) -> None:
        self.random, self.origin = random, origin
        self.device, self.witness = signer(f"{origin}/device", "device" + seed), signer("witness.example", "w" + seed)
        self.seed, self.tree = seed, tree.Frontier()
        self.files: dict[str, bytes] = {}
        self.evidence: dict[str, int] = {}  # name -> bytes that are
        self.firsts: dict[int, int] = {}
        self.notes: list[str] = []  # checkpoints in order
        self.certificates: list[str] = []
        self.unexplained: list[bytes] = []

    def write(self, planned: list[Planned]) -> None:
        """All files, in order."""
        for epoch, file in enumerate(planned, 1):
            if file.sealed:
                self._write(epoch, file)
            else:
                self.files[file_name(epoch)] = file.tail
                self.evidence[file_name(epoch)] = 0
                self.unexplained.append(file.tail)

    def _write(self, epoch: int, file: Planned) -> None:
        key = signer(self.origin, f"epoch {epoch} {self.seed} {file.lies.get('key', '')}")
        self.firsts[epoch] = self.tree.size
        head: Record = {"k": "head", "v": 1, "e": epoch, "first": self.tree.size, "front": self.tree.hex()}
        lies = {name: file.lies[name] for name in file.lies if name in ("first", "front", "origin", "e")}
        lines = [canonical(head | {"origin": self.origin} | lies)]
        torn = b"".join(self.unexplained)
        for number, group in enumerate(file.groups):
            for place, planned in enumerate(group):
                record = planned | {"e": planned.get("e", epoch), "s": self.random.randbytes(16).hex()}
                record["n"] = self.tree.size + int(record.pop("_n", 0))
                if record["k"] == "key":
                    record = self._key(record, key, file)
                if record["k"] == "gap" and (number, place) == (0, 1):
                    told: Record = {"ab": max(0, len(self.unexplained) - (epoch > 1)), "tail_b": len(torn)}
                    record = told | {"tail_h": hashlib.sha256(torn).hexdigest()} | record
                lines.append(canonical(record))
                if record["k"] not in ("seal", "head"):
                    self.tree = self.tree.append(tree.leaf_hash(lines[-1]))
            lines.append(self._seal(key, file, number))
        content = b"".join(line + b"\n" for line in lines)
        self.files[file_name(epoch)] = content + file.tail
        self.evidence[file_name(epoch)] = len(content)
        self.unexplained = [file.tail]

    def _key(self, record: Record, key: note.Signer, file: Planned) -> Record:
        pub, prev = note.encode64(key.key.public), note.encode64(self.tree.root())
        record = {"pub": pub, "prev": prev} | record
        text = note.certificate_text(self.origin, record)
        by = signer(self.device.name, "thief") if file.lies.get("certifier") else self.device
        signature = by.sign(text)
        self.certificates.append(note.note(text, by.name, signature))
        return record | {"cert": note.encode64(signature)}

    def _seal(self, key: note.Signer, file: Planned, number: int) -> bytes:
        text = note.checkpoint_text(self.origin, self.tree.size, self.tree.root())
        signature = key.sign(text)
        self.notes.append(note.note(text, self.origin, signature))
        if file.lies.get("seal") == number:
            how = file.lies["seal_how"]
            if how == "another key":
                signature = key.key.identity + signer(self.origin, "thief").sign(text)[4:]
            if how == "S + L":  # the same signature to who does not look
                s = int.from_bytes(signature[36:], "little") + ORDER
                signature = signature[:36] + s.to_bytes(32, "little")
            if how == "another name":
                signature = bytes(4) + signature[4:]
        seal: Record = {"k": "seal", "size": self.tree.size, "root": note.encode64(self.tree.root())}
        return canonical(seal | {"sig": note.encode64(signature)})


def cosigned(text_and_signatures: str, witness: note.Signer, time_s: int) -> str:
    """The note with a witness's line under it."""
    text = text_and_signatures.partition("\n\n")[0] + "\n"
    public = witness.key.public
    signature = witness.private.sign(f"cosignature/v1\ntime {time_s}\n{text}".encode())
    raw = note.key_id(witness.name, public, note.COSIGNATURE) + time_s.to_bytes(8, "big") + signature
    return f"{text_and_signatures}{note.SIGNATURE_LINE}{witness.name} {note.encode64(raw)}\n"


# --- lies: what a gate that is not ours could sign --------------------------------------------------------------------


def _records(random: Random, plan: list[Planned]) -> tuple[list[Record], int]:
    """A group and a place in it."""
    file = random.choice([file for file in plan if file.sealed])
    group = random.choice([group for group in file.groups if group])
    return group, random.randrange(len(group))


def lie_field(random: Random, plan: list[Planned]) -> str:
    group, at = _records(random, plan)
    record = group[at]
    kind = str(record["k"])
    name = random.choice([name for name in KINDS[kind] if name in record] or ["k"])
    if name == "k":
        return lie_field(random, plan)
    old = record[name]
    record[name] = any_value(random, KINDS[kind][name])
    if isinstance(old, int) and not isinstance(old, bool) and random.random() < 0.5:
        record[name] = min(MAX_WHOLE, max(0, old + random.choice([-1, 1, 1_000, -1_000, 3_600_000])))
    return f"{kind}.{name}: {old} -> {record[name]}"


def lie_time(random: Random, plan: list[Planned]) -> str:
    group, at = _records(random, plan)
    name, by = random.choice("tw"), random.choice([-1, 1]) * random.choice([1, 3, 2_501, 16_000, 400_000])
    for record in group if random.random() < 0.5 else group[at:]:
        record[name] = max(0, int(record[name]) + by)
    return f"{name} {by:+}"


def lie_remove(random: Random, plan: list[Planned]) -> str:
    group, at = _records(random, plan)
    return f"no {group.pop(at)['k']}" if len(group) > 1 else lie_remove_group(random, plan)


def lie_remove_group(random: Random, plan: list[Planned]) -> str:
    file = random.choice([file for file in plan if file.sealed])
    if len(file.groups) < 2:
        return lie_field(random, plan)
    return "no " + " ".join(str(record["k"]) for record in file.groups.pop(random.randrange(1, len(file.groups))))


def lie_repeat(random: Random, plan: list[Planned]) -> str:
    group, at = _records(random, plan)
    group.insert(random.randrange(len(group) + 1), dict(group[at]))
    return f"{group[at]['k']} twice"


def lie_move(random: Random, plan: list[Planned]) -> str:
    group, at = _records(random, plan)
    other, to = _records(random, plan)
    other.insert(to, group.pop(at) if len(group) > 1 else dict(group[at]))
    return "a record moved"


def lie_join(random: Random, plan: list[Planned]) -> str:
    file = random.choice([file for file in plan if file.sealed])
    if len(file.groups) > 1:
        at = random.randrange(len(file.groups) - 1)
        file.groups[at] += file.groups.pop(at + 1)
    return "two groups under one seal"


def lie_insert(random: Random, plan: list[Planned]) -> str:
    group, at = _records(random, plan)
    kind = random.choice([kind for kind in KINDS if kind != "key"])
    clocks = {"t": group[at]["t"], "w": group[at]["w"]}
    group.insert(at + random.randrange(2), drawn(random, kind) | clocks)
    return f"a {kind} nobody asked for"


def lie_form(random: Random, plan: list[Planned]) -> str:
    group, at = _records(random, plan)
    name, value = random.choice(
        [("x", 1), ("e", 99), ("k", "music"), ("t", -1), ("text", "hello"), ("_n", 1), ("_n", -1), ("w", "0")]
    )
    group[at][name] = value
    return f"{name} = {value}"


def lie_empty_seal(random: Random, plan: list[Planned]) -> str:
    file = random.choice([file for file in plan if file.sealed])
    file.groups.insert(random.randrange(len(file.groups) + 1), [])
    return "a seal over nothing"


def lie_head(random: Random, plan: list[Planned]) -> str:
    file = random.choice([file for file in plan if file.sealed])
    name, value = random.choice([
        ("first", 3), ("front", "00" * 32), ("front", ""), ("origin", "other/log"), ("e", 77), ("certifier", True),
    ])  # fmt: skip
    file.lies[name] = value
    return f"head or key: {name} {value}"


def lie_seal(random: Random, plan: list[Planned]) -> str:
    file = random.choice([file for file in plan if file.sealed])
    how = random.choice(["another key", "S + L", "another name"])
    file.lies |= {"seal": random.randrange(len(file.groups)), "seal_how": how}
    return f"a seal: {how}"


def lie_tail(random: Random, plan: list[Planned]) -> str:
    file = random.choice(plan)
    file.tail += random.choice([random.randbytes(17_000), b'"k":"seal"' * 2, b"x"])
    return "a large tail"


LIES: list[Callable[[Random, list[Planned]], str]] = [
    lie_field, lie_field, lie_field, lie_field, lie_field, lie_field, lie_time, lie_time, lie_remove, lie_remove,
    lie_remove_group, lie_remove_group, lie_repeat, lie_move, lie_join, lie_insert, lie_insert, lie_form,
    lie_empty_seal, lie_head, lie_seal, lie_tail,
]  # fmt: skip


# --- forgeries: what can be done to a log without a key, and with a stolen one ----------------------------------------

Files = dict[str, bytes]


def _lines(random: Random, files: Files) -> tuple[str, list[bytes], int]:
    name = random.choice(sorted(files))
    lines = files[name].splitlines(keepends=True) or [b""]
    return name, lines, random.randrange(len(lines))


def forge_bit(random: Random, files: Files) -> str:
    name = random.choice(sorted(files))
    if not files[name]:
        return "nothing"
    at, bit = random.randrange(len(files[name])), 1 << random.randrange(8)
    files[name] = files[name][:at] + bytes([files[name][at] ^ bit]) + files[name][at + 1 :]
    return f"bit {bit} of byte {at} of {name}"


def forge_delete(random: Random, files: Files) -> str:
    name, lines, at = _lines(random, files)
    count = random.choice([1, 1, 2, 3])
    files[name] = b"".join(lines[:at] + lines[at + count :])
    return f"{count} lines from {name}:{at + 1} deleted"


def forge_swap(random: Random, files: Files) -> str:
    name, lines, at = _lines(random, files)
    other = random.choice([min(at + 1, len(lines) - 1), random.randrange(len(lines))])
    lines[at], lines[other] = lines[other], lines[at]
    files[name] = b"".join(lines)
    return f"{name}:{at + 1} and {other + 1} swapped"


def forge_repeat(random: Random, files: Files) -> str:
    name, lines, at = _lines(random, files)
    files[name] = b"".join([*lines[: at + 1], *lines[at:]])
    return f"{name}:{at + 1} twice"


def forge_end(random: Random, files: Files) -> str:
    name = random.choice([max(files), random.choice(sorted(files))])
    keep = random.randrange(len(files[name]) + 1)
    files[name] = files[name][:keep]
    return f"{name} cut at {keep}"


def forge_older(random: Random, files: Files) -> str:
    name, lines, _ = _lines(random, files)
    seals = [at for at, line in enumerate(lines) if b'"k":"seal"' in line]
    files[name] = b"".join(lines[: random.choice(seals) + 1]) if seals else b""
    return f"{name} replaced by an older one"


def forge_lost_file(random: Random, files: Files) -> str:
    name = random.choice(sorted(files))
    if len(files) > 1:
        del files[name]
    return f"{name} removed"


def forge_renamed(random: Random, files: Files) -> str:
    name, other = random.choice(sorted(files)), file_name(random.randrange(1, 12))
    files[other] = files.pop(name)
    return f"{name} as {other}"


def forge_more(random: Random, files: Files) -> str:
    name = random.choice(sorted(files))
    more = random.choice([b"x", b"\n", b'{"k":"seal"}\n', random.randbytes(20_000), files[name][-300:], b"\r\n"])
    at = random.choice([len(files[name]), random.randrange(len(files[name]) + 1)])
    files[name] = files[name][:at] + more + files[name][at:]
    return f"{len(more)} bytes put into {name} at {at}"


def forge_spelling(random: Random, files: Files) -> str:
    name, lines, at = _lines(random, files)
    line = lines[at]
    traps = [
        (b"true", b"1"), (b'"v":1', b'"v":true'), (b":0", b":-0"), (b"000", b"e3"), (b'"k"', b'"k":"x","k"'),
        (b",", b", "), (b"\n", b"\r\n"), (b'":', b'": '), (b"{", b"[{"), (b"}", b'}{"k":"cut"}'), (b"a", b"A"),
        (b"=", b""), (b'"k"', b'"\\u006b"'), (b":1", b":1.0"), (b":1", b":01"), (b"}", b',"z":null}'),
        (b"{", b"\xef\xbb\xbf{"),
        (b'"s":"', b'"s":"\xc3\xa9'), (b":1", b":10000000000000000000"), (b"}", b',"z":"' + b"z" * 4_096 + b'"}'),
        (b"{", b'{"":1,'), (b"{", b'{"\x7f":1,'), (b'"w":', b'"w":' + b"[" * 3_000),
    ]  # fmt: skip
    old, new = random.choice([trap for trap in traps if trap[0] in line] or [(b"", b"?")])
    lines[at] = line.replace(old, new, 1)
    files[name] = b"".join(lines)
    return f"{name}:{at + 1} spelt with {new[:12]!r} for {old!r}"


FORGERIES: list[Callable[[Random, Files], str]] = [
    forge_bit, forge_bit, forge_bit, forge_delete, forge_swap, forge_repeat, forge_end, forge_older, forge_lost_file,
    forge_renamed, forge_more, forge_spelling, forge_spelling,
]  # fmt: skip


# --- retention, receipts, and the draw


def cut(content: bytes, end: int, keep: Callable[[Record], bool]) -> bytes:
    """The file with every record that is not kept reduced to its hash, and only its last seal."""
    lines = content[:end].splitlines()
    out = [lines[0]]
    for line in lines[1:-1]:
        record = parse(line)
        if record["k"] == "seal":
            continue
        kept = record["k"] in ("key", "gap", "prune", "cut") or keep(record)
        out.append(line if kept else canonical({"k": "cut", "h": tree.leaf_hash(line).hex()}))
    return b"".join(line + b"\n" for line in [*out, lines[-1]]) + content[end:]


def plan(random: Random, starts: int | None = None) -> list[Planned]:
    """A life of a few starts, all of it true."""
    life = Life(random)
    for number in range(starts or random.choice([1, 2, 2, 3, 4])):
        if number:
            life.end()
        previous = life.files[-1].groups[-1][-1] if life.files and life.files[-1].groups else {}
        life.start("daily" if previous.get("why") == "daily" else "start")
        life.live(random.randrange(0, 9))
    if random.random() < 0.3:
        life.stop()
    if random.random() < 0.2:
        life.files[-1].tail = random.randbytes(random.randrange(400))
    return life.files


def prune(random: Random, planned: list[Planned]) -> int:
    """Let the newest start state a horizon: that file's number, 0 when there is nothing older."""
    sealed = [at for at, file in enumerate(planned) if file.sealed]
    return sealed[random.randrange(1, len(sealed))] + 1 if len(sealed) > 1 else 0


def draw(seed: int, *, spoil: bool | None = None) -> Case:
    """One case. `spoil`: whether it is spoilt; None draws that too, four in five."""
    random = Random(seed)
    origin = f"wakeword/{random.randbytes(8).hex()}"
    planned = plan(random)
    spoilt = random.random() < 0.8 if spoil is None else spoil
    said: list[str] = []
    lying = spoilt and random.random() < 0.6
    for _ in range(random.choice([1, 1, 1, 2]) if lying else 0):
        said.append(random.choice(LIES)(random, planned))
    horizon = prune(random, planned) if random.random() < 0.3 else 0
    if horizon:
        writer = _pruned(random, planned, horizon, origin, seed)
    else:
        writer = Writer(random, origin, str(seed))
        writer.write(planned)
    files = dict(writer.files)
    case = Case("", files, writer.device.key.vkey(), every=random.random() < 0.7)
    case.receipts = _receipts(random, writer)
    case.witnesses = [witness_key(writer)] if random.random() < 0.7 else []
    if spoilt and not lying:
        if random.random() < 0.2:
            said.append(_rewritten(random, planned, writer, case))
        for _ in range(random.choice([1, 1, 2]) if not said else 0):
            said.append(random.choice(FORGERIES)(random, case.files))
    case.spoilt, case.redacted = spoilt, random.random() < 0.1
    case.what = "; ".join(said) or "as it was written"
    return case


def _pruned(random: Random, planned: list[Planned], horizon: int, origin: str, seed: int) -> Writer:
    """Written with the horizon in the newest start's gap, then cut and dropped as it says."""
    probe = Writer(copy.deepcopy(random), origin, str(seed))
    probe.write(planned)
    cut_n = probe.firsts[horizon]
    drop_e = random.choice([0, horizon, random.randrange(1, horizon + 1)])
    newest = [file for file in planned if file.sealed][-1]
    for record in newest.groups[0]:
        if record["k"] == "gap":
            record |= {"cut_n": cut_n, "drop_e": drop_e}
    writer = Writer(random, origin, str(seed))
    writer.write(planned)
    for name in sorted(writer.files):
        epoch = int(name[:8])
        if epoch < drop_e:
            del writer.files[name]
        elif epoch < horizon and writer.evidence[name]:
            writer.files[name] = cut(writer.files[name], writer.evidence[name], lambda _: False)
    return writer


def witness_key(writer: Writer) -> str:
    """The witness's vkey, of type 4, as a witness publishes it."""
    return note.Key(writer.witness.name, writer.witness.key.public, note.COSIGNATURE).vkey()


TIMES_S = [1_767_300_000, 1_767_300_000, 1_767_400_000, 0, 1, MAX_WHOLE, MAX_WHOLE + 1, 2**64 - 1]
NOTE_LINES = ["", " ", "x", "0", "— ", "— a", "—  AAAA", "— a AAAA", "— a AA=", "— é AAAA", "wakegate-key/v1"]


def _receipts(random: Random, writer: Writer) -> str:
    """Some checkpoints that others kept, some cosigned; sometimes with rubbish between."""
    kept: list[str] = []
    for text in random.sample(writer.notes, min(len(writer.notes), random.randrange(4))):
        kept.append(cosigned(text, writer.witness, random.choice(TIMES_S)) if random.random() < 0.5 else text)
    kept += random.sample(writer.certificates, random.randrange(min(3, len(writer.certificates) + 1)))
    if random.random() < 0.15:
        text = note.checkpoint_text(writer.origin, random.randrange(40), bytes(32))
        thief = signer(writer.origin, "thief")
        forged = note.note(text, thief.name, thief.sign(text))
        kept.append(random.choice([forged, "hello\n", "a\n01\nb\n\n— c d\n", text]))
    random.shuffle(kept)
    text = "\n".join(kept)
    return _notes_spoilt(random, text) if random.random() < 0.3 else text


def _notes_spoilt(random: Random, text: str) -> str:
    """Lines put in, left out, swapped or changed: no note more than there was, and perhaps fewer."""
    lines = text.split("\n")
    for _ in range(random.choice([1, 1, 2, 4])):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        line, place = lines[at], random.randrange(len(lines[at]) + 1)
        changed = random.choice([
            line + random.choice("\r =\x0b\x85\ufeff\u2028"), line.replace(" ", "  ", 1), "0" + line, lines[other],
            line[:place] + random.choice("Az09+/=- —") + line[place + 1 :],
        ])  # fmt: skip
        lines[at : at + 1] = random.choice([[changed], [changed], [line, random.choice(NOTE_LINES)], []])
        lines = lines or [""]
    return "\n".join(lines)


def _rewritten(random: Random, planned: list[Planned], writer: Writer, case: Case) -> str:
    """History written anew by who has the device key: from some file on everything is another, and all of it signed."""
    at = random.randrange(len(planned))
    other = copy.deepcopy(planned)
    for file in other[at:]:
        file.lies["key"] = "stolen"
        for group in file.groups[1:]:
            for record in group:
                if record["k"] == "wake":
                    record["win_h"] = "00" * 32
    if not any(file.sealed for file in other):
        return "nothing"
    again = Writer(Random(random.random()), writer.origin, writer.seed)
    again.write(other)
    case.files = dict(again.files)
    return f"rewritten with the device key from file {at + 1} on"


def draws(first: int, count: int) -> Iterator[tuple[int, Case]]:
    """Seeds and their cases."""
    for seed in range(first, first + count):
        yield seed, draw(seed)
