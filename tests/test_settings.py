"""What a process is handed survives its way over a command line, and nothing else is taken for it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from wakeword.settings import (
    GateSettings,
    ListenSettings,
    SessionSettings,
    SourceSettings,
    UplinkSettings,
    WordSettings,
    gate_from_json,
    listen_from_json,
    to_json,
    uplink_from_json,
)

LISTEN = ListenSettings(
    (WordSettings("models/computer", 0.5, 0.25), WordSettings("größe", 0.1, 1.0)),
    SourceSettings("file", "a b.wav", 48_000, 4, 2, paced=False), SessionSettings(1, 2, 3, 4), 7, 8, "muted", 9,
)  # fmt: skip
GATE = GateSettings("evidence", "key", "a" * 64, "b" * 64, 1, 2, 3, 4, s1_min_ppm=123_456, status=None)
UPLINK = UplinkSettings("wss://example", "computer", 1, 2, header={"room": "kitchen"})


@pytest.mark.parametrize(
    ("settings", "read"), [(LISTEN, listen_from_json), (GATE, gate_from_json), (UPLINK, uplink_from_json)]
)
def test_settings_survive_a_command_line(settings: Any, read: Any) -> None:
    line = to_json(settings)
    assert "\n" not in line
    assert read(line) == settings


@pytest.mark.parametrize(
    ("settings", "read"), [(LISTEN, listen_from_json), (GATE, gate_from_json), (UPLINK, uplink_from_json)]
)
def test_a_setting_too_many_or_too_few_is_refused(settings: Any, read: Any) -> None:
    plain = json.loads(to_json(settings))
    needed = next(field.name for field in dataclasses.fields(settings) if field.default is dataclasses.MISSING)
    with pytest.raises(TypeError, match="surplus"):
        read(json.dumps({**plain, "surplus": 1}))
    with pytest.raises((TypeError, KeyError), match=needed):
        read(json.dumps({name: value for name, value in plain.items() if name != needed}))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        GATE.cap_ms = 10**9  # type: ignore[misc]
