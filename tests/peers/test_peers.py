"""openWakeWord's heads as stage 1: the same scores as offline, our stage 2 behind them, and what is refused."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from wakeword import peers
from wakeword.config import Config, load
from wakeword.errors import ConfigError, ModelError
from wakeword.events import Candidate, Event, Verdict, Voice
from wakeword.model import SMOOTHED_STEPS, open_session, set_digest, sha256
from wakeword.model import load as load_model
from wakeword.peers.openwakeword import EMBEDDING, FIRST_UNITS, MEL, Heads
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.stage1 import PRE_CONTEXT_UNITS
from wakeword.plan import make_plan

SPEC = importlib.util.find_spec("openwakeword")
if SPEC is None or not SPEC.submodule_search_locations:
    pytest.skip(
        "no models of openWakeWord: pip install --no-deps openwakeword==0.5.1 (its code is not run)",
        allow_module_level=True,
    )
FOLDER = Path(SPEC.submodule_search_locations[0]) / "resources" / "models"
HEAD = FOLDER / "alexa_v0.1.onnx"
ALEXA = f"openwakeword:{HEAD}"
UNIT = 1_280


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load("alexa", "computer", stage1={"alexa": ALEXA})


def run(detector: Detector, sound: np.ndarray, length: int) -> list[Event]:
    detector.reset()
    return [event for at in range(0, len(sound), length) for event in detector.process(sound[at : at + length])]


# --- the networks


def test_streaming_gives_the_scores_of_the_whole_sound_at_once(room: np.ndarray) -> None:
    """Offline: all frames, then all windows of 76 at once, then the head over each 16 of their embeddings.

    The spectrogram itself goes by units in both: it clips relative to the loudest frame that it is given.
    """
    sound = room[27 * 16_000 : 30 * 16_000]
    sound = sound[: len(sound) // UNIT * UNIT]
    model = peers.replace_stage1(load_model("alexa"), ALEXA)
    mel, embedding, head = (open_session(model.peer_files[role]) for role in ("mel", "embedding", "head"))
    padded = np.concatenate([np.zeros(480, np.int16), sound])
    units = [padded[at : at + 480 + UNIT] for at in range(0, len(sound), UNIT)]
    pieces = [mel.run(None, {"input": unit.astype(np.float32)[None]})[0].reshape(-1, 32) for unit in units]
    frames = np.concatenate(pieces) / 10 + 2
    windows = np.stack(
        [frames[at : at + 76] for at in range(4, len(frames) - 75, 8)]
    )  # ends with each unit from the 10th
    embedded = embedding.run(None, {"input_1": windows[..., None].astype(np.float32)})[0].reshape(-1, 96)
    name = head.get_inputs()[0].name
    offline = [float(head.run(None, {name: embedded[None, at : at + 16]})[0][0, 0]) for at in range(len(embedded) - 15)]

    heads = Heads([model])
    logits = [heads.push(unit) for unit in units]
    assert all(np.array_equal(unit[0], unit[1]) for unit in logits)
    streamed = [1 / (1 + np.exp(-float(unit[0, 0]))) for unit in logits][-len(offline) :]
    np.testing.assert_allclose(streamed, offline, atol=1e-4)
    assert max(offline) > 0.9  # the word is in it


def test_nothing_is_said_of_the_first_units_and_a_reset_forgets(room: np.ndarray) -> None:
    heads = Heads([peers.replace_stage1(load_model("alexa"), ALEXA)])
    units = [room[at : at + 480 + UNIT] for at in range(28 * 16_000, 30 * 16_000, UNIT)]
    first = np.concatenate([heads.push(unit) for unit in units])
    assert np.all(first[: 2 * FIRST_UNITS] == -20)
    twin = heads.twin()
    np.testing.assert_array_equal(np.concatenate([twin.push(unit) for unit in units]), first)
    heads.reset()
    np.testing.assert_array_equal(np.concatenate([heads.push(unit) for unit in units]), first)


def test_heads_of_the_same_features_share_them() -> None:
    alexa, jarvis = (
        peers.replace_stage1(load_model(word), f"openwakeword:{FOLDER}/{file}")
        for word, file in (("alexa", "alexa_v0.1.onnx"), ("jarvis", "hey_jarvis_v0.1.onnx"))
    )
    assert alexa.trunk == jarvis.trunk
    assert Heads([alexa, jarvis]).push(np.zeros(480 + UNIT, np.int16)).shape == (2, 2)


# --- in the pipeline


def test_wherever_it_is_asked_its_scores_are_those_of_a_program_that_never_stopped(room: np.ndarray) -> None:
    """Voice opens anew after a pause; what is heard again from the ring, before that, is asked too."""
    hiss = np.random.default_rng(1).normal(0, 2, 5 * 16_000).astype(np.int16)
    sound = np.concatenate([hiss, room[7 * 16_000 : 11 * 16_000], hiss, room[18 * 16_000 : 22 * 16_000], hiss])
    sound = sound[: len(sound) // UNIT * UNIT]
    heads = Heads([peers.replace_stage1(load_model("alexa"), ALEXA)])
    padded = np.concatenate([np.zeros(480, np.int16), sound])
    always = np.concatenate([heads.push(padded[at : at + 480 + UNIT])[:, 0] for at in range(0, len(sound), UNIT)])
    smooth = np.convolve(always, np.ones(SMOOTHED_STEPS) / SMOOTHED_STEPS)[: len(always)]
    alone, tapped = Detector.load("alexa", stage1={"alexa": ALEXA}), {}
    alone.watch(lambda word, step, logit: tapped.update({step: logit}))
    opened = [e.at // UNIT for e in alone.process(sound) if isinstance(e, Voice) and e.speaking]
    assert len(opened) >= 2
    asked = [step for unit in opened for step in range(2 * (unit - 1 - PRE_CONTEXT_UNITS), 2 * unit + 25)]
    np.testing.assert_allclose([tapped[step] for step in asked], smooth[asked], atol=1e-3)


def test_its_model_asks_and_our_stage_2_answers(
    detector: Detector, room: np.ndarray, said: list[dict[str, str]]
) -> None:
    events = run(detector, room, 16_000)
    accepted = [e.candidate for e in events if isinstance(e, Verdict) and e.accepted and e.candidate.word == "alexa"]
    (line, *_) = [line for line in said if line["word"] == "alexa"]
    assert float(line["start_s"]) < accepted[0].end / 16_000 < float(line["start_s"]) + 1.5
    asked = [event for event in events if isinstance(event, Candidate) and event.word == "alexa"]
    assert len(asked) > len(accepted)
    assert all(event.stage1 >= 0.5 for event in asked)


@pytest.mark.parametrize("length", [1_000, 100_000])
def test_cuts_do_not_matter(detector: Detector, room: np.ndarray, length: int) -> None:
    part = room[26 * 16_000 : 32 * 16_000]
    assert run(detector, part, length) == run(detector, part, UNIT)


def test_our_own_word_beside_it_has_its_own_stage_1(detector: Detector, room: np.ndarray) -> None:
    def found(of: Detector) -> list[int]:
        events = run(of, room, UNIT)
        return [e.candidate.decided for e in events if isinstance(e, Verdict) and e.accepted and e.stage2 > 0.9
                and e.candidate.word == "computer"]  # fmt: skip

    assert found(detector) == found(Detector.load("computer"))


def test_the_threshold_is_theirs_and_the_hash_that_of_all_its_files() -> None:
    ours = load_model("alexa")
    model = peers.replace_stage1(ours, ALEXA)
    assert {name: (point.stage1, point.stage2) for name, point in model.points.items()} == {
        name: (0.5, point.stage2) for name, point in ours.points.items()
    }
    assert model.stage1_sha256 == set_digest(
        [sha256((FOLDER / file).read_bytes()) for file in (HEAD.name, MEL, EMBEDDING)]
    )
    assert model.stage2_sha256 == ours.stage2_sha256


def test_its_package_is_not_imported() -> None:
    code = f"""
import sys
from wakeword.pipeline.pipeline import Detector
Detector.load("alexa", stage1={{"alexa": {ALEXA!r}}})
print(sorted({{"openwakeword", "scipy", "sklearn", "tqdm", "requests", "torch"}} & set(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


# --- in the daemon


def test_the_daemon_is_handed_the_whole_path_and_logs_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    word = {"model": "alexa", "stage1_model": f"openwakeword:{HEAD.name}"}
    plan = make_plan(Config.model_validate({"words": [word], "uplink": {"url": "ws://127.0.0.1:9"}}), environment={})
    assert plan.listen.words[0].stage1_model == ALEXA
    assert plan.gate.m1 == peers.replace_stage1(load_model("alexa"), ALEXA).stage1_sha256
    assert plan.gate.s1_min_ppm == 500_000


def test_another_kind_in_the_configuration_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("words:\n  - model: alexa\n    stage1_model: snowboy:/x\n")
    with pytest.raises(ConfigError, match="not a stage 1 of another program: 'snowboy:/x'"):
        load(path, environment={})


# --- what is refused


@pytest.mark.parametrize("spec", ["", "alexa.onnx", "snowboy:alexa.umdl", "openwakeword:"])
def test_what_is_no_specification_is_refused(spec: str) -> None:
    with pytest.raises(ConfigError, match="not a stage 1 of another program"):
        peers.replace_stage1(load_model("alexa"), spec)


def test_a_stage_1_for_a_word_that_nobody_listens_for_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a stage 1 for 'hal', which is not listened for \(words: alexa\)"):
        Detector.load("alexa", stage1={"hal": ALEXA})


@pytest.mark.parametrize(("file", "why"), [
    ("no_such.onnx", "unreadable: No such file"),
    (EMBEDDING, "is no head of openWakeWord"),
    (MEL, "is no head of openWakeWord"),
    ("silero_vad.onnx", "is no head of openWakeWord"),
    ("timer_v0.1.onnx", "tells several things apart"),
])  # fmt: skip
def test_a_file_that_is_no_head_of_one_word_is_refused(file: str, why: str) -> None:
    with pytest.raises(ModelError, match=why):
        Detector.load("alexa", stage1={"alexa": f"openwakeword:{FOLDER}/{file}"})


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "head.onnx").write_bytes(b"not a graph")
    for name in (MEL, EMBEDDING):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    with pytest.raises(ModelError, match="cannot run this model"):
        Detector.load("alexa", stage1={"alexa": f"openwakeword:{tmp_path}/head.onnx"})


def test_a_file_too_large_to_be_one_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "head.onnx").open("wb") as file:
        file.truncate(peers.MAX_FILE_BYTES + 1)
    with pytest.raises(ModelError, match="are no wake-word model"):
        Detector.load("alexa", stage1={"alexa": f"openwakeword:{tmp_path}/head.onnx"})


def test_without_its_features_a_head_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "head.onnx").write_bytes(HEAD.read_bytes())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ModelError, match=f"no {MEL} and {EMBEDDING} beside this head .*pip install --no-deps openwakeword"
    ):
        Detector.load("alexa", stage1={"alexa": f"openwakeword:{tmp_path}/head.onnx"})
