"""An evaluation as a whole: what it writes equals what the daemon's pipeline says, and is not done twice."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile

from wakeword import model
from wakeword.errors import ConfigError
from wakeword.eval import run, tables
from wakeword.eval.items import SIMULATE, Surroundings
from wakeword.eval.run import Order, evaluate
from wakeword.eval.sounds import Recording, Told
from wakeword.events import Verdict
from wakeword.model import Point
from wakeword.pipeline.pipeline import Detector
from wakeword.replay import replay
from wakeword.settings import SessionSettings

WORDS = ("computer", "jarvis", "alexa")
TABLES = (tables.CANDIDATES, tables.UTTERANCES, tables.FILES, tables.SWEEP)
Make = Callable[..., Order]


@pytest.fixture
def order(tmp_path: Path, small: Any) -> Order:
    words = tuple(model.load(word) for word in WORDS)
    places = (str(small.positives),), (str(small.negatives),)
    points = tuple(word.points["default"] for word in words)
    return Order(*places, tmp_path / "out", words, points, tmp_path / "eval.sqlite")


def quiet(what: str, done: int, whole: int) -> None:
    """No progress."""


def written(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


def wakes(order: Order, path: str) -> list[tuple[str, str, float]]:
    """What `wakeword replay` says of a recording."""
    detector = Detector(list(order.words), list(order.points))
    events = replay(Recording(path, "").blocks(Told()), detector, order.session)
    return [(path, one.candidate.word, one.candidate.end / 16_000)
            for one in events if isinstance(one, Verdict) and one.accepted]  # fmt: skip


@pytest.mark.parametrize(
    "points", [None, Point(0.2, 0.05), Point(0.9, 0.9), Point(0.2, 0.05, 1, 100), Point(0.2, 0.05, 4, 8_000)]
)
def test_accepted_rows_are_the_daemons_wakes(order: Order, points: Point | None) -> None:
    order = replace(order, points=(points,) * 3) if points else order
    evaluate(order, quiet)
    found = tables.open_run(order.out)
    accepted = [(one.file, one.word, one.time_s) for one in found.candidates() if one.accepted]
    assert accepted == [wake for file in found.files() for wake in wakes(order, file.path)]
    assert len(accepted) >= 3


def test_utterances_and_candidates_name_each_other_one_to_one(order: Order, small: Any) -> None:
    evaluate(order, quiet)
    found = tables.open_run(order.out)
    utterances = {one.utterance: one for one in found.utterances()}
    heard = [one for one in found.candidates() if one.accepted and one.utterance]
    assert len(utterances) == small.clips
    assert Counter(one.utterance for one in heard) == Counter(name for name, one in utterances.items() if one.heard)
    for one in heard:
        utterance = utterances[one.utterance]
        assert (utterance.time_s, utterance.stage1, utterance.stage2) == (one.time_s, one.stage1, one.stage2)
        assert utterance.start_s <= one.time_s <= utterance.end_s + run.TOLERANCE_S
        assert utterance.latency_s is not None
        assert -0.5 < utterance.latency_s < 1.0
    positives = {file.file for file in found.files() if file.kind == "positive"}
    assert {one.file for one in found.utterances()} == positives
    assert all(not one.utterance for one in found.candidates() if one.file not in positives)


def test_groups_speakers_and_hours_come_from_the_manifest_and_the_sound(order: Order, small: Any) -> None:
    evaluate(order, quiet)
    with small.positives.open(newline="") as file:
        manifest = list(csv.DictReader(file))
    found = list(tables.open_run(order.out).utterances())
    assert [(one.speaker, one.groups) for one in found] == [
        (row["speaker"], {"group_how": row["group_how"]}) for row in manifest
    ]
    hours = {Path(one.path).name: one.hours for one in tables.open_run(order.out).files()}
    assert hours["room.flac"] == pytest.approx(40 / 3600, abs=1e-7)


def test_a_second_run_and_other_thresholds_hear_nothing_anew(order: Order) -> None:
    first = evaluate(order, quiet)
    assert first.heard_now == first.files
    before = written(order.out)
    assert evaluate(replace(order, jobs=2), quiet).heard_now == 0
    assert written(order.out) == before
    assert evaluate(replace(order, points=(Point(0.9, 0.9),) * 3), quiet).heard_now == 0
    assert written(order.out) != before
    assert evaluate(replace(order, words=order.words[:2], points=order.points[:2]), quiet).heard_now > 0


def test_a_stopped_run_goes_on_where_it_was(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate(order, quiet)
    whole = written(order.out)
    other = replace(order, cache=order.cache.parent / "other.sqlite")
    seen: list[int] = []

    def stop(what: str, done: int, whole: int) -> None:
        if what == "hearing" and done:
            seen.append(done)
            if len(seen) == 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(other, stop)
    with pytest.raises(ConfigError, match="no evaluation here"):
        tables.open_run(order.out)  # what was there before is not taken for this one's
    again = evaluate(other, quiet)
    assert again.heard_now == again.files - 4
    assert written(order.out) == whole


def test_unreadable_recordings_are_named_and_the_rest_is_done(order: Order, tmp_path: Path, small: Any) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "text.wav").write_text("no sound")
    (tmp_path / "broken.csv").write_text("path\ngone.wav\n")
    places = (str(small.negatives), str(tmp_path / "broken"), str(tmp_path / "broken.csv"))
    outcome = evaluate(replace(order, negatives=places), quiet)
    assert dict(outcome.unread) == {
        str(tmp_path / "broken" / "text.wav"): "not a sound file (no known format)",
        str(tmp_path / "gone.wav"): "no such file or directory",
    }
    found = {one.file: one for one in tables.open_run(order.out).files()}
    assert [(one.read, one.hours) for one in found.values() if one.problem] == [(False, 0.0)] * 2
    assert sum(one.read for one in found.values()) == len(found) - 2


def test_positives_are_heard_in_every_condition_and_negatives_once(order: Order, small: Any, tmp_path: Path) -> None:
    pytest.importorskip("pyroomacoustics", reason="simulated rooms need the extra 'eval'")
    around = Surroundings((str(small.noise),), (str(small.negatives),), (10.0, 0.0), SIMULATE)
    evaluate(replace(order, around=around), quiet)
    files = list(tables.open_run(order.out).files())
    noisy = [f"{kind}-{snr}dB" for kind in ("hiss", "hum", "babble") for snr in (10, 0)]
    expected = ["clean", *noisy, "room", *(f"room+{name}" for name in noisy)]
    count = Counter(file.condition for file in files if file.kind == "positive")
    assert count == dict.fromkeys(expected, small.clips)
    assert {file.condition for file in files if file.kind == "negative"} == {"clean"}
    assert {(file.noise, file.snr_db) for file in files if file.condition == "room+hum-10dB"} == {("hum", 10.0)}
    assert all(bool(file.room) == ("room" in file.condition) for file in files)
    lead = {one.condition: one.start_s for one in tables.open_run(order.out).utterances()}
    assert (lead["clean"], lead["room"], lead["hum-10dB"]) == (0.4, 0.4, 1.4)
    heard = Counter(one.condition for one in tables.open_run(order.out).utterances() if one.heard)
    assert heard["clean"] >= heard["babble-0dB"]


def test_a_word_that_is_said_in_a_negative_counts_neither_way(order: Order, small: Any, tmp_path: Path) -> None:
    room = small.negatives / "room.flac"
    (tmp_path / "talk.csv").write_text(f"path,word,start_s,end_s\n{room},computer,0,40\n")
    evaluate(replace(order, positives=(), negatives=(str(tmp_path / "talk.csv"),)), quiet)
    found = [one for one in tables.open_run(order.out).candidates() if one.accepted]
    assert {(one.word, one.utterance) for one in found} == {("computer", "-"), ("jarvis", ""), ("alexa", "")}


def test_the_run_says_what_it_was_made_of(order: Order) -> None:
    evaluate(replace(order, command=("eval", "--out", "x")), quiet)
    about = json.loads((order.out / "run.json").read_text("utf-8"))
    own = order.words[1]
    assert about["words"]["jarvis"] == {
        "phrase": own.phrase, "model": str(own.folder), "stage1_sha256": own.stage1_sha256,
        "stage2_sha256": own.stage2_sha256, "threshold_stage1": own.points["default"].stage1,
        "threshold_stage2": own.points["default"].stage2, "point": "default",
        "smoothed_steps": 2, "refractory_ms": 1_000,
    }  # fmt: skip
    assert about["command"] == ["eval", "--out", "x"]
    assert about["session"] == {"silence_ms": 900, "patience_ms": 2500, "cap_ms": 15000, "refractory_ms": 1000}


def test_what_cannot_be_ordered_is_named(order: Order, tmp_path: Path, small: Any) -> None:
    with pytest.raises(ConfigError, match="noise and its ratio come together"):
        evaluate(replace(order, around=Surroundings(noise=(str(small.noise),))), quiet)
    with pytest.raises(ConfigError, match="noise and its ratio come together"):
        evaluate(replace(order, around=Surroundings(snr_db=(10.0,))), quiet)
    with pytest.raises(ConfigError, match="a second kind of noise 'hum'"):
        twice = (str(small.noise), str(small.noise / "hum"))
        evaluate(replace(order, around=Surroundings(noise=twice, snr_db=(10.0,))), quiet)
    with pytest.raises(ConfigError, match="neither a folder of room responses"):
        evaluate(replace(order, around=Surroundings(rooms="nowhere")), quiet)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        evaluate(replace(order, out=tmp_path / "file"), quiet)


def test_a_channel_can_be_chosen(order: Order, small: Any, tmp_path: Path) -> None:
    sound, rate = soundfile.read(small.negatives / "room.flac", dtype="int16")
    both = __import__("numpy").stack([sound * 0, sound], axis=1)
    soundfile.write(tmp_path / "both.wav", both, rate)
    found = {}
    for channel in (0, 1):
        evaluate(replace(order, positives=(), negatives=(str(tmp_path / "both.wav"),), channel=channel), quiet)
        found[channel] = sum(one.accepted for one in tables.open_run(order.out).candidates())
    assert found[0] == 0 < found[1]


def test_sessions_of_the_configuration_are_those_of_the_daemon(order: Order) -> None:
    """With a cap of a second and no refractory time more wakes fit into the same talk."""
    short = replace(order, session=SessionSettings(200, 300, 1_000, 0), points=(Point(0.1, 0.01),) * 3)
    evaluate(short, quiet)
    found = tables.open_run(order.out)
    accepted = [(one.file, one.word, one.time_s) for one in found.candidates() if one.accepted]
    assert accepted == [wake for file in found.files() for wake in wakes(short, file.path)]
