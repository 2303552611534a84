"""What synthetic voices say: the word itself, and what sounds like it without being it.

A near-miss shares rhythm, vowels or part of the word. Partial words ("compute") matter as much as rhymes: a detector
that fires before the word has ended cannot tell them apart. They come from a lexicon (`sounds_like.py`,
`mandarin.py`); the shipped words have a list by hand beside it, extended by what the models of earlier rounds confused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wakeword.errors import ConfigError


@dataclass(frozen=True)
class Word:
    """What is to be spotted: `name` stands in files and events, `phrase` is said, in `language` (`en` or `zh`)."""

    name: str
    phrase: str
    language: str

    @classmethod
    def of(cls, phrase: str) -> Word:
        """From what is said. Raises `ConfigError` for what no voice here can say."""
        phrase = " ".join(phrase.split())
        if re.fullmatch("[\u4e00-\u9fff]{2,8}", phrase):
            return cls(phrase, phrase, "zh")
        if re.fullmatch(r"[A-Za-z'][A-Za-z' ]{1,40}", phrase):
            return cls(phrase.lower().replace(" ", "_").replace("'", ""), phrase.lower(), "en")
        raise ConfigError(
            f"'{phrase}' cannot be said",
            hint="two letters or more of English words, or two to eight Chinese characters",
        )


NEAR: dict[str, str] = {
    "computer": """commuter; compute; computing; computation; company; competitor; compete; commute; complete;
        composer; tutor; future; pewter; fusion; pair your tutor; can you turn; committee; community; consumer;
        contributor; cucumber; keep your; come to her; commuter train; come here; compact; campus; the future;
        recruiter; scooter; shooter; compare; composure; conclusion; confuser; conductor; combine; competition;
        amputee""",
    "jarvis": """travis; jar; service; harvest; jarring; jars; garbage; carving; jar of this; jarred; marvin;
        travel; charles; purpose; nervous; harvey; starving; artist; jungle; what service; start this; java; genre;
        charter; garden; chavez; jealous; darkness; harness; just this; large bus; marvellous; charge us; arrives;
        jaws; jasper; doris""",
    "alexa": """alexis; alex; alexander; alexandra; a lexus; lexus; election; elixir; electric; a lecture;
        unless a; relax a; alaska; a legacy; electra; lex; lecture; axle; elects a; a letter; elected; selects a;
        collects a; let's say; a lesson; unleash a; a lot extra; election day; affects a; reflects a; olympics;
        an extra; likes a; excellent""",
}
_AROUND_EN = [  # said by the same voices, so that a voice is never a sign of the word
    "what time is it", "turn on the light in the kitchen", "play some music", "tell me the weather for tomorrow",
    "set a timer for ten minutes", "good morning everybody", "I do not think so", "call my mother",
    "thank you very much", "the quick brown fox jumps over the lazy dog",
    "we were talking about the garden yesterday", "stop", "how do you spell necessary", "next song please", "yes",
    "no, not that one", "could you open the window", "she sells sea shells by the sea shore",
    "he works at the office on monday", "one two three four five six seven",
]  # fmt: skip
_REQUESTS_EN = [  # what follows the word in one breath: it is then shorter than when said alone
    "what time is it?", "turn on the light.", "play some music.", "tell me the weather.",
    "set a timer for ten minutes.", "call my mother.", "stop.", "add milk to the shopping list.", "how are you?",
    "good night.", "turn it up.", "where is my phone?", "what is new?", "open the door.", "wake me at seven.",
    "is it raining?",
]  # fmt: skip


_AROUND_ZH = """今天天气怎么样 请打开客厅的灯 播放一首音乐 明天早上七点叫我 我们在说昨天的花园 谢谢你 好的 不是这个
    下一首 你吃饭了吗 他星期一去办公室上班 一二三四五六七 给妈妈打电话 声音大一点 现在几点了 同学们好""".split()
_REQUESTS_ZH = "现在几点了 打开灯 放一首歌 明天会下雨吗 给妈妈打电话 声音小一点 停 晚安".split()

AROUND = {"en": _AROUND_EN, "zh": _AROUND_ZH}
REQUESTS = {"en": _REQUESTS_EN, "zh": _REQUESTS_ZH}
COMMA = {"en": ", ", "zh": "，"}


def listed(name: str) -> list[str]:
    """The near-misses written down by hand; none for most words."""
    return [" ".join(phrase.split()) for phrase in NEAR.get(name, "").split(";") if phrase.strip()]


def near_misses(word: Word) -> list[str]:
    """Phrases to train `word` against: by hand where there is a list, the others from the lexicon.

    Needs the extra `voices`. What contains the word itself is left out.
    """
    from wakeword.train import mandarin, sounds_like, voices

    if word.language == "zh":
        found = mandarin.near_misses(word.phrase)
    else:
        found = sounds_like.near_misses(word.phrase, voices.pronounce(word.phrase), voices.lexicon())
    return [near for near in dict.fromkeys([*listed(word.name), *found]) if not _contains(near, word)]


def _contains(near: str, word: Word) -> bool:
    return word.phrase in near if word.language == "zh" else f" {word.phrase} " in f" {near.lower()} "
