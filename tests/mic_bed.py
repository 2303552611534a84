"""A microphone without hardware: a PulseAudio server of our own whose loudspeaker is wired to its microphone.

The null sink runs at 16 kHz, so that what is played arrives sample for sample. PortAudio reaches it through ALSA's
pulse plugin and a configuration of its own (ALSA_CONFIG_PATH): the machine's sound is neither heard nor disturbed.
Needs the packages pulseaudio, pulseaudio-utils, libasound2-plugins and libportaudio2; any user will do.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
BLOCK_SAMPLES = RATE_HZ // 50
TOOLS = ("pulseaudio", "pactl", "paplay")
HANG_S = 60

OPTIONS = "-n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disallow-exit --realtime=no".split()
OPTIONS += "--high-priority=no --log-level=error -F".split()  # and a script
SINK = "sink_name=speaker rate=16000 channels=1 channel_map=mono format=s16le norewinds=yes"
MIC = "source_name=mic master=speaker.monitor channels=1 channel_map=mono master_channel_map=mono remix=no"
FED = "source_name=fed file={fifo} rate=16000 channels=1 channel_map=mono format=s16le"
SERVER = f""".fail
load-module module-native-protocol-unix socket={{socket}} auth-anonymous=1
load-module module-null-sink {SINK}
load-module module-remap-source {MIC}
set-default-sink speaker
set-default-source mic
"""
_ALSA = """pcm.!default {{ type pulse server "unix:{socket}" hint {{ show on description "default" }} }}
ctl.!default {{ type pulse server "unix:{socket}" }}
pcm.mic {{ type pulse server "unix:{socket}" device mic hint {{ show on description "microphone" }} }}
pcm.fed {{ type pulse server "unix:{socket}" device fed hint {{ show on description "fed by a test" }} }}
"""


def missing() -> str:
    """What has to be installed first, or ""."""
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent:
        return f"no {', '.join(absent)}: apt-get install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"
    return ""


class MicBed:
    """The server, as a context manager; `environment` is what a process needs to find the microphone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "native"
        self.fifo = folder / "fed"  # what is written here, the source `fed` hears
        self._fed = FED.format(fifo=self.fifo)
        self.environment = {
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_COOKIE": str(folder / "cookie"),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }

    def __enter__(self) -> MicBed:
        self._folder.mkdir()
        (self._folder / "asound.conf").write_text(_ALSA.format(socket=self._socket))
        script = SERVER.format(socket=self._socket)
        (self._folder / "server.pa").write_text(f"{script}load-module module-pipe-source {self._fed}\n")
        self._log = (self._folder / "log").open("w")
        self._launch()
        return self

    def _launch(self) -> None:
        self.fifo.unlink(missing_ok=True)  # a server that was killed leaves it, and another takes offence
        command = ["pulseaudio", *OPTIONS, str(self._folder / "server.pa")]
        own = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "XDG_RUNTIME_DIR": str(self._folder)}
        self._server = subprocess.Popen(
            command, env=own, stdin=subprocess.DEVNULL, stderr=self._log, start_new_session=True
        )
        until = time.monotonic() + HANG_S
        while self._try("pactl", "info").returncode != 0:
            assert self._server.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < until, "pulseaudio does not answer"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        self._log.close()

    def kill(self) -> None:
        """The server ends without a word."""
        self._server.send_signal(signal.SIGCONT)
        self._server.kill()
        self._server.wait()

    def restart(self) -> None:
        """Another server in the place of one that was killed."""
        self._launch()

    def play(self, recording: Path) -> None:
        """Play a recording into the room; returns when it has been played."""
        self._run("paplay", "--device=speaker", "--latency-msec=500", str(recording))

    def control(self, *words: str) -> str:
        """`pactl`, as `control("suspend-source", "mic", "1")`; what it printed."""
        return self._run("pactl", *words)

    def unplug(self) -> None:
        """No microphone and no loudspeaker is left."""
        for module in ("module-remap-source", "module-null-sink", "module-pipe-source"):  # nowhere to move `fed` to
            self.control("unload-module", module)

    def plug_in(self) -> None:
        """All are there again."""
        self.control("load-module", "module-null-sink", *SINK.split())
        self.control("load-module", "module-pipe-source", *self._fed.split())
        self.control("load-module", "module-remap-source", *MIC.split())
        self.control("set-default-source", "mic")

    def steal(self) -> None:
        """The source `fed` goes, the loudspeaker stays: the server moves streams to the loudspeaker's own sound."""
        self.control("unload-module", "module-pipe-source")

    def give_back(self) -> None:
        """It returns. Nobody moves the streams back."""
        self.control("load-module", "module-pipe-source", *self._fed.split())

    def freeze(self) -> None:
        """The server stops as it stands: no end of any stream, no error, nothing."""
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._server.send_signal(signal.SIGCONT)

    def feeder(self) -> Feeder:
        """What the source `fed` hears."""
        return Feeder(self.fifo)

    def listeners(self) -> int:
        """How many streams are open on the microphone, but for the wire from the loudspeaker."""
        streams = self.control("list", "short", "source-outputs").splitlines()
        return sum("module-remap-source.c" not in stream for stream in streams)

    def _run(self, *command: str) -> str:
        ended = self._try(*command)
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
        return ended.stdout

    def _try(self, *command: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "XDG_RUNTIME_DIR": str(self._folder)}
        return subprocess.run(
            command, env=own | self.environment, capture_output=True, text=True, check=False, timeout=HANG_S
        )


class Feeder:
    """Whatever the source `fed` is to hear, at any pace: a context manager. Change its fields at any time."""

    def __init__(self, fifo: Path) -> None:
        self.loudness = 300  # of the noise; 0 is nothing but zeros
        self.clips = False  # full scale, up and down
        self.pace = 1.0  # times real time
        self._fifo = fifo
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._feed, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def blocks(self) -> Iterator[npt.NDArray[np.int16]]:
        """(BLOCK_SAMPLES,) each, without an end: taken one by one, when it is due."""
        rng = np.random.default_rng(1)
        while True:
            noise = (self.loudness * rng.standard_normal(BLOCK_SAMPLES)).astype(np.int16)
            yield np.tile(np.array([32767, -32768], np.int16), BLOCK_SAMPLES // 2) if self.clips else noise

    def _feed(self) -> None:
        blocks, due_s = self.blocks(), time.monotonic()
        while not self._over.is_set():
            due_s = max(due_s + BLOCK_SAMPLES / RATE_HZ / self.pace, time.monotonic() - 1)
            self._over.wait(max(0.0, due_s - time.monotonic()))
            block = next(blocks).astype("<i2").tobytes()
            with contextlib.suppress(OSError):  # the source is gone, or nobody records: lost, as sound is
                self._write(block)

    def _write(self, block: bytes) -> None:
        """The server makes the pipe, and another one each time that the source returns."""
        pipe = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(pipe, block)
        finally:
            os.close(pipe)
