"""Check an evidence log as someone who trusts nobody: every line, every root, every signature, every rule.

    from wakeword.evidence.verify import verify
    result = verify(Path("log"), device_key)     # the device's public key, from the box, not from the log
    result.findings                              # () when all of I1 to I20 hold

First it is decided, backwards from the newest file, which bytes are evidence (`extent.py`); then the lines are read
forwards and nothing stops at the first finding. I1 to I4, I14, I19 and I20 are here; what the records must say together
is in `rules.py`; docs/audit-log.md has the list. `scripts/verify_log.py` and `docs/verify.html` do the same with code
of their own, and tests hold all three to the same findings: a change here is a change of the document and of both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wakeword.evidence import note, tree
from wakeword.evidence.extent import can_be_torn, evidence_ends
from wakeword.evidence.kept import Certificate, Checkpoint, read_notes
from wakeword.evidence.record import Record, RecordError, parse, problem
from wakeword.evidence.recovery import epochs
from wakeword.evidence.rules import HIDDEN, Rules, Session
from wakeword.evidence.segment import file_name, lines_of
from wakeword.evidence.store import NOTHING_SHA256

MAX_FILE_BYTES = 64 * 1024 * 1024  # a day's file has some hundred kilobytes; beyond this nobody should try to read it
STARTS, INSIDE = ("first", "stop", "crash"), ("clock", "suspend", "listen", "late")


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken invariant: which, where (file:line, a file, or "anchor SIZE"), and what it means."""

    invariant: str
    where: str
    what: str

    @property
    def order(self) -> tuple[bool, str, int, int]:
        """By file and line, then invariant; checkpoints last."""
        place, _, number = self.where.replace("anchor ", "anchor:").partition(":")
        return place == "anchor", place, int(number or 0), int(self.invariant[1:])


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
    findings: list[Finding] = field(default_factory=list)  # each place once an invariant, in order
    sessions: list[Session] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    files: int = 0  # that have evidence
    cut_records: int = 0
    cut_beyond: int = 0  # of these, those that no horizon covers: a redacted copy has them
    missing_files: int = 0  # before the oldest one
    open_tail_bytes: int = 0
    signatures_checked: int = 0
    receipts: int = 0
    receipts_matched: int = 0
    receipts_ignored: list[str] = field(default_factory=list)
    newest_receipt_s: int | None = None
    newest_receipt_size: int = 0


def read_files(directory: Path) -> dict[int, bytes]:
    """Epoch -> content of each file of the log; raises `FileNotFoundError` when there is none.

    Of a file beyond MAX_FILE_BYTES only so much is read that its size shows.
    """
    files: dict[int, bytes] = {}
    for epoch in epochs(directory):
        with (directory / file_name(epoch)).open("rb") as file:
            files[epoch] = file.read(MAX_FILE_BYTES + 1)
    if not files:
        raise FileNotFoundError(f"no evidence file (00000001.seg …) in {directory}")
    return files


def verify(
    directory: Path, device: note.Key, receipts: str = "", witnesses: Sequence[note.Key] = (), *, every: bool = False,
    redacted: bool = False,
) -> Result:  # fmt: skip
    """Check the log in `directory` against the device's public key.

    `receipts`: signed checkpoints kept elsewhere, as text, and the certificates that came with them; `witnesses`: whose
    cosignatures on them count. `every` checks each signature; otherwise each file's last and each session's (roots are
    always all computed). `redacted`: the log is a copy with records reduced to hashes on purpose, which I19 then does
    not count. Raises `FileNotFoundError` without a log.
    """
    walk = _Walk(read_files(directory), device, every=every)
    kept = read_notes(receipts)
    walk.run({anchor.size for anchor in kept.checkpoints}, redacted=redacted)
    for certificate in kept.certificates:
        walk.certificate(certificate)
    walk.result.receipts = len(kept.checkpoints) + len(kept.unreadable)
    walk.result.receipts_ignored += [f"note {number}: {why}" for number, why in kept.unreadable]
    for anchor in kept.checkpoints:
        walk.anchor(anchor, witnesses)
    walk.result.findings.sort(key=lambda finding: finding.order)
    return walk.result


class _Walk:
    """One reading of the whole log, forwards."""

    def __init__(self, files: dict[int, bytes], device: note.Key, *, every: bool) -> None:
        self.large = [epoch for epoch in files if len(files[epoch]) > MAX_FILE_BYTES]
        self.files = files | dict.fromkeys(self.large, b"")
        self.device, self.every = device, every
        self.ends = evidence_ends(self.files)
        self.result = Result(device.name.removesuffix("/device"))
        self.rules = Rules(self.report, self.result.sessions)
        self.tree: tree.Frontier | None = tree.Frontier() if min(files) == 1 else None  # None: its past is gone
        self.epoch_keys: list[note.Key] = []  # certified
        self.roots: dict[int, set[bytes]] = {0: {tree.EMPTY_ROOT}}
        self.cuts: list[tuple[int, str]] = []
        self.cut_horizon = self.drop_horizon = 0
        self.key: note.Key | None = None
        self.last_kind = self.last_leaf = ""
        self.reported: set[tuple[str, str]] = set()

    def report(self, invariant: str, where: str, what: str) -> None:
        """Keep a finding; a second one of the same invariant at the same place says nothing more."""
        if (invariant, where) not in self.reported:
            self.reported.add((invariant, where))
            self.result.findings.append(Finding(invariant, where, what))

    def run(self, wanted_sizes: set[int], *, redacted: bool) -> None:
        """Every file, then what only the whole can show (I19)."""
        self.wanted_sizes = wanted_sizes
        for epoch in self.large:
            self.report("I1", file_name(epoch), f"larger than {MAX_FILE_BYTES} bytes: it was not read")
        known, missing = sorted(self.files), False  # missing: files, since the last one that had evidence
        for before, epoch in zip([0, *known], known, strict=False):
            if before and epoch != before + 1:
                self.report("I2", file_name(epoch), f"{file_name(before + 1)} is missing before this file")
            missing = missing or epoch != before + 1
            if self.ends[epoch]:
                self._file(epoch, after_missing=missing)
                missing = False
        self._newest_tail(known)
        self.result.missing_files = known[0] - 1
        if known[0] > max(self.drop_horizon, 1):
            what = "earlier files are missing and no record says that they were dropped"
            self.report("I19", file_name(known[0]), what)
        beyond = [where for at, where in self.cuts if at >= self.cut_horizon]
        for where in [] if redacted else beyond:
            self.report("I19", where, "a record is reduced to its hash although no horizon covers it")
        self.result.cut_records, self.result.cut_beyond = len(self.cuts), len(beyond)
        final = self.tree or tree.Frontier()
        self.result.size, self.result.root = final.size, final.root()

    def _newest_tail(self, known: list[int]) -> None:
        """I3, I14: what follows the newest seal is what one crash can leave, and there is a seal."""
        for epoch in reversed(known):
            tail = self.files[epoch][self.ends[epoch] :]
            self.result.open_tail_bytes += len(tail)
            if not can_be_torn(tail, 1):
                self.report("I14", file_name(epoch), f"{len(tail)} unsealed bytes at the end: more than a crash leaves")
            if self.ends[epoch]:
                return
        self.report("I3", file_name(known[-1]), "not one sealed record: nothing here is evidence")

    def _file(self, epoch: int, *, after_missing: bool) -> None:
        self.epoch, self.key, self.last_kind, self.leaves, self.sealed_size = epoch, None, "", 0, -1
        self.last_leaf_before = self.last_leaf
        if after_missing:
            self.tree = None  # what came before is not known
        self.result.files += 1
        self.rules.begin_file(after_missing=after_missing)
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
            self.rules.take(record or HIDDEN, where)
            self.last_kind = kind

    def _form(self, line: bytes, where: str, *, first: bool) -> Record:
        """I1: the line's record; {} when it has not the form. Such a line is a leaf of which nothing is known."""
        try:
            record = parse(line)
            wrong = problem(record)
        except RecordError as error:
            record, wrong = {}, str(error)
        if not wrong and (record["k"] == "head") != first:
            wrong = "a file begins with its only head"
        if wrong:
            self.report("I1", where, wrong)
        return {} if wrong else record

    def _head(self, head: Record, where: str) -> None:
        """I2, I4: it continues the tree of the files before. From here on this file's own word for it counts."""
        if head["origin"] != self.result.origin:
            self.report("I4", where, f"the log is {head['origin']!r}; the key is for {self.result.origin!r}")
        if head["e"] != self.epoch:
            self.report("I2", where, f"epoch {head['e']} in the file of {self.epoch}")
        try:
            front = tree.Frontier.from_hex(int(head["first"]), str(head["front"]))
        except ValueError as error:
            self.report("I4", where, str(error))
            return
        if self.tree is not None and front.size != self.tree.size:
            self.report("I2", where, f"begins at {front.size}; the files before end at {self.tree.size}")
        elif self.tree is not None and front != self.tree:
            self.report("I4", where, "does not continue the tree of the files before")
        self.tree = front
        self._remember()

    def _remember(self) -> None:
        if self.tree is not None and self.tree.size in self.wanted_sizes:
            self.roots.setdefault(self.tree.size, set()).add(self.tree.root())

    def _leaf(self, record: Record, line: bytes, where: str) -> None:
        """I2: its place in the tree."""
        kind = str(record.get("k", ""))
        self.tree = self.tree or tree.Frontier()
        if kind not in ("", "cut") and (record["n"], record["e"]) != (self.tree.size, self.epoch):
            place = f"record {record['n']} of epoch {record['e']}"
            self.report("I2", where, f"{place} stands where {self.tree.size} of {self.epoch} belongs")
        if (kind == "key") != (self.leaves == 0):
            self.report("I4", where, "the first record of a file, and no other, is its key")
        if kind == "key":
            self._key(record, where)
        if kind in ("gap", "prune"):
            self.cut_horizon = max(self.cut_horizon, int(record["cut_n"]))
            self.drop_horizon = max(self.drop_horizon, int(record["drop_e"]))
        if self.leaves == 1:
            self._start(record, where)
        elif kind == "gap":
            self._gap_inside(record, where)
        if kind == "cut":
            self.cuts.append((self.tree.size, where))
        self.tree = self.tree.append(bytes.fromhex(str(record["h"])) if kind == "cut" else tree.leaf_hash(line))
        self.leaves += 1
        self.last_leaf = kind
        self._remember()

    def _key(self, record: Record, where: str) -> None:
        """I4: the device key vouches for this file's key, at this place of the tree."""
        origin = self.result.origin
        self.key = note.Key(origin, note.decode64(str(record["pub"])))
        text = note.certificate_text(origin, record)
        if self.tree is None or record["prev"] != note.encode64(self.tree.root()):
            self.report("I4", where, "the key's certificate is for another past than this one")
        elif not self.device.signed(text, note.decode64(str(record["cert"]))):
            self.report("I4", where, "the key of this file is not certified by the device key given")
        else:
            self.epoch_keys.append(self.key)

    def _seal(self, seal: Record, where: str, *, last: bool) -> None:
        """I3: it seals something; size, root, and the signature over both."""
        size, root = (self.tree.size, self.tree.root()) if self.tree else (0, tree.EMPTY_ROOT)
        sealed_before, self.sealed_size = self.sealed_size, size
        if seal["size"] != size or seal["root"] != note.encode64(root):
            self.report("I3", where, "the records above are not those that were sealed: something was changed")
            return
        if size == sealed_before or not self.leaves:
            self.report("I3", where, "a seal over nothing new")
            return
        if not (self.every or last or self.last_kind == "open"):
            return
        self.result.signatures_checked += 1
        text = note.checkpoint_text(self.result.origin, size, root)
        if self.key is None or not self.key.signed(text, note.decode64(str(seal["sig"]))):
            self.report("I3", where, "the seal is not signed by this file's key")

    def _start(self, gap: Record, where: str) -> None:
        """I14: the second record is a gap that accounts for every byte that was left unsealed before this start."""
        if gap.get("k") != "gap":
            self.report("I14", where, "the second record of a file is its gap")
            return
        older = sorted(epoch for epoch in self.files if epoch < self.epoch)
        aborted: list[int] = []
        while older and not self.ends[older[-1]]:
            aborted.insert(0, older.pop())
        before = [self.files[older[-1]][self.ends[older[-1]] :]] if older else []
        tail = b"".join(before + [self.files[epoch] for epoch in aborted])
        torn = 1 + len(aborted)
        if older or min(self.files) == 1:  # else the file before is gone: its tail cannot be compared
            if (gap["ab"], gap["tail_b"], gap["tail_h"]) != (len(aborted), len(tail), hashlib.sha256(tail).hexdigest()):
                seen = f"{len(tail)} bytes in {torn} places"
                self.report("I14", where, f"the unsealed bytes before this start ({seen}) are not those it recorded")
            elif not can_be_torn(tail, torn):
                self.report("I14", where, f"{len(tail)} unsealed bytes: more than a crash leaves")
        first = self.tree is not None and self.tree.size == 1
        if gap["why"] not in STARTS or gap["clean"] != (gap["why"] == "stop") or (gap["why"] == "first") != first:
            self.report("I14", where, f"a start that calls itself {gap['why']!r} contradicts itself")
        last = self.last_leaf_before
        if last not in ("", "cut") and gap["clean"] != (last == "stop"):
            self.report("I14", where, f"clean = {gap['clean']}, and the last record before is a {last}")

    def _gap_inside(self, gap: Record, where: str) -> None:
        """I14: a gap inside a file tells of time alone."""
        about_tail = (gap["ab"], gap["tail_b"], gap["tail_h"], gap["open"], gap["clean"])
        if gap["why"] not in INSIDE or about_tail != (0, 0, NOTHING_SHA256, 0, True):
            self.report("I14", where, f"a gap {gap['why']!r} that belongs to a start, inside a file")

    def certificate(self, kept: Certificate) -> None:
        """A key that the device key certified: its checkpoints count even when its own file is gone."""
        if kept.origin == self.result.origin and any(self.device.signed(kept.text, raw) for raw in kept.signatures):
            self.epoch_keys.append(note.Key(kept.origin, kept.public))

    def anchor(self, kept: Checkpoint, witnesses: Sequence[note.Key]) -> None:
        """I20: a checkpoint that was kept elsewhere must lie on this log."""
        result, size, where = self.result, kept.size, f"anchor {kept.size}"
        times = [key.cosigned(kept.text, raw) for key in witnesses for name, raw in kept.signatures if name == key.name]
        dated = [time_s for time_s in times if time_s is not None]
        own = any(
            key.signed(kept.text, raw) for key in self.epoch_keys for name, raw in kept.signatures if name == key.name
        )
        roots = self.roots.get(size, set())
        if not dated and not own:
            result.receipts_ignored.append(f"{where}: signed by no key of this log and by no witness given")
        elif kept.origin != result.origin:
            self.report("I20", where, f"this checkpoint was of {kept.origin!r}")
        elif size > result.size:
            self.report("I20", where, f"the log has {result.size} records, and had {size}: its end was cut off")
        elif not roots:
            result.receipts_ignored.append(f"{where}: lies before the oldest file")
        elif roots != {kept.root}:
            self.report("I20", where, "the log is not the one that this checkpoint was signed for")
        else:
            result.receipts_matched += 1
            result.newest_receipt_size = max(result.newest_receipt_size, size)
            known = [] if result.newest_receipt_s is None else [result.newest_receipt_s]
            result.newest_receipt_s = max([*dated, *known], default=None)
