"""A tuned point's file changes what the daemon decides: its thresholds, its refractory time, its smoothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import yaml
from daemon import Daemon, Line, Service

from wakeword import model
from wakeword.events import RATE_HZ, Verdict
from wakeword.pipeline.pipeline import Detector
from wakeword.replay import replay
from wakeword.settings import SessionSettings

LOUD = Path(__file__).parent.parent / "models" / "loud"
SENTENCES = slice(14 * RATE_HZ, 20 * RATE_HZ)  # two, each loud enough to wake
SESSION = {"silence_ms": 200, "patience_ms": 300, "cap_ms": 3_000, "refractory_ms": 0}
ATTEMPTS = 5
Int16 = npt.NDArray[np.int16]


def point(folder: Path, **chosen: Any) -> Path:
    """What `wakeword tune --write` leaves for this word."""
    loaded = model.load(LOUD)
    hashes = {"stage1_sha256": loaded.stage1_sha256, "stage2_sha256": loaded.stage2_sha256}
    path = folder / "tuned.yaml"
    words = {"loud": {"stage1": 0.5, "stage2": 0.5, **hashes, **chosen}}
    path.write_text(yaml.safe_dump({"format": 1, "words": words}))
    return path


@pytest.fixture
def recorded(tmp_path: Path, room: Int16) -> Path:
    path = tmp_path / "recorded.wav"
    soundfile.write(path, room[SENTENCES], RATE_HZ)
    return path


def decided(folder: Path, url: str, recorded: Path, tuned: Path) -> list[tuple[float, bool]]:
    """Each verdict of the daemon: where the word ends, and whether it was accepted.

    On a busy machine the gate may end a session early, or listen give up a wake, which both say: then once more.
    """
    words = [{"model": str(LOUD), "point": str(tuned)}]
    settings = {"words": words, "session": SESSION, "policy": {"lag_ms": 2_000, "sessions_per_hour": 60}}
    for attempt in range(ATTEMPTS):
        own = folder / str(attempt)
        own.mkdir()
        (own / "wakeword.yaml").write_text(yaml.safe_dump(settings))
        options = ["--config", str(own / "wakeword.yaml"), "--input", str(recorded), "--fast"]
        with Daemon(own, url, *options) as daemon:
            assert daemon.to_the_end() == 0, daemon.stderr()
        early = [line for line in daemon.of("gate", "close") if line["why"] != "end"]
        if not (early or daemon.of("listen", "late") or daemon.of("gate", "denied")):
            break
    verdicts: list[Line] = [line for line in daemon.lines if line["event"] in ("wake", "reject")]
    return [(line["end_s"], line["accepted"]) for line in verdicts]


def replayed(recorded: Path, tuned: Path) -> list[tuple[float, bool]]:
    """The same of the pipeline alone, as `wakeword replay` and `eval` have it."""
    sound = soundfile.read(recorded, dtype="int16")[0]
    detector = Detector.load(LOUD, point=str(tuned))
    events = replay([sound], detector, SessionSettings(**SESSION))
    verdicts = [event for event in events if isinstance(event, Verdict)]
    return [(round(one.candidate.end / RATE_HZ, 3), one.accepted) for one in verdicts]


@pytest.mark.parametrize("chosen", [
    {}, {"refractory_ms": 2_000}, {"smoothed_steps": 6}, {"smoothed_steps": 1, "refractory_ms": 500}, {"stage2": 0.99},
], ids=["as before", "refractory", "smoothed", "both", "threshold"])  # fmt: skip
def test_the_daemon_decides_as_the_point_says(
    tmp_path: Path, recorded: Path, receiver: Service, chosen: dict[str, Any]
) -> None:
    tuned = point(tmp_path, **chosen)
    expected = replayed(recorded, tuned)
    assert decided(tmp_path, receiver.url, recorded, tuned) == expected
    usual = replayed(recorded, point(tmp_path))
    assert sum(accepted for _, accepted in usual) == 2
    assert (expected == usual) == (chosen == {})


def test_a_refractory_time_longer_than_a_session_is_refused(tmp_path: Path, recorded: Path, receiver: Service) -> None:
    config = tmp_path / "wakeword.yaml"
    words = [{"model": str(LOUD), "point": str(point(tmp_path, refractory_ms=4_000))}]
    config.write_text(yaml.safe_dump({"words": words, "session": SESSION}))
    with Daemon(tmp_path, receiver.url, "--config", str(config), "--input", str(recorded)) as daemon:
        assert daemon.to_the_end() == 2
        assert "refractory_ms longer than session.cap_ms 3000" in daemon.stderr()
