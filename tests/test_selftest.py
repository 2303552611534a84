"""The self-test must be able to fail: each of its four answers is made false here."""

from __future__ import annotations

from typing import Any

import pytest
from evidence_room import policy

from wakeword import forbidden, selftest
from wakeword.evidence import note, tree
from wakeword.messages import Audio, Message, Wake
from wakeword.states import TABLE, Gate, State


def test_it_passes_as_it_is() -> None:
    assert selftest.deny(policy())
    assert selftest.known_answers()


@pytest.mark.parametrize(
    "changed", [{"s1_min": 1_000_000, "s2_min": 1_000_000}, {"win_b": 2}, {"lag_ms": 1}, {"hour": 1}]
)
def test_it_passes_under_other_policies(changed: dict[str, int]) -> None:
    assert selftest.deny(policy(**changed))


def lets_everything_pass(gate: Gate, message: Any) -> None:
    gate._outside.upload(message, 0)


@pytest.mark.parametrize(
    ("state", "message", "action"),
    [
        (State.NEW, Wake, Gate._consider),
        (State.CLOSED, Audio, lets_everything_pass),
        (State.CLOSED, Audio, Gate._drop),
        (State.CLOSED, Wake, Gate._drop),
        (State.CLOSED, Wake, lets_everything_pass),
    ],
)
def test_a_hole_in_the_table_is_found(
    monkeypatch: pytest.MonkeyPatch, state: State, message: type[Message], action: Any
) -> None:
    monkeypatch.setitem(TABLE, (state, message), action)
    assert not selftest.deny(policy())


def test_a_check_of_the_scores_left_out_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Gate, "_wrong", lambda *_: "")
    assert not selftest.deny(policy())


@pytest.mark.parametrize(
    ("where", "name", "wrong"),
    [
        (note, "verified", lambda *_: True),
        (note, "verified", lambda *_: False),
        (tree, "node_hash", lambda left, right: left),
    ],
)
def test_wrong_answers_are_found(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, wrong: Any) -> None:
    monkeypatch.setattr(where, name, wrong)
    assert not selftest.known_answers()


SHUT = dict.fromkeys(forbidden.ACTS, 97) | {"log": forbidden.ALLOWED}


@pytest.mark.parametrize(
    ("opened", "missing"),
    [({}, set()), ({"inet": 0}, {"mic", "net"}), ({"unix": 0}, {"mic", "net"}), ({"sound": 0}, {"mic"})],
)
def test_an_open_socket_or_device_is_found(opened: dict[str, int], missing: set[str]) -> None:
    results = selftest.run(policy(), SHUT | opened)
    assert {name for name, good in results.items() if not good} == missing
    assert set(results) == {"deny", "kat", "mic", "net"}
