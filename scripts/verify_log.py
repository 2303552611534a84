#!/usr/bin/env python3
"""Check an evidence log with this one file and Python's standard library (3.8 or newer), its Ed25519 included.

    python3 verify_log.py DIR --key VKEY|FILE [--receipts FILE] [--witness VKEY|FILE] [--all] [--redacted] [--json]

DIR has 00000001.seg and so on; VKEY is the device's public key, kept since its first start and not taken from DIR. The
rules are those of docs/audit-log.md, whose numbers (I1 to I20) stand at the code; nothing of the package is used. Exit
code 0: everything holds; 1: something does not, file and line are named; 2: nothing could be checked.
"""

# One file to be read from top to bottom, dense on purpose.
# ruff: noqa
# fmt: off
import argparse, base64, hashlib, json, re, sys
from pathlib import Path

# --- Ed25519, RFC 8032: verification only -----------------------------------------------------------------------------
P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)
def plus(a, b):
    """Sum of two points (x, y, z, x*y/z)."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    return (f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P
def point(raw):
    """The point that 32 bytes spell, None when they spell none in canonical form."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    x = x if x * x % P == x2 else x * ROOT % P
    if y >= P or x * x % P != x2 or (x == 0 and raw[31] >> 7):
        return None
    x = x if x & 1 == raw[31] >> 7 else P - x
    return x, y, 1, x * y % P
def of_small_order(a):
    for _ in range(3):
        a = plus(a, a)
    return a[0] == 0 and a[1] == a[2]

BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
def signed_by(public, signature, text):
    """True when 64 bytes are the signature of these 32 bytes of key over the text: R = S * BASE - h * A."""
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= Q or of_small_order(a) or of_small_order(r):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + text.encode()).digest(), "little") % Q
    minus = (P - a[0], a[1], 1, P - a[3])
    table, total = (None, BASE, minus, plus(BASE, minus)), (0, 1, 1, 0)
    for bit in range(253, -1, -1):
        total, which = plus(total, total), (s >> bit & 1) + 2 * (h >> bit & 1)
        total = plus(total, table[which]) if which else total
    return (total[0] - r[0] * total[2]) % P == 0 and (total[1] - r[1] * total[2]) % P == 0

# --- lines: canonical JSON of a closed schema (I1) --------------------------------------------------------------------
MAX, GROUP, LARGEST, EMPTY = 2**53 - 1, 16384, 64 * 1024 * 1024, hashlib.sha256(b"").hexdigest()
CERTIFICATE, STARTS = "wakegate-key/v1", ("first", "stop", "crash")
FORMS = """
head e:1.. first:0.. front:hex* origin:name v:1..1 | seal root:b64x32 sig:b64x68 size:1.. | cut h:hex64
key v:1..1 boot:hex32 pub:b64x32 prev:b64x32 cert:b64x68 code:hex64 why:start,daily
gap why:first,stop,crash,clock,suspend,listen,late ms:int ab:0..1000 tail_b:0.. tail_h:hex64 open:0.. clean:bool
    cut_n:0.. drop_e:0..
policy s1_min:0.. s2_min:0.. lag_ms:0.. m1:hex64 m2:hex64 cap_b:0.. cap_ms:0.. win_b:0.. rate:0.. hour:0.. beat_ms:0..
    file:hex64
selftest deny:bool kat:bool mic:bool net:bool | mute on:bool src:boot,switch,user
beat frames:0.. muted:bool sync:bool sess:0.. pass_b:0.. | tally cand:0.. rej:0.. deny:0.. ms:0..
wake wid:0.. s1:0..1000000 s2:0..1000000 lag_ms:0.. m1:hex64 m2:hex64 win_b:0.. win_h:hex64 a:hex32
open sid:1.. wid:0.. cap_b:0.. cap_ms:0.. fmt:s16le16k,
close sid:1.. bytes:0.. ms:0.. why:end,cap_b,cap_ms,rate,mute,stop,uplink,listen,proto,shutdown sum_h:hex64
kcount gen:hex16 eg_b:0.. in_b:0.. uq_b:0.. src:nft,bpf,own | prune cut_n:0.. drop_e:0.. why:age,space,user
fault arg:int latch:bool
    code:frame,state,score,stale,model,window,order,eof,meter,selftest,config,unplugged,stalled,stolen,rate,zeros,clipping
stop why:daily,shutdown,fault | meter src:none,own,nft,bpf eg:bool uq:bool | hold count:0.. ms:0..
walls who:listen,gate,uplink,status,meter,run inet:-1..4095 inet6:-1..4095 unix:-1..4095 netlink:-1..4095
    packet:-1..4095 other:-1..4095 sound:-1..4095 log:-1..4095 write:-1..4095 exec:-1..4095 ptrace:-1..4095 wx:-1..4095
cause who:listen,gate,uplink,status,meter,run how:exit,signal,watchdog,late code:0..255
collect why:on,day,expired,forgotten until:0.. kept:0..
stats day:0.. wakes:int cand:int rej:int cancel:int eps:1..1000000 spent:0.. bytes:0..
"""
KINDS = {words[0]: dict(field.split(":") for field in words[1:])
         for words in (form.split() for form in re.split(r"\||\n(?! )", FORMS)) if words}
EVERY = {"e": "1..", "n": "0..", "s": "hex32", "t": "0..", "w": "0.."}  # in every record, not in head, seal and cut
LIMITS = {"beat_ms": (1000, 900000), "cap_b": (1, 2000000), "cap_ms": (1, 60000), "hour": (1, 60), "lag_ms": (1, 2000),
          "rate": (1, 64000), "s1_min": (100000, 1000000), "s2_min": (100000, 1000000), "win_b": (1, 131072)}
def b64(raw):
    return base64.b64encode(raw).decode()
def unb64(text, size=None):
    """The bytes of canonical base64; None for another spelling or size."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if b64(raw) == text and size in (None, len(raw)) else None
def fits(value, form):
    if form == "bool":
        return type(value) is bool
    if form == "int" or ".." in form:
        low, _, high = form.partition("..") if form != "int" else (-MAX, "", MAX)
        return type(value) is int and int(low) <= value <= int(high or MAX)
    if type(value) is not str:
        return False
    if form.startswith("hex"):
        return re.fullmatch("([0-9a-f]{64})*" if form == "hex*" else "[0-9a-f]{%s}" % form[3:], value) is not None
    if form.startswith("b64x"):
        return unb64(value, int(form[4:])) is not None
    if form == "name":
        return re.fullmatch("[a-z0-9./-]{1,128}", value) is not None
    return value != "" and value in form.split(",")
def read(line):
    """The record of a line, None when it is not of the form."""
    try:
        record = json.loads(line.decode("ascii")) if len(line) <= 4096 else None
        again = json.dumps(record, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None
    if type(record) is not dict or again.encode() != line or b"\\" in line or b"\x7f" in line:
        return None
    fields = KINDS.get(record["k"]) if type(record.get("k")) is str else None
    if fields is None:
        return None
    fields = fields if record["k"] in ("head", "seal", "cut") else {**fields, **EVERY}
    same = set(record) == {"k", *fields}
    return record if same and all(fits(record[name], form) for name, form in fields.items()) else None
def lines_of(content):
    """(line without LF, offset after it)."""
    at = 0
    while (feed := content.find(b"\n", at)) >= 0:
        yield content[at:feed], feed + 1
        at = feed + 1

# --- the tree: RFC 6962, 2.1 ------------------------------------------------------------------------------------------
class Tree:
    """`size` leaves; `peaks`, the roots of its perfect subtrees, largest first."""
    def __init__(self, size=0, front=""):
        self.size, self.peaks = size, [bytes.fromhex(front[at:at + 64]) for at in range(0, len(front), 64)]
        self.sound = len(self.peaks) == bin(size).count("1")
    def add(self, leaf):
        size = self.size
        while size & 1:
            leaf, size = hashlib.sha256(b"\x01" + self.peaks.pop() + leaf).digest(), size >> 1
        self.peaks.append(leaf)
        self.size += 1
    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            root = hashlib.sha256(b"\x01" + peak + root).digest()
        return root
def leaf_of(record, line):
    cut = record is not None and record["k"] == "cut"
    return bytes.fromhex(record["h"]) if cut else hashlib.sha256(b"\0" + line).digest()
def key_id(name, public, kind=1):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
def vouched(name, public, text, signature):
    """`signature`: key ID and Ed25519, 68 bytes."""
    return signature[:4] == key_id(name, public) and signed_by(public, signature[4:], text)
def checkpoint(origin, tree):
    return "%s\n%d\n%s\n" % (origin, tree.size, b64(tree.root()))

# --- which bytes are evidence -----------------------------------------------------------------------------------------
def torn(rest, groups=1):
    return len(rest) <= GROUP * groups and rest.count(b'"k":"seal"') <= groups
def strict_end(content, epoch):
    """The end of the last seal up to which the file is without doubt (who certified its key is not asked)."""
    end, tree, key, fresh, origin = 0, None, None, False, ""
    for line, after in lines_of(content):
        r = read(line)
        if r is None or (r["k"] == "head") != (tree is None):
            break
        if tree is None:
            tree, origin = Tree(r["first"], r["front"]), r["origin"]
            if r["e"] != epoch or not tree.sound:
                break
        elif r["k"] == "seal":
            right = fresh and r["size"] == tree.size and r["root"] == b64(tree.root())
            if not right or not vouched(origin, key, checkpoint(origin, tree), unb64(r["sig"])):
                break
            end, fresh = after, False
        else:
            if (r["k"] == "key") != (key is None) or r["k"] != "cut" and (r["e"], r["n"]) != (epoch, tree.size):
                break
            if r["k"] == "key":
                key = unb64(r["pub"])
                if r["prev"] != b64(tree.root()):
                    break
            tree.add(leaf_of(r, line))
            fresh = True
    return end
def is_seal(line):
    return b'"k":"seal"' in line and (read(line) or {}).get("k") == "seal"
def last_seal(content):
    return max([after for line, after in lines_of(content) if is_seal(line)], default=0)
def ends_of(files):
    """Epoch -> length of its evidence; 0: a start that was never sealed."""
    waiting, ends = sorted(files), {}
    while waiting:
        epoch = waiting.pop()
        end = strict_end(files[epoch], epoch)
        ends[epoch] = end if torn(files[epoch][end:]) else last_seal(files[epoch])
        if ends[epoch]:
            break
    while waiting:
        third = [line for (line, _), _ in zip(lines_of(files[epoch]), range(3))][2:]
        gap = read(third[0]) if third else None
        told, aborted = (gap["tail_b"], gap["ab"]) if gap and gap["k"] == "gap" else (0, 0)
        for _ in range(min(aborted, len(waiting))):
            ends[waiting[-1]] = 0
            told -= len(files[waiting.pop()])
        if waiting:
            epoch = waiting.pop()
            content = files[epoch]
            end = len(content) - told
            start = content.rfind(b"\n", 0, max(end - 1, 0)) + 1
            sealed = 0 < end <= len(content) and content[end - 1:end] == b"\n" and is_seal(content[start:end - 1])
            ends[epoch] = end if sealed else last_seal(content)
    return ends

# --- the log, forwards ------------------------------------------------------------------------------------------------
class Log:
    """One reading. A line that is not of the form, and a `cut`, is hidden: what it may have changed is not known, and
    what is not known (None) breaks no rule."""
    def __init__(self, files, device_name, device, every, redacted, wanted):
        self.origin, self.device, self.every, self.wanted = device_name[:-len("/device")], device, every, wanted
        self.files, self.ends = files, ends_of(files)
        self.findings, self.sessions, self.keys, self.roots = {}, [], [], {0: {hashlib.sha256(b"").digest()}}
        self.cuts, self.cut_n, self.drop_e, self.signatures, self.boot, self.last_leaf = [], 0, 0, 0, None, ""
        self.tree = Tree() if min(files) == 1 else None
        self.wids, self.opens, self.read = {}, [], 0
        self.last, self.muted, self.muted_beats = None, None, 0
        self.open, self.sess, self.passed, self.meters = 0, 0, 0, {}
        before, missing = 0, False  # missing: files, since the last one that had evidence
        for epoch in sorted(files):
            if before and epoch != before + 1:
                self.find("I2", name_of(epoch), "the file before this one is missing")
            missing = missing or epoch != before + 1
            if self.ends[epoch]:
                self.file(epoch, not missing)
                missing = False
            before = epoch
        self.newest_tail()
        if min(files) > max(self.drop_e, 1):
            self.find("I19", name_of(min(files)), "earlier files are missing and nothing says that they were dropped")
        self.beyond = [where for at, where in self.cuts if at >= self.cut_n]
        for where in [] if redacted else self.beyond:
            self.find("I19", where, "a record is reduced to its hash although no horizon covers it")
    def find(self, invariant, where, what):
        self.findings.setdefault((invariant, where), what)
    def newest_tail(self):
        self.open_tail = 0
        for epoch in sorted(self.files, reverse=True):
            tail = self.files[epoch][self.ends[epoch]:]
            self.open_tail += len(tail)
            if not torn(tail):
                self.find("I14", name_of(epoch), "more unsealed bytes at the end than a crash leaves")
            if self.ends[epoch]:
                return
        self.find("I3", name_of(max(self.files)), "not one sealed record")
    def hide(self):
        """Something stood here that cannot be read."""
        self.last = self.muted = self.open = self.sess = self.passed = None  # open: 0 none, None unknown
        self.hidden, self.muted_beats, self.meters = True, 0, {}
    def file(self, epoch, continues):
        if not continues:
            self.tree = None
            self.hide()
        self.epoch, self.key, self.leaves, self.sealed = epoch, None, 0, None
        self.policy, self.test, self.latched, self.hidden, self.before = None, None, False, False, {}
        self.ended, self.leaf_before, at = self.ends[epoch], self.last_leaf, 0
        for line, after in lines_of(self.files[epoch][:self.ended]):
            at += 1
            self.where, r = "%s:%d" % (name_of(epoch), at), read(line)
            if r is None or (r["k"] == "head") != (at == 1):
                self.find("I1", self.where, "not canonical, not of the schema, or a head out of place")
                r = None
            self.line(r or {"k": ""}, line, after == self.ended)
        self.read += 1
    def line(self, r, raw, is_last):
        find, where, kind, before = self.find, self.where, r["k"], self.before
        if before.get("k") == "open" and kind != "seal":
            find("I5", where, "an open is not sealed by itself")
        elif before.get("k") == "wake" and kind != "open":
            find("I5", where, "a wake without its open")
        elif "t" in r and "t" in before and not self.hidden and (r["t"], r["w"]) != (before["t"], before["w"]):
            find("I5", where, "records of different times under one seal")
        elif kind == "open" and before.get("k") not in ("", "cut") and \
                (before.get("k"), before.get("wid")) != ("wake", r["wid"]):
            find("I5", where, "an open that does not follow its own wake")
        if kind == "head":
            self.head(r)
        elif kind == "seal":
            self.seal(r, is_last)
        else:
            self.leaf(r, raw)
        self.before = r
    def head(self, r):
        tree = Tree(r["first"], r["front"])
        if r["origin"] != self.origin:
            self.find("I4", self.where, "this log is %s, the key is for %s" % (r["origin"], self.origin))
        if r["e"] != self.epoch:
            self.find("I2", self.where, "the epoch is not the file's number")
        if not tree.sound:
            return self.find("I4", self.where, "front does not fit first")
        if self.tree and tree.size != self.tree.size:
            self.find("I2", self.where, "begins at %d, the files before end at %d" % (tree.size, self.tree.size))
        elif self.tree and tree.peaks != self.tree.peaks:
            self.find("I4", self.where, "does not continue the files before")
        self.tree = tree
        self.note_root()
    def note_root(self):
        if self.tree.size in self.wanted:
            self.roots.setdefault(self.tree.size, set()).add(self.tree.root())
    def seal(self, r, is_last):
        tree = self.tree or Tree()
        nothing_new, self.sealed = not self.leaves or tree.size == self.sealed, tree.size
        if r["size"] != tree.size or r["root"] != b64(tree.root()):
            self.find("I3", self.where, "the records above are not those that were sealed")
        elif nothing_new:
            self.find("I3", self.where, "a seal over nothing new")
        elif self.every or is_last or self.before.get("k") == "open":
            self.signatures += 1
            if not self.key or not vouched(self.origin, self.key, checkpoint(self.origin, tree), unb64(r["sig"])):
                self.find("I3", self.where, "not signed by this file's key")
    def leaf(self, r, raw):
        self.tree = self.tree or Tree()
        find, where, kind, tree = self.find, self.where, r["k"], self.tree
        readable = kind not in ("", "cut")
        if readable and (r["n"], r["e"]) != (tree.size, self.epoch):
            find("I2", where, "n or e is not that of its place")
        if (kind == "key") != (self.leaves == 0):
            find("I4", where, "the first record of a file, and no other, is its key")
        if kind in ("gap", "prune"):
            self.cut_n, self.drop_e = max(self.cut_n, r["cut_n"]), max(self.drop_e, r["drop_e"])
        if self.leaves == 1:
            self.start(r)
        elif kind == "gap" and (r["why"] in STARTS or
                                [r[f] for f in ("ab", "tail_b", "tail_h", "open", "clean")] != [0, 0, EMPTY, 0, True]):
            find("I14", where, "a gap of a start, inside a file")
        if readable:
            self.time(r)
            getattr(self, "on_" + kind, lambda _: None)(r)
            self.last = r
        else:
            self.hide()
        if kind == "cut":
            self.cuts.append((tree.size, where))
        tree.add(leaf_of(r, raw))
        self.leaves, self.last_leaf = self.leaves + 1, kind
        self.note_root()
    def start(self, r):
        """I14: what lies unsealed before this file, and why the gate was away."""
        if r["k"] != "gap":
            return self.find("I14", self.where, "the second record of a file is its gap")
        older, aborted = sorted(epoch for epoch in self.files if epoch < self.epoch), []
        while older and not self.ends[older[-1]]:
            aborted.insert(0, self.files[older.pop()])
        tail = b"".join(([self.files[older[-1]][self.ends[older[-1]]:]] if older else []) + aborted)
        if older or min(self.files) == 1:
            if (r["ab"], r["tail_b"], r["tail_h"]) != (len(aborted), len(tail), hashlib.sha256(tail).hexdigest()):
                self.find("I14", self.where, "the unsealed bytes before this start are not those it recorded")
            elif not torn(tail, 1 + len(aborted)):
                self.find("I14", self.where, "more unsealed bytes than a crash leaves")
        before = self.leaf_before
        if (r["why"] not in STARTS or r["clean"] != (r["why"] == "stop") or (r["why"] == "first") != (self.tree.size == 1)
                or before not in ("", "cut") and r["clean"] != (before == "stop")):
            self.find("I14", self.where, "a start that contradicts itself or what stands before it")
    def time(self, r):
        """I12, I13"""
        same = r["k"] != "key" or r["boot"] == self.boot
        self.boot = r["boot"] if r["k"] == "key" else self.boot
        if not self.last:
            return
        passed = r["t"] - self.last["t"]
        if same and passed < 0:
            self.find("I12", self.where, "the clock since boot falls")
        if self.leaves < 2:
            return
        said = r["ms"] if (r["k"], r.get("why")) == ("gap", "clock") else 0
        if abs(1000 * (r["w"] - self.last["w"]) - passed - said) > 2500:
            self.find("I12", self.where, "the wall clock moves otherwise than is recorded")
        if self.policy and passed > self.policy["beat_ms"] + 15000 and r["k"] != "gap":
            self.find("I13", self.where, "%d ms without a record and without a gap" % passed)
    def on_key(self, r):
        parts = CERTIFICATE, self.origin, r["e"], r["n"], r["prev"], r["boot"], r["pub"]
        text = "".join("%s\n" % part for part in parts)
        self.key = unb64(r["pub"])
        if r["prev"] != b64(self.tree.root()):
            self.find("I4", self.where, "certified for another past than this one")
        elif not vouched(self.origin + "/device", self.device, text, unb64(r["cert"])):
            self.find("I4", self.where, "not certified by the device key given")
        else:
            self.keys.append(self.key)
    def on_gap(self, r):
        if self.leaves != 1:
            return
        if self.open is not None and r["open"] != (self.open["sid"] if self.open else 0):
            self.find("I8", self.where, "the gap names another session than the one left open")
        if self.open:
            self.add(self.open["cap_b"])
        if self.open is None:
            self.sess = self.passed = None
        self.open = 0
    def add(self, count):
        """Bytes that a session passed, or may have passed."""
        self.passed = None if self.passed is None else self.passed + count
        self.meter(count)
    def meter(self, count):
        for meter in self.meters.values():
            meter[1], meter[2] = meter[1] + count, meter[2] + 1
    def on_policy(self, r):
        beyond = any(not low <= r[name] <= high for name, (low, high) in LIMITS.items())
        if self.policy or self.sealed is not None or beyond:
            self.find("I15", self.where, "a policy beyond the limits, or not at a start")
        self.policy = r
    def on_selftest(self, r):
        self.test = r
    def on_fault(self, r):
        self.latched = self.latched or r["latch"]
    def on_mute(self, r):
        if r["on"] and self.open:
            self.find("I11", self.where, "a session is open when mute begins")
        self.muted, self.muted_beats = r["on"], 0
    def on_beat(self, r):
        if self.muted not in (None, r["muted"]) or r["muted"] and self.muted_beats and r["frames"]:
            self.find("I11", self.where, "the beat says otherwise about mute, or heard something")
        self.muted_beats += r["muted"]
        if self.open:
            return
        if self.sess not in (None, r["sess"]) or self.passed not in (None, r["pass_b"]):
            self.find("I17", self.where, "the totals are not the sums of the records")
        self.sess = r["sess"] if self.sess is None else self.sess
        self.passed = r["pass_b"] if self.passed is None else self.passed
    def on_wake(self, r):
        policy = self.policy
        if not policy and not self.hidden:
            self.find("I15", self.where, "a wake before any policy")
        if policy and (r["s1"] < policy["s1_min"] or r["s2"] < policy["s2_min"] or r["lag_ms"] > policy["lag_ms"]
                       or (r["m1"], r["m2"]) != (policy["m1"], policy["m2"])):
            self.find("I6", self.where, "scores, delay or models are not as the policy asks")
        newest = self.wids.get(self.boot, -1)
        if r["wid"] <= newest or not 0 <= r["t"] - r["wid"] <= 5000:
            self.find("I7", self.where, "the wake id was used before, or is not of the last 5 s")
        self.wids[self.boot] = max(newest, r["wid"])
        if self.muted:
            self.find("I11", self.where, "a wake while muted")
    def on_open(self, r):
        policy, wake = self.policy, self.before
        if self.open or self.sess not in (None, r["sid"] - 1):
            self.find("I8", self.where, "a session while one is open, or a number left out")
        if policy and (r["cap_b"] > policy["cap_b"] or r["cap_ms"] > policy["cap_ms"]):
            self.find("I9", self.where, "a cap above the policy's")
        self.opens = [one for one in self.opens if one[0] == self.boot and r["t"] - one[1] <= 3600000]
        self.opens.append((self.boot, r["t"]))
        if policy and len(self.opens) > policy["hour"]:
            self.find("I10", self.where, "more sessions within an hour than the policy allows")
        walls = self.test and all(self.test[wall] for wall in ("deny", "kat", "mic", "net"))
        if self.latched or not walls and (self.test or not self.hidden):
            self.find("I16", self.where, "a session without all walls, or after a fault that latched")
        self.open = {**r, "win_b": wake["win_b"] if wake.get("k") == "wake" else None}
        self.sess = r["sid"]
        self.sessions.append({"sid": r["sid"], "where": self.where, "wall_s": r["w"], "bytes": r["cap_b"],
                              "why": "crash"})
    def on_close(self, r):
        o, self.open = self.open, 0
        if not o:
            if o == 0:
                self.find("I8", self.where, "closes what is not open")
            self.sess = self.passed = None
            return
        if r["sid"] != o["sid"]:
            self.find("I8", self.where, "closes another session than the open one")
        self.sessions[-1].update(bytes=r["bytes"], why=r["why"])
        self.add(r["bytes"])
        whole, win = r["why"] in ("end", "cap_b", "cap_ms", "rate", "stop"), o["win_b"]
        over = r["bytes"] > o["cap_b"] or r["ms"] > min(o["cap_ms"], r["t"] - o["t"])
        fast = win is not None and self.policy and 1000 * (r["bytes"] - win - GROUP) > self.policy["rate"] * r["ms"]
        if over or fast or win is not None and whole and r["bytes"] < win:
            self.find("I9", self.where, "beyond a cap, faster than real time, or less than the window")
    def on_stop(self, r):
        if self.open:
            self.find("I8", self.where, "stops while a session is open")
    def on_stats(self, r):
        if r["bytes"]:
            self.meter(r["bytes"])
    def on_kcount(self, r):
        old, passed, sessions = self.meters.get(r["gen"], (None, 0, 0))
        self.meters[r["gen"]] = [r, 0, 0]
        if old is None:
            return
        out, back, unique = (r[name] - old[name] for name in ("eg_b", "in_b", "uq_b"))
        if min(out, back, unique) < 0:
            self.find("I18", self.where, "a counter of the kernel fell")
        elif (100 * out > 150 * passed + 1638400 * sessions + 4 * back
              or unique > passed + 22 * -(-passed // 1024) + 8192 * sessions):
            beyond = max(out, unique) - passed
            self.find("I18", self.where, "%d bytes beyond what the gate passed left by the uplink" % beyond)

    # --- checkpoints kept elsewhere (I20) -----------------------------------------------------------------------------
    def anchors(self, notes, witnesses):
        """(matched, [why ignored], newest time s, newest size)"""
        matched, ignored, newest, newest_size = 0, [], None, 0
        for text, signatures in notes:
            lines = text.split("\n")
            if lines[:2] == [CERTIFICATE, self.origin]:
                name = self.origin + "/device"
                good = any(vouched(name, self.device, text, raw) for _, raw in signatures)
                self.keys += [unb64(lines[6])] if good else []
        for text, signatures in notes:
            origin, size, root = text.split("\n")[:3]
            if origin == CERTIFICATE:
                continue
            size, root, times = int(size), unb64(root), []
            for name, key in witnesses:
                for signer, raw in signatures:
                    if name == signer and len(raw) == 76 and raw[:4] == key_id(name, key, 4):
                        time = int.from_bytes(raw[4:12], "big")
                        cosigned = "cosignature/v1\ntime %d\n%s" % (time, text)
                        times += [time] if signed_by(key, raw[12:], cosigned) else []
            own = any(vouched(self.origin, key, text, raw)
                      for key in self.keys for signer, raw in signatures if signer == self.origin)
            where, final = "anchor %d" % size, self.tree.size if self.tree else 0
            if not times and not own:
                ignored.append(where + ": signed by no key of this log and by no witness given")
            elif origin != self.origin or size > final:
                self.find("I20", where, "of another log, or the end of this one was cut off")
            elif size not in self.roots:
                ignored.append(where + ": lies before the oldest file")
            elif self.roots[size] != {root}:
                self.find("I20", where, "the log is not the one that this checkpoint was signed for")
            else:
                matched, newest_size = matched + 1, max(newest_size, size)
                newest = max(times + [newest or 0]) or None
        return matched, ignored, newest, newest_size
def name_of(epoch):
    return "%08d.seg" % epoch
def notes_of(content):
    """([(text, [(name, signature)])], how many had not the form): notes, one after the other, empty lines between."""
    notes, bad, lines, at = [], [], content.split("\n"), 0
    while at < len(lines):
        text, signatures = "", []
        while at < len(lines) and lines[at]:
            text, at = text + lines[at] + "\n", at + 1
        at += 1
        while at < len(lines) and lines[at].startswith("\u2014 "):
            name, _, raw = lines[at][2:].partition(" ")
            signatures.append((name, unb64(raw)))
            at += 1
        if not text:
            continue
        parts = text.split("\n")
        good = bool(signatures) and all(raw is not None for _, raw in signatures)
        if parts[0] == CERTIFICATE:
            good = good and len(parts) == 8 and unb64(parts[6], 32) is not None
        else:
            good = (good and len(parts) > 3 and re.fullmatch("0|[1-9][0-9]{0,15}", parts[1]) and int(parts[1]) <= MAX
                    and unb64(parts[2], 32) is not None)
        notes += [(text, signatures)] if good else []
        bad += [] if good else ["note %d: not a checkpoint" % (len(notes) + len(bad) + 1)]
    return notes, bad
def vkey(given):
    """(name, 32 bytes) of NAME+ID+BASE64, or of the file that has it."""
    text = (Path(given).read_text("utf-8") if len(given) < 200 and Path(given).exists() else given).strip()
    name, _, rest = text.partition("+")
    identity, _, material = rest.partition("+")
    raw = unb64(material, 33)
    if not name or raw is None or raw[0] not in (1, 4) or key_id(name, raw[1:], raw[0]).hex() != identity:
        raise ValueError("not a verifier key (NAME+ID+BASE64): %s" % given)
    return name, raw[1:]
def check(directory, key, receipts="", witnesses=(), every=False, redacted=False):
    """What was found, as the object that --json prints; raises ValueError or OSError when nothing can be checked."""
    paths = [path for path in Path(directory).iterdir() if re.fullmatch("[0-9]{8}[.]seg", path.name, re.A)]
    files = {int(path.stem): path for path in paths if int(path.stem)}
    if not files:
        raise ValueError("no 00000001.seg or the like in %s" % directory)
    large = [epoch for epoch in files if files[epoch].stat().st_size > LARGEST]
    content = {epoch: b"" if epoch in large else path.read_bytes() for epoch, path in files.items()}
    notes, ignored = notes_of(receipts)
    sizes = [int(text.split("\n")[1]) for text, _ in notes if not text.startswith(CERTIFICATE + "\n")]
    log = Log(content, key[0], key[1], every, redacted, set(sizes))
    for epoch in large:
        log.find("I1", name_of(epoch), "larger than %d bytes: not read" % LARGEST)
    matched, more, newest, newest_size = log.anchors(notes, witnesses)
    final = log.tree or Tree()
    def order(found):
        (invariant, where), _ = found
        place, _, number = where.replace("anchor ", "anchor:").partition(":")
        return place == "anchor", place, int(number or 0), int(invariant[1:])

    findings = [{"invariant": invariant, "where": where, "what": what}
                for (invariant, where), what in sorted(log.findings.items(), key=order)]
    return {"holds": not findings, "origin": log.origin, "size": final.size, "root": b64(final.root()),
            "findings": findings, "sessions": log.sessions, "records_cut": len(log.cuts),
            "records_cut_beyond": len(log.beyond), "files_missing": min(files) - 1, "open_tail_bytes": log.open_tail,
            "signatures_checked": log.signatures, "receipts": len(sizes) + len(ignored), "receipts_matched": matched,
            "receipts_ignored": ignored + more, "newest_receipt_s": newest, "newest_receipt_size": newest_size}
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", metavar="DIR")
    parser.add_argument("--key", metavar="VKEY|FILE", required=True, help="the device's public key")
    parser.add_argument("--receipts", metavar="FILE", help="checkpoints and certificates kept elsewhere")
    parser.add_argument("--witness", metavar="VKEY|FILE", action="append", default=[], help="whose cosignatures count")
    parser.add_argument("--all", action="store_true", help="every signature, not each file's last and each session's")
    parser.add_argument("--redacted", action="store_true", help="a copy: records reduced to hashes are no finding")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        receipts = Path(given.receipts).read_text("utf-8") if given.receipts else ""
        witnesses = [vkey(one) for one in given.witness]
        result = check(given.directory, vkey(given.key), receipts, witnesses, given.all, given.redacted)
    except (ValueError, OSError) as error:
        print("verify_log: %s" % error, file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps(result))
        return 0 if result["holds"] else 1
    for session in result["sessions"]:
        print("session %(sid)d  opened at %(wall_s)d s  %(bytes)d bytes  ended by %(why)s" % session)
    for found in result["findings"]:
        print("%(invariant)-4s %(where)-16s %(what)s" % found)
    for ignored in result["receipts_ignored"]:
        print("ignored: " + ignored)
    print("PASSED" if result["holds"] else "FAILED: %d findings" % len(result["findings"]))
    print("%(size)d records, root %(root)s, %(signatures_checked)d signatures checked" % result)
    print("records cut: %(records_cut)d; files missing: %(files_missing)d; open tail: %(open_tail_bytes)d bytes; "
          "receipts matched: %(receipts_matched)d of %(receipts)d" % result)
    return 0 if result["holds"] else 1

if __name__ == "__main__":
    sys.exit(main())
