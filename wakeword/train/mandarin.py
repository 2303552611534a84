"""What sounds like a Mandarin phrase without being it: near-misses by syllable, from a dictionary of words.

A syllable is an initial, a final and a tone (`pypinyin`). Dropping or adding one costs 0.8; another initial or final
costs 0.35 where speakers of many regions confuse the two (zh/z, n/l, in/ing), else 0.7; another tone 0.15, since
loudspeaker rooms and fast speech blur tones. The words are `jieba`'s dictionary, with how often each is used.
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np

from wakeword.train.sounds_like import Alphabet, Lexicon

Syllable = tuple[str, str, str]

_LIKE_INITIALS = [set("zZ"), set("cC"), set("sS"), set("nl"), set("bp"), set("dt"), set("gk"), set("jq"), set("qx"),
    set("fh"), set("ZC"), set("zc"), set("rl")]  # fmt: skip
_LIKE_FINALS = [{"an", "ang"}, {"en", "eng"}, {"in", "ing"}, {"ian", "iang"}, {"uan", "uang"}, {"ai", "ei"},
    {"ao", "ou"}, {"iao", "ao"}, {"iao", "iou"}, {"ia", "a"}, {"ong", "eng"}, {"ve", "ie"}, {"ong", "iong"},
    {"uo", "o"}, {"ai", "uai"}, {"e", "o"}, {"a", "ua"}, {"v", "i"}]  # fmt: skip
_SHORT = {"zh": "Z", "ch": "C", "sh": "S"}
DROPPED, CONFUSED, OTHER, TONE = 0.8, 0.35, 0.7, 0.15
LEAST_USED, FARTHEST = 3, 0.5
WORDS, PAIRS = 40, 30


def syllables(phrase: str) -> list[Syllable]:
    """(initial, final, tone) of each character; what is not Chinese is left out."""
    from pypinyin import Style, lazy_pinyin

    def style(kind: Style) -> list[str]:
        return lazy_pinyin(phrase, style=kind, strict=False, neutral_tone_with_five=True, errors="ignore")

    initials, finals = style(Style.INITIALS), style(Style.FINALS_TONE3)
    return [
        (_SHORT.get(initial, initial), final.rstrip("12345"), final[-1:])
        for initial, final in zip(initials, finals, strict=True)
    ]


def cost(one: Syllable, other: Syllable) -> float:
    """Of hearing `other` for `one`."""
    total = 0.0
    for first, second, alike in ((one[0], other[0], _LIKE_INITIALS), (one[1], other[1], _LIKE_FINALS)):
        if first != second:
            total += CONFUSED if any({first, second} <= group for group in alike) else OTHER
    return min(1.2, total + TONE * (one[2] != other[2]))


class Dictionary:
    """Words of two to five characters by their syllables; made for one phrase, whose syllables it knows too."""

    def __init__(self, phrase: str) -> None:
        spoken = {word: [self._of(sign) for sign in word] for word in _words()}
        own = [self._of(sign) for sign in phrase]
        numbers = {syllable: n for n, syllable in enumerate({s for word in [*spoken.values(), own] for s in word})}
        change = np.full((len(numbers), len(numbers)), 1.2, np.float32)
        for syllable in set(own):  # only these are ever compared with others
            change[numbers[syllable]] = [cost(syllable, other) for other in numbers]
        alphabet = Alphabet(change, np.full(len(numbers), DROPPED, np.float32))
        self.lexicon = Lexicon({word: [numbers[s] for s in heard] for word, heard in spoken.items()}, alphabet)
        self.target = [numbers[syllable] for syllable in own]

    @staticmethod
    @cache
    def _of(sign: str) -> Syllable:
        found = syllables(sign)
        return found[0] if found else ("", sign, "")


def _words() -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports pkg_resources, which says on standard error that it will go
        import jieba

    with jieba.get_dict_file() as file:
        lines = [line.split(" ") for line in file.read().decode("utf-8").splitlines()]
    return [
        word
        for word, used, _ in lines
        if 1 < len(word) <= 5 and int(used) >= LEAST_USED and all("\u4e00" <= sign <= "\u9fff" for sign in word)
    ]


def near_misses(phrase: str) -> list[str]:
    """Words near the phrase, two words that together are near, and the phrase with its beginning or end left out."""
    own = Dictionary(phrase)
    target, near = own.target, own.lexicon.near
    found = [word for _, word in near(target, WORDS, FARTHEST)]
    found += [phrase[:cut] for cut in range(2, len(phrase))] + [phrase[cut:] for cut in range(1, len(phrase) - 1)]
    for cut in range(1, len(target)):
        first = [(0.0, phrase[:cut]), *near(target[:cut], 7, FARTHEST)]
        second = [(0.0, phrase[cut:]), *near(target[cut:], 7, FARTHEST)]
        pairs = [(a + b, one + two) for a, one in first for b, two in second if a + b > 0]
        found += [pair for _, pair in sorted(pairs)[: PAIRS // (len(target) - 1)]]
    return [near for near in dict.fromkeys(found) if syllables(near) != syllables(phrase)]
