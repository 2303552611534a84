"""Write the synthetic clips of the shipped words to a folder; start it again and it goes on where it stopped.

    python -m wakeword.train.synthesize DIR [--held] [--words computer,jarvis,alexa]

`DIR/index.csv`: path, kind (the word, or `near:<word>`, or `around`), text, voice, engine. One speaker never stands in
both the training set and the held one. Seeded: clip i is the same clip in every run.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from wakeword.train import phrases, voices

WORDS = ("computer", "jarvis", "alexa")
SMALL = [("flite", "slt"), ("hibari", "heart"), ("flite", "awb"), ("flite", "rms"), ("flite", "kal16")]  # nearly free
ROUNDS, HELD_ROUNDS, REQUEST_ROUNDS = 300, 40, 120  # positives a word; Kokoro takes about 1.2 s of one core a clip


@dataclass(frozen=True, slots=True)
class Clip:
    """One thing to be said: `kind` is the label it is trained with."""

    kind: str
    text: str
    engine: str
    voice: str
    speed: float


def plan(words: tuple[str, ...], *, held: bool) -> Iterator[Clip]:
    """Rounds of: each word once, a near-miss of each, now and then another sentence; so any prefix is balanced."""
    for number in range(HELD_ROUNDS if held else ROUNDS):
        random = np.random.default_rng([7, int(held), number])
        for word in words:
            yield Clip(word, word, "kokoro", voices.pick(random, held=held), _speed(random))
            near = str(random.choice(phrases.near_misses(word)))
            yield Clip(f"near:{word}", near, "kokoro", voices.pick(random, held=held), _speed(random))
        if number % 3 == 0:
            yield Clip(
                "around", str(random.choice(phrases.AROUND)), "kokoro", voices.pick(random, held=held), _speed(random)
            )
    if not held:
        yield from _small_engines(words)
        yield from _requests(words)


def _small_engines(words: tuple[str, ...]) -> Iterator[Clip]:
    random = np.random.default_rng(11)
    for engine, voice in SMALL:
        for word in words:
            for speed in (0.85, 1.0, 1.15):
                yield Clip(word, word, engine, voice, speed)
            for near in random.permutation(phrases.near_misses(word))[:12]:
                yield Clip(f"near:{word}", str(near), engine, voice, 1.0)


def _requests(words: tuple[str, ...]) -> Iterator[Clip]:
    for number in range(REQUEST_ROUNDS):
        random = np.random.default_rng([13, number])
        engine, voice = SMALL[number % len(SMALL)]
        for word in words:
            yield Clip(word, f"{word}, {random.choice(phrases.REQUESTS)}", engine, voice, _speed(random))


def _speed(random: np.random.Generator) -> float:
    return round(float(random.uniform(0.8, 1.25)), 2)


def synthesize(folder: Path, words: tuple[str, ...], *, held: bool) -> None:
    """Say everything in `plan`; a clip that an engine cannot say is named on stderr and skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    engines: dict[str, voices.Engine] = {"kokoro": voices.Kokoro(), "flite": voices.Flite(), "hibari": voices.Hibari()}
    clips = list(plan(words, held=held))
    began, said = time.monotonic(), 0
    with (folder / "index.csv").open("a", newline="") as index:
        table = csv.writer(index)
        for number, clip in enumerate(clips):
            path = folder / f"{number:05d}.flac"
            if path.exists():
                continue
            try:
                sound = voices.trim(engines[clip.engine].say(clip.text, clip.voice, clip.speed))
            except RuntimeError as error:
                print(f"skipped: {error}", file=sys.stderr)
                continue
            soundfile.write(path, sound, voices.RATE_HZ, subtype="PCM_16")
            table.writerow([path.name, clip.kind, clip.text, clip.voice, clip.engine])
            index.flush()
            said += 1
            if said % 50 == 0:
                left = (time.monotonic() - began) / said * (len(clips) - number - 1)
                print(f"{number + 1}/{len(clips)} clips, about {left / 60:.0f} min left", flush=True)


def main() -> None:
    """Parse the command line and write the clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--held", action="store_true", help="the held-out speakers, to measure on")
    parser.add_argument("--words", default=",".join(WORDS))
    given = parser.parse_args()
    synthesize(given.folder, tuple(given.words.split(",")), held=given.held)


if __name__ == "__main__":
    main()
