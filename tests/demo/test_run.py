"""The demo for real, on a short room and with a model that wakes at loud speech (`tests/models/loud`)."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile

from wakeword.cli import main
from wakeword.demo import run as demo
from wakeword.demo.room import PACKAGED

LOUD = Path(__file__).resolve().parents[1] / "models" / "loud"
HEADER = "start_s,end_s,what,who,word,how\n"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Four seconds of the packaged room: a pause, one request, a pause; its word is called `loud` here."""
    folder = tmp_path / "room"
    folder.mkdir()
    sound, rate = soundfile.read(PACKAGED / "room.flac", dtype="int16", start=7 * 16_000, stop=13 * 16_000)
    soundfile.write(folder / "room.flac", sound, rate)
    (folder / "room.csv").write_text(HEADER + '1.53,3.47,"Computer, what time is it?",bf_alice,loud,near\n')
    return folder


@pytest.fixture
def no_sound_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without libportaudio2, in every process: `import sounddevice` fails."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "sounddevice.py").write_text('raise OSError("PortAudio library not found")')
    monkeypatch.setenv("PYTHONPATH", str(folder))


def words(room: Path, out: Path, *more: str) -> list[str]:
    return ["demo", "--room", str(room), "--word", str(LOUD), "--out", str(out), "--fast", *more]


def account(printed: str) -> dict[str, Any]:
    last: dict[str, Any] = json.loads(printed.splitlines()[-1])
    assert last["event"] == "account"
    return last


@pytest.mark.usefixtures("no_sound_device")
def test_the_books_agree_and_the_sound_is_a_stretch_of_the_room(
    room: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(words(room, tmp_path / "out", "--json")) == 0
    books = account(capfd.readouterr().out)
    assert (books["misses"], books["false_accepts"], books["problems"], books["findings"]) == (0, 0, [], [])
    assert [told["woke"] for told in books["told"]] == ["loud"]
    assert books["log_bytes"] == books["service_bytes"] > 2 * 32_000
    assert books["checkpoints_matched"] == books["checkpoints"] == len(books["sent"]) == 1
    (sent,) = books["sent"]
    assert sent["start_s"] < 1.6 < 3.4 < sent["end_s"]
    (wav,) = (tmp_path / "out" / "received").glob("*.wav")
    received, _ = soundfile.read(wav, dtype="int16")
    whole, _ = soundfile.read(room / "room.flac", dtype="int16")
    start = round(sent["start_s"] * 16_000)
    assert (received == whole[start : start + len(received)]).all()


def test_what_it_leaves_can_be_checked_and_run_again(
    room: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(words(room, out)) == 0
    printed = capfd.readouterr().out
    assert "misses: 0 of 1 wake words; false accepts: 0" in printed
    assert printed.splitlines()[-1].startswith("log verified: ")
    assert printed.splitlines()[-1].endswith(": equal")
    (check,) = (line for line in printed.splitlines() if line.startswith("check it again: "))
    checked = subprocess.run(shlex.split(check.partition(": ")[2]), capture_output=True, text=True, check=True)
    assert "receipts matched: 1 of 1" in checked.stdout
    assert main(["run", "--config", str(out / "config.yaml"), "--print-config"]) == 0


@pytest.mark.parametrize("change", [{"bytes": 2}, {"sum_sha256": "0" * 64}])
def test_a_difference_between_the_books_fails(
    room: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    change: dict[str, Any],
) -> None:
    honest = demo._with_sound
    monkeypatch.setattr(demo, "_with_sound", lambda report, folder: {**honest(report, folder), **change})
    assert main(words(room, tmp_path / "out")) == 1
    printed = capfd.readouterr().out
    assert "PROBLEM: session 1: " in printed
    assert printed.splitlines()[-1].endswith("SEE ABOVE")


def test_a_log_that_was_changed_fails(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def tampered(folder: Path) -> Any:
        segment = folder / "evidence" / "00000001.seg"
        segment.chmod(0o600)
        segment.write_text(segment.read_text().replace('"why":"end"', '"why":"stop"'))
        return honest(folder)

    honest = demo.stage.audit
    monkeypatch.setattr(demo.stage, "audit", tampered)
    assert main(words(room, tmp_path / "out")) == 1
    assert "NOT VERIFIED" in capfd.readouterr().out


def test_ctrl_c_ends_it_in_order_with_an_account_of_what_was_played(room: Path, tmp_path: Path) -> None:
    arguments = [word for word in words(room, tmp_path / "out", "--json") if word != "--fast"]
    process = subprocess.Popen([sys.executable, "-m", "wakeword", *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        seen = []
        while not seen or seen[-1]["event"] != "listening":
            seen.append(json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    books = account(printed)
    assert (books["told"], books["problems"], books["findings"]) == ([], [], [])


def test_a_folder_in_use_is_refused(room: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a").write_text("dear")
    assert main(words(room, tmp_path / "letters")) == 2
    assert "has something in it already" in capfd.readouterr().err


def test_an_unknown_word_is_refused_before_anything_is_made(
    room: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--room", str(room), "--word", "nonesuch", "--out", str(tmp_path / "out")]) == 2
    assert "nonesuch" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
