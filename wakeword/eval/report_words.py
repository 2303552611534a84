"""What the report says in sentences: the run's own decisions, as the daemon made them, all words listening at once."""

from __future__ import annotations

from collections.abc import Sequence

from wakeword.eval.bounds import poisson, wilson
from wakeword.eval.joint import Sweep
from wakeword.eval.tables import Run


def summary(run: Run, sweeps: Sequence[Sweep]) -> list[str]:
    """Misses and false accepts of each word, with their intervals, and what could not be read."""
    wakes: dict[str, int] = {}
    negative = {file.file for file in run.files() if file.read and file.kind == "negative"}
    for candidate in run.candidates():
        if candidate.accepted and not candidate.utterance and candidate.file in negative:
            wakes[candidate.word] = wakes.get(candidate.word, 0) + 1
    sentences = [_word(sweep, wakes.get(sweep.word, 0)) for sweep in sweeps]
    unread = [file.file for file in run.files() if not file.read]
    if unread:
        sentences.append(f"{len(unread)} recordings could not be read and count nowhere, the first: {unread[0]}.")
    return sentences


def kept(count: int, errors: int) -> str:
    """What can be listened to."""
    if not errors:
        return "No errors."
    return (
        f"{count} of {errors} errors and near misses of the run can be seen and heard here: the most telling ones, "
        "within the file's budget. For the others the lists have recording and time, and “wakeword explain” shows them."
    )


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
    return [command, *words, versions, *own.get("notes", []), *unread]


def _word(sweep: Sweep, falsely: int) -> str:
    said = sweep.utterances
    missed = sum(not utterance.heard for utterance in said)
    share = wilson(missed, len(said))
    parts = []
    if said:
        clean = [utterance for utterance in said if utterance.condition == "clean"]
        quiet = sum(not utterance.heard for utterance in clean)
        inside = f", {quiet} of {len(clean)} of them in quiet" if 0 < len(clean) < len(said) else ""
        parts.append(
            f"it missed {missed} of {len(said)} utterances ({100 * share.value:.1f} %; 95 %: {100 * share.low:.1f} to "
            f"{100 * share.high:.1f} %){inside}"
        )
    if sweep.hours:
        often = poisson(falsely, sweep.hours)
        parts.append(
            f"it woke falsely {falsely} {'time' if falsely == 1 else 'times'} in {sweep.hours:.2f} h ("
            + (f"{often.value:.2f} an hour; 95 %: {often.low:.2f} to {often.high:.2f})" if falsely else
               f"which says only: less often than {often.high:.2f} an hour)")
        )  # fmt: skip
    return f"“{sweep.word}”: {'; '.join(parts) or 'nothing was given to hear'}."
