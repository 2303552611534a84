"""Status lines never hold anybody up."""

from __future__ import annotations

import json
import os

from wakeword.statusline import MOST_BYTES, StatusLines


def test_a_line_is_one_json_object() -> None:
    reader, writer = os.pipe()
    assert StatusLines(writer, "listen").write("wake", word="naïve", stage1=0.5)
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        assert [json.loads(line) for line in lines] == [
            {"from": "listen", "event": "wake", "word": "naïve", "stage1": 0.5}
        ]


def test_a_full_pipe_drops_whole_lines() -> None:
    reader, writer = os.pipe()
    status, written = StatusLines(writer, "gate"), 0
    while status.write("level", at_s=written):
        written += 1
    assert status.write("level", at_s=-1) is False
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        assert [json.loads(line)["at_s"] for line in lines] == list(range(written))


def test_nobody_there_is_no_trouble() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert StatusLines(writer, "gate").write("open", sid=1) is False
    os.close(writer)
    assert StatusLines(None, "gate").write("open", sid=1) is False


def test_a_line_that_could_be_split_is_not_written() -> None:
    reader, writer = os.pipe()
    assert StatusLines(writer, "uplink").write("transcript", text="x" * MOST_BYTES) is False
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        assert lines.read() == b""
