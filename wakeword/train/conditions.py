"""Write the dev fold's wake words as said in quiet, and over household noise, babble and music at 10 and 0 dB.

    python -m wakeword.train.conditions OUT --corpora DIR --wake DIR

`OUT/<condition>/<word>/<name>.flac` and `OUT/index.csv` (path, condition, word, speaker, start_s, end_s). Conditions:
`clean`, and `{household,babble,music}-{10,0}dB`. Signal and noise are compared over the word's active part (the louder
half of its 20 ms frames). A second of noise stands before the recording and half a second after it, as in a room.
Babble is six talkers of the dev fold. Dev noise, dev talkers: nothing that was trained on.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from wakeword.events import RATE_HZ
from wakeword.train import augment, corpus
from wakeword.train.augment import Float32, Random, Surroundings

LEAD, TAIL = RATE_HZ, RATE_HZ // 2
KINDS, SNRS_DB = ("household", "babble", "music"), (10, 0)


def noise(kind: str, length: int, random: Random, around: Surroundings) -> Float32:
    """`length` samples of one kind at unit level."""
    if kind == "babble":
        talkers = [augment.cut(around.speech[random.integers(len(around.speech))], length, random) for _ in range(6)]
        sound = np.asarray(sum(talker / augment.level(talker) for talker in talkers), np.float32)
    else:
        sound = augment.cut(around.household if kind == "household" else around.music, length, random)
    return np.asarray(sound / (np.sqrt(np.mean(sound**2)) + 1e-9), np.float32)


def after_silence(said: list[corpus.Spoken]) -> list[corpus.Spoken]:
    """Synthetic clips begin with the word itself; nobody speaks in the instant in which the stream begins."""
    return [
        replace(clip, sound=np.pad(clip.sound, (LEAD, 0)), start=clip.start + LEAD, end=clip.end + LEAD)
        for clip in said
    ]  # fmt: skip


def write(out: Path, words: list[corpus.Spoken], around: Surroundings) -> int:
    """Write every word in every condition; returns the number of clips."""
    count, partial = 0, out / "index.tmp"  # index.csv is there when all of it is there
    with partial.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "condition", "word", "speaker", "start_s", "end_s"])
        for number, spoken in enumerate(words):
            loudness = augment.level(spoken.sound[spoken.start : spoken.end])
            padded = np.pad(spoken.sound, (LEAD, TAIL))
            for condition in ["clean", *(f"{kind}-{snr}dB" for kind in KINDS for snr in SNRS_DB)]:
                sound = padded if condition != "clean" else spoken.sound
                lead = LEAD if condition != "clean" else 0
                if condition != "clean":
                    kind, _, snr = condition.removesuffix("dB").partition("-")
                    random = np.random.default_rng([number, KINDS.index(kind), int(snr)])
                    sound = sound + noise(kind, len(sound), random, around) * np.float32(
                        loudness * 10 ** (-int(snr) / 20)
                    )
                    sound = sound / max(1.0, float(np.abs(sound).max()))
                path = Path(condition) / spoken.label / f"{Path(spoken.path).stem}.flac"
                (out / path).parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(out / path, sound, RATE_HZ, subtype="PCM_16")
                place = [f"{(lead + edge) / RATE_HZ:.3f}" for edge in (spoken.start, spoken.end)]
                table.writerow([path, condition, spoken.label, spoken.speaker, *place])
                count += 1
    partial.rename(out / "index.csv")
    return count


def main() -> None:
    """Parse the command line and write the clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--wake", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    around = corpus.surroundings(given.corpora, "dev", simulated_rooms=0)
    print(write(given.out, corpus.wake_words(given.wake, "dev"), around), "clips")


if __name__ == "__main__":
    main()
