"""What a report counts, how it is spelt, and that nothing else is taken for one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeword.daily.report import COUNTS, MOST, MOST_NOISY, PARTS, ReportError, clipped, parse, scale, share
from wakeword.notices import Stats

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "fleet.md").read_text("utf-8")
NUMBERS = st.integers(-MOST_NOISY, MOST_NOISY)


@given(day=st.integers(0, 2**32 - 1), epsilon=st.integers(1, 1_000_000), counts=st.tuples(*[NUMBERS] * 4))
def test_what_a_speaker_sends_is_what_the_maker_reads(
    day: int, epsilon: int, counts: tuple[int, int, int, int]
) -> None:
    wakes, candidates, rejected, cancelled = counts
    report = parse(Stats(day, wakes, candidates, rejected, cancelled, epsilon, 77).body())
    assert (report.day, report.epsilon, report.counts) == (day, epsilon, counts)


@pytest.mark.parametrize(
    "line",
    [
        "", "[]", "7", "null", "x" * 401, "[" * 300, '{"v":1}',
        '{"cancel":0,"cand":0,"day":1,"eps":1000,"rej":0,"v":2,"wakes":0}',
        '{"cancel":0,"cand":0,"day":-1,"eps":1000,"rej":0,"v":1,"wakes":0}',
        '{"cancel":0,"cand":0,"day":1,"eps":0,"rej":0,"v":1,"wakes":0}',
        '{"cancel":0,"cand":0,"day":1,"eps":1000,"rej":0,"v":1,"wakes":2147483648}',
        '{"cancel":0,"cand":0,"day":1,"eps":1000,"rej":0,"v":1,"wakes":1.5}',
        '{"cancel":0,"cand":0,"day":1,"eps":1000,"rej":0,"v":1,"wakes":true}',
        '{"cancel":0,"cand":0,"day":1,"eps":1000,"rej":0,"v":1,"wakes":NaN}',
        '{"cancel":0,"cand":0,"day":1,"eps":1000,"rej":0,"v":1,"wakes":0,"who":7}',
    ],
)  # fmt: skip
def test_anything_else_is_no_report(line: str) -> None:
    with pytest.raises(ReportError):
        parse(line)


def test_counts_are_cut_off_at_both_ends() -> None:
    assert clipped({"wakes": 31, "cand": -1, "cancel": 4}) == {"wakes": 30, "cand": 0, "rej": 0, "cancel": 4}


def test_the_parts_add_up_to_the_whole() -> None:
    assert sum(share(name, 700) for name in COUNTS) == pytest.approx(0.7)
    assert set(PARTS) == set(MOST)


def test_the_document_has_the_same_numbers() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| (\d+) \| 1/(\d) \| (\d+) \|$", DOCUMENT, re.MULTILINE)
    assert [(name, int(most), 1 / int(part), int(noise)) for name, most, part, noise in rows] == [
        (name, MOST[name], share(name, 1_000), round(scale(name, 1_000))) for name in COUNTS
    ]
