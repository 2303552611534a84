"""The unit for a desktop: the whole daemon in a user's session, with a microphone of that session."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from systemd_house import POLICY, SOUND, TIMES, House, drop_in

from wakeword.forbidden import ACTS

USER = "resident"
EVIDENCE = f"/home/{USER}/.local/state/wakeword/evidence"


@dataclass
class Session:
    """Somebody who is logged in."""

    home: House
    number: int

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of theirs."""
        env = [f"XDG_RUNTIME_DIR=/run/user/{self.number}", f"HOME=/home/{USER}"]
        return self.home.bed.run("runuser", "-u", USER, "--", "env", *env, *words, check=check)

    def systemctl(self, *words: str, check: bool = True) -> str:
        """Of their own systemd."""
        return self.run("systemctl", "--user", *words, check=check).stdout.strip()

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        """Of their log."""
        paths = sorted((self.home.bed.root / EVIDENCE.lstrip("/")).glob("*.seg"))
        found = [json.loads(line) for path in paths for line in path.read_text().splitlines(True) if line[-1] == "\n"]
        return [record for record in found if record["k"] in kinds]


@pytest.fixture
def session(installed: House) -> Iterator[Session]:
    """Logged in, with a configuration; nothing of them is left afterwards."""
    installed.stop()
    bed, before = installed.bed, installed.bed.written()
    bed.run("useradd", "--create-home", "--shell", "/bin/sh", USER)
    bed.run("loginctl", "enable-linger", USER)
    made = Session(installed, int(bed.run("id", "-u", USER).stdout))
    bed.until(lambda: made.systemctl("is-system-running", check=False) in ("running", "degraded"), "a session")
    drop_in(bed, "", "sound", SOUND, of="user")
    config = f"uplink: {{url: '{installed.url}'}}\npolicy: {json.dumps(POLICY)}\n"
    made.run("sh", "-c", f"mkdir -p ~/.config/wakeword && printf '%s' \"{config}\" > ~/.config/wakeword/config.yaml")
    made.systemctl("daemon-reload")
    yield made
    made.systemctl("stop", "wakeword")
    bed.run("loginctl", "disable-linger", USER)
    bed.run("systemctl", "stop", f"user@{made.number}.service")
    bed.run("userdel", "--remove", USER, check=False)
    bed.run("rm", "-rf", "/run/systemd/user/wakeword.service.d", *(bed.written() - before))


def test_in_a_session_it_runs_reloads_and_stops_in_order(session: Session) -> None:
    session.systemctl("start", "wakeword")  # it is ready when it listens
    assert "listening" in session.systemctl("show", "-P", "StatusText", "wakeword")
    walls = session.records("walls")
    assert {record["who"] for record in walls} == {"listen", "gate", "uplink"}
    assert all(record[act] != 0 for record in walls for act in ACTS)
    for _ in range(TIMES):
        player = subprocess.Popen(session.home.player("/srv/computer.wav"))
        assert player.wait(60) == 0
        if session.records("open"):
            break
    session.home.bed.until(lambda: session.records("close"), "a session is opened and closed")

    policies = len(session.records("policy"))
    session.run("sh", "-c", "echo 'session: {cap_ms: 9000}' >> ~/.config/wakeword/config.yaml")
    session.systemctl("reload", "wakeword")
    session.home.bed.until(lambda: len(session.records("policy")) > policies, "the new rules are in the log")
    session.home.bed.until(lambda: session.systemctl("is-active", "wakeword", check=False) == "active", "it is back")
    session.systemctl("stop", "wakeword")
    assert session.records("stop")[-1]["why"] == "shutdown"
    session.run("wakeword", "audit", "verify", EVIDENCE)


def test_without_a_configuration_it_is_not_started_again_and_again(session: Session) -> None:
    session.run("sh", "-c", "rm ~/.config/wakeword/config.yaml")
    assert session.run("systemctl", "--user", "start", "wakeword", check=False).returncode != 0
    told = session.systemctl("show", "-p", "ExecMainStatus,NRestarts", "wakeword").split()
    assert set(told) == {"ExecMainStatus=2", "NRestarts=0"}
