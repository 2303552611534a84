"""What is kept lies in plain folders, whole or not at all, and goes when it is told to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from wakeword.errors import ConfigError
from wakeword.studio.folder import PARTIAL, Folder, Place

SOUND = np.arange(1600, dtype=np.int16)


def test_shipped_words_are_there_and_own_ones_come_after(folder: Folder) -> None:
    folder.add("ok_garden", "ok garden")
    words = Folder(folder.root).words()
    assert [(word.name, word.phrase) for word in words] == [
        ("alexa", "alexa"), ("computer", "computer"), ("jarvis", "jarvis"), ("ok_garden", "ok garden"),
    ]  # fmt: skip
    assert [bool(word.model) for word in words] == [True, True, True, False]


def test_a_word_is_added_once(folder: Folder) -> None:
    assert folder.add("jarvis", "jarvis") == folder.word("jarvis")
    assert folder.add("ok_garden", "ok garden") == folder.add("ok_garden", "OK Garden")


def test_a_word_that_is_not_there_is_an_error(folder: Folder) -> None:
    for name in ("", "nothing", "../jarvis", "jarvis/said"):
        with pytest.raises(ConfigError, match="no word"):
            folder.word(name)


def test_recordings_are_numbered_and_read_back(jarvis: Place) -> None:
    paths = [jarvis.keep("said", SOUND) for _ in range(3)]
    assert [path.name for path in paths] == ["0001.wav", "0002.wav", "0003.wav"]
    jarvis.forget("said", "0002.wav")
    assert jarvis.keep("said", SOUND).name == "0004.wav"  # never a name that stood for something else
    samples, rate = soundfile.read(paths[0], dtype="int16")
    assert rate == 16_000
    assert (samples == SOUND).all()


def test_a_full_disk_is_said_and_nothing_half_written_is_left(jarvis: Place) -> None:
    kept = jarvis.keep("said", SOUND)
    kept.with_name(PARTIAL).symlink_to("/dev/full")  # the kernel's own "no space left on device"
    with pytest.raises(ConfigError, match="could not be kept") as error:
        jarvis.keep("said", np.zeros(100_000, np.int16))
    assert error.value.hint == "is the disk full?"
    assert [path.name for path in kept.parent.iterdir()] == ["0001.wav"]


@pytest.mark.parametrize("file", ["../../word.json", "0001.flac", "/etc/passwd", "", ".partial.wav", "a/b.wav"])
def test_only_recordings_can_be_asked_for(jarvis: Place, file: str) -> None:
    jarvis.keep("said", SOUND)
    with pytest.raises(ConfigError, match="no recording"):
        jarvis.sound("said", file)
    with pytest.raises(ConfigError, match="no recording"):
        jarvis.sound("model", "0001.wav")


def test_what_was_chosen_on_a_recording_goes_with_it(jarvis: Place) -> None:
    jarvis.keep("said", SOUND)
    jarvis.run.mkdir()
    jarvis.point.write_text("")
    jarvis.forget("said", "0001.wav")
    assert (jarvis.point.exists(), jarvis.run.exists(), jarvis.listed("said")) == (False, False, [])


def test_a_removed_word_leaves_nothing(folder: Folder, jarvis: Place) -> None:
    jarvis.keep("said", SOUND)
    folder.add("ok_garden", "ok garden")
    folder.remove("ok_garden")
    folder.remove("jarvis")
    assert list(folder.root.iterdir()) == []
    assert folder.word("jarvis").model == "jarvis"  # a shipped word stays


def test_a_model_that_was_trained_here_comes_before_a_shipped_one(jarvis: Place) -> None:
    assert (jarvis.model, jarvis.trained) == ("jarvis", False)
    (jarvis.out / "jarvis").mkdir(parents=True)
    (jarvis.out / "jarvis" / "manifest.yaml").write_text("word: jarvis\n")
    assert (jarvis.model, jarvis.trained) == (str(jarvis.out / "jarvis"), True)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"exists|not a directory"):
        Folder(tmp_path / "file")
