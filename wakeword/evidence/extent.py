"""Which bytes of a log are evidence, decided backwards before anything is read forwards.

    00000001.seg  ████████████████████▒▒    ▒ what a crash tore: the gap record of the next start says how much
    00000002.seg  ▒▒▒▒                      a start that was never sealed: the next gap says so too
    00000003.seg  ██████████████░░          ░ open tail: not restarted since, so nobody has said anything about it

"The last seal line" would be wrong: a crash can spoil a record and leave the seal over it whole.
"""

from __future__ import annotations

from wakeword.evidence.record import Record, RecordError, checked, parse
from wakeword.evidence.segment import MAX_GROUP_BYTES, SEAL_MARK, lines_of, replay


def evidence_ends(files: dict[int, bytes]) -> dict[int, int]:
    """Epoch -> how many bytes of the file are evidence (0: a start that a crash cut off).

    The newest file is read strictly; each older one ends where the next start says it ended.
    """
    waiting = sorted(files)
    ends: dict[int, int] = {}
    while waiting:  # starts that were never sealed, then the newest file that was
        epoch = waiting.pop()
        ends[epoch] = _newest_end(files[epoch], epoch)
        if ends[epoch]:
            break
    while waiting:
        gap = _start_gap(files[epoch])
        told = int(gap.get("tail_b", 0))
        for _ in range(min(int(gap.get("ab", 0)), len(waiting))):
            ends[waiting[-1]] = 0
            told -= len(files[waiting.pop()])
        if waiting:
            epoch = waiting.pop()
            ends[epoch] = _told_end(files[epoch], told)
    return ends


def _newest_end(content: bytes, epoch: int) -> int:
    """The strict reading's end, if what follows can be one torn group; else the last seal, however wrong."""
    end = replay(content, epoch, None).sealed_end  # whoever certified it: that is for I4 to say
    return end if can_be_torn(content[end:], 1) else _last_seal_end(content)


def can_be_torn(rest: bytes, groups: int) -> bool:
    """True when so many torn groups can have left these bytes."""
    return len(rest) <= MAX_GROUP_BYTES * groups and rest.count(SEAL_MARK) <= groups


def _told_end(content: bytes, tail_bytes: int) -> int:
    """Where the next start says this file's evidence ended, if a seal ends there; else its last seal."""
    end = len(content) - tail_bytes
    if not 0 < end <= len(content) or content[end - 1 : end] != b"\n":
        return _last_seal_end(content)
    line = content[content.rfind(b"\n", 0, end - 1) + 1 : end - 1]
    return end if _kind(line) == "seal" else _last_seal_end(content)


def _last_seal_end(content: bytes) -> int:
    return max((end for _, line, end in lines_of(content) if SEAL_MARK in line and _kind(line) == "seal"), default=0)


def _start_gap(content: bytes) -> Record:
    """The gap record of a file's start, {} when it cannot be read."""
    for number, line, _ in lines_of(content):
        if number == 3:
            return _read(line) if _kind(line) == "gap" else {}
    return {}


def _read(line: bytes) -> Record:
    """The line's record; {} when it has not the form."""
    try:
        return checked(parse(line))
    except RecordError:
        return {}


def _kind(line: bytes) -> str:
    return str(_read(line).get("k", ""))
