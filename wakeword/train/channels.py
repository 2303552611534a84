"""What models lose where rooms, microphones, codecs and tempo are other than in the recordings they were chosen on.

    python -m wakeword.train.channels MODELS --conditions DIR [--corpora DIR] [--words a,b] [--point strict]

Each of `CHANNELS` is put between the dev fold and the daemon's pipeline at one operating point: the words in quiet,
and with `--corpora` the hours without them. A table in Markdown: misses a word, false accepts of all words together.
Models that learned the channel instead of the word show it here.

    python -m wakeword.train.channels --write OUT --channel "4 m away, T60 0.6 s" --conditions DIR --corpora DIR

writes the recordings as heard through one channel, `OUT/conditions` and `OUT/corpora`, for `scripts/versus`.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy import signal

from wakeword.eval.mix import in_room, level, shoe_box
from wakeword.events import RATE_HZ
from wakeword.model import POINTS
from wakeword.train import augment, corpus, sweep
from wakeword.train.augment import Float32

Channel = Callable[[Float32], Float32]

BEFORE, AFTER = RATE_HZ // 2, RATE_HZ  # of near-silence around a word: rooms ring on, and a stream runs before it
FLOOR = 1e-5  # -100 dBFS: no microphone is silent


def at(dbfs: float) -> Channel:
    """The active part at so many dBFS: a low gain, or somebody far away."""
    return lambda sound: sound / np.float32(level(sound)) * np.float32(10 ** (dbfs / 20))


def clipped(times: float) -> Channel:
    """So many times too loud for the converter."""
    return lambda sound: np.clip(sound / (np.abs(sound).max() + FLOOR) * np.float32(times), -1, 1) * np.float32(0.5)


def tone(points: dict[float, float]) -> Channel:
    """A tone curve: gain in dB at frequencies in Hz, between which it is straight; linear phase."""
    hz, gains_db = [*points], np.array([*points.values()])
    gains = 10 ** (np.pad(gains_db, 1, "edge") / 20)
    taps = signal.firwin2(511, [0, *hz, RATE_HZ / 2], gains, fs=RATE_HZ)
    return lambda sound: np.asarray(np.convolve(sound, taps, "same"), np.float32)


def tilted(db_per_octave: float) -> Channel:
    """Thin (above 0) or dull (below), around 1 kHz."""
    return tone({hz: db_per_octave * float(np.log2(hz / 1000)) for hz in (62.5, 125, 250, 500, 1000, 2000, 4000, 7900)})


def coded(container: str, codec: str, rate_hz: int = RATE_HZ) -> Channel:
    """Through a codec and back, by libsndfile."""

    def through(sound: Float32) -> Float32:
        narrow = soxr.resample(sound, RATE_HZ, rate_hz).clip(-1, 1)
        heard = soxr.resample(augment.coded(narrow, rate_hz, container, codec), rate_hz, RATE_HZ)
        return np.pad(heard, (0, max(0, len(sound) - len(heard))))[: len(sound)]

    return through


def across(t60_s: float, metres: float) -> Channel:
    """Across an empty shoe-box room, by image sources to order 25; its T20: 0.38, 0.52, 0.81 s for 0.4, 0.6, 0.9."""
    return lambda sound: in_room(sound, _response(t60_s, metres))


@cache
def _response(t60_s: float, metres: float) -> Float32:
    import pyroomacoustics as pra

    size = np.array([metres + 1.6, metres + 0.7, 2.7])
    absorption, order = pra.inverse_sabine(t60_s, size)
    talker = np.array([0.8, 0.9, 1.6])
    microphone = np.array([0.8 + metres * 0.8, 0.9 + metres * 0.6, 1.1])  # 0.8 and 0.6: so far over the floor
    return shoe_box(size, absorption, min(order, 25), talker, microphone)


def hum(snr_db: float) -> Channel:
    """Mains of 50 Hz and its third harmonic, so far below the active part."""

    def with_hum(sound: Float32) -> Float32:
        turn = 2 * np.pi * 50 * np.arange(len(sound)) / RATE_HZ
        wave = (np.sin(turn) + np.sin(3 * turn) / 2) / np.sqrt(0.625)
        return np.asarray(sound + wave * level(sound) * 10 ** (-snr_db / 20), np.float32)

    return with_hum


def played(speed: float) -> Channel:
    """Faster and higher, or slower and lower: what another sampling clock or another body does."""
    return lambda sound: augment.at_speed(sound, speed)


CHANNELS: dict[str, Channel] = {
    "as recorded": lambda sound: sound,
    "at -50 dBFS": at(-50),
    "at -60 dBFS": at(-60),
    "ten times too loud": clipped(10),
    "a tenth of full scale beside zero": lambda sound: sound + np.float32(0.1),
    "hum as loud as the voice": hum(0),
    "dull, -4 dB an octave": tilted(-4),
    "thin, +4 dB an octave": tilted(4),
    "nothing above 3 kHz": tone({2900: 0, 3200: -80}),
    "300 to 3400 Hz": tone({220: -80, 300: 0, 3400: 0, 3700: -80}),
    "A-law at 8 kHz": coded("WAV", "ALAW", 8000),
    "GSM 06.10 at 8 kHz": coded("WAV", "GSM610", 8000),
    "MP3": coded("MP3", "MPEG_LAYER_III"),
    "Opus": coded("OGG", "OPUS"),
    "3 m away, T60 0.4 s": across(0.4, 3),
    "4 m away, T60 0.6 s": across(0.6, 4),
    "6 m away, T60 0.9 s": across(0.9, 6),
    "slower, 0.85 times": played(0.85),
    "faster, 1.18 times": played(1.18),
}


def _accepted(sound: Float32, channel: str) -> list[str]:
    """The words found in what comes out of a channel."""
    samples = (CHANNELS[channel](sound).clip(-1, 1) * 32767).round().astype(np.int16)
    return [verdict.candidate.word for verdict in sweep.verdicts(samples) if verdict.accepted]


def _said(job: tuple[str, str, str]) -> tuple[str, bool]:
    channel, path, word = job
    sound = np.pad(corpus.read(Path(path)), (BEFORE, AFTER))
    sound = sound + np.float32(FLOOR) * np.random.default_rng(1).standard_normal(len(sound)).astype(np.float32)
    return word, word in _accepted(sound, channel)


def _unsaid(job: tuple[str, str]) -> tuple[float, int]:
    channel, path = job
    sound = corpus.blank_spoken(corpus.read(Path(path)), path)
    return len(sound) / RATE_HZ / 3600, len(_accepted(sound, channel))


def _quiet(dev: Path) -> list[dict[str, str]]:
    with (dev / "index.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["condition"] == "clean"]


def measure(
    models: Path, words: list[str], dev: Path, corpora: Path | None, processes: int,
    names: Iterable[str] = CHANNELS, point: str = "default",
) -> Iterator[list[str]]:  # fmt: skip
    """The table's rows, each as soon as it is measured. Raises `WakewordError` for models that cannot be loaded."""
    clips = [row for row in _quiet(dev) if row["word"] in words]
    unsaid = [str(corpora / row["path"]) for row in corpus.without_words(corpora, "dev")] if corpora else []
    spoken = Counter(row["word"] for row in clips)
    yield ["", *(f"{word}, of {spoken[word]}" for word in words), "false accepts"]
    with multiprocessing.Pool(processes, sweep.start, (str(models), words, False, point)) as pool:
        for channel in names:
            said = [(channel, str(dev / row["path"]), row["word"]) for row in clips]
            missed = Counter(word for word, found in pool.imap(_said, said, chunksize=20) if not found)
            false = pool.map(_unsaid, [(channel, path) for path in unsaid], chunksize=1)
            hours, count = np.sum(false, axis=0) if false else (0, 0)
            accepts = f"{count:.0f} in {hours:.1f} h" if unsaid else "not measured"
            yield [channel, *(str(missed[word]) for word in words), accepts]


def write(out: Path, channel: str, dev: Path, corpora: Path, every: int) -> None:
    """The words said in quiet, and one of `every` recordings without them, as heard through a channel."""
    for folder, table, rows, source in (
        (out / "conditions", "index.csv", _quiet(dev), dev),
        (out / "corpora", "manifest.csv", corpus.without_words(corpora, "dev")[::every], corpora),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        for row in rows:
            sound = corpus.blank_spoken(corpus.read(source / row["path"]), row["path"])
            path = folder / row["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, CHANNELS[channel](sound).clip(-1, 1), RATE_HZ, format="FLAC")
        with (folder / table).open("w", newline="") as file:
            written = csv.DictWriter(file, list(rows[0]) if rows else [])
            written.writeheader()
            written.writerows(rows)


def main() -> None:
    """Parse the command line and print the table, or write recordings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="?")
    parser.add_argument("--conditions", type=Path, required=True)
    parser.add_argument("--corpora", type=Path)
    parser.add_argument("--words", default="computer,jarvis,alexa")
    parser.add_argument(
        "--channel", nargs="+", choices=CHANNELS, default=list(CHANNELS), metavar="NAME", help="only these"
    )
    parser.add_argument("--point", default="default", choices=POINTS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--write", type=Path, metavar="OUT", help="write what is heard through the one --channel instead"
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="of the recordings without words, every Nth")
    given = parser.parse_args()
    if given.write:
        if len(given.channel) != 1 or not given.corpora:
            parser.error("--write needs one --channel, and --corpora")
        write(given.write, given.channel[0], given.conditions, given.corpora, given.every)
        return
    if not given.models:
        parser.error("MODELS is needed, or --write")
    words = given.words.split(",")
    table = measure(given.models, words, given.conditions, given.corpora, given.processes, given.channel, given.point)
    for number, row in enumerate(table):
        print(f"| {' | '.join(row)} |", flush=True)
        if number == 0:
            print("| --- " * len(row) + "|", flush=True)


if __name__ == "__main__":
    main()
