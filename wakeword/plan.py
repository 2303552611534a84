"""A checked configuration -> the plain settings of the three processes: paths resolved, models looked up and hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from wakeword.config import BYTES_PER_MS, Config, Word
from wakeword.daily.mechanism import check_installed
from wakeword.errors import ConfigError
from wakeword.model import Model, load, point_of, set_digest
from wakeword.peers import check, replaced
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

CAP_SLACK_MS = 1_000  # listen counts samples, the gate the clock: listen should be the first to end a session
_NONE = -1  # descriptors are the supervisor's to fill in


def make_plan(
    config: Config, source: SourceSettings | None = None, environment: Mapping[str, str] | None = None
) -> Plan:
    """What to start. `source` replaces the configured device (a file, standard input).

    Raises `ConfigError` when no service is configured, or a model lacks the operating point; `ModelError` when a word's
    models are missing or changed.
    """
    if not config.uplink.url:
        hint = "set uplink.url or --url ws://HOST:PORT; to try it: `wakeword service`, then --url ws://127.0.0.1:8765"
        raise ConfigError("no service to send to is configured", where="uplink.url", hint=hint)
    where = places(config, environment)
    if config.fleet.consent:
        check_installed()
    models = [_model(word) for word in config.words]
    words = tuple(word_settings(model, word) for model, word in zip(models, config.words, strict=True))
    for word in words:
        if (word.refractory_ms or 0) > config.session.cap_ms:
            what = f"the point of {word.model} has a refractory_ms longer than session.cap_ms {config.session.cap_ms}"
            raise ConfigError(what, where="session.cap_ms", hint="as for session.refractory_ms")
    return Plan(
        listen=_listen(config, where, words, source or device(config)),
        gate=_gate(config, where, words, models),
        uplink=_uplink(config, where, models),
    )


def device(config: Config) -> SourceSettings:
    """The configured sound device."""
    source = config.source
    return SourceSettings("device", source.device, source.rate_hz, source.channels, source.channel)


def word_settings(model: Model, word: Word) -> WordSettings:
    """A configured word with its thresholds. Raises `ConfigError` when the model lacks the operating point."""
    point = point_of(model, word.point)
    return WordSettings(
        model=str(model.folder.resolve()),
        threshold_stage1=point.stage1 if word.stage1 is None else word.stage1,
        threshold_stage2=point.stage2 if word.stage2 is None else word.stage2,
        smoothed_steps=point.smoothed_steps,
        refractory_ms=point.refractory_ms,
        stage1_model=_absolute(word.stage1_model),
    )


def _model(word: Word) -> Model:
    """A configured word's model, with another program's stage 1 if there is one."""
    return replaced(load(word.model), _absolute(word.stage1_model))


def _absolute(spec: str) -> str:
    """`KIND:PATH` with the whole path, for a process that may start elsewhere; "" for ""."""
    if not spec:
        return ""
    kind, path = check(spec)
    return f"{kind}:{path.absolute()}"


def _listen(config: Config, where: Places, words: tuple[WordSettings, ...], source: SourceSettings) -> ListenSettings:
    session = SessionSettings(**config.session.model_dump())  # the same names: a test compares them
    mute, evidence = str(where.mute_file), str(where.evidence)
    return ListenSettings(
        words, source, session, _NONE, _NONE, mute, evidence=evidence, lag_ms=config.policy.lag_ms,
        stats_epsilon=_epsilon(config),
    )  # fmt: skip


def _gate(config: Config, where: Places, words: tuple[WordSettings, ...], models: list[Model]) -> GateSettings:
    policy, session = config.policy, config.session
    return GateSettings(
        directory=str(where.evidence),
        device_key=str(where.device_key),
        m1=set_digest([model.stage1_sha256 for model in models]),
        m2=set_digest([model.stage2_sha256 for model in models]),
        from_listen=_NONE, to_listen=_NONE, to_uplink=_NONE, from_uplink=_NONE,
        mute_file=str(where.mute_file),
        s1_min_ppm=min(ppm(word.threshold_stage1) for word in words),
        s2_min_ppm=min(ppm(word.threshold_stage2) for word in words),
        lag_ms=policy.lag_ms,
        cap_bytes=policy.window_bytes + session.cap_ms * BYTES_PER_MS,
        cap_ms=session.cap_ms + CAP_SLACK_MS,
        window_bytes=policy.window_bytes,
        rate_bytes=policy.rate_bytes,
        sessions_per_hour=policy.sessions_per_hour,
        beat_ms=config.evidence.heartbeat_ms,
        keep_days=config.evidence.keep_days,
        drop_days=config.evidence.drop_days,
        stats_epsilon=_epsilon(config),
        stats_budget=thousandths(config.fleet.budget),
        stats_days=config.fleet.every_days,
        config_sha256=hashlib.sha256(config.model_dump_json().encode()).hexdigest(),
    )  # fmt: skip


def _uplink(config: Config, where: Places, models: list[Model]) -> UplinkSettings:
    uplink = config.uplink
    return UplinkSettings(
        url=uplink.url,
        word=",".join(model.word for model in models),
        from_gate=_NONE,
        to_gate=_NONE,
        token_file=str(absolute(uplink.token_file) or ""),
        ca_file=str(absolute(uplink.ca_file) or ""),
        pins=tuple(uplink.pins),
        connect_timeout_ms=uplink.connect_timeout_ms,
        language=uplink.language,
        receipts=str(where.receipts),
        fleet_url=config.fleet.url if config.fleet.consent else "",
        evidence=str(where.evidence),
    )


def ppm(score: float) -> int:
    """[0, 1] -> whole millionths, downwards: a score is never made better than it is."""
    return int(score * 1_000_000)


def thousandths(epsilon: float) -> int:
    """Downwards: no report costs more, and no budget is more, than was consented to."""
    return int(epsilon * 1_000 + 1e-6)


def _epsilon(config: Config) -> int:
    return thousandths(config.fleet.epsilon) if config.fleet.consent else 0
