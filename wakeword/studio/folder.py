"""What the studio keeps: a folder a word, readable without it. `wakeword eval` takes `said` and `talk` as they are.

    DIR/jarvis/word.json        the phrase, as it is said
    DIR/jarvis/said/jarvis/     takes of the word
    DIR/jarvis/talk/            talk without the word
    DIR/jarvis/voices/          how synthetic voices say it
    DIR/jarvis/model/jarvis/    the trained model, if it is not a shipped word
    DIR/jarvis/training/        what its training has printed
    DIR/jarvis/run/, point.yaml the evaluation of `said` and `talk`, and the operating point chosen on it
    DIR/work/                   what trainings need to go on, in part shared by all words

A file is written under another name first: what has its name is whole.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword import model as models
from wakeword.errors import ConfigError, in_words
from wakeword.events import RATE_HZ

Int16 = npt.NDArray[np.int16]

MOST_TAKES, MOST_WORDS = 500, 100
WORK = "work"  # no word: it has no word.json
KINDS = ("said", "talk", "voices")  # of sounds
_FILE = re.compile(r"[0-9]{4}\.wav|[\w:.+-]{1,60}\.wav")
PARTIAL = ".partial.wav"


@dataclass(frozen=True, slots=True)
class Place:
    """One word and where its things lie."""

    folder: Path
    name: str
    phrase: str

    def sounds(self, kind: str) -> Path:
        """The folder of one of `KINDS`."""
        return self.folder / "said" / self.name if kind == "said" else self.folder / kind

    @property
    def out(self) -> Path:
        """Where its training puts models."""
        return self.folder / "model"

    @property
    def training(self) -> Path:
        """Where its training's own lines are kept."""
        return self.folder / "training"

    @property
    def work(self) -> Path:
        """Where trainings keep what they need to go on; what no word differs in is made once for all."""
        return self.folder.parent / WORK

    @property
    def run(self) -> Path:
        """Its evaluation."""
        return self.folder / "run"

    @property
    def point(self) -> Path:
        """Its operating point."""
        return self.folder / "point.yaml"

    @property
    def model(self) -> str:
        """Name or folder of its model, "" as long as there is none. One trained here comes before a shipped one."""
        if self.trained:
            return str(self.out / self.name)
        return self.name if self.name in models.shipped_words() else ""

    @property
    def trained(self) -> bool:
        """Whether it has a model of its own."""
        return (self.out / self.name / "manifest.yaml").is_file()

    def check_model(self) -> None:
        """Raise `ConfigError` as long as there is no model."""
        if not self.model:
            raise ConfigError(f"'{self.phrase}' has no model yet", hint="train it first")

    def listed(self, kind: str) -> list[Path]:
        """Whole recordings of one kind, oldest first."""
        folder = self.sounds(kind)
        return sorted(path for path in folder.glob("*.wav") if path.name != PARTIAL) if folder.is_dir() else []

    def sound(self, kind: str, file: str) -> Path:
        """One recording. Raises `ConfigError` for a name that is none, or not there."""
        path = self.sounds(kind) / file
        if kind not in KINDS or not _FILE.fullmatch(file) or not path.is_file():
            raise ConfigError(f"no recording {kind}/{file} of '{self.phrase}'")
        return path

    def next_file(self, kind: str) -> Path:
        """A name that nothing has, later than all. Raises `ConfigError` when there are too many."""
        known = [int(path.stem) for path in self.listed(kind) if path.stem.isdigit()]
        if len(known) >= MOST_TAKES:
            raise ConfigError(f"{MOST_TAKES} recordings are enough", hint="delete some")
        return self.sounds(kind) / f"{max(known, default=0) + 1:04d}.wav"

    def keep(self, kind: str, samples: Int16) -> Path:
        """Write (n,) int16 at 16 kHz. Raises `ConfigError` when there is no room for it; nothing is left then."""
        path = self.next_file(kind)
        partial = path.with_name(PARTIAL)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(partial, samples, RATE_HZ, subtype="PCM_16")
            partial.replace(path)
        except (OSError, soundfile.LibsndfileError) as error:
            partial.unlink(missing_ok=True)
            raise unkept(path, error) from error
        return path

    def forget(self, kind: str, file: str = "") -> None:
        """Delete one recording, or all of a kind, and what was chosen on it."""
        for path in [self.sound(kind, file)] if file else self.listed(kind):
            path.unlink()
        if kind != "voices":
            self.point.unlink(missing_ok=True)
            shutil.rmtree(self.run, ignore_errors=True)
            (self.folder / "scores.sqlite").unlink(missing_ok=True)


class Folder:
    """All words: those shipped with the package, and those that were typed in here."""

    def __init__(self, root: Path) -> None:
        """Raises `ConfigError` when the folder cannot be made or written to."""
        self.root = root.expanduser().resolve()
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = self.root / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ConfigError(_why(error), where=str(self.root), hint="--folder DIR") from error
        self._shipped = [
            Place(self.root / name, name, str(models.load_manifest(models.find(name)).get("phrase", name)))
            for name in models.shipped_words()
        ]

    def words(self) -> list[Place]:
        """Shipped words first."""
        known = {place.name for place in self._shipped}
        own = []
        for path in sorted(self.root.glob("*/word.json")):
            if path.parent.name not in known:
                own.append(Place(path.parent, path.parent.name, str(json.loads(path.read_text("utf-8"))["phrase"])))
        return [*self._shipped, *own]

    def word(self, name: str) -> Place:
        """One of them. Raises `ConfigError`."""
        found = next((place for place in self.words() if place.name == name), None)
        if found is None:
            raise ConfigError(f"no word '{name}' here")
        return found

    def add(self, name: str, phrase: str) -> Place:
        """A new word; one that is there stays as it is. Raises `ConfigError` when there is no room."""
        words = self.words()
        for place in words:
            if place.name == name:
                return place
        if len(words) >= MOST_WORDS:
            raise ConfigError(f"{MOST_WORDS} words are enough", hint="delete some")
        place = Place(self.root / name, name, phrase)
        try:
            place.folder.mkdir(exist_ok=True)
            partial = place.folder / "word.tmp"
            partial.write_text(json.dumps({"phrase": phrase}, ensure_ascii=False), "utf-8")
            partial.replace(place.folder / "word.json")
        except OSError as error:
            raise ConfigError(_why(error), where=str(place.folder), hint="is the disk full?") from error
        return place

    def remove(self, name: str) -> None:
        """All that is kept of a word: recordings, voices, training, model, point."""
        place = self.word(name)
        for folder in (place.folder, place.work / place.name):
            shutil.rmtree(folder, ignore_errors=True)


def unkept(path: Path, error: Exception) -> ConfigError:
    """What is said of a recording that could not be written."""
    return ConfigError(f"could not be kept: {_why(error)}", where=str(path), hint="is the disk full?")


def _why(error: Exception) -> str:
    return in_words(error) if isinstance(error, OSError) else str(error)
