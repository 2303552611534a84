"""Stage 2 at work, on the shipped models and the recorded room."""

from __future__ import annotations

import numpy as np
import pytest

from wakeword import model
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES, Stage2

WORDS = ("computer", "jarvis", "alexa")


@pytest.fixture(scope="module")
def verifiers() -> dict[str, Stage2]:
    return {word: Stage2(model.load(word)) for word in WORDS}


def test_the_same_segment_gets_the_same_score(verifiers: dict[str, Stage2], room: np.ndarray) -> None:
    first = [verifiers[word].judge(room[130_000 : 130_000 + SEGMENT_SAMPLES]) for word in WORDS]
    verifiers["computer"].judge(room[:SEGMENT_SAMPLES])  # another in between leaves nothing behind
    assert [verifiers[word].judge(room[130_000 : 130_000 + SEGMENT_SAMPLES]) for word in WORDS] == first


@pytest.mark.parametrize("segment", [
    np.zeros(SEGMENT_SAMPLES, np.int16),
    np.full(SEGMENT_SAMPLES, -32768, np.int16),
    np.random.default_rng(5).integers(-32768, 32768, SEGMENT_SAMPLES).astype(np.int16),
    np.random.default_rng(6).integers(-3, 4, SEGMENT_SAMPLES).astype(np.int16),
], ids=["silence", "direct current", "loud noise", "faint noise"])  # fmt: skip
def test_what_is_no_speech_is_refused(verifiers: dict[str, Stage2], segment: np.ndarray) -> None:
    for word, verifier in verifiers.items():
        assert 0 <= verifier.judge(segment) < model.load(word).points["default"].stage2


def test_loudness_does_not_decide(verifiers: dict[str, Stage2], room: np.ndarray) -> None:
    """The level is set for the whole segment: 12 dB less changes a score only by int16's rounding."""
    segment = room[126_000 : 126_000 + SEGMENT_SAMPLES]
    quieter = np.round(segment / 4).astype(np.int16)
    for verifier in verifiers.values():
        assert verifier.judge(quieter) == pytest.approx(verifier.judge(segment), abs=0.1)


def test_another_length_is_refused(verifiers: dict[str, Stage2]) -> None:
    with pytest.raises(Exception, match="invalid dimensions"):  # onnxruntime's own class
        verifiers["computer"].judge(np.zeros(100, np.int16))


def test_the_rooms_words_stand_out_from_all_else_that_is_said(
    verifiers: dict[str, Stage2], room: np.ndarray, said: list[dict[str, str]]
) -> None:
    """Best score within each utterance, whether or not stage 1 would have asked there."""
    for word, verifier in verifiers.items():
        own, other = [], []
        for row in said:
            start, end = (int(float(row[edge]) * 16_000) for edge in ("start_s", "end_s"))
            ends = range(max(start + 4_800, SEGMENT_SAMPLES), end + 4_800, 1_280)
            best = max(verifier.judge(room[at - SEGMENT_SAMPLES : at]) for at in ends)
            (own if row["word"] == word else other).append(best)
        assert len(own) == 2
        threshold = model.load(word).points["default"].stage2
        assert max(own) >= threshold > np.quantile(other, 0.75)
        assert min(own) > np.median(other)
