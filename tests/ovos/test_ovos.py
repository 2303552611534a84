"""Both plugins, found and made by the real plugin manager of OpenVoiceOS, fed as its listener feeds them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip(
    "ovos_plugin_manager", reason="needs ovos-plugin-manager, in an environment of its own: scripts/neighbours ovos"
)
from ovos_plugin_manager.wakewords import (
    OVOSWakeWordFactory,
    find_wake_word_plugins,
    find_wake_word_verifier_plugins,
    load_wake_word_verifier_plugin,
)

from wakeword.errors import ConfigError
from wakeword.ovos import WakewordEngine, WakewordVerifier
from wakeword.pipeline.pipeline import Detector

ENGINE, VERIFIER = "ovos-ww-plugin-wakeword", "ovos-ww-verifier-wakeword"
CHUNK_BYTES = 4_096  # what the listener hands over
KEPT_BYTES = 15 * CHUNK_BYTES  # what it keeps for a verifier: 1.92 s


def made(name: str, **config: object) -> Any:
    """An engine as the listener makes it."""
    hotword = {"module": ENGINE, **config}
    return OVOSWakeWordFactory.load_module(ENGINE, name, hotword)


def found(engine: Any, sound: np.ndarray) -> list[int]:
    """The chunks after which the engine says that the word was said."""
    octets = sound.astype("<i2").tobytes()
    turns = []
    for turn, at in enumerate(range(0, len(octets), CHUNK_BYTES)):
        engine.update(octets[at : at + CHUNK_BYTES])
        if engine.found_wake_word():
            turns.append(turn)
    return turns


@pytest.fixture(scope="module")
def decided(room: np.ndarray) -> dict[str, list[int]]:
    """Where each word's own detector accepts in the room, in samples."""
    accepted: dict[str, list[int]] = {}
    for word in ("computer", "jarvis", "alexa"):
        events = Detector.load(word).process(room)
        accepted[word] = [event.candidate.decided for event in events if getattr(event, "accepted", False)]
    return accepted


# --- the engine


def test_the_plugin_manager_finds_both() -> None:
    assert find_wake_word_plugins()[ENGINE] is WakewordEngine
    assert find_wake_word_verifier_plugins()[VERIFIER] is WakewordVerifier


@pytest.mark.parametrize(("name", "config"), [
    ("jarvis", {}), ("Jarvis", {"point": "default"}), ("my butler", {"model": "jarvis"}),
])  # fmt: skip
def test_an_engine_says_yes_where_the_pipeline_does(
    room: np.ndarray, decided: dict[str, list[int]], name: str, config: dict[str, str]
) -> None:
    unit, chunk = 1_280, CHUNK_BYTES // 2
    expected = [(-(-at // unit) * unit - 1) // chunk for at in decided["jarvis"]]
    assert found(made(name, **config), room) == expected
    assert len(expected) >= 2


def test_asking_takes_the_answer_away(room: np.ndarray, decided: dict[str, list[int]]) -> None:
    engine = made("jarvis")
    engine.update(room[: decided["jarvis"][0] + 2_000].tobytes())
    assert [engine.found_wake_word(), engine.found_wake_word()] == [True, False]


def test_reset_forgets_what_was_heard(room: np.ndarray, decided: dict[str, list[int]]) -> None:
    engine = made("jarvis")
    engine.update(room[: decided["jarvis"][0] + 2_000].tobytes())
    engine.reset()
    assert engine.found_wake_word() is False


def test_half_a_sample_waits_for_its_other_half(room: np.ndarray, decided: dict[str, list[int]]) -> None:
    engine, octets = made("jarvis"), room[: decided["jarvis"][0] + 2_000].tobytes()
    for at in range(0, len(octets), 4_095):
        engine.update(octets[at : at + 4_095])
    assert engine.found_wake_word() is True


def test_a_word_that_is_not_there_is_refused_with_a_hint() -> None:
    with pytest.raises(Exception, match="no model 'hey_mycroft'"):
        made("hey mycroft")


# --- the verifier


def kept(room: np.ndarray, at: int) -> bytes:
    """What the listener has when an engine says yes at this sample."""
    return room[max(0, at - KEPT_BYTES // 2) : at].astype("<i2").tobytes()


def test_a_verifier_accepts_its_word_and_refuses_all_else(room: np.ndarray, decided: dict[str, list[int]]) -> None:
    verifier = load_wake_word_verifier_plugin(VERIFIER)(config={"word": "jarvis"})
    assert [verifier.verify(kept(room, at)) for at in decided["jarvis"]] == [True] * len(decided["jarvis"])
    assert [verifier.verify(kept(room, at)) for at in decided["computer"] + decided["alexa"]] == [False] * len(
        decided["computer"] + decided["alexa"]
    )


def test_any_of_several_words_will_do(room: np.ndarray, decided: dict[str, list[int]]) -> None:
    verifier = WakewordVerifier({"words": ["jarvis", "computer"]})
    assert verifier.verify(kept(room, decided["jarvis"][0])) is True
    assert verifier.verify(kept(room, decided["computer"][-1])) is True
    assert verifier.verify(kept(room, 5 * 16_000)) is False


@pytest.mark.parametrize("chunk", [b"", b"\0" * 100, b"abc", b"\xff" * 1_000_000, None, "text"])
def test_whatever_it_is_given_nothing_but_the_word_is_accepted(chunk: Any) -> None:
    assert WakewordVerifier({"word": "jarvis"}).verify(chunk) is False


def test_a_model_that_fails_under_way_refuses(
    room: np.ndarray, decided: dict[str, list[int]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from wakeword.pipeline.stage2 import Stage2

    verifier = WakewordVerifier({"word": "jarvis"})

    def broken(self: Stage2, segment: np.ndarray) -> float:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Stage2, "judge", broken)
    with caplog.at_level(logging.ERROR):
        assert verifier.verify(kept(room, decided["jarvis"][0])) is False
    assert "could not be verified and is refused" in caplog.text


@pytest.mark.parametrize("config", [{"word": "hal"}, {"word": "jarvis", "point": "loud"}, {"words": 5}])
def test_a_verifier_that_cannot_load_refuses_instead_of_being_left_out(
    room: np.ndarray, decided: dict[str, list[int]], config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The listener goes on without a verifier that raises when it is made."""
    with caplog.at_level(logging.ERROR):
        verifier = WakewordVerifier(config)
    assert "every wake will be refused" in caplog.text
    assert verifier.verify(kept(room, decided["jarvis"][0])) is False


def test_installed_but_not_configured_it_is_left_out() -> None:
    """The listener makes every verifier that is installed: without a word it must not refuse all others' wakes."""
    for config in (None, {}, {"enabled": True}):
        with pytest.raises(ConfigError, match="no word to verify"):
            WakewordVerifier(config)


def test_a_damaged_model_refuses(tmp_path: Path, room: np.ndarray, decided: dict[str, list[int]]) -> None:
    from wakeword.model import find

    for file in find("jarvis").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "stage2.onnx").write_bytes(b"x")
    assert WakewordVerifier({"word": str(tmp_path)}).verify(kept(room, decided["jarvis"][0])) is False
