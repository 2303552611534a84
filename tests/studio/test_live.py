"""The live test shows what the daemon decides, and why."""

from __future__ import annotations

import numpy as np
import studio_bed as bed

from wakeword import Detector, Verdict
from wakeword.studio.live import Live
from wakeword.studio.streams import Stream

from .conftest import heard


def test_verdicts_are_those_of_the_daemons_detector(room: np.ndarray) -> None:
    sound = room[: len(room) // 1280 * 1280]
    events = Detector.load("jarvis").process(sound)
    wanted = [
        (round(event.candidate.decided / bed.RATE, 2), round(event.stage2, 4), event.accepted)
        for event in events
        if isinstance(event, Verdict)
    ]
    news = heard(Stream(bed.RATE, Live(Detector.load("jarvis"))), sound)
    assert [(v["at"], v["stage2"], v["accepted"]) for one in news for v in one["verdicts"]] == wanted
    assert [accepted for *_, accepted in wanted].count(True) == 2


def test_both_curves_pass_their_thresholds_where_it_wakes_and_are_absent_in_silence(room: np.ndarray) -> None:
    sound = np.concatenate([bed.hiss(2), bed.word(room), bed.hiss(2)])
    news = heard(Stream(bed.RATE, Live(Detector.load("jarvis"))), sound)
    (verdict,) = [verdict for one in news for verdict in one["verdicts"]]
    assert verdict["accepted"]
    stage1 = {at: score for one in news for at, score in one["stage1"]}
    stage2 = dict(one["stage2"] for one in news if one["stage2"])
    assert max(stage1.values()) == verdict["stage1"]
    assert max(stage2.values()) >= 0.5
    assert min(stage2) >= 1.9  # nobody spoke before
    assert [one["stage2"] for one in news if one["at"] < 1.9] == [[]] * 23
