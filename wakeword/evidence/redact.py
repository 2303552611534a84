"""A copy of a log with less in it: every record but those of chosen sessions is reduced to its hash, as pruning does.

The copy verifies like the log (`--redacted`: reduced records are no finding then): same tree, same roots, same
receipts. What stays beside the sessions is what a file must say to be checked alone, and the rules that were in force.
Seals show which records were written together, so of them only each file's last and those of the sessions stay.
"""

from __future__ import annotations

from collections.abc import Collection

from wakeword.evidence import tree
from wakeword.evidence.extent import evidence_ends
from wakeword.evidence.record import Record, RecordError, canonical, checked, parse
from wakeword.evidence.segment import lines_of

STAYS = ("head", "key", "gap", "prune", "policy", "selftest", "cut")


def redacted(files: dict[int, bytes], sessions: Collection[int]) -> dict[int, bytes]:
    """Epoch -> content, with the sessions of these numbers and no other; raises `RecordError` for a log not in form."""
    return {epoch: _reduced(files[epoch], end, sessions) for epoch, end in evidence_ends(files).items()}


def _reduced(content: bytes, end: int, sessions: Collection[int]) -> bytes:
    lines = [(line, checked(parse(line))) for _, line, _ in lines_of(content, end)]
    out: list[bytes] = []
    for at, (line, record) in enumerate(lines):
        own = _of_session(lines, at, sessions)
        if record["k"] == "seal":
            if at == len(lines) - 1 or _of_session(lines, at - 1, sessions):
                out.append(line)
        elif own or record["k"] in STAYS:
            out.append(line)
        else:
            out.append(canonical({"k": "cut", "h": tree.leaf_hash(line).hex()}))
    return b"".join(line + b"\n" for line in out) + content[end:]


def _of_session(lines: list[tuple[bytes, Record]], at: int, sessions: Collection[int]) -> bool:
    """A wake belongs to the session of the open that follows it."""
    record = lines[at][1]
    if record["k"] == "wake" and at + 1 < len(lines):
        record = lines[at + 1][1]
    return record["k"] in ("open", "close") and record.get("sid") in sessions


__all__ = ["RecordError", "redacted"]
