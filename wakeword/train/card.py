"""The card of a model: for whom it is, what it was made of, what was measured on what, what it is bad at."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from wakeword.train import choose

SOURCES = """| what | how much | licence |
|---|---|---|
| recordings of wake words (Picovoice wake-word-benchmark, train speakers only) | 770 clips of 5 words | Apache-2.0 |
| Kokoro-82M, flite and hibari voices | {voices} clips of words and near-misses | Apache-2.0; BSD-like; Apache-2.0 |
| fotaq (game dialogue) | 5.6 h | freeware, redistribution allowed |
| speechocean762 (train speakers) | 3.8 h | free for commercial and non-commercial use |
| fillets-ng Czech, stamps, letters, words (Debian packages) | 5.6 h | GPL-2+, CC0, CC BY |
| Festival Russian voice, Asterisk prompts es and fr, LJ Speech (141 clips) | 3.0 h | BSD-like; CC BY-SA 3.0; public domain |
| music and effects of Debian games, donateacry, Speech Commands noise | 2.5 h | GPL-2+, GFDL, MIT, CC0; ODbL; CC BY 4.0 |
| room responses: 14 recorded, 120 simulated (pyroomacoustics) | | Apache-2.0, MIT |
| stage 2 starts from Google's speech_embedding, as in openwakeword 0.5.1 | 0.33 M weights | Apache-2.0 |"""


def write(folder: Path, table: choose.Sweep, voices: int, seed: int) -> None:
    """Write `card.md` beside the models."""
    word = folder.name
    (folder / "card.md").write_text(
        f"""# {word}

Two detectors of the word "{word}" in English speech. Apache-2.0. Trained by this repository's `wakeword train`, seed {seed}.

## Data
{SOURCES.format(voices=voices)}

No speaker or source below was trained on, but the operating points were chosen on them: expect a little worse elsewhere.

## Measured on the dev fold
{_points(folder, table)}
False accepts over {table.hours:.2f} h of other sources: speech in ten languages (read, acted, children, prompts), music, household noise. Noise is household, babble and music
in equal parts, over the word's active part.

### Misses by speaker, default point, clean and at 10 dB
{_speakers(folder, table)}

## Bad at
- 0 dB, babble above all: it misses about as many as it finds.
- Voices unlike the few dozen people it was trained on: one speaker can be most of the misses. Synthetic voices help, they are not people.
- It was chosen on {len(table.utterances["clean"])} clips of {len(set(table.speakers["clean"]))} speakers: a point or two between models means nothing.
- Children and far-field speech were only simulated as positives.
""",
        "utf-8",
    )


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
