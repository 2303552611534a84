"""Status lines become counts; nonsense becomes nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from wakeword.status.exposition import exposition
from wakeword.status.figures import MOST_NAMES, Figures, Line

DAY: list[Line] = [
    {"from": "listen", "event": "listening", "source": "mic"},
    {"from": "listen", "event": "level", "at_s": 60.0, "dbfs": -42.0, "speaking": False, "scores": {}},
    {"from": "listen", "event": "candidate", "word": "jarvis"},
    {"from": "listen", "event": "reject", "word": "jarvis", "lag_ms": 4},
    {"from": "listen", "event": "candidate", "word": "jarvis"},
    {"from": "listen", "event": "wake", "word": "jarvis", "lag_ms": 60},
    {"from": "gate", "event": "open", "sid": 7},
    {"from": "gate", "event": "close", "sid": 7, "bytes": 96_000, "ms": 3_000, "why": "end"},
    {"from": "uplink", "event": "sent", "bytes": 96_000, "sid": 7},
    {"from": "gate", "event": "denied", "why": "quota"},
    {"from": "listen", "event": "hold", "on": True},
]


def after(lines: list[Line]) -> Figures:
    figures = Figures()
    for line in lines:
        figures.take(line)
    return figures


def samples(figures: Figures) -> dict[tuple[str, tuple[str, ...]], float]:
    """What a scraper makes of it."""
    families = text_string_to_metric_families(exposition(figures).decode())
    return {(each.name, tuple(each.labels.values())): each.value for family in families for each in family.samples}


def test_a_day_is_counted_and_a_scraper_reads_it() -> None:
    found = samples(after(DAY))
    assert found["wakeword_candidates_total", ("jarvis",)] == 2
    assert found["wakeword_rejected_total", ("jarvis",)] == 1
    assert found["wakeword_wakes_total", ("jarvis",)] == 1
    assert found["wakeword_sessions_total", ("end",)] == 1
    assert found["wakeword_denied_total", ("quota",)] == 1
    assert found["wakeword_passed_bytes_total", ()] == found["wakeword_sent_bytes_total", ()] == 96_000
    assert found["wakeword_heard_seconds_total", ()] == 60.0
    assert found["wakeword_held", ()] == found["wakeword_well", ()] == 1
    assert found["wakeword_level_dbfs", ()] == -42.0
    assert found["wakeword_decision_lag_seconds_bucket", ("0.05",)] == 0
    assert found["wakeword_decision_lag_seconds_bucket", ("0.1",)] == 1
    assert found["wakeword_session_seconds_sum", ()] == 3.0


def test_how_it_stands_follows_faults_mutes_and_ends() -> None:
    figures = after(DAY[:2])
    assert figures.state()["well"] is True
    figures.take({"from": "listen", "event": "fault", "what": "gone", "code": "unplugged", "begins": True})
    assert (figures.state()["well"], figures.state()["fault"]) == (False, "gone")
    figures.take({"from": "listen", "event": "warning", "what": "again", "code": "unplugged", "begins": False})
    assert figures.state()["well"] is True
    figures.take({"from": "listen", "event": "mute", "on": True})
    assert figures.state()["muted"] is True
    figures.take({"from": "run", "event": "ended", "process": "listen", "code": 3})
    assert figures.state()["listening"] is False


def test_another_life_goes_on_counting_what_is_heard() -> None:
    assert after([*DAY, DAY[0], {"from": "listen", "event": "level", "at_s": 5.0, "dbfs": -50.0}]).heard_s == 65.0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9), st.lists, max_leaves=3
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"from": st.sampled_from(["listen", "gate", "uplink", "run", "x"])},
            optional={
                "event": st.sampled_from(
                    sorted({str(line["event"]) for line in DAY} | {"fault", "warning", "ended", "_"})
                ),
                **dict.fromkeys(
                    ("at_s", "dbfs", "lag_ms", "sid", "bytes", "ms", "why", "word", "on", "what", "code"), JSON
                ),
            },
        ),
        max_size=20,
    )
)
def test_no_line_breaks_it_and_none_makes_it_grow_without_end(lines: list[Line]) -> None:
    figures = after(lines)
    json.dumps(figures.state())
    assert len(figures.counts) <= MOST_NAMES
    assert samples(figures)


def test_names_are_bounded() -> None:
    figures = after([{"from": "listen", "event": "wake", "word": f"word {number}"} for number in range(1_000)])
    assert len(figures.counts) == MOST_NAMES


@pytest.mark.parametrize(
    "line", [{}, {"from": "listen"}, {"from": "_number", "event": ""}, {"from": "", "event": "count"}]
)
def test_a_line_of_nobody_counts_nothing(line: Line) -> None:
    assert not after([line]).counts
