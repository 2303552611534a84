"""What our stage 2 is worth behind another program's stage 1: misses and false accepts before and after, same sound.

    python -m wakeword.bench.peers openwakeword:alexa_v0.1.onnx alexa --positives CLIPS --negatives FOLDER…

Counts four ways: the peer's own program (with `--program`, an interpreter that has its package), its model as our
stage 1 alone, our stage 2 behind it, and both stages ours. A clip holds its word once and is missed when nothing is
accepted in it; accepts within 1.5 s of one another are one. Clips follow 2 s of silence; with `--noise` and `--snr`
they lie over recordings of noise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from wakeword.errors import WakewordError
from wakeword.events import RATE_HZ, Candidate, Verdict
from wakeword.model import POINTS, load
from wakeword.peers import check, replace_stage1
from wakeword.pipeline.pipeline import REFRACTORY_SAMPLES, Detector
from wakeword.source.file import FileSource

Int16 = npt.NDArray[np.int16]

BEFORE_S, AFTER_S = 2, 1
WAYS = ("its own program", "its model as stage 1, alone", "and our stage 2 behind it", "both stages ours")

LOOP = """
import json, sys
import numpy
path, threshold = sys.argv[1], float(sys.argv[2])
for line in sys.stdin:
    sound, listen = numpy.load(line.strip()), anew(path, threshold)
    hits = [at + STEP for at in range(0, len(sound) - STEP + 1, STEP) if listen(sound[at : at + STEP])]
    print(json.dumps(hits), flush=True)
"""
PROGRAMS = {  # by kind: `anew` begins a recording; what it returns says whether the word was in the next STEP samples
    "openwakeword": """
from openwakeword.model import Model
STEP = 1280
def anew(path, threshold):
    model = Model(wakeword_models=[path], inference_framework="onnx")
    return lambda block: max(model.predict(block).values()) >= threshold
"""
    + LOOP,
    "microwakeword": """
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures
STEP = 160
def anew(path, threshold):
    features, model = MicroWakeWordFeatures(), MicroWakeWord.from_config(path)
    return lambda block: any([model.process_streaming(frame) for frame in features.process_streaming(block.tobytes())])
"""
    + LOOP,
}


@dataclass
class Count:
    """One way of listening."""

    missed: int = 0
    clips: int = 0
    accepts: int = 0
    hours: float = 0.0
    where: list[str] = field(default_factory=list)  # FILE at seconds, of false accepts


def sounds(folders: list[Path], limit_h: float) -> Iterator[tuple[Path, Int16]]:
    """All recordings below the folders, in order of name, spread evenly when there are more than `limit_h` hours."""
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in {".wav", ".flac"})
    hours = [soundfile.info(path).duration / 3600 for path in paths]
    step = max(1, round(sum(hours) / limit_h))
    for path in paths[::step]:
        source = FileSource(str(path))
        blocks = []
        while (block := source.read()) is not None:
            blocks.append(block)
        source.close()
        yield path, np.concatenate(blocks)


def apart(moments: list[int]) -> list[int]:
    """Sample numbers, in order -> those that are not within the refractory time of the last one kept."""
    kept: list[int] = []
    for moment in moments:
        if not kept or moment - kept[-1] > REFRACTORY_SAMPLES:
            kept.append(moment)
    return kept


def asked_and_accepted(detector: Detector, sound: Int16) -> tuple[list[int], list[int]]:
    """Where stage 1 asked, and where stage 2 agreed."""
    detector.reset()
    events = detector.process(np.concatenate([sound, np.zeros(RATE_HZ // 2, np.int16)]))
    asked = [event.decided for event in events if isinstance(event, Candidate)]
    accepted = [event.candidate.decided for event in events if isinstance(event, Verdict) and event.accepted]
    return apart(asked), apart(accepted)


class Program:
    """The peer's own program in an interpreter of its own."""

    def __init__(self, python: str, spec: str, threshold: float) -> None:
        kind, path = check(spec)
        self._process = subprocess.Popen(
            [python, "-c", PROGRAMS[kind], str(path), str(threshold)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def hits(self, sound: Int16) -> list[int]:
        """Where its score reached the threshold, once in 1.5 s."""
        assert self._process.stdin
        assert self._process.stdout
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            np.save(file, sound)
            file.flush()
            self._process.stdin.write(file.name + "\n")
            self._process.stdin.flush()
            return apart(json.loads(self._process.stdout.readline()))


def measure(given: argparse.Namespace) -> dict[str, Count]:
    """Every sound once, through each way."""
    own = load(given.word)
    peer = replace_stage1(own, given.stage1)
    detector, ours = (Detector([model], [model.points[given.point]]) for model in (peer, own))
    program = Program(given.program, given.stage1, peer.points[given.point].stage1) if given.program else None
    counts = {way: Count() for way in WAYS if program or way != WAYS[0]}

    def heard(sound: Int16) -> dict[str, list[int]]:
        found = dict(zip(WAYS[1:3], asked_and_accepted(detector, sound), strict=True))
        found[WAYS[3]] = asked_and_accepted(ours, sound)[1]
        return {WAYS[0]: program.hits(sound), **found} if program else found

    noises = [sound for _, sound in sounds([given.noise], 100)] if given.noise else []
    for number, (_, clip) in enumerate(sounds([given.positives], 100)):
        silence = np.zeros(BEFORE_S * RATE_HZ, np.int16)
        sound = np.concatenate([silence, clip, silence[: AFTER_S * RATE_HZ]])
        if noises:
            sound = mixed(sound, noises[number % len(noises)], given.snr, seed=number)
        for way, moments in heard(sound).items():
            counts[way].clips += 1
            counts[way].missed += not moments
    for path, sound in sounds(given.negatives, given.hours):
        print(path.name, file=sys.stderr)
        for way, moments in heard(sound).items():
            counts[way].accepts += len(moments)
            counts[way].hours += len(sound) / RATE_HZ / 3600
            counts[way].where += [f"{path.name} at {moment / RATE_HZ:.1f} s" for moment in moments]
    return counts


def mixed(sound: Int16, noise: Int16, snr_db: float, seed: int) -> Int16:
    """The sound over a stretch of noise, `snr_db` under the power of its louder half."""
    start = int(np.random.default_rng(seed).integers(0, max(1, len(noise) - len(sound))))
    under = np.resize(noise[start : start + len(sound)], len(sound)).astype(np.float64)
    hops = (sound[: len(sound) // 160 * 160].astype(np.float64) ** 2).reshape(-1, 160).mean(axis=1)
    power = hops[hops > hops.max() / 1000].mean()  # within 30 dB of the loudest 10 ms: the word
    gain = np.sqrt(power / max(float((under**2).mean()), 1.0) / 10 ** (snr_db / 10))
    return np.asarray(np.clip(np.rint(sound + gain * under), -32768, 32767), np.int16)


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage1", help="KIND:PATH")
    parser.add_argument("word", help="the word of ours whose stage 2 is behind it")
    parser.add_argument("--positives", type=Path, required=True, help="clips of the word, once in each")
    parser.add_argument("--negatives", type=Path, nargs="*", default=[], help="recordings without the word")
    parser.add_argument("--hours", type=float, default=3.0, help="of negatives at most (default: %(default)s)")
    parser.add_argument("--noise", type=Path, help="put clips over recordings of this folder")
    parser.add_argument("--snr", type=float, default=10.0, help="dB (default: %(default)s)")
    parser.add_argument("--point", default="default", choices=POINTS)
    parser.add_argument("--program", metavar="PYTHON", help="an interpreter that has the peer's own package")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        counts = measure(given)
    except WakewordError as error:
        print(f"wakeword.bench.peers: {error}", file=sys.stderr)
        return error.exit_code
    for way, count in counts.items():
        if given.json:
            print(json.dumps({"way": way, **count.__dict__}))
        else:
            rate = f"{count.accepts} false accepts in {count.hours:.2f} h" if count.hours else ""
            print(f"{way:28}  {count.missed:3} of {count.clips} missed   {rate}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
