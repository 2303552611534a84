"""Consent: one file, and everything that ends it. Doubt means no."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from wakeword.errors import ConfigError
from wakeword.keep import consent
from wakeword.keep.consent import EXPIRED, FORGOTTEN, WRONG_CLOCK, Consent, Shelf, Watch
from wakeword.settings import ConsentSettings

NOW_S = 1_800_000_000
GIVEN = Consent(NOW_S - 100, NOW_S + 100, "ab" * 32, 5)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """With consent given, a key, a clip, and the beginning of another."""
    made = Shelf(tmp_path)
    consent.write(made.consent, GIVEN)
    made.clips.mkdir()
    made.key.write_text("key")
    (made.clips / "00.clip").write_text("sealed")
    (made.clips / "01.part").write_text("sea")
    return made


def names(shelf: Shelf) -> set[str]:
    return {path.name for path in shelf.state.rglob("*")}


def test_what_is_written_is_read(shelf: Shelf) -> None:
    assert consent.read(shelf.consent) == GIVEN
    assert shelf.consent.stat().st_mode & 0o777 == 0o600


def test_standing_consent_changes_nothing(shelf: Shelf) -> None:
    before = names(shelf)
    assert consent.settle(shelf, NOW_S) == GIVEN
    assert names(shelf) == before


def test_at_its_very_end_everything_is_deleted_but_the_word_that_it_has_expired(shelf: Shelf) -> None:
    assert consent.settle(shelf, NOW_S + 100) is None
    assert names(shelf) == {"collect.json"}
    assert consent.read(shelf.consent) == replace(GIVEN, ended=EXPIRED)


def test_what_lies_there_without_consent_is_deleted(shelf: Shelf) -> None:
    shelf.consent.unlink()
    assert consent.settle(shelf, NOW_S) is None
    assert names(shelf) == set()


@pytest.mark.parametrize("text", [
    "", "{}", "[]", "null", '{"format": 2}', json.dumps({"format": 1, "given_s": 1}),
    json.dumps({"format": 1, "given_s": 1, "until_s": "x", "public_key": "ab" * 32}),
    json.dumps({"format": 1, "given_s": 1, "until_s": 2**60, "public_key": "ab" * 32}),
    json.dumps({"format": 1, "given_s": 1, "until_s": 2, "public_key": "ab"}),
    json.dumps({"format": 1, "given_s": 1, "until_s": 2, "public_key": "ab" * 32, "ended": "no"}),
    json.dumps({"format": 1, "given_s": 1, "until_s": 2, "public_key": "ab" * 32, "more": 1}),
])  # fmt: skip
def test_a_file_that_is_not_understood_is_no_consent(shelf: Shelf, text: str) -> None:
    shelf.consent.write_text(text)
    with pytest.raises(ConfigError, match="not a consent"):
        consent.read(shelf.consent)
    assert consent.settle(shelf, NOW_S) is None
    assert names(shelf) == {"collect.json"}


def test_a_word_that_has_been_said_is_not_said_twice(shelf: Shelf) -> None:
    consent.end(shelf, GIVEN, FORGOTTEN)
    assert consent.settle(shelf, NOW_S + 1_000) is None
    told = consent.read(shelf.consent)
    assert told
    assert told.ended == FORGOTTEN


def watch(shelf: Shelf, given_s: float, until_s: float) -> Watch:
    stamp = consent.stamp(shelf.consent)
    return Watch(ConsentSettings(str(shelf.consent), stamp, int(given_s), int(until_s)))


def test_the_file_unchanged_and_a_clock_inside_its_time_is_consent(shelf: Shelf) -> None:
    now_s = time.time()
    assert watch(shelf, now_s - 5, now_s + 1_000).over() == ""


@pytest.mark.parametrize("change", ["removed", "replaced", "written over"])
def test_a_file_that_changed_is_none(shelf: Shelf, change: str) -> None:
    now_s = time.time()
    watched = watch(shelf, now_s - 5, now_s + 1_000)
    if change == "removed":
        shelf.consent.unlink()
    elif change == "replaced":
        consent.write(shelf.consent, GIVEN)
    else:
        shelf.consent.write_text(shelf.consent.read_text() + " ")
    assert watched.over() == FORGOTTEN


def test_no_file_from_the_beginning_is_none(shelf: Shelf) -> None:
    now_s = time.time()
    shelf.consent.unlink()
    assert Watch(ConsentSettings(str(shelf.consent), "1:2:3", 0, int(now_s + 100))).over() == FORGOTTEN


def test_either_clock_can_end_it_and_neither_prolong_it(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock may be set: forwards it ends at once, backwards it ends once as much time has really passed."""
    now_s = time.time()
    watched = watch(shelf, now_s - 5, now_s + 1_000)
    boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    monkeypatch.setattr(time, "time", lambda: now_s + 1_001)
    assert watched.over() == EXPIRED
    monkeypatch.setattr(time, "time", lambda: now_s - 1)
    assert watched.over() == ""
    monkeypatch.setattr(time, "time", lambda: now_s - 1_000_000)
    assert watched.over() == WRONG_CLOCK
    monkeypatch.setattr(time, "clock_gettime", lambda _: boot_s + 1_001)
    assert watched.over() == EXPIRED
