"""Write the synthetic clips of one word to a folder; start it again and it goes on where it stopped.

    python -m wakeword.train.synthesize PHRASE DIR [--held] [--rounds 300]

`DIR/index.csv`: path, kind (the word, or `near:<word>`, or `around`), text, voice, engine. One speaker never stands in
both the training set and the held one. Seeded: clip i is the same clip in every run.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from wakeword.train import phrases, voices
from wakeword.train.phrases import Word
from wakeword.train.progress import Pace

SMALL = [("flite", "slt"), ("hibari", "heart"), ("flite", "awb"), ("flite", "rms"), ("flite", "kal16")]  # nearly free
ROUNDS, HELD_ROUNDS = 300, 40  # positives; Kokoro takes about 1.2 s of one core a clip


@dataclass(frozen=True, slots=True)
class Clip:
    """One thing to be said: `kind` is the label it is trained with."""

    kind: str
    text: str
    engine: str
    voice: str
    speed: float


def plan(word: Word, rounds: int, *, held: bool, command: str = "") -> Iterator[Clip]:
    """Rounds of: the word once, a near-miss; now and then a request after it, another sentence. Any prefix is balanced.

    `command`: another engine (`voices.Command`) that says every fourth round.
    """
    near_misses = phrases.near_misses(word)
    for number in range(rounds):
        random = np.random.default_rng([7, int(held), number, *word.phrase.encode()])
        engine = "command" if command and number % 4 == 3 else "kokoro"
        for kind, text in _round(word, number, near_misses, random):
            voice = voices.pick(random, word.language, held=held)
            yield Clip(kind, text, engine, voice, round(float(random.uniform(0.8, 1.25)), 2))
    if not held and word.language == "en":
        yield from _small_engines(word, near_misses)


def _round(word: Word, number: int, near_misses: list[str], random: np.random.Generator) -> Iterator[tuple[str, str]]:
    """(kind, text) of what one round says."""
    yield word.name, word.phrase
    yield f"near:{word.name}", str(random.choice(near_misses))
    if number % 4 == 0:
        request = random.choice(phrases.REQUESTS[word.language])
        yield word.name, f"{word.phrase}{phrases.COMMA[word.language]}{request}"
    if number % 6 == 0:
        yield "around", str(random.choice(phrases.AROUND[word.language]))


def _small_engines(word: Word, near_misses: list[str]) -> Iterator[Clip]:
    random = np.random.default_rng(11)
    for engine, voice in SMALL:
        for speed in (0.85, 1.0, 1.15):
            yield Clip(word.name, word.phrase, engine, voice, speed)
        for near in random.permutation(near_misses)[:12]:
            yield Clip(f"near:{word.name}", str(near), engine, voice, 1.0)
        for request in random.permutation(phrases.REQUESTS["en"])[:5]:
            yield Clip(word.name, f"{word.phrase}, {request}", engine, voice, 1.0)


_engines: dict[str, voices.Engine]  # one set a worker process


def _start(command: str) -> None:
    global _engines  # noqa: PLW0603
    _engines = {"kokoro": voices.Kokoro(), "flite": voices.Flite(), "hibari": voices.Hibari()}
    if command:
        _engines["command"] = voices.Command(command)


def _say(job: tuple[Path, Clip]) -> str:
    """Write one clip; the error if the engine cannot say it."""
    path, clip = job
    try:
        sound = voices.trim(_engines[clip.engine].say(clip.text, clip.voice, clip.speed))
    except (RuntimeError, OSError) as error:
        return str(error)
    soundfile.write(path, sound, voices.RATE_HZ, subtype="PCM_16")
    return ""


def synthesize(
    word: Word, folder: Path, *, held: bool, rounds: int = ROUNDS, processes: int = 2, command: str = ""
) -> None:
    """Say everything in `plan`; a clip that an engine cannot say is named on stderr and skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    clips = [(folder / f"{n:05d}.flac", clip) for n, clip in enumerate(plan(word, rounds, held=held, command=command))]
    said = _indexed(folder)
    wanted = [(path, clip) for path, clip in clips if path.name not in said]
    pace = Pace()
    context = multiprocessing.get_context("spawn")  # onnxruntime's threads do not survive a fork
    with context.Pool(processes, _start, (command,)) as pool, (folder / "index.csv").open("a", newline="") as index:
        table = csv.writer(index)
        for done, ((path, clip), error) in enumerate(zip(wanted, pool.imap(_say, wanted), strict=True), 1):
            if error:
                print(f"skipped: {error}", file=sys.stderr)
                continue
            table.writerow([path.name, clip.kind, clip.text, clip.voice, clip.engine])
            index.flush()
            if done % 50 == 0:
                left = pace.minutes_left(done, len(wanted))
                print(f"{done}/{len(wanted)} clips, about {left:.0f} min left", flush=True)


def _indexed(folder: Path) -> set[str]:
    """The clips that are whole: a file without its row was being written when an earlier run ended."""
    if not (folder / "index.csv").exists():
        return set()
    with (folder / "index.csv").open(newline="") as index:
        return {row[0] for row in csv.reader(index)}


def main() -> None:
    """Parse the command line and write the clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("phrase")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--held", action="store_true", help="the held-out speakers, to measure on")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--voice-command", default="", help="another engine, e.g. 'espeak-ng -v en -w {out} {text}'")
    given = parser.parse_args()
    rounds = given.rounds or (HELD_ROUNDS if given.held else ROUNDS)
    synthesize(
        Word.of(given.phrase), given.folder, held=given.held, rounds=rounds, processes=given.processes,
        command=given.voice_command,
    )  # fmt: skip


if __name__ == "__main__":
    main()
