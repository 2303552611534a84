"""Stage 2 at work, on the shipped models and the recorded room."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wakeword import model
from wakeword.errors import ModelError
from wakeword.pipeline import stage2
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES, Stage2

WORDS = ("computer", "jarvis", "alexa")


@pytest.fixture(scope="module")
def verifiers() -> dict[str, Stage2]:
    return {word: Stage2(model.load(word)) for word in WORDS}


def test_the_same_segment_gets_the_same_score(verifiers: dict[str, Stage2], room: np.ndarray) -> None:
    first = [verifiers[word].judge(room[130_000 : 130_000 + SEGMENT_SAMPLES]) for word in WORDS]
    verifiers["computer"].judge(room[:SEGMENT_SAMPLES])  # another in between leaves nothing behind
    assert [verifiers[word].judge(room[130_000 : 130_000 + SEGMENT_SAMPLES]) for word in WORDS] == first


def test_words_that_differ_in_their_heads_alone_share_a_session(room: np.ndarray) -> None:
    """And say what they say alone, in whatever order they are opened."""
    models = [model.load(word) for word in (*WORDS, Path(__file__).parents[1] / "models" / "loud")]
    sessions: dict[bytes, object] = {}
    together = [Stage2(one, sessions) for one in (*models, models[0])]
    assert len({id(verifier._session) for verifier in together}) == 2
    segment = room[126_000 : 126_000 + SEGMENT_SAMPLES]
    scores = [verifier.judge(segment) for verifier in together]
    assert scores[:-1] == [Stage2(one).judge(segment) for one in models]
    assert scores[-1] == scores[0]
    assert len(set(scores)) == len(models)


def test_what_is_no_graph_is_refused() -> None:
    word = model.load("alexa")
    with pytest.raises(ModelError, match="cannot run this model"):
        Stage2(replace(word, stage2_bytes=word.stage2_bytes[:-1_000]))


@pytest.mark.parametrize("shape", [(), (1,), (129, 1)])
def test_a_head_that_is_no_layer_of_one_number_is_refused(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage2, "answers", lambda session, *outputs, where: [np.zeros(shape, np.float32)])
    with pytest.raises(ModelError, match=rf"alexa.stage2\.onnx: a head of shape {re.escape(str(shape))}"):
        Stage2(model.load("alexa"))


def test_a_graph_without_a_head_is_refused() -> None:
    """As those were that said a score themselves."""
    word = model.load("alexa")
    with pytest.raises(ModelError, match=r"alexa.stage2\.onnx: no graph of ours: .*head.*\(made by another version"):
        Stage2(replace(word, stage2_bytes=word.stage2_bytes.replace(b"head", b"haed")))


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
