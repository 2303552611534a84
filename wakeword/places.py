"""Where the daemon keeps what it keeps: the configured folders, or this user's, or the service's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wakeword.config import Config
from wakeword.errors import ConfigError, in_words


@dataclass(frozen=True, slots=True)
class Places:
    """Where the daemon keeps what it keeps; all absolute."""

    evidence: Path
    device_key: Path
    mute_file: Path
    receipts: Path


def places(config: Config, environment: Mapping[str, str] | None = None) -> Places:
    """The configured folders, or those of this user, or those of the service that systemd started."""
    environment = os.environ if environment is None else environment
    evidence = absolute(config.evidence.directory) or _state_folder(environment) / "evidence"
    return Places(
        evidence=evidence,
        device_key=absolute(config.evidence.device_key) or evidence.parent / "device.key",
        mute_file=absolute(config.mute_file) or evidence.parent / "muted",
        receipts=evidence.parent / "receipts",
    )


def prepare(where: Places) -> None:
    """At the very first start, make the folder of the evidence, and that of the receipts. It has no device key yet.

    Raises `ConfigError` when the key is there and the folder is not: a new one would hide a lost one.
    """
    if where.evidence.is_dir():
        _make(where.receipts)
        return
    if where.device_key.exists():
        hint = f"if it was moved on purpose, make it (mkdir -m 700) or also move {where.device_key}"
        raise ConfigError("the evidence is gone, but its device key is there", where=str(where.evidence), hint=hint)
    _make(where.evidence)
    _make(where.receipts)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(in_words(error), where=str(folder)) from error


def absolute(text: str) -> Path | None:
    """None for "", else the path with `~` resolved."""
    return Path(text).expanduser().absolute() if text else None


def _state_folder(environment: Mapping[str, str]) -> Path:
    if service := environment.get("STATE_DIRECTORY", "").partition(":")[0]:  # systemd's StateDirectory=
        return Path(service)
    home = environment.get("XDG_STATE_HOME") or Path(environment.get("HOME", "/")) / ".local" / "state"
    return Path(home) / "wakeword"
