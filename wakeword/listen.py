"""Process 1: from the microphone to the gate's pipe.

    python -m wakeword.listen SETTINGS_JSON          (settings.ListenSettings; started by the supervisor)

It has the sound device, the models and two pipes. It has no network, no file to write to, no program to run: the walls
stand, and were tried, before any library is loaded that could want one. It believes the gate only where the gate says
no. Sound stays in the ring (some seconds) and is overwritten there.

Exit codes: 0 in order (SIGTERM, or the end of a recording), 1 the gate is lost, 2 wrong settings, models or walls,
3 the sound source is lost. Read next: `hearing.py` (the loop), `listener.py` (what is done with a block).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from wakeword.errors import USAGE, WakewordError
from wakeword.forbidden import SOUND_FOLDER, demand, try_acts
from wakeword.notices import Walls
from wakeword.notify import Notifier
from wakeword.sandbox import AF_UNIX, own_network, python_places, wall_calls, wall_files
from wakeword.settings import ListenSettings, listen_from_json
from wakeword.statusline import StatusLines


def build_walls(settings: ListenSettings) -> dict[str, int]:
    """Give up all but the sound, then try the walls; what came of each act. Raises `WallError`.

    AF_UNIX stays: it is how a sound server is reached.
    """
    own_network()  # where this user may; the filter of calls stands in any case
    devices = [path for path in (SOUND_FOLDER, Path("/dev/null")) if path.exists()]
    wall_files(read=[path for path in _needed(settings) if path.exists()], devices=devices)
    wall_calls([AF_UNIX])
    tried = try_acts(allowed=("unix", "sound"), log=Path(settings.evidence) if settings.evidence else None)
    demand(tried)
    return tried


def _needed(settings: ListenSettings) -> Iterator[Path]:
    """Code, models, a recording, and what onnxruntime, ALSA and PulseAudio look up."""
    yield from python_places()
    yield from (Path(word.model) for word in settings.words)
    yield from (Path(word.stage1_model.partition(":")[2]).parent for word in settings.words if word.stage1_model)
    yield from (Path("/proc"), Path("/sys"))
    if settings.source.kind == "file":
        yield Path(settings.source.name)
    for name in ("ALSA_CONFIG_PATH", "PULSE_COOKIE"):
        if given := os.environ.get(name):
            yield Path(given)
    home = Path(os.environ.get("HOME", "/nonexistent"))
    yield from (home / ".asoundrc", home / ".config" / "pulse")


def main() -> int:
    """Run with the settings on the command line until the sound ends, SIGTERM, or a fault."""
    try:
        settings = listen_from_json(sys.argv[1])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        print(f"wakeword.listen: not settings for this process: {error}", file=sys.stderr)
        return USAGE
    status, notifier = StatusLines(settings.status, "listen"), Notifier()
    try:
        tried = build_walls(settings)
        hearing = importlib.import_module("wakeword.hearing")  # numpy, onnxruntime: behind the walls
        listening = hearing.Hearing(settings, status, notifier)
        listening.tell(Walls(**tried))
        listening.run()
    except WakewordError as error:
        status.write("fault", what=str(error))
        print(f"wakeword.listen: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # an ordinary exit asks the sound library to close, which waits for ever for a server that hangs
