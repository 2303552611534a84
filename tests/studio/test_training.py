"""A training is followed, stopped, gone on with, and never run twice at a time.

The program here is not `wakeword train`, which takes long: it prints as that one does and goes on where it was.
`test_page.py` has the real one, where its libraries are.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wakeword.errors import ConfigError
from wakeword.studio import training
from wakeword.studio.folder import Folder, Place
from wakeword.studio.training import Training

PROGRAM = """
import pathlib, sys, time
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
work = pathlib.Path(given["--work"])
work.mkdir(parents=True, exist_ok=True)
done = work / "voices"
print("synthetic voices: done before" if done.exists() else "synthetic voices ...", flush=True)
if not done.exists():
    print("50/200 clips, about 3 min left", flush=True)
    done.touch()
    time.sleep(600)
if "--fail" in given:
    sys.exit("wakeword: no space left on device")
print("stage 1 ...", flush=True)
model = pathlib.Path(given["--out"]) / "ok_garden"
model.mkdir(parents=True)
(model / "manifest.yaml").write_text("word: ok_garden")
"""


class Short(Training):
    """Runs `PROGRAM`."""

    def command(self, place: Place) -> list[str]:
        words = super().command(place)
        assert words[1:4] == ["-m", "wakeword", "train"]
        assert words[4] == place.phrase
        return [sys.executable, "-c", PROGRAM, *words[5:]]


@pytest.fixture
def garden(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(training, "NEEDED", {})
    return folder.add("ok_garden", "ok garden")


def made(folder: Folder, news: list[dict[str, Any]], options: str = "") -> Short:
    return Short(folder, folder.root, options, news.append)


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.02)


def test_a_training_is_followed_stopped_and_goes_on_where_it_was(folder: Folder, garden: Place) -> None:
    async def told() -> None:
        news: list[dict[str, Any]] = []
        one = made(folder, news)
        assert one.state(garden)["state"] == "none"
        await one.start(garden)
        await until(lambda: any(line["minutes_left"] for line in news))
        state = one.state(garden)
        assert (state["state"], state["step"], state["share"], state["minutes_left"]) == (
            "running", "synthetic voices", 0.25, 3.0,
        )  # fmt: skip
        await one.stop()
        assert one.state(garden)["state"] == news[-1]["state"] == "stopped"
        another = made(folder, news)  # as after a restart
        assert another.state(garden)["state"] == "stopped"
        await another.start(garden)
        await until(lambda: news[-1]["state"] == "done")
        assert "synthetic voices: done before" in (garden.training / training.LOG).read_text()
        assert garden.model == str(garden.out / "ok_garden")
        await another.stop()

    asyncio.run(asyncio.wait_for(told(), 120))


def test_a_training_that_fails_says_what_it_said_last(folder: Folder, garden: Place) -> None:
    async def told() -> None:
        news: list[dict[str, Any]] = []
        one = made(folder, news, "--fail yes")
        garden.work.mkdir()
        (garden.work / "voices").touch()
        await one.start(garden)
        await until(lambda: bool(news) and news[-1]["state"] == "failed")
        assert news[-1]["lines"][-2:] == ["wakeword: no space left on device", "ended with code 1"]
        assert made(folder, news).state(garden)["state"] == "failed"

    asyncio.run(asyncio.wait_for(told(), 120))


def test_two_trainings_never_run_at_a_time_even_of_two_studios(folder: Folder, garden: Place) -> None:
    async def told() -> None:
        one, other = made(folder, []), made(folder, [])
        await one.start(garden)
        with pytest.raises(ConfigError, match="under way: ok_garden"):
            await one.start(garden)
        with pytest.raises(ConfigError, match="begun by another studio"):
            await other.start(garden)
        await one.stop()
        (garden.work / "voices").unlink(missing_ok=True)
        await other.start(garden)
        await other.stop()

    asyncio.run(asyncio.wait_for(told(), 120))


def test_own_takes_go_into_the_training(folder: Folder, garden: Place) -> None:
    import numpy as np

    one = made(folder, [], "--rounds 4")
    command = Training.command(one, garden)
    assert "--recordings" not in command
    assert command[-2:] == ["--rounds", "4"]
    garden.keep("said", np.zeros(160, np.int16))
    command = Training.command(one, garden)
    assert command[command.index("--recordings") + 1] == str(garden.sounds("said"))


def test_what_is_missing_is_said_before_anything_begins(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder.add("ok_garden", "ok garden")
    monkeypatch.setattr(training, "NEEDED", {"no_such_library": "train", "nor_this": "voices"})
    one = Training(folder, Path(), "", lambda _: None)
    assert one.state(place)["missing"] == "pip install 'wakeword[train,voices]'"
    with pytest.raises(ConfigError, match="cannot be trained here"):
        asyncio.run(one.start(place))
    monkeypatch.setattr(training, "NEEDED", {})
    assert "--corpora DIR" in Training(folder, None, "", lambda _: None).missing()
    with pytest.raises(ConfigError, match="No closing quotation"):
        Training(folder, None, "--rounds '4", lambda _: None)


def test_a_training_on_a_full_disk_does_not_begin(folder: Folder, garden: Place) -> None:
    garden.training.mkdir()
    (garden.training / "log.txt").mkdir()  # stands for any file that cannot be opened
    with pytest.raises(ConfigError, match="directory"):
        asyncio.run(made(folder, []).start(garden))
