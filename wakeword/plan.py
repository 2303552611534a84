"""A checked configuration -> the plain settings of the three processes: paths resolved, models looked up and hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from wakeword.config import BYTES_PER_MS, Config, Word
from wakeword.errors import ConfigError
from wakeword.model import Manifest, find, load_manifest, set_digest
from wakeword.places import Places, absolute, places
from wakeword.settings import (
    GateSettings,
    ListenSettings,
    SessionSettings,
    SourceSettings,
    UplinkSettings,
    WordSettings,
)
from wakeword.supervise import Plan

_NONE = -1  # descriptors are the supervisor's to fill in


def make_plan(
    config: Config, source: SourceSettings | None = None, environment: Mapping[str, str] | None = None
) -> Plan:
    """What to start. `source` replaces the configured device (a file, standard input).

    Raises `ConfigError` when no service is configured and `ModelError` when a word's models are missing or changed.
    """
    if not config.uplink.url:
        hint = "set uplink.url or --url ws://HOST:PORT; to try it, run `wakeword service` and use --url ws://127.0.0.1:8765"
        raise ConfigError("no service to send to is configured", where="uplink.url", hint=hint)
    where = places(config, environment)
    found = [(find(word.model), word) for word in config.words]
    manifests = [(folder, load_manifest(folder), word) for folder, word in found]
    words = tuple(_word(folder, manifest, word) for folder, manifest, word in manifests)
    session = SessionSettings(config.session.silence_ms, config.session.cap_ms, config.session.refractory_ms)
    listen = ListenSettings(words, source or device(config), session, _NONE, _NONE, mute_file=str(where.mute_file))
    return Plan(
        listen, _gate(config, where, [manifest for _, manifest, _ in manifests], words), _uplink(config, manifests)
    )


def device(config: Config) -> SourceSettings:
    """The configured sound device."""
    source = config.source
    return SourceSettings("device", source.device, source.rate_hz, source.channels, source.channel)


def _word(folder: Path, manifest: Manifest, word: Word) -> WordSettings:
    point = manifest.operating_points[word.point]
    return WordSettings(
        model=str(folder.resolve()),
        threshold_stage1=point.stage1 if word.stage1 is None else word.stage1,
        threshold_stage2=point.stage2 if word.stage2 is None else word.stage2,
    )


def _gate(config: Config, where: Places, manifests: list[Manifest], words: tuple[WordSettings, ...]) -> GateSettings:
    policy, session = config.policy, config.session
    return GateSettings(
        directory=str(where.evidence),
        device_key=str(where.device_key),
        m1=set_digest([manifest.stage1.sha256 for manifest in manifests]),
        m2=set_digest([manifest.stage2.sha256 for manifest in manifests]),
        from_listen=_NONE, to_listen=_NONE, to_uplink=_NONE, from_uplink=_NONE,
        mute_file=str(where.mute_file),
        s1_min_ppm=min(ppm(word.threshold_stage1) for word in words),
        s2_min_ppm=min(ppm(word.threshold_stage2) for word in words),
        lag_ms=policy.lag_ms,
        cap_bytes=session.cap_ms * BYTES_PER_MS,
        cap_ms=session.cap_ms,
        window_bytes=policy.window_bytes,
        rate_bytes=policy.rate_bytes,
        sessions_per_hour=policy.sessions_per_hour,
        beat_ms=config.evidence.heartbeat_ms,
        config_sha256=hashlib.sha256(config.model_dump_json().encode()).hexdigest(),
    )  # fmt: skip


def _uplink(config: Config, manifests: list[tuple[Path, Manifest, Word]]) -> UplinkSettings:
    uplink = config.uplink
    return UplinkSettings(
        url=uplink.url,
        word=",".join(manifest.word for _, manifest, _ in manifests),
        from_gate=_NONE,
        to_gate=_NONE,
        token_file=str(absolute(uplink.token_file) or ""),
        ca_file=str(absolute(uplink.ca_file) or ""),
        connect_timeout_ms=uplink.connect_timeout_ms,
    )


def ppm(score: float) -> int:
    """[0, 1] -> whole millionths, downwards: a score is never made better than it is."""
    return int(score * 1_000_000)
