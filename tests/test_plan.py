"""From a checked configuration to what each process is handed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from wakeword.config import BYTES_PER_MS, Config, Session, Source, Uplink, Word
from wakeword.errors import ConfigError, ModelError
from wakeword.messages import MAX_WINDOW_BYTES
from wakeword.model import load, set_digest
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES
from wakeword.places import places, prepare
from wakeword.plan import make_plan
from wakeword.settings import (
    SessionSettings,
    SourceSettings,
    gate_from_json,
    listen_from_json,
    to_json,
    uplink_from_json,
)

LOUD = str(Path(__file__).parent / "models" / "loud")
URL = "ws://127.0.0.1:9"


def config(**given: object) -> Config:
    return Config.model_validate({"words": [{"model": LOUD}], "uplink": {"url": URL}, **given})


def test_the_three_settings_agree_with_each_other_and_the_configuration() -> None:
    plan = make_plan(config(session={"cap_ms": 9_000}), environment={"XDG_STATE_HOME": "/state"})
    model = load(LOUD)
    assert (plan.gate.m1, plan.gate.m2) == (model.stage1_sha256, model.stage2_sha256)
    assert (plan.gate.s1_min_ppm, plan.gate.s2_min_ppm) == (500_000, 500_000)
    assert plan.listen.words[0].model == LOUD
    assert plan.listen.session == SessionSettings(cap_ms=9_000)
    assert plan.listen.mute_file == plan.gate.mute_file == "/state/wakeword/muted"
    assert (plan.gate.directory, plan.gate.device_key) == ("/state/wakeword/evidence", "/state/wakeword/device.key")
    assert (plan.uplink.url, plan.uplink.word) == (URL, "loud")


def test_the_gate_lets_a_session_reach_its_cap_and_little_more() -> None:
    plan = make_plan(config(session={"cap_ms": 9_000}), environment={})
    assert plan.gate.cap_bytes >= 2 * SEGMENT_SAMPLES + 9_000 * BYTES_PER_MS
    assert plan.gate.cap_bytes == plan.gate.window_bytes + 9_000 * BYTES_PER_MS
    assert plan.gate.cap_ms == 10_000


def test_the_greatest_configuration_stays_within_what_any_verifier_allows() -> None:
    given = config(session={"cap_ms": 58_000}, policy={"window_bytes": MAX_WINDOW_BYTES})
    gate = make_plan(given, environment={}).gate
    assert gate.cap_bytes <= 2_000_000
    assert gate.cap_ms <= 60_000


def test_settings_survive_the_command_line() -> None:
    plan = make_plan(config(), SourceSettings("file", "/x.wav", channel=1, paced=False), environment={})
    assert listen_from_json(to_json(plan.listen)) == plan.listen
    assert gate_from_json(to_json(plan.gate)) == plan.gate
    assert uplink_from_json(to_json(plan.uplink)) == plan.uplink


def test_a_words_own_thresholds_go_before_its_point_and_the_least_is_the_policy() -> None:
    words = [Word(model=LOUD, stage1=0.25), Word(model=LOUD + "/.", stage2=0.75)]
    plan = make_plan(config(words=words), environment={})
    assert [(word.threshold_stage1, word.threshold_stage2) for word in plan.listen.words] == [(0.25, 0.5), (0.5, 0.75)]
    assert (plan.gate.s1_min_ppm, plan.gate.s2_min_ppm) == (250_000, 500_000)
    assert plan.gate.m1 == set_digest([load(LOUD).stage1_sha256] * 2)


def test_a_tuned_point_is_the_daemons_and_the_gates(tmp_path: Path) -> None:
    loaded, path = load(LOUD), tmp_path / "tuned.yaml"
    hashes = {"stage1_sha256": loaded.stage1_sha256, "stage2_sha256": loaded.stage2_sha256}
    path.write_text(yaml.safe_dump({"format": 1, "words": {loaded.word: {"stage1": 0.3, "stage2": 0.62, **hashes}}}))
    plan = make_plan(config(words=[Word(model=LOUD, point=str(path))]), environment={})
    assert (plan.listen.words[0].threshold_stage1, plan.listen.words[0].threshold_stage2) == (0.3, 0.62)
    assert (plan.gate.s1_min_ppm, plan.gate.s2_min_ppm) == (300_000, 620_000)


def test_session_settings_are_the_sessions_keys() -> None:
    assert {field.name for field in fields(SessionSettings)} == set(Session.model_fields)
    assert Session().model_dump() == {field.name: field.default for field in fields(SessionSettings)}


def test_the_device_is_handed_on() -> None:
    source = Source(device="usb", rate_hz=48_000, channels=4, channel=2)
    plan = make_plan(config(source=source), environment={})
    assert plan.listen.source == SourceSettings("device", "usb", 48_000, 4, 2, paced=True)


def test_no_service_is_an_error_that_says_how_to_try_one() -> None:
    with pytest.raises(ConfigError, match=r"no service to send to is configured.*`wakeword service`") as caught:
        make_plan(config(uplink=Uplink()), environment={})
    assert caught.value.exit_code == 2


def test_a_word_that_does_not_exist_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="no model 'xyzzy'"):
        make_plan(config(words=[Word(model="xyzzy")]), environment={})


def test_two_configurations_have_two_hashes_in_the_evidence() -> None:
    one, two = (make_plan(config(session={"silence_ms": ms}), environment={}) for ms in (500, 501))
    assert one.gate.config_sha256 != two.gate.config_sha256
    assert one.gate.config_sha256 == make_plan(config(session={"silence_ms": 500}), environment={}).gate.config_sha256


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/wakeword", "HOME": "/root"}, "/var/lib/wakeword"),
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"),
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/wakeword"),
        ({"HOME": "/h"}, "/h/.local/state/wakeword"),
    ],
)
def test_where_things_are_kept(environment: dict[str, str], folder: str) -> None:
    where = places(Config(), environment)
    assert (str(where.evidence), str(where.device_key), str(where.mute_file)) == (
        f"{folder}/evidence",
        f"{folder}/device.key",
        f"{folder}/muted",
    )


def test_configured_places_are_absolute_and_know_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/h")
    given = Config.model_validate({"evidence": {"directory": "~/log", "device_key": "key"}, "mute_file": "/run/muted"})
    where = places(given, {})
    assert (where.evidence, where.device_key, where.mute_file) == (
        Path("/h/log"),
        Path("key").absolute(),
        Path("/run/muted"),
    )


def test_the_first_start_makes_the_folder_and_a_later_one_never(tmp_path: Path) -> None:
    where = places(Config.model_validate({"evidence": {"directory": str(tmp_path / "a" / "evidence")}}), {})
    prepare(where)
    assert where.evidence.stat().st_mode & 0o777 == 0o700
    where.device_key.touch()
    prepare(where)
    where.evidence.rmdir()
    with pytest.raises(ConfigError, match="the evidence is gone, but its device key is there"):
        prepare(where)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    where = places(Config.model_validate({"evidence": {"directory": str(tmp_path / "file" / "evidence")}}), {})
    with pytest.raises(ConfigError, match="file/evidence: not a directory"):
        prepare(where)
