"""Makes the vectors of this folder that have a `key` of their own in expected.json, and their entries there.

    python tests/evidence_vectors/make.py            # nothing changes: the same bytes come out every time

The others (good, ok-torn-seal, ok-open-tail, I1 to I20) are the form's first ones, made before there was a program, and
are kept as they are. Each of these here shows another side of a rule, or a kind of record that those do not have.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE)]

from evidence_maker import QUIET, Case, Life, Planned, Writer, cut, drawn  # noqa: E402  found in tests/
from further import FURTHER, Change  # noqa: E402  found beside this file
from verifiers import COMMON, package  # noqa: E402

from wakeword.evidence.note import COSIGNATURE, ED25519, Key, Signer, checkpoint_text, encode64  # noqa: E402
from wakeword.evidence.record import Record, canonical  # noqa: E402
from wakeword.evidence.redact import redacted  # noqa: E402
from wakeword.evidence.segment import file_name  # noqa: E402

ORIGIN = "wakeword/0c0ffee00c0ffee0"
OF_A_SESSION = ("sid", "where", "wall_s", "bytes", "why")
TELLING = ("tally", "walls", "meter", "cause", "hold", "collect", "stats")


def life() -> Life:
    """Three starts: a session and a stop, a session and a crash that tore something, and one that goes on."""
    device = Life(Random(11))
    device.w = 1_790_000_000
    device.start()
    device.session()
    device.wait()
    device.stop()
    device.turn(60_000)
    device.start()
    device.count()
    device.session()
    device.count()
    device.files[-1].tail = b'{"a":"torn'
    device.turn(60_000)
    device.start()
    device.wait()
    device.session()
    device.wait()
    return device


def kinds(files: list[Planned]) -> None:
    for at, kind in enumerate(TELLING):
        record = drawn(Random(kind), kind)
        last = files[2].groups[-1][0]
        files[2].groups.append([record | {"t": int(last["t"]) + 1_000 * at, "w": int(last["w"]) + at}])


def never_sealed(files: list[Planned]) -> None:
    files[2:2] = [Planned("", [], b'{"e":3,"fir', sealed=False), Planned("", [], b"", sealed=False)]


def no_gap(files: list[Planned]) -> None:
    del files[1].groups[0][1]


def gap_inside(files: list[Planned]) -> None:
    start = files[2].groups[0][1]
    last = files[2].groups[-1][0]
    files[2].groups.append([start | {"t": last["t"], "w": last["w"], "tail_b": 10, "tail_h": "0" * 64, "ab": 0}])


def policy_later(files: list[Planned]) -> None:
    last = files[2].groups[-1][0]
    files[2].groups.append([files[2].groups[0][2] | {"t": last["t"], "w": last["w"]}])


def latched(files: list[Planned]) -> None:
    opened = next(group for group in files[2].groups if group[0]["k"] == "wake")
    clocks = {"t": opened[0]["t"], "w": opened[0]["w"]}
    fault: Record = {"k": "fault", "code": "frame", "arg": 4, "latch": True, **clocks}
    files[2].groups.insert(files[2].groups.index(opened), [fault])


def planted(files: list[Planned]) -> None:
    """5,000 bytes between two quiet counts: no allowance covers one of them."""
    count = files[1].groups[-1][0]
    more = {"eg_b": int(count["eg_b"]) + 5_000, "uq_b": int(count["uq_b"]) + 5_000}
    files[1].groups.append([count | more | {"t": int(count["t"]) + 5_000, "w": int(count["w"]) + 5}])


def beat_while_muted(files: list[Planned]) -> None:
    last = files[2].groups[-1][0]
    clocks = {"t": last["t"], "w": last["w"]}
    on: Record = {"k": "mute", "on": True, "src": "switch", **clocks}
    muted = last | {"muted": True, "frames": 0}
    files[2].groups.append([on, muted, muted | {"frames": 7}])


def nothing_new(files: list[Planned]) -> None:
    files[2].groups.insert(2, [])


def other_seal(files: list[Planned]) -> None:
    files[2].lies |= {"seal": 2, "seal_how": "S + L"}


def without_wake(files: list[Planned]) -> None:
    """The open's group is sealed, but its wake lies in the group before."""
    at = next(at for at, group in enumerate(files[2].groups) if group[0]["k"] == "wake")
    files[2].groups[at - 1].append(files[2].groups[at].pop(0))


def large_tail(files: list[Planned]) -> None:
    files[1].tail = b"x" * 16_385


def torn_seal_at_start(files: list[Planned]) -> None:
    """A start of which a crash left a seal line whole: only `ab` says that nothing of it was sealed."""
    seal = canonical({"k": "seal", "root": encode64(bytes(32)), "sig": encode64(bytes(68)), "size": 1})
    files[2:2] = [Planned("", [], b'{"e":3,"fir\n' + seal + b"\n", sealed=False)]


def says_stopped(files: list[Planned]) -> None:
    files[2].groups[0][1] |= {"why": "stop", "clean": True}


def clock_set(files: list[Planned], told_ms: int = 60_000) -> None:
    """Nine seconds pass and the wall clock moves by 69: said by a gap, rightly unless `told_ms` is another number."""
    last = files[2].groups[-1][0]
    clocks = {"t": int(last["t"]) + 9_000, "w": int(last["w"]) + 69}
    files[2].groups.append([gap_within("clock", told_ms) | clocks, last | clocks | {"frames": 0}])


def clock_set_otherwise(files: list[Planned]) -> None:
    clock_set(files, -60_000)


def gap_within(why: str, ms: int) -> Record:
    return {"k": "gap", "why": why, "ms": ms, "cut_n": 0, "drop_e": 0, **QUIET}


def session_of(files: list[Planned]) -> int:
    """Which group of the third file opens its session."""
    return next(at for at, group in enumerate(files[2].groups) if group[0]["k"] == "wake")


def wake_too_old(files: list[Planned]) -> None:
    wake, opened = files[2].groups[session_of(files)]
    wake["wid"] = opened["wid"] = int(wake["t"]) - 5_001


def faster_than_sound(files: list[Planned]) -> None:
    """All bytes within no time."""
    files[2].groups[session_of(files) + 1][0]["ms"] = 0


def an_hour_later(files: list[Planned], ms: int = 3_600_000) -> None:
    """One session an hour is allowed, and the one before was so long ago."""
    at = session_of(files)
    before = next(group[1] for group in files[1].groups if group[0]["k"] == "wake")
    slept = int(before["t"]) + ms + 1_000 - int(files[2].groups[at][0]["t"])
    for record in (record for group in files[2].groups[at:] for record in group):
        moved = {name: int(record[name]) + slept for name in ("t", "wid") if name in record}
        record.update(moved, w=int(record["w"]) + slept // 1_000)
    clocks = {name: files[2].groups[at][0][name] for name in ("t", "w")}
    files[2].groups.insert(at, [gap_within("suspend", slept) | clocks])
    files[2].groups[0][2]["hour"] = 1


def within_an_hour(files: list[Planned]) -> None:
    an_hour_later(files, 3_598_000)


def payload(files: list[Planned]) -> None:
    """5,000 bytes of payload between two quiet counts, in no more packets."""
    count = files[1].groups[-1][0]
    more = {"uq_b": int(count["uq_b"]) + 5_000, "t": int(count["t"]) + 5_000, "w": int(count["w"]) + 5}
    files[1].groups.append([count | more])


def another_key(files: list[Planned]) -> None:
    files[2].lies["key"] = "another"


def hidden_mute(files: list[Planned]) -> None:
    """What a beat says about mute is not kept: two that contradict each other, after a line that cannot be read."""
    clocks = {name: files[1].groups[-1][0][name] for name in ("t", "w")}
    beat = files[2].groups[0][-1] | clocks
    unread: Record = {"k": "mute", "on": True, "src": "switch", "x": 0, **clocks}
    files[1].groups.append([unread, beat | {"muted": True, "frames": 5}, beat | {"muted": False}])


def hidden_gap(files: list[Planned]) -> None:
    files[1].groups[0][1]["x"] = 0


def hidden_open(files: list[Planned]) -> None:
    files[2].groups[session_of(files)][1]["x"] = 0


def unread(like: Record) -> list[Record]:
    """A group whose record no verifier can read: what it may have changed is not known."""
    return [{"k": "beat", "x": 0, "t": like["t"], "w": like["w"]}]


def hidden_close(files: list[Planned], sessions: int = 9, passed: int = 7) -> None:
    """Whether a session is open is not known, nor are the sums: they are what the next beat says, and stay so."""
    at = session_of(files)
    files[2].groups[at + 1][0]["x"] = 0
    beat = files[2].groups[-1][0]
    beat |= {"sess": 9, "pass_b": 7}
    files[2].groups.append([beat | {"sess": sessions, "pass_b": passed}])


def bytes_of_a_beat(files: list[Planned]) -> None:
    hidden_close(files, passed=8)


def sessions_of_a_beat(files: list[Planned]) -> None:
    hidden_close(files, sessions=8)


def hidden_between_counts(files: list[Planned]) -> None:
    count = files[1].groups[-1][0]
    files[1].groups += [unread(count), [count | {"eg_b": int(count["eg_b"]) + 10**7, "uq_b": 0}]]


def hidden_before_another_time(files: list[Planned]) -> None:
    """The clock since boot fell, and half a day passed on the wall."""
    beat = files[2].groups[-1][0]
    files[2].groups += [unread(beat), [beat | {"t": int(beat["t"]) - 1_000, "w": int(beat["w"]) + 43_200}]]


def hidden_rules(files: list[Planned]) -> None:
    """By which policy this wake came is not known, nor whether the walls stood."""
    for record in files[2].groups[0][2:4]:
        record["x"] = 0
    files[2].groups[session_of(files)][0]["s1"] = 0


def same_wake_again(files: list[Planned]) -> None:
    """Which wake ids were used stays known."""
    at = session_of(files)
    wake, opened = files[2].groups[at]
    clocks = {"t": int(wake["t"]) + 1_000, "w": int(wake["w"]) + 1}
    files[2].groups[at + 1 :] = [unread(wake), [wake | clocks, opened | clocks | {"sid": 9}]]


def latched_and_hidden(files: list[Planned]) -> None:
    latched(files)
    at = session_of(files)
    files[2].groups.insert(at, unread(files[2].groups[at][0]))


def hidden_within_an_hour(files: list[Planned]) -> None:
    within_an_hour(files)
    at = session_of(files)
    files[2].groups.insert(at, unread(files[2].groups[at][0]))


def reported(files: list[Planned], sent: int = 60) -> None:
    """A report of so many bytes was sent between two counts that are 5,000 bytes of payload apart."""
    payload(files)
    stats = drawn(Random("reported"), "stats") | {"bytes": sent}
    files[1].groups.insert(-1, [stats | {name: files[1].groups[-1][0][name] for name in ("t", "w")}])


def not_reported(files: list[Planned]) -> None:
    reported(files, 0)


@dataclass(frozen=True)
class Nobody:
    """A device key that is a point of small order: to who does not look, one signature fits every text."""

    name: str
    spelling: int  # of the neutral element: 1, or what is 1 by 2^255 - 19

    @property
    def key(self) -> Key:
        return Key(self.name, self.spelling.to_bytes(32, "little"))

    def sign(self, _: str) -> bytes:
        """The key ID; R, the neutral element; S, 0."""
        return self.key.identity + (1).to_bytes(32, "little") + bytes(32)


SMALL = {"I4b": 1, "I4c": 2**255 - 19 + 1}

# name -> what it shows, the change before it is written, what it violates
MADE: dict[str, tuple[str, Change | None, list[str]]] = {
    "ok-kinds": ("valid: one record of each kind that only tells something", kinds, []),
    "ok-never-sealed": ("valid: two starts that crashed before their first seal", never_sealed, []),
    "ok-pruned": ("valid: files 1 and 2 are older than the horizon; 1 was dropped, 2 has only hashes", None, []),
    "ok-dropped": ("valid: files 1 and 2 were dropped; 3 and 4, never sealed, are the oldest", never_sealed, []),
    "ok-redacted": ("valid as a redacted copy: only session 3 is left", None, []),
    "ok-torn-start": ("valid: a start that crashed left a seal line with nothing under it", torn_seal_at_start, []),
    "ok-clock": ("valid: the wall clock was set, and a gap says by how much", clock_set, []),
    "ok-stats": ("valid: a report was sent, and the uplink's payload grew by 5,000 bytes", reported, []),
    "ok-hour": ("valid: one session an hour is allowed, the second opens a second after that", an_hour_later, []),
    "I1b": ("a mute with an unknown field, then two beats that contradict each other", hidden_mute, ["I1"]),
    "I1c": ("the gap of a start has an unknown field: no gap stands there", hidden_gap, ["I1", "I14"]),
    "I1d": ("the open after a wake has an unknown field: no open stands there", hidden_open, ["I1", "I5"]),
    "I1e": ("a newest head with a space: no head, and a leaf", None, ["I1", "I2", "I3", "I4", "I14", "I20"]),
    "I1f": ("a close that cannot be read: the sums are what the next beat says", hidden_close, ["I1"]),
    "I1g": ("a line that cannot be read between two counts that contradict each other", hidden_between_counts, ["I1"]),
    "I1h": ("a line that cannot be read, and then another time", hidden_before_another_time, ["I1"]),
    "I1i": ("policy and self-test cannot be read, then a wake with a score of 0", hidden_rules, ["I1"]),
    "I2b": ("file 2 is missing, and with it the torn bytes that file 3 speaks of", None, ["I2", "I14"]),
    "I3b": ("a seal over nothing new", nothing_new, ["I3"]),
    "I3c": ("a signature with S + L in place of S", other_seal, ["I3"]),
    "I4b": ("a device key of small order, and certificates that fit every text", None, ["I4"]),
    "I4c": ("the same, and the key is not in canonical form", None, ["I4"]),
    "I5b": ("a wake that is sealed before its open", without_wake, ["I5"]),
    "I7b": ("a wake id of 5,001 ms before", wake_too_old, ["I7"]),
    "I7c": ("a wake id is used again, after a line that cannot be read", same_wake_again, ["I1", "I7"]),
    "I9b": ("bytes faster than sound, within the caps", faster_than_sound, ["I9"]),
    "I10b": ("the second session opens a second before its hour", within_an_hour, ["I10"]),
    "I10c": ("the same, with a line between that cannot be read", hidden_within_an_hour, ["I1", "I10"]),
    "I11b": ("sound in the second muted heartbeat", beat_while_muted, ["I11"]),
    "I12b": ("the wall clock was set, and a gap says that it moved the other way", clock_set_otherwise, ["I12"]),
    "I14b": ("a start without its gap", no_gap, ["I14"]),
    "I14c": ("more torn bytes than one crash leaves", large_tail, ["I14"]),
    "I14d": ("a gap of a start inside a file", gap_inside, ["I14"]),
    "I14e": ("a start after a crash that calls itself one after a stop", says_stopped, ["I14"]),
    "I15b": ("a second policy in the middle of a file", policy_later, ["I15"]),
    "I16b": ("a session after a fault that latches", latched, ["I16"]),
    "I16c": ("the same, with a line between that cannot be read", latched_and_hidden, ["I1", "I16"]),
    "I17b": ("as I1f, and the beat after that tells other bytes", bytes_of_a_beat, ["I1", "I17"]),
    "I17c": ("as I1f, and the beat after that tells other sessions", sessions_of_a_beat, ["I1", "I17"]),
    "I18b": ("5,000 bytes left between two quiet counts", planted, ["I18"]),
    "I18c": ("5,000 bytes of payload left between two quiet counts", payload, ["I18"]),
    "I18d": ("the same, and a report between that was not sent", not_reported, ["I18"]),
    "I19b": ("file 1 is missing and nothing says that it was dropped", None, ["I19"]),
    "I20b": ("the newest group is cut off; a checkpoint of it was kept", None, ["I20"]),
    "I20c": ("a record of the newest group is spoilt, its seal is whole; a checkpoint of it was kept", None, ["I20"]),
    "I20d": ("file 3 was written anew; a kept checkpoint has its old key's certificate with it", another_key, ["I20"]),
    **FURTHER,
}  # fmt: skip


def made(name: str) -> Writer:
    """The vector's files, receipts and key."""
    device = life()
    change = MADE[name][1]
    if change:
        change(device.files)
    writer = Writer(Random(12), ORIGIN, "vectors")
    if name == "ok-pruned":
        probe = Writer(Random(12), ORIGIN, "vectors")
        probe.write(device.files)
        device.files[2].groups[0][1] |= {"cut_n": probe.firsts[3], "drop_e": 2}
    if name == "ok-dropped":
        device.files[4].groups[0][1] |= {"drop_e": 3}
    if name in SMALL:
        writer.device = Nobody(writer.device.name, SMALL[name])  # type: ignore[assignment]  # a key nobody has
    writer.write(device.files)
    for gone in {"ok-pruned": [1], "ok-dropped": [1, 2], "I2b": [2], "I19b": [1]}.get(name, []):
        del writer.files[file_name(gone)]
    if name == "ok-pruned":
        writer.files[file_name(2)] = cut(writer.files[file_name(2)], writer.evidence[file_name(2)], lambda _: False)
    if name == "ok-redacted":
        reduced = redacted({int(file[:8]): content for file, content in writer.files.items()}, {3})
        writer.files = {file_name(epoch): content for epoch, content in sorted(reduced.items())}
    if name == "I20b":
        lines = writer.files[file_name(3)].splitlines(keepends=True)
        writer.files[file_name(3)] = b"".join(lines[:-2])
    if name == "I20c":
        lines = writer.files[file_name(3)].splitlines(keepends=True)
        lines[-2] = lines[-2].replace(b'"sync":true', b'"sync":trve')
        writer.files[file_name(3)] = b"".join(lines)
    if name == "I2c":
        writer.files[file_name(5)] = b""
    if name == "I1e":
        writer.files[file_name(3)] = writer.files[file_name(3)].replace(b',"first"', b', "first"')
    if name == "I20d":
        kept = Writer(Random(12), ORIGIN, "vectors")
        kept.write(life().files)
        writer.certificates, writer.notes = kept.certificates, kept.notes
    return writer


def refused(seed: str, service: str) -> dict[str, dict[str, str]]:
    """Keys with one fault each, of which a verifier says that there is nothing to check."""
    public = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw()
    device = f"{ORIGIN}/device"  # not the vectors' device: it is enough to read the key

    def spelt(name: str, kind: int = ED25519) -> str:
        return Key(name, public, kind).vkey()

    right, identity = spelt(device), Key(device, public).identity.hex()
    return {
        "refused_device_vkeys": {
            "of type 4": spelt(device, COSIGNATURE),
            "of type 2": spelt(device, 2),
            "the name has no /device": spelt(ORIGIN),
            "the name is /device alone": spelt("/device"),
            "an origin of 129 bytes": spelt("o" * 129 + "/device"),
            "an origin with a capital letter": spelt(device.replace("w", "W", 1)),
            "the ID of another name": right.replace("wakeword/0c", "wakeword/0d", 1),
            "the ID in capital letters": right.replace(identity, identity.upper(), 1),
            "white space within": right[:-8] + " " + right[-8:],
            "a space before that some take for white": "\u00a0" + right,
            "a byte behind that some take for white": right + "\x1c",
            "31 bytes": Key(device, public[:-1]).vkey(),
        },
        "refused_service_vkeys": {
            "of type 1": spelt(service),
            "no name": spelt("", COSIGNATURE),
            "a name with a space": spelt("a service", COSIGNATURE),
            "a name with a letter beyond ASCII": spelt("dienst.für.alle", COSIGNATURE),
        },
    }


def receipts(name: str, writer: Writer, service: Signer) -> str:
    """What was kept elsewhere: mostly the newest certificate, an old checkpoint and the newest."""
    if name == "ok-own-key":
        return writer.notes[-1]
    if name.startswith("ok-newest"):
        return writer.notes[1]
    kept = [writer.certificates[-1], writer.notes[1], writer.notes[-1]]
    if name == "I20e":
        text = checkpoint_text("another/log", 7, bytes(32))
        kept.append(f"{text}\n{service.cosign(text, 1_790_000_000)}\n")
    return "\n".join(kept)


def answer(name: str, entry: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    """A verifier's answer, but what it says in its own words; `signatures_all` is `signatures_checked` with --all."""
    files = {file: (HERE / source).read_bytes() for file, source in entry["files"].items()}
    case = Case(name, files, entry.get("key", keys["device_vkey"]), (HERE / entry["receipts"]).read_text())
    case.witnesses, case.redacted = [keys["service_vkey"]], entry.get("redacted", False)
    every, case.every = package(case), False
    said = package(case)
    told = {what: said[what] for what in COMMON} | {"signatures_all": every["signatures_checked"]}
    told["sessions"] = [{what: each[what] for what in OF_A_SESSION} for each in said["sessions"]]
    findings = [{"invariant": each["invariant"], "where": each["where"]} for each in said["findings"]]
    return told | {"findings": findings, "receipts_ignored": len(said["receipts_ignored"])}


def main() -> None:
    """Write the files and the entries."""
    keys = json.loads((HERE / "keys.json").read_text())
    keys |= refused(keys["TEST_ONLY_device_seed_hex"], keys["service_name"])
    (HERE / "keys.json").write_text(json.dumps(keys, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    service = Signer(
        keys["service_name"], Ed25519PrivateKey.from_private_bytes(bytes.fromhex(keys["TEST_ONLY_service_seed_hex"]))
    )
    expected = json.loads((HERE / "expected.json").read_text())
    for name, (what, _, violates) in MADE.items():
        writer = made(name)
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        for file, content in writer.files.items():
            (folder / file).write_bytes(content)
        (folder / "receipts.txt").write_text(receipts(name, writer, service))
        expected[name] = {
            "what": what, "key": writer.device.key.vkey(), "violates": violates, "redacted": name == "ok-redacted",
            "files": {file: f"{name}/{file}" for file in sorted(writer.files)}, "receipts": f"{name}/receipts.txt",
        }  # fmt: skip
    for name, entry in expected.items():
        entry["answer"] = answer(name, entry, keys)
        entry["open_tail"] = entry["answer"]["open_tail_bytes"]
        if name in MADE:
            entry["where"] = [finding["where"] for finding in entry["answer"]["findings"]]
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
