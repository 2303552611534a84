"""What sounds like a phrase without being it: near-misses from a lexicon of pronunciations.

A word's pronunciation is a row of phonemes in the alphabet of the voices (one character each: `A` is the vowel of
"day", `I` of "my", `O` of "go", `W` of "now", `Y` of "boy"). Two rows are as far apart as their cheapest edit
(Levenshtein, with costs that follow how the sounds are made): "compute" is near "computer", "p" is nearer to "b" than
to "s". Near words, pairs of words that together are near ("elects a"), and words that begin in the same way make the
list: a detector that fires before the word has ended cannot tell those apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

# height (0 close - 1 open) and backness (0 front - 1 back)
_VOWELS = {
    "i": (0.0, 0.0), "ɪ": (0.2, 0.2), "ᵻ": (0.2, 0.3), "A": (0.4, 0.0), "ɛ": (0.6, 0.1), "æ": (0.9, 0.2),
    "ə": (0.5, 0.5), "ᵊ": (0.5, 0.5), "ʌ": (0.7, 0.5), "ɜ": (0.5, 0.6), "ɑ": (1.0, 0.8), "ɔ": (0.7, 1.0),
    "O": (0.4, 1.0), "ʊ": (0.2, 0.8), "u": (0.0, 1.0), "I": (0.8, 0.3), "W": (0.8, 0.7), "Y": (0.5, 0.7),
}  # fmt: skip
# place (0 lips - 1 throat), manner, voiced
_CONSONANTS = {
    "p": (0.0, "stop", 0), "b": (0.0, "stop", 1), "m": (0.0, "nasal", 1), "w": (0.0, "glide", 1),
    "f": (0.1, "breath", 0), "v": (0.1, "breath", 1), "θ": (0.25, "breath", 0), "ð": (0.25, "breath", 1),
    "t": (0.4, "stop", 0), "d": (0.4, "stop", 1), "ɾ": (0.4, "stop", 1), "n": (0.4, "nasal", 1),
    "s": (0.4, "breath", 0), "z": (0.4, "breath", 1), "l": (0.45, "glide", 1), "ɹ": (0.5, "glide", 1),
    "ʃ": (0.6, "breath", 0), "ʒ": (0.6, "breath", 1), "ʧ": (0.55, "burst", 0), "ʤ": (0.55, "burst", 1),
    "j": (0.75, "glide", 1), "k": (0.9, "stop", 0), "ɡ": (0.9, "stop", 1), "ŋ": (0.9, "nasal", 1),
    "h": (1.0, "breath", 0), "ʔ": (1.0, "stop", 0),
}  # fmt: skip
_SOUNDS = [*_VOWELS, *_CONSONANTS]
_NUMBER = {sound: number for number, sound in enumerate(_SOUNDS)}
_WEAK = set("əᵊɪᵻɹlhjwʔ")  # often dropped or added in running speech

FARTHEST, NEAREST = 0.42, 0.04  # cost a sound: beyond, another word; below, the word itself
SINGLES, PAIRS, BEGINNINGS = 36, 24, 12  # how many of each at most


def _substitution(one: str, other: str) -> float:
    if one == other:
        return 0.0
    if one in _VOWELS and other in _VOWELS:
        (high, back), (high2, back2) = _VOWELS[one], _VOWELS[other]
        return min(1.0, 0.1 + 0.9 * float(np.hypot(high - high2, back - back2)))
    if one in _CONSONANTS and other in _CONSONANTS:
        (place, manner, voiced), (place2, manner2, voiced2) = _CONSONANTS[one], _CONSONANTS[other]
        return min(1.0, 0.1 + 0.4 * abs(place - place2) + 0.45 * (manner != manner2) + 0.15 * (voiced != voiced2))
    return 1.2


def sounds(pronunciation: str) -> list[int]:
    """The numbers of the phonemes in a pronunciation; stress, length and spaces carry none."""
    return [_NUMBER[sound] for sound in pronunciation if sound in _NUMBER]


@dataclass(frozen=True)
class Alphabet:
    """What it costs to hear one sound for another: (n, n), and to drop or add one: (n,)."""

    change: Float32
    drop: Float32

    def distance(self, target: list[int], words: Int64) -> Float32:
        """(n,) costs of turning `target` into each row of `words` (n, length)."""
        count, length = words.shape
        drops = self.drop[words]
        row = np.concatenate([np.zeros((count, 1), np.float32), np.cumsum(drops, axis=1)], axis=1)
        for sound in target:
            below = np.empty_like(row)
            below[:, 0] = row[:, 0] + self.drop[sound]
            for place in range(length):
                changed = row[:, place] + self.change[sound, words[:, place]]
                dropped = row[:, place + 1] + self.drop[sound]
                added = below[:, place] + drops[:, place]
                below[:, place + 1] = np.minimum(np.minimum(changed, dropped), added)
            row = below
        return row[:, -1]


ENGLISH = Alphabet(
    np.array([[_substitution(a, b) for b in _SOUNDS] for a in _SOUNDS], np.float32),
    np.array([0.55 if sound in _WEAK else 0.9 for sound in _SOUNDS], np.float32),
)


@dataclass(frozen=True)
class _Group:
    """Words of one length."""

    words: list[str]
    sounds: Int64


class Lexicon:
    """Words by their sound: `spoken` is spelling -> the numbers of its sounds in `alphabet`."""

    def __init__(self, spoken: Mapping[str, list[int]], alphabet: Alphabet = ENGLISH) -> None:
        grouped: dict[int, list[tuple[str, list[int]]]] = defaultdict(list)
        for word, heard in sorted(spoken.items()):
            if heard:
                grouped[len(heard)].append((word, heard))
        self._alphabet = alphabet
        self._groups = {
            length: _Group([word for word, _ in found], np.array([heard for _, heard in found]))
            for length, found in grouped.items()
        }

    def near(self, target: list[int], count: int, farthest: float = FARTHEST) -> list[tuple[float, str]]:
        """(cost a sound, word), the nearest first; never the same sound, and one spelling of each sound."""
        found: list[tuple[float, str, bytes]] = []
        for length in range(max(1, len(target) - 3), len(target) + 4):
            if length not in self._groups:
                continue
            group = self._groups[length]
            costs = self._alphabet.distance(target, group.sounds) / len(target)
            for place in np.flatnonzero((costs >= NEAREST) & (costs <= farthest)):
                found.append((float(costs[place]), group.words[place], group.sounds[place].tobytes()))
        chosen: dict[bytes, tuple[float, str]] = {}
        for cost, word, heard in sorted(found):
            chosen.setdefault(heard, (cost, word))
            if len(chosen) == count:
                break
        return list(chosen.values())

    def beginning(self, start: list[int], count: int) -> list[str]:
        """Words that begin with just these sounds, the shortest first."""
        found: list[str] = []
        for length in range(len(start), len(start) + 6):
            if length in self._groups and len(found) < count:
                group = self._groups[length]
                same = np.all(group.sounds[:, : len(start)] == start, axis=1)
                found += [group.words[place] for place in np.flatnonzero(same)]
        return found[:count]


def near_misses(phrase: str, pronunciation: str, lexicon: Lexicon) -> list[str]:
    """Phrases that sound like `phrase`, of three kinds, without `phrase` itself.

    `pronunciation` separates the words by spaces, as `phrase` does. Of a phrase of several words, each word alone, the
    phrase without it and the phrase with it replaced by what sounds like it are near-misses too.
    """
    words, spoken = phrase.split(), [sounds(part) for part in pronunciation.split()]
    target = [sound for part in spoken for sound in part]
    found = [word for _, word in lexicon.near(target, SINGLES)]
    found += _pairs(target, lexicon)
    found += lexicon.beginning(target[: max(2, round(len(target) * 0.6))], BEGINNINGS)
    if len(words) > 1 and len(spoken) == len(words):
        for place, heard in enumerate(spoken):
            others = [*words[:place], *words[place + 1 :]]
            found += [words[place], " ".join(others)]
            for _, word in lexicon.near(heard, 10):
                found.append(" ".join([*words[:place], word, *words[place + 1 :]]))
    lowered = dict.fromkeys(near for near in found if near.lower() != phrase.lower())
    return list(lowered)


def _pairs(target: list[int], lexicon: Lexicon) -> list[str]:
    """Two words that together sound near, as "elects a" does; no word in more than three of the pairs."""
    found: list[tuple[float, str, str]] = []
    for cut in range(2, len(target) - 1):
        ends = lexicon.near(target[cut:], 8, 0.3)
        for cost, first in lexicon.near(target[:cut], 8, 0.3):
            for cost2, second in ends:
                found.append(((cost * cut + cost2 * (len(target) - cut)) / len(target), first, second))
    chosen: list[str] = []
    used: Counter[str] = Counter()
    for _, first, second in sorted(found):
        if max(used[first], used[second]) < 3 and len(chosen) < PAIRS:
            used.update((first, second))
            chosen.append(f"{first} {second}")
    return chosen
