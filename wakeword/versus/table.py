"""The figures: misses with their counts and bounds, by condition and by speaker, and the false accepts they cost."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wakeword.eval.bounds import Frequency, Share, poisson, wilson
from wakeword.versus.choose import CLASSES, Hearing, Setting, class_of
from wakeword.versus.engines import FLOOR

BOUNDS = (0.1, 0.5, 1.0)  # false accepts an hour
SHIPPED = "as shipped"


@dataclass(frozen=True)
class Result:
    """One engine, one word, one bound; `setting` is None where no setting keeps it."""

    engine: str
    hearing: Hearing
    bound: str  # "0.1", …, or `SHIPPED`
    setting: Setting | None

    @property
    def false_accepts(self) -> Frequency:
        """With exact Poisson bounds."""
        return poisson(self.setting.false_accepts if self.setting else 0, self.hearing.hours)

    def missed(self, condition: str = "", speaker: str = "") -> Share:
        """Of the clips of a condition (or of all with its noise's level, `10dB`) and of a speaker; empty: of all."""
        assert self.setting
        heard = [
            heard
            for clip, heard in zip(self.hearing.clips, self.setting.heard, strict=True)
            if condition in ("", clip.condition, class_of(clip.condition)) and speaker in ("", clip.said.speaker)
        ]
        return wilson(heard.count(False), len(heard))

    @property
    def conditions(self) -> list[str]:
        """Quiet, 10 dB, 0 dB, and each kind of noise."""
        own = {clip.condition for clip in self.hearing.clips}
        classes = [name for name in CLASSES if name in {class_of(name) for name in own}]
        return classes + sorted(own - set(classes))

    @property
    def speakers(self) -> list[str]:
        """In order of name."""
        return sorted({clip.said.speaker for clip in self.hearing.clips})

    def delay_s(self) -> float | None:
        """The median, from a word's end to the engine's saying so."""
        if not self.setting:
            return None
        found = [clip.delay_s(self.setting.level, self.setting.threshold) for clip in self.hearing.clips]
        said = [delay for delay in found if delay is not None]
        return float(np.median(said)) if said else None


def rows(results: Sequence[Result]) -> Iterator[dict[str, Any]]:  # Any: JSON
    """All figures, one a row: of all speakers in each condition, and of each speaker."""
    for result in results:
        if result.setting is None:
            continue
        about = {
            "engine": result.engine, "word": result.hearing.word, "bound": result.bound,
            "level": result.setting.level, "threshold": round(result.setting.threshold, 6),
        } | {f"false_accepts_{name}": value for name, value in asdict(result.false_accepts).items()}  # fmt: skip
        for speaker in ["", *result.speakers]:
            for condition in result.conditions:
                missed = result.missed(condition, speaker)
                if missed.of:
                    share = {f"missed_{name}": value for name, value in asdict(missed).items()}
                    yield about | {"condition": condition, "speaker": speaker} | share


def write(path: Path, results: Sequence[Result]) -> None:
    """`rows` as CSV."""
    found = list(rows(results))
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, found[0] if found else [], lineterminator="\n")
        table.writeheader()
        table.writerows({name: _short(value) for name, value in row.items()} for row in found)


def markdown(results: Sequence[Result]) -> str:
    """The table of misses in %, then the same with counts and 95 % bounds, then kinds of noise."""
    return "\n\n".join([_percent(results), _counted(results), _kinds(results)])


def _percent(results: Sequence[Result]) -> str:
    """An engine and a word a row, a bound a column; last the means of engines that have all of our words."""
    lines = [_line("engine", "word (clips)", *(f"≤ {bound:g} FA/h" for bound in BOUNDS)), _line(*["---"] * 5)]
    cells: dict[tuple[str, str], dict[str, Result]] = {}
    for result in results:
        cells.setdefault((result.engine, result.hearing.word), {})[result.bound] = result
    for (engine, word), found in cells.items():
        clips = [class_of(clip.condition) for clip in found[f"{BOUNDS[0]:g}"].hearing.clips].count("clean")
        shown = (_percents([found[f"{bound:g}"]]) for bound in BOUNDS)
        lines.append(_line(engine, f"{word.replace('_', ' ')} ({clips})", *shown))
    ours = sorted({result.hearing.word for result in results if result.bound == SHIPPED})
    for engine in dict.fromkeys(engine for engine, _ in cells):
        if len(ours) > 1 and all((engine, word) in cells for word in ours):
            shown = (_percents([cells[engine, word][f"{bound:g}"] for word in ours]) for bound in BOUNDS)
            lines.append(_line(engine, f"mean of {', '.join(ours)}", *shown))
    return "\n".join(lines)


def _percents(results: Sequence[Result]) -> str:
    """Misses in quiet, at 10 and at 0 dB, averaged over these results; a dash where one has no setting."""
    if any(result.setting is None for result in results):
        return "–"
    shares = [[result.missed(name).value for result in results] for name in CLASSES]
    means = [float(np.mean(share)) for share in shares]
    return " / ".join("–" if np.isnan(mean) else f"{100 * mean:.1f}" for mean in means) + " %"


def _counted(results: Sequence[Result]) -> str:
    lines = [
        _line("engine", "word", "FA/h", "setting", *(f"missed, {name}" for name in CLASSES), "false accepts"),
        _line(*["---"] * 8),
    ]
    for result in results:
        if result.setting:
            own = [_share(result.missed(name)) for name in CLASSES]
            setting = _turned(result)
            bound = result.bound if result.bound == SHIPPED else f"≤ {result.bound}"
            lines.append(
                _line(result.engine, result.hearing.word, bound, setting, *own, _frequency(result.false_accepts))
            )
    return "\n".join(lines)


def _turned(result: Result) -> str:
    """The setting, by what can be turned: a threshold, two of them, or a sensitivity where there is no score."""
    assert result.setting
    level, threshold = result.setting.level, result.setting.threshold
    if threshold <= FLOOR:
        return f"sensitivity {level:g}"
    return f"{threshold:.3f}" if len(result.hearing.levels) == 1 else f"{level:g}, {threshold:.3f}"


def _kinds(results: Sequence[Result], bound: str = "0.5") -> str:
    """Each kind of noise, and the speaker who is missed most, at one bound."""
    chosen = [result for result in results if result.setting and result.bound == bound]
    names = [name for result in chosen[:1] for name in result.conditions if "-" in name]
    lines = [_line("engine", "word", *names, "worst speaker, clean", "delay"), _line(*["---"] * (len(names) + 4))]
    for result in chosen:
        own = [f"{result.missed(name).count} of {result.missed(name).of}" for name in names]
        shares = {speaker: result.missed("clean", speaker) for speaker in result.speakers}
        worst, missed = max(shares.items(), key=lambda item: (item[1].count, item[0]))
        told = f"{worst}: {missed.count} of {missed.of}" if missed.count else "none missed"
        delay = result.delay_s()
        late = "" if delay is None else f"{1000 * delay:.0f} ms"
        lines.append(_line(result.engine, result.hearing.word, *own, told, late))
    return "\n".join(lines)


def _share(share: Share) -> str:
    if not share.of:
        return "–"
    return f"{share.count} of {share.of} ({100 * share.low:.1f}–{100 * share.high:.1f} %)"


def _frequency(frequency: Frequency) -> str:
    return f"{frequency.count} in {frequency.hours:.1f} h ({frequency.low:.2f}–{frequency.high:.2f}/h)"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _short(value: object) -> object:
    return round(value, 5) if isinstance(value, float) else value
