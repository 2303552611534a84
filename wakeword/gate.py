"""Process 2, the gate: decides whether audio may leave, writes the evidence, and only then lets it pass.

Has: the evidence's folder, a pipe from and to each neighbour, a switch to look at. Has not: a sound device, a socket,
any other file; it takes these from itself before the first message, and tries. Believes: nobody. `states.py` says what
is permitted, `messages.py` what can be said, `evidence/store.py` how it is written; read those three next.

    python -m wakeword.gate SETTINGS_JSON        settings.GateSettings; wakeword run starts it so

Ends with 0 after an orderly stop, 1 after a fault that closed it for this start, 2 when it must not start, 74 when the
evidence cannot be written, 78 when more of it is damaged than a crash leaves. To start again is for the supervisor.
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from wakeword import forbidden, sandbox, selftest
from wakeword.clerk import Clerk, Reports, walls_record
from wakeword.errors import CHECK_FAILED, USAGE, ConfigError, WakewordError
from wakeword.evidence.account import Account
from wakeword.evidence.clock import Clock
from wakeword.evidence.record import KINDS, Record
from wakeword.evidence.retention import Retention
from wakeword.evidence.store import Evidence, Policy, StartFacts
from wakeword.housekeeping import Housekeeper
from wakeword.messages import LISTEN_TO_GATE, METER_TO_GATE, UPLINK_TO_GATE, FrameError, FrameReader
from wakeword.notices import Walls
from wakeword.outside import Pipes
from wakeword.settings import GateSettings, gate_from_json
from wakeword.states import Gate, State

MUTE_POLL_MS = 200  # the longest that a mute goes unnoticed in a session while nothing else happens
IDLE_POLL_MS = 1_000  # and else: listen has closed its device before, and each look costs a waking
STOP_PATIENCE_MS = 2_000  # after SIGTERM: listen closes its device first
END_PATIENCE_MS = 500  # after listen's end: was it meant? then SIGTERM is on its way

# What the `code` of a key record covers: all that the gate runs of ours (a test compares with what it loads).
GATE_FILES = (
    "__init__.py", "errors.py", "forbidden.py", "gate.py", "messages.py", "outside.py", "sandbox.py", "selftest.py",
    "settings.py", "states.py", "statusline.py", "clerk.py", "housekeeping.py", "notices.py", "passing.py",
    "evidence/__init__.py", "evidence/account.py", "evidence/clock.py", "evidence/device.py", "evidence/disk.py",
    "evidence/growth.py", "evidence/note.py", "evidence/record.py", "evidence/recovery.py", "evidence/retention.py",
    "evidence/segment.py", "evidence/store.py", "evidence/tree.py",
)  # fmt: skip


def code_sha256() -> str:
    """64 hexadecimal digits over name and content of `GATE_FILES`: self-reported, so it helps against mistakes only."""
    digest, folder = hashlib.sha256(), Path(__file__).parent
    for name in GATE_FILES:
        content = (folder / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def policy_of(settings: GateSettings) -> Policy:
    """The rules in force, from the settings."""
    return Policy(
        s1_min=settings.s1_min_ppm,
        s2_min=settings.s2_min_ppm,
        lag_ms=settings.lag_ms,
        m1=settings.m1,
        m2=settings.m2,
        cap_b=settings.cap_bytes,
        cap_ms=settings.cap_ms,
        win_b=settings.window_bytes,
        rate=settings.rate_bytes,
        hour=settings.sessions_per_hour,
        beat_ms=settings.beat_ms,
        file=settings.config_sha256,
    )


def reports_of(settings: GateSettings, account: Account) -> Reports:
    """What the settings permit to be reported, and what the log says was."""
    past = (account.stats_day, account.stats_eps, account.stats_spent)
    return Reports(settings.stats_epsilon, settings.stats_budget, settings.stats_days, *past)


def causes(settings: GateSettings) -> list[Record]:
    """Why processes of the start before ended, as the supervisor has it; raises `ConfigError` for another form."""
    records: list[Record] = []
    for text in settings.ended:
        who, how, code = (*text.split(), "", "", "")[:3]
        record: Record = {"who": who, "how": how, "code": int(code) if code.isdecimal() else -1}
        if not all(check.accepts(record[name]) for name, check in KINDS["cause"].items()):
            raise ConfigError(f"not a cause (PROCESS exit|signal|watchdog|late CODE): {text!r}", where="gate")
        records.append({"k": "cause", **record})
    return records


def build_walls(settings: GateSettings) -> None:
    """Give up every file but the evidence and the device key, every socket, every program. Raises `WallError`."""
    sandbox.own_network()  # where this user may; the filter of calls stands in any case
    sandbox.wall_files(read=[Path(settings.device_key)], write=[Path(settings.directory)])
    sandbox.wall_calls()


def prove(policy: Policy) -> tuple[dict[str, bool], Record]:
    """Try the walls and the states: the `selftest` record's answers, and the `walls` record.

    Raises `WakewordError` naming what does not hold. Without all nothing opens.
    """
    tried = forbidden.try_acts(allowed=("log",))
    forbidden.demand(tried)
    results = selftest.run(policy, tried)
    missing = [name for name, good in results.items() if not good]
    if missing:
        hint = "see docs/threat-model.md, 'Walls'; the gate does not start without them"
        raise ConfigError(f"the self-test found a wall missing: {', '.join(missing)}", where="gate", hint=hint)
    return results, walls_record("gate", Walls(**tried))


class Loop:
    """One thread, one poll: frames in, time, signals. Reads no more than completes one frame."""

    def __init__(self, gate: Gate, pipes: Pipes, settings: GateSettings, stops: list[int]) -> None:
        """`stops`: grows with each signal that asks for an orderly end."""
        self._gate, self._pipes, self._stops = gate, pipes, stops
        self._frames = FrameReader(LISTEN_TO_GATE)
        self._neighbours: dict[int, tuple[FrameReader, Callable[[], None]]] = {  # who is heard first; at its end
            settings.from_uplink: (FrameReader(UPLINK_TO_GATE), self._uplink_gone),
            settings.from_meter: (FrameReader(METER_TO_GATE), gate.meter_gone),
            settings.from_listen: (self._frames, self._listen_gone),
        }
        self._poll = select.poll()
        for descriptor in self._neighbours:
            if descriptor >= 0:
                self._poll.register(descriptor, select.POLLIN)
        self._asked_ms = self._ended_ms = 0  # when a stop was asked for, when listen's pipe ended; 0: not yet

    def turn(self) -> str:
        """Wait for the next thing and do it. Returns why the gate stops, "" to go on."""
        longest_ms = MUTE_POLL_MS if self._gate.session else IDLE_POLL_MS
        wait_ms = max(0, min(self._gate.next_ms() - self._pipes.now_ms(), longest_ms))
        ready = dict(self._poll.poll(wait_ms))
        self._gate.advance()
        self._pipes.alive()
        for descriptor in self._neighbours:
            if descriptor in ready:
                self._read(descriptor, *self._neighbours[descriptor])
        return self._stop_reason()

    def _read(self, descriptor: int, reader: FrameReader, ended: Callable[[], None]) -> None:
        received = os.read(descriptor, reader.wanted)
        if not received:
            self._poll.unregister(descriptor)
            ended()
            return
        try:
            messages = reader.push(received)
        except FrameError as error:
            self._gate.broken(error.code)
            return
        for message in messages:
            self._gate.hear(message)

    def _uplink_gone(self) -> None:
        self._pipes.lose_uplink()
        self._gate.uplink_gone()

    def _listen_gone(self) -> None:
        self._ended_ms = self._pipes.now_ms()

    def _stop_reason(self) -> str:
        now = self._pipes.now_ms()
        if self._gate.state is State.LATCHED:
            return "fault"  # nothing can open any more; a new start is a new file with a new key
        if self._stops and not self._asked_ms:
            self._asked_ms = now
        if self._ended_ms and (self._stops or now - self._ended_ms > END_PATIENCE_MS):
            return self._gate.listen_gone(asked=bool(self._stops), whole=self._frames.between_frames)
        return "shutdown" if self._asked_ms and now - self._asked_ms > STOP_PATIENCE_MS else ""


def run(settings: GateSettings) -> int:
    """Open, give up, prove, loop. Returns the exit code; raises `WakewordError`."""
    policy, code = policy_of(settings), code_sha256()
    policy.record()  # refuses what no verifier would accept
    retention = Retention(settings.keep_days, settings.drop_days)
    evidence = Evidence(Path(settings.directory), Path(settings.device_key), Clock(), retention)
    ended = causes(settings)
    build_walls(settings)
    proven, walls = prove(policy)
    pipes, stops = Pipes(settings), list[int]()
    clerk = Clerk(pipes.now_ms(), settings.meter, reports_of(settings, evidence.account))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signalled, _: stops.append(signalled))
    evidence.start(StartFacts(policy, code, proven, pipes.muted(), (walls, *clerk.start_records(), *ended)))
    pipes.report("started", origin=evidence.origin)
    pipes.announce("READY=1\nSTATUS=closed; every opening is written down first")
    gate = Gate(evidence, pipes, policy, clerk)
    loop, why = Loop(gate, pipes, settings, stops), ""

    def renewed() -> StartFacts:
        proven, walls = prove(policy)
        return StartFacts(policy, code, proven, gate.muted, (walls, *clerk.start_records()))

    keeper = Housekeeper(gate, evidence, renewed, pipes.now_ms())
    while not why:
        why = loop.turn()
        if not why:
            keeper.turn(pipes.now_ms())
    gate.finish(why)
    evidence.close()
    if why == "shutdown":
        return 0
    print(f"wakeword gate: closed after a fault ({gate.last_fault}); the evidence names it", file=sys.stderr)
    return CHECK_FAILED


def main(arguments: list[str]) -> int:
    """`SETTINGS_JSON` -> exit code."""
    try:
        settings = gate_from_json(*arguments)
    except (TypeError, ValueError, KeyError) as error:
        print(f"wakeword gate: one argument, the settings as JSON: {error}", file=sys.stderr)
        return USAGE
    try:
        return run(settings)
    except WakewordError as error:
        print(f"wakeword gate: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
