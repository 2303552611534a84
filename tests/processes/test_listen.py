"""listen as a process: a recording where the microphone would be, this test where the gate would be."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from wakeword.events import RATE_HZ, Verdict
from wakeword.messages import (
    LISTEN_TO_GATE,
    Answer,
    Audio,
    End,
    FrameReader,
    Hello,
    Message,
    Reason,
    State,
    Tick,
    Wake,
    write_message,
)
from wakeword.model import load
from wakeword.notices import Walls
from wakeword.pipeline.pipeline import Detector
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES
from wakeword.replay import replay
from wakeword.settings import ListenSettings, SessionSettings, SourceSettings, WordSettings, to_json

HANG_S = 60  # a test that hangs fails after this
LOUD = Path(__file__).parent.parent / "models" / "loud"
ROOM = Path(__file__).parent.parent.parent / "wakeword" / "data" / "room.flac"
SENTENCE = (7.0, 12.0)  # "Computer, what time is it?" and the quiet after it
SESSION = SessionSettings(silence_ms=400, patience_ms=400, cap_ms=4_000, refractory_ms=500)
Int16 = npt.NDArray[np.int16]
Kind = TypeVar("Kind", bound=Message)


def room(start_s: float, end_s: float, gain: float = 1.0) -> Int16:
    samples, _ = soundfile.read(ROOM, dtype="int16", start=int(start_s * RATE_HZ), stop=int(end_s * RATE_HZ))
    return np.asarray(np.rint(samples * gain), np.int16)


class Gate:
    """The ends of listen's pipes that a gate has, and the supervisor's end of its status pipe."""

    def __init__(
        self, source: SourceSettings, *, session: SessionSettings = SESSION, mute_file: str = "", stdin: int = -1
    ) -> None:
        self.from_listen, to_gate = os.pipe()
        from_gate, self.to_listen = os.pipe()
        self._status, status = os.pipe()
        words = (WordSettings(str(LOUD), 0.5, 0.5),)
        settings = ListenSettings(words, source, session, to_gate, from_gate, mute_file, status=status)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wakeword.listen", to_json(settings)],
            pass_fds=(to_gate, from_gate, status),
            stdin=subprocess.DEVNULL if stdin < 0 else stdin,
            stderr=subprocess.PIPE,
        )
        for descriptor in (to_gate, from_gate, status):
            os.close(descriptor)
        self._reader = FrameReader(LISTEN_TO_GATE)
        self.messages: list[Message] = []

    def hear(self) -> bool:
        """Take in what listen says next; False at the end of its pipe."""
        assert select.select([self.from_listen], [], [], HANG_S)[0], "listen says nothing"
        received = os.read(self.from_listen, 65_536)
        self.messages += self._reader.push(received)
        return bool(received)

    def until(self, kind: type[Kind]) -> Kind:
        """Hear on until a message of this kind has come."""
        while not (found := self.of(kind)):
            assert self.hear(), f"listen ended without {kind.__name__}"
        return found[0]

    def to_the_end(self) -> int:
        """Hear everything; the exit code."""
        while self.hear():
            pass
        assert self._reader.between_frames
        return self.process.wait(HANG_S)

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [message for message in self.messages if isinstance(message, kind)]

    def answer(self, answer: Answer, reason: Reason, wake_id: int) -> None:
        write_message(self.to_listen, State(answer, reason, wake_id))

    def status(self) -> list[dict[str, object]]:
        """All status lines; only once the process has ended."""
        with os.fdopen(os.dup(self._status), "rb") as lines:
            return [json.loads(line) for line in lines]

    def close(self) -> str:
        """End what still runs; what it wrote to stderr."""
        self.process.kill()
        _, said = self.process.communicate()
        for descriptor in (self.from_listen, self.to_listen, self._status):
            os.close(descriptor)
        return str(said, "utf-8")


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Listen]:
    starter = Listen(tmp_path)
    yield starter
    said = [gate.close() for gate in starter.gates]
    assert "Traceback" not in "".join(said)


class Listen:
    """Starts listen processes, and ends them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.gates: list[Gate] = []

    def to(
        self, samples: Int16, *, paced: bool = False, session: SessionSettings = SESSION, mute_file: str = ""
    ) -> Gate:
        path = self._folder / f"{len(self.gates)}.wav"
        soundfile.write(path, samples, RATE_HZ)
        gate = Gate(SourceSettings("file", str(path), paced=paced), session=session, mute_file=mute_file)
        self.gates.append(gate)
        return gate

    def to_stdin(self, stdin: int, **form: int) -> Gate:
        gate = Gate(SourceSettings("stdin", **form, paced=False), stdin=stdin)  # type: ignore[arg-type]  # form is of ints
        self.gates.append(gate)
        return gate


def pcm(messages: list[Audio]) -> Int16:
    return np.frombuffer(b"".join(message.pcm for message in messages), "<i2")


def test_one_wake_carries_the_very_samples_and_all_that_follow_without_a_hole(listen: Listen) -> None:
    heard = room(*SENTENCE)
    gate = listen.to(heard)
    assert gate.to_the_end() == 0
    model = load(LOUD)
    hello = Hello(bytes.fromhex(model.stage1_sha256), bytes.fromhex(model.stage2_sha256))
    assert gate.messages[0] == hello
    assert len(gate.of(Hello)) == 1
    (wake,), (end,), audio = gate.of(Wake), gate.of(End), gate.of(Audio)
    window = np.frombuffer(wake.window, "<i2")
    assert len(window) == SEGMENT_SAMPLES
    assert np.array_equal(window, heard[wake.next_sample - SEGMENT_SAMPLES : wake.next_sample])
    assert [message.start for message in audio] == list(
        np.cumsum([wake.next_sample, *(len(message.pcm) // 2 for message in audio[:-1])])
    )
    sent = pcm(audio)
    assert len(sent) > RATE_HZ // 2
    assert np.array_equal(sent, heard[wake.next_sample : wake.next_sample + len(sent)])
    assert end.wake_id == wake.wake_id
    assert gate.messages.index(wake) < gate.messages.index(audio[0])
    assert gate.messages.index(audio[-1]) < gate.messages.index(end)
    assert (wake.m1, wake.m2) == (hello.m1, hello.m2)
    assert wake.lag_ms < 400
    assert 500_000 <= wake.stage1_ppm <= 1_000_000
    assert 500_000 <= wake.stage2_ppm <= 1_000_000


def test_what_stage_2_refuses_leaves_no_sound(listen: Listen) -> None:
    gate = listen.to(room(*SENTENCE, gain=0.1))
    assert gate.to_the_end() == 0
    assert {type(message) for message in gate.messages} == {Hello, Walls, Tick}
    ticks = gate.of(Tick)
    assert sum(tick.frames for tick in ticks) == 500
    assert sum(tick.candidates for tick in ticks) == sum(tick.rejected for tick in ticks) > 0
    refused = [line for line in gate.status() if line["event"] == "reject"]
    assert len(refused) == sum(tick.rejected for tick in ticks)


def test_its_decisions_are_those_of_replay(listen: Listen) -> None:
    heard = room(0, 16)
    gate = listen.to(heard)
    assert gate.to_the_end() == 0
    expected = [event for event in replay([heard], Detector.load(LOUD), SESSION) if isinstance(event, Verdict)]
    told = [line for line in gate.status() if line["event"] in ("wake", "reject")]
    assert [(line["end_s"], line["stage1"], line["stage2"], line["accepted"]) for line in told] == [
        (
            round(verdict.candidate.end / RATE_HZ, 3),
            round(verdict.candidate.stage1, 4),
            round(verdict.stage2, 4),
            verdict.accepted,
        )
        for verdict in expected
    ]
    assert len(gate.of(Wake)) == sum(verdict.accepted for verdict in expected) >= 2


def test_a_word_at_the_very_end_of_a_recording_still_wakes(listen: Listen) -> None:
    decided = listen.to(room(*SENTENCE))
    decided.to_the_end()
    short = decided.of(Wake)[0].next_sample - 700  # the decision falls into the silence that fills up the last unit
    gate = listen.to(room(*SENTENCE)[:short])
    assert gate.to_the_end() == 0
    assert [type(message) for message in gate.messages if not isinstance(message, Tick)] == [Hello, Walls, Wake, End]


def test_the_cap_ends_a_session_to_the_sample(listen: Listen) -> None:
    gate = listen.to(room(*SENTENCE), session=replace(SESSION, cap_ms=333))
    assert gate.to_the_end() == 0
    assert len(gate.of(Audio)) > 0
    first = gate.messages[gate.messages.index(gate.of(Wake)[0]) : gate.messages.index(gate.of(End)[0])]
    assert len(pcm([message for message in first if isinstance(message, Audio)])) == 333 * 16


def test_a_denied_session_ends_at_once_and_a_later_word_may_ask_again(listen: Listen) -> None:
    gate = listen.to(np.tile(room(*SENTENCE), 2))
    first = gate.until(Wake)
    gate.answer(Answer.DENIED, Reason.QUOTA, first.wake_id)
    gate.until(End)
    assert len(pcm(gate.of(Audio))) < RATE_HZ // 2
    assert gate.to_the_end() == 0
    wakes, ends = gate.of(Wake), gate.of(End)
    assert len(wakes) >= 2
    assert [end.wake_id for end in ends] == [wake.wake_id for wake in wakes]
    assert sorted({wake.wake_id for wake in wakes}) == [wake.wake_id for wake in wakes]


def test_a_grant_and_news_of_a_session_long_over_change_nothing(listen: Listen) -> None:
    gate = listen.to(room(*SENTENCE))
    wake = gate.until(Wake)
    gate.answer(Answer.GRANTED, Reason.NONE, wake.wake_id)
    gate.answer(Answer.CLOSED, Reason.STOP, wake.wake_id - 1)
    assert gate.to_the_end() == 0
    assert len(pcm(gate.of(Audio))) > RATE_HZ // 2


def test_sigterm_ends_the_session_and_the_process_in_order(listen: Listen) -> None:
    gate = listen.to(room(*SENTENCE), paced=True)
    wake = gate.until(Wake)
    gate.process.send_signal(signal.SIGTERM)
    assert gate.to_the_end() == 0
    assert gate.of(End) == [End(wake.wake_id)]
    assert gate.status()[-1]["event"] == "ended"


def test_muted_it_hears_nothing_and_says_so_and_goes_on_after(listen: Listen, tmp_path: Path) -> None:
    switch = tmp_path / "muted"
    switch.touch()
    gate = listen.to(room(*SENTENCE), mute_file=str(switch))
    while len(gate.of(Tick)) < 2:
        gate.hear()
    assert [tick.frames for tick in gate.of(Tick)] == [0, 0]
    switch.unlink()
    gate.until(Wake)
    switch.touch()
    ended = gate.until(End)
    assert ended.wake_id == gate.of(Wake)[0].wake_id
    gate.process.send_signal(signal.SIGTERM)
    assert gate.to_the_end() == 0
    states = [line["on"] for line in gate.status() if line["event"] == "mute"]
    assert states == [True, False, True]


def test_nothing_from_before_a_mute_is_in_a_window_after_it(listen: Listen, tmp_path: Path) -> None:
    switch = tmp_path / "muted"
    heard = np.concatenate([room(0, 1.5, gain=0.05), room(*SENTENCE)])  # too soft to wake, loud enough to be found
    gate = listen.to(heard, mute_file=str(switch), paced=True)
    while sum(tick.frames for tick in gate.of(Tick)) < 60:
        gate.hear()
    switch.touch()
    while not any(tick.frames == 0 for tick in gate.of(Tick)):
        gate.hear()
    switch.unlink()
    window = np.frombuffer(gate.until(Wake).window, "<i2")
    silent = np.flatnonzero(window)[0]
    assert silent > 0
    found = [
        at for at in range(len(heard) - 500) if np.array_equal(heard[at : at + 500], window[silent : silent + 500])
    ]
    assert len(found) == 1
    assert found[0] >= 60 * 160


def test_it_ends_when_the_gate_has(listen: Listen) -> None:
    gate = listen.to(room(*SENTENCE), paced=True)
    gate.until(Hello)
    os.close(gate.from_listen)
    assert gate.process.wait(HANG_S) == 1
    gate.from_listen = os.open(os.devnull, os.O_RDONLY)
    assert gate.status()[-1] == {"from": "listen", "event": "fault", "what": "the gate has ended"}


def test_standard_input_of_another_form_is_heard(listen: Listen) -> None:
    reader, writer = os.pipe()
    gate = listen.to_stdin(reader, rate_hz=48_000, channels=2)
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(np.repeat(room(*SENTENCE, gain=0.9), 6).tobytes())
    assert gate.to_the_end() == 0
    assert len(gate.of(Wake)) == 1


def test_it_has_no_network_and_loads_nothing_it_does_not_need(listen: Listen) -> None:
    reader, writer = os.pipe()
    gate = listen.to_stdin(reader)
    os.close(reader)
    os.write(writer, room(0, 0.5).tobytes())
    while not gate.of(Tick):
        gate.hear()
    pid = gate.process.pid
    assert re.search(r"^Seccomp:\t2$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    try:
        mapped = Path(f"/proc/{pid}/maps").read_text()
    except PermissionError:
        assert os.geteuid() != 0  # behind its wall nobody but root may look into it; test_loads.py asks it itself
        mapped = "onnxruntime"
    assert "onnxruntime" in mapped
    for library in ("/scipy/", "numba", "librosa", "pydantic", "_soundfile", "libsndfile", "portaudio"):
        assert library not in mapped
    os.close(writer)
    assert gate.to_the_end() == 0


def test_it_ends_when_told_though_its_input_is_silent(listen: Listen) -> None:
    reader, writer = os.pipe()
    gate = listen.to_stdin(reader)
    os.close(reader)
    gate.until(Tick)
    gate.process.send_signal(signal.SIGTERM)
    assert gate.to_the_end() == 0
    os.close(writer)


@pytest.mark.parametrize("given", [[], ["{}"], ["nonsense"], ['{"words": 5}']])
def test_wrong_settings_are_refused_without_a_traceback(given: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "wakeword.listen", *given], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("wakeword.listen: not settings for this process:")
    assert ended.stderr.count("\n") == 1


def test_a_recording_that_cannot_be_read_ends_it_with_3(listen: Listen, tmp_path: Path) -> None:
    gate = Gate(SourceSettings("file", str(tmp_path / "none.wav")))
    listen.gates.append(gate)
    assert gate.to_the_end() == 3
    assert str(gate.status()[-1]["what"]).endswith("none.wav: no such file or directory")
