"""`wakeword collect` and `forget` without a daemon: asking, beginning, showing, ending."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wakeword import cli
from wakeword.keep import clip, consent, folder, seal
from wakeword.keep.clip import Head
from wakeword.keep.consent import Shelf

HEAD = Head("jarvis", 0.91, 0.42, False, 0.5, 0.6, 32_000, 1_800_000_000, "0123456789abcdef 0123456789abcdef")
PCM = bytes(range(250)) * 512
HANG_S = 60


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return Shelf(tmp_path / "home" / "wakeword")


def test_unless_somebody_consents_nothing_begins(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["collect", "--for", "7d"]) == 1
    told = capsys.readouterr().err
    assert "4 s of sound" in told
    assert "nobody is here to consent" in told
    assert not shelf.state.exists()
    assert cli.main(["collect", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"on": False, "clips": 0, "bytes": 0, "folder": str(shelf.clips)}


@pytest.mark.parametrize(("answer", "code"), [(b"yes\n", 0), (b"no\n", 1), (b"\n", 1)])
def test_at_a_terminal_it_asks(shelf: Shelf, answer: bytes, code: int) -> None:
    theirs, ours = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "wakeword", "collect", "--for", "1h"],
            stdin=ours, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.write(theirs, answer)
        _, said = process.communicate(timeout=HANG_S)
    finally:
        os.close(theirs)
        os.close(ours)
    assert process.returncode == code
    assert b"Do all who live here consent?" in said
    assert shelf.consent.exists() == (code == 0)


def test_what_was_consented_to_stands_in_the_file(shelf: Shelf, tmp_path: Path) -> None:
    private = tmp_path / "mine.key"
    assert cli.main(["collect", "--new-key", str(private)]) == 0
    before_s = int(time.time())
    given = ["collect", "--for", "36h", "--yes-i-consent", "--public-key", str(private), "--most", "50"]
    assert cli.main(given) == 0
    told = consent.read(shelf.consent)
    assert told
    assert bytes.fromhex(told.public_key) == seal.public_of(seal.read_private(private))
    assert (told.most_clips, told.ended, told.until_s - told.given_s) == (50, "", 36 * 3600)
    assert before_s <= told.given_s <= time.time()
    assert not shelf.key.exists()


def test_consent_is_not_prolonged_unawares(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["collect", "--for", "1h", "--yes-i-consent"]) == 0
    before = shelf.consent.read_bytes()
    assert cli.main(["collect", "--for", "2h", "--yes-i-consent"]) == 2
    assert "kept already" in capsys.readouterr().err
    assert shelf.consent.read_bytes() == before


@pytest.mark.parametrize("length", ["0d", "32d", "7", "forever", "-1h", "1w", "99999999h"])
def test_a_time_that_is_none_is_refused(shelf: Shelf, length: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["collect", f"--for={length}", "--yes-i-consent"])
    assert not shelf.state.exists()


def test_the_private_key_alone_shows_and_plays(
    shelf: Shelf, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert cli.main(["collect", "--for", "1h", "--yes-i-consent"]) == 0
    (shelf.clips / "00aa.clip").write_bytes(seal.seal(clip.pack(HEAD, PCM), seal.read_public(shelf.key)))
    (shelf.clips / "00bb.clip").write_bytes(b"damaged")
    capfdbinary.readouterr()
    assert cli.main(["collect", "--list", "--json", "--key", str(shelf.key)]) == 3
    out, err = capfdbinary.readouterr()
    assert json.loads(out) == {
        "clip": "00aa", "word": "jarvis", "stage1": 0.91, "stage2": 0.42, "accepted": False,
        "taken_s": 1_800_000_000, "end_s": 2.0,
    }  # fmt: skip
    assert b"00bb.clip: not a sealed clip" in err
    assert cli.main(["collect", "--list", "--key", str(shelf.key)]) == 3
    assert b"reject  jarvis      stage 1 0.91  stage 2 0.42" in capfdbinary.readouterr().out
    program = [sys.executable, "-P", "-m", "wakeword", "collect", "--play", "00aa", "--key", str(shelf.key)]
    assert subprocess.run(program, capture_output=True, check=True, timeout=HANG_S).stdout == PCM
    assert cli.main(["collect", "--play", "00cc", "--key", str(shelf.key)]) == 2
    assert cli.main(["collect", "--list"]) == 2
    seal.create_key(tmp_path / "other")
    assert cli.main(["collect", "--play", "00aa", "--key", str(tmp_path / "other")]) == 3


def test_forget_needs_no_key_and_says_what_it_did(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["collect", "--for", "1h", "--yes-i-consent"]) == 0
    for number in range(3):
        (shelf.clips / f"{number}.clip").write_bytes(b"sealed")
    capsys.readouterr()
    assert cli.main(["forget", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": 3, "consent": True}
    assert [path.name for path in shelf.state.iterdir()] == ["collect.json"]
    told = consent.read(shelf.consent)
    assert told
    assert told.ended == consent.FORGOTTEN
    assert cli.main(["forget", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": 0, "consent": False}
    assert cli.main(["collect", "--for", "1h", "--yes-i-consent"]) == 0
    assert folder.found(shelf.clips) == []
