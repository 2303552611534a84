"""The service as a process, the reference library's own client at the other end."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import numpy as np
import pytest
import soxr
from wyoming.client import AsyncClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.wake import Detection, NotDetected
from wyoming_bed import HANG_S, Service, accepted, answers, client, detected, heard, run, say

from wakeword.model import load
from wakeword.wyoming.wire import MAX_DATA_BYTES, MAX_LINE_BYTES, MAX_PAYLOAD_BYTES

Sentences = dict[str, np.ndarray]
WORDS = ("computer", "jarvis", "alexa")


# --- what it says of itself


def test_info_names_every_word_as_a_model_of_the_one_program(service: Service) -> None:
    async def asked() -> Info:
        async with AsyncClient.from_uri(service.uri) as connected:
            await connected.write_event(Describe().event())
            event = await connected.read_event()
            assert event
            return Info.from_event(event)

    (program,) = run(asked()).wake
    assert program.installed
    assert [(model.name, model.phrase, model.languages) for model in program.models] == [
        ("alexa", "alexa", ["en"]), ("computer", "computer", ["en"]), ("jarvis", "jarvis", ["en"])
    ]  # fmt: skip
    assert all(model.installed and model.description and model.attribution.name for model in program.models)


def test_a_ping_is_answered_with_its_text(service: Service) -> None:
    async def asked() -> Pong:
        async with AsyncClient.from_uri(service.uri) as connected:
            await connected.write_event(Ping(text="17").event())
            event = await connected.read_event()
            assert event
            return Pong.from_event(event)

    assert run(asked()) == Pong(text="17")


# --- detection


@pytest.mark.parametrize("word", WORDS)
def test_a_word_said_is_a_detection_with_both_scores_its_end_and_the_models(
    service: Service, sentence: Sentences, word: str
) -> None:
    events = run(heard(service.uri, sentence[word], [word]))
    (found,) = [Detection.from_event(event) for event in events if Detection.is_type(event.type)]
    (verdict,) = accepted(sentence[word], word)
    model = load(word)
    assert found.name == word
    assert found.context == {"wakeword": {
        "word": word,
        "stage1": pytest.approx(verdict.candidate.stage1, abs=1e-3), "stage2": pytest.approx(verdict.stage2, abs=1e-3),
        "start_ms": verdict.candidate.start // 16, "end_ms": verdict.candidate.end // 16,
        "stage1_sha256": model.stage1_sha256, "stage2_sha256": model.stage2_sha256,
    }}  # fmt: skip
    decided_ms = verdict.candidate.decided / 16
    assert found.timestamp is not None
    # the chunk of 64 ms that completes the unit of 80 ms, or the next unit: the first voice is known a unit late
    assert decided_ms - 144 <= found.timestamp <= decided_ms + 80


def test_without_the_word_the_answer_is_not_detected_once(service: Service, sentence: Sentences) -> None:
    events = run(heard(service.uri, sentence["computer"], ["alexa"]))
    assert [event.type for event in events] == ["not-detected"]


def test_words_that_were_not_asked_for_are_not_heard(service: Service, sentence: Sentences) -> None:
    both = np.concatenate([sentence["jarvis"], sentence["computer"]])
    assert detected(run(heard(service.uri, both, ["computer"]))) == ["computer"]
    assert detected(run(heard(service.uri, both, None))) == ["jarvis", "computer"]
    assert detected(run(heard(service.uri, both, []))) == ["jarvis", "computer"]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("Computer", "Computer"), (" computer ", " computer "), ("computer_v0.1", "computer_v0.1")],
)
def test_names_of_neighbours_are_understood_and_given_back(
    service: Service, sentence: Sentences, asked: str, answered: str
) -> None:
    assert detected(run(heard(service.uri, sentence["computer"], [asked]))) == [answered]


def test_an_unknown_name_is_an_error_and_no_other_word_is_put_in_its_place(
    service: Service, sentence: Sentences
) -> None:
    events = run(heard(service.uri, sentence["computer"], ["hey_jarvis"]))
    assert [event.type for event in events] == ["error", "not-detected"]
    assert events[0].data["code"] == "unknown-word"
    assert events[0].data["text"] == "no word 'hey_jarvis' here (there is alexa, computer, jarvis)"


def test_a_new_detect_begins_anew(service: Service, sentence: Sentences) -> None:
    """As a satellite does after each conversation, on the same connection, without audio-start."""

    async def twice() -> list[Event]:
        async with client(service.uri, ["jarvis"]) as connected:
            await say(connected, sentence["jarvis"][:24_000], start=False)
            first = await answers(connected)
            await connected.write_event(Event("detect", {"names": ["computer"]}))
            await say(connected, sentence["computer"], start=False)
            await connected.write_event(Ping().event())
            return first + await answers(connected)

    events = run(twice())
    assert [event.type for event in events] == ["not-detected", "detection", "pong"]
    assert detected(events) == ["computer"]


def test_a_second_stream_of_a_connection_hears_nothing_of_the_first(service: Service, sentence: Sentences) -> None:
    (verdict,) = accepted(sentence["computer"], "computer")
    middle, end = verdict.candidate.end - 4_800, verdict.candidate.decided + 4_000  # 300 ms before the word's end

    async def halves() -> list[Event]:
        async with client(service.uri, ["computer"]) as connected:
            for half in (sentence["computer"][:middle], sentence["computer"][middle:end]):
                await say(connected, half)
            return await answers(connected) + await answers(connected)

    assert [event.type for event in run(halves())] == ["not-detected", "not-detected"]


def test_the_clients_context_comes_back_beside_ours(service: Service, sentence: Sentences) -> None:
    async def asked() -> list[Event]:
        async with client(service.uri, ["computer"], room="kitchen") as connected:
            await say(connected, sentence["computer"])
            found = await connected.read_event()
            await say(connected, np.zeros(16_000, np.int16))
            return [event for event in (found, await connected.read_event()) if event]

    detection, nothing = run(asked())
    context = Detection.from_event(detection).context
    assert context is not None
    assert (context["room"], context["wakeword"]["word"]) == ("kitchen", "computer")
    assert NotDetected.from_event(nothing).context == {"room": "kitchen"}


def test_times_are_on_the_clients_clock(service: Service, sentence: Sentences) -> None:
    plain, late = (run(heard(service.uri, sentence["computer"], ["computer"], clock=clock)) for clock in (0, 90_000))
    first, second = (Detection.from_event(events[0]) for events in (plain, late))
    assert first.context and second.context
    assert first.timestamp is not None
    assert second.timestamp == first.timestamp + 90_000
    assert second.context["wakeword"]["end_ms"] == first.context["wakeword"]["end_ms"] + 90_000


def test_the_last_word_of_a_stream_is_decided_at_its_end(service: Service, sentence: Sentences) -> None:
    """The trigger waits for a peak: here nothing follows the word but `audio-stop`."""
    sound = sentence["computer"]
    (verdict,) = accepted(sound, "computer")
    upto = sound[: verdict.candidate.decided - 1_000]
    assert accepted(upto, "computer") == []
    assert detected(run(heard(service.uri, upto, ["computer"]))) == ["computer"]


# --- any chunk, any rate


@pytest.mark.parametrize("samples", [1, 37, 160, 480, 1_280, 16_000, 500_000])
def test_the_size_of_chunks_does_not_matter(service: Service, sentence: Sentences, samples: int) -> None:
    (verdict,) = accepted(sentence["computer"], "computer")
    end = verdict.candidate.decided
    sound = sentence["computer"][end - 28_000 : end + 4_000] if samples == 1 else sentence["computer"]
    expected = run(heard(service.uri, sound, samples=1_024))
    found = run(heard(service.uri, sound, samples=samples))
    assert [event.data.get("context") for event in found] == [event.data.get("context") for event in expected]
    assert detected(found) == ["computer"]


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("shape", ["mono", "stereo", "32 bits"])
def test_rates_widths_and_channels_are_converted(service: Service, sentence: Sentences, rate: int, shape: str) -> None:
    sound = soxr.resample(sentence["computer"], 16_000, rate)
    if shape == "stereo":
        sound = np.stack([sound, sound // 2], axis=1)
    if shape == "32 bits":
        sound = sound.astype(np.int32) * 65_536
    assert detected(run(heard(service.uri, sound, ["computer"], rate=rate))) == ["computer"]


def test_a_form_that_changes_within_a_stream_is_followed(service: Service, sentence: Sentences) -> None:
    sound, half = sentence["computer"], 20_000

    async def mixed() -> list[Event]:
        async with client(service.uri, ["computer"]) as connected:
            for part, rate in ((sound[:half], 16_000), (soxr.resample(sound[half:], 16_000, 48_000), 48_000)):
                for at in range(0, len(part), 1_000):
                    shape = {"rate": rate, "width": 2, "channels": 1}
                    await connected.write_event(Event("audio-chunk", shape, part[at : at + 1_000].tobytes()))
            await connected.write_event(Event("audio-stop", {}))
            await connected.write_event(Ping().event())
            return await answers(connected)

    assert detected(run(mixed())) == ["computer"]


# --- many at once


def test_twenty_clients_at_once_each_hear_their_own_while_one_misbehaves(
    service: Service, sentence: Sentences, room: np.ndarray
) -> None:
    """Words, chunks, rates differ; five say nothing. One sends nonsense, leaves and returns; another stops inside an
    event and stays; a third asks ten thousand times and takes no answer."""

    async def one(number: int) -> tuple[list[str], list[str | None]]:
        word = (*WORDS, "")[number % 4]
        sound = sentence[word] if word else room[: 4 * 16_000]
        rate = (16_000, 48_000, 8_000)[number % 3]
        sound = soxr.resample(sound, 16_000, rate)
        names = [word] if word and number % 2 else None
        events = await heard(service.uri, sound, names, rate=rate, samples=(160, 700, 1_024, 3_200, 9_999)[number % 5])
        return [word] if word else [], detected(events)

    async def misbehave(over: asyncio.Event) -> int:
        turns = 0
        nonsense = (
            b"\x00" * 500,
            b'{"type": "detect", "data": []}\n',
            b'{"type": "audio-chunk", "payload_length": 9}\n',
        )
        while not over.is_set():
            _, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write(nonsense[turns % 3] if turns % 4 else b'{"type": "describe"}\n' * 1_000)
            turns += 1
            await asyncio.sleep(0)
            writer.transport.abort()
            await asyncio.wait([asyncio.create_task(over.wait())], timeout=0.02)
        return turns

    async def all_of_them() -> tuple[list[tuple[list[str], list[str | None]]], int]:
        over = asyncio.Event()
        _, stalled = await asyncio.open_connection("127.0.0.1", service.port)
        stalled.write(b'{"type": "audio-chunk", "payload_length": 9}\nabc')
        _, deaf = await asyncio.open_connection("127.0.0.1", service.port)
        deaf.write(b'{"type": "describe"}\n' * 10_000)
        nuisance = asyncio.create_task(misbehave(over))
        found = await asyncio.gather(*(one(number) for number in range(20)))
        over.set()
        for writer in (stalled, deaf):
            writer.transport.abort()
        return found, await nuisance

    found, turns = run(all_of_them())
    assert [heard_ for _, heard_ in found] == [said for said, _ in found]
    assert sum(bool(said) for said, _ in found) == 15
    assert turns > 3


def test_a_client_too_many_is_told_so(sentence: Sentences) -> None:
    async def three(small: Service) -> tuple[list[Event], list[str | None]]:
        async with client(small.uri, ["computer"]) as first, client(small.uri, ["computer"]) as second:
            for connected in (first, second):
                await connected.write_event(Ping().event())
                await answers(connected)
            async with AsyncClient.from_uri(small.uri) as third:
                refused = [event async for event in _until_closed(third)]
            await say(first, sentence["computer"])
            await first.write_event(Ping().event())
            return refused, detected(await answers(first))

    with Service("--uri", "tcp://127.0.0.1:0", "--clients", "2", "--word", "computer") as service_of_two:
        refused, heard_ = run(three(service_of_two))
        assert [event.data["text"] for event in refused] == ["too many clients"]
        assert heard_ == ["computer"]
        assert service_of_two.end() == 0


async def _until_closed(connected: AsyncClient):  # noqa: ANN202 - an async generator of events
    while (event := await connected.read_event()) is not None:
        yield event


# --- hostile input: each is cut off with an error that says why, and the service goes on


def line(**entries: object) -> bytes:
    return json.dumps(entries).encode() + b"\n"


AUDIO = {"rate": 16_000, "width": 2, "channels": 1}
HOSTILE = {
    "no JSON": (b"GET / HTTP/1.1\r\n\r\n", "not JSON"),
    "no UTF-8": (b"\xff\xfe\n", "not JSON"),
    "a list": (b"[1, 2]\n", "JSON that is not an object"),
    "a thousand brackets deep": (b"[" * 10_000 + b"\n", "not JSON"),
    "no type": (line(data={}), "an event without a type"),
    "a type that is a number": (line(type=5), "an event without a type"),
    "data that is a list": (line(type="detect", data=["computer"]), "data of detect is not an object"),
    "a line without end": (b"x" * (MAX_LINE_BYTES + 2), f"a line of more than {MAX_LINE_BYTES} bytes"),
    "data of 4 GB": (line(type="detect", data_length=2**32), "data_length 4294967296 is not between"),
    "data a byte too long": (line(type="detect", data_length=MAX_DATA_BYTES + 1), "data_length 65537 is not between"),
    "a payload too long": (
        line(type="audio-chunk", payload_length=MAX_PAYLOAD_BYTES + 1), "payload_length 1048577 is not between"
    ),
    "a length below zero": (line(type="audio-chunk", payload_length=-1), "payload_length -1 is not between"),
    "a length that is a text": (line(type="audio-chunk", payload_length="9"), "payload_length '9' is not between"),
    "a length that is true": (line(type="audio-chunk", data_length=True), "data_length True is not between"),
    "a length that is a fraction": (line(type="detect", data_length=1.5), "data_length 1.5 is not between"),
    "data bytes that are a number": (line(type="detect", data_length=1) + b"7", "JSON that is not an object"),
    "names that are a text": (line(type="detect", data={"names": "computer"}), "names is not a list of names"),
    "names that are numbers": (line(type="detect", data={"names": [1]}), "names is not a list of names"),
    "a hundred names": (line(type="detect", data={"names": ["computer"] * 100}), "names is not a list of names"),
    "a context that is a text": (line(type="detect", data={"context": "x"}), "context is not an object"),
    "audio without a form": (line(type="audio-start"), "audio without a whole rate, width and channels"),
    "a rate that is a text": (line(type="audio-start", data=AUDIO | {"rate": "16000"}), "audio without a whole rate"),
    "a rate of zero": (line(type="audio-start", data=AUDIO | {"rate": 0}), "a rate of 0 Hz"),
    "a rate of 10^18": (line(type="audio-start", data=AUDIO | {"rate": 10**18}), "a rate of 1000000000000000000 Hz"),
    "a million channels": (line(type="audio-start", data=AUDIO | {"channels": 10**6}), "1000000 channels"),
    "samples of a byte": (line(type="audio-start", data=AUDIO | {"width": 1}), "samples of 1 bytes"),
    "half a sample": (line(type="audio-chunk", data=AUDIO, payload_length=3) + b"abc", "3 bytes are no whole number"),
    "a time that is a text": (
        line(type="audio-chunk", data=AUDIO | {"timestamp": "now"}, payload_length=2) + b"ab", "a timestamp that is no"
    ),
    "a time beyond all": (
        line(type="audio-chunk", data=AUDIO, payload_length=2).replace(b"16000", b'16000, "timestamp": 1e999') + b"ab",
        "a timestamp that is no",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_nonsense_is_answered_with_its_cause_and_the_connection_ends(service: Service, name: str) -> None:
    sent, cause = HOSTILE[name]
    with socket.create_connection(("127.0.0.1", service.port), HANG_S) as connection:
        connection.sendall(sent)
        answer = b""
        while received := connection.recv(65_536):
            answer += received
    head, _, rest = answer.partition(b"\n")
    assert json.loads(head)["type"] == "error"
    assert json.loads(rest)["text"].startswith(cause)
    service.event("disconnected")


def test_a_client_that_leaves_inside_an_event_takes_nothing_with_it(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), HANG_S) as connection:
        connection.sendall(line(type="audio-chunk", data=AUDIO, payload_length=1_000) + b"ab")
    service.event("disconnected", why="the connection ended inside an event")


def test_events_of_others_are_ignored(service: Service, sentence: Sentences) -> None:
    async def talkative() -> list[Event]:
        async with client(service.uri, ["computer"]) as connected:
            for kind in ("run-satellite", "voice-started", "transcribe", "no-such-event"):
                await connected.write_event(Event(kind, {"name": "x"}, b"payload"))
            await say(connected, sentence["computer"])
            await connected.write_event(Ping().event())
            return await answers(connected)

    assert [event.type for event in run(talkative())] == ["detection", "pong"]


# --- starting and ending


def test_a_unix_socket_serves_too(tmp_path: Path, sentence: Sentences) -> None:
    with Service("--uri", f"unix://{tmp_path}/wake.sock", "--word", "computer") as local:
        assert detected(run(heard(local.uri, sentence["computer"]))) == ["computer"]
        assert local.end() == 0


def test_clients_are_let_go_when_the_service_ends() -> None:
    with (
        Service("--uri", "tcp://127.0.0.1:0", "--word", "computer") as ending,
        socket.create_connection(("127.0.0.1", ending.port), HANG_S) as connection,
    ):
        ending.event("connected")
        assert ending.end() == 0
        assert connection.recv(1) == b""
