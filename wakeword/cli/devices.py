"""`wakeword devices`: which microphones there are, and whether they hear anything."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from wakeword.errors import SourceError
from wakeword.source.level import Level, measure
from wakeword.source.microphone import Device, Microphone, devices, find

EXAMPLES = """examples:
  wakeword devices                    all microphones, each heard for a second
  wakeword devices --device usb       one of them
  wakeword devices --no-level --json  a list for a program

dead: every sample is the same, as from a muted or broken microphone. clipped: samples at full scale; lower the gain.
Speech at a usual distance should reach about -40 to -20 dBFS. No microphone listed: docs/microphone.md."""

BAR_DB, BAR_WIDTH = 60.0, 20  # the bar spans -60 dBFS to full scale


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword devices`."""
    parser.epilog = EXAMPLES
    parser.add_argument("--device", metavar="D", help="only this one: name or part of a name")
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="how long to hear each (default 1)")
    parser.add_argument("--no-level", action="store_true", help="list only; open none")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def execute(given: argparse.Namespace) -> int:
    """List, and hear each in turn."""
    chosen = devices() if given.device is None else [find(given.device)]
    if not chosen:
        raise SourceError("no microphone was found", hint="docs/microphone.md says what to look at")
    for device in chosen:
        level, trouble = (None, "") if given.no_level else _hear(device, given.seconds)
        print(_as_json(device, level, trouble) if given.json else _as_text(device, level, trouble), flush=True)
    return 0


def _hear(device: Device, seconds: float) -> tuple[Level | None, str]:
    try:
        microphone = Microphone(device)
        try:
            heard = microphone.read_for(seconds)
        finally:
            microphone.close()
    except SourceError as error:
        return None, str(error)
    return (measure(heard), "") if len(heard) else (None, "it delivers nothing")


def _as_json(device: Device, level: Level | None, trouble: str) -> str:
    return json.dumps({**asdict(device), "level": asdict(level) if level else None, "trouble": trouble})


def _as_text(device: Device, level: Level | None, trouble: str) -> str:
    mark = "*" if device.default else " "
    what = f"{mark} {device.index:>2}  {device.name:<32.32}  {device.channels:>3} ch  {device.rate_hz:>6} Hz"
    if level is None:
        return f"{what}  {trouble}".rstrip()
    filled = round(BAR_WIDTH * max(0.0, 1 + level.rms_dbfs / BAR_DB))
    flags = ["dead"] * level.constant + [f"clipped {level.clipped}"] * (level.clipped > 0)
    flags += [f"offset {level.dc:+.2f}"] * (abs(level.dc) > 0.05)
    return f"{what}  {'#' * filled:<{BAR_WIDTH}} {level.rms_dbfs:6.1f} dBFS  {' '.join(flags)}".rstrip()
