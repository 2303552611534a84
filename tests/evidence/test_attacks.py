"""What can be done to a log afterwards, and what shows it: the log and the key alone, or a checkpoint kept elsewhere.

docs/audit-log.md has the table. Every bit of a log is turned by `scripts/ordeal/verifiers bits`; here, some hundred.
"""

from __future__ import annotations

import copy
from random import Random

import pytest
from evidence_maker import Case, Life, Planned, Writer
from verifiers import package

ALONE, ELSEWHERE, NOT = "log and key", "a checkpoint", "nothing"
ORIGIN = "wakeword/0123456789abcdef"
Files = dict[str, bytes]


def life() -> list[Planned]:
    device = Life(Random(1))
    for _ in range(3):
        device.start()
        device.session()
        device.wait()
        device.stop()
        device.turn(60_000)
    return device.files


def written(planned: list[Planned], seed: str = "attacks") -> Writer:
    writer = Writer(Random(2), ORIGIN, seed)
    writer.write(planned)
    return writer


@pytest.fixture(scope="module")
def log() -> Writer:
    return written(life())


def shown_by(log: Writer, files: Files, checkpoints: list[str] | None = None) -> str:
    """What shows that these files are not the log, as the verifier says."""
    key, kept = log.device.key.vkey(), "\n".join(log.notes if checkpoints is None else checkpoints)
    kept += "\n" + "\n".join(log.certificates)
    for receipts, found in (("", ALONE), (kept, ELSEWHERE)):
        answer = package(Case("", files, key, receipts))
        if not answer["holds"]:
            only = {finding["invariant"] for finding in answer["findings"]} == {"I20"}
            assert only == (found == ELSEWHERE)
            return found
    return NOT


def test_the_log_as_it_was_written_holds(log: Writer) -> None:
    assert shown_by(log, log.files) == NOT


def lines(log: Writer, epoch: int) -> tuple[str, list[bytes]]:
    name = f"{epoch:08d}.seg"
    return name, log.files[name].splitlines(keepends=True)


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_every_line_deleted(log: Writer, epoch: int) -> None:
    name, content = lines(log, epoch)
    for at in range(len(content)):
        without = log.files | {name: b"".join(content[:at] + content[at + 1 :])}
        newest_group = epoch == 3 and at >= len(content) - 3
        assert shown_by(log, without) == (ELSEWHERE if newest_group else ALONE), f"{name}:{at + 1}"


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_every_two_neighbours_swapped(log: Writer, epoch: int) -> None:
    name, content = lines(log, epoch)
    for at in range(len(content) - 1):
        swapped = [*content[:at], content[at + 1], content[at], *content[at + 2 :]]
        newest_group = epoch == 3 and at >= len(content) - 3
        expected = ELSEWHERE if newest_group else ALONE
        assert shown_by(log, log.files | {name: b"".join(swapped)}) == expected, f"{name}:{at + 1}"


def test_bits_of_every_file(log: Writer) -> None:
    random = Random(3)
    for name, content in sorted(log.files.items()):
        last_group = content.rindex(b'"k":"seal"', 0, content.rindex(b'"k":"seal"'))
        for _ in range(20):
            at = random.randrange(len(content))
            turned = bytearray(content)
            turned[at] ^= 1 << random.randrange(8)
            shown = shown_by(log, log.files | {name: bytes(turned)})
            assert shown == ALONE or (shown == ELSEWHERE and name == max(log.files) and at > last_group), f"{name} {at}"


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.7])
def test_an_end_that_was_cut_off(log: Writer, kept: float) -> None:
    """At a seal, or right in the middle of something: either way a log that merely ends earlier."""
    name, content = lines(log, 3)
    seals = [at for at, line in enumerate(content) if b'"k":"seal"' in line]
    at = seals[int(kept * len(seals))]
    assert shown_by(log, log.files | {name: b"".join(content[: at + 1])}) == ELSEWHERE
    assert shown_by(log, log.files | {name: b"".join(content[: at + 1])}, log.notes[:3]) == NOT
    assert shown_by(log, log.files | {name: b"".join(content[: at + 2])[:-9]}) == ELSEWHERE


def older(log: Writer, epoch: int) -> Files:
    name, content = lines(log, epoch)
    first_seal = next(at for at, line in enumerate(content) if b'"k":"seal"' in line)
    return log.files | {name: b"".join(content[: first_seal + 1])}


@pytest.mark.parametrize(("epoch", "shown"), [(1, ALONE), (2, ALONE), (3, ELSEWHERE)])
def test_a_file_replaced_by_an_older_state_of_itself(log: Writer, epoch: int, shown: str) -> None:
    assert shown_by(log, older(log, epoch)) == shown


@pytest.mark.parametrize(("epoch", "shown"), [(1, ALONE), (2, ALONE), (3, ELSEWHERE)])
def test_a_file_removed(log: Writer, epoch: int, shown: str) -> None:
    name = f"{epoch:08d}.seg"
    assert shown_by(log, {file: log.files[file] for file in log.files if file != name}) == shown


def without_session(planned: list[Planned], epoch: int) -> list[Planned]:
    """The same life, but that this start's session never was."""
    other = copy.deepcopy(planned)
    mine = other[epoch - 1].groups  # a heartbeat in the session's place, so that there is no silence either
    mine[:] = [
        [mine[0][-1] | {name: group[0][name] for name in "tw"}] if "wid" in group[0] else group for group in mine
    ]
    mine[:] = [group for group in mine if group[0]["k"] != "close"]
    for record in (record for file in other[epoch:] for group in file.groups for record in group if "sid" in record):
        record["sid"] = int(record["sid"]) - 1
    sent = 0  # the sums anew, so that nothing in the forged log contradicts itself
    session = 0
    for file in other:
        for group in file.groups:
            for record in group:
                session += record["k"] == "open"
                sent += int(record["bytes"]) if record["k"] == "close" else 0
                if record["k"] == "beat":
                    record.update(sess=session, pass_b=sent)
    return other


def test_the_newest_file_written_anew_with_its_own_stolen_key(log: Writer) -> None:
    forged = written(without_session(life(), 3))
    assert forged.files["00000002.seg"] == log.files["00000002.seg"]
    assert forged.files["00000003.seg"] != log.files["00000003.seg"]
    assert shown_by(log, forged.files) == ELSEWHERE


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_history_written_anew_with_the_stolen_device_key(log: Writer, epoch: int) -> None:
    other = without_session(life(), epoch)
    for file in other[epoch - 1 :]:
        file.lies["key"] = "a new one, certified by the stolen key"
    forged = written(other)
    assert shown_by(log, forged.files) == ELSEWHERE
    size = log.firsts[epoch]
    before = [text for text in log.notes if int(text.split("\n")[1]) <= size]
    assert shown_by(log, forged.files, before) == NOT, "a checkpoint from before the forgery cannot tell"


def test_another_devices_log(log: Writer) -> None:
    assert shown_by(log, written(life(), "another device").files) == ALONE
