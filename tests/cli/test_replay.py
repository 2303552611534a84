"""`wakeword replay`: what outside tools rely on: lines, table, exit codes, and what is said of broken files."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from wakeword.cli import main
from wakeword.model import find

ROOM = str(Path(__file__).resolve().parents[2] / "wakeword" / "data" / "room.flac")
KEYS = ["event", "file", "word", "start_s", "end_s", "stage1", "stage2", "accepted"]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def wakeword(capfd: pytest.CaptureFixture[str]) -> object:
    """Run the command line in this process."""

    def run(*words: str) -> Outcome:
        try:
            code = main(list(words))
        except SystemExit as ended:  # argparse's own way out
            code = int(str(ended.code))
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """A good recording in which nothing happens."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.sin(np.arange(16_000) / 5) * 0.2, 16_000)
    return path


# --- the lines


def test_lines_are_those_of_the_contract(wakeword: object) -> None:
    found = wakeword("replay", ROOM, "--json")
    assert found.code == 0
    assert len(found.lines) > 8
    for line in found.lines:
        assert list(line) == KEYS
        assert line["file"] == ROOM
        assert line["word"] in ("computer", "jarvis", "alexa")
        assert 0 <= line["start_s"] < line["end_s"] < 74
        assert 0 <= line["stage1"] <= 1
        verdict = None if line["event"] == "candidate" else line["event"] == "wake"
        assert line["accepted"] is verdict
        assert line["stage2"] is None if verdict is None else 0 <= line["stage2"] <= 1


def test_a_candidate_precedes_its_wake_or_reject(wakeword: object) -> None:
    lines = wakeword("replay", ROOM, "--json").lines
    for candidate, verdict in zip(lines[::2], lines[1::2], strict=True):
        assert candidate["event"] == "candidate"
        assert verdict["event"] in ("wake", "reject")
        same = ("file", "word", "start_s", "end_s", "stage1")
        assert [candidate[key] for key in same] == [verdict[key] for key in same]


def test_two_runs_print_the_same_bytes(wakeword: object) -> None:
    assert wakeword("replay", ROOM, "--json").out == wakeword("replay", ROOM, "--json").out


def test_each_file_is_a_stream_of_its_own(wakeword: object) -> None:
    once, twice = wakeword("replay", ROOM, "--json"), wakeword("replay", ROOM, ROOM, "--json")
    assert twice.out == once.out * 2


def test_one_word_alone_and_by_its_folder(wakeword: object) -> None:
    by_name = wakeword("replay", ROOM, "--json", "--word", "jarvis")
    by_folder = wakeword("replay", ROOM, "--json", "--model", str(find("jarvis")))
    assert {line["word"] for line in by_name.lines} == {"jarvis"}
    assert by_name.out == by_folder.out


def test_lines_for_people_have_one_line_a_verdict(wakeword: object) -> None:
    plain, machine = wakeword("replay", ROOM), wakeword("replay", ROOM, "--json")
    verdicts = [line for line in machine.lines if line["event"] != "candidate"]
    assert len(plain.out.splitlines()) == len(verdicts)
    for text, line in zip(plain.out.splitlines(), verdicts, strict=True):
        assert f"{line['end_s']:8.2f} s" in text
        assert f"{line['word']:10s} {line['event']:7s}" in text


# --- the table


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert reader.fieldnames == ["time_s", "stage1", "stage2", "accepted"]
    return rows


def test_the_floors_table_is_what_a_sweep_needs(wakeword: object, tmp_path: Path) -> None:
    out = tmp_path / "sweep.csv"
    found = wakeword("replay", ROOM, "--floor", "--candidates", str(out), "--word", "computer")
    assert (found.code, found.out) == (0, "")
    rows = table(out)
    lines = wakeword("replay", ROOM, "--floor", "--word", "computer", "--json").lines
    verdicts = [line for line in lines if line["event"] != "candidate"]
    assert len(rows) == len(verdicts) > 1
    for row, line in zip(rows, verdicts, strict=True):
        assert float(row["time_s"]) == line["end_s"]
        assert float(row["stage1"]) == line["stage1"]
        assert float(row["stage2"]) == line["stage2"]
        assert row["accepted"] == str(line["accepted"]).lower()


def test_accepted_in_the_table_is_the_point_asked_for(wakeword: object, tmp_path: Path) -> None:
    counts = {}
    for point in ("strict", "default", "keen"):
        out = tmp_path / f"{point}.csv"
        wakeword("replay", ROOM, "--floor", "--candidates", str(out), "--word", "alexa", "--point", point)
        counts[point] = [row["accepted"] for row in table(out)].count("true")
    assert counts["strict"] <= counts["default"] <= counts["keen"]
    assert counts["keen"] > 0


def test_a_table_takes_one_file(wakeword: object, tmp_path: Path, tone: Path) -> None:
    found = wakeword("replay", ROOM, str(tone), "--candidates", str(tmp_path / "t.csv"))
    assert (found.code, found.out) == (2, "")
    assert found.err == "wakeword: --candidates takes one FILE (its rows do not name the file; `--json` does)\n"


def test_a_table_of_nothing_has_its_header(wakeword: object, tmp_path: Path, tone: Path) -> None:
    wakeword("replay", str(tone), "--candidates", str(tmp_path / "t.csv"))
    assert (tmp_path / "t.csv").read_text() == "time_s,stage1,stage2,accepted\n"


def test_a_table_that_cannot_be_written_is_named(wakeword: object, tmp_path: Path, tone: Path) -> None:
    found = wakeword("replay", str(tone), "--candidates", str(tmp_path / "no" / "t.csv"))
    assert found.code == 2
    assert found.err == f"wakeword: {tmp_path}/no/t.csv: no such file or directory\n"


# --- exit codes


def test_a_missing_file_is_named_and_the_rest_done(wakeword: object, tone: Path) -> None:
    found = wakeword("replay", "/no/such.wav", ROOM, "--json")
    assert found.code == 3
    assert found.err == "wakeword: /no/such.wav: no such file or directory\n"
    assert found.out == wakeword("replay", ROOM, "--json").out


@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["replay"], ["replay", ROOM, "--nonsense"], ["replay", ROOM, "--point", "loose"],
    ["replay", ROOM, "--word", "computr"], ["replay", ROOM, "--word", "jarvis", "--word", "jarvis"],
    ["replay", ROOM, "--model", "/no/such"],
])  # fmt: skip
def test_wrong_usage_is_exit_2_with_a_line_and_no_events(wakeword: object, words: list[str]) -> None:
    found = wakeword(*words)
    assert (found.code, found.out) == (2, "")
    assert found.err.strip()


def test_a_changed_model_is_refused(wakeword: object, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(find("alexa"), tmp_path / "alexa"))
    with (folder / "stage2.onnx").open("ab") as file:
        file.write(b"\0")
    found = wakeword("replay", ROOM, "--model", str(folder))
    assert (found.code, found.out) == (2, "")
    assert "stage2.onnx: is not the file that the manifest names" in found.err


# --- files that are broken, odd, or none


def wav(
    samples: bytes, *, tag: int = 1, channels: int = 1, rate: int = 16_000, bits: int = 16, claim: int | None = None
) -> bytes:
    """A RIFF file by hand, so that it can lie."""
    step = channels * bits // 8
    head = struct.pack(
        "<4sIHHIIHH4sI", b"fmt ", 16, tag, channels, rate, rate * step, step, bits, b"data", claim or len(samples)
    )
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(samples)) + b"WAVE" + head + samples


SOUND = np.round(8_000 * np.sin(np.arange(9_600) / 7)).astype("<i2")
FLAC = io.BytesIO()
soundfile.write(FLAC, SOUND, 16_000, format="FLAC")

READ = {  # exit code 0
    "good.wav": wav(SOUND.tobytes()),
    "no frames.wav": wav(b""),
    "claims too much.wav": wav(SOUND.tobytes(), claim=3 * 19_200),
    "ends inside a sample.wav": wav(SOUND.tobytes()[:-1]),
    "8 bit.wav": wav((SOUND // 256 + 128).astype("u1").tobytes(), bits=8),
    "float.wav": wav((SOUND / 32768).astype("<f4").tobytes(), tag=3, bits=32),
    "not finite.wav": wav(np.where(SOUND > 7_900, np.nan, SOUND / 32768).astype("<f4").tobytes(), tag=3, bits=32),
    "8 kHz stereo float.wav": wav((SOUND / 32768).astype("<f4").tobytes(), tag=3, bits=32, channels=2, rate=8_000),
    "96 kHz.wav": wav(SOUND.tobytes(), rate=96_000),
    "ten channels.wav": wav(SOUND[:9_600].tobytes(), channels=10),
    "cut.flac": FLAC.getvalue()[:-300],
    "naïve 語 🎤 -x.wav": wav(SOUND.tobytes()),
}
REFUSED = {  # exit code 3
    "empty.wav": b"",
    "text.wav": b"This is not a sound.\n" * 40,
    "header only.wav": wav(SOUND.tobytes())[:30],
    "huge list.wav": b"RIFF" + struct.pack("<I", 1_000) + b"WAVELIST" + struct.pack("<I", 4_294_967_280) + bytes(900),
    "photo.flac": b"\x89PNG\r\n\x1a\n" + bytes(500),
    "samples.raw": SOUND.tobytes(),
}


@pytest.mark.parametrize("name", READ)
def test_odd_files_are_read(wakeword: object, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(READ[name])
    found = wakeword("replay", str(tmp_path / name), "--json")
    assert (found.code, found.out) == (0, "")
    assert all(line.startswith(f"wakeword: {tmp_path / name}: ") for line in found.err.splitlines())


@pytest.mark.parametrize("name", REFUSED)
def test_broken_files_are_named_in_one_line_and_the_rest_done(
    wakeword: object, tmp_path: Path, name: str, tone: Path
) -> None:
    (tmp_path / name).write_bytes(REFUSED[name])
    found = wakeword("replay", str(tmp_path / name), ROOM, "--json")
    assert found.code == 3
    assert found.err.startswith(f"wakeword: {tmp_path / name}: ")
    assert found.err.count("\n") == 1
    assert len(found.lines) > 8


def test_a_folder_is_the_recordings_in_it(wakeword: object, tmp_path: Path) -> None:
    nested = tmp_path / "clips.wav" / "deeper"
    nested.mkdir(parents=True)
    shutil.copy(ROOM, nested / "Room.FLAC")
    (tmp_path / "clips.wav" / "notes.txt").write_text("not a recording")
    found = wakeword("replay", str(tmp_path), "--json")
    assert found.code == 0
    assert {line["file"] for line in found.lines} == {str(nested / "Room.FLAC")}


def test_an_empty_folder_is_said_to_be_empty(wakeword: object, tmp_path: Path) -> None:
    found = wakeword("replay", str(tmp_path))
    assert found.err == f"wakeword: {tmp_path}: no recordings in this folder\n"
    assert found.code == 3


def test_another_rate_and_more_channels_give_the_same_words(wakeword: object, tmp_path: Path, room: np.ndarray) -> None:
    path = tmp_path / "room 8 channels.wav"
    eight = np.zeros((len(room), 8), np.int16)
    eight[:, 5] = room
    soundfile.write(path, eight, 16_000)
    chosen = wakeword("replay", str(path), "--channel", "5", "--json")
    assert chosen.out == wakeword("replay", ROOM, "--json").out.replace(ROOM, str(path))


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt ", b"fLaC", b"OggS", wav(b"")[:40]])
)
@settings(max_examples=40)
def test_any_bytes_are_read_or_named(tmp_path_factory: pytest.TempPathFactory, start: bytes, content: bytes) -> None:
    from wakeword.errors import SourceError
    from wakeword.source.file import FileSource

    path = tmp_path_factory.mktemp("any") / "x.wav"
    path.write_bytes(content + start)
    try:
        with FileSource(path) as source:
            assert sum(len(block) for block in source) < 100_000
    except SourceError as error:
        assert str(path) in str(error)


# --- as a program among others


def run(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "wakeword", *words], input=given, capture_output=True, check=False, env=dict(os.environ)
    )


def test_standard_input_is_a_stream(wakeword: object, room: np.ndarray) -> None:
    piped = run("replay", "-", "--json", given=room.tobytes())
    assert piped.returncode == 0, piped.stderr
    assert piped.stdout.decode() == wakeword("replay", ROOM, "--json").out.replace(ROOM, "-")


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    shell = f"{sys.executable} -m wakeword replay {ROOM} {ROOM} {ROOM} --json | head -n 1"
    found = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert len(found.stdout.splitlines()) == 1
    assert found.stderr == ""
