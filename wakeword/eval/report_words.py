"""What the report says in sentences and small tables, beside those of `summary.py` and `compare.py`."""

from __future__ import annotations

from collections.abc import Sequence

from wakeword.eval import summary
from wakeword.eval.bootstrap import Gap
from wakeword.eval.figures import Word
from wakeword.eval.groups import Column
from wakeword.eval.tables import Run

FAIRNESS_HEADS = ("word", "division", "of", "worst", "best", "difference", "p", "verdict")


def in_words(run: Run, words: Sequence[Word], groups: Sequence[Column]) -> list[str]:
    """The run's own decisions, as the daemon made them with all words listening; and what could not be read."""
    unread = [file.file for file in run.files() if not file.read]
    lost = f"{len(unread)} recordings could not be read and count nowhere; the first: {unread[0]}." if unread else ""
    return [*(_misses(word) for word in words), *summary.sentences(words, groups), *([lost] if lost else [])]


def kept(count: int, errors: int) -> str:
    """What can be listened to."""
    if not errors:
        return "No errors."
    return (
        f"{count} of {errors} errors and near misses of the run can be seen and heard here: the most telling ones, "
        "within the file's budget. For the others the lists have recording and time, and “wakeword explain” shows them."
    )


def fairness(groups: Sequence[Column]) -> list[tuple[str, ...]]:
    """The largest differences between groups at the run's thresholds: rows under `FAIRNESS_HEADS`."""
    rows: list[tuple[str, ...]] = []
    for column in groups:
        name = column.column.removeprefix("group_")
        if column.misses:
            size = f"{100 * column.misses.size:.1f} points"
            verdict = _verdict(column.misses, flagged=column.misses_flagged)
            rows.append((column.word, name, "misses", *_ends(column.misses), size, f"{column.misses_p:.3f}", verdict))
        if column.false_accepts:
            size = f"{column.false_accepts.size:.2f} an hour"
            verdict = _verdict(column.false_accepts, flagged=column.false_accepts_flagged)
            p = f"{column.false_accepts_p:.3f}"
            rows.append((column.word, name, "false accepts", *_ends(column.false_accepts), size, p, verdict))
    return rows


def about(run: Run) -> list[str]:
    """How the run can be repeated."""
    own = run.about
    words = [
        f"{word}: thresholds {one['threshold_stage1']} and {one['threshold_stage2']}"
        f"{f' (point {name})' if (name := one.get('point')) else ''}, models {one['stage1_sha256'][:12]} and "
        f"{one['stage2_sha256'][:12]} (SHA-256), from {one['model']}"
        for word, one in own["words"].items()
    ]
    versions = ", ".join(f"{name} {version}" for name, version in own.get("versions", {}).items())
    command = "wakeword " + " ".join(own.get("command", []))
    unread = [f"Not read: {file.file}: {file.problem}" for file in run.files() if not file.read]
    return [command, *words, *([versions] if versions else []), *own.get("notes", []), *unread]


def _misses(word: Word) -> str:
    name, everything = word.sweep.word, word.conditions[-1].both
    if not everything.of:
        return f"{name}: no utterance was given, so nothing is known of misses."
    quiet = next((one.both for one in word.conditions[:-1] if one.name == "clean"), None)
    inside = f"; in quiet {quiet.count} of {quiet.of}" if quiet and quiet.of < everything.of else ""
    return (
        f"{name}: missed {everything.count} of {everything.of} utterances, {summary.percent(everything.value)} (95 %: "
        f"{summary.between(everything)}){inside}."
    )


def _ends(gap: Gap) -> tuple[str, str]:
    return gap.worst, gap.best


def _verdict(gap: Gap, *, flagged: bool) -> str:
    if flagged:
        return "more than chance allows"
    return "chance does as much" if gap.can_tell else "too few to tell"
