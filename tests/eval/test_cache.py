"""The cache: what is filed is found, whatever changes a score changes its name, and no sound is in it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from wakeword import model
from wakeword.errors import ConfigError
from wakeword.eval import cache
from wakeword.eval.cache import Cache, Result, identity, key_of

RESULT = Result("k", b"\0packed", "", 2.5, ("cut off",), "kitchen")


def test_what_is_filed_is_found_again_also_by_the_next_one(tmp_path: Path) -> None:
    first = Cache(tmp_path / "deep" / "eval.sqlite")
    first.put(RESULT)
    first.close()
    second = Cache(tmp_path / "deep" / "eval.sqlite")
    assert (second.get("k"), second.has("k"), second.get("other"), second.has("other")) == (RESULT, True, None, False)
    second.close()


def test_what_could_not_be_done_is_not_filed(tmp_path: Path) -> None:
    kept = Cache(tmp_path / "eval.sqlite")
    kept.put(Result("k", problem="no sound file"))
    assert not kept.has("k")
    kept.close()


def test_a_file_is_read_again_once_it_has_changed(tmp_path: Path) -> None:
    kept, path = Cache(tmp_path / "eval.sqlite"), tmp_path / "a.wav"
    path.write_bytes(b"one")
    assert kept.known_hash(str(path)) is None
    kept.keep_hash(str(path), "hash of one")
    assert kept.known_hash(str(path)) == "hash of one"
    os.utime(path, ns=(1, 1))
    assert kept.known_hash(str(path)) is None
    with pytest.raises(FileNotFoundError):
        kept.known_hash(str(tmp_path / "none.wav"))
    kept.close()


def test_every_part_of_a_model_that_changes_scores_changes_the_key() -> None:
    own = model.load("jarvis")
    others = [replace(own, stage1_sha256="0"), replace(own, stage2_sha256="0"), replace(own, trunk="0"),
              replace(own, peer="openwakeword")]  # fmt: skip
    keys = {key_of("score", [identity([one]), "sound"]) for one in [own, *others]}
    keys |= {key_of("score", [identity([own, own]), "sound"]), key_of("score", [identity([own]), "other sound"])}
    assert len(keys) == len(others) + 3
    moved = replace(own, points={"default": model.Point(0.1, 0.2)})
    assert identity([moved]) == identity([own])  # another threshold finds all that was heard


def test_another_version_of_the_code_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of("score", ["x"])
    assert key_of("score", ["x"]) == before
    monkeypatch.setattr(cache, "version", lambda: "another")
    assert key_of("score", ["x"]) != before


def test_the_code_that_makes_scores_is_all_there() -> None:
    package = Path(cache.wakeword.__file__).parent
    assert [name for name in cache.CODE if not (package / name).exists()] == []


def test_a_place_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ConfigError, match="cannot be used"):
        Cache(tmp_path / "file" / "eval.sqlite")
    (tmp_path / "other.sqlite").write_text("not a database, and longer than a header would be" * 10)
    with pytest.raises(ConfigError, match=r"other\.sqlite: cannot be used"):
        Cache(tmp_path / "other.sqlite")
