"""The page in a real browser, whose microphone hears a recorded room: every step that a person takes.

The whole way with a real training takes an hour: `scripts/studio`. Here its beginning runs where its libraries are.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import studio_bed as bed
from browser import Chromium, Opened, started

from wakeword import Detector
from wakeword.studio import training

CHOSEN = "document.documentElement.dataset.word === '{}'"
STOPPED = "!document.querySelector('button.on')"


@dataclass
class Room:
    """A browser, and what its microphone hears when it is opened next."""

    chromium: Chromium
    path: Path
    folder: Path

    def hears(self, *sounds: np.ndarray) -> None:
        bed.written(self.path, *sounds)

    @contextmanager
    def page(self, word: str, *options: str, allowed: bool = True) -> Iterator[Opened]:
        """The studio's page with a word chosen; it asks for nothing from elsewhere, and never breaks its policy."""
        with bed.studio(self.folder, *options) as url, self.chromium.visit(url, microphone=allowed) as page:
            page.wait("document.documentElement.dataset.ready === 'yes'")
            if page.page.locator(f"[data-word='{word}']").count():
                page.page.click(f"[data-word='{word}']")
            else:
                page.page.fill("#phrase", word.replace("_", " "))
                page.page.click("#new-word button")
            page.wait(CHOSEN.format(word))
            yield page
            assert (page.requests, page.errors) == ([], [])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Chromium, Path]]:
    path = bed.written(tmp_path_factory.mktemp("microphone") / "room.wav", bed.hiss(1))
    with started(path) as chromium:
        yield chromium, path


@pytest.fixture
def house(browser: tuple[Chromium, Path], tmp_path: Path) -> Room:
    return Room(*browser, tmp_path / "kept")


def test_ten_takes_and_some_talk_become_a_point_that_is_tried_live_and_taken_along(
    house: Room, room: np.ndarray
) -> None:  # fmt: skip
    with house.page("jarvis") as page:
        house.hears(bed.ten_times(room), bed.ten_times(room))  # more than ten: a busy machine may lose sound
        page.page.click("#record-said")
        page.wait("document.getElementById('said-count').textContent === '10 of 10'")
        page.wait(STOPPED)
        assert page.page.locator("#said li[data-file]").count() == 10
        page.page.locator("#said audio").first.evaluate("sound => sound.play()")  # it can be heard
        page.wait("document.querySelector('#said audio').duration > 1")

        house.hears(bed.talk(room))
        page.page.click("#record-talk")
        page.wait("parseInt(document.getElementById('talk-count').textContent) >= 5")
        page.page.click("#record-talk")
        page.wait("document.querySelectorAll('#talk li').length === 1")

        page.page.click("#find")
        page.wait("document.querySelector('#point table') !== null")
        told = page.text("#point")
        assert "of 10 times at these thresholds" in told
        assert "That alone says only: below" in told
        page.wait("document.getElementById('live-point').value === 'yours'")
        assert f"point: {house.folder.resolve()}/jarvis/point.yaml" in page.text("#how")

        pause = bed.hiss(1.5)
        house.hears(pause, *[part for _ in range(8) for part in (bed.word(room, 1.5), pause)])
        page.page.click("#listen")
        page.wait("document.querySelector('#verdicts [data-accepted=true]') !== null")
        assert page.text("#live-verdict").startswith("woke ")
        assert page.page.locator("#curves canvas").count() == 1
        page.page.click("#listen")
        page.wait(STOPPED)

        with page.page.expect_download() as download:
            page.page.click("#export")
        with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as packed:
            packed.extractall(house.folder)
        taken, here = house.folder / "jarvis.yaml", house.folder / "jarvis" / "point.yaml"
        assert Detector.load("jarvis", point=str(taken)).points == Detector.load("jarvis", point=str(here)).points

        page.page.locator("#said li button").first.click()
        page.wait("document.querySelectorAll('#said li').length === 9")
        page.wait("document.getElementById('live-point').value === 'default'")  # what was chosen on it is gone too


def test_a_microphone_that_may_not_be_used_is_explained(house: Room) -> None:
    with house.page("jarvis", allowed=False) as page:
        page.page.click("#record-said")
        page.wait("document.getElementById('said-microphone').textContent !== ''")
        assert page.text("#said-microphone").startswith("The browser may not use the microphone. Allow it")
        page.wait(STOPPED)


def test_a_dead_a_loud_and_an_unheard_microphone_are_named_while_one_records(house: Room, room: np.ndarray) -> None:
    loud = np.concatenate([bed.word(room, 30)] * 20)
    with house.page("jarvis") as page:
        for sound, words in (
            (np.zeros(30 * bed.RATE, np.int16), "Digital silence"),
            (loud, "Clipping"),
            (bed.hiss(30), "Nobody is heard"),
        ):  # fmt: skip
            house.hears(sound)
            page.page.click("#record-said")
            page.wait("words => document.getElementById('said-microphone').textContent.startsWith(words)", words)
            page.page.click("#record-said")
            page.wait(STOPPED)


def test_a_phrase_that_no_voice_can_say_is_refused_and_a_new_one_is_not_trained_yet(house: Room) -> None:
    with house.page("silver_lantern") as page:
        page.page.fill("#phrase", "42")
        page.page.click("#new-word button")
        page.wait("document.getElementById('word-error').textContent !== ''")
        assert page.text("#word-error").startswith("'42' cannot be said: two letters or more")
        lacks = training.missing_extras() or "start the studio with --corpora DIR"
        assert lacks in page.text("#train-state")
        assert page.page.locator("#train").is_disabled()
        assert not page.page.locator("#step-live").is_visible()
        page.page.click("#remove")  # asks whether it is meant
        assert (house.folder / "silver_lantern").exists()
        page.page.click("#remove")
        page.wait("document.querySelector('#words [data-word=silver_lantern]') === null")
    assert not (house.folder / "silver_lantern").exists()


def test_voices_that_are_not_installed_are_named_with_what_installs_them(house: Room) -> None:
    with house.page("silver_lantern") as page:
        page.page.click("#say")
        page.wait("document.querySelector('#voices li') !== null"
                  " || document.getElementById('voices-error').textContent !== ''")  # fmt: skip
        said, missing = page.page.locator("#voices li").count(), page.text("#voices-error")
        assert said or "is not installed: " in missing
        assert ("pip install 'wakeword[voices]'" in missing) == bool(training.missing_extras() and "hibari" in missing)


def test_a_studio_that_ends_says_so_on_its_page(house: Room) -> None:
    with ExitStack() as open_for_longer:
        with bed.studio(house.folder) as url:
            page = open_for_longer.enter_context(house.chromium.visit(url))
            page.wait("document.documentElement.dataset.ready === 'yes'")
        page.wait("document.getElementById('banner').textContent.startsWith('The studio has ended')")
        assert page.page.locator("#phrase").is_disabled()


@pytest.mark.skipif(bool(training.missing_extras()), reason=f"a training needs more: {training.missing_extras()}")
def test_a_real_training_begins_is_stopped_and_can_go_on(house: Room, tmp_path: Path) -> None:
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    (corpora / "manifest.csv").write_text("path,fold,source\n")
    state = "document.getElementById('train-state').dataset.state"
    with house.page("silver_lantern", "--corpora", str(corpora), "--train", "--rounds 2000 --processes 1") as page:
        page.page.click("#train")
        page.wait("document.getElementById('train-state').textContent.includes('synthetic voices')")
        page.page.click("#stop-train")
        page.wait(f"{state} === 'stopped'")
        assert page.text("#train") == "Go on"
        page.page.click("#train")
        page.wait(f"{state} === 'running'")  # and Ctrl-C, which ends the studio now, ends it too
