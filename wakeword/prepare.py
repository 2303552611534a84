"""Under systemd, before each start: checks the configuration and writes down each process's own part of it.

    python -m wakeword.prepare [--config FILE] [--check]        (systemd/wakeword-prepare.service; without rights)

Into /run/wakeword/settings ($WAKEWORD_RUNTIME): `listen.json`, `gate.json`, `uplink.json`, which `wakeword.join`
reads, `meter.json` and `status.json` where these are wanted; and `narrow`: which addresses the uplink may reach and
which sound devices listen may open, one a line, which `wakeword-narrow` hands to systemd. What systemd said of how the
start before ended (`ended`, by `wakeword-before`) becomes the gate's `cause` records. A wrong configuration ends here,
with exit code 2, before anything is started.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from wakeword import config
from wakeword.config import Config
from wakeword.errors import WakewordError
from wakeword.join import RUNTIME
from wakeword.onlookers import status_settings
from wakeword.plan import make_plan
from wakeword.settings import MeterSettings, to_json

RESOLV_CONF = Path("/etc/resolv.conf")
CARDS = Path("/proc/asound")
HELPERS = ("meter", "status")
_NONE = -1  # descriptors are for `wakeword.join` to fill in
_HOW = {
    "exit-code": "exit", "signal": "signal", "core-dump": "signal", "oom-kill": "signal", "watchdog": "watchdog",
    "timeout": "late",
}  # fmt: skip


def prepare(loaded: Config, runtime: Path) -> None:
    """Write the settings; raises `WakewordError` when nothing should be started with them."""
    plan = make_plan(loaded)
    ended = tuple(causes(_text(runtime / "ended")))
    meter = "bpf" if loaded.evidence.meter else "own"
    parts = {
        "listen": to_json(plan.listen),
        "gate": to_json(replace(plan.gate, ended=ended, meter=meter)),
        "uplink": to_json(plan.uplink),
    }
    if loaded.evidence.meter:
        parts["meter"] = to_json(MeterSettings(_NONE, meter))
    if (status := status_settings(loaded)).wanted:
        parts["status"] = to_json(status)
    for name in HELPERS:  # their units start where there is a file
        (runtime / "settings" / f"{name}.json").unlink(missing_ok=True)
    for name, text in parts.items():
        _write(runtime / "settings" / f"{name}.json", text + "\n")
    narrow = [f"address {each}" for each in addresses(loaded, _text(RESOLV_CONF))]
    narrow += [f"device {each}" for each in sound_devices(loaded.source.device, CARDS)]
    _write(runtime / "settings" / "narrow", "".join(f"{line}\n" for line in narrow))


def causes(shown: str) -> Iterator[str]:
    """How processes ended that should not have, the first to end first: "listen signal 9".

    `shown`: what `systemctl show` says of the three, perhaps more than once. An exit with code 1 after another's end
    only followed from it.
    """
    found = set()
    for block in shown.strip().split("\n\n"):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        name = re.fullmatch(r"wakeword-(listen|gate|uplink)\.service", told.get("Id", ""))
        how = _HOW.get(told.get("Result", ""))
        if name and how:
            code = told.get("ExecMainStatus", "0")
            found.add((int(told.get("ExecMainExitTimestampMonotonic", "0")), f"{name[1]} {how} {code}"))
    for number, (_, cause) in enumerate(sorted(found)):
        if number == 0 or not cause.endswith(" exit 1"):
            yield cause


def addresses(loaded: Config, resolv_conf: str) -> list[str]:
    """What the uplink may reach: the service's address, or those that the configuration names and the name servers.

    By consent the maker's too. [] for no limit: who is known by a name alone may be anywhere.
    """
    urls = [loaded.uplink.url, *([loaded.fleet.url] if loaded.fleet.consent else [])]
    found = [_addresses(url, loaded.uplink.addresses, resolv_conf) for url in urls]
    return list(dict.fromkeys(address for each in found for address in each)) if all(found) else []


def _addresses(url: str, named: list[str], resolv_conf: str) -> list[str]:
    host = urlsplit(url).hostname or ""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        if host == "localhost":
            return ["127.0.0.1", "::1"]
    if not named:
        return []
    servers = re.findall(r"^\s*nameserver\s+([0-9a-fA-F:.]+)", resolv_conf, re.MULTILINE)
    return [*named, *servers]


def sound_devices(device: str, cards: Path) -> list[str]:
    """The devices of the one card that is configured, when its id or its ALSA name says which; [] for all cards.

    `hw:CARD=Device,DEV=0`, `plughw:Device`, and PortAudio's `…: USB Audio (hw:1,0)` name a card.
    """
    named = re.search(r"(?:hw|plughw|sysdefault|front|dsnoop):(?:CARD=)?([A-Za-z0-9_-]+)", device)
    if named is None:
        return []
    link = cards / named[1]  # /proc/asound/ID is a link to card1
    number = (
        named[1] if named[1].isdecimal() else link.readlink().name.removeprefix("card") if link.is_symlink() else ""
    )
    if not number.isdecimal():
        return []
    captures = sorted(entry.name for entry in (cards / f"card{number}").glob("pcm*c"))
    nodes = [f"pcmC{number}D{name.removeprefix('pcm').removesuffix('c')}c" for name in captures]
    return [f"/dev/snd/{node}" for node in (f"controlC{number}", *nodes)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a process that starts meanwhile must not read half of it."""
    new = path.with_name(f".{path.name}")
    new.write_text(text, encoding="utf-8")
    new.chmod(0o644)  # users of their own read them; there is no secret in them
    new.replace(path)


def main(arguments: Iterable[str] | None = None) -> int:
    """Exit code 0, or 2 with what is wrong."""
    parser = argparse.ArgumentParser(prog="wakeword.prepare", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--config", type=Path, default=Path("/etc/wakeword/config.yaml"))
    parser.add_argument("--check", action="store_true", help="write nothing: would the configuration do?")
    given = parser.parse_args(None if arguments is None else list(arguments))
    try:
        loaded = config.load(given.config).config
        if given.check:
            make_plan(loaded)
            status_settings(loaded)
        else:
            prepare(loaded, Path(os.environ.get("WAKEWORD_RUNTIME", str(RUNTIME))))
    except WakewordError as error:
        print(f"wakeword: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
