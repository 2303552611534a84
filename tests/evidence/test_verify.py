"""The verifier against the vectors, and against what a forger would try next.

Each folder of tests/evidence_vectors breaks one invariant; expected.json says which, and on which lines.
"""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evidence_maker import Life, Writer
from evidence_room import HandClock, Room

import wakeword.evidence.verify
from wakeword.evidence import note
from wakeword.evidence.extent import evidence_ends
from wakeword.evidence.note import Key, Signer
from wakeword.evidence.verify import Finding, Result, read_files, verify

VECTORS = Path(__file__).parents[1] / "evidence_vectors"
EXPECTED: dict[str, dict[str, Any]] = json.loads((VECTORS / "expected.json").read_text())
KEYS = json.loads((VECTORS / "keys.json").read_text())
DEVICE, SERVICE = Key.from_vkey(KEYS["device_vkey"]), Key.from_vkey(KEYS["service_vkey"])


def check(
    folder: Path, receipts: str = "", *, device: Key = DEVICE, every: bool = True, redacted: bool = False
) -> Result:
    return verify(folder, device, receipts, [SERVICE], every=every, redacted=redacted)


def invariants(result: Result) -> set[str]:
    return {finding.invariant for finding in result.findings}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A folder with the valid log."""
    for source in VECTORS.glob("good/*.seg"):
        shutil.copy(source, tmp_path)
    return tmp_path


def test_there_is_a_vector_for_each_invariant() -> None:
    """Each is broken by a log that breaks no other."""
    alone = {name: entry["violates"] for name, entry in EXPECTED.items() if len(entry["violates"]) == 1}
    assert [alone[f"I{number}"] for number in range(1, 21)] == [[f"I{number}"] for number in range(1, 21)]
    assert {"good", "ok-torn-seal", "ok-open-tail"} < set(EXPECTED)


def test_the_vectors_that_have_a_maker_come_out_the_same() -> None:
    maker = runpy.run_path(str(VECTORS / "make.py"))
    assert set(maker["MADE"]) == {name for name, entry in EXPECTED.items() if "key" in entry}
    for name in maker["MADE"]:
        for file, content in maker["made"](name).files.items():
            assert (VECTORS / name / file).read_bytes() == content, f"{name}/{file}"


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize("name", EXPECTED)
def test_vector(tmp_path: Path, name: str, every: bool) -> None:
    expected = EXPECTED[name]
    for file, source in expected["files"].items():
        shutil.copy(VECTORS / source, tmp_path / file)
    device, receipts = Key.from_vkey(expected.get("key", KEYS["device_vkey"])), VECTORS / expected["receipts"]
    redacted = expected.get("redacted", False)
    result = check(tmp_path, receipts.read_text(), device=device, every=every, redacted=redacted)
    assert invariants(result) == set(expected["violates"])
    assert [finding.where for finding in result.findings] == expected.get("where", [])
    assert result.open_tail_bytes == expected["open_tail"]


def test_the_good_log_in_full(good: Path) -> None:
    result = check(good, (VECTORS / "good/receipts.txt").read_text())
    assert (result.size, note.encode64(result.root)) == (EXPECTED["good"]["size"], EXPECTED["good"]["root"])
    assert (result.receipts, result.receipts_matched, result.newest_receipt_s) == (3, 3, 1_767_300_000)
    assert (result.cut_records, result.signatures_checked) == (9, 17)
    assert [(session.sid, session.why) for session in result.sessions] == [(2, "crash"), (3, "end")]


def test_the_short_list_checks_the_last_seal_and_each_session(good: Path) -> None:
    assert check(good, every=False).signatures_checked == 4


def test_another_device_key_is_found_at_every_start(good: Path) -> None:
    other = Key(DEVICE.name, Signer.fresh("x").key.public)
    findings = check(good, device=other).findings
    assert [(finding.invariant, finding.where) for finding in findings] == [
        ("I4", f"0000000{epoch}.seg:2") for epoch in (1, 2, 3)
    ]


def test_a_key_for_another_log_is_found(good: Path) -> None:
    assert "I4" in invariants(check(good, device=Key("example/other/device", DEVICE.public)))


def test_a_cut_end_shows_only_against_a_later_checkpoint(room: Room) -> None:
    """The one thing that a log cannot show by itself: that it went on."""
    evidence = room.start()
    checkpoints = room.session(evidence) + "\n" + room.session(evidence, sent=None)
    evidence.close()
    path = room.folder / "00000001.seg"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-3]))
    assert room.check().size == 9
    result = verify(room.folder, room.key(), checkpoints)
    assert [(finding.invariant, finding.where) for finding in result.findings] == [("I20", "anchor 11")]
    assert result.receipts_matched == 1


def test_a_certificate_kept_with_a_checkpoint_makes_it_count_when_its_file_is_gone(room: Room) -> None:
    room.start().close()
    evidence = room.start()
    checkpoint, certificate = room.session(evidence), evidence.certificate
    evidence.close()
    assert room.check(certificate + "\n" + checkpoint).receipts_matched == 1
    (room.folder / "00000002.seg").unlink()
    assert verify(room.folder, room.key(), checkpoint).findings == []
    lost = verify(room.folder, room.key(), certificate + "\n" + checkpoint)
    assert [(finding.invariant, finding.where) for finding in lost.findings] == [("I20", "anchor 14")]


def test_a_receipt_signed_by_nobody_known_is_ignored_and_said(good: Path) -> None:
    signer = Signer.fresh(DEVICE.name.removesuffix("/device"))
    text = note.checkpoint_text(signer.name, 8, bytes(32))
    result = check(good, note.note(text, signer.name, signer.sign(text)))
    assert (result.findings, result.receipts, result.receipts_matched) == ([], 1, 0)
    assert result.receipts_ignored == ["anchor 8: signed by no key of this log and by no witness given"]


def receipt(text: str) -> str:
    """A checkpoint that the service of the vectors cosigned."""
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(KEYS["TEST_ONLY_service_seed_hex"]))
    return f"{text}\n{Signer(SERVICE.name, private).cosign(text, 1_767_300_000)}\n"


def test_a_receipt_for_another_log_is_found(good: Path) -> None:
    result = check(good, receipt(note.checkpoint_text("example/other", 8, bytes(32))))
    assert [(finding.invariant, finding.where) for finding in result.findings] == [("I20", "anchor 8")]


def test_a_receipt_from_before_the_oldest_file_is_not_compared(tmp_path: Path) -> None:
    """Files 1 and 2 were dropped: at 8 records nothing is known of the tree."""
    entry = EXPECTED["ok-dropped"]
    for name, source in entry["files"].items():
        shutil.copy(VECTORS / source, tmp_path / name)
    device = Key.of_device(entry["key"])
    text = note.checkpoint_text(device.name.removesuffix("/device"), 8, bytes(32))
    result = check(tmp_path, receipt(text), device=device)
    assert (result.findings, result.receipts_ignored) == ([], ["anchor 8: lies before the oldest file"])


def test_a_file_that_is_too_large_is_named_and_left_out(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = sorted(path.stat().st_size for path in good.glob("*.seg"))[-1]
    monkeypatch.setattr(wakeword.evidence.verify, "MAX_FILE_BYTES", largest - 1)
    assert ("I1", "00000003.seg") in [(finding.invariant, finding.where) for finding in check(good).findings]


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        ({"front": "00" * 32 * 7}, ("I4", "00000002.seg:1")),  # not as many hashes as `first` has 1-bits
        ({"first": 3}, ("I2", "00000002.seg:1")),
    ],
)
def test_a_head_that_lies_about_the_tree_before_it(
    tmp_path: Path, lie: dict[str, Any], expected: tuple[str, str]
) -> None:
    life, writer = Life(Random(1)), Writer(Random(2), "example/1f", "head")
    for _ in range(2):
        life.start()
        life.stop()
        life.turn(60_000)
    if "first" in lie:  # two hashes, as 3 has 1-bits
        lie = lie | {"front": "00" * 64}
    life.files[1].lies |= lie
    writer.write(life.files)
    for name, content in writer.files.items():
        (tmp_path / name).write_bytes(content)
    result = verify(tmp_path, writer.device.key, every=True)
    assert expected in [(finding.invariant, finding.where) for finding in result.findings]


def test_a_start_that_calls_itself_the_first_and_is_not(tmp_path: Path) -> None:
    life, writer = Life(Random(1)), Writer(Random(2), "example/1f", "first")
    for _ in range(2):
        life.start()
        life.turn(60_000)
    life.files[1].groups[0][1]["why"] = "first"
    writer.write(life.files)
    for name, content in writer.files.items():
        (tmp_path / name).write_bytes(content)
    result = verify(tmp_path, writer.device.key, every=True)
    assert [(finding.invariant, finding.where) for finding in result.findings] == [("I14", "00000002.seg:3")]


def change(name: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        content = (folder / name).read_bytes()
        assert old in content
        (folder / name).write_bytes(content.replace(old, new, 1))

    return do


def append(name: str, more: bytes) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes() + more)

    return do


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def rename(name: str, to: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).rename(folder / to) and None


def swap_lines(name: str, first: int, second: int) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        lines = (folder / name).read_bytes().splitlines(keepends=True)
        lines[first - 1], lines[second - 1] = lines[second - 1], lines[first - 1]
        (folder / name).write_bytes(b"".join(lines))

    return do


def drop_line(name: str, number: int) -> Callable[[Path], None]:
    def do(folder: Path) -> None:
        lines = (folder / name).read_bytes().splitlines(keepends=True)
        (folder / name).write_bytes(b"".join(lines[: number - 1] + lines[number:]))

    return do


# What a forger does to a sealed log -> an invariant that must be among the findings.
FORGERIES: list[tuple[str, Callable[[Path], None], str]] = [
    ("a session is made smaller", change("00000003.seg", b'"bytes":176000', b'"bytes":1760'), "I3"),
    ("a score is raised", change("00000003.seg", b'"s2":912655', b'"s2":999999'), "I3"),
    ("a wake and its session are removed", drop_line("00000003.seg", 12), "I3"),
    ("a record between is removed", drop_line("00000003.seg", 9), "I2"),
    ("two records are swapped", swap_lines("00000003.seg", 11, 12), "I2"),
    ("a seal's signature is changed", change("00000003.seg", b"RlU3wlV083O5", b"RlU3wlV083O6"), "I3"),
    ("a seal's size is changed", change("00000003.seg", b'"size":29}', b'"size":28}'), "I3"),
    ("a line is spelt otherwise", change("00000003.seg", b'"on":true', b'"on": true'), "I1"),
    ("line ends of another system", change("00000003.seg", b"}\n", b"}\r\n"), "I1"),
    ("upper-case hexadecimal", change("00000003.seg", b'"a":"4ff1', b'"a":"4FF1'), "I1"),
    ("true where 1 belongs", change("00000003.seg", b'"v":1', b'"v":true'), "I1"),
    ("a second head", swap_lines("00000003.seg", 1, 2), "I1"),
    ("the first file is gone", remove("00000001.seg"), "I19"),
    ("a file between is gone", remove("00000002.seg"), "I2"),
    ("a file under another number", rename("00000003.seg", "00000004.seg"), "I2"),
    ("an older file goes on after its end", append("00000001.seg", b'{"k":"more"}\n'), "I14"),
    ("a torn tail is tidied away", change("00000002.seg", b"\0" * 16, b""), "I14"),
    ("one line of ten megabytes", append("00000002.seg", b"x" * 10_000_000), "I14"),
    ("the newest file ends in rubbish", append("00000003.seg", b"x" * 20_000), ""),
    ("front of another tree", change("00000003.seg", b'"front":"de39', b'"front":"de38'), "I4"),
    ("front too short", change("00000003.seg", b'"front":"de39cf2249afab0b', b'"front":"'), "I1"),
    ("another origin", change("00000003.seg", b"wakegate.example/9f", b"wakegate.example/8f"), "I4"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "forge", "invariant"), FORGERIES, ids=[forgery[0] for forgery in FORGERIES])
def test_forgery(good: Path, what: str, forge: Callable[[Path], None], invariant: str) -> None:
    forge(good)
    result = check(good)
    assert invariant in invariants(result) | {""}, (what, result.findings)
    assert result.findings or not invariant


def test_an_unsigned_seal_in_the_middle_is_found_only_by_checking_every_signature(good: Path) -> None:
    change("00000003.seg", b"RlU3wifeACvn", b"RlU3wifeACvo")(good)
    assert check(good, every=False).findings == []
    assert check(good).findings == [
        Finding("I3", "00000003.seg:15", "the seal is not signed by this file's key"),
    ]


def test_a_whole_log_by_someone_with_another_device_key_is_found(room: Room, tmp_path: Path) -> None:
    evidence = room.start()
    room.session(evidence)
    evidence.close()
    pinned = room.key()
    other = Room(tmp_path / "other", HandClock())
    other.folder.mkdir()
    forged = other.start()
    other.session(forged)
    forged.close()
    assert "I4" in invariants(verify(other.folder, pinned))


def test_nothing_sealed_is_not_a_passed_log(tmp_path: Path) -> None:
    (tmp_path / "00000001.seg").write_bytes(b"rubbish")
    assert check(tmp_path).findings == [
        Finding("I3", "00000001.seg", "not one sealed record: nothing here is evidence")
    ]


def test_no_log_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no evidence file"):
        verify(tmp_path, DEVICE)


def test_the_end_of_an_older_file_is_where_the_next_start_says(good: Path) -> None:
    files = read_files(good)
    assert evidence_ends(files) == {1: len(files[1]), 2: len(files[2]) - 189, 3: len(files[3])}


def test_a_start_that_was_never_sealed_is_an_open_tail(good: Path) -> None:
    (good / "00000004.seg").write_bytes((good / "00000003.seg").read_bytes()[:500])
    result = check(good)
    assert (result.findings, result.open_tail_bytes, result.size) == ([], 500, 39)
