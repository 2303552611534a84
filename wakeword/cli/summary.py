"""What `wakeword eval` says at its end: the figures, what the bars found, what changed. Not a command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wakeword.errors import CHECK_FAILED

if TYPE_CHECKING:
    from wakeword.eval.bars import Bars, Finding
    from wakeword.eval.compare import Change
    from wakeword.eval.figures import Word
    from wakeword.eval.groups import Column
    from wakeword.eval.tables import Run


def conclude(
    run: Run,
    words: Sequence[Word],
    groups: Sequence[Column],
    changes: Sequence[Change],
    bars: Bars | None,
    *,
    as_json: bool,
) -> int:
    """Write summary.json and print it, as a table or as it is. Returns 1 if a bar was not kept, else 0."""
    from wakeword.eval import compare, summary
    from wakeword.eval.bars import judge

    findings = judge(bars, words, groups) if bars else []
    form = summary.summary(run, words, groups, findings)
    summary.write(run.folder, form)
    if as_json:
        print(json.dumps(form, ensure_ascii=False, allow_nan=False))
    else:
        _table(words)
        for sentence in (*summary.sentences(words, groups), *compare.sentences(changes)):
            print(sentence)
        _findings(findings)
    return CHECK_FAILED if any(finding.passed is False for finding in findings) else 0


def _table(words: Sequence[Word]) -> None:
    """A row a word and condition: who was missed, and by which stage."""
    from rich.console import Console
    from rich.table import Table

    from wakeword.eval.summary import between, percent

    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("word", no_wrap=True)
    shown.add_column("condition", no_wrap=True)
    for name in ("said", "missed", "", "95 %", "stage 1", "stage 2"):
        shown.add_column(name, justify="right", no_wrap=True)
    for word in words:
        several = len(word.conditions) > 2
        for misses in word.conditions if several else word.conditions[:1]:
            if misses.both.of:
                shown.add_row(
                    word.sweep.word if misses is word.conditions[0] else "", misses.name, str(misses.both.of),
                    str(misses.both.count), percent(misses.both.value), between(misses.both),
                    percent(misses.stage1.value), percent(misses.stage2.value),
                )  # fmt: skip
    if shown.rows:
        console = Console()
        console.print(shown)
        console.print("stage 1: did not ask; stage 2: refused, of those it was asked for", style="dim")
        console.print()


def _findings(findings: Sequence[Finding]) -> None:
    """The bars, a line each: those that were not kept first."""
    if findings:
        print()
    for finding in sorted(findings, key=lambda one: one.passed is not False):
        state = {True: "kept", False: "MISSED", None: "open"}[finding.passed]
        print(f"bar {state:6}  {finding.bar}  {' '.join(filter(None, (finding.word, finding.of)))}: {finding.says}")
