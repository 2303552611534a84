"""Two runs over the same recordings: what got better, what got worse, and whether that is more than chance.

Utterances and recordings are paired by name. Under chance, who changed sides would as well have changed to the other:
McNemar's exact test for independent clips; for speakers, whose clips change together, signs are dealt out to speakers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import comb

import numpy as np

from wakeword.eval import bootstrap
from wakeword.eval.bounds import CONFIDENCE
from wakeword.eval.figures import Word
from wakeword.eval.tables import Utterance
from wakeword.eval.tune import cluster_of, speaker_of


@dataclass(frozen=True, slots=True)
class Change:
    """One word, from an earlier run to a later one. Probabilities `_p` are corrected for all words together."""

    word: str
    utterances: int  # in both runs
    worse: tuple[Utterance, ...]  # heard before, missed now
    better: tuple[Utterance, ...]  # missed before, heard now
    mcnemar: float  # probability if clips were independent
    misses_p: float  # probability if speakers stand or fall together
    hours: float  # of recordings in both runs
    false_before: int
    false_after: int
    false_p: float
    unpaired: int  # utterances in one of the runs only

    @property
    def misses_significant(self) -> bool:
        """Did misses change by more than chance allows?"""
        return self.misses_p < 1 - CONFIDENCE

    @property
    def false_accepts_significant(self) -> bool:
        """Did false accepts?"""
        return self.false_p < 1 - CONFIDENCE


def compare(before: Sequence[Word], after: Sequence[Word]) -> list[Change]:
    """Every word that both runs have."""
    earlier = {word.sweep.word: word for word in before}
    found = [_change(earlier[word.sweep.word], word) for word in after if word.sweep.word in earlier]
    corrected = iter(bootstrap.holm([p for one in found for p in (one.misses_p, one.false_p)]))
    return [replace(one, misses_p=next(corrected), false_p=next(corrected)) for one in found]


def mcnemar(worse: int, better: int) -> float:
    """Exact, two-sided: of all that changed, as uneven a split or more, if either way were as likely."""
    changed, fewer = worse + better, min(worse, better)
    return float(min(1.0, 2 * sum(comb(changed, n) for n in range(fewer + 1)) / 2**changed))


def signs(changes: Iterable[float]) -> float:
    """Probability of a sum as far from 0, if each cluster's change might have had the other sign."""
    own = np.array([change for change in changes if change], np.float64)
    if not len(own):
        return 1.0
    if len(own) <= 12:  # all ways there are
        ways = 1 - 2 * ((np.arange(2 ** len(own))[:, None] >> np.arange(len(own))) & 1)
        return float(np.mean(np.abs(ways @ own) >= abs(own.sum()) - 1e-9))
    ways = np.random.default_rng(bootstrap.SEED).choice([-1.0, 1.0], (bootstrap.DRAWS, len(own)))
    return float((1 + np.sum(np.abs(ways @ own) >= abs(own.sum()) - 1e-9)) / (1 + bootstrap.DRAWS))


def _change(before: Word, after: Word) -> Change:
    was = {utterance.utterance: utterance.heard for utterance in before.sweep.utterances}
    worse: list[Utterance] = []
    better: list[Utterance] = []
    speakers: Counter[str] = Counter()
    for number, utterance in enumerate(after.sweep.utterances):
        if utterance.utterance in was and was[utterance.utterance] != utterance.heard:
            (better if utterance.heard else worse).append(utterance)
            speakers[speaker_of(after.sweep, number)] += -1 if utterance.heard else 1
    both = sum(utterance.utterance in was for utterance in after.sweep.utterances)
    unpaired = len(was) + len(after.sweep.utterances) - 2 * both
    hours = {file.file: file.hours for file in before.sweep.files if file.kind == "negative"}
    shared = {file.file for file in after.sweep.files if file.kind == "negative"} & hours.keys()
    clusters: Counter[str] = Counter()
    counts = [0, 0]
    for sign, word in ((-1, before), (1, after)):
        for number in word.false_files.tolist():
            if word.sweep.files[number].file in shared:
                clusters[cluster_of(word.sweep, number)] += sign
                counts[sign > 0] += 1
    return Change(
        after.sweep.word, both, tuple(worse), tuple(better), mcnemar(len(worse), len(better)), signs(speakers.values()),
        sum(hours[name] for name in shared), counts[0], counts[1], signs(clusters.values()), unpaired,
    )  # fmt: skip


def sentences(changes: Sequence[Change]) -> list[str]:
    """What a person should take away, a line each."""
    found = []
    for one in changes:
        if not one.utterances and not one.hours:
            found.append(f"{one.word}: the two runs have no recording in common, by name.")
            continue
        found.append(
            f"{one.word}: of {one.utterances} utterances {len(one.better)} are heard that were missed before, "
            f"{len(one.worse)} are missed that were heard: {_verdict(one.misses_p)}."
        )
        if one.hours:
            found.append(
                f"{one.word}: false accepts in the same {one.hours:.2f} h: {one.false_before} before, "
                f"{one.false_after} now: {_verdict(one.false_p)}."
            )
        if one.unpaired:
            found.append(f"{one.word}: {one.unpaired} utterances are in one of the runs only and are left out.")
    return found


def _verdict(p: float) -> str:
    return f"significant (p = {p:.3f})" if p < 1 - CONFIDENCE else f"not significant (p = {p:.2f})"
