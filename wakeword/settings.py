"""What each process is handed at its start: plain frozen values, already checked, no secrets.

The supervisor reads and checks the configuration (`config.py`) and gives each process its own part as JSON. File
descriptors are those that the supervisor left open for it. Standard library only: the gate loads this module too.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class WordSettings:
    """One word to listen for: a model folder and its operating point."""

    model: str  # folder with manifest.yaml, stage1.onnx, stage2.onnx
    threshold_stage1: float
    threshold_stage2: float
    stage1_model: str = ""  # another program's stage 1 instead of the folder's: KIND:PATH (`wakeword/peers/`)
    smoothed_steps: int = 2  # as in `model.Point`, whose defaults these are
    refractory_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where sound comes from: `device` (a PortAudio name or index), `file:PATH`, or `stdin`."""

    kind: str = "device"  # device, file, stdin
    name: str = ""  # device name or index ("" is the default one), or the file's path
    rate_hz: int = 16_000  # of the device or of raw stdin
    channels: int = 1  # of the device or of raw stdin
    channel: int | None = None  # take this one, counted from 0; None mixes (the mean of the channels that are alive)
    paced: bool = True  # a file or stdin is played in real time, as a microphone would
    speed: float = 1.0  # ... or so many times as fast, but for sessions
    wait: bool = False  # for a device that is not there at the start, instead of giving up


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """When a session ends by itself."""

    silence_ms: int = 900  # without voice, once something was said
    patience_ms: int = 2_500  # without voice, before anything was said
    cap_ms: int = 15_000
    refractory_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class ConsentSettings:
    """Candidates may be kept while this very file stands unchanged (`keep/consent.py`); seconds of the wall clock."""

    file: str = ""
    stamp: str = ""  # names the file as it was at the start
    given_s: int = 0
    until_s: int = 0


@dataclass(frozen=True, slots=True)
class CollectSettings:
    """What listen does about candidates kept for tuning: nothing, unless there is consent."""

    consent: ConsentSettings = ConsentSettings()
    to_keeper: int | None = None  # the pipe that takes them; None: none is kept
    over: str = ""  # expired or forgotten since the last start: the evidence is to be told


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """Process 1."""

    words: tuple[WordSettings, ...]
    source: SourceSettings
    session: SessionSettings
    to_gate: int
    from_gate: int
    mute_file: str = ""  # while this file exists the sound device is closed; "" means there is no switch
    status: int | None = None  # one-way JSON lines for whoever watches; dropped when the pipe is full
    from_status: int | None = None  # holds (`hold.py`); None when nobody may ask for one
    lag_ms: int = 400  # the gate's policy: a wake decided later than this is not even asked for
    evidence: str = ""  # where it is: opened at the start, to show that this process cannot
    collect: CollectSettings = CollectSettings()
    stats_epsilon: int = 0  # thousandths that each day's report costs (`daily/day.py`); 0: nothing is counted for one
    stats_day_s: int = 86_400


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Process 2. Scores are in ppm; the policy's limits are those of docs/audit-log.md."""

    directory: str  # of the evidence
    device_key: str  # file with the device key's 32-byte seed
    m1: str  # what listens at stage 1: sha256 of the one file, or of the set of files (`model.set_digest`)
    m2: str  # the same of stage 2
    from_listen: int
    to_listen: int
    to_uplink: int
    from_uplink: int
    mute_file: str = ""  # while this file exists, the household has muted; "" means there is no switch
    s1_min_ppm: int = 500_000
    s2_min_ppm: int = 500_000
    lag_ms: int = 400
    cap_bytes: int = 480_000
    cap_ms: int = 15_000
    window_bytes: int = 65_536
    rate_bytes: int = 32_000  # a second
    sessions_per_hour: int = 20
    beat_ms: int = 300_000
    keep_days: int = 90  # then records keep their hashes only
    drop_days: int = 1_095  # then these go too
    meter: str = "own"  # who counts the uplink's bytes: none, own (the uplink itself), nft or bpf (a meter)
    from_meter: int = -1
    stats_epsilon: int = 0  # thousandths that each report of a day's counts costs; 0: none may be sent
    stats_budget: int = 0  # thousandths that all of them may
    stats_days: int = 1  # of so many days one is reported
    ended: tuple[str, ...] = ()  # of the start before: "listen signal 9", "uplink exit 1", "gate watchdog 0"
    config_sha256: str = "0" * 64
    status: int | None = None
    notify: int | None = None  # a socket to systemd, already connected: the gate itself can make none


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """Process 3."""

    url: str
    word: str  # named in the header; several words are joined by commas
    from_gate: int
    to_gate: int
    token_file: str = ""  # sent as a bearer token
    ca_file: str = ""  # trust this authority instead of the system's
    pins: tuple[str, ...] = ()  # keys that the service may have (`service/pins.py`); () for any that is certified
    receipts: str = ""  # folder for what the service signs; "" keeps nothing
    connect_timeout_ms: int = 3_000
    language: str = ""  # asked of a Wyoming server; "" leaves it to the server
    fleet_url: str = ""  # who is sent the day's reports; "" is nobody
    evidence: str = ""  # as in ListenSettings
    status: int | None = None
    header: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """The keeper, which runs only where there is consent."""

    from_listen: int
    folder: str
    consent: ConsentSettings
    public_key: str  # 64 hexadecimal digits: the clips are sealed to it
    most_clips: int
    evidence: str = ""  # as in ListenSettings


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """The meter, where the kernel's counts are wanted."""

    to_gate: int
    source: str  # nft or bpf
    table: str = "wakeword"  # nft: of family inet, in the namespace that the uplink has to itself
    unit: str = "wakeword-uplink.service"  # bpf: systemd's name of the uplink


@dataclass(frozen=True, slots=True)
class StatusSettings:
    """Process 4, which may be absent."""

    inputs: tuple[int, ...] = ()  # status lines of the others
    to_listen: int | None = None  # holds (`hold.py`)
    events: str = ""  # path of a socket; "" is none
    metrics: str = ""  # unix:PATH or HOST:PORT; "" is none
    journal: bool = False  # decisions, sessions, faults

    @property
    def wanted(self) -> bool:
        """Is there anybody to tell?"""
        return bool(self.events or self.metrics or self.journal)


def to_json(
    settings: ListenSettings | GateSettings | UplinkSettings | KeeperSettings | MeterSettings | StatusSettings,
) -> str:
    """The settings as one line for a process's command line."""
    return json.dumps(asdict(settings), sort_keys=True)


def listen_from_json(text: str) -> ListenSettings:
    """The inverse of `to_json`; raises `TypeError` or `KeyError` on anything else."""
    given = _mapping(text)
    given["words"] = tuple(WordSettings(**word) for word in given["words"])
    given["source"] = SourceSettings(**given["source"])
    given["session"] = SessionSettings(**given["session"])
    collect: dict[str, Any] = given.get("collect", {})
    given["collect"] = CollectSettings(**collect | {"consent": ConsentSettings(**collect.get("consent", {}))})
    return ListenSettings(**given)


def gate_from_json(text: str) -> GateSettings:
    """The inverse of `to_json`; raises `TypeError` or `KeyError` on anything else."""
    given = _mapping(text)
    given["ended"] = tuple(given.get("ended", ()))
    return GateSettings(**given)


def keeper_from_json(text: str) -> KeeperSettings:
    """The inverse of `to_json`; raises `TypeError` or `KeyError` on anything else."""
    given = _mapping(text)
    return KeeperSettings(**given | {"consent": ConsentSettings(**given["consent"])})


def meter_from_json(text: str) -> MeterSettings:
    """The inverse of `to_json`; raises `TypeError`, or `ValueError` for a source that there is not."""
    settings = MeterSettings(**_mapping(text))
    if settings.source not in ("nft", "bpf"):
        raise ValueError(f"a meter asks nft or bpf, not {settings.source!r}")
    return settings


def status_from_json(text: str) -> StatusSettings:
    """The inverse of `to_json`; raises `TypeError` or `KeyError` on anything else."""
    given = _mapping(text)
    return StatusSettings(**given | {"inputs": tuple(given["inputs"])})


def uplink_from_json(text: str) -> UplinkSettings:
    """The inverse of `to_json`; raises `TypeError` or `KeyError` on anything else."""
    given = _mapping(text)
    return UplinkSettings(**given | {"pins": tuple(given.get("pins", ()))})


def _mapping(text: str) -> dict[str, Any]:
    """Names and values; raises `TypeError` for JSON that is anything else."""
    return dict(**json.loads(text))
