"""From recordings to the table that thresholds are chosen from: conditions, sweep, and how they are read again."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wakeword import model
from wakeword.train import augment, choose, conditions, sweep
from wakeword.train.augment import Surroundings
from wakeword.train.corpus import Spoken

HEADER = "path,fold,source\n"


@pytest.fixture
def around() -> Surroundings:
    random = np.random.default_rng(1)
    talk = [random.normal(0, 0.1, 60_000).astype(np.float32) for _ in range(3)]
    return Surroundings(talk, talk[0], talk[1], [])


@pytest.fixture
def jarvis(room: np.ndarray, said: list[dict[str, str]]) -> Spoken:
    """The first sentence of the room that begins with this word; the word itself is its first half second or so."""
    start_s = next(float(row["start_s"]) for row in said if row["word"] == "jarvis")
    start = int(start_s * 16_000)
    sound = room[start - 16_000 : start + 24_000] / np.float32(32768)
    return Spoken("jarvis", sound.astype(np.float32), 16_000, 16_000 + 12_000, "ann", "jarvis/ann 1.flac")


def test_every_condition_is_written_at_the_level_it_says(tmp_path: Path, jarvis: Spoken, around: Surroundings) -> None:
    assert conditions.write(tmp_path, [jarvis], around) == 7
    with (tmp_path / "index.csv").open(newline="") as file:
        rows = {row["condition"]: row for row in csv.DictReader(file)}
    assert sorted(rows) == sorted(["clean", *(f"{kind}-{snr}dB" for kind in conditions.KINDS for snr in (10, 0))])
    loudness = augment.level(jarvis.sound[jarvis.start : jarvis.end])
    for name, row in rows.items():
        sound, _ = soundfile.read(tmp_path / row["path"], dtype="float32")
        lead = 0 if name == "clean" else conditions.LEAD
        assert float(row["end_s"]) == pytest.approx((lead + jarvis.end) / 16_000, abs=1e-3)
        if name != "clean":
            noise = np.sqrt(np.mean(sound[: conditions.LEAD - 1_600] ** 2))
            wanted = int(name.rpartition("-")[2].removesuffix("dB"))
            assert 20 * np.log10(loudness / noise) == pytest.approx(wanted, abs=0.5)


def test_an_interrupted_writing_leaves_no_index(tmp_path: Path, jarvis: Spoken, around: Surroundings) -> None:
    silent = Spoken("jarvis", jarvis.sound, 0, 0, "bob", "")  # has no name to be written under
    with pytest.raises((ValueError, OSError, TypeError, ZeroDivisionError, FloatingPointError, RuntimeWarning)):
        conditions.write(tmp_path, [jarvis, silent], around)
    assert not (tmp_path / "index.csv").exists()


def test_a_sweep_has_the_daemons_candidates_and_is_read_again(
    tmp_path: Path, jarvis: Spoken, around: Surroundings, room: np.ndarray
) -> None:
    corpora, dev = tmp_path / "corpora", tmp_path / "dev"
    (corpora / "speech").mkdir(parents=True)
    dev.mkdir()
    soundfile.write(corpora / "speech" / "room.wav", room, 16_000)
    (corpora / "manifest.csv").write_text(HEADER + "speech/room.wav,dev,demo\n")
    conditions.write(dev, [jarvis], around)
    words = ["computer", "jarvis", "alexa"]
    echo = np.zeros(2_000, np.float32)
    echo[[0, 1_600]] = 1, 0.5
    sweep.sweep(model.find("jarvis").parent, words, dev, corpora, tmp_path / "sweep.csv", processes=1, rooms=[echo])
    table = choose.read(tmp_path / "sweep.csv", "jarvis")
    assert {name: len(scores) for name, scores in table.utterances.items()} == {"clean": 1, "10dB": 3, "0dB": 3}
    assert table.hours == pytest.approx(len(room) / 16_000 / 3600, rel=1e-3)
    stage1, stage2 = table.utterances["clean"][0]
    point = model.load("jarvis").points["default"]
    assert stage1 >= point.stage1
    assert stage2 >= point.stage2
    assert table.places == sorted(table.places)
    assert choose.false_accepts(table, point.stage1, point.stage2) >= 1  # the room does say it
    across = choose.both(tmp_path / "sweep.csv", "jarvis")[1]
    assert across.hours == table.hours
    assert len(across.false) >= 1
    assert not np.array_equal(across.false, table.false)  # it was heard across another room
    assert across.utterances["clean"].tolist() == table.utterances["clean"].tolist()
