"""Frames to a gate that reads slowly, late, or never."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from wakeword import togate
from wakeword.messages import LISTEN_TO_GATE, Answer, Audio, End, FrameReader, Message, Reason, State, Tick, encode
from wakeword.togate import MOST_WAITING_BYTES, GateLostError, ToGate

PIECE = bytes(range(256)) * 16  # 4096 bytes


class Pipes:
    """Both pipes, and the gate's ends of them."""

    def __init__(self) -> None:
        self.at_gate, to_gate = os.pipe()
        from_gate, self.from_here = os.pipe()
        self.ends = [self.at_gate, to_gate, from_gate, self.from_here]
        self.to_gate = ToGate(to_gate, from_gate)
        self._reader = FrameReader(LISTEN_TO_GATE)

    def read_all(self) -> list[Message]:
        """What the pipe holds and what still waits for it."""
        os.set_blocking(self.at_gate, False)
        messages: list[Message] = []
        emptied = False
        while not emptied:
            emptied = self.to_gate.flush(0.0)
            with contextlib.suppress(BlockingIOError):
                messages += self._reader.push(os.read(self.at_gate, 1 << 20))
        assert self._reader.between_frames
        return messages

    def close(self, end: int) -> None:
        os.close(end)
        self.ends.remove(end)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    made = Pipes()
    yield made
    for end in made.ends:
        os.close(end)


def fill(pipes: Pipes) -> int:
    """Send audio until there is no room for more; how much was taken."""
    sent = 0
    while pipes.to_gate.send(Audio(sent * 2048, PIECE)):
        sent += 1
    return sent


def test_what_is_sent_arrives_whole_and_in_order(pipes: Pipes) -> None:
    sent: list[Message] = [Tick(1, 2, 3), Audio(0, PIECE), Audio(2048, b"ab"), End(7)]
    assert all(pipes.to_gate.send(message) for message in sent)
    assert pipes.read_all() == sent


def test_a_gate_that_does_not_read_costs_bounded_memory_and_no_time(pipes: Pipes) -> None:
    sent = fill(pipes)
    assert sent * len(PIECE) >= MOST_WAITING_BYTES - 8_192
    assert sent * len(PIECE) <= MOST_WAITING_BYTES + 65_536
    assert pipes.to_gate.flush(0.0) is False
    assert [message.start for message in pipes.read_all() if isinstance(message, Audio)] == [
        n * 2048 for n in range(sent)
    ]


def test_when_audio_is_dropped_what_was_begun_and_all_else_still_arrives(pipes: Pipes) -> None:
    sent = fill(pipes)
    pipes.to_gate.send(Tick(100, 0, 0))
    pipes.to_gate.drop_audio()
    pipes.to_gate.send(End(7))
    *audio, tick, end = pipes.read_all()
    assert (tick, end) == (Tick(100, 0, 0), End(7))
    assert 0 < len(audio) < sent
    assert audio == [Audio(n * 2048, PIECE) for n in range(len(audio))]
    assert pipes.to_gate.send(Audio(0, PIECE))


def test_a_gate_that_never_reads_again_is_lost(pipes: Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(pipes)
    monkeypatch.setattr(togate, "DEAF_S", -1.0)
    with pytest.raises(GateLostError, match="the gate has read nothing for -1 s"):
        pipes.to_gate.send(Tick(0, 0, 0))


def test_a_pause_before_the_pipe_fills_is_not_deafness(pipes: Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    pipes.to_gate._moved -= 2 * togate.DEAF_S  # nothing was sent for so long
    assert fill(pipes) > 0


def test_a_gate_that_has_ended_is_lost(pipes: Pipes) -> None:
    pipes.close(pipes.at_gate)
    with pytest.raises(GateLostError, match="the gate has ended") as caught:
        pipes.to_gate.send(Tick(0, 0, 0))
    assert caught.value.exit_code == 1


def test_answers_are_taken_without_waiting(pipes: Pipes) -> None:
    assert pipes.to_gate.answers() == []
    said = [State(Answer.GRANTED, Reason.NONE, 5), State(Answer.CLOSED, Reason.STOP, 5)]
    os.write(pipes.from_here, b"".join(encode(state) for state in said) + encode(said[0])[:7])
    assert pipes.to_gate.answers() == said
    os.write(pipes.from_here, encode(said[0])[7:])
    assert pipes.to_gate.answers(1.0) == [said[0]]


def test_an_answer_that_is_none_and_the_end_of_answers_mean_a_lost_gate(pipes: Pipes) -> None:
    os.write(pipes.from_here, encode(Tick(0, 0, 0)))
    with pytest.raises(GateLostError, match="the gate's answer is not understood: type 0x02"):
        pipes.to_gate.answers()
    pipes.close(pipes.from_here)
    with pytest.raises(GateLostError, match="the gate has ended"):
        pipes.to_gate.answers()
