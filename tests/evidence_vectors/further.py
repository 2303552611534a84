"""Changes for further vectors: rules that a fourth verifier could leave out, or turn round, and nobody would notice.

Found by spoiling a verifier that a stranger wrote, rule by rule, and running it over the vectors that there were.
"""

from __future__ import annotations

from collections.abc import Callable

from evidence_maker import QUIET, Planned

from wakeword.evidence.record import Record

Change = Callable[[list[Planned]], None]


def _clocks(record: Record, seconds: int = 0) -> Record:
    return {"t": int(record["t"]) + 1_000 * seconds, "w": int(record["w"]) + seconds}


def _session(files: list[Planned]) -> int:
    """Which group of the third file opens its session; the next one closes it, the one after that is a beat."""
    return next(at for at, group in enumerate(files[2].groups) if group[0]["k"] == "wake")


def _more(files: list[Planned], *records: Record) -> None:
    """A group at the end of the third file, of its last moment."""
    clocks = _clocks(files[2].groups[-1][0])
    files[2].groups.append([record | clocks for record in records])


def _mute(on: bool) -> Record:
    return {"k": "mute", "on": on, "src": "switch"}


def _count_again(files: list[Planned], out: int, back: int, payload: int) -> None:
    """Another count of the second file, after a second."""
    count = files[1].groups[-1][0]
    grown = {name: int(count[name]) + by for name, by in (("eg_b", out), ("in_b", back), ("uq_b", payload))}
    files[1].groups.append([count | grown | _clocks(count, 1)])


def hidden_then_another_time(files: list[Planned]) -> None:
    last = files[2].groups[-1][0]
    files[2].groups.append([{"k": "beat", "x": 0, **_clocks(last)}])
    files[2].groups.append([last | _clocks(last, 1), last | _clocks(last, 2)])


def hidden_while_muted(files: list[Planned]) -> None:
    beat = files[2].groups[-1][0] | {"muted": True, "frames": 0}
    _more(files, _mute(True), beat)
    _more(files, {"k": "mute", "x": 0})
    _more(files, beat | {"frames": 7})


def hidden_close_before_a_start(files: list[Planned]) -> None:
    """What the beat after it says of the sums, the start after that says otherwise."""
    close = files[1].groups[-2][0]
    close["x"] = 0
    beat = files[2].groups[0][-1] | {"sess": 9, "pass_b": 7}
    files[1].groups.append([beat | _clocks(files[1].groups[-1][0])])


def stop_in_a_session(files: list[Planned]) -> None:
    at = _session(files)
    files[2].groups.insert(at + 1, [{"k": "stop", "why": "shutdown", **_clocks(files[2].groups[at][0])}])


def close_of_none(files: list[Planned]) -> None:
    """From there on the sums are what the next beat says."""
    close, beat = files[2].groups[_session(files) + 1][0], files[2].groups[-1][0]
    _more(files, close, beat | {"pass_b": 7})


def session_in_a_session(files: list[Planned]) -> None:
    """The first of them counts for no sum."""
    at = _session(files)
    wake, opened = files[2].groups[at]
    clocks, sid = _clocks(wake, 1), int(opened["sid"]) + 1
    again = clocks | {"wid": clocks["t"]}
    files[2].groups.insert(at + 1, [wake | again, opened | again | {"sid": sid}])
    close = files[2].groups[at + 2][0]
    close |= {"sid": sid, "ms": int(close["ms"]) - 1_000}
    for group in files[2].groups[at + 3 :]:
        group[0]["sess"] = sid


def less_than_the_window(files: list[Planned]) -> None:
    at = _session(files)
    close = files[2].groups[at + 1][0]
    less = int(files[2].groups[at][0]["win_b"]) - 2
    files[2].groups[-1][0]["pass_b"] = int(files[2].groups[-1][0]["pass_b"]) - int(close["bytes"]) + less
    close |= {"bytes": less, "why": "end"}


def longer_than_it_was(files: list[Planned]) -> None:
    at = _session(files)
    opened, close = files[2].groups[at][1], files[2].groups[at + 1][0]
    close["ms"] = int(close["t"]) - int(opened["t"]) + 1


def mute_in_a_session(files: list[Planned]) -> None:
    at = _session(files)
    opened, close = files[2].groups[at][1], files[2].groups[at + 1][0]
    files[2].groups.insert(at + 1, [_mute(True) | _clocks(opened)])
    files[2].groups.insert(at + 3, [_mute(False) | _clocks(close)])


def muted_twice(files: list[Planned]) -> None:
    beat = files[2].groups[-1][0] | {"muted": True, "frames": 0}
    _more(files, _mute(True), beat, _mute(False), _mute(True), beat | {"frames": 7})


def clock_set_and_time_back(files: list[Planned]) -> None:
    last = files[2].groups[-1][0]
    gap: Record = {"k": "gap", "why": "clock", "ms": 60_000, "cut_n": 0, "drop_e": 0, **QUIET}
    files[2].groups.append([gap | {"t": int(last["t"]) - 5, "w": int(last["w"]) + 60}])


def first_again(files: list[Planned]) -> None:
    files[2].groups[0][1]["why"] = "first"


def large_open_tail(files: list[Planned]) -> None:
    files[2].tail = b"x" * 16_385


def first_never_sealed(files: list[Planned]) -> None:
    """File 1 is a start that was never sealed, and the gap of file 2 says that there was none."""
    files.insert(0, Planned("", [], b'{"e":1,"fir', sealed=False))


def crash_inside(files: list[Planned]) -> None:
    gap: Record = {"k": "gap", "why": "crash", "ms": 0, "cut_n": 0, "drop_e": 0, **QUIET}
    _more(files, gap)


def policy_beyond(files: list[Planned]) -> None:
    """A whole number as the form allows it, and beyond any limit."""
    files[2].groups[0][2]["s1_min"] = 1_500_000


def policy_in_the_second_group(files: list[Planned]) -> None:
    files[2].groups.insert(1, [files[2].groups[0].pop(2)])


def policy_twice(files: list[Planned]) -> None:
    files[2].groups[0].insert(2, dict(files[2].groups[0][2]))


def count_that_fell(files: list[Planned]) -> None:
    """And grew again: by one, where nothing was passed, since the newest count is where the next begins."""
    _count_again(files, -1, 0, 0)
    _count_again(files, 1, 0, 0)


def acknowledged(files: list[Planned]) -> None:
    """4,000 bytes of packets that only acknowledge 100,000 that came in."""
    _count_again(files, 4_000, 100_000, 0)


def counted_after_a_crash(files: list[Planned]) -> None:
    """A crash leaves a session open: its whole cap may have passed, and been counted."""
    count, close = files[1].groups.pop()[0], files[1].groups.pop()[0]
    opened = files[1].groups[-1][1]
    more = int(opened["cap_b"]) - int(close["bytes"])
    files[2].groups[0][1]["open"] = opened["sid"]
    for group in files[2].groups:
        if group[-1]["k"] == "beat":
            group[-1]["pass_b"] = int(group[-1]["pass_b"]) + more
    counts = {name: int(count[name]) + more for name in ("eg_b", "uq_b")}
    files[2].groups.insert(1, [count | counts | _clocks(files[2].groups[0][-1])])


def newest_record_misplaced(files: list[Planned]) -> None:
    files[2].groups[-1][0]["_n"] = 1


def newest_seal_forged(files: list[Planned]) -> None:
    files[2].lies |= {"seal": len(files[2].groups) - 1, "seal_how": "another key"}


# name -> what it shows, the change before it is written, what it violates
FURTHER: dict[str, tuple[str, Change | None, list[str]]] = {
    "ok-acks": ("valid: packets that only acknowledge what came in", acknowledged, []),
    "ok-crash-counted": ("valid: a crash in a session, and the kernel's count of it", counted_after_a_crash, []),
    "ok-muted-twice": ("valid: sound in the first beat after each mute", muted_twice, []),
    "ok-newest-record": ("valid: the newest group has a wrong number; it is open tail", newest_record_misplaced, []),
    "ok-newest-seal": ("valid: the newest seal's signature is wrong; its group is open tail", newest_seal_forged, []),
    "ok-own-key": ("valid: a checkpoint by a key of this log, kept without its certificate", None, []),
    "I1j": ("a line that cannot be read, and then records of two times in a group", hidden_then_another_time, ["I1"]),
    "I1k": ("a line that cannot be read while muted, then a beat with sound", hidden_while_muted, ["I1"]),
    "I1l": ("a close that cannot be read, beat, start: other sums", hidden_close_before_a_start, ["I1"]),
    "I2c": ("file 4 is missing; 5 is empty", None, ["I2"]),
    "I8b": ("a stop in a session", stop_in_a_session, ["I8"]),
    "I8c": ("a close where nothing is open; the sums are what the next beat says", close_of_none, ["I8"]),
    "I8d": ("an open in a session, which replaces it", session_in_a_session, ["I8"]),
    "I9c": ("a session that ended by itself, and did not pass its window", less_than_the_window, ["I9"]),
    "I9d": ("a session that lasted longer than the time between open and close", longer_than_it_was, ["I9"]),
    "I11c": ("mute begins in a session", mute_in_a_session, ["I11"]),
    "I12c": (
        "the clock since boot falls at a gap that says how the wall clock moved",
        clock_set_and_time_back,
        ["I12"],
    ),
    "I14f": ("a third start that calls itself the first", first_again, ["I14"]),
    "I14g": ("more unsealed bytes at the newest end than one crash leaves", large_open_tail, ["I14"]),
    "I14h": ("file 1 was never sealed, and the gap of file 2 does not say so", first_never_sealed, ["I14"]),
    "I14i": ("a crash inside a file", crash_inside, ["I14"]),
    "I15c": ("a policy that asks for 1.5 of stage 1, and a wake all the same", policy_beyond, ["I6", "I15"]),
    "I15d": ("the only policy stands in the second group", policy_in_the_second_group, ["I15"]),
    "I15e": ("two policies in the first group", policy_twice, ["I15"]),
    "I18e": ("a count that fell, and grew again by one byte of packets", count_that_fell, ["I18"]),
    "I20e": ("the service signed a checkpoint of another log", None, ["I20"]),
}
