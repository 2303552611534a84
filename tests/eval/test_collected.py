"""A device's kept candidates, evaluated: the same figures as of the same sound in files, and no trace of the sound."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from wakeword.cli import main
from wakeword.eval import tables
from wakeword.keep import clip, seal
from wakeword.keep.clip import Head

RATE = 16_000
Int16 = npt.NDArray[np.int16]


@dataclass
class House:
    """A folder of clips, their key, and the same sound in WAV files of the same names."""

    top: Path
    clips: Path
    plain: Path
    key: Path
    sounds: dict[str, bytes]

    def evaluated(self, out: str, *more: str) -> int:
        options = ["--out", str(self.top / out), "--cache", str(self.top / f"{out}.sqlite"), "--word", "jarvis"]
        return main(["eval", *options, *(more or self.sealed())])

    def sealed(self) -> tuple[str, ...]:
        return "--collected", str(self.clips), "--key", str(self.key)


@pytest.fixture
def house(tmp_path: Path, room: Int16, said: list[dict[str, str]]) -> House:
    """Three candidates for `jarvis`: two that were meant, one near-miss."""
    made = House(tmp_path, tmp_path / "collected", tmp_path / "plain", tmp_path / "key", {})
    made.clips.mkdir()
    made.plain.mkdir()
    public = seal.create_key(made.key)
    rows = [row for row in said if row["word"] == "jarvis"][:2]
    ends = {f"{number:02d}": int(float(row["start_s"]) * RATE) + 3 * RATE // 2 for number, row in enumerate(rows)}
    ends["zz"] = 15 * RATE
    for name, end in ends.items():
        sound = room[max(0, end - clip.SAMPLES) : end]
        head = Head("jarvis", 0.9, 0.9, name != "zz", 0.5, 0.5, clip.SAMPLES - RATE // 2, 1_800_000_000, "")
        made.sounds[name] = sound.astype("<i2").tobytes()
        (made.clips / f"{name}.clip").write_bytes(seal.seal(clip.pack(head, made.sounds[name]), public))
        soundfile.write(made.plain / f"{name}.wav", sound, RATE)
    return made


def rows(house: House, out: str, name: str) -> list[dict[str, str]]:
    with (house.top / out / name).open(newline="") as file:
        return [row | {"file": Path(row["file"]).stem, "path": ""} for row in csv.DictReader(file)]


def test_it_finds_what_it_finds_in_the_same_sound_and_leaves_no_sound(house: House) -> None:
    assert house.evaluated("of-clips", *house.sealed(), "--jobs", "2") == 0
    assert house.evaluated("of-files", "--negatives", str(house.plain), "--jobs", "1") == 0
    for table in (tables.CANDIDATES, tables.SWEEP):
        assert rows(house, "of-clips", table) == rows(house, "of-files", table)
    assert any(row["accepted"] == "true" for row in rows(house, "of-clips", tables.CANDIDATES))
    files = rows(house, "of-clips", tables.FILES)
    assert [(row["condition"], row["group_device"]) for row in files] == [
        ("device", "accepted"), ("device", "accepted"), ("device", "rejected"),
    ]  # fmt: skip
    written = [path.read_bytes() for path in (*(house.top / "of-clips").rglob("*.*"), house.top / "of-clips.sqlite")]
    private = seal.read_private(house.key)
    for content in written:
        assert private not in content
        assert private.hex().encode() not in content
        assert b"data:audio" not in content
    assert any(b"data:audio" in path.read_bytes() for path in (house.top / "of-files").iterdir())


def test_labels_make_utterances_of_those_that_were_meant(house: House) -> None:
    (house.top / "labels.csv").write_text("clip,word\n00,Jarvis\n01,jarvis\nzz,\n")
    assert house.evaluated("out", *house.sealed(), "--labels", str(house.top / "labels.csv"), "--jobs", "1") == 0
    run = tables.open_run(house.top / "out")
    assert [(Path(one.file).stem, one.heard, one.condition) for one in run.utterances()] == [
        ("00", True, "device"), ("01", True, "device"),
    ]  # fmt: skip
    assert [file.kind for file in run.files()] == ["positive", "positive", "negative"]
    assert run.about["notes"] == []


def test_a_clip_that_does_not_open_is_named_and_the_rest_done(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = house.clips / "01.clip"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    assert house.evaluated("out", *house.sealed(), "--jobs", "1") == 3
    assert f"{damaged}: sealed to another key, or changed since" in capsys.readouterr().err
    assert [file.read for file in tables.open_run(house.top / "out").files()] == [True, False, True]


def test_another_key_opens_nothing(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    other = house.top / "other"
    seal.create_key(other)
    assert house.evaluated("out", "--collected", str(house.clips), "--key", str(other)) == 2
    assert "this key opens none of the clips" in capsys.readouterr().err


@pytest.mark.parametrize(("more", "what"), [
    (["--collected", "CLIPS"], "--key: kept candidates are sealed"),
    (["--key", "KEY"], "--key and --labels belong to --collected"),
    (["--collected", "EMPTY", "--key", "KEY"], "no kept candidates in this folder"),
    (["--collected", "CLIPS", "--key", "KEY", "--labels", "NONE"], "labels.csv: unreadable"),
    (["--collected", "CLIPS", "--key", "KEY", "--dask", "tcp://127.0.0.1:1"], "stay on this machine"),
])  # fmt: skip
def test_what_cannot_be_done_is_said(
    house: House, capsys: pytest.CaptureFixture[str], more: list[str], what: str
) -> None:
    names = {"CLIPS": house.clips, "KEY": house.key, "EMPTY": house.plain, "NONE": house.top / "labels.csv"}
    assert house.evaluated("out", *(str(names.get(one, one)) for one in more)) == 2
    assert what in capsys.readouterr().err


@pytest.mark.parametrize(("text", "what"), [
    ("clip\n00\n", "labels.csv:1: no column word"),
    ("clip,word\n00,jarvis\nxx,\n", "labels.csv:3: no clip 'xx' in this folder"),
])  # fmt: skip
def test_labels_that_do_not_fit_are_named_with_their_line(
    house: House, capsys: pytest.CaptureFixture[str], text: str, what: str
) -> None:
    (house.top / "labels.csv").write_text(text)
    assert house.evaluated("out", *house.sealed(), "--labels", str(house.top / "labels.csv")) == 2
    assert what in capsys.readouterr().err


def test_no_key_stands_in_what_is_printed_of_an_entry(house: House) -> None:
    from wakeword.eval.collected import Collected, entries

    listed = entries(Collected(str(house.clips), str(house.key)), ["jarvis"], [])
    assert len(listed) == 3
    private = seal.read_private(house.key)
    assert listed[0].private == private
    assert repr(private) not in repr(listed)
    assert json.dumps(private.hex()) not in repr(listed)
