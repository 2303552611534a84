"""The daemon as a service: a real systemd, the real script and units, a microphone, a service outside."""

from __future__ import annotations

import errno
import json
import socket
from typing import Any

import pytest
from systemd_house import EVIDENCE, PROCESSES, House, drop_in

from wakeword.forbidden import ACTS

IP_AND_TCP_BYTES = 52  # of headers in a packet: 20, 20, and 12 for time stamps; what TCP negotiates at first is 8 more
NEGOTIATED_BYTES = 8
AGAIN_SHARE, AGAIN_BYTES = 0.05, 8_192  # what TCP may have sent twice: a busy machine answers late
LATE_BYTES = 200  # of packets at a connection's end, after the count
HEADERS_SHARE, HEADERS_BYTES = 0.04, 8_192  # beside the audio: of its length, and a session's first messages

# Takes a process's place in its own unit: what do systemd's walls refuse, and what systemd's and the process's own?
PROBE = """
import errno, json, os, socket, sys
from importlib import import_module
from pathlib import Path
from wakeword import forbidden, settings

def code(act):
    try:
        act()
    except TimeoutError:
        return errno.ETIMEDOUT
    except OSError as error:
        return error.errno
    return 0

def call(address):
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as made:
        made.settimeout(2)
        made.connect(address)

name, walls, host, port = sys.argv[1:]
if walls == "own":
    module, text = import_module("wakeword." + name), Path(f"/run/wakeword/settings/{name}.json").read_text()
    given = json.loads(text)
    if "device_key" in given:
        given["device_key"] = os.environ["CREDENTIALS_DIRECTORY"] + "/device.key"
    module.build_walls(getattr(settings, name + "_from_json")(json.dumps(given)))
acts = {
    "sound": lambda: open("/dev/snd/timer", "rb+"),
    "server": lambda: call("/run/sound/native"),
    "log": lambda: os.listdir("/var/lib/wakeword/evidence"),
    "key": lambda: open("/etc/wakeword/credentials/device.key"),
    "program": lambda: open("/opt/wakeword/new", "w"),
    "configuration": lambda: open("/etc/wakeword/new", "w"),
    "service": lambda: call((host, int(port))),
    "elsewhere": lambda: call((host, 1)),
    "here": lambda: call(("127.0.0.1", 1)),
}
results = {name: code(act) for name, act in acts.items()}
results["families"] = [family for family in range(46) if forbidden._sockets([family]) == 0]
print("PROBE", json.dumps(results), flush=True)
"""


def test_the_script_installs_and_says_what_is_still_to_do(installed: House, first_install: Any) -> None:
    assert "Name your service in /etc/wakeword/config.yaml" in first_install.said
    assert installed.bed.run("wakeword", "--version").stdout.startswith("wakeword ")


def test_without_an_address_nothing_starts_and_it_is_named(installed: House) -> None:
    installed.stop()
    installed.configure(url="")
    installed.bed.run("systemctl", "start", "wakeword.target", check=False)
    installed.bed.until(lambda: installed.bed.show("wakeword-failed", "Result") == "exit-code", "it is noticed")
    assert "no service to send to is configured" in installed.bed.journal("-u", "wakeword-prepare")
    assert installed.bed.show("wakeword.target", "ActiveState") == "inactive"


def test_each_process_is_ready_when_it_has_tried_its_walls(running: House) -> None:
    walls = {record["who"]: record for record in running.records("walls")[-3:]}
    allowed = {name: {act for act in ACTS if walls[name][act] == -1} for name in PROCESSES}
    assert allowed == {"listen": {"unix", "sound"}, "gate": {"log"}, "uplink": {"inet", "inet6"}}
    assert all(walls[name][act] != 0 for name in PROCESSES for act in ACTS)
    tested = running.records("selftest")[-1]
    assert all(tested[wall] for wall in ("deny", "kat", "mic", "net"))


def test_a_wake_word_wakes_it_and_the_kernels_count_agrees_with_the_log(running: House) -> None:
    """Nothing goes out before the wake; after it, what the log says, and what packets cost."""
    known, arrived, own = len(running.records("close")), len(running.sessions()), running.counts("own")[-1]["uq_b"]
    bytes_before, packets_before = running.counted("uplink"), running.counted("uplink", "EgressPackets")
    for _ in running.speak():
        sent = running.counted("uplink")
        assert sent == bytes_before or len(running.records("open")) > known
    (closed,) = running.closed(known + 1)[known:]
    running.bed.until(lambda: len(running.sessions()) == arrived + 1, "the session arrives")
    running.bed.until(lambda: running.counts("own")[-1]["uq_b"] > own, "the uplink's own count is in the log")
    payload = running.counts("own")[-1]["uq_b"] - own
    packets = running.counted("uplink", "EgressPackets") - packets_before
    again = running.counted("uplink") - bytes_before - IP_AND_TCP_BYTES * packets - NEGOTIATED_BYTES - payload

    assert closed["bytes"] == running.sessions()[-1]["bytes"] > 50_000
    assert closed["bytes"] < payload < closed["bytes"] * (1 + HEADERS_SHARE) + HEADERS_BYTES
    assert 0 <= again < AGAIN_SHARE * payload + AGAIN_BYTES
    assert (running.counted("listen"), running.counted("gate")) == (0, 0)
    told = f"{closed['bytes']} bytes of audio, {payload} of TCP payload in the log; systemd counted"
    print(f"\n{told} {running.counted('uplink') - bytes_before} in {packets} packets: {again} were sent twice")


def test_the_log_has_the_kernels_count_beside_the_uplinks_own(running: House) -> None:
    """The meter's unit: payload by sock_diag equal to the byte, packets as systemd counts them."""
    running.stop()
    before = len(running.counts("bpf"))
    running.start()
    assert (running.records("meter")[-1]["src"], running.records("meter")[-1]["eg"]) == ("bpf", True)
    running.bed.until(lambda: len(running.counts("bpf")) > before, "this meter's first count is in the log")
    first, own = running.counts("bpf")[-1], running.counts("own")[-1]["uq_b"]
    running.wake()
    running.bed.until(lambda: running.counts("bpf")[-1]["uq_b"] > first["uq_b"], "its count after the session")
    counted = running.counts("bpf")[-1]
    since = first["uq_b"] if counted["gen"] == first["gen"] else 0  # a new generation counts from nothing
    assert counted["uq_b"] - since == running.counts("own")[-1]["uq_b"] - own
    assert 0 <= running.counted("uplink") - counted["eg_b"] <= LATE_BYTES
    assert running.bed.show("wakeword-meter", "IPEgressBytes") == "0"
    print(f"\n{counted['uq_b']} of payload in {counted['eg_b']} of packets, in the log and by the kernel")
    running.stop()
    assert [record for record in running.records("fault") if record["code"] == "meter"] == []
    running.verified()


def test_a_meter_that_is_killed_is_named_and_closes_nothing(running: House) -> None:
    faults, pids = len(running.records("fault")), [running.pid(name) for name in PROCESSES]
    running.bed.run("systemctl", "kill", "--signal=KILL", "wakeword-meter")
    running.bed.until(lambda: len(running.records("fault")) > faults, "the log names it")
    told = running.records("fault")[faults]
    assert (told["code"], told["latch"]) == ("meter", False)
    assert running.wake()["why"] == "end"
    assert [running.pid(name) for name in PROCESSES] == pids
    running.bed.run("systemctl", "kill", "--signal=KILL", "wakeword-gate")
    running.bed.until(lambda: running.pid("gate") not in (0, pids[1]) and running.active(), "a new start")
    running.bed.until(lambda: running.pid("meter"), "it is back with the next start")
    running.stop()


@pytest.mark.parametrize("walls", ["systemd", "own"])
@pytest.mark.parametrize("name", PROCESSES)
def test_from_inside_its_sandbox(installed: House, name: str, walls: str) -> None:
    """The unit as it is, but another program: what do systemd's walls refuse alone, and what with its own?"""
    found = probe(installed, name, walls)
    alone = walls != "own"
    unix = {socket.AF_UNIX} if alone or name == "listen" else set()
    network = {socket.AF_INET, socket.AF_INET6} if name == "uplink" else set()
    assert set(found["families"]) == unix | network
    refused = {"sound", "key", "program", "configuration", "elsewhere", "here"}
    refused |= {"log"} if name != "gate" else set()
    refused |= {"service"} if name != "uplink" else set()
    refused |= {"server"} if not unix else set()
    assert {act for act in refused if found[act] == 0} == set()
    if name == "uplink":
        assert found["service"] == 0
        assert (found["elsewhere"], found["here"]) == (errno.ECONNREFUSED, errno.ETIMEDOUT)


def probe(home: House, name: str, walls: str) -> dict[str, Any]:
    """What came of each act: 0, or an errno."""
    home.stop()
    home.configure()
    (home.bed.root / "srv/probe.py").write_text(PROBE)
    host, port = home.url.removeprefix("ws://").split(":")
    command = f"/opt/wakeword/bin/python -P /srv/probe.py {name} {walls} {host} {port}"
    lines = ["[Unit]", "OnFailure=", "[Service]", "Type=oneshot", "Restart=no", "WatchdogSec=0", "ExecStart="]
    path = drop_in(home.bed, name, "probe", "\n".join([*lines, f"ExecStart={command}", ""]))
    try:
        home.bed.run("systemctl", "start", f"wakeword-{name}.service")
    finally:
        said = home.bed.journal("-u", f"wakeword-{name}", "-o", "cat")
        path.unlink()
        home.bed.run("systemctl", "daemon-reload")
    found: dict[str, Any] = json.loads([line for line in said.splitlines() if line.startswith("PROBE")][-1][6:])
    return found


def test_the_device_key_may_lie_encrypted_to_this_machine(installed: House) -> None:
    """As docs/operate.md has it; also an upgrade takes it as it is."""
    installed.stop()
    installed.configure()
    run, plain = installed.bed.run, "/etc/wakeword/credentials/device.key"
    key = (installed.bed.root / plain.lstrip("/")).read_bytes()
    tried = run("systemd-creds", "encrypt", "--with-key=host", "--name=device.key", plain, f"{plain}.cred", check=False)
    if tried.returncode != 0:
        pytest.skip(f"systemd-creds cannot encrypt here: {tried.stderr.strip()}")
    lines = f"[Service]\nLoadCredential=\nLoadCredentialEncrypted=device.key:{plain}.cred\n"
    path = drop_in(installed.bed, "gate", "encrypted", lines)
    try:
        run("rm", plain)
        run("/opt/wakeword/libexec/wakeword-setup")
        installed.start()
        assert installed.wake()["why"] == "end"
        installed.verified()  # by the one public key
        assert key.strip() not in (installed.bed.root / f"{plain}.cred".lstrip("/")).read_bytes()
    finally:
        installed.stop()
        (installed.bed.root / plain.lstrip("/")).write_bytes(key)
        path.unlink()
        run("rm", f"{plain}.cred")
        run("systemctl", "daemon-reload")


def test_it_stops_in_order(running: House) -> None:
    running.bed.run("systemctl", "stop", "wakeword.target")
    running.bed.until(lambda: not any(running.pid(name) for name in PROCESSES), "all have ended")
    assert running.records("stop")[-1]["why"] == "shutdown"
    running.verified()


def test_a_reload_takes_a_good_configuration_and_leaves_a_bad_one(running: House) -> None:
    path = running.bed.root / "etc/wakeword/config.yaml"
    good, pids = path.read_text(), [running.pid(name) for name in PROCESSES]
    path.write_text(good + "sesion:\n  cap_ms: 9000\n")
    refused = running.bed.run("systemctl", "reload", "wakeword-prepare", check=False)
    assert refused.returncode != 0
    assert "unknown key 'sesion' (nearest: session)" in running.bed.journal("-u", "wakeword-prepare")
    assert ([running.pid(name) for name in PROCESSES], running.active()) == (pids, True)

    path.write_text(good + "session:\n  cap_ms: 9000\n")
    assert running.records("policy")[-1]["cap_ms"] != 10_000
    running.bed.run("systemctl", "reload", "wakeword-prepare")
    running.bed.until(lambda: running.records("policy")[-1]["cap_ms"] == 10_000, "the new rules are in the log")
    running.bed.until(running.active, "all are back")
    assert running.records("stop")[-1]["why"] == "shutdown"  # the start before ended in order
    assert running.wake()["why"] == "end"
    path.write_text(good)
    running.stop()
    running.verified()


def test_a_lost_log_is_not_made_again(running: House) -> None:
    running.stop()
    running.bed.run("mv", EVIDENCE, f"{EVIDENCE}.lost")
    running.bed.run("systemctl", "start", "wakeword.target", check=False)
    running.bed.until(lambda: "226/NAMESPACE" in running.bed.journal("-u", "wakeword-gate"), "the gate does not start")
    assert not (running.bed.root / EVIDENCE.lstrip("/")).exists()
    running.stop()
    running.bed.run("mv", f"{EVIDENCE}.lost", EVIDENCE)
