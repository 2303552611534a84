"""What is packed is what was there, the same every time; what is unpacked is not believed."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from evidence_room import Room

from wakeword.errors import ConfigError
from wakeword.evidence.export import Packed, pack, unpack
from wakeword.evidence.record import RecordError, parse
from wakeword.evidence.redact import redacted
from wakeword.evidence.verify import read_files, verify


def lived(room: Room) -> str:
    """Two starts and three sessions; the second session's checkpoint."""
    evidence = room.start()
    room.session(evidence)
    checkpoint = room.session(evidence)
    evidence.close()
    room.clock.turn(5_000)
    evidence = room.start()
    room.session(evidence)
    evidence.commit([evidence.beat(0, muted=False)])
    evidence.close()
    return checkpoint


def archive(room: Room, receipts: str = "") -> bytes:
    files = {path.name: path.read_bytes() for path in sorted(room.folder.glob("*.seg"))}
    return pack(Packed(files, room.key().vkey(), receipts), room.check(), {"redacted": False})


def test_the_same_log_gives_the_same_bytes(room: Room) -> None:
    checkpoint = lived(room)
    assert archive(room, checkpoint) == archive(room, checkpoint)


def test_what_was_packed_comes_out(room: Room, tmp_path: Path) -> None:
    checkpoint = lived(room)
    path = tmp_path / "all.tar"
    path.write_bytes(archive(room, checkpoint))
    back = unpack(path)
    assert back.files == {file.name: file.read_bytes() for file in room.folder.glob("*.seg")}
    assert (back.key, back.receipts) == (room.key().vkey(), checkpoint)


def test_about_names_every_file_by_its_hash(room: Room, tmp_path: Path) -> None:
    lived(room)
    (tmp_path / "all.tar").write_bytes(archive(room))
    with tarfile.open(tmp_path / "all.tar") as tar:
        contents = {name.removeprefix("evidence/"): tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    about = json.loads(contents.pop("about.json"))
    assert about["sha256"] == {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert {"verify_log.py", "verify.html", "audit-log.md", "README.txt", "log/00000002.seg"} < set(contents)
    assert about["size"] == room.check().size


def test_the_verifier_in_the_archive_checks_the_log_in_it(room: Room, tmp_path: Path) -> None:
    """As its README says, with nothing of this package on the path."""
    (tmp_path / "all.tar").write_bytes(archive(room, lived(room)))
    subprocess.run(["tar", "-xf", "all.tar"], cwd=tmp_path, check=True)  # as auditors do
    ask = [sys.executable, "-I", "-S", "verify_log.py", "log", "--key", "device.vkey", "--receipts", "receipts.txt"]
    done = subprocess.run(ask, cwd=tmp_path / "evidence", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "receipts matched: 1;" in done.stdout


@pytest.mark.parametrize(("name", "kind"), [("../../00000001.seg", tarfile.REGTYPE), ("00000001.seg", tarfile.SYMTYPE)])
def test_a_hostile_archive_reaches_no_other_place(tmp_path: Path, name: str, kind: bytes) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.size = kind, "/etc/passwd", 4 if kind == tarfile.REGTYPE else 0
        tar.addfile(entry, io.BytesIO(b"data"))
    (tmp_path / "hostile.tar").write_bytes(content.getvalue())
    if kind == tarfile.REGTYPE:
        assert unpack(tmp_path / "hostile.tar").files == {"00000001.seg": b"data"}
        return
    with pytest.raises(ConfigError, match="no evidence file"):
        unpack(tmp_path / "hostile.tar")


def test_what_is_no_archive_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no" * 600)
    with pytest.raises(ConfigError, match="not an archive"):
        unpack(tmp_path / "x.tar")


def test_a_redacted_copy_has_the_chosen_session_alone_and_the_same_root(room: Room, tmp_path: Path) -> None:
    checkpoint = lived(room)
    whole = room.check()
    copy = tmp_path / "copy"
    copy.mkdir()
    for epoch, content in redacted(read_files(room.folder), {2}).items():
        (copy / f"{epoch:08d}.seg").write_bytes(content)
    result = verify(copy, room.key(), checkpoint, every=True, redacted=True)
    assert (result.findings, result.receipts_matched) == ([], 1)
    assert (result.size, result.root) == (whole.size, whole.root)
    assert [(session.sid, session.passed_bytes) for session in result.sessions] == [(2, 64_000)]
    kinds = [parse(line)["k"] for path in sorted(copy.iterdir()) for line in path.read_bytes().splitlines()]
    assert {kind: kinds.count(kind) for kind in ("wake", "open", "close", "beat", "mute", "seal")} == {
        "wake": 1, "open": 1, "close": 1, "beat": 0, "mute": 0, "seal": 3
    }  # fmt: skip
    assert result.cut_records == result.cut_beyond == kinds.count("cut") == 11
    assert {finding.invariant for finding in verify(copy, room.key()).findings} == {"I19"}


def test_what_is_not_in_form_cannot_be_redacted(room: Room) -> None:
    lived(room)
    files = read_files(room.folder)
    with pytest.raises(RecordError):
        redacted(files | {1: files[1].replace(b'"on":false', b'"on": false')}, set())
