"""Upgraded and removed: what was kept is what was asked to stay, and nothing else is left."""

from __future__ import annotations

from typing import Any

from systemd_house import EVIDENCE, House

KEPT = ("/etc/wakeword", "/var/lib/wakeword")


def left(home: House, before: set[str]) -> set[str]:
    """What is on the disk, or removed from it, that was not before; but for systemd's own state and the tests'."""
    others = ("/var/lib/systemd", "/var/lib/dbus", "/var/cache", "/var/log", "/root", "/srv", "/tmp")
    accounts = [
        f"/etc/{name}" for name in ("passwd-", "group-", "shadow-", "gshadow-", ".pwd.lock")
    ]  # systemd-sysusers'
    found = {path for path in home.bed.written() - before if not path.startswith((*others, *accounts))}
    running = home.bed.run("find", "/run", "-name", "*wakeword*", "-not", "-path", "/run/systemd/system/*").stdout
    return found | set(running.split())


def accounts(home: House) -> str:
    """All users and groups."""
    return "".join(home.bed.run("getent", table).stdout for table in ("passwd", "group"))


def test_an_upgrade_keeps_log_key_and_configuration_and_runs_on(running: House) -> None:
    release = running.bed.root / "srv/wakeword/wakeword/__init__.py"
    release.write_text(release.read_text().replace('"0.1.0"', '"0.1.1"'))
    first = min((running.bed.root / EVIDENCE.lstrip("/")).glob("*.seg"))
    kept = [
        running.bed.root / "etc/wakeword/credentials/device.key",
        running.bed.root / "etc/wakeword/config.yaml",
        first,
    ]
    was = [path.read_bytes() for path in kept]
    tuned = running.bed.root / "var/lib/wakeword/tuned.yaml"
    tuned.write_text("an operating point")

    assert "installed and running" in running.install()

    assert running.bed.run("wakeword", "--version").stdout.split() == ["wakeword", "0.1.1"]
    running.bed.until(running.active, "it runs again")
    assert [path.read_bytes()[: len(content)] for path, content in zip(kept, was, strict=True)] == was
    assert tuned.read_text() == "an operating point"
    running.verified()


def test_what_is_removed_leaves_log_key_and_configuration_and_nothing_else(running: House, first_install: Any) -> None:
    said = running.bed.run("/srv/wakeword/scripts/uninstall").stdout
    assert "stay" in said
    assert {path for path in left(running, first_install.before) if not path.startswith(KEPT)} == set()
    assert list((running.bed.root / EVIDENCE.lstrip("/")).glob("*.seg"))
    assert (running.bed.root / "etc/wakeword/credentials/device.key").exists()


def test_what_is_purged_leaves_nothing_at_all(home: House, first_install: Any) -> None:
    assert all((home.bed.root / place.lstrip("/")).exists() for place in KEPT)
    home.bed.run("/srv/wakeword/scripts/uninstall", "--purge")
    assert left(home, first_install.before) == set()
    assert "wakeword" not in accounts(home)
    assert "wakeword" not in home.bed.run("systemctl", "list-units", "--all", "--plain", "--no-legend").stdout
