"""The status process as a unit: its sockets, the journal, and what it cannot reach."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from systemd_house import PROCESSES, House

EVENTS, PORT = "/run/wakeword-status/events", 9107
ASK = f"from urllib.request import urlopen; print(urlopen('http://127.0.0.1:{PORT}/metrics').read().decode())"


@pytest.fixture
def watched(installed: House) -> Iterator[House]:
    """Running, with everything that the status process can do."""
    installed.stop()
    installed.configure(status={"events": EVENTS, "metrics": f"127.0.0.1:{PORT}", "journal": True})
    installed.start()
    installed.bed.until((installed.bed.root / EVENTS.lstrip("/")).exists, "the events socket")
    yield installed
    installed.stop()
    installed.configure()


def state(home: House) -> dict[str, object]:
    """What `wakeword status` says."""
    told = home.bed.run("wakeword", "status", "--json", check=False).stdout
    return dict(json.loads(told)) if told else {}


def test_it_tells_how_the_daemon_is_and_may_be_killed(watched: House) -> None:
    watched.bed.until(lambda: state(watched).get("listening"), "it listens")
    assert watched.wake()["why"] == "end"
    told = watched.bed.run("journalctl", "-o", "json", "WAKEWORD_EVENT=wake", "_SYSTEMD_UNIT=wakeword-status.service")
    wake = json.loads(told.stdout.splitlines()[-1])
    assert (wake["WAKEWORD_WORD"], wake["SYSLOG_IDENTIFIER"]) == ("computer", "wakeword")
    assert "WAKEWORD_BYTES" in watched.bed.run("journalctl", "-o", "json", "WAKEWORD_EVENT=close").stdout
    watched.bed.until(lambda: state(watched)["session"] is None, "the session's end is told")
    metrics = watched.bed.run("/usr/bin/python3", "-c", ASK).stdout
    assert 'wakeword_wakes_total{word="computer"}' in metrics

    pids = [watched.pid(name) for name in (*PROCESSES, "status")]
    watched.bed.run("systemctl", "kill", "--signal=KILL", "wakeword-status")
    watched.bed.until(lambda: watched.pid("status") not in (0, pids[-1]), "it is back")
    watched.bed.until(lambda: state(watched).get("listening"), "and knows how the daemon is")
    assert watched.bed.run("wakeword", "hold", "--for", "1s").stdout == "held for 1 s\n"
    assert [watched.pid(name) for name in PROCESSES] == pids[:-1]
    assert watched.counted("status") == watched.counted("status", "IngressBytes")  # to this machine itself alone


def test_who_is_not_in_the_group_may_not_ask_and_it_may_open_nothing(watched: House) -> None:
    asked = watched.bed.run(
        "runuser", "-u", "nobody", "--", "wakeword", "status", "--events", EVENTS, check=False, timeout_s=30
    )
    assert (asked.returncode, "permission denied" in asked.stderr) == (1, True)
    pid = watched.pid("status")
    inside = ["nsenter", "-t", str(pid), "-m", "--", "ls"]
    assert watched.bed.run(*inside, "/var/lib/wakeword/evidence", check=False).returncode != 0
    assert watched.bed.run(*inside, "/var/lib", check=False).returncode == 0
