"""Under systemd: joins one process to its neighbours by FIFOs, and then becomes it.

    python -m wakeword.join listen|gate|uplink|meter|status    (systemd/*.service; `wakeword run` needs none of this)

`wakeword.prepare` has left the process's settings and fresh FIFOs in /run/wakeword ($WAKEWORD_RUNTIME). Here they are
opened, their descriptors written into the settings, and the process is executed with them, exactly as the supervisor
would start it. All three start at the same time:

    listen-gate, gate-uplink,
    meter-gate                   are opened by their writer for writing alone, which waits until its reader is there
    gate-listen, uplink-gate,
    …-status, status-listen      are opened by their writer for both, which waits for nobody; and so the status process,
                                 where there is one, may start again alone

A FIFO that nobody has written to yet is not at its end, so each process notices the end of each neighbour, and no
other. Credentials (the device key, the service's token) are taken from $CREDENTIALS_DIRECTORY where systemd put some.
Exit code 2 when something is missing: systemd/*.service do not try again then.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from wakeword.errors import USAGE, ConfigError, WakewordError, in_words

RUNTIME = Path("/run/wakeword")
PATIENCE_S, LOOK_AGAIN_S = 20.0, 0.01  # for a reader that is being started
PIPE_BYTES = 1 << 20  # as the supervisor's pipes have
READ, WRITE, BOTH = (how | os.O_NONBLOCK for how in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR))
# process -> the setting that holds the descriptor, which FIFO, how it is opened; what has to wait comes last
ENDS: dict[str, tuple[tuple[str, str, int], ...]] = {
    "uplink": (("from_gate", "gate-uplink", READ), ("to_gate", "uplink-gate", BOTH)),
    "gate": (
        ("from_listen", "listen-gate", READ), ("from_uplink", "uplink-gate", READ), ("from_meter", "meter-gate", READ),
        ("to_listen", "gate-listen", BOTH), ("to_uplink", "gate-uplink", WRITE),
    ),
    "listen": (("from_gate", "gate-listen", READ), ("to_gate", "listen-gate", WRITE)),
    "meter": (("to_gate", "meter-gate", WRITE),),
    "status": (("to_listen", "status-listen", BOTH),),
}  # fmt: skip
WATCHED = ("listen", "gate", "uplink")  # each has a FIFO of status lines
CREDENTIALS = {"gate": ("device_key", "device.key"), "uplink": ("token_file", "token")}  # setting, credential


def joined(name: str, runtime: Path, credentials: Path | None) -> dict[str, Any]:  # Any: JSON
    """The settings of process `name` with open descriptors in them. Raises `ConfigError` when a piece is missing."""
    path = runtime / "settings" / f"{name}.json"
    try:
        settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _missing(path, error) from error
    for setting, fifo, how in ENDS[name]:
        settings[setting] = _opened(runtime / fifo, how)
    if name == "status":
        settings["inputs"] = [_opened(runtime / f"{each}-status", READ) for each in WATCHED]
    elif name in WATCHED and (runtime / "settings" / "status.json").exists():
        settings["status"] = _opened(runtime / f"{name}-status", BOTH)
        if name == "listen":
            settings["from_status"] = _opened(runtime / "status-listen", BOTH)  # so that its end is not noticed
    if name == "gate":
        settings["notify"] = _notify_socket()
    setting, credential = CREDENTIALS.get(name, ("", ""))
    if credentials and credential and _filled(credentials / credential):
        settings[setting] = str(credentials / credential)
    return settings


def _notify_socket() -> int | None:
    """The gate may make no socket: it is handed this one."""
    address = os.environ.pop("NOTIFY_SOCKET", "")
    if not address:
        return None
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    connected.connect("\0" + address[1:] if address.startswith("@") else address)
    return connected.detach()


def _filled(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _opened(fifo: Path, how: int) -> int:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            descriptor = os.open(fifo, how | os.O_CLOEXEC)
            break
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > until:
                raise _missing(fifo, error) from error
        time.sleep(LOOK_AGAIN_S)
    if how != READ:
        with contextlib.suppress(OSError):  # the system's limit for all pipes of this user: smaller ones work too
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return descriptor


def _missing(path: Path, error: OSError) -> ConfigError:
    what = in_words(error)
    return ConfigError(
        what, where=str(path), hint="systemctl status wakeword-prepare; docs/operate.md, 'It does not start'"
    )


def main(arguments: list[str]) -> int:
    """Become the process that is named; returns only when that fails."""
    if len(arguments) != 1 or arguments[0] not in ENDS:
        print(f"wakeword.join: one argument, one of: {', '.join(ENDS)}", file=sys.stderr)
        return USAGE
    name, credentials = arguments[0], os.environ.get("CREDENTIALS_DIRECTORY")
    try:
        runtime = Path(os.environ.get("WAKEWORD_RUNTIME", str(RUNTIME)))
        settings = joined(name, runtime, Path(credentials) if credentials else None)
    except WakewordError as error:
        print(f"wakeword {name}: {error}", file=sys.stderr)
        return error.exit_code
    ends = [settings.get(setting) for setting in ("status", "notify", "from_status", *(end[0] for end in ENDS[name]))]
    for descriptor in (*ends, *settings.get("inputs", ())):
        if descriptor is not None:
            os.set_inheritable(descriptor, True)
    os.execv(  # noqa: S606  itself, without a shell
        sys.executable, [sys.executable, "-P", "-m", f"wakeword.{name}", json.dumps(settings, sort_keys=True)]
    )
    return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
