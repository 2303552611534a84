"""The lines of the evidence: which kinds there are, which fields each has, and the one way to write them.

A line is one flat JSON object in canonical form: keys sorted, no spaces, values that are whole numbers within 2^53 - 1,
true, false, or strings of printable ASCII without quote and backslash. A record has exactly the fields of its kind
(`KINDS`) and those that every record has (`EVERY`); there is no field for audio, text or a person.
`docs/audit-log.md` says what each field means. Must not know files, keys or the tree.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

Value = int | bool | str
Record = dict[str, Value]

MAX_LINE_BYTES = 4_096
MAX_WHOLE = 2**53 - 1  # what a verifier in JavaScript can hold exactly

_FORM = rb'"([^"\\]{1,32})":(true|false|0|-?[1-9][0-9]{0,15}|"[ !#-\[\]-~]*")'
_MEMBER = re.compile(_FORM)
_LINE = re.compile(rb"\{(?:%b(?:,%b)*)?\}" % (_FORM, _FORM))


class RecordError(ValueError):
    """A line or a record that breaks the form."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, both ends included."""

    low: int = 0
    high: int = MAX_WHOLE

    def accepts(self, value: Value) -> bool:
        """True and False are not numbers here."""
        return type(value) is int and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""

    def accepts(self, value: Value) -> bool:
        """0 and 1 are not truths here."""
        return type(value) is bool


@dataclass(frozen=True, slots=True)
class Hex:
    """Lower-case hexadecimal: `digits` of them, or any multiple of that when `repeated`."""

    digits: int
    repeated: bool = False

    def accepts(self, value: Value) -> bool:
        """An upper-case digit is refused: two spellings of one value would be two leaves."""
        if type(value) is not str or re.fullmatch("[0-9a-f]*", value) is None:
            return False
        return len(value) % self.digits == 0 if self.repeated else len(value) == self.digits


@dataclass(frozen=True, slots=True)
class Base64:
    """Padded standard base64 of `size` bytes, in its only canonical spelling."""

    size: int

    def accepts(self, value: Value) -> bool:
        """Unused bits in the last digit that are not zero are refused too."""
        try:
            raw = base64.b64decode(value, validate=True) if type(value) is str else b""
        except binascii.Error:
            return False
        return len(raw) == self.size and base64.b64encode(raw).decode() == value


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these words."""

    words: tuple[str, ...]

    def accepts(self, value: Value) -> bool:
        """Exactly as written."""
        return value in self.words


@dataclass(frozen=True, slots=True)
class Matching:
    """Text of one form."""

    form: str

    def accepts(self, value: Value) -> bool:
        """The whole text must match."""
        return type(value) is str and re.fullmatch(self.form, value) is not None


Check = Whole | Truth | Hex | Base64 | OneOf | Matching

_COUNT, _TRUTH, _HASH = Whole(), Truth(), Hex(64)
_PPM = Whole(0, 1_000_000)
_SIGNED = Whole(-MAX_WHOLE)

CLOSE_REASONS = ("end", "cap_b", "cap_ms", "rate", "mute", "stop", "uplink", "listen", "proto", "shutdown")
MICROPHONE_FAULTS = ("unplugged", "stalled", "stolen", "rate", "zeros", "clipping")
FAULT_CODES = (
    "frame", "state", "score", "stale", "model", "window", "order", "eof", "meter", "selftest", "config",
    *MICROPHONE_FAULTS,
)  # fmt: skip
PROCESSES = ("listen", "gate", "uplink", "status", "meter", "run")

# What each process tries at its start although it must not succeed. The value is the errno that it got; 0: it
# succeeded, so there is no wall; -1: not tried, because this process is allowed to do it.
FORBIDDEN_ACTS = (
    "inet", "inet6", "unix", "netlink", "packet", "other",  # a socket of this family; other: any further one tried
    "sound",  # open a sound device
    "log",  # open the evidence
    "write",  # make a file
    "exec",  # run a program
    "ptrace",  # attach to another process
    "wx",  # memory that is writable and executable
)  # fmt: skip

# In every record. e: epoch, n: leaf index, s: salt, t: CLOCK_BOOTTIME in ms, w: wall clock in s.
EVERY: dict[str, Check] = {"e": Whole(1), "n": _COUNT, "s": Hex(32), "t": _COUNT, "w": _COUNT}

KINDS: dict[str, dict[str, Check]] = {
    "key": {
        "v": Whole(1, 1), "boot": Hex(32), "pub": Base64(32), "prev": Base64(32), "cert": Base64(68), "code": _HASH,
        "why": OneOf(("start", "daily")),
    },
    "gap": {
        "why": OneOf(("first", "stop", "crash", "clock", "suspend", "listen", "late")), "ms": _SIGNED,
        "ab": Whole(0, 1_000), "tail_b": _COUNT, "tail_h": _HASH, "open": _COUNT, "clean": _TRUTH, "cut_n": _COUNT,
        "drop_e": _COUNT,
    },
    "policy": {
        "s1_min": _COUNT, "s2_min": _COUNT, "lag_ms": _COUNT, "m1": _HASH, "m2": _HASH, "cap_b": _COUNT,
        "cap_ms": _COUNT, "win_b": _COUNT, "rate": _COUNT, "hour": _COUNT, "beat_ms": _COUNT, "file": _HASH,
    },
    "selftest": {"deny": _TRUTH, "kat": _TRUTH, "mic": _TRUTH, "net": _TRUTH},
    "mute": {"on": _TRUTH, "src": OneOf(("boot", "switch", "user"))},
    "beat": {"frames": _COUNT, "muted": _TRUTH, "sync": _TRUTH, "sess": _COUNT, "pass_b": _COUNT},
    "tally": {"cand": _COUNT, "rej": _COUNT, "deny": _COUNT, "ms": _COUNT},
    "wake": {
        "wid": _COUNT, "s1": _PPM, "s2": _PPM, "lag_ms": _COUNT, "m1": _HASH, "m2": _HASH, "win_b": _COUNT,
        "win_h": _HASH, "a": Hex(32),
    },
    "open": {"sid": Whole(1), "wid": _COUNT, "cap_b": _COUNT, "cap_ms": _COUNT, "fmt": OneOf(("s16le16k",))},
    "close": {"sid": Whole(1), "bytes": _COUNT, "ms": _COUNT, "why": OneOf(CLOSE_REASONS), "sum_h": _HASH},
    "kcount": {"gen": Hex(16), "eg_b": _COUNT, "in_b": _COUNT, "uq_b": _COUNT, "src": OneOf(("nft", "bpf", "own"))},
    "prune": {"cut_n": _COUNT, "drop_e": _COUNT, "why": OneOf(("age", "space", "user"))},
    "fault": {"code": OneOf(FAULT_CODES), "arg": _SIGNED, "latch": _TRUTH},
    "stop": {"why": OneOf(("daily", "shutdown", "fault"))},
    # one a process and start: what it tried of what it must not do
    "walls": {"who": OneOf(PROCESSES), **dict.fromkeys(FORBIDDEN_ACTS, Whole(-1, 4_095))},
    # who counts the uplink's bytes from here on, and whether IP packets (eg) and TCP payload (uq) are counted at all
    "meter": {"src": OneOf(("none", "own", "nft", "bpf")), "eg": _TRUTH, "uq": _TRUTH},
    # how a process of the start before ended that should not have
    "cause": {"who": OneOf(PROCESSES), "how": OneOf(("exit", "signal", "watchdog", "late")), "code": Whole(0, 255)},
    # with the tally: how often and how long wake words were not asked for because the speaker itself spoke
    "hold": {"count": _COUNT, "ms": _COUNT},
    # candidates are kept for tuning, by consent, until the wall clock shows `until`; kept: since the last such record
    "collect": {"why": OneOf(("on", "day", "expired", "forgotten")), "until": _COUNT, "kept": _COUNT},
    # a day's counts were reported with noise: what was sent, epsilon and the budget used so far in thousandths
    "stats": {
        "day": _COUNT, "wakes": _SIGNED, "cand": _SIGNED, "rej": _SIGNED, "cancel": _SIGNED, "eps": Whole(1, 1_000_000),
        "spent": _COUNT, "bytes": _COUNT,
    },
}  # fmt: skip

# Lines that are not records: a file's head, a group's seal, and what is left of a record whose content was removed.
OTHERS: dict[str, dict[str, Check]] = {
    "head": {
        "e": Whole(1), "first": _COUNT, "front": Hex(64, repeated=True), "origin": Matching("[a-z0-9./-]{1,128}"),
        "v": Whole(1, 1),
    },
    "seal": {"root": Base64(32), "sig": Base64(68), "size": Whole(1)},
    "cut": {"h": _HASH},
}  # fmt: skip

# What no policy may exceed, whatever its file says: built into the gate and into every verifier. Both ends included.
HARD_LIMITS: dict[str, tuple[int, int]] = {
    "beat_ms": (1_000, 900_000),
    "cap_b": (1, 2_000_000),
    "cap_ms": (1, 60_000),
    "hour": (1, 60),
    "lag_ms": (1, 2_000),
    "rate": (1, 64_000),
    "s1_min": (100_000, 1_000_000),
    "s2_min": (100_000, 1_000_000),
    "win_b": (1, 131_072),
}


def canonical(record: Mapping[str, Value]) -> bytes:
    """The record as its one canonical line, without line feed; raises `RecordError` for a value that has none."""
    members = [f'"{key}":{_spelt(record[key])}' for key in sorted(record)]
    line = ("{" + ",".join(members) + "}").encode()
    parse(line)
    return line


def _spelt(value: Value) -> str:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) not in (int, str):
        raise RecordError(f"{value!r} has no canonical form")
    return str(value) if type(value) is int else f'"{value}"'


def parse(line: bytes) -> Record:
    """A canonical line, without line feed, as a record; raises `RecordError` for every other spelling."""
    if len(line) > MAX_LINE_BYTES:
        raise RecordError(f"a line of {len(line)} bytes; at most {MAX_LINE_BYTES}")
    if _LINE.fullmatch(line) is None:
        raise RecordError("not one flat JSON object in canonical form")
    record: Record = {}
    previous = b""
    for member in _MEMBER.finditer(line):
        if record and member[1] <= previous:
            raise RecordError(f"key {member[1]!r} is not after {previous!r}")
        previous = member[1]
        record[_text(previous)] = _value(member[2])
    return record


def _text(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise RecordError("a key that is not ASCII") from error


def _value(raw: bytes) -> Value:
    if raw.startswith(b'"'):
        return raw[1:-1].decode("ascii")
    if raw in (b"true", b"false"):
        return raw == b"true"
    number = int(raw)
    if abs(number) > MAX_WHOLE:
        raise RecordError(f"{number} is beyond 2^53 - 1")
    return number


def problem(record: Record) -> str:
    """What breaks the closed schema, in words; "" when nothing does."""
    kind = record.get("k")
    if kind in OTHERS:
        checks = OTHERS[str(kind)]
    elif kind in KINDS:
        checks = KINDS[str(kind)] | EVERY
    else:
        return f"unknown kind {kind!r}"
    for name in checks:
        if name not in record:
            return f"{kind} without {name}"
        if not checks[name].accepts(record[name]):
            return f"{kind}.{name} = {record[name]!r} is out of range"
    unknown = sorted(set(record) - set(checks) - {"k"})
    return f"{kind} with unknown field {unknown[0]}" if unknown else ""


def checked(record: Record) -> Record:
    """The record itself; raises `RecordError` when it breaks the closed schema."""
    if wrong := problem(record):
        raise RecordError(wrong)
    return record
