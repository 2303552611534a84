"""Synthetic voices: those that are installed speak, the others are named with what would install them."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile

from wakeword.errors import ConfigError
from wakeword.studio import say
from wakeword.studio.folder import Folder, Place
from wakeword.studio.voices import Voices
from wakeword.train.phrases import Word

needs_flite = pytest.mark.skipif(shutil.which("flite") is None, reason="no flite: apt install flite")


async def said(place: Place) -> list[dict[str, Any]]:
    news: list[dict[str, Any]] = []
    voices = Voices(news.append)
    await voices.start(place)
    with pytest.raises(ConfigError, match="other voices are speaking"):
        await voices.start(place)
    while not news or news[-1]["event"] != "voices":
        await asyncio.sleep(0.05)
    await voices.stop()
    return news


@needs_flite
def test_clips_come_one_by_one_and_are_16_kHz_speech(folder: Folder) -> None:  # noqa: N802 - a unit
    place = folder.add("ok_garden", "ok garden")
    news = asyncio.run(said(place))
    files = [one["file"] for one in news if "file" in one]
    assert files[:2] == ["flite-slt.wav", "flite-rms.wav"]
    assert sorted(files) == [path.name for path in place.listed("voices")]
    for path in place.listed("voices"):
        sound, rate = soundfile.read(path)
        assert rate == 16_000
        assert 0.3 < len(sound) / rate < 3
        assert 0.5 < abs(sound).max() < 0.75
    assert all(one["hint"] for one in news if "missing" in one)


@needs_flite
def test_what_was_said_is_not_said_again(tmp_path: Path) -> None:
    first = [one for one in say.say(Word.of("ok garden"), tmp_path) if "file" in one]
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.wav")}
    again = [one for one in say.say(Word.of("ok garden"), tmp_path) if "file" in one]
    assert again == first
    assert times == {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.wav")}


def test_every_voice_of_the_plan_is_one_that_training_uses() -> None:
    english, chinese = say.plan(Word.of("ok garden")), say.plan(Word.of("小爱同学"))
    assert {engine for engine, _ in english} == {"flite", "hibari", "kokoro"}
    assert len(set(english)) == len(english) >= 8
    assert all(engine == "kokoro" and "z" in voice for engine, voice in chinese)


def test_a_phrase_that_no_voice_can_say_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert say.main(["1984", str(tmp_path)]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["error"] == "'1984' cannot be said"
    assert "English words" in told["hint"]


def test_an_engine_that_is_missing_is_named_once_and_the_rest_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))  # no flite there
    told = [one for one in say.say(Word.of("ok garden"), tmp_path / "out") if one.get("missing") == "flite"]
    assert told == [{"missing": "flite", "hint": "apt install flite"}]
    assert not list((tmp_path / "out").glob("flite-*"))
