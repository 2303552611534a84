"""Process 1: from the microphone to the gate's pipe.

    python -m wakeword.listen SETTINGS_JSON          (settings.ListenSettings; started by the supervisor)

It has the sound device, the models and two pipes. It has no network: the wall stands before any library is loaded that
could want one. It believes the gate only where the gate says no. Sound stays in the ring (some seconds) and is
overwritten there.

Exit codes: 0 in order (SIGTERM, or the end of a recording), 1 the gate is lost, 2 wrong settings, models or walls,
3 the sound source is lost. Read next: `hearing.py` (the loop), `listener.py` (what is done with a block).
"""

from __future__ import annotations

import importlib
import sys

from wakeword.errors import USAGE, WakewordError
from wakeword.sandbox import wall_network
from wakeword.settings import listen_from_json
from wakeword.statusline import StatusLines


def main() -> int:
    """Run with the settings on the command line until the sound ends, SIGTERM, or a fault."""
    try:
        settings = listen_from_json(sys.argv[1])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        print(f"wakeword.listen: not settings for this process: {error}", file=sys.stderr)
        return USAGE
    status = StatusLines(settings.status, "listen")
    try:
        wall_network(unix=True)  # AF_UNIX is how a sound server is reached
        hearing = importlib.import_module("wakeword.hearing")  # numpy, onnxruntime: behind the wall
        hearing.Hearing(settings, status).run()
    except WakewordError as error:
        status.write("fault", what=str(error))
        print(f"wakeword.listen: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
