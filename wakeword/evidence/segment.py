"""One file of the evidence, read strictly: from its head through every seal, up to the first doubt.

    head | key gap policy selftest mute beat SEAL | wake open SEAL | close SEAL | … | torn bytes after a crash
                                                                                    ^ sealed_end

Both who continues a log (`store.py`) and who checks one (`verify.py`) must agree on which bytes are evidence, so both
ask here. Whether the records keep the rules is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wakeword.evidence import note, tree
from wakeword.evidence.record import Record, RecordError, checked, parse

MAX_GROUP_BYTES = 16_384  # one commit; so also the most that one crash can tear
SEAL_MARK = b'"k":"seal"'


def file_name(epoch: int) -> str:
    """00000003.seg for 3."""
    return f"{epoch:08d}.seg"


@dataclass(frozen=True, slots=True)
class Segment:
    """What a strict reading found. `sealed_end` = 0 when not even the first group is whole."""

    sealed_end: int  # bytes up to and including the last good seal
    origin: str = ""
    frontier: tree.Frontier = field(default_factory=tree.Frontier)  # after the last good seal
    records: tuple[Record, ...] = ()  # up to the last good seal, `cut` lines among them


def lines_of(content: bytes, end: int | None = None) -> Iterator[tuple[int, bytes, int]]:
    """(line number from 1, line without its line feed, offset after it) for each whole line before `end`."""
    stop, at, number = len(content) if end is None else end, 0, 1
    while (feed := content.find(b"\n", at, stop)) >= 0:
        yield number, content[at:feed], feed + 1
        at, number = feed + 1, number + 1


def leaves(content: bytes, count: int) -> list[tuple[bytes, bytes, int]]:
    """(line, leaf hash, offset after it) of the first `count` leaves of a file whose seals were checked before.

    Raises `RecordError` when there are fewer.
    """
    found: list[tuple[bytes, bytes, int]] = []
    for number, line, end in lines_of(content):
        if len(found) == count:
            break
        if number > 1 and not line.startswith(b'{"k":"seal"'):
            cut = line.endswith(b'"k":"cut"}')
            found.append((line, bytes.fromhex(str(parse(line)["h"])) if cut else tree.leaf_hash(line), end))
    if len(found) != count:
        raise RecordError(f"{len(found)} records where {count} are needed")
    return found


def replay(content: bytes, epoch: int, device: bytes | None) -> Segment:
    """Read until the first doubt. `device` is the public half of the device key (32 bytes); None pins none."""
    reader = _Replay(epoch, device)
    for _, line, end in lines_of(content):
        if not reader.take(line, end):
            break
    return Segment(reader.sealed_end, reader.origin, reader.sealed_tree, tuple(reader.sealed_records))


class _Replay:
    """The state of one strict reading."""

    def __init__(self, epoch: int, device: bytes | None) -> None:
        self.epoch, self.device = epoch, device
        self.sealed_end, self.origin = 0, ""
        self.sealed_tree = self.tree = tree.Frontier()
        self.sealed_records: list[Record] = []
        self.group: list[Record] = []
        self.key: note.Key | None = None

    def take(self, line: bytes, end: int) -> bool:
        """False at the first doubt."""
        try:
            record = checked(parse(line))
            return self._take(record, line, end)
        except (RecordError, note.NoteError, ValueError):
            return False

    def _take(self, record: Record, line: bytes, end: int) -> bool:
        kind = str(record["k"])
        if not self.origin:
            return kind == "head" and self._head(record)
        if kind == "seal":
            return self._seal(record, end)
        if kind in ("head", "cut"):
            return kind == "cut" and self._add(record, bytes.fromhex(str(record["h"])))
        if (kind == "key") != (self.key is None) or record["e"] != self.epoch or record["n"] != self.tree.size:
            return False
        if kind == "key" and not self._key(record):
            return False
        return self._add(record, tree.leaf_hash(line))

    def _head(self, head: Record) -> bool:
        self.origin = str(head["origin"])
        self.tree = tree.Frontier.from_hex(int(head["first"]), str(head["front"]))
        return head["e"] == self.epoch

    def _key(self, record: Record) -> bool:
        """The device key vouches for this file's key and for the tree before it."""
        self.key = note.Key(self.origin, note.decode64(str(record["pub"])))
        signature = note.decode64(str(record["cert"]))
        certified = self.device is None or note.Key(note.device_name(self.origin), self.device).signed(
            note.certificate_text(self.origin, record), signature
        )
        return certified and record["prev"] == note.encode64(self.tree.root())

    def _add(self, record: Record, leaf: bytes) -> bool:
        self.tree = self.tree.append(leaf)
        self.group.append(record)
        return self.key is not None

    def _seal(self, seal: Record, end: int) -> bool:
        if not self.group or self.key is None:
            return False
        root = self.tree.root()
        text = note.checkpoint_text(self.origin, self.tree.size, root)
        if seal["size"] != self.tree.size or seal["root"] != note.encode64(root):
            return False
        if not self.key.signed(text, note.decode64(str(seal["sig"]))):
            return False
        self.sealed_end, self.sealed_tree = end, self.tree
        self.sealed_records += self.group
        self.group = []
        return True
