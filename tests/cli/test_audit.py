"""`wakeword audit` as a user calls it: what it prints, and its exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from evidence_room import HandClock, Room

from wakeword.cli import main

VECTORS = Path(__file__).parents[1] / "evidence_vectors"
KEYS = json.loads((VECTORS / "keys.json").read_text())
PINNED = ["--key", KEYS["device_vkey"]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with one session, made by the store."""
    room = Room(tmp_path / "log", HandClock())
    room.folder.mkdir()
    evidence = room.start()
    checkpoint = room.session(evidence)
    room.clock.turn(300_000)
    evidence.commit([evidence.beat(30_000, muted=False)])
    evidence.commit([{"k": "stop", "why": "shutdown"}])
    (tmp_path / "receipt").write_text(checkpoint)
    evidence.close()
    return room.folder


def test_a_good_log_passes(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(log), "--receipts", str(log.parent / "receipt")]) == 0
    out, err = capsys.readouterr()
    assert "the key was found beside the log" in err
    assert "      1  2026-01-01 00:00:00    0.700    0.800     2.00      64000  silence" in out.splitlines()
    assert "2026-01-01      5.0 min    0.0 min     0         1      64000" in out.splitlines()
    assert out.splitlines()[-2].startswith("PASSED: invariants I1 to I20 hold")
    assert out.splitlines()[-1] == "records cut: 0; open tail: 0 bytes; receipts matched: 1 of 1; newest receipt: none"


def test_a_pinned_key_gives_no_warning(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vkey = log / "device.vkey"
    for given in (str(vkey), vkey.read_text().strip()):
        assert main(["audit", "verify", str(log), "--key", given, "--all"]) == 0
        assert capsys.readouterr().err == ""


def test_the_vectors_by_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    good = str(VECTORS / "good")
    witness = ["--receipts", f"{good}/receipts.txt", "--witness", KEYS["service_vkey"]]
    assert main(["audit", "verify", good, *PINNED, *witness]) == 0
    expected = "records cut: 9; open tail: 0 bytes; receipts matched: 3 of 3; newest receipt: 2026-01-01 20:40:00"
    assert capsys.readouterr().out.splitlines()[-1] == expected


def test_a_forged_log_fails_and_the_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in VECTORS.glob("good/*.seg"):
        shutil.copy(file, tmp_path)
    shutil.copy(VECTORS / "I6/00000003.seg", tmp_path)
    assert main(["audit", "verify", str(tmp_path), *PINNED]) == 1
    out = capsys.readouterr().out
    assert "I6   00000003.seg:11  the stages did not agree: 731204, 799999; the policy asks for 500000, 800000" in out
    assert "FAILED: 1 finding;" in out


def test_json_is_one_object(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify", str(log), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["holds"], result["size"], result["findings"], result["records_cut"]) == (True, 11, [], 0)
    assert [(session["sid"], session["bytes"]) for session in result["sessions"]] == [(1, 64_000)]
    assert result["days"] == [
        {"date": "2026-01-01", "covered_s": 302, "muted_s": 0, "gaps": 0, "sessions": 1, "bytes": 64_000}
    ]


def test_show_tells_what_happened(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "show", str(log)]) == 0
    out = capsys.readouterr().out
    said = [line[21:] for line in out.splitlines() if line.startswith("2026-01-01 00:")]
    assert said == [
        "start: file 00000001, a new key",
        "the log begins",
        "rules: stage 1 from 0.500, stage 2 from 0.500; at most 15.0 s and 480000 bytes a session, 20 sessions an hour",
        "self-test: all walls hold",
        "wake: stage 1 0.700, stage 2 0.800, window 1.50 s, decided in 90 ms",
        "session 1 opened",
        "session 1 closed by silence: 64000 bytes (2.00 s of audio) in 2.00 s",
        "stop (shutdown)",
    ]
    assert main(["audit", "show", str(log), "--beats"]) == 0
    assert "alive: 300 s heard; 64000 bytes passed so far" in capsys.readouterr().out


def test_show_in_json_is_one_object_a_line(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "show", str(log), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["k"] for line in lines] == ["key", "gap", "policy", "selftest", "wake", "open", "close", "stop"]
    assert lines[4]["s1"] == 700_000


def test_show_of_a_log_that_does_not_verify_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in VECTORS.glob("good/*.seg"):
        shutil.copy(file, tmp_path)
    shutil.copy(VECTORS / "I3/00000003.seg", tmp_path)
    assert main(["audit", "show", str(tmp_path), *PINNED]) == 1
    assert "3 findings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no-such-folder"], "no such folder"),
        (["."], "no device key"),
        ([".", *PINNED], "no evidence file"),
        ([".", "--key", "lost.vkey"], "cannot be read: No such file"),
        ([".", "--key", "nonsense"], "expected NAME+ID+BASE64"),
        ([".", "--key", "a+b+c"], "expected NAME+ID+BASE64"),
        ([".", *PINNED, "--receipts", "nonsense"], "no checkpoint in it"),
        ([".", *PINNED, "--receipts", "lost"], "cannot be read"),
        ([".", *PINNED, "--receipts", "binary"], "not text"),
    ],
)
def test_what_cannot_be_checked_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nonsense").write_text("not a note\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    if "--receipts" in arguments:
        shutil.copy(VECTORS / "good/00000001.seg", tmp_path)
    assert main(["audit", "verify", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_receipts_can_be_a_folder(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (log.parent / "receipts").mkdir()
    shutil.move(log.parent / "receipt", log.parent / "receipts/1")
    assert main(["audit", "verify", str(log), "--receipts", str(log.parent / "receipts")]) == 0
    assert "receipts matched: 1 of 1" in capsys.readouterr().out


def test_receipts_may_have_been_saved_elsewhere(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other systems put a byte order mark before a text and end its lines with CR LF; both scripts pass that over."""
    receipt, key = log.parent / "receipt", str(log / "device.vkey")
    receipt.write_bytes(b"\xef\xbb\xbf" + receipt.read_bytes().replace(b"\n", b"\r\n"))
    assert main(["audit", "verify", str(log), "--key", key, "--receipts", str(receipt)]) == 0
    assert "receipts matched: 1 of 1" in capsys.readouterr().out
    script = Path(__file__).parents[2] / "scripts/verify_log.py"
    ask = [sys.executable, str(script), str(log), "--key", key, "--receipts", str(receipt), "--json"]
    told = json.loads(subprocess.run(ask, capture_output=True, check=True).stdout)
    assert (told["receipts"], told["receipts_matched"]) == (1, 1)


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["audit", "verify", "--help"])
    assert ended.value.code == 0
    assert "wakeword audit verify" in capsys.readouterr().out


def test_an_export_is_checked_like_the_folder(log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, receipt = str(tmp_path / "log.tar"), str(tmp_path / "receipt")
    assert main(["audit", "export", str(log), "--out", out, "--receipts", receipt]) == 0
    assert capsys.readouterr().out == f"{out}: 1 file of the log, 11 records\n"
    assert main(["audit", "verify", out]) == 0
    assert "receipts matched: 1 of 1" in capsys.readouterr().out
    assert main(["audit", "show", out]) == 0
    assert "session 1 opened" in capsys.readouterr().out
    assert main(["audit", "export", str(log), "--out", out]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_redacted_export_verifies_as_what_it_is(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "one.tar")
    assert main(["audit", "export", str(log), "--out", out, "--redacted", "--session", "1"]) == 0
    assert main(["audit", "verify", out, "--redacted"]) == 0
    assert main(["audit", "verify", out]) == 1
    assert "I19" in capsys.readouterr().out
    assert main(["audit", "export", str(log), "--out", out + "2", "--session", "1"]) == 2
    assert "add --redacted" in capsys.readouterr().err


def test_the_report_answers_in_text_json_and_html(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hour = ["--from", "2026-01-01T00:00", "--to", "2026-01-01T01:00+00:00"]
    assert main(["audit", "report", str(log), *hour]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == " 1. Was any sound sent between 2026-01-01 00:00:00 and 2026-01-01 01:00:00 UTC?"
    assert out[1].startswith("    YES: 1 session, together at most 64,000 bytes (2.0 s of sound).")
    assert main(["audit", "report", str(log), "--json"]) == 0
    assert [answer["number"] for answer in json.loads(capsys.readouterr().out)["answers"]] == list(range(1, 23))
    assert main(["audit", "report", str(log), "--html", str(tmp_path / "r.html")]) == 0
    assert capsys.readouterr().out == ""
    assert "<h1>What this device let out</h1>" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["report", "LOG", "--from", "yesterday"], 2, "expected UTC like 2026-11-21T02:00"),
        (["report", "LOG", "--from", "2026-02-01T00:00"], 2, "--from is later than --to"),
        (["report", "LOG", "--html", "no/such/folder/r.html"], 74, "cannot be written: No such file"),
        (["export", "LOG", "--out", "no/such/folder/x.tar"], 74, "cannot be written"),
        (["report", "LOG/device.vkey"], 2, "not an archive"),
    ],
)
def test_what_cannot_be_reported_is_named(
    log: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, complaint: str
) -> None:
    assert main(["audit", *(argument.replace("LOG", str(log)) for argument in arguments)]) == code
    assert complaint in capsys.readouterr().err


def test_findings_say_what_showed_them(capsys: pytest.CaptureFixture[str]) -> None:
    log = VECTORS / "I20b"
    key = json.loads((VECTORS / "expected.json").read_text())["I20b"]["key"]
    assert main(["audit", "verify", str(log), "--key", key]) == 0
    assert "seen by" not in capsys.readouterr().out
    assert main(["audit", "verify", str(log), "--key", key, "--receipts", str(log / "receipts.txt")]) == 1
    out = capsys.readouterr().out
    assert "seen by the log and the key alone: 0; only by checkpoints kept elsewhere: 1" in out
