"""The device key: made once, for its owner only, never silently replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wakeword.errors import ConfigError
from wakeword.evidence import device


def test_a_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "device.key"
    first = device.load_or_create(path, may_create=True)
    again = device.load_or_create(path, may_create=True)
    assert first.private_bytes_raw() == again.private_bytes_raw() == bytes.fromhex(path.read_text().strip())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "device.key"
    device.load_or_create(path, may_create=True)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        device.load_private(path)


@pytest.mark.parametrize("content", ["", "abc", "00" * 31, "zz" * 32])
def test_what_is_not_a_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "device.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="64 hexadecimal digits"):
        device.load_private(path)


def test_a_key_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write the device key"):
        device.load_or_create(tmp_path / "no" / "device.key", may_create=True)


def test_the_public_half_is_written_once_and_checked(tmp_path: Path) -> None:
    public = device.load_or_create(tmp_path / "device.key", may_create=True).public_key().public_bytes_raw()
    assert device.origin_beside(tmp_path, public) == ""
    device.publish(tmp_path, "wakeword/1f", public)
    device.publish(tmp_path, "wakeword/2f", public)
    assert device.origin_beside(tmp_path, public) == "wakeword/1f"
    with pytest.raises(ConfigError, match="not the one of this log"):
        device.origin_beside(tmp_path, bytes(32))
    (tmp_path / device.VKEY_NAME).write_text("nonsense")
    with pytest.raises(ConfigError, match=r"device\.vkey"):
        device.origin_beside(tmp_path, public)
