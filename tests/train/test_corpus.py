"""Reading corpora: folds are kept apart, another rate is refused, and what is said in negatives is blanked."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wakeword.train import corpus, spoken


def write(path: Path, seconds: float = 1.0, rate: int = 16_000, channels: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (round(seconds * rate), channels)
    soundfile.write(path, np.random.default_rng(len(str(path))).normal(0, 0.1, shape), rate)


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    names = {
        "train": ["speech/a.wav", "noise/household/b.wav", "noise/music/c.wav", "rir/d.wav"],
        "dev": ["speech/e.wav", "noise/household/f.wav", "noise/music/g.wav", "rir/h.wav"],
    }
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "fold", "source"])
        for fold, paths in names.items():
            for path in paths:
                write(tmp_path / path, seconds=0.5 if fold == "dev" else 1.0)
                table.writerow([path, fold, "somewhere"])
    return tmp_path


def test_folds_are_kept_apart(corpora: Path) -> None:
    assert [row["path"] for row in corpus.rows(corpora, "train", "noise/")] == [
        "noise/household/b.wav",
        "noise/music/c.wav",
    ]
    assert [row["path"] for row in corpus.rows(corpora, "dev", "speech/")] == ["speech/e.wav"]


def test_surroundings_are_those_of_one_fold(corpora: Path) -> None:
    pytest.importorskip("pyroomacoustics", reason="simulated rooms need the extra 'train'")
    train, dev = (corpus.surroundings(corpora, fold, simulated_rooms=0) for fold in ("train", "dev"))
    assert [len(sound) for sound in train.speech] == [16_000]
    assert (len(dev.speech[0]), len(dev.household), len(dev.music), len(dev.rooms)) == (8_000, 8_000, 8_000, 1)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 2)])
def test_another_form_is_refused_by_name(tmp_path: Path, rate: int, channels: int) -> None:
    write(tmp_path / "x.wav", rate=rate, channels=channels)
    with pytest.raises(ValueError, match=rf"x\.wav: {rate} Hz, shape .*; wanted 16 kHz mono"):
        corpus.read(tmp_path / "x.wav")


def test_wake_words_come_with_place_and_speaker(tmp_path: Path) -> None:
    write(tmp_path / "a.wav")
    header = "path,word,fold,speaker_cluster,speech_start_s,speech_end_s\n"
    (tmp_path / "index.csv").write_text(header + "a.wav,jarvis,train,ann,0.25,0.75\na.wav,jarvis,dev,bob,0.1,0.2\n")
    (found,) = corpus.wake_words(tmp_path, "train")
    assert (found.label, found.start, found.end, found.speaker) == ("jarvis", 4_000, 12_000, "ann")


def test_synthetic_clips_leave_out_the_margin_and_what_is_too_long(tmp_path: Path) -> None:
    write(tmp_path / "a.wav")
    write(tmp_path / "b.wav", seconds=4.5)
    (tmp_path / "index.csv").write_text("a.wav,near:alexa,alexis,af_sky,kokoro\nb.wav,alexa,alexa,af_sky,kokoro\n")
    (found,) = corpus.synthetic(tmp_path)
    assert (found.label, found.start, found.end, found.speaker) == ("near:alexa", 800, 15_200, "af_sky")


# second    0    word   0.6     pause    0.9     request     2.0
def test_a_word_that_a_request_follows_ends_where_the_pause_begins(tmp_path: Path) -> None:
    sound = np.random.default_rng(2).normal(0, 0.2, 32_000)
    sound[:800] = sound[9_600:14_400] = 0
    soundfile.write(tmp_path / "a.wav", sound, 16_000)
    soundfile.write(tmp_path / "b.wav", np.abs(sound) + 0.1, 16_000)  # no pause: the end of the word is not known
    rows = 'a.wav,alexa,"alexa, stop.",af_sky,kokoro\nb.wav,alexa,"alexa, stop.",af_sky,kokoro\n'
    (tmp_path / "index.csv").write_text(rows)
    (found,) = corpus.synthetic(tmp_path)
    assert (found.path, found.start) == ("a.wav", 800)
    assert found.end == pytest.approx(9_600, abs=160)


def test_where_a_word_is_said_the_negative_is_silent() -> None:
    name, places = next(iter(spoken.SPOKEN["computer"].items()))
    sound = np.ones(200 * 16_000, np.float32)
    blanked = corpus.blank_spoken(sound, f"speech/{name}.opus")
    silent = sum(end - start for start, end in places)
    assert np.count_nonzero(blanked == 0) == pytest.approx(silent * 16_000, abs=4)
    assert sound.min() == 1  # what was given is untouched
    assert corpus.blank_spoken(sound, "speech/another.opus") is sound
