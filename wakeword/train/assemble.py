"""Put exported graphs into model folders.

    python -m wakeword.train.assemble STAGE1.pt STAGE2.pt… OUT [--details FILE.json]

Without details the folders serve a sweep: raw scores, placeholder thresholds of 0.5.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

import yaml

from wakeword.events import RATE_HZ
from wakeword.model import POINTS
from wakeword.pipeline import features
from wakeword.train import stage2 as embedding
from wakeword.train.export import Scale, load_stage1, load_stage2, stage1_graph, stage2_graph
from wakeword.train.phrases import Word
from wakeword.train.sources import SOURCES

STAGE1 = {  # what it is fed, for whoever runs the graph without us
    "features": "log-mel", "hop_samples": features.HOP_SAMPLES, "window_samples": features.WINDOW_SAMPLES,
    "bands": features.BANDS, "lowest_hz": features.LOWEST_HZ, "highest_hz": features.HIGHEST_HZ,
    "floor": features.FLOOR,
}  # fmt: skip
STAGE2 = {
    "features": "speech embedding, computed in the graph", "segment_samples": embedding.SEGMENT_SAMPLES,
    "window_samples": 75 * embedding.HOP_SAMPLES + embedding.FRAME_SAMPLES, "hop_samples": 8 * embedding.HOP_SAMPLES,
}  # fmt: skip


def write(folder: Path, manifest: dict[str, Any], one: bytes, two: bytes) -> None:
    """Write graphs and manifest of one word, the hashes filled in."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, graph in (("stage1", one), ("stage2", two)):
        (folder / f"{name}.onnx").write_bytes(graph)
        manifest[name] = {"sha256": hashlib.sha256(graph).hexdigest(), **manifest[name]}
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=110)
    (folder / "manifest.yaml").write_text(text, "utf-8")


def assemble(
    stage1: Path, stage2: list[Path], words: list[Word], out: Path, details: dict[str, Any], seed: int = 1
) -> None:
    """Export all words. `details[word]` may hold `scale1`, `scale2` ([a, b]) and further manifest entries."""
    trained1, trained2 = load_stage1(stage1, len(words)), load_stage2(stage2)
    command = shlex.join(["wakeword", "train", "--everything", *(word.phrase for word in words)])
    for number, word in enumerate(words):
        own = dict(details.get(word.name, {}))
        one, trunk = stage1_graph(trained1, number, Scale(*own.pop("scale1", (1.0, 0.0))))
        two = stage2_graph(trained2, number, Scale(*own.pop("scale2", (1.0, 0.0))))
        data = [source._asdict() for source in SOURCES]
        write(out / word.name, manifest(word, trunk, own, data, command, seed), one, two)


def manifest(
    word: Word, trunk: str, own: dict[str, Any], data: list[dict[str, str]], command: str, seed: int
) -> dict[str, Any]:
    """All but the graphs' hashes; `own` may replace the placeholder points of a model that was not yet measured."""
    point = {"stage1": 0.5, "stage2": 0.5}
    return {
        "format": 1, "word": word.name, "phrase": word.phrase, "language": word.language, "licence": "Apache-2.0",
        "sample_rate_hz": RATE_HZ,
        "stage1": {"trunk": trunk, **STAGE1},
        "stage2": dict(STAGE2),
        "operating_points": {name: dict(point) for name in POINTS},
        **own,
        "data": data,
        "training": {"command": command, "seed": seed, "see": "docs/models.md"},
    }  # fmt: skip


def main() -> None:
    """Parse the command line and write the folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage1", type=Path)
    parser.add_argument("stage2", type=Path, nargs="+", help="weights of one training, or of several to be averaged")
    parser.add_argument("out", type=Path)
    parser.add_argument("--words", default="computer,jarvis,alexa")
    parser.add_argument("--seed", type=int, default=1, help="of the training, for the manifest")
    parser.add_argument("--details", type=Path, help="JSON: word -> calibration and manifest entries")
    given = parser.parse_args()
    details = json.loads(given.details.read_text()) if given.details else {}
    assemble(
        given.stage1, given.stage2, [Word.of(said) for said in given.words.split(",")], given.out, details, given.seed
    )


if __name__ == "__main__":
    main()
