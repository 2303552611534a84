"""What synthetic voices say: the word itself, and what sounds like it without being it.

A near-miss shares rhythm, vowels or part of the word. Partial words ("compute") matter as much as rhymes: a detector
that fires before the word has ended cannot tell them apart. Kept by hand for the shipped words, where each list was
extended by what the models of earlier rounds confused; `docs/models.md` says what came from where.
"""

from __future__ import annotations

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
AROUND: list[str] = [  # said by the same voices, so that a voice is never a sign of the word
    "what time is it", "turn on the light in the kitchen", "play some music", "tell me the weather for tomorrow",
    "set a timer for ten minutes", "good morning everybody", "I do not think so", "call my mother",
    "thank you very much", "the quick brown fox jumps over the lazy dog",
    "we were talking about the garden yesterday", "stop", "how do you spell necessary", "next song please", "yes",
    "no, not that one", "could you open the window", "she sells sea shells by the sea shore",
    "he works at the office on monday", "one two three four five six seven",
]  # fmt: skip
REQUESTS: list[str] = [  # what follows the word in one breath: it is then shorter than when said alone
    "what time is it?", "turn on the light.", "play some music.", "tell me the weather.",
    "set a timer for ten minutes.", "call my mother.", "stop.", "add milk to the shopping list.", "how are you?",
    "good night.", "turn it up.", "where is my phone?", "what is new?", "open the door.", "wake me at seven.",
    "is it raining?",
]  # fmt: skip


def near_misses(word: str) -> list[str]:
    """Phrases to train `word` against. The lists of other words serve too: they are merely not near."""
    return [" ".join(phrase.split()) for phrase in NEAR[word].split(";")]
