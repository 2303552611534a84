"""docs/verify.html and the auditor's report, in a browser: what a reader sees, and what a hostile log cannot do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from browser import Chromium, Opened
from evidence_maker import Life, Writer
from evidence_room import Room
from verifiers import PAGE

from wakeword.cli import main
from wakeword.evidence.answers import Answer
from wakeword.evidence.page import html
from wakeword.evidence.verify import Finding, Result

VECTORS = Path(__file__).parents[1] / "evidence_vectors"
EXPECTED = json.loads((VECTORS / "expected.json").read_text())
KEYS = json.loads((VECTORS / "keys.json").read_text())
DONE = "!document.getElementById('result').hidden || !document.getElementById('failed').hidden"


def check(opened: Opened, files: list[Path], key: str = "") -> str:
    """Give the page these files and this key; the verdict that it shows, or why it read nothing."""
    if key:
        opened.page.evaluate("(key) => { document.getElementById('key').value = key; }", key)
    opened.page.set_input_files("#files", [str(file) for file in files])
    opened.wait(DONE)
    return opened.text("#failed" if opened.page.is_visible("#failed") else "#verdict")


def vector(tmp_path: Path, name: str) -> list[Path]:
    for file, source in EXPECTED[name]["files"].items():
        (tmp_path / file).write_bytes((VECTORS / source).read_bytes())
    return sorted(tmp_path.glob("*.seg"))


def test_the_policy_lets_the_pages_own_scripts_run_and_nothing_else() -> None:
    """A changed script needs its new hash in the policy at the head of the page."""
    text = PAGE.read_text("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy

    def hashes(tag: str) -> list[str]:
        contents = re.findall(rf"<{tag}(?: id=\"\w+\")?>(.*?)</{tag}>", text, re.S)
        return [f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in contents]

    scripts, styles = " ".join(hashes("script")), " ".join(hashes("style"))
    assert policy[1] == (
        f"default-src 'none'; script-src {scripts} blob:; worker-src blob:; style-src {styles}; base-uri 'none'; "
        "form-action 'none'"
    )
    assert "innerHTML" not in text


def test_a_good_log_and_a_bad_one(chromium: Chromium, tmp_path: Path) -> None:
    with chromium.open(PAGE) as opened:
        assert check(opened, vector(tmp_path, "ok-kinds"), EXPECTED["ok-kinds"]["key"]).startswith("Holds")
        assert "Sound left through the gate 3 times" in opened.text("#proven")
        assert opened.page.locator("#sessions tbody tr").count() == 3
        assert opened.page.locator("#timeline .session").count() == 3
        assert opened.page.locator("#timeline .covered").count() > 0
        assert not opened.page.is_visible("#findings")
        assert (opened.errors, opened.requests) == ([], [])
    with chromium.open(PAGE) as opened:
        assert check(opened, vector(tmp_path, "I16b"), EXPECTED["I16b"]["key"]) == "Violated: 1 finding"
        assert opened.text("#findings tbody tr td:nth-child(2)") == "00000003.seg:14"
        assert (opened.errors, opened.requests) == ([], [])


@pytest.mark.parametrize(("name", "said"), [("I20", "3 of them show only"), ("I20b", "1 of them shows only")])
def test_what_only_checkpoints_show_is_counted(chromium: Chromium, tmp_path: Path, name: str, said: str) -> None:
    entry = EXPECTED[name]
    files = [*vector(tmp_path, name), VECTORS / entry["receipts"]]
    with chromium.open(PAGE) as opened:
        service = "(key) => { document.getElementById('witness').value = key; }"
        opened.page.evaluate(service, KEYS["service_vkey"])
        assert check(opened, files, entry.get("key", KEYS["device_vkey"])).startswith("Violated")
        assert said in opened.text("#violated")


def test_receipts_may_have_been_saved_elsewhere(chromium: Chromium, tmp_path: Path) -> None:
    """With a byte order mark and CR LF; beside a picture, which is no text."""
    text = (VECTORS / "good/receipts.txt").read_bytes()
    receipts, picture = tmp_path / "receipts.txt", tmp_path / "picture.png"
    receipts.write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    picture.write_bytes(b"\x89PNG\r\n\n\xe2\x80\x94 \xff")
    with chromium.open(PAGE) as opened:
        files = [*vector(tmp_path, "good"), receipts, picture]
        assert check(opened, files, KEYS["device_vkey"]).startswith("Holds")
        assert "kept elsewhere lie on this log" in opened.text("#proven")
        assert "1 file of receipts, 1 other file not needed" in opened.text("#taken")
        assert not opened.errors


def test_what_is_incomplete_is_said(chromium: Chromium, tmp_path: Path) -> None:
    key = tmp_path / "device.vkey"
    key.write_text(KEYS["device_vkey"])
    with chromium.open(PAGE) as opened:
        assert check(opened, [*vector(tmp_path, "ok-open-tail"), key]).startswith("Holds")
        said = opened.text("#incomplete")
    for words in (
        "The device key was found beside the log", "The newest 315 bytes are not sealed",
        "9 records keep only a hash", "No checkpoint kept elsewhere was given that fits",
    ):  # fmt: skip
        assert words in said


def test_an_export_needs_nothing_else(chromium: Chromium, room: Room, tmp_path: Path) -> None:
    evidence = room.start()
    checkpoint = room.session(evidence)
    evidence.close()
    (tmp_path / "receipt").write_text(checkpoint)
    out = tmp_path / "log.tar"
    receipts = ["--receipts", str(tmp_path / "receipt")]
    assert main(["audit", "export", str(room.folder), "--out", str(out), *receipts]) == 0
    with chromium.open(PAGE) as opened:
        assert check(opened, [out]).startswith("Holds")
        assert "1 checkpoint kept elsewhere lies on this log: up to record 8" in opened.text("#proven")
        assert opened.text("#taken") == "1 file of the log, 1 file of receipts"


@pytest.mark.parametrize(
    ("name", "content", "key", "said"),
    [
        ("00000001.seg", b"\xff\x00" * 9_000, KEYS["device_vkey"], "Violated"),
        ("00000001.seg", b"", KEYS["device_vkey"], "Violated: 1 finding"),
        ("00000001.seg", b"{" * 3_000_000, KEYS["device_vkey"], "Violated"),
        ("00000001.seg", b"[" * 4_000 + b"\n", KEYS["device_vkey"], "Violated"),
        ("00000001.seg", b"x", "not a key", "Unreadable. This is not a public key"),
        ("00000001.seg", b"x", KEYS["service_vkey"], "Unreadable. This is not the key of a device"),
        ("damaged.tar", b"\x01" * 1_024, "", "Unreadable. These files could not be read: this archive is damaged"),
    ],
)
def test_bad_files_get_an_answer(
    chromium: Chromium, tmp_path: Path, name: str, content: bytes, key: str, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with chromium.open(PAGE) as opened:
        assert check(opened, [tmp_path / name], key).startswith(said)
        assert opened.errors == []


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_nothing_of_a_log_is_taken_for_markup(chromium: Chromium, tmp_path: Path) -> None:
    """In a record's field, in a checkpoint, in a file's name, in the key."""
    life = Life(Random(4))
    life.start()
    life.files[0].groups[0][0]["code"] = HOSTILE
    writer = Writer(Random(5), "wakeword/0123", "hostile")
    writer.write(life.files)
    (tmp_path / "00000001.seg").write_bytes(writer.files["00000001.seg"])
    (tmp_path / "<img src=x onerror=alert(3)>.txt").write_text(f"{HOSTILE}\n7\n{'A' * 43}=\n\n\u2014 {HOSTILE} AAAA\n")
    with chromium.open(PAGE) as opened:
        dialogs: list[Any] = []
        opened.page.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
        files = sorted(tmp_path.iterdir())
        assert check(opened, files, writer.device.key.vkey()).startswith("Violated")
        assert opened.page.locator("img").count() == 0
        assert (dialogs, opened.requests) == ([], [])
    with chromium.open(PAGE) as opened:
        assert check(opened, files, HOSTILE + "+00000000+AAAA").startswith("Unreadable")
        assert opened.page.locator("img").count() == 0


def test_a_long_log_shows_how_far_it_is_and_can_be_stopped(chromium: Chromium, tmp_path: Path) -> None:
    life = Life(Random(6))
    life.start()
    for _ in range(1_500):
        life.turn(300_000)
        life.commit([life.beat(30_000)])
    writer = Writer(Random(7), "wakeword/0123", "long")
    writer.write(life.files)
    (tmp_path / "00000001.seg").write_bytes(writer.files["00000001.seg"])
    with chromium.open(PAGE) as opened:
        opened.page.evaluate("(key) => { document.getElementById('key').value = key; }", writer.device.key.vkey())
        opened.page.set_input_files("#files", str(tmp_path / "00000001.seg"))
        opened.wait("/file 1: \\d+ %, about \\d+ s left/.test(document.getElementById('doing').textContent)")
        opened.page.click("#cancel")
        assert not opened.page.is_visible("#progress")
        assert not opened.page.is_visible("#result")
        opened.page.click("#go")
        opened.wait(DONE)
        assert opened.text("#verdict").startswith("Holds")
        assert opened.page.locator("#days tbody tr").count() == 7


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_nothing_is_wider_than_the_page(chromium: Chromium, tmp_path: Path, dark: bool) -> None:
    with chromium.open(PAGE, width=390, height=800, dark=dark) as opened:
        check(opened, vector(tmp_path, "I5b"), EXPECTED["I5b"]["key"])
        assert opened.run("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_report_page_has_no_script_and_asks_for_nothing(chromium: Chromium, tmp_path: Path) -> None:
    result = Result(origin=HOSTILE, findings=[Finding("I3", HOSTILE, HOSTILE)])
    path = tmp_path / "report.html"
    path.write_text(html(result, [Answer(1, HOSTILE, "cannot be told", HOSTILE)], pinned=False), encoding="utf-8")
    with chromium.open(path) as opened:
        assert (opened.errors, opened.requests) == ([], [])
        assert opened.page.locator("script, img").count() == 0
        assert opened.text(".answer p") == HOSTILE
        assert "Violated: 1 finding" in opened.text(".verdict")
