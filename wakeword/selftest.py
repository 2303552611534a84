"""What the gate proves about itself before it opens for the first time, by trying. Each answer goes into the evidence.

deny   the states refuse a set of forged messages, and let no byte pass
kat    hash, signature and tree give the known answers
mic    no sound device can be opened, and no socket to a sound server made
net    no socket of any family can be made
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from wakeword.evidence import note, tree
from wakeword.evidence.account import Account
from wakeword.evidence.record import Record
from wakeword.evidence.store import Policy
from wakeword.messages import Audio, End, Hello, Message, State, Stop, Tick, Wake
from wakeword.states import MAX_WAKE_AGE_MS, Gate
from wakeword.states import State as GateState

_NOW_MS = 1_000_000
SOCKETS = ("inet", "inet6", "unix", "netlink", "packet", "other")


class _ScratchLog:
    """A log that keeps what it is given, in memory."""

    certificate = ""

    def __init__(self) -> None:
        self.account, self.records = Account(), list[Record]()

    def commit(self, records: Sequence[Record]) -> str:
        for record in records:
            self.records.append(record)
            self.account.take(record | {"t": _NOW_MS, "w": 0})
        return ""

    def beat(self, frames: int, *, muted: bool, passing: int = 0) -> Record:
        return {"k": "beat", "frames": frames, "muted": muted, "sync": False, "sess": 0, "pass_b": passing}

    def gap(self, why: str, length_ms: int) -> Record:
        return {"k": "gap", "why": why, "ms": length_ms, "cut_n": 0, "drop_e": 0}

    def has_room(self) -> bool:
        return True

    def grow_from(self, size: int) -> None:
        pass

    def growth(self) -> tuple[int, tuple[bytes, ...]]:
        return 0, ()


class _ScratchOutside:
    """An uplink that takes everything, and counts it."""

    def __init__(self) -> None:
        self.uplink_alive, self.uploaded, self.mute = True, list[Message](), False

    def now_ms(self) -> int:
        return _NOW_MS

    def muted(self) -> bool:
        return self.mute

    def upload(self, message: Message, until_ms: int) -> tuple[int, int]:
        self.uploaded.append(message)
        return len(message.pack()) + 8, _NOW_MS

    def tell(self, message: State) -> None:
        pass

    def report(self, event: str, **fields: object) -> None:
        pass


def _good_wake(policy: Policy) -> Wake:
    models = bytes.fromhex(policy.m1), bytes.fromhex(policy.m2)
    return Wake(_NOW_MS - 10, 1_600, policy.s1_min, policy.s2_min, policy.lag_ms, *models, bytes(policy.win_b // 2 * 2))


def deny(policy: Policy) -> bool:
    """True when each forgery is refused with no byte passed, and (so that this proves something) a good wake is not."""
    good = _good_wake(policy)
    hello = Hello(good.m1, good.m2)
    forged: list[tuple[list[Message], bool]] = [  # messages, is it a fault that latches
        ([good], True),  # before Hello
        ([hello, hello], True),
        ([Hello(good.m2, bytes(32))], True),
        ([hello, Audio(0, bytes(320))], True),
        ([hello, End(good.wake_id)], True),
        ([hello, replace(good, stage1_ppm=policy.s1_min - 1)], True),
        ([hello, replace(good, stage2_ppm=policy.s2_min - 1)], True),
        ([hello, replace(good, stage2_ppm=1_000_001)], True),
        ([hello, replace(good, lag_ms=policy.lag_ms + 1)], True),
        ([hello, replace(good, m1=bytes(32))], True),
        ([hello, replace(good, window=b"")], True),
        ([hello, replace(good, window=bytes(len(good.window) + 2))], True),
        ([hello, replace(good, window=bytes(1))], True),
        ([hello, replace(good, wake_id=_NOW_MS - MAX_WAKE_AGE_MS - 1)], False),
        ([hello, replace(good, wake_id=_NOW_MS + 1)], False),
        ([hello, Tick(100, 1, 1), Stop(1), Audio(1_600, bytes(2))], True),
    ]
    refused = all(_refused(policy, messages, latches=latches) for messages, latches in forged)
    log, outside = _ScratchLog(), _ScratchOutside()
    _play(Gate(log, outside, policy), [hello, good])
    return refused and [record["k"] for record in log.records] == ["wake", "open"] and len(outside.uploaded) > 1


def _refused(policy: Policy, messages: Sequence[Message], *, latches: bool) -> bool:
    log, outside = _ScratchLog(), _ScratchOutside()
    gate = Gate(log, outside, policy)
    _play(gate, messages)
    faults = [record for record in log.records if record["k"] == "fault"]
    nothing_opened = len(faults) == len(log.records) == 1 and not outside.uploaded
    return nothing_opened and (gate.state is GateState.LATCHED) == latches


def _play(gate: Gate, messages: Sequence[Message]) -> None:
    for message in messages:
        gate.hear(message)


def known_answers() -> bool:
    """True when SHA-256 (FIPS 180), Ed25519 (RFC 8032, test 2) and the tree (RFC 6962) give the published answers."""
    abc = hashlib.sha256(b"abc").hexdigest()
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    leaves = [tree.leaf_hash(entry) for entry in (b"", b"\x00", b"\x10")]
    root = tree.Frontier().extend(leaves).root().hex()
    return (
        abc == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        and note.verified(public, signature, b"\x72")
        and not note.verified(public, signature, b"\x73")
        and root == "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    )


def run(policy: Policy, tried: Mapping[str, int]) -> dict[str, bool]:
    """All four, as the `selftest` record has them. `tried`: what came of each forbidden act (`forbidden.try_acts`)."""
    no_socket = all(tried[family] for family in SOCKETS)
    return {
        "deny": deny(policy),
        "kat": known_answers(),
        "mic": no_socket and tried["sound"] != 0,
        "net": no_socket,
    }
