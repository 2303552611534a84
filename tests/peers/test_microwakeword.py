"""microWakeWord's models as stage 1: its own program's scores, our stage 2 behind them, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from daemon import Daemon, service, verify

from wakeword import peers
from wakeword.config import Config
from wakeword.errors import ModelError
from wakeword.events import Candidate, Event, Verdict, Voice
from wakeword.model import load as load_model
from wakeword.model import set_digest, sha256
from wakeword.peers.microwakeword import SETTLING_UNITS, Networks
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.stage1 import PRE_CONTEXT_UNITS
from wakeword.plan import make_plan

SPEC = importlib.util.find_spec("pymicro_wakeword")
if SPEC is None or not SPEC.submodule_search_locations or importlib.util.find_spec("pymicro_features") is None:
    pytest.skip(
        "no models of microWakeWord: pip install --no-deps pymicro-wakeword==2.5.0 pymicro-features==2.0.2",
        allow_module_level=True,
    )
FOLDER = Path(SPEC.submodule_search_locations[0]) / "models"
MANIFEST, NETWORK = FOLDER / "alexa.json", FOLDER / "alexa.tflite"
ALEXA = f"microwakeword:{MANIFEST}"
UNIT, STEP = 1_280, 640
HISTORY_UNITS = PRE_CONTEXT_UNITS + SETTLING_UNITS


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load("alexa", "computer", stage1={"alexa": ALEXA})


def networks(*files: str) -> Networks:
    """Of models in the package, each before our stage 2 of another word."""
    words = ("alexa", "jarvis", "computer")
    return Networks([
        peers.replace_stage1(load_model(word), f"microwakeword:{FOLDER / file}")
        for word, file in zip(words, files, strict=False)
    ])  # fmt: skip


def said_of(listener: Networks, sound: np.ndarray) -> np.ndarray:
    """Scores, (steps, words)."""
    logits = [listener.push(sound[at : at + UNIT]) for at in range(0, len(sound) - UNIT + 1, UNIT)]
    return 1 / (1 + np.exp(-np.concatenate(logits).astype(np.float64)))


def run(detector: Detector, sound: np.ndarray, length: int) -> list[Event]:
    detector.reset()
    return [event for at in range(0, len(sound), length) for event in detector.process(sound[at : at + length])]


# --- the network


@pytest.mark.parametrize("name", ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"])
def test_scores_are_those_of_its_own_program(name: str, room: np.ndarray) -> None:
    """Of each step of 40 ms, the largest that the program said when it had heard no more than that step."""
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

    sound = room[: len(room) // UNIT * UNIT]
    ours = said_of(networks(f"{name}.json"), sound)[:, 0]
    theirs = np.zeros(len(ours))
    features, program = MicroWakeWordFeatures(), MicroWakeWord.from_builtin(Model(name))
    for number, frame in enumerate(features.process_streaming(sound.tobytes())):
        heard = 480 + 160 * number  # samples: the first frame is one of 30 ms
        step = (heard - 1) // STEP
        score = program.process_streaming_prob(frame)
        assert score is not None
        theirs[step] = max(theirs[step], score)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert ours.max() > (0.98 if name == "alexa" else 0)  # the word is in it


def test_a_reset_and_a_twin_have_heard_nothing(room: np.ndarray) -> None:
    listener = networks("alexa.json")
    sound = room[28 * 16_000 : 30 * 16_000]
    first = said_of(listener, sound)
    again = said_of(listener, sound)
    assert not np.array_equal(again, first)  # it remembers
    twin = listener.twin()
    np.testing.assert_array_equal(said_of(twin, sound), first)
    listener.reset()
    np.testing.assert_array_equal(said_of(listener, sound), first)


def test_two_words_share_the_features_and_nothing_else(room: np.ndarray) -> None:
    both, *each = (networks(*files) for files in (
        ("alexa.json", "hey_jarvis.json"), ("alexa.json",), ("hey_jarvis.json",)))  # fmt: skip
    sound = room[27 * 16_000 : 30 * 16_000]
    np.testing.assert_array_equal(said_of(both, sound), np.hstack([said_of(one, sound) for one in each]))
    models = [peers.replace_stage1(load_model("alexa"), f"microwakeword:{FOLDER / name}.json")
              for name in ("alexa", "okay_nabu")]  # fmt: skip
    assert models[0].trunk == models[1].trunk
    assert models[0].stage1_sha256 != models[1].stage1_sha256


def test_after_its_history_it_says_nearly_what_a_program_says_that_never_stopped(room: np.ndarray) -> None:
    """Begun that much before a moment in "Alexa", said over music. After 2 s the worst of these is 0.04 off."""
    sound = room[: len(room) // UNIT * UNIT]
    always = said_of(networks("alexa.json"), sound)[:, 0]
    late = networks("alexa.json")
    for voice in range(351, 371, 3):  # in units; its strides are of the stream's beginning, so that thirds are alike
        begin, end = (voice - HISTORY_UNITS) // 3 * 3, voice + 25
        late.reset()
        said = said_of(late, sound[begin * UNIT : end * UNIT])[2 * (voice - begin) :, 0]
        np.testing.assert_allclose(said, always[2 * voice : 2 * end], atol=0.01)
    assert always[702:790].max() > 0.98


# --- in the pipeline


def test_its_model_asks_and_our_stage_2_answers(
    detector: Detector, room: np.ndarray, said: list[dict[str, str]]
) -> None:
    events = run(detector, room, 16_000)
    asked = [event for event in events if isinstance(event, Candidate) and event.word == "alexa"]
    (accepted,) = [e.candidate for e in events if isinstance(e, Verdict) and e.accepted and e.candidate.word == "alexa"]
    (line, *_) = [line for line in said if line["word"] == "alexa"]
    assert float(line["start_s"]) < accepted.end / 16_000 < float(line["start_s"]) + 1.5
    assert all(event.stage1 >= 0.9 for event in asked)


@pytest.mark.parametrize("length", [1_000, 100_000])
def test_cuts_do_not_matter(detector: Detector, room: np.ndarray, length: int) -> None:
    part = room[26 * 16_000 : 32 * 16_000]
    assert run(detector, part, length) == run(detector, part, UNIT)


def test_nothing_is_asked_of_the_history_that_only_settles_its_features(room: np.ndarray) -> None:
    """Voice opens 2.2 s after a part of the word: history reaches back over that, further than stage 2 could."""
    hiss = np.random.default_rng(1).normal(0, 2, 5 * 16_000).astype(np.int16)
    part, talk = room[456_000 : 456_000 + 12_480], room[7 * 16_000 : 9 * 16_000]
    events = run(Detector.load("alexa", stage1={"alexa": ALEXA}, floor=True),
                 np.concatenate([hiss, part, hiss[: int(2.2 * 16_000)], talk]), UNIT)  # fmt: skip
    opened = [event.at for event in events if isinstance(event, Voice) and event.speaking]
    assert len(opened) == 2
    assert HISTORY_UNITS * UNIT > opened[1] - (len(hiss) + len(part)) > 14 * UNIT
    decided = [event.decided for event in events if isinstance(event, Candidate)]
    assert decided == sorted(set(decided))
    assert decided[0] < len(hiss) + len(part) + 16_000


def test_the_threshold_is_the_manifests_and_the_hash_that_of_both_files() -> None:
    ours = load_model("alexa")
    model = peers.replace_stage1(ours, ALEXA)
    assert {(point.stage1, point.smoothed_steps) for point in model.points.values()} == {(0.9, 1)}
    assert [point.stage2 for point in model.points.values()] == [point.stage2 for point in ours.points.values()]
    assert model.stage1_sha256 == set_digest([sha256(path.read_bytes()) for path in (MANIFEST, NETWORK)])


def test_its_package_is_not_imported() -> None:
    code = f"""
import sys
from wakeword.pipeline.pipeline import Detector
Detector.load("alexa", stage1={{"alexa": {ALEXA!r}}})
print("pymicro_wakeword" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("False\n", "")


# --- in the daemon


def test_behind_the_walls_it_wakes_and_the_log_names_its_hash(tmp_path: Path, room: np.ndarray) -> None:
    """No writable code, no network, no file but the models: the library is opened once the walls stand."""
    recorded = tmp_path / "recorded.wav"
    soundfile.write(recorded, room[26 * 16_000 : 33 * 16_000], 16_000)
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"words": [{"model": "alexa", "stage1_model": ALEXA}]}))
    with service() as receiver:
        options = ("--config", str(config), "--input", str(recorded), "--fast")
        with Daemon(tmp_path, receiver.url, *options) as daemon:
            assert daemon.to_the_end() == 0, daemon.stderr()
            (woken,) = daemon.of("listen", "wake")
    assert woken["stage1"] >= 0.9
    (session,) = verify(daemon.evidence)["sessions"]
    assert session["bytes"] > 0
    assert len(receiver.sessions) == 1


def test_the_plan_asks_its_threshold_of_the_gate_and_names_its_hash() -> None:
    word = {"model": "alexa", "stage1_model": ALEXA}
    plan = make_plan(Config.model_validate({"words": [word], "uplink": {"url": "ws://127.0.0.1:9"}}), environment={})
    assert plan.gate.m1 == peers.replace_stage1(load_model("alexa"), ALEXA).stage1_sha256
    assert (plan.gate.s1_min_ppm, plan.listen.words[0].smoothed_steps) == (900_000, 1)


# --- what is refused


def changed(**keys: Any) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        for key, value in keys.items():
            (manifest["micro"] if key in manifest["micro"] else manifest)[key] = value

    return change


def lacking(part: str, key: str) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: (manifest[part] if part else manifest).pop(key)


def made(folder: Path, manifest: bytes, network: bytes | None) -> str:
    (folder / "alexa.json").write_bytes(manifest)
    if network is not None:
        (folder / "alexa.tflite").write_bytes(network)
    return f"microwakeword:{folder / 'alexa.json'}"


@pytest.mark.parametrize(("change", "why"), [
    (lacking("", "micro"), "it lacks 'micro'"),
    (lacking("", "model"), "it lacks 'model'"),
    (lacking("micro", "probability_cutoff"), "it lacks 'probability_cutoff'"),
    (changed(version=1), "version: 1, not 2"),
    (changed(model="../alexa.tflite"), "model: '../alexa.tflite' is no name of a file beside it"),
    (changed(model=7), "model: 7 is no name of a file beside it"),
    (changed(model="https://example.org/alexa.tflite"), "is no name of a file beside it"),
    (changed(model="none.tflite"), "none.tflite: unreadable: No such file"),
    (changed(model="alexa.json"), "alexa.json: no model of TensorFlow Lite"),
    (changed(feature_step_size=20), "micro.feature_step_size: 20 ms, not 10"),
    (changed(probability_cutoff=0), "micro.probability_cutoff: 0, not 0.1 to 1"),
    (changed(probability_cutoff=1.5), "micro.probability_cutoff: 1.5, not"),
    (changed(probability_cutoff=float("nan")), "micro.probability_cutoff: nan, not"),
    (changed(probability_cutoff="0.9"), "micro.probability_cutoff: '0.9', not"),
    (changed(sliding_window_size=0), "micro.sliding_window_size: 0, not 1 to 100"),
    (changed(sliding_window_size=2.5), "micro.sliding_window_size: 2.5, not"),
])  # fmt: skip
def test_a_manifest_that_says_something_else_is_refused_by_its_key(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    manifest = json.loads(MANIFEST.read_bytes())
    change(manifest)
    spec = made(tmp_path, json.dumps(manifest).encode(), NETWORK.read_bytes())
    with pytest.raises(ModelError) as raised:
        peers.replace_stage1(load_model("alexa"), spec)
    assert why in str(raised.value)
    assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"TFL3", b"[]", b'"a"', b"\xff{}", b"[" * 100_000])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelError, match="no manifest of microWakeWord"):
        peers.replace_stage1(load_model("alexa"), made(tmp_path, content, None))


def with_shape(network: bytes, *shape: int) -> bytes:
    """Its input's, which stands in it once."""
    before = struct.pack("<4i", 3, 1, 3, 40)
    assert network.count(before) == 1
    return network.replace(before, struct.pack("<4i", 3, *shape))


@pytest.mark.parametrize(("damage", "why"), [
    (lambda network: network[: len(network) // 2], "it is damaged"),
    (lambda network: network[:8] + bytes(200), "cannot run the stage 1 given for 'alexa'"),
    (lambda network: with_shape(network, 1, 3, 41), r"it wants an array of shape \(1, 3, 41\)"),
    (lambda network: with_shape(network, 1, 60, 40), r"it wants an array of shape \(1, 60, 40\)"),
    (lambda network: with_shape(network, 1, 4, 40), "InterpreterAllocateTensors failed"),
])  # fmt: skip
def test_a_network_of_another_kind_is_refused(
    tmp_path: Path, damage: Callable[[bytes], bytes], why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = made(tmp_path, MANIFEST.read_bytes(), damage(NETWORK.read_bytes()))
    with pytest.raises(ModelError, match=why):
        Detector.load("alexa", stage1={"alexa": spec})
    capfd.readouterr()  # the library says more to the terminal


@pytest.mark.parametrize(("missing", "why"), [
    ("pymicro_wakeword", "nothing here runs microWakeWord's models"), ("pymicro_features", "is not installed")
])  # fmt: skip
def test_without_what_runs_it_the_remedy_is_named(missing: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = peers.replace_stage1(load_model("alexa"), ALEXA)  # files and threshold need neither
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModelError, match=rf"{why} .*pip install 'wakeword\[microwakeword\]'"):
        Networks([replace(model)])
