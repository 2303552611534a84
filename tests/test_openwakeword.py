"""The drop-in: what a program written for openWakeWord does with it, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import wakeword
from wakeword.errors import ConfigError, ModelError
from wakeword.events import Candidate, Verdict
from wakeword.model import Point
from wakeword.openwakeword import Model, joint
from wakeword.pipeline.pipeline import Detector

FRAME = 1_280
WORDS = ["alexa", "computer", "jarvis"]


def frames(sound: np.ndarray) -> list[np.ndarray]:
    return [sound[at : at + FRAME] for at in range(0, len(sound), FRAME)]


def hits(predictions: list[dict[str, float]], threshold: float = 0.5) -> list[tuple[int, str]]:
    """What `if score >= 0.5` finds: frame and name."""
    return [(turn, name) for turn, scores in enumerate(predictions) for name in scores if scores[name] >= threshold]


@pytest.fixture(scope="module")
def wakes(room: np.ndarray) -> list[tuple[int, str]]:
    """The frames in which the pipeline itself accepts."""
    found = []
    detector = Detector.load(*WORDS)
    for turn, frame in enumerate(frames(room)):
        found += [(turn, e.candidate.word) for e in detector.process(frame) if isinstance(e, Verdict) and e.accepted]
    assert len(found) >= 5
    return found


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


def test_a_loop_over_frames_finds_the_wakes_of_the_pipeline_each_once(
    model: Model, room: np.ndarray, wakes: list[tuple[int, str]]
) -> None:
    model.reset()
    assert hits([model.predict(frame) for frame in frames(room)]) == wakes


def test_scores_are_numbers_from_0_to_1_for_every_word(model: Model, room: np.ndarray) -> None:
    model.reset()
    predictions = [model.predict(frame) for frame in frames(room)]
    assert all(sorted(scores) == WORDS for scores in predictions)
    assert all(0 <= score <= 1 for scores in predictions for score in scores.values())
    refused = [score for scores in predictions for score in scores.values() if 0 < score < 0.5]
    assert refused  # what stage 1 asked and stage 2 refused is seen, and is below one half


def test_what_a_program_looks_at_is_there(model: Model, room: np.ndarray) -> None:
    """As openWakeWord's own example of a microphone does."""
    model.reset()
    for frame in frames(room)[:40]:
        model.predict(frame)
    assert sorted(model.models) == sorted(model.prediction_buffer) == WORDS
    assert [len(model.prediction_buffer[name]) for name in WORDS] == [30, 30, 30]
    assert model.get_parent_model_from_label("jarvis") == "jarvis"
    assert model.get_parent_model_from_label("hal") == ""


def test_both_scores_and_the_place_are_in_events(model: Model, room: np.ndarray, wakes: list[tuple[int, str]]) -> None:
    model.reset()
    for frame in frames(room)[: wakes[0][0] + 1]:
        model.predict(frame)
    *_, verdict = model.events
    assert isinstance(verdict, Verdict)
    assert verdict.accepted
    assert verdict.candidate.word == wakes[0][1]


@pytest.mark.parametrize("length", [400, 1_280, 2_560, 6_000])
def test_frames_of_any_length_are_taken(
    model: Model, room: np.ndarray, wakes: list[tuple[int, str]], length: int
) -> None:
    model.reset()
    found = [model.predict(room[at : at + length]) for at in range(0, len(room), length)]
    assert [name for _, name in hits(found)] == [name for _, name in wakes]


def test_a_clip_from_a_file_of_any_rate(
    model: Model, room: np.ndarray, wakes: list[tuple[int, str]], tmp_path: Path
) -> None:
    turn = next(turn for turn, name in wakes if name == "jarvis")
    sound = room[(turn - 40) * FRAME : (turn + 10) * FRAME]
    soundfile.write(tmp_path / "clip.wav", np.repeat(sound, 3), 48_000)
    soundfile.write(tmp_path / "same.wav", sound, 16_000)
    for clip in (tmp_path / "clip.wav", str(tmp_path / "same.wav"), sound):
        model.reset()
        assert [name for _, name in hits(model.predict_clip(clip))] == ["jarvis"]


def test_patience_needs_no_waiting_and_a_debounced_word_stays_0(
    model: Model, room: np.ndarray, wakes: list[tuple[int, str]]
) -> None:
    limits: dict[str, Any] = {"threshold": dict.fromkeys(WORDS, 0.5)}
    model.reset()
    patient = [model.predict(frame, patience=dict.fromkeys(WORDS, 3), **limits) for frame in frames(room)]
    assert hits(patient) == wakes
    model.reset()
    once = [model.predict(frame, debounce_time=1_000.0, **limits) for frame in frames(room)]
    assert [name for _, name in hits(once)] == list(dict.fromkeys(name for _, name in wakes))


@pytest.mark.parametrize(
    "names", [["Alexa"], ["alexa_v0.1"], [str(Path(wakeword.__file__).parents[1] / "models" / "alexa")]]
)
def test_names_are_understood_as_neighbours_write_them(room: np.ndarray, names: list[str]) -> None:
    model = Model(wakeword_models=names, inference_framework="tflite", vad_threshold=0.5, ncpu=1)
    (name,) = model.models
    assert name in (names[0], "alexa")
    assert hits(model.predict_clip(room))


@pytest.mark.parametrize(("options", "why"), [
    ({"wakeword_models": ["hey_mycroft"]}, r"no model 'hey_mycroft' \(shipped: alexa, computer, jarvis"),
    ({"wakeword_models": ["hey_jarvis_v0.1.onnx"]}, "is a model of openWakeWord .*stage1"),
    ({"wakeword_models": ["alexa"], "point": "loud"}, "has no operating point 'loud'"),
    ({"custom_verifier_models": {"alexa": "x.pkl"}}, "custom_verifier_models is not supported .*pickles"),
    ({"enable_speex_noise_suppression": True}, "enable_speex_noise_suppression is not supported"),
    ({"class_mapping_dicts": [{"0": "a"}]}, "class_mapping_dicts is not supported"),
    ({"melspec_model_path": "x"}, "melspec_model_path is not supported"),
])  # fmt: skip
def test_what_is_not_here_is_refused(options: dict[str, Any], why: str) -> None:
    with pytest.raises((ConfigError, ModelError), match=why):
        Model(**options)


@pytest.mark.parametrize("sound", [[1, 2], np.zeros(1_280), np.zeros((2, 1_280), np.int16), b"ab"])
def test_another_array_is_refused(model: Model, sound: Any) -> None:
    with pytest.raises(ValueError, match="a one-dimensional int16 array is wanted"):
        model.predict(sound)


def test_patience_without_a_threshold_is_refused_as_there(model: Model) -> None:
    with pytest.raises(ValueError, match="need a threshold"):
        model.predict(np.zeros(1_280, np.int16), patience={"alexa": 3})


scores = st.floats(0, 1)


@given(one=scores, two=scores, threshold1=st.floats(0.01, 1), threshold2=st.floats(0.01, 1))
def test_a_joint_score_is_half_or_more_exactly_when_both_stages_agree(
    one: float, two: float, threshold1: float, threshold2: float
) -> None:
    accepted = one >= threshold1 and two >= threshold2
    verdict = Verdict(Candidate("w", 0, 1, 1, one), two, accepted, 0)
    score = joint(verdict, Point(threshold1, threshold2))
    assert 0 <= score <= 1
    assert (score >= 0.5) is accepted
