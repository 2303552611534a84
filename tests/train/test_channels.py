"""Channels do what their names say, and the table counts what the daemon's pipeline makes of what is left."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

pytest.importorskip("scipy", reason="training needs the extra 'train'")
pytest.importorskip("pyroomacoustics", reason="training needs the extra 'train'")

from wakeword import model
from wakeword.eval.mix import level
from wakeword.train import channels
from wakeword.train.augment import Float32

RATE = 16_000


@pytest.fixture
def noise() -> Float32:
    return np.random.default_rng(1).normal(0, 0.1, 2 * RATE).astype(np.float32)


def power_db(sound: Float32, low_hz: float, high_hz: float) -> float:
    """Mean power between two frequencies."""
    spectrum = np.abs(np.fft.rfft(sound)) ** 2
    hz = np.fft.rfftfreq(len(sound), 1 / RATE)
    return float(10 * np.log10(spectrum[(hz >= low_hz) & (hz < high_hz)].mean()))


@pytest.mark.parametrize("name", [name for name in channels.CHANNELS if "times" not in name or "loud" in name])
def test_what_comes_out_is_as_long_as_what_went_in_and_sound(name: str, noise: Float32) -> None:
    heard = channels.CHANNELS[name](noise)
    assert heard.shape == noise.shape
    assert heard.dtype == np.float32
    assert np.isfinite(heard).all()
    assert 1e-4 < level(heard) < 1


@pytest.mark.parametrize(("name", "kept_hz", "lost_hz"), [
    ("nothing above 3 kHz", (200, 2_800), (3_400, 8_000)),
    ("300 to 3400 Hz", (400, 3_300), (3_900, 8_000)),
    ("300 to 3400 Hz", (400, 3_300), (0, 150)),
    ("A-law at 8 kHz", (400, 3_300), (4_400, 8_000)),
])  # fmt: skip
def test_a_band_limit_takes_the_rest_away(
    name: str, kept_hz: tuple[int, int], lost_hz: tuple[int, int], noise: Float32
) -> None:
    heard = channels.CHANNELS[name](noise)
    assert power_db(heard, *kept_hz) - power_db(noise, *kept_hz) == pytest.approx(0, abs=1)
    assert power_db(heard, *lost_hz) < power_db(noise, *lost_hz) - 30


def test_a_tilt_is_so_many_decibels_an_octave(noise: Float32) -> None:
    heard = channels.tilted(4)(noise)
    gains = [power_db(heard, hz * 0.95, hz * 1.05) - power_db(noise, hz * 0.95, hz * 1.05) for hz in (500, 1000, 4000)]
    assert gains == pytest.approx([-4, 0, 8], abs=0.6)


def test_levels_and_ratios_are_those_of_the_active_part(noise: Float32) -> None:
    noise[:RATE] = 0
    assert 20 * np.log10(level(channels.at(-50)(noise))) == pytest.approx(-50, abs=0.01)
    hum = channels.hum(6)(noise) - noise
    assert 20 * np.log10(level(noise) / level(hum)) == pytest.approx(6, abs=0.1)
    assert power_db(hum, 45, 55) > power_db(hum, 140, 160) + 5


def test_faster_is_shorter_and_higher() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    heard = channels.played(1.25)(tone)
    assert len(heard) == pytest.approx(RATE / 1.25, abs=1)
    assert np.argmax(np.abs(np.fft.rfft(heard, RATE))) == 1250


def test_a_room_keeps_the_place_of_a_click_and_rings_on() -> None:
    click = np.zeros(RATE, np.float32)
    click[2_000] = 1
    near, far = (channels.across(t60, metres)(click) for t60, metres in ((0.4, 3), (0.9, 6)))
    for heard in (near, far):
        assert np.argmax(np.abs(heard)) == pytest.approx(2_000, abs=10)
        assert not np.abs(heard[:1_900]).max() > 1e-4

    def after(heard: Float32) -> float:
        return float(np.sum(heard[4_000:] ** 2) / np.sum(heard**2))

    assert after(far) > after(near) > 0.005


def test_the_table_counts_what_is_missed_and_what_wakes(
    tmp_path: Path, room: np.ndarray, said: list[dict[str, str]]
) -> None:
    """One clip says the word, two do not; the hours without it are a room that says it."""
    start = int(next(float(row["start_s"]) for row in said if row["word"] == "jarvis") * RATE)
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "jarvis.wav", room[start - 16_000 : start + 24_000], RATE)
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "speech" / "room.wav", room, RATE)
    (tmp_path / "manifest.csv").write_text("path,fold,source\nspeech/room.wav,dev,demo\n")
    clips = ["jarvis.wav,clean,jarvis", *["silence.wav,clean,jarvis"] * 2, "jarvis.wav,babble-0dB,jarvis"]
    (tmp_path / "index.csv").write_text("\n".join(["path,condition,word", *clips]))
    models, names = model.find("jarvis").parent, ["as recorded", "at -50 dBFS"]
    head, *rows = channels.measure(models, ["jarvis"], tmp_path, tmp_path, processes=1, names=names)
    assert head == ["", "jarvis, of 3", "false accepts"]
    assert [row[:2] for row in rows] == [[name, "2"] for name in names]
    for row in rows:
        count, _, hours = row[2].partition(" in ")
        assert int(count) >= 1
        assert hours == f"{len(room) / RATE / 3600:.1f} h"


def test_recordings_are_written_as_heard_through_a_channel(tmp_path: Path, room: np.ndarray) -> None:
    names = [f"speech/{number}.flac" for number in range(3)]
    for name in ("clean/a.flac", "babble-0dB/a.flac", *names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, room[: 2 * RATE], RATE)
    (tmp_path / "manifest.csv").write_text("\n".join(["path,fold,source", *(f"{name},dev,x" for name in names)]))
    (tmp_path / "index.csv").write_text("path,condition,word\nclean/a.flac,clean,a\nbabble-0dB/a.flac,babble-0dB,a\n")
    out, channel = tmp_path / "out", "ten times too loud"
    channels.write(out, channel, tmp_path, tmp_path, every=2)
    assert (out / "conditions" / "index.csv").read_text().split() == ["path,condition,word", "clean/a.flac,clean,a"]
    written = (out / "corpora" / "manifest.csv").read_text().split()
    assert written == ["path,fold,source", "speech/0.flac,dev,x", "speech/2.flac,dev,x"]
    expected = channels.CHANNELS[channel](soundfile.read(tmp_path / names[0], dtype="float32")[0])
    for name in ("conditions/clean/a.flac", "corpora/speech/2.flac"):
        np.testing.assert_allclose(soundfile.read(out / name, dtype="float32")[0], expected, atol=2 / 32768)


def test_without_corpora_only_misses_are_counted(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("path,condition,word\n")
    table = channels.measure(model.find("jarvis").parent, ["jarvis"], tmp_path, None, processes=1, names=["MP3"])
    assert list(table)[1:] == [["MP3", "0", "not measured"]]


def test_another_operating_point_can_be_asked_for(tmp_path: Path, room: np.ndarray, said: list[dict[str, str]]) -> None:
    start = int(next(float(row["start_s"]) for row in said if row["word"] == "jarvis") * RATE)
    soundfile.write(tmp_path / "jarvis.wav", room[start - 16_000 : start + 24_000], RATE)
    (tmp_path / "index.csv").write_text("path,condition,word\njarvis.wav,clean,jarvis\n")
    folder = shutil.copytree(model.find("jarvis"), tmp_path / "models" / "jarvis")
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text("utf-8"))
    manifest["operating_points"]["strict"]["stage2"] = 0.9999999  # what nobody says
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest), "utf-8")
    missed = {}
    for point in ("default", "strict"):
        names = ["as recorded"]
        table = channels.measure(folder.parent, ["jarvis"], tmp_path, None, processes=1, names=names, point=point)
        missed[point] = list(table)[1][1]
    assert missed == {"default": "0", "strict": "1"}
