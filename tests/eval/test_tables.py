"""Tables: what is written is read again; what is not whole or not ours is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wakeword.errors import ConfigError
from wakeword.eval import tables
from wakeword.eval.tables import Alternative, Candidate, File, Table, Utterance

FILE = File("a.wav#hum-10dB", "a.wav", "positive", 0.25, "hum-10dB", "hum", 10.0, "kitchen", "ann", "cut off", True,
            {"group_age": "9"})  # fmt: skip
UTTERANCE = Utterance("a.wav:1", "a.wav", "ok, garden", 0.5, 1.25, True, True, 1.2, 0.75, 0.5, 0.08)
MISSED = Utterance("a.wav:2", "a.wav", 'say "ok"', 2.0, 3.0, False, False)
CANDIDATE = Candidate("a.wav", "jarvis", 1.2, 0.123457, 0.5, True, "a.wav:1")
ALTERNATIVE = Alternative("a.wav", "jarvis", 1.2, 1.28, 0.6, 0.5, 0.0, 0.600000001, 4.2, tables.IGNORED)


@pytest.mark.parametrize("row", [FILE, UTTERANCE, MISSED, CANDIDATE, ALTERNATIVE], ids=lambda row: type(row).__name__)
def test_what_is_written_is_read_again(tmp_path: Path, row: tables.Row) -> None:
    table = Table(tmp_path, type(row), ["group_age"] if isinstance(row, File) else [])
    table.write(row)
    table.close()
    assert list(tables.read(tmp_path / tables.KINDS[type(row)], type(row))) == [row]


def test_the_columns_of_candidates_are_those_that_other_tools_rely_on(tmp_path: Path) -> None:
    table = Table(tmp_path, Candidate)
    table.write(CANDIDATE)
    table.close()
    header, line = (tmp_path / "candidates.csv").read_text().splitlines()
    assert header == "file,word,time_s,stage1,stage2,accepted,utterance"
    assert line == "a.wav,jarvis,1.200,0.123457,0.500000,true,a.wav:1"


def test_a_table_is_not_there_until_it_is_whole(tmp_path: Path) -> None:
    table = Table(tmp_path, Candidate)
    table.write(CANDIDATE)
    assert not (tmp_path / "candidates.csv").exists()
    table.close()
    assert (tmp_path / "candidates.csv").exists()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "no evaluation here"),
        ("{", "unreadable"),
        ("[]", "not a run"),
        ('{"format": 99}', "not a run of format 1"),
    ],
)
def test_a_folder_that_is_no_finished_run_is_refused(tmp_path: Path, text: str | None, what: str) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(ConfigError, match=what):
        tables.open_run(tmp_path)


@pytest.mark.parametrize("line", ["a.wav,jarvis,soon,0.5,0.5,true,", "a.wav,jarvis,1,0.5,0.5,perhaps,", "a.wav"])
def test_a_damaged_row_is_refused_with_its_file(tmp_path: Path, line: str) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 1}))
    (tmp_path / "candidates.csv").write_text("file,word,time_s,stage1,stage2,accepted,utterance\n" + line + "\n")
    with pytest.raises(ConfigError, match=r"candidates\.csv: not a table of this version"):
        list(tables.open_run(tmp_path).candidates())


def test_groups_are_columns_of_their_own(tmp_path: Path) -> None:
    other = File("b.wav", "b.wav", "negative", 1.0, groups={"group_source": "news"})
    assert tables.group_names([FILE, other]) == ["group_age", "group_source"]
