"""Which recordings there are: folders and manifests, what is left out and said so, and mistakes named by their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from wakeword.errors import ConfigError
from wakeword.eval.corpus import Entry, Said, condition_parts, read

WORDS = ["computer", "ok_garden"]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_nearest_folder_that_is_named_after_a_word_names_it(tmp_path: Path) -> None:
    touch(tmp_path / "computer" / "far" / "a.wav", tmp_path / "OK Garden" / "computer" / "b.FLAC")
    found = read([str(tmp_path)], [], WORDS)
    assert [(Path(entry.path).name, entry.said) for entry in found.entries] == [
        ("b.FLAC", [Said("computer")]),
        ("a.wav", [Said("computer")]),
    ]


@pytest.mark.parametrize("name", ["ok_garden", "OK Garden", "ok-garden"])
def test_a_word_may_be_spelt_as_folders_spell_it(tmp_path: Path, name: str) -> None:
    touch(tmp_path / name / "a.wav")
    for place in (tmp_path, tmp_path / name):
        (entry,) = read([str(place)], [], WORDS).entries
        assert entry == Entry(str(tmp_path / name / "a.wav"), "positive", [Said("ok_garden")])


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    touch(tmp_path / "computer" / "a.wav", tmp_path / "other" / "b.wav", tmp_path / "computer" / "notes.txt")
    found = read([str(tmp_path)], [], WORDS)
    assert len(found.entries) == 1
    assert found.notes == [f"{tmp_path}: 1 recordings lie in no folder named after a word that is evaluated; left out"]


def test_a_manifest_has_a_line_an_utterance(tmp_path: Path) -> None:
    table = tmp_path / "said.csv"
    table.write_text(
        "\ufeffpath,word,start_s,end_s,speaker,condition,group_age\n"
        "a.wav,Computer,0.5,1.25,ann,,child\na.wav,ok garden,2,3,ann,,child\n"
        "b.wav,computer,,,bob,room+hum-10dB,\nc.wav,alexa,,,,,\n",
        "utf-8",
    )
    found = read([str(table)], [], WORDS)
    first, second = found.entries
    assert first == Entry(
        str(tmp_path / "a.wav"), "positive", [Said("computer", 0.5, 1.25), Said("ok_garden", 2.0, 3.0)], "clean",
        "ann", {"group_age": "child"},
    )  # fmt: skip
    assert (second.said, second.condition) == ([Said("computer")], "room+hum-10dB")
    assert found.notes == [f"{table}: 1 utterances of words that are not evaluated; left out"]


def test_negatives_are_folders_recordings_and_manifests_and_may_hold_the_word(tmp_path: Path) -> None:
    touch(tmp_path / "talk" / "a.wav", tmp_path / "b.wav")
    table = tmp_path / "more.csv"
    table.write_text("path,word,start_s,end_s,group_source\nc.wav,computer,140.6,146.9,game\nd.wav,alexa,1,2,\n")
    found = read([], [str(tmp_path / "talk"), str(tmp_path / "b.wav"), str(table)], WORDS)
    assert [Path(entry.path).name for entry in found.entries] == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert {entry.kind for entry in found.entries} == {"negative"}
    assert [entry.said for entry in found.entries] == [[], [], [Said("computer", 140.6, 146.9)], []]
    assert found.entries[2].groups == {"group_source": "game"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("word\ncomputer\n", r"said\.csv:1: no column path"),
        ("path\na.wav\n", r"said\.csv:1: no column word"),
        ("path,word\n,computer\n", r"said\.csv:2: no path"),
        ("path,word\na.wav,\n", r"said\.csv:2: no word"),
        ("path,word,start_s,end_s\na.wav,computer,1,\n", r"said\.csv:2: start_s and end_s come together"),
        ("path,word,start_s,end_s\na.wav,computer,1,1\n", r"said\.csv:2: no place in a recording"),
        ("path,word,start_s,end_s\na.wav,computer,1,nan\n", r"said\.csv:2: no place in a recording"),
        ("path,word,start_s,end_s\na.wav,computer,0,soon\n", r"said\.csv:2: not a number of seconds"),
        ("path,word,start_s,end_s\na.wav,,0,1\n", r"said\.csv:2: a place without a word"),
        ("path,word\n", "no recordings in this manifest"),
    ],
)
def test_a_mistake_in_a_manifest_is_named_by_its_line(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "said.csv").write_text(text)
    with pytest.raises(ConfigError, match=what):
        read([str(tmp_path / "said.csv")], [], WORDS)


def test_places_that_hold_nothing_are_named(tmp_path: Path) -> None:
    touch(tmp_path / "other" / "a.wav")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no folder here is named after a word"):
        read([str(tmp_path / "other")], [], WORDS)
    with pytest.raises(ConfigError, match="no recordings in this folder"):
        read([], [str(tmp_path / "empty")], WORDS)
    with pytest.raises(ConfigError, match="neither a folder nor a manifest"):
        read([str(tmp_path / "nowhere")], [], WORDS)
    with pytest.raises(ConfigError, match="unreadable"):
        read([str(tmp_path / "nowhere.csv")], [], WORDS)
    with pytest.raises(ConfigError, match="no recordings"):
        read([], [], WORDS)


def test_a_recording_is_not_both_positive_and_negative(tmp_path: Path) -> None:
    touch(tmp_path / "computer" / "a.wav")
    with pytest.raises(ConfigError, match="named more than once: positive and negative"):
        read([str(tmp_path)], [str(tmp_path)], WORDS)
    with pytest.raises(ConfigError, match="twice negative"):
        read([], [str(tmp_path), str(tmp_path)], WORDS)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("clean", ("", None)),
        ("room", ("", None)),
        ("household-10dB", ("household", 10.0)),
        ("room+far-off-babble--2.5dB", ("far-off-babble", -2.5)),
    ],
)
def test_a_conditions_name_says_kind_and_ratio(name: str, parts: tuple[str, float | None]) -> None:
    assert condition_parts(name) == parts
