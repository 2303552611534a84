"""The configuration: one YAML file, the environment and the command line -> one checked value that knows its origins.

Loaded by the supervisor and the commands only; the three processes are handed plain settings (`plan.py`). Precedence:
command line, environment (`WAKEWORD_SECTION__KEY`), file, defaults. Whatever is wrong is a `ConfigError` that names
the file and line (or the variable, or the option), the key, and the nearest key that exists. No secret stands in it: a
token is named by its file.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from wakeword.errors import ConfigError
from wakeword.messages import MAX_WINDOW_BYTES
from wakeword.model import POINTS
from wakeword.sections import Key as Key  # noqa: PLC0414  who has a configuration names its keys
from wakeword.sections import scalar, values_of

PREFIX = "WAKEWORD_"
BYTES_PER_MS = 32  # 16 kHz, 16 bits


def _text(given: object) -> object:
    """A device may be given by its number, which YAML reads as one."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


def _words(given: object) -> object:
    """`computer`, `computer, jarvis`, or a list of names and mappings -> a list of mappings."""
    if isinstance(given, str):
        given = [name.strip() for name in given.split(",") if name.strip()]
    if isinstance(given, list):
        return [{"model": word} if isinstance(word, str) else word for word in given]
    return given


Score = Annotated[float, Field(ge=0.1, le=1.0)]  # below 0.1 no verifier of the evidence would accept the policy


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Word(_Section):
    """A word to listen for."""

    model: str = Field(min_length=1)  # a packaged word or a folder with manifest.yaml
    point: str = Field(default="default", pattern=rf"^({'|'.join(POINTS)})$|\.ya?ml$")  # or what `wakeword tune` wrote
    stage1_model: str = Field(default="", pattern=r"^$|^(openwakeword|microwakeword):.+")  # instead of the model's
    stage1: Score | None = None  # instead of the operating point's threshold
    stage2: Score | None = None


class Source(_Section):
    """Where sound comes from."""

    device: Annotated[str, BeforeValidator(_text)] = ""
    rate_hz: int = Field(default=16_000, ge=4_000, le=768_000)
    channels: int = Field(default=1, ge=1, le=64)
    channel: Annotated[int, Field(ge=0, le=63)] | None = None


class Session(_Section):
    """When a session ends, and how soon the next may begin."""

    silence_ms: int = Field(default=900, ge=100, le=10_000)
    patience_ms: int = Field(default=2_500, ge=100, le=30_000)
    cap_ms: int = Field(default=15_000, ge=1_000, le=58_000)
    refractory_ms: int = Field(default=1_000, ge=0, le=60_000)


class Uplink(_Section):
    """The service that receives."""

    url: str = Field(default="", pattern=r"^$|^wss?://[^\s/]+(/\S*)?$|^tcp://[^\s/@]+:\d{1,5}/?$")
    protocol: Literal["", "websocket", "wyoming"] = ""
    language: str = Field(default="", pattern=r"^[A-Za-z0-9-]{0,20}$")
    token_file: str = ""
    ca_file: str = ""
    pins: list[Annotated[str, Field(pattern=r"^sha256//[A-Za-z0-9+/]{43}=$")]] = Field(default=[], max_length=16)
    addresses: list[Annotated[str, Field(pattern=r"^[0-9A-Fa-f.:/]{2,49}$")]] = Field(default=[], max_length=32)
    connect_timeout_ms: int = Field(default=3_000, ge=100, le=30_000)


class Evidence(_Section):
    """The audit log."""

    directory: str = ""
    device_key: str = ""
    heartbeat_ms: int = Field(default=300_000, ge=1_000, le=900_000)
    keep_days: int = Field(default=90, ge=7, le=365)
    drop_days: int = Field(default=1_095, ge=365, le=3_650)
    meter: bool = True


class Policy(_Section):
    """What the gate refuses, whatever listen says. Each start writes it into the evidence."""

    lag_ms: int = Field(default=400, ge=1, le=2_000)
    window_bytes: int = Field(default=65_536, ge=2, le=MAX_WINDOW_BYTES, multiple_of=2)
    rate_bytes: int = Field(default=32_000, ge=1, le=64_000)
    sessions_per_hour: int = Field(default=20, ge=1, le=60)


class Status(_Section):
    """What may be seen from outside."""

    events: str = Field(default="", max_length=107)  # the longest path that a socket can have
    metrics: str = Field(default="", pattern=r"^$|^unix:/.{1,106}$|^(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}$")
    journal: bool = False


class Fleet(_Section):
    """Noisy counts for the maker, by consent: docs/fleet.md."""

    consent: bool = False
    url: str = Field(default="", pattern=r"^$|^https?://[^\s/]+(/\S*)?$")
    epsilon: float = Field(default=1.0, ge=0.01, le=10.0)
    budget: float = Field(default=12.0, ge=0.01, le=1_000.0)
    every_days: int = Field(default=7, ge=1, le=365)


class Config(_Section):
    """All of it. `configs/default.yaml` says what each key means; a test holds the two equal."""

    words: Annotated[list[Word], BeforeValidator(_words)] = Field(default=[Word(model="computer")], min_length=1)
    source: Source = Source()
    session: Session = Session()
    uplink: Uplink = Uplink()
    evidence: Evidence = Evidence()
    policy: Policy = Policy()
    status: Status = Status()
    fleet: Fleet = Fleet()
    mute_file: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that was found good, and where each of its values came from."""

    config: Config
    origins: Mapping[Key, str]  # "command line", "environment WAKEWORD_…", "file:line"; absent means the default

    def text(self) -> str:
        """YAML with the origin of each value beside it: what `--print-config` shows."""
        lines = [(_yaml_line(key, value), self.origins.get(key, "default")) for key, value in leaves(self.config)]
        width = min(60, max(len(line) for line, _ in lines))
        shown, section = [], ""
        for (line, origin), (key, _) in zip(lines, leaves(self.config), strict=True):
            if len(key) > 1 and key[0] != section:
                section = key[0]
                shown.append(f"{section}:")
            shown.append(f"{line:<{width}}  # {origin}")
        return "\n".join(shown)


def load(
    path: Path | None = None,
    options: Mapping[Key, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Loaded:
    """The configuration from `path` (or the first found), the environment and the command line's `options`.

    Raises `ConfigError` for the first thing that is wrong.
    """
    environment = os.environ if environment is None else environment
    values: dict[Key, object] = {}
    origins: dict[Key, str] = {}
    found = path or search(environment)
    if found:
        values, origins = values_of(found)
    for name, (key, value) in _from_environment(environment).items():
        values[key], origins[key] = value, f"environment {name}"
    for key, value in (options or {}).items():
        values[key], origins[key] = value, "command line"
    try:
        config = Config.model_validate(nested(values))
    except ValidationError as error:
        raise first_error(error, origins) from error
    _check_pairs(config, origins)
    return Loaded(config, origins)


def search(environment: Mapping[str, str]) -> Path | None:
    """$WAKEWORD_CONFIG, else the user's file, else the system's, else None: the defaults alone."""
    if named := environment.get(f"{PREFIX}CONFIG"):
        return Path(named)
    home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "/")) / ".config"
    places = (Path(home) / "wakeword" / "config.yaml", Path("/etc/wakeword/config.yaml"))
    return next((place for place in places if place.is_file()), None)


def leaves(config: Config) -> list[tuple[Key, object]]:
    """Each value with its key, sections in order. `words` is one value."""
    found: list[tuple[Key, object]] = []
    for name, value in config:
        if isinstance(value, BaseModel):
            found += [((name, inner), given) for inner, given in value]
        else:
            found.append(((name,), value))
    return found


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[Key, object]]:
    """`WAKEWORD_SECTION__KEY`. Other names that begin so are left alone unless they can only be meant for us."""
    found: dict[str, tuple[Key, object]] = {}
    for name in sorted(environment):
        key = tuple(part.lower() for part in name.removeprefix(PREFIX).split("__"))
        if not name.startswith(PREFIX) or (len(key) == 1 and key[0] not in Config.model_fields):
            continue
        if len(key) == 1 and key not in (("words",), ("mute_file",)):
            hint = f"{name}__KEY sets one of its keys"
            raise ConfigError("a whole section", where=f"environment {name}", hint=hint)
        text = environment[name]
        listed = key == ("words",) and text.lstrip().startswith("[")
        found[name] = (key, yaml.safe_load(text) if listed else scalar(text) if text else "")
    return found


def nested(values: Mapping[Key, object]) -> dict[str, Any]:  # Any: what pydantic is there to find out
    """Sections of keys, as pydantic takes them."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if len(key) == 1:
            found[key[0]] = value
        elif isinstance(found.setdefault(key[0], {}), dict):
            found[key[0]][key[1] if len(key) == 2 else "__".join(key[1:])] = value
    return found


def first_error(
    error: ValidationError, origins: Mapping[Key, str], root: type[BaseModel] = Config
) -> ConfigError:  # fmt: skip
    """Pydantic's findings, the first by place, in our words."""
    found = sorted((_place(detail, origins), number) for number, detail in enumerate(error.errors()))
    where, number = found[0]
    detail = error.errors()[number]
    others = f"; {len(found) - 1} more" if len(found) > 1 else ""
    return ConfigError(_what(detail) + others, where=where[-1], hint=_nearest(detail, root))


def _place(detail: ErrorDetails, origins: Mapping[Key, str]) -> tuple[str, int, str]:
    """Sortable: the file, the line in it, and the text that says both."""
    key = tuple(str(part) for part in detail["loc"])
    known = [key[:2], key[:1], *(named for named in origins if named[:1] == key[:1])]  # an unknown section's keys last
    origin = next((origins[named] for named in known if named in origins), "")
    place, _, line = origin.rpartition(":")
    return (place, int(line), origin) if line.isdigit() else (origin, 0, origin)


_PATTERNS = {  # what a text of this key is to be, and how it looks
    "url": ("an address of a service", "ws://HOST:PORT/PATH or wss://…, or tcp://HOST:PORT of a Wyoming server"),
    "stage1_model": ("a stage 1 of another program", "openwakeword:/path/head.onnx or microwakeword:/path/NAME.json"),
    "fleet.url": ("an address for reports", "https://HOST/PATH"),
    "addresses": ("an address", "an IP address or range: 192.0.2.7, 2001:db8::/32"),
    "pins": (
        "a key's pin",
        "sha256// and 44 characters of base64; a service's own stands in the refusal of a wrong one",
    ),
    "language": ("a language", "such as en or pt-BR"),
    "point": ("an operating point", f"{', '.join(POINTS)}, or a .yaml file that `wakeword tune` wrote"),
}


def _what(detail: ErrorDetails) -> str:
    dotted = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"unknown key {detail['loc'][-1]!r}"
    if detail["type"] == "string_pattern_mismatch":
        return f"{dotted}: not {_pattern(dotted)[0]}: {detail['input']!r}"
    message = detail["msg"]
    return f"{dotted}: {message[0].lower()}{message[1:]}, not {detail['input']!r}"


def _pattern(dotted: str) -> tuple[str, str]:
    names = [part for part in dotted.split(".") if not part.isdigit()]  # of a list's entries, its own
    return _PATTERNS.get(dotted) or _PATTERNS[names[-1]]


def _nearest(detail: ErrorDetails, root: type[BaseModel]) -> str:
    if detail["type"] == "string_pattern_mismatch":
        return _pattern(".".join(str(part) for part in detail["loc"]))[1]
    if detail["type"] != "extra_forbidden":
        return ""
    *parents, unknown = (str(part) for part in detail["loc"])
    known = _keys_below(parents, root)
    near = difflib.get_close_matches(unknown, known, n=1, cutoff=0.5)
    return f"nearest: {near[0]}" if near else f"known: {', '.join(known)}"


def _keys_below(parents: list[str], root: type[BaseModel]) -> list[str]:
    if not parents:
        return list(root.model_fields)
    if parents[0] == "words":
        return list(Word.model_fields)
    return list(type(root.model_fields[parents[0]].default).model_fields)


def _check_pairs(config: Config, origins: Mapping[Key, str]) -> None:
    """What is possible alone and not together."""
    session, uplink = config.session, config.uplink
    pre_roll_ms = config.policy.window_bytes // BYTES_PER_MS

    def wrong(what: str, *keys: Key, hint: str = "") -> ConfigError:
        return ConfigError(what, where=next((origins[key] for key in keys if key in origins), ""), hint=hint)

    names = ("refractory_ms", "cap_ms", "silence_ms", "patience_ms")
    refractory, cap, silence, patience = (("session", name) for name in names)
    if session.refractory_ms > session.cap_ms:
        what = f"session.refractory_ms {session.refractory_ms} is longer than session.cap_ms {session.cap_ms}"
        raise wrong(what, refractory, cap, hint="a session may not be followed by a deafness longer than itself")
    if session.cap_ms <= pre_roll_ms:
        what = f"session.cap_ms {session.cap_ms} is not above the pre-roll, {pre_roll_ms} ms (policy.window_bytes)"
        raise wrong(what, cap, ("policy", "window_bytes"), hint="nothing would follow the wake word")
    for name, key in (("silence_ms", silence), ("patience_ms", patience)):
        if (given := getattr(session, name)) >= session.cap_ms:
            raise wrong(f"session.{name} {given} is not below session.cap_ms {session.cap_ms}", key, cap)
    spoken = "wyoming" if uplink.url.startswith("tcp://") else "websocket"
    if uplink.url and uplink.protocol not in ("", spoken):
        what = f"uplink.protocol is {uplink.protocol}, and {uplink.url.partition(':')[0]}:// addresses speak {spoken}"
        raise wrong(what, ("uplink", "protocol"), ("uplink", "url"))
    if uplink.pins and not uplink.url.startswith("wss://"):
        raise wrong("uplink.pins without a wss:// address: no other has a key", ("uplink", "pins"), ("uplink", "url"))
    if uplink.token_file and spoken == "wyoming":
        raise wrong("uplink.token_file with a Wyoming server: it asks for none", ("uplink", "token_file"))
    if uplink.token_file and uplink.url.startswith("ws://") and not _loopback(uplink.url):
        what = "uplink.token_file with a ws:// address would send the token readable to all"
        raise wrong(what, ("uplink", "url"), ("uplink", "token_file"), hint="use wss://")
    _check_fleet(config.fleet, wrong)
    models = [word.model for word in config.words]
    if len(set(models)) != len(models):
        raise wrong(f"words: {max(models, key=models.count)!r} stands there twice", ("words",))


def _check_fleet(fleet: Fleet, wrong: Callable[..., ConfigError]) -> None:
    consent, url = ("fleet", "consent"), ("fleet", "url")
    if fleet.consent and not fleet.url:
        raise wrong("fleet.consent without fleet.url: to whom?", consent, hint="https://…, as the maker names it")
    if fleet.url.startswith("http://") and not _loopback(fleet.url):
        raise wrong("fleet.url without encryption", url, hint="use https://")
    if fleet.epsilon > fleet.budget:
        what = f"fleet.epsilon {fleet.epsilon:g} is above fleet.budget {fleet.budget:g}: not one report could be sent"
        raise wrong(what, ("fleet", "epsilon"), ("fleet", "budget"))


def _loopback(url: str) -> bool:
    """The uplink decides in the end, by the same rule; here the mistake gets its line."""
    try:
        return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    except ValueError:
        return False


def _yaml_line(key: Key, value: object) -> str:
    if isinstance(value, list):
        value = [word.model_dump(exclude_defaults=True) for word in value]
    dumped = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return "  " * (len(key) - 1) + f"{key[-1]}: {dumped.removesuffix('...' + chr(10)).strip()}"
