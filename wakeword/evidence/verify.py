"""Check an evidence log as someone who trusts nobody: every line, every root, every signature, every rule.

    from wakeword.evidence.verify import verify
    result = verify(Path("log"), device_key)     # the device's public key, from the box, not from the log
    result.findings                              # () when all of I1 to I20 hold

First it is decided, backwards from the newest file, which bytes are evidence (`evidence_ends`); then the lines are read
forwards and nothing stops at the first finding. I1 to I4, I14, I19 and I20 are here; what the records must say together
is in `rules.py`; docs/audit-log.md has the list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wakeword.evidence import note, tree
from wakeword.evidence.record import Record, RecordError, parse, problem
from wakeword.evidence.recovery import epochs
from wakeword.evidence.rules import Rules, Session
from wakeword.evidence.segment import MAX_GROUP_BYTES, SEAL_MARK, file_name, lines_of, replay


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken invariant: which, where (file:line, or "anchor SIZE"), and what it means."""

    invariant: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One line that is evidence."""

    epoch: int
    where: str
    record: Record


@dataclass
class Result:
    """What `verify` found. `entries` are all lines that are evidence and could be read."""

    origin: str = ""
    size: int = 0
    root: bytes = tree.EMPTY_ROOT
    findings: list[Finding] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    cut_records: int = 0
    open_tail_bytes: int = 0
    signatures_checked: int = 0
    receipts: int = 0
    receipts_matched: int = 0
    receipts_ignored: list[str] = field(default_factory=list)
    newest_receipt_s: int | None = None


def read_files(directory: Path) -> dict[int, bytes]:
    """Epoch -> content of each file of the log; raises `FileNotFoundError` when there is none."""
    files = {epoch: (directory / file_name(epoch)).read_bytes() for epoch in epochs(directory)}
    if not files:
        raise FileNotFoundError(f"no evidence file (00000001.seg …) in {directory}")
    return files


def evidence_ends(files: dict[int, bytes], device: bytes | None) -> tuple[dict[int, int], int]:
    """Epoch -> how many bytes of the file are evidence (0: a start that a crash cut off), and the open tail's bytes.

    The newest file is read strictly; each older one ends where the next start says it ended.
    """
    waiting = sorted(files)
    ends: dict[int, int] = {}
    open_tail = 0
    while waiting:  # starts that were never sealed, then the newest file that was
        epoch = waiting.pop()
        end = _newest_end(files[epoch], epoch, device)
        ends[epoch] = end
        rest = len(files[epoch]) - end
        open_tail += rest if rest <= MAX_GROUP_BYTES else 0
        if end:
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
    return ends, open_tail


def _newest_end(content: bytes, epoch: int, device: bytes | None) -> int:
    """The strict reading's end, if what follows can be one torn group; else the last seal, however wrong."""
    end = replay(content, epoch, device).sealed_end
    if not end and replay(content, epoch, None).sealed_end:
        return _last_seal_end(content)  # whole, but under another device key: that is for I4 to say
    rest = content[end:]
    if len(rest) <= MAX_GROUP_BYTES and rest.count(SEAL_MARK) <= 1:
        return end
    return _last_seal_end(content)


def _told_end(content: bytes, tail_bytes: int) -> int:
    """Where the next start says this file's evidence ended, if a seal ends there; else its last seal."""
    end = len(content) - tail_bytes
    last = content[: max(end, 0)].rsplit(b"\n", 2)
    return end if len(last) > 1 and last[-1] == b"" and _kind(last[-2]) == "seal" else _last_seal_end(content)


def _last_seal_end(content: bytes) -> int:
    return max((end for _, line, end in lines_of(content) if SEAL_MARK in line and _kind(line) == "seal"), default=0)


def _start_gap(content: bytes) -> Record:
    """The gap record of a file's start, {} when it cannot be read."""
    for number, line, _ in lines_of(content):
        if number == 3:
            return _read(line) if _kind(line) == "gap" and not problem(_read(line)) else {}
    return {}


def _read(line: bytes) -> Record:
    try:
        return parse(line)
    except RecordError:
        return {}


def _kind(line: bytes) -> str:
    return str(_read(line).get("k", ""))


def verify(
    directory: Path, device: note.Key, receipts: str = "", witnesses: Sequence[note.Key] = (), *, every: bool = False
) -> Result:
    """Check the log in `directory` against the device's public key.

    `receipts`: signed checkpoints kept elsewhere, as text, and the certificates that came with them; `witnesses`: whose
    cosignatures on them count. `every` checks each signature; otherwise each file's last and each session's (roots are
    always all computed). Raises `FileNotFoundError` without a log and `NoteError` for receipts that are not notes.
    """
    notes = note.parse_notes(receipts)
    anchors = [kept for kept in notes if not kept.text.startswith(note.CERTIFICATE_HEAD)]
    walk = _Walk(read_files(directory), device, every=every)
    walk.run({note.parse_checkpoint(anchor.text)[1] for anchor in anchors})
    for kept in notes:
        if kept not in anchors:
            walk.certificate(kept)
    for anchor in anchors:
        walk.anchor(anchor, witnesses)
    return walk.result


class _Walk:
    """One reading of the whole log, forwards."""

    def __init__(self, files: dict[int, bytes], device: note.Key, *, every: bool) -> None:
        self.files, self.device, self.every = files, device, every
        self.ends, open_tail = evidence_ends(files, device.public)
        self.result = Result(device.name.removesuffix("/device"), open_tail_bytes=open_tail)
        self.rules = Rules(self.report, self.result.sessions)
        self.tree = tree.Frontier()
        self.epoch_keys: list[note.Key] = []  # certified
        self.roots: dict[int, bytes] = {0: tree.EMPTY_ROOT}
        self.cuts: list[tuple[int, str]] = []
        self.cut_horizon = self.drop_horizon = 0
        self.key: note.Key | None = None
        self.last_kind = self.last_leaf = ""

    def report(self, invariant: str, where: str, what: str) -> None:
        """Keep a finding; the same one twice says nothing more."""
        finding = Finding(invariant, where, what)
        if not any((known.invariant, known.where) == (invariant, where) for known in self.result.findings[-4:]):
            self.result.findings.append(finding)

    def run(self, wanted_sizes: set[int]) -> None:
        """Every file, then what only the whole can show (I19)."""
        self.wanted_sizes = wanted_sizes
        previous = 0
        sealed = [epoch for epoch in sorted(self.files) if self.ends[epoch]]
        for epoch in sorted(self.files):
            if previous and epoch != previous + 1:
                self.report("I2", f"{file_name(epoch)}:1", f"{file_name(previous + 1)} is missing before this file")
            previous = epoch
            if self.ends[epoch]:
                self._file(epoch)
        if not sealed:
            self.report("I3", file_name(previous), "not one sealed record: nothing here is evidence")
        lowest = min(self.files)
        if lowest > 1 and lowest > self.drop_horizon:
            self.report("I19", file_name(lowest), "earlier files are missing and no record says that they were dropped")
        for at, where in self.cuts:
            if at >= self.cut_horizon:
                self.report("I19", where, "a record is reduced to its hash although no horizon covers it")
        self.result.cut_records = len(self.cuts)
        self.result.size, self.result.root = self.tree.size, self.tree.root()

    def _file(self, epoch: int) -> None:
        self.epoch, self.key, self.last_kind, self.leaves = epoch, None, "", 0
        self.last_leaf_before = self.last_leaf
        content, end = self.files[epoch], self.ends[epoch]
        for number, line, after in lines_of(content, end):
            where = f"{file_name(epoch)}:{number}"
            record = self._form(line, where, first=number == 1)
            kind = str(record.get("k", ""))
            if kind == "head":
                self._head(record, where)
            elif kind == "seal":
                self._seal(record, where, last=after == end)
            else:
                self._leaf(record, line, where)
            if record:
                self.result.entries.append(Entry(epoch, where, record))
                self.rules.take(record, where)
            self.last_kind = kind

    def _form(self, line: bytes, where: str, *, first: bool) -> Record:
        """I1: the line's record, without fields that do not belong; {} when too little is left to go by."""
        try:
            record = parse(line)
        except RecordError as error:
            self.report("I1", where, str(error))
            return {}
        wrong = problem(record)
        if not wrong and (record["k"] == "head") != first:
            wrong = "a file begins with its only head"
        if not wrong:
            return record
        self.report("I1", where, wrong)
        known = {name: record[name] for name in record if f"unknown field {name}" not in wrong}
        return known if known["k"] != "head" and not problem(known) else {}

    def _head(self, head: Record, where: str) -> None:
        """I2, I4: it continues the tree of the files before. Of a past that is missing only its frontier is taken."""
        if head["origin"] != self.result.origin:
            self.report("I4", where, f"the log is {head['origin']!r}; the key is for {self.result.origin!r}")
        if head["e"] != self.epoch:
            self.report("I2", where, f"epoch {head['e']} in the file of {self.epoch}")
        try:
            front = tree.Frontier.from_hex(int(head["first"]), str(head["front"]))
        except ValueError as error:
            self.report("I4", where, str(error))
            return
        if self.result.entries and front.size != self.tree.size:
            self.report("I2", where, f"begins at {front.size}; the files before end at {self.tree.size}")
        elif self.result.entries and front != self.tree:
            self.report("I4", where, "does not continue the tree of the files before")
        if front.size != self.tree.size:
            self.tree = front

    def _leaf(self, record: Record, line: bytes, where: str) -> None:
        """I2: its place in the tree."""
        kind = record.get("k")
        if record and kind != "cut" and (record["n"], record["e"]) != (self.tree.size, self.epoch):
            place = f"record {record['n']} of epoch {record['e']}"
            self.report("I2", where, f"{place} stands where {self.tree.size} of {self.epoch} belongs")
        if (kind == "key") != (self.leaves == 0):
            self.report("I4", where, "the first record of a file, and no other, is its key")
        if kind == "key":
            self._key(record, where)
        if kind in ("gap", "prune"):
            self.cut_horizon = max(self.cut_horizon, int(record["cut_n"]))
            self.drop_horizon = max(self.drop_horizon, int(record["drop_e"]))
        if kind == "gap" and self.leaves == 1:
            self._tail(record, where)
        if kind == "cut":
            self.cuts.append((self.tree.size, where))
        self.tree = self.tree.append(bytes.fromhex(str(record["h"])) if kind == "cut" else tree.leaf_hash(line))
        self.leaves += 1
        self.last_leaf = str(kind)
        if self.tree.size in self.wanted_sizes:
            self.roots[self.tree.size] = self.tree.root()

    def _key(self, record: Record, where: str) -> None:
        """I4: the device key vouches for this file's key, at this place of the tree."""
        origin = self.result.origin
        self.key = note.Key(origin, note.decode64(str(record["pub"])))
        text = note.certificate_text(origin, record)
        if record["prev"] != note.encode64(self.tree.root()):
            self.report("I4", where, "the key's certificate is for another past than this one")
        elif not self.device.signed(text, note.decode64(str(record["cert"]))):
            self.report("I4", where, "the key of this file is not certified by the device key given")
        else:
            self.epoch_keys.append(self.key)

    def _seal(self, seal: Record, where: str, *, last: bool) -> None:
        """I3: size, root, and the signature over both."""
        root = self.tree.root()
        if seal["size"] != self.tree.size or seal["root"] != note.encode64(root):
            self.report("I3", where, "the records above are not those that were sealed: something was changed")
            return
        if not (self.every or last or self.last_kind == "open"):
            return
        self.result.signatures_checked += 1
        text = note.checkpoint_text(self.result.origin, self.tree.size, root)
        if self.key is None or not self.key.signed(text, note.decode64(str(seal["sig"]))):
            self.report("I3", where, "the seal is not signed by this file's key")

    def _tail(self, gap: Record, where: str) -> None:
        """I14: the gap accounts for every byte that was left unsealed before this start."""
        older = sorted(epoch for epoch in self.files if epoch < self.epoch)
        aborted: list[int] = []
        while older and not self.ends[older[-1]]:
            aborted.insert(0, older.pop())
        before = [self.files[older[-1]][self.ends[older[-1]] :]] if older else []
        tail = b"".join(before + [self.files[epoch] for epoch in aborted])
        torn = 1 + len(aborted)
        told = (gap["ab"], gap["tail_b"], gap["tail_h"])
        dropped = not older and gap["why"] != "first"  # the file before is gone: its tail cannot be compared
        if not dropped and told != (len(aborted), len(tail), hashlib.sha256(tail).hexdigest()):
            seen = f"{len(tail)} bytes in {torn} places"
            self.report("I14", where, f"the unsealed bytes before this start ({seen}) are not those it recorded")
        elif len(tail) > MAX_GROUP_BYTES * torn or tail.count(SEAL_MARK) > torn:
            self.report("I14", where, f"{len(tail)} unsealed bytes: more than a crash leaves")
        if gap["clean"] != (gap["why"] == "stop") or (gap["why"] == "first") != (self.tree.size == 1):
            self.report("I14", where, f"a start that calls itself {gap['why']!r} contradicts itself")
        last = self.last_leaf_before
        if last not in ("", "cut") and gap["clean"] != (last == "stop"):
            self.report("I14", where, f"clean = {gap['clean']}, and the last record before is a {last}")

    def certificate(self, kept: note.SignedNote) -> None:
        """A key that the device key certified: its checkpoints count even when its own file is gone."""
        origin, *_, public = kept.text.removeprefix(note.CERTIFICATE_HEAD).splitlines()
        if origin == self.result.origin and any(self.device.signed(kept.text, raw) for _, raw in kept.signatures):
            self.epoch_keys.append(note.Key(origin, note.decode64(public)))

    def anchor(self, signed: note.SignedNote, witnesses: Sequence[note.Key]) -> None:
        """I20: a checkpoint that was kept elsewhere must lie on this log."""
        result = self.result
        origin, size, root = note.parse_checkpoint(signed.text)
        result.receipts += 1
        times = [
            key.cosigned(signed.text, raw) for key in witnesses for name, raw in signed.signatures if name == key.name
        ]
        dated = [time_s for time_s in times if time_s is not None]
        own = any(key.signed(signed.text, raw) for key in self.epoch_keys for name, raw in signed.signatures)
        if not dated and not own:
            result.receipts_ignored.append(f"anchor {size}: signed by no key of this log and by no witness given")
        elif origin != result.origin or size > result.size:
            self.report(
                "I20", f"anchor {size}", f"the log has {result.size} records; this checkpoint was of {origin!r}"
            )
        elif size in self.roots and self.roots[size] != root:
            self.report("I20", f"anchor {size}", "the log is not the one that this checkpoint was signed for")
        elif size not in self.roots:
            result.receipts_ignored.append(f"anchor {size}: lies before the oldest file")
        else:
            result.receipts_matched += 1
            result.newest_receipt_s = max([*dated, result.newest_receipt_s or 0]) or None
