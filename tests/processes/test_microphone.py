"""The microphone's path for real: sound played into a PulseAudio server, heard by PortAudio, the daemon, a service.

Marked `mic`. Where PulseAudio is missing these are skipped with the packages' names; .ci/run installs them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mic_bed
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from daemon import HANG_S, Daemon, Service, verify
from mic_bed import MicBed
from microphone_faults import FAULTS, measure

from wakeword.events import RATE_HZ
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES

pytestmark = [pytest.mark.mic, pytest.mark.skipif(bool(mic_bed.missing()), reason=mic_bed.missing() or "none")]

LOUD = str(Path(__file__).parent.parent / "models" / "loud")
JARVIS = (17.4, 23.0)  # "Jarvis, set a timer for ten minutes.", and the quiet after it
OTHERS = (0.0, 8.0)  # "Good morning …", "The commuter train was loud again."
Int16 = npt.NDArray[np.int16]


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MicBed]:
    with MicBed(tmp_path / "bed") as made:
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def part(room: Int16, seconds: tuple[float, float]) -> Int16:
    return room[int(seconds[0] * RATE_HZ) : int(seconds[1] * RATE_HZ)]


def clip(folder: Path, samples: Int16) -> Path:
    path = folder / "clip.wav"
    soundfile.write(path, samples, RATE_HZ)
    return path


def devices(*options: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "wakeword", "devices", "--json", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=HANG_S)
    assert ended.stderr == ""
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_word_said_in_the_room_reaches_the_service_sample_exact_with_its_preroll(
    bed: MicBed, tmp_path: Path, room: Int16, receiver: Service
) -> None:
    said = part(room, JARVIS)
    with Daemon(tmp_path, receiver.url, "--word", "jarvis", "--device", "mic") as daemon:
        daemon.event("listen", "listening")
        bed.play(clip(tmp_path, said))
        daemon.event("gate", "close")
        assert daemon.stop() == 0
        assert [line["word"] for line in daemon.of("listen", "wake")] == ["jarvis"]
    (session,) = receiver.sessions
    heard = session.samples
    assert session.header["preroll_samples"] == SEGMENT_SAMPLES
    in_the_room = np.concatenate([np.zeros(4 * RATE_HZ, np.int16), said, np.zeros(16 * RATE_HZ, np.int16)])
    middle = SEGMENT_SAMPLES - RATE_HZ // 2  # well inside the word
    (at,) = (
        start
        for start in range(len(in_the_room) - len(heard))
        if in_the_room[start + middle] == heard[middle]
        and np.array_equal(in_the_room[start + middle : start + middle + 800], heard[middle : middle + 800])
    )
    assert np.array_equal(heard, in_the_room[at : at + len(heard)])
    assert len(heard) > SEGMENT_SAMPLES + RATE_HZ
    (logged,) = verify(daemon.evidence)["sessions"]
    assert logged["bytes"] == len(session.pcm) == session.announced


def test_other_words_said_in_the_room_upload_nothing(
    bed: MicBed, tmp_path: Path, room: Int16, receiver: Service
) -> None:
    with Daemon(tmp_path, receiver.url, "--word", "jarvis", "--device", "mic") as daemon:
        daemon.event("listen", "listening")
        bed.play(clip(tmp_path, part(room, OTHERS)))
        daemon.until(lambda line: line["event"] == "level" and not line["speaking"])
        assert daemon.stop() == 0
        assert any(line["speaking"] for line in daemon.of("listen", "level"))
        assert daemon.of("gate", "open") == []
    assert receiver.connections == 0
    assert verify(daemon.evidence)["sessions"] == []


def test_muted_it_holds_no_device(bed: MicBed, tmp_path: Path, receiver: Service) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--device", "mic") as daemon:
        daemon.event("listen", "listening")
        assert bed.listeners() == 1
        switch = daemon.evidence.parent / "muted"
        switch.touch()
        daemon.event("listen", "mute")
        assert bed.listeners() == 0
        switch.unlink()
        daemon.event("listen", "listening")
        assert bed.listeners() == 1
        assert daemon.stop() == 0
    assert bed.listeners() == 0
    verify(daemon.evidence)


def test_every_fault_of_a_microphone_is_named_in_the_evidence_and_survived() -> None:
    """Twice each; `scripts/microphone-faults` does it as often as you like, and tells the times."""
    found = measure(list(FAULTS), times=2, at_once=5)
    assert [len(each.again_s) for each in found] == [2] * len(FAULTS) == [2] * 9


def test_a_source_muted_at_itself_is_told_and_is_no_end(bed: MicBed, tmp_path: Path, receiver: Service) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--device", "mic") as daemon:
        daemon.event("listen", "listening")
        dead = daemon.event("listen", "fault")  # an empty null sink delivers zeros
        assert dead["what"] == "the microphone has delivered one value for 5 s: muted at itself, or dead"
        assert dead["code"] == "zeros"
        assert daemon.stop() == 0


def test_devices_are_listed_with_what_they_hear(bed: MicBed, tmp_path: Path, room: Int16) -> None:
    listed = {device["name"]: device for device in devices("--no-level")}
    assert set(listed) == {"mic", "fed", "default"}
    assert listed["default"]["default"] is True
    assert listed["mic"]["level"] is None
    silent = devices("--device", "mic", "--seconds", "0.5")[0]["level"]
    assert isinstance(silent, dict)
    assert silent["constant"] is True
    bed.control("load-module", "module-sine", "sink=speaker", "frequency=1000")
    (loud,) = devices("--device", "mic", "--seconds", "0.5")
    assert isinstance(loud["level"], dict)
    assert loud["level"]["constant"] is False
    assert loud["level"]["rms_dbfs"] > -20


def test_the_shipped_alsa_configuration_finds_the_sound_server(bed: MicBed, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = Path(__file__).parent.parent.parent / "configs" / "asound-pulse.conf"
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(shipped))
    (found,) = devices("--seconds", "0.5")
    assert (found["name"], found["default"], found["trouble"]) == ("default", True, "")


def test_no_microphone_at_all_is_an_error_that_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "none.conf").write_text("pcm.none { type plug slave.pcm null hint { show off } }\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "none.conf"))
    command = [sys.executable, "-m", "wakeword", "devices"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_S)
    assert ended.returncode == 3
    assert ended.stderr == "wakeword: no microphone was found (docs/microphone.md says what to look at)\n"


def test_a_device_that_does_not_exist_is_named_with_those_that_do(
    bed: MicBed, tmp_path: Path, receiver: Service
) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--device", "webcam") as daemon:
        assert daemon.to_the_end() == 3
        assert "no microphone 'webcam' (microphones: " in daemon.stderr()
        assert "mic" in daemon.stderr()


def test_the_microphones_process_maps_no_codecs(bed: MicBed, tmp_path: Path, receiver: Service) -> None:
    with Daemon(tmp_path, receiver.url, "--word", LOUD, "--device", "mic") as daemon:
        daemon.event("listen", "listening")
        mapped = Path(f"/proc/{daemon.pids()['listen']}/maps").read_text()
        assert "libportaudio" in mapped
        for library in ("libavcodec", "libx265", "librsvg", "/scipy/", "pydantic", "_soundfile"):
            assert library not in mapped
        assert daemon.stop() == 0
