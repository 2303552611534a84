"""`wakeword explain`: its curves are what the daemon decided by, its sentences true, its page closed to the world."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from browser import Chromium

from wakeword.cli import main
from wakeword.eval.clip import outline, spectrogram
from wakeword.eval.explain import Explanation, explain
from wakeword.eval.explain_page import explain_page
from wakeword.eval.occlusion import EDGES_HZ, _istft, _stft, occlude
from wakeword.eval.reasons import compared, reasons
from wakeword.events import RATE_HZ, Verdict
from wakeword.model import Point, load
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES, Stage2
from wakeword.replay import replay
from wakeword.settings import SessionSettings

Int16 = np.ndarray
TRAVIS_S = 14.5  # in the room: a near-miss that stage 1 asks about


def explained(samples: Int16, *words: str, at_s: float | None = None, point: str = "default") -> list[Explanation]:
    detector = Detector.load(*words, point=point)
    blocks = [samples[at : at + 10_000] for at in range(0, len(samples), 10_000)]
    return explain("room.flac", lambda: iter(blocks), detector, at_s)


def verdicts(samples: Int16, *words: str) -> list[Verdict]:
    events = replay([samples], Detector.load(*words), SessionSettings())
    return [event for event in events if isinstance(event, Verdict)]


@pytest.fixture(scope="module")
def room(room: Int16) -> Int16:
    """The room's beginning: a wake of “computer”, the near-miss, a wake of “jarvis”."""
    return room[: 24 * RATE_HZ]


@pytest.fixture(scope="module")
def wake(room: Int16) -> Explanation:
    return explained(room, "jarvis")[0]


@pytest.fixture(scope="module")
def refused(room: Int16) -> Explanation:
    return explained(room, "jarvis", at_s=TRAVIS_S)[0]


# --- what is explained is what the daemon did


def test_what_woke_it_is_explained_with_the_daemons_own_scores(wake: Explanation, room: Int16) -> None:
    own = verdicts(room, "jarvis")
    assert wake.verdict == max(own, key=lambda verdict: (verdict.accepted, verdict.stage2))
    assert wake.verdicts == tuple(own)
    assert (wake.stage1, wake.stage2) == (wake.verdict.candidate.stage1, wake.verdict.stage2)


def test_the_curves_pass_through_every_candidate(wake: Explanation, refused: Explanation) -> None:
    for found in (wake, refused):
        clip, candidate = found.clip, found.verdict.candidate
        (at,) = np.flatnonzero(np.isclose(clip.stage1_s, candidate.end / RATE_HZ))
        assert clip.stage1[at] == candidate.stage1
        (at,) = np.flatnonzero(np.isclose(clip.stage2_s, candidate.decided / RATE_HZ))
        assert clip.stage2[at] == found.verdict.stage2


def test_stage_2s_curve_is_what_it_says_of_the_2_s_before(wake: Explanation, room: Int16) -> None:
    stage2 = Stage2(load("jarvis"))
    for at_s, score in list(zip(wake.clip.stage2_s, wake.clip.stage2, strict=True))[::25]:
        upto = round(at_s * RATE_HZ)
        assert score == stage2.judge(room[upto - SEGMENT_SAMPLES : upto])


def test_the_sound_is_the_recordings(wake: Explanation, room: Int16) -> None:
    start = round(wake.clip.start_s * RATE_HZ)
    assert np.array_equal(wake.clip.samples, room[start : start + len(wake.clip.samples)])


def test_a_moment_can_be_asked_for(room: Int16, refused: Explanation) -> None:
    near = [verdict for verdict in verdicts(room, "jarvis") if abs(verdict.candidate.end / RATE_HZ - TRAVIS_S) < 1]
    assert [refused.verdict] == near
    paused = np.concatenate([room[18 * RATE_HZ : 21 * RATE_HZ], np.zeros(4 * RATE_HZ, np.int16)])
    quiet = explained(paused, "jarvis", at_s=6.0)[0]
    assert (quiet.verdict, quiet.stage1, quiet.decided) == (None, None, 6 * RATE_HZ)
    assert "the voice detector heard nobody speaking then" in reasons(quiet)[0]


@pytest.mark.parametrize("at_s", [0.0, 1e5])
def test_a_moment_outside_the_recording_is_its_nearest_end(room: Int16, at_s: float) -> None:
    found = explained(room[: 3 * RATE_HZ], "jarvis", at_s=at_s)[0]
    assert 0 < found.decided <= 3.4 * RATE_HZ


@pytest.mark.parametrize("length", [0, 1, 700, 20_000])
def test_recordings_shorter_than_a_segment_are_explained(length: int) -> None:
    found = explained(np.zeros(length, np.int16), "alexa")[0]
    assert (found.woke, found.stage1, found.clip.start_s) == (False, None, 0.0)
    assert "too quiet" in reasons(found)[0]
    assert explain_page([found])


# --- sentences


def test_the_first_sentence_is_the_verdict(wake: Explanation, refused: Explanation, room: Int16) -> None:
    at = f"{wake.decided / RATE_HZ:.2f} s"
    assert reasons(wake)[0].startswith(f"Woke at {at}: both stages agreed, stage 1 (")
    assert reasons(refused)[0].startswith("Did not wake: at 14.")
    assert "stage 2 refused (0.0" in reasons(refused)[0]
    never = explained(room[13 * RATE_HZ : 18 * RATE_HZ], "computer")[0]
    assert reasons(never)[0].startswith("Did not wake: stage 1 never asked. Its highest score (")
    assert reasons(never)[1].startswith("Had it been asked then, stage 2 would have said ")


def test_silence_noise_and_rest_are_told_apart(room: Int16) -> None:
    silent = explained(np.zeros(RATE_HZ, np.int16), "jarvis")[0]
    assert "it is too quiet. The loudest 80 ms have -120 dBFS" in reasons(silent)[0]
    assert "heard nobody speaking, so stage 1 never listened" in reasons(replace(silent, loudest_dbfs=-20.0))[0]
    woken = next(verdict for verdict in verdicts(room, "jarvis") if verdict.accepted)
    resting = explained(room, "jarvis", at_s=woken.candidate.decided / RATE_HZ + 1.5)[0]
    assert "a session and its refractory time rested detection" in reasons(resting)[0]


def test_other_points_that_would_have_decided_otherwise_are_named(room: Int16) -> None:
    found = explained(room, "jarvis", at_s=TRAVIS_S)[0]
    lowered = replace(found, points={"none": found.point, "any": Point(0.0, 0.0)})
    assert "With these scores it would have woken at the point 'any'." in reasons(lowered)


def test_scores_are_given_with_the_digits_it_takes() -> None:
    assert compared(0.4, 0.5) == "0.40, needs 0.50"
    assert compared(0.4996, 0.5) == "0.4996, needs 0.5000"


# --- what stage 2 looked at


def test_taking_a_sound_apart_and_together_again_changes_no_sample(room: Int16) -> None:
    segment = room[14 * RATE_HZ : 16 * RATE_HZ]
    assert np.array_equal(_istft(_stft(segment), len(segment)), segment)


def test_the_patch_that_a_judge_listens_to_is_found() -> None:
    """A judge that measures the energy around 1 kHz near 0.6 s is seen to look there and nowhere else."""
    rng = np.random.default_rng(5)
    time = np.arange(SEGMENT_SAMPLES) / RATE_HZ
    burst = np.exp(-(((time - 0.6) / 0.04) ** 2)) * np.sin(2 * np.pi * 1000 * time)
    segment = (burst * 8000 + rng.normal(0, 20, SEGMENT_SAMPLES)).astype(np.int16)
    kernel = np.exp(-2j * np.pi * 1000 * time[8_000:11_200])

    def judge(samples: Int16) -> float:
        level = abs(np.vdot(kernel, samples[8_000:11_200].astype(float))) / 1e6
        return float(np.clip(level / 8, 0.01, 0.99))

    found = occlude(segment, judge)
    row, band = found.strongest(1)
    assert (found.times_s[row], EDGES_HZ[band]) == (pytest.approx(0.6), 850)
    assert found.effect[row, band] > 2
    assert abs(found.effect[np.abs(found.times_s - 0.6) > 0.25]).max() < 0.1
    assert abs(found.effect[:, [0, 1, 4, 5, 6, 7, 8]]).max() < 0.1


def test_without_what_stage_2_looked_at_its_score_is_another(refused: Explanation) -> None:
    row, band = refused.occlusion.strongest(-1)
    assert refused.occlusion.scores[row, band] > 10 * refused.stage2  # "Travis": its first sound told it from "jarvis"
    assert refused.occlusion.times_s[row] + 14.76 - 2 == pytest.approx(14.2, abs=0.15)


# --- pictures


def test_a_tone_stands_in_its_row_of_the_spectrogram_at_its_level() -> None:
    tone = (np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ) * 16384).astype(np.int16)
    picture = spectrogram(tone, 100, 128)
    assert picture.shape == (100, 128)
    assert picture[50].argmax() == 16  # 1000 Hz in rows of 62.5 Hz
    assert picture[50, 16] == pytest.approx(20 * np.log10(0.5), abs=0.1)


def test_the_outline_holds_each_columns_extremes() -> None:
    samples = np.zeros(320, np.int16)
    samples[[3, 200]] = 32767, -32768
    assert np.frombuffer(outline(samples, 100), np.int8).tolist() == [0, 127, -127, 0]


# --- the command and its page


@pytest.fixture
def hostile(tmp_path: Path, room: Int16) -> Path:
    path = tmp_path / "<script>alert(1)<%2Fscript>&\" '$x_1$ 語.wav"
    soundfile.write(path, room[18 * RATE_HZ : 21 * RATE_HZ], RATE_HZ)
    return path


def test_the_command_prints_the_verdict_and_writes_page_and_picture(
    hostile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="pip install matplotlib (the extra `eval`)")
    out = tmp_path / "out"
    assert main(["explain", str(hostile), "--word", "jarvis", "--out", str(out), "--png", "--json"]) == 0
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["word"], line["woke"], line["asked"]) == ("jarvis", True, True)
    assert line["stage1"] >= line["threshold_stage1"]
    assert Path(line["html"]).read_text("utf-8").startswith("<!doctype html>")
    assert Path(line["png"]).read_bytes().startswith(b"\x89PNG")
    assert sorted(map(str, out.iterdir())) == sorted([line["html"], line["png"]])


def test_with_a_configuration_its_words_and_thresholds_are_explained(
    hostile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "wakeword.yaml"
    config.write_text("words: [{model: jarvis, stage1: 0.4, stage2: 1.0}]\n")
    given = ["explain", str(hostile), "--config", str(config), "--out", str(tmp_path), "--json"]
    assert main(given) == 0
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["word"], line["threshold_stage1"], line["threshold_stage2"], line["woke"]) == (
        "jarvis",
        0.4,
        1.0,
        False,
    )
    assert main([*given, "--word", "alexa"]) == 2
    assert "the words are those of the configuration" in capsys.readouterr().err


def test_the_page_runs_asks_for_nothing_and_shows_hostile_names_as_text(
    chromium: Chromium, hostile: Path, tmp_path: Path
) -> None:
    assert main(["explain", str(hostile), "--word", "jarvis", "--out", str(tmp_path)]) == 0
    for width, dark in ((1200, False), (360, True)):
        with chromium.open(tmp_path / f"{hostile.stem}.explain.html", width=width, dark=dark) as opened:
            opened.wait("document.documentElement.dataset.ready === 'yes'")
            assert hostile.name in opened.text("header")
            assert opened.text("h2") == "“jarvis” woke"
            assert opened.run("document.querySelectorAll('.plot canvas').length") == 4
            assert opened.run("document.documentElement.scrollWidth <= innerWidth")
            assert (opened.requests, opened.errors) == ([], [])


def test_the_page_plays_the_sound_and_a_click_in_a_plot_moves_to_it(
    chromium: Chromium, hostile: Path, tmp_path: Path
) -> None:
    main(["explain", str(hostile), "--word", "jarvis", "--out", str(tmp_path)])
    with chromium.open(tmp_path / f"{hostile.stem}.explain.html") as opened:
        opened.wait("document.querySelector('audio').readyState >= 2")
        assert opened.run("document.querySelector('audio').duration") == pytest.approx(3, abs=0.5)
        opened.run("document.querySelector('audio').play()")
        opened.wait("document.querySelector('audio').currentTime > 0.1")
        opened.run("document.querySelector('audio').pause()")
        box = opened.page.locator(".plot .u-over").nth(1).bounding_box()
        opened.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        opened.run("() => { window.audio = document.querySelector('audio') }")
        opened.wait("Math.abs(audio.currentTime - audio.duration / 2) < 0.05")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["missing.wav"], 3, "no such file"),
        ([str(Path(__file__))], 3, "not a sound file"),
        (["ROOM", "--at", "nan"], 2, "no moment of a recording"),
        (["ROOM", "--word", "banana"], 2, "no model 'banana'"),
        (["ROOM", "--word", "jarvis", "--out", "/dev/null/x"], 2, "not a directory"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    short = tmp_path / "short.wav"
    soundfile.write(short, np.zeros(8000), RATE_HZ)
    assert main(["explain", *(str(short) if word == "ROOM" else word for word in words)]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
