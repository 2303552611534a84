"""A house with the daemon installed in it: a bed (`systemd_bed.py`), the real script, a microphone, a service outside.

The microphone is a PulseAudio server inside, whose loudspeaker is wired to it; the service is the embedded one, at this
end of the bed's only cable. The program is installed from this checkout and a folder of wheels, as on a machine without
a network: $WAKEWORD_WHEELS, or fetched here once (`pip download`).
"""

from __future__ import annotations

import atexit
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import mic_bed
import soundfile
import systemd_bed
from systemd_bed import Bed

REPOSITORY = Path(__file__).resolve().parents[1]
ROOM = REPOSITORY / "wakeword" / "data" / "room.flac"
PYTHON = "/usr/bin/python3"
LONG = os.environ.get("WAKEWORD_BED") == "long"  # scripts/bed
PROCESSES = ("listen", "gate", "uplink")
STATE = "/var/lib/wakeword"
EVIDENCE = f"{STATE}/evidence"
TIMES, LOOK_S = 8, 0.2
POLICY = {"lag_ms": 2_000, "sessions_per_hour": 60}  # the most that may be: a busy machine decides late
BEFORE_S, AFTER_S = 1.2, 0.5  # of the recording: whatever plays it must have begun

_ALSA = """pcm.!default { type pulse server "unix:/run/sound/native" hint { show on description "default" } }
ctl.!default { type pulse server "unix:/run/sound/native" }
"""
SOUND = """[Service]
Environment=ALSA_CONFIG_PATH=/run/sound/asound.conf PULSE_SERVER=unix:/run/sound/native
"""


@lru_cache(maxsize=1)
def missing() -> str:
    """Why no house can be built here, or ""."""
    if reason := systemd_bed.missing():
        return reason
    if reason := mic_bed.missing():
        return reason
    return "" if wheels() else "what is installed cannot be fetched: WAKEWORD_WHEELS names no folder of wheels"


@lru_cache(maxsize=1)
def wheels() -> Path | None:
    """A folder of wheels for the system's Python: all that pyproject.toml asks for, and what builds it."""
    if given := os.environ.get("WAKEWORD_WHEELS"):
        return Path(given)
    asked = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    folder = Path(tempfile.mkdtemp(prefix="wakeword-wheels-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ask = [PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    version = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--only-binary=:all:"]
    command += ["--python-version", version, "--dest", str(folder), "--constraint", str(REPOSITORY / "constraints.txt")]
    project = asked["project"]
    command += [
        *project["dependencies"],
        *project["optional-dependencies"]["status"],
        *asked["build-system"]["requires"],
    ]
    fetched = subprocess.run(command, check=False, capture_output=True, text=True)
    if fetched.returncode != 0:
        print(fetched.stderr, file=sys.stderr)
    return folder if fetched.returncode == 0 else None


@dataclass
class House:
    """The bed and what stands outside of it."""

    bed: Bed
    received: Path  # where the service keeps sessions
    url: str  # of the service

    @property
    def installed(self) -> bool:
        """Is the program there?"""
        return (self.bed.root / "opt/wakeword").exists()

    def install(self, *options: str) -> str:
        """scripts/install, and what it said."""
        script = "/srv/wakeword/scripts/install"
        return self.bed.run(script, "--wheels", "/srv/wheels", *options, timeout_s=600).stdout

    def configure(self, url: str | None = None, **sections: dict[str, Any]) -> bool:
        """/etc/wakeword/config.yaml as installed, with an address to send to and more settings; is that another one?"""
        text = (REPOSITORY / "systemd" / "config.yaml").read_text("utf-8")
        uplink = {"url": self.url if url is None else url} | sections.pop("uplink", {})
        sections = {"uplink": uplink, "policy": POLICY} | sections
        for section, settings in sections.items():
            for key, value in settings.items():
                text = re.sub(rf"^  {key}: .*\n", "", text, flags=re.MULTILINE)
                line = f"{section}:\n  {key}: {json.dumps(value)}\n"
                text = text.replace(f"\n{section}:\n", f"\n{line}") if f"\n{section}:\n" in text else text + line
        path = self.bed.root / "etc/wakeword/config.yaml"
        changed = path.read_text() != text
        path.write_text(text)
        return changed

    def active(self) -> bool:
        """Do all three processes run, and say that they are ready?"""
        units = [f"wakeword-{name}" for name in PROCESSES]
        return self.bed.run("systemctl", "is-active", *units, check=False).stdout.split() == ["active"] * 3

    def pid(self, name: str) -> int:
        """Of a process, as the bed numbers it; 0: it does not run."""
        return int(self.bed.show(f"wakeword-{name}", "MainPID") or 0)

    def start(self) -> None:
        """Start, and wait until all are ready and their walls are told."""
        known = len(self.records("walls"))
        self.bed.run("systemctl", "start", "wakeword.target")
        self.bed.until(self.active, "all three active")
        self.bed.until(lambda: len(self.records("walls")) >= known + 3, "the walls of all three are told")

    def stop(self) -> None:
        """Stop, and wait until nothing runs."""
        self.bed.run("systemctl", "stop", "wakeword.target", "wakeword-*.service")

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        """The evidence's records of these kinds, in order."""
        paths = sorted((self.bed.root / EVIDENCE.lstrip("/")).glob("*.seg"))
        lines = [json.loads(line) for path in paths for line in path.read_text().splitlines(keepends=True)
                 if line.endswith("\n")]  # fmt: skip
        return [line for line in lines if line.get("k") in kinds]

    def counts(self, source: str) -> list[dict[str, Any]]:
        """The log's counts of what the uplink sent: `own`, its own, or `bpf`, the kernel's."""
        return [record for record in self.records("kcount") if record["src"] == source]

    def verified(self) -> dict[str, Any]:
        """The log's sums; fails unless `wakeword audit verify` accepts it."""
        ended = self.bed.run("wakeword", "audit", "verify", EVIDENCE, "--json")
        found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return found

    def counted(self, name: str, what: str = "EgressBytes") -> int:
        """What the kernel counts of a process's IP packets for systemd: EgressBytes, EgressPackets."""
        return int(self.bed.show(f"wakeword-{name}", f"IP{what}"))

    def sessions(self) -> list[dict[str, Any]]:
        """What the service received, by the files that it wrote."""
        return [json.loads(path.read_text()) for path in sorted(self.received.glob("*.json"))]

    def player(self, recording: str) -> list[str]:
        """The command that plays a recording of the bed into its room."""
        env = {"PULSE_SERVER": "unix:/run/sound/native", "HOME": "/run/sound"}
        return self.bed.command("paplay", "--device=speaker", "--latency-msec=500", recording, env=env)

    def play(self, recording: str) -> None:
        """Play it to its end."""
        subprocess.run(self.player(recording), check=True, timeout=300)

    def speak(self) -> Iterator[None]:
        """Say “Computer, what time is it?” until a session is opened (a busy machine may miss it); yields meanwhile."""
        known = len(self.records("open"))
        for _ in range(TIMES):
            player = subprocess.Popen(self.player("/srv/computer.wav"))
            while player.poll() is None:
                yield
                time.sleep(LOOK_S)
            assert player.returncode == 0
            if len(self.records("open")) > known:
                return
        raise AssertionError(f"said {TIMES} times and never heard\n{self.bed.journal()[-6000:]}")

    def wake(self) -> dict[str, Any]:
        """Say it until it is heard, and wait for the session's end; its `close` record."""
        known = len(self.records("close"))
        for _ in self.speak():
            pass
        return self.closed(known + 1)[known]

    def closed(self, number: int) -> list[dict[str, Any]]:
        """Wait until so many sessions have been closed, in all; their records."""

        def enough() -> list[dict[str, Any]]:
            opened, closed = self.records("open"), self.records("close")
            return closed if len(closed) == len(opened) >= number else []

        found: list[dict[str, Any]] = self.bed.until(enough, f"{number} sessions are closed")
        return found


@contextmanager
def house() -> Iterator[House]:
    """With a microphone and a service; nothing is installed yet."""
    with tempfile.TemporaryDirectory(prefix="wakeword-received-") as received, Bed() as bed:
        found = wheels()
        assert found
        bed.put(found, "/srv/wheels")
        for path in REPOSITORY.iterdir():
            if not path.name.startswith(".") and path.name not in ("build", "tests", "work"):
                bed.put(path, f"/srv/wakeword/{path.name}")
        bed.put(ROOM, "/srv/room.flac")
        _cut(bed, "computer", "/srv/computer.wav")
        _make_microphone(bed)
        with service(bed.outside, Path(received)) as url:
            yield House(bed, Path(received), url)


def _cut(bed: Bed, word: str, place: str) -> None:
    """What is said in the room with a wake word for the first time. Around it is silence: nothing else is played."""
    with ROOM.with_suffix(".csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    row = next(row for row in rows if row["word"] == word)
    start_s, end_s = float(row["start_s"]) - BEFORE_S, float(row["end_s"]) + AFTER_S
    samples, rate = soundfile.read(ROOM, dtype="int16")
    cut = samples[max(0, round(start_s * rate)) : round(end_s * rate)]
    soundfile.write(f"{bed.root}{place}", cut, rate, subtype="PCM_16")


def _make_microphone(bed: Bed) -> None:
    """A sound server, and listen told of it, as an administrator would: by a drop-in."""
    sound = bed.root / "run/sound"
    sound.mkdir()
    (sound / "server.pa").write_text(mic_bed.SERVER.format(socket="/run/sound/native"))
    (sound / "asound.conf").write_text(_ALSA)
    own = "-p Environment=HOME=/run/sound -p Environment=XDG_RUNTIME_DIR=/run/sound".split()
    server = ["pulseaudio", *mic_bed.OPTIONS, "/run/sound/server.pa"]
    bed.run("systemd-run", "--quiet", "--unit=sound", *own, *server)
    bed.until((sound / "native").exists, "the sound server")
    drop_in(bed, "listen", "sound", SOUND)


def drop_in(bed: Bed, name: str, title: str, text: str, of: str = "system") -> Path:
    """What an administrator adds to a unit (`of` user: to that of sessions); in force from its next start on."""
    unit = "wakeword.service" if of == "user" else f"wakeword-{name}.service"
    path = bed.root / f"run/systemd/{of}/{unit}.d/{title}.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    bed.run("systemctl", "daemon-reload")
    return path


@contextmanager
def service(address: str, received: Path) -> Iterator[str]:
    """The embedded service, outside; its address."""
    own = ["--listen", f"{address}:0", "--out", str(received), "--json"]
    process = subprocess.Popen([sys.executable, "-m", "wakeword", "service", *own], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield str(json.loads(process.stdout.readline())["url"])
    finally:
        process.kill()
        process.communicate()
