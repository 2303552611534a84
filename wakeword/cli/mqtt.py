"""`wakeword mqtt`: the daemon's events for a broker and Home Assistant, until Ctrl-C."""

from __future__ import annotations

import argparse
import importlib.util
import re
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from wakeword.cli.status import events, socket_arguments
from wakeword.errors import CheckFailed, ConfigError
from wakeword.sandbox import AF_INET, AF_INET6, AF_UNIX, python_places, resolver_places, wall_calls, wall_files
from wakeword.status.client import connected, lines

if TYPE_CHECKING:
    from wakeword.mqtt import Teller

EXAMPLES = """examples:
  wakeword mqtt --broker mqtt://homeassistant.local
  wakeword mqtt --broker mqtts://broker.example --user speaker --password-file /etc/wakeword/mqtt --name kitchen

Home Assistant finds it by itself. The broker, and whoever may read there, learns when a word was said, and no sound.
Needs the daemon's events socket (status.events) and the extra mqtt. docs/status.md has the topics."""
AGAIN_S = 2.0  # a daemon that is not there is looked for so often


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword mqtt`."""
    parser.epilog = EXAMPLES
    parser.add_argument("--broker", required=True, metavar="URL", help="mqtt://HOST[:PORT], or mqtts:// with TLS")
    parser.add_argument("--user", default="", metavar="NAME", help="at the broker")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is the password")
    parser.add_argument("--name", default="", metavar="N", help="of this speaker in topics (default: the machine's)")
    parser.add_argument(
        "--discovery",
        default="homeassistant",
        metavar="PREFIX",
        help='of Home Assistant; "": none (default: %(default)s)',
    )
    socket_arguments(parser)


def execute(given: argparse.Namespace) -> int:
    """Until SIGINT or SIGTERM."""
    if importlib.util.find_spec("paho") is None:
        raise ConfigError("the library paho-mqtt is not installed", hint="pip install 'wakeword[mqtt]'")
    from wakeword.mqtt import Broker, Teller, Topics

    path = events(given)
    name = given.name or re.sub(r"[^a-z0-9_-]", "-", socket.gethostname().lower())[:40]
    broker = Broker(given.broker, given.user, _password(given.password_file))
    teller = Teller(broker, Topics(name, given.discovery), _say)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wall_files(read=[*python_places(), *resolver_places()])
    wall_calls([AF_UNIX, AF_INET, AF_INET6])
    try:
        with teller:
            while True:
                _follow(teller, path)
                time.sleep(AGAIN_S)
    except KeyboardInterrupt:
        return 0


def _follow(teller: Teller, path: str) -> None:
    """As long as this daemon lives."""
    try:
        with connected(path) as link:
            link.settimeout(None)
            for line in lines(link):
                teller.take(line)
    except (CheckFailed, OSError):
        pass  # it is not there, or broke off: told below, and looked for again
    teller.gone()


def _password(file: Path | None) -> str:
    """Its first line. Raises `ConfigError`."""
    if file is None:
        return ""
    try:
        return file.read_text("utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"no password can be read: {error}", where=str(file)) from error


def _say(text: str) -> None:
    print(text, flush=True)
