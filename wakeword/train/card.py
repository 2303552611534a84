"""The card of a model: for whom it is, what it was made of, what was measured on what, what it is bad at."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from wakeword.train import choose
from wakeword.train.sources import SOURCES


def write(folder: Path, table: choose.Sweep) -> None:
    """Write `card.md` beside the models."""
    word = folder.name
    (folder / "card.md").write_text(
        f"""# {word}

Two detectors of the word "{word}" in English speech. Apache-2.0. Trained by this repository; how is in docs/models.md.

## Data
{_sources()}

No speaker or source below was trained on, but the operating points were chosen on them: expect a little worse elsewhere.

## Measured on the dev fold
{_points(folder, table)}
False accepts over {table.hours:.2f} h of other sources: speech in ten languages (read, acted, children, prompts), music and
household noise. The noise at 10 and 0 dB is household, babble and music in equal parts, over the word's active part.

### Misses by speaker, default point, clean and at 10 dB
{_speakers(folder, table)}

## Bad at
- Noise as loud as the word, babble above all: see the column of 0 dB.
- Voices unlike the few dozen people it was trained on: one speaker can be most of the misses.
- Words that sound nearly the same ("alexis", "elects a"): the synthetic near-misses in training help, not always.
- Babies crying and singing: they make many candidates, though few false accepts.
- It was chosen on {len(table.utterances["clean"])} clips of {len(set(table.speakers["clean"]))} speakers: a point or two between models means nothing.
- Children and far-field speech were only simulated as positives.
""",
        "utf-8",
    )


def _sources() -> str:
    lines = ["| what | how much | licence |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {source.what} | {source.amount} | {source.licence} |" for source in SOURCES)])


def _points(folder: Path, table: choose.Sweep) -> str:
    from wakeword.model import load

    lines = [
        "| point | stage 1 | stage 2 | misses clean | 10 dB | 0 dB | false accepts |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, point in load(folder).points.items():
        lost = choose.misses(table, point.stage1, point.stage2)
        shares = " | ".join(f"{lost[c]} of {len(table.utterances[c])}" for c in choose.CONDITIONS)
        false = choose.false_accepts(table, point.stage1, point.stage2)
        lines.append(
            f"| {name} | {point.stage1:.3f} | {point.stage2:.3f} | {shares} | {false} in {table.hours:.2f} h |"
        )
    return "\n".join(lines) + "\n"


def _speakers(folder: Path, table: choose.Sweep) -> str:
    from wakeword.model import load

    point = load(folder).points["default"]
    lines = ["| speaker | clean | 10 dB |", "|---|---|---|"]
    for speaker in sorted(set(table.speakers["clean"])):
        cells = []
        for condition in ("clean", "10dB"):
            scores, names = table.utterances[condition], table.speakers[condition]
            lost = Counter(
                name for name, (one, two) in zip(names, scores, strict=True) if one < point.stage1 or two < point.stage2
            )
            cells.append(f"{lost[speaker]} of {names.count(speaker)}")
        lines.append(f"| {speaker} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)
