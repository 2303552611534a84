"""The Debian package: built by one command, installed by dpkg without a network, removed and purged (`scripts/bed`)."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

import pytest
import systemd_house
from systemd_house import EVIDENCE, LONG, REPOSITORY, House

pytestmark = [
    pytest.mark.skipif(not LONG, reason="builds the whole package, which takes minutes: scripts/bed"),
    pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="no dpkg-deb: this is not a Debian"),
]


@pytest.fixture
def bare(home: House, first_install: Any) -> House:
    """Nothing of ours is there."""
    if home.installed:
        home.bed.run("/srv/wakeword/scripts/uninstall", "--purge")
    return home


def test_the_package_installs_runs_and_leaves_what_was_asked_to_stay(bare: House, tmp_path: Any) -> None:
    build = [str(REPOSITORY / "scripts" / "deb"), "--out", str(tmp_path), "--wheels", str(systemd_house.wheels())]
    subprocess.run(build, check=True, timeout=1_800, env=os.environ | {"DEB_LEVEL": "0"})  # packed quickly, not well
    (package,) = tmp_path.glob("wakeword_*.deb")
    bare.bed.put(package, "/srv/wakeword.deb")
    run = bare.bed.run

    run("dpkg", "-i", "/srv/wakeword.deb", timeout_s=600)
    assert run("dpkg", "-V", "wakeword").stdout == ""  # every file is as it was built
    bare.configure()
    bare.start()
    assert bare.wake()["why"] == "end"
    bare.verified()

    run("dpkg", "-i", "/srv/wakeword.deb", timeout_s=600)  # an upgrade
    bare.bed.until(bare.active, "it runs again")

    run("dpkg", "--remove", "wakeword", timeout_s=600)
    assert not bare.installed
    assert list((bare.bed.root / EVIDENCE.lstrip("/")).glob("*.seg"))
    run("dpkg", "--purge", "wakeword")
    found = run("sh", "-c", "ls -d /etc/wakeword /var/lib/wakeword /run/wakeword /opt/wakeword", check=False).stdout
    assert found == ""
    assert "wakeword" not in run("getent", "passwd").stdout
