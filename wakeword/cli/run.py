"""`wakeword run`: the daemon in the foreground."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from wakeword import config
from wakeword.config import Config
from wakeword.display import described
from wakeword.errors import ConfigError
from wakeword.keep.consent import Shelf
from wakeword.keep.start import Keeping
from wakeword.lives import Lives
from wakeword.onlookers import Onlookers, status_settings
from wakeword.places import places, prepare
from wakeword.plan import make_plan
from wakeword.settings import SourceSettings
from wakeword.source.file import FileSource
from wakeword.supervise import Plan

EXAMPLES = """examples:
  wakeword run --url ws://127.0.0.1:8765              the default microphone, the word "computer"
  wakeword run --word jarvis --word alexa --device usb --channel 0 --url wss://speech.example/in
  wakeword run --input talk.flac --fast --json        a recording instead of the microphone
  arecord -q -f S16_LE -r 48000 -c 2 | wakeword run --input - --rate 48000 --channels 2
  wakeword run --print-config                         each setting, and where it came from

Settings not given here come from the environment (WAKEWORD_SECTION__KEY), then --config FILE, or
~/.config/wakeword/config.yaml, or /etc/wakeword/config.yaml, then the defaults (configs/default.yaml).
Ends on Ctrl-C or SIGTERM; the log is closed in order. SIGHUP reads the settings again and starts all processes afresh,
with a new log file for the new policy; so does a process that was killed or broke down, or a microphone that is lost
beyond mending, as long as it takes, unless the input is a recording or a pipe.
Exit codes: 0 ended in order, 2 bad usage or configuration, 3 the sound source failed at the first start, 74 the log's
disk failed, 78 the log is damaged, 128+N a process was ended by signal N."""

_OPTIONS = {  # option -> the key of the configuration that it sets
    "word": ("words",),
    "device": ("source", "device"),
    "channel": ("source", "channel"),
    "rate": ("source", "rate_hz"),
    "channels": ("source", "channels"),
    "url": ("uplink", "url"),
    "evidence": ("evidence", "directory"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wakeword run`."""
    parser.epilog = EXAMPLES
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML; what it may hold: configs/default.yaml")
    parser.add_argument(
        "--word",
        "--model",
        dest="word",
        action="append",
        metavar="W",
        help="a shipped word or a model folder; repeatable",
    )
    parser.add_argument("--input", metavar="FILE", help="a recording instead of the microphone; - is standard input")
    parser.add_argument("--fast", action="store_true", help="read a recording as fast as it goes, but for sessions")
    parser.add_argument("--device", metavar="D", help="microphone: name or part of a name (`wakeword devices`)")
    parser.add_argument(
        "--channel", type=int, metavar="N", help="take this channel, counted from 0; else they are mixed"
    )
    parser.add_argument("--rate", type=int, metavar="HZ", help="of the microphone or of raw standard input")
    parser.add_argument("--channels", type=int, metavar="N", help="of the microphone or of raw standard input")
    parser.add_argument("--url", metavar="URL", help="the service that receives: ws://…, wss://…, or tcp://… (Wyoming)")
    parser.add_argument("--evidence", metavar="DIR", help="where the log is kept")
    parser.add_argument("--print-config", action="store_true", help="show the settings and their origins, and end")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")


def execute(given: argparse.Namespace) -> int:
    """Run until the source ends or a signal comes."""
    options: dict[config.Key, object] = {
        key: getattr(given, name) for name, key in _OPTIONS.items() if getattr(given, name) is not None
    }
    loaded = config.load(given.config, options)
    if given.print_config:
        print(loaded.text())
        return 0
    with Onlookers(status_settings(loaded.config)) as onlookers, Keeping() as keeping:
        return _live(given, options, onlookers, keeping)


def _live(given: argparse.Namespace, options: dict[config.Key, object], onlookers: Onlookers, keeping: Keeping) -> int:
    lives = Lives(lambda: _plan(given, options, onlookers.hold, keeping))
    plan, show = lives.plan, _print_json if given.json else _print_text
    if not given.json:
        print(f"words: {plan.uplink.word}   service: {plan.uplink.url}   evidence: {plan.gate.directory}", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: lives.stop())
    signal.signal(signal.SIGHUP, lambda *_: lives.reload())
    for line in lives.lines():
        onlookers.tell(json.dumps(line).encode() + b"\n", line)
        show(line)
        if keeping.look(line):
            lives.reload()
    if lives.failure:
        print(f"wakeword: {lives.failure}", file=sys.stderr)
    return lives.exit_code


def _plan(given: argparse.Namespace, options: dict[config.Key, object], hold: int | None, keeping: Keeping) -> Plan:
    """What to start, read afresh. Raises `WakewordError`."""
    loaded = config.load(given.config, options).config
    plan = make_plan(loaded, _source(given, loaded))
    where = places(loaded)
    prepare(where)
    collect = keeping.begin(Shelf(where.evidence.parent), str(where.evidence))
    return replace(plan, listen=replace(plan.listen, from_status=hold, collect=collect))


def _source(given: argparse.Namespace, loaded: Config) -> SourceSettings | None:
    """What replaces the microphone, if anything does."""
    if given.fast and given.input in (None, "-"):
        raise ConfigError("--fast is for a recording", where="--fast", hint="--input FILE")
    if given.input is None:
        return None
    if given.input == "-":
        if sys.stdin.isatty():
            raise ConfigError(
                "standard input is a terminal", where="--input -", hint="arecord … | wakeword run --input -"
            )
        source = loaded.source
        return SourceSettings("stdin", "", source.rate_hz, source.channels, source.channel)
    path = Path(given.input).absolute()
    FileSource(path, loaded.source.channel).close()  # refuse an unreadable one here, before anything is started
    return SourceSettings("file", str(path), channel=loaded.source.channel, paced=not given.fast)


def _print_json(line: dict[str, Any]) -> None:  # Any: JSON
    print(json.dumps(line, ensure_ascii=False), flush=True)


def _print_text(line: dict[str, Any]) -> None:  # Any: JSON
    text = described(line)
    if text:
        print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)
