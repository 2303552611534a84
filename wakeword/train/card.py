"""The card of a model: for whom it is, what it was made of, what was measured on what, what it is bad at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import yaml

from wakeword.eval.bounds import wilson
from wakeword.model import load
from wakeword.train import choose, voices


class About(NamedTuple):
    """What differs between a word measured on people and one measured on synthetic voices."""

    measured: str  # heading of the figures
    note: str  # under the data
    bad_at: tuple[str, ...]  # further sentences


PEOPLE = About(
    "the dev fold",
    "No speaker or source below was trained on, but the operating points were chosen on them: expect a little worse "
    "elsewhere.",
    (
        "Voices unlike the few dozen people it was trained on: one speaker can be most of the misses.",
        "Children and far-field speech were only simulated as positives.",
        "Talk across a room, at the default point: far more false accepts than up close (the table); `room` is for that.",
    ),
)


def write(
    folder: Path, table: choose.Sweep, rooms: choose.Sweep, held: choose.Sweep | None = None, about: About = PEOPLE
) -> None:
    """Write `card.md` beside the models. `rooms`: the negatives across rooms; `held`: voices that were not trained on."""
    manifest = yaml.safe_load((folder / "manifest.yaml").read_text("utf-8"))
    (folder / "card.md").write_text(
        f"""# {manifest["phrase"]}

Two detectors of "{manifest["phrase"]}". Apache-2.0. Trained by this repository (`{manifest["training"]["command"]}`); how
is in docs/models.md.

## Data
{_sources(manifest["data"])}

{about.note}

## Measured on {about.measured}
{_points(folder, table, rooms)}
False accepts over {table.hours:.2f} h of other sources: speech in ten languages (read, acted, children, prompts), music and
household noise; across rooms: the same hours as they sound in 24 simulated ones (T60 0.15 to 0.7 s, 0.5 to 4 m away). The
noise at 10 and 0 dB is household, babble and music in equal parts, over the word's active part.
{_by("speaker", table, folder, lambda speaker: speaker) if about is PEOPLE else ""}{_voices(folder, held)}
## Bad at
- Noise as loud as the word, babble above all: see the column of 0 dB.
- Words that sound nearly the same ("alexis" for "alexa"): the synthetic near-misses in training help, not always.
- Babies crying and singing: they make many candidates, though few false accepts.
- It was chosen on {len(table.utterances["clean"])} clips of {len(set(table.speakers["clean"]))} speakers: a point or two between models means nothing.
{"".join(f"- {sentence}{chr(10)}" for sentence in about.bad_at)}""",
        "utf-8",
    )


def _sources(data: list[dict[str, str]]) -> str:
    lines = ["| what | how much | licence |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {each['what']} | {each['amount']} | {each['licence']} |" for each in data)])


def _voices(folder: Path, held: choose.Sweep | None) -> str:
    """By accent and gender, for synthetic voices only: a group of people is never guessed from a recording."""
    if held is None:
        return ""
    accents = _by("accent", held, folder, lambda voice: voices.group(voice)[0])
    genders = _by("gender", held, folder, lambda voice: voices.group(voice)[1])
    return (
        f"\n## Synthetic voices that were held back\nMixes of two voices stand under both accents.\n{accents}{genders}"
    )


def _points(folder: Path, table: choose.Sweep, rooms: choose.Sweep) -> str:
    lines = [
        "| point | stage 1 | stage 2 | misses clean | 10 dB | 0 dB | false accepts | across rooms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, point in load(folder).points.items():
        lost = choose.misses(table, point.stage1, point.stage2)
        shares = " | ".join(f"{lost[c]} of {len(table.utterances[c])}" for c in choose.CONDITIONS)
        false, across = (choose.false_accepts(each, point.stage1, point.stage2) for each in (table, rooms))
        lines.append(
            f"| {name} | {point.stage1:.3f} | {point.stage2:.3f} | {shares} | {false} in {table.hours:.2f} h | {across} |"
        )
    return "\n".join(lines) + "\n"


def _by(what: str, table: choose.Sweep, folder: Path, group: Callable[[str], str]) -> str:
    """Misses at the default point by a group of speakers, with Wilson's 95 % intervals."""
    point = load(folder).points["default"]
    lines = [f"\n### Misses by {what}, default point", f"| {what} | clean | 10 dB |", "|---|---|---|"]
    for name in sorted({group(speaker) for speaker in table.speakers["clean"]}):
        cells = []
        for condition in ("clean", "10dB"):
            scores = table.utterances[condition][[group(speaker) == name for speaker in table.speakers[condition]]]
            share = wilson(choose.refused(scores, point.stage1, point.stage2), len(scores))
            cells.append(f"{share.count} of {len(scores)} ({100 * share.low:.0f}-{100 * share.high:.0f} %)")
        lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"
