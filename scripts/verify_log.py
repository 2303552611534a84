#!/usr/bin/env python3
"""Check an evidence log with this one file and Python's standard library (3.8 or newer), its Ed25519 included.

    python3 verify_log.py DIR --key VKEY|FILE [--receipts FILE] [--witness VKEY|FILE] [--all] [--redacted] [--json]

DIR has 00000001.seg and so on; VKEY is the device's public key, kept since its first start and not taken from DIR. The
rules are those of docs/audit-log.md, whose numbers (I1 to I20) stand at the code; nothing of the package is used. Exit
code 0: everything holds; 1: something does not, file and line are named; 2: nothing could be checked.
"""

# One file to be read from top to bottom in one sitting, and therefore dense.
# ruff: noqa
# fmt: off
import argparse, base64, functools, hashlib, json, re, sys
from pathlib import Path

# --- Ed25519, RFC 8032: verification only -----------------------------------------------------------------------------
P, Q = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT_OF_MINUS_1 = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)
def plus(a, b):
    """Sum of two points (x, y, z, x*y/z)."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    return (f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P
def point(raw):
    """The point that 32 bytes spell; None when they spell none in canonical form, or one of small order."""
    y, odd = int.from_bytes(raw, "little") & (2**255 - 1), raw[31] >> 7
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    x = x if x * x % P == x2 else x * ROOT_OF_MINUS_1 % P
    if y >= P or x * x % P != x2:
        return None
    x = x if x & 1 == odd else P - x
    eight = a = (x, y, 1, x * y % P)
    for _ in range(3):
        eight = plus(eight, eight)
    return None if eight[0] == 0 and eight[1] == eight[2] else a

BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
@functools.lru_cache(maxsize=None)
def signed_by(public, signature, text):
    """True when 64 bytes are the signature of these 32 bytes of key over the text: R = S * BASE - h * A."""
    a, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + text.encode()).digest(), "little") % Q
    minus = (P - a[0], a[1], 1, P - a[3])
    table, total = (None, BASE, minus, plus(BASE, minus)), (0, 1, 1, 0)
    for bit in range(253, -1, -1):
        total, which = plus(total, total), (s >> bit & 1) + 2 * (h >> bit & 1)
        total = plus(total, table[which]) if which else total
    return (total[0] - r[0] * total[2]) % P == 0 and (total[1] - r[1] * total[2]) % P == 0

# --- lines (I1): a field is a whole number, 0 or more, where nothing else stands behind ":" ---------------------------
FORMS = """
head e:1.. first front:hexes origin:name v:1..1 | seal root:b32 sig:b68 size:1.. | cut h:hex64
key v:1..1 boot:hex32 pub,prev:b32 cert:b68 code:hex64 why:(start|daily)
gap why:(first|stop|crash|clock|suspend|listen|late) ms:any ab:0..1000 tail_b tail_h:hex64 open clean:bool cut_n drop_e
policy s1_min s2_min lag_ms m1,m2,file:hex64 cap_b cap_ms win_b rate hour beat_ms
selftest deny,kat,mic,net:bool | mute on:bool src:(boot|switch|user)
beat frames muted,sync:bool sess pass_b | tally cand rej deny ms
wake wid s1,s2:0..1000000 lag_ms m1,m2,win_h:hex64 win_b a:hex32 | open sid:1.. wid cap_b cap_ms fmt:(s16le16k)
close sid:1.. bytes ms why:(end|cap_b|cap_ms|rate|mute|stop|uplink|listen|proto|shutdown) sum_h:hex64
kcount gen:hex16 eg_b in_b uq_b src:(nft|bpf|own) | prune cut_n drop_e why:(age|space|user)
fault arg:any latch:bool code:(frame|state|score|stale|model|window|order|eof|meter|selftest|config|
    unplugged|stalled|stolen|rate|zeros|clipping)
stop why:(daily|shutdown|fault) | meter src:(none|own|nft|bpf) eg,uq:bool | hold count ms
walls who:(listen|gate|uplink|status|meter|run)
    inet,inet6,unix,netlink,packet,other,sound,log,write,exec,ptrace,wx:-1..4095
cause who:(listen|gate|uplink|status|meter|run) how:(exit|signal|watchdog|late) code:0..255
collect why:(on|day|expired|forgotten) until kept | stats day wakes,cand,rej,cancel:any eps:1..1000000 spent bytes
"""
SPELT = {"bool": "(true|false)", "name": '"[a-z0-9./-]{1,128}"', "hexes": '"([0-9a-f]{64})*"',
         "hex16": '"[0-9a-f]{16}"', "hex32": '"[0-9a-f]{32}"', "hex64": '"[0-9a-f]{64}"',
         "b32": '"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="', "b68": '"[A-Za-z0-9+/]{90}[AEIMQUYcgkosw048]="'}
CERTIFICATE, STARTS = "wakegate-key/v1", ("first", "stop", "crash")
LIMITS = {"beat_ms": (1000, 900000), "cap_b": (1, 2000000), "cap_ms": (1, 60000), "hour": (1, 60), "lag_ms": (1, 2000),
          "rate": (1, 64000), "s1_min": (100000, 1000000), "s2_min": (100000, 1000000), "win_b": (1, 131072)}
MAX, GROUP, AHEAD, LARGEST, NO_RECORD = 2**53 - 1, 16384, 131072, 64 * 1024 * 1024, ("", "head", "seal", "cut")
def compiled(form):
    """A kind; the pattern of its lines, which have one spelling each; and the bounds of its numbers."""
    kind, *fields = form.replace("|\n    ", "|").split()
    spelt, bounds = {"k": '"%s"' % kind}, {}
    for field in fields + ([] if kind in NO_RECORD else ["e:1..", "n", "s:hex32", "t", "w"]):
        names, _, form = field.partition(":")
        for name in names.split(","):
            spelt[name] = SPELT.get(form, '"%s"' % form if form.startswith("(") else "(0|-?[1-9][0-9]{0,15})")
            if form in ("", "any") or ".." in form:
                low, _, high = form.partition("..")
                bounds[name] = -MAX if form == "any" else int(low or 0), int(high or MAX)
    return kind, (re.compile("{%s}" % ",".join('"%s":%s' % field for field in sorted(spelt.items()))), bounds)

KINDS = dict(compiled(form) for form in re.split(r" \| |\n(?! )", FORMS) if form)
def read(line):
    """The record of a line (bytes without LF); {"k": ""} when it is not of the form."""
    text = line.decode("latin-1")
    kind = re.search('"k":"([a-z]+)"', text)
    if kind and kind[1] in KINDS and len(text) <= 4096:
        pattern, bounds = KINDS[kind[1]]
        record = json.loads(text) if pattern.fullmatch(text) else None
        if record and all(low <= record[name] <= high for name, (low, high) in bounds.items()):
            return record
    return {"k": ""}
def lines_of(content):
    """(line without LF, offset behind it); what stands behind the last LF is no line."""
    at = 0
    for line in content.split(b"\n")[:-1]:
        at += len(line) + 1
        yield line, at
def b64(raw):
    return base64.b64encode(raw).decode()
def unb64(text, size=None):
    """The bytes of canonical base64; None for another spelling or size."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if b64(raw) == text and size in (None, len(raw)) else None

# --- the tree (RFC 6962, 2.1) and what is signed ----------------------------------------------------------------------
def sha256(raw):
    return hashlib.sha256(raw).digest()
class Tree:
    """`size` leaves; `peaks`, the roots of its perfect subtrees, largest first."""
    def __init__(self, size=0, front=""):
        self.size, self.peaks = size, [bytes.fromhex(front[at:at + 64]) for at in range(0, len(front), 64)]
    def add(self, leaf):
        size, self.size = self.size, self.size + 1
        while size & 1:
            leaf, size = sha256(b"\1" + self.peaks.pop() + leaf), size >> 1
        self.peaks.append(leaf)
    def root(self):
        root = self.peaks[-1] if self.peaks else sha256(b"")
        for peak in self.peaks[-2::-1]:
            root = sha256(b"\1" + peak + root)
        return root
def key_id(name, public, kind=1):
    return sha256(name.encode() + b"\n" + bytes([kind]) + public)[:4]
def vouched(name, public, text, signature):
    """`signature`: key ID and Ed25519, 68 bytes."""
    return signature[:4] == key_id(name, public) and signed_by(public, signature[4:], text)

# --- what a finding says ----------------------------------------------------------------------------------------------
WHAT = {
    "I1": "not canonical, not of the schema, a head out of place, or a file too large to be read",
    "I2": "not at its place: n, e or first is another, or files are missing before",
    "I3": "nothing is sealed here, or not what stands above, or not by this file's key",
    "I4": "another log's, or not continuing the files before, or no key certified for here by the device key given",
    "I5": "wake, open and seal do not follow each other, or records of different times stand under one seal",
    "I6": "scores, delay or models are not as the policy asks",
    "I7": "the wake id was used before, or is not of the last 5 s",
    "I8": "not one session at a time, or not the next number, or another session than the open one",
    "I9": "beyond a cap, faster than real time, or less than the window",
    "I10": "more sessions within an hour than the policy allows",
    "I11": "something is open, wakes or is heard while muted, or the beat says otherwise about mute",
    "I12": "the clock since boot falls, or the wall clock moves otherwise than is recorded",
    "I13": "a longer silence than the policy allows, and no gap says so",
    "I14": "not what a gap must say of the unsealed bytes and the end before, or more of them than a crash leaves",
    "I15": "a policy beyond the limits or not at a start, or a wake before any policy",
    "I16": "a session without all walls, or after a fault that latched",
    "I17": "the totals are not the sums of the records",
    "I18": "a counter of the kernel fell",
    "I19": "reduced to its hash, or gone, although no record says so",
    "I20": "the log is not the one that this checkpoint was signed for, or its end was cut off",
}
def place(where):
    """In words: (epoch, line), (epoch, 0) for a whole file, (MAX, size) for a checkpoint."""
    return "anchor %d" % where[1] if where[0] == MAX else "%08d.seg" % where[0] + (":%d" % where[1] if where[1] else "")

# --- files, line by line: form, place, tree, seals --------------------------------------------------------------------
class Reading:
    """I1 to I4. Without an origin the first head's is believed; without a device key no certificate is asked for."""
    def __init__(self, origin=None, device=None, every=True, sizes=()):
        self.origin, self.device, self.every, self.findings, self.signatures = origin, device, every, {}, 0
        self.keys, self.kind, self.roots = [], "", {size: set() for size in sizes}  # kind: of the newest leaf
        self.roots[0] = {sha256(b"")}
    def find(self, invariant, broken=True, where=None, what=""):
        if broken:
            self.findings.setdefault((where or self.where, int(invariant[1:])), what or WHAT[invariant])
    def begin(self, epoch, tree=None):
        """A file. tree: what the files before it gave, None if that is not known."""
        self.epoch, self.known, self.tree, self.where = epoch, tree is not None, tree or Tree(), (epoch, 0)
        self.key, self.leaves, self.sealed, self.before = None, 0, None, {"k": "nothing"}
    def take(self, line, is_last=False):
        """The file's next line; its record."""
        self.where, r = (self.epoch, self.where[1] + 1), read(line)
        if r["k"] == "" or (r["k"] == "head") != (self.where[1] == 1):
            self.find("I1")
            r = {"k": ""}
        self.judge(r)
        if r["k"] == "head":
            self.head(r)
        elif r["k"] == "seal":
            self.seal(r, is_last)
        else:
            self.leaf(r, line)
        if self.tree.size in self.roots:
            self.roots[self.tree.size].add(self.tree.root())
        self.before = r
        return r
    def judge(self, r):
        """What the records must say together: below."""
    def head(self, r):
        tree, before = Tree(r["first"], r["front"]), self.tree
        sound, moved = len(tree.peaks) == bin(tree.size).count("1"), self.known and tree.size != before.size
        self.origin = r["origin"] if self.origin is None else self.origin
        other = self.known and not moved and tree.peaks != before.peaks
        self.find("I2", r["e"] != self.epoch or sound and moved)
        self.find("I4", r["origin"] != self.origin or not sound or other)
        self.tree = tree if sound else before
    def leaf(self, r, line):
        self.find("I2", r["k"] not in NO_RECORD and (r["n"], r["e"]) != (self.tree.size, self.epoch))
        self.find("I4", (r["k"] == "key") != (self.leaves == 0))
        if r["k"] == "key":
            self.key = unb64(r["pub"])
            parts = CERTIFICATE, self.origin, r["e"], r["n"], r["prev"], r["boot"], r["pub"], ""
            certified = r["prev"] == b64(self.tree.root()) and (not self.device or vouched(
                self.origin + "/device", self.device, "\n".join(map(str, parts)), unb64(r["cert"])))
            self.find("I4", not certified)
            self.keys += [self.key] if certified else []
        self.tree.add(bytes.fromhex(r["h"]) if r["k"] == "cut" else sha256(b"\0" + line))
        self.leaves, self.kind = self.leaves + 1, r["k"]
    def seal(self, r, is_last):
        size, root = self.tree.size, b64(self.tree.root())
        new, self.sealed = self.leaves and size != self.sealed, size
        if not new or (r["size"], r["root"]) != (size, root):
            self.find("I3")
        elif self.every or is_last or self.before["k"] == "open":
            self.signatures += 1
            text = "%s\n%d\n%s\n" % (self.origin, size, root)
            self.find("I3", not self.key or not vouched(self.origin, self.key, text, unb64(r["sig"])))

# --- which bytes are evidence: backwards from the newest file ---------------------------------------------------------
def torn(rest, groups=1):
    return len(rest) <= GROUP * groups and rest.count(b'"k":"seal"') <= groups
def strict_end(epoch, content):
    """Behind the last seal up to which nothing is wrong with the file."""
    reading, end = Reading(), 0
    reading.begin(epoch)
    for line, after in lines_of(content):
        end = after if reading.take(line)["k"] == "seal" and not reading.findings else end
        if reading.findings:
            break
    return end
def seals(content):
    return [0] + [after for line, after in lines_of(content) if b'"k":"seal"' in line and read(line)["k"]]
def ends_of(files):
    """Epoch -> length of its evidence; 0: a start that was never sealed."""
    waiting, ends = sorted(files), {}
    while waiting and not any(ends.values()):
        epoch = waiting.pop()
        end = strict_end(epoch, files[epoch])
        ends[epoch] = end if torn(files[epoch][end:]) else seals(files[epoch])[-1]
    while waiting:
        lines = files[epoch].split(b"\n", 3)
        gap = read(lines[2]) if len(lines) == 4 else {"k": ""}
        told, aborted = (gap["tail_b"], gap["ab"]) if gap["k"] == "gap" else (0, 0)
        for epoch in reversed(waiting[max(0, len(waiting) - aborted):]):
            ends[epoch], told = 0, told - len(files[waiting.pop()])
        if waiting:
            epoch = waiting.pop()
            end, sealed = len(files[epoch]) - told, seals(files[epoch])
            ends[epoch] = end if end > 0 and end in sealed else sealed[-1]
    return ends

# --- what the records say together: forwards --------------------------------------------------------------------------
class Log(Reading):
    """All files. What is not known is None and breaks no rule: so after a hidden line (one that breaks I1, a `cut`)."""
    def __init__(self, files, key, every, redacted, sizes):
        super().__init__(key[0][:-len("/device")], key[1], every, sizes)
        self.files, self.ends, self.sessions, self.cuts, self.cut_n, self.drop_e = files, ends_of(files), [], [], 0, 0
        self.boot, self.wids, self.opens, self.meters, self.muted, self.muted_beats = None, {}, [], {}, None, 0
        self.last, self.open, self.sess, self.passed = None, 0, 0, 0  # open: an `open` record; 0: no session is open
        missing, before, self.tree = min(files) > 1, 0, Tree()  # missing: a number, since the last file with evidence
        for epoch in sorted(files):
            self.find("I2", before and epoch != before + 1, (epoch, 0))
            missing, before = missing or epoch != before + 1, epoch
            if self.ends[epoch]:
                self.file(epoch, missing)
                missing = False
        newest = max((epoch for epoch in files if self.ends[epoch]), default=0)
        tails = {epoch: files[epoch][self.ends[epoch]:] for epoch in files if epoch >= newest}
        self.open_tail = sum(map(len, tails.values()))
        for epoch in tails:
            self.find("I14", not torn(tails[epoch]), (epoch, 0))
        self.find("I3", not newest, (max(files), 0))
        self.find("I19", min(files) > max(self.drop_e, 1), (min(files), 0))
        self.beyond = [where for at, where in self.cuts if at >= self.cut_n]
        for where in self.beyond:
            self.find("I19", not redacted, where)
    def file(self, epoch, missing):
        if missing:
            self.hide()
        self.policy, self.test, self.latched, self.hidden, self.kind_before = None, None, False, False, self.kind
        self.begin(epoch, None if missing else self.tree)
        for line, after in lines_of(self.files[epoch][:self.ends[epoch]]):
            self.take(line, after == self.ends[epoch])
    def hide(self):
        self.last = self.muted = self.open = self.sess = self.passed = None
        self.hidden, self.muted_beats, self.meters = True, 0, {}
    def judge(self, r):
        k, b, p, last = r["k"], self.before, self.policy, self.last
        self.find("I5", b["k"] == "open" and k != "seal" or b["k"] == "wake" and (k, r.get("wid")) != ("open", b["wid"])
                  or k == "open" and b["k"] not in ("wake", "cut", "")
                  or "t" in r and "t" in b and not self.hidden and (r["t"], r["w"]) != (b["t"], b["w"]))
        if k in ("head", "seal"):
            return
        if self.leaves == 1:
            self.start(r)
        elif k == "gap":
            said = [r[name] for name in ("ab", "tail_b", "tail_h", "open", "clean")]
            self.find("I14", r["why"] in STARTS or said != [0, 0, sha256(b"").hex(), 0, True])
        if k in ("gap", "prune"):
            self.cut_n, self.drop_e = max(self.cut_n, r["cut_n"]), max(self.drop_e, r["drop_e"])
        if k == "cut":
            self.cuts.append((self.tree.size, self.where))
        if k in ("cut", ""):
            return self.hide()
        if last:
            passed, said = r["t"] - last["t"], r["ms"] if (k, r.get("why")) == ("gap", "clock") else 0
            drift, same_boot = 1000 * (r["w"] - last["w"]) - passed - said, r.get("boot", self.boot) == self.boot
            self.find("I12", passed < 0 and same_boot or self.leaves > 1 and abs(drift) > 2500)
            self.find("I13", self.leaves > 1 and p and k != "gap" and passed > p["beat_ms"] + 15000)
        self.boot, self.last = r.get("boot", self.boot), r
        getattr(self, "on_" + k, lambda *_: None)(r, p)
    def start(self, r):
        """A file's second leaf: what lies unsealed before, why the gate was away, which session a crash left open."""
        if r["k"] != "gap":
            return self.find("I14")
        older, aborted = sorted(epoch for epoch in self.files if epoch < self.epoch), []
        while older and not self.ends[older[-1]]:
            aborted.insert(0, self.files[older.pop()])
        tail = b"".join([self.files[epoch][self.ends[epoch]:] for epoch in older[-1:]] + aborted)
        told = (r["ab"], r["tail_b"], r["tail_h"]) == (len(aborted), len(tail), sha256(tail).hex())
        self.find("I14", (older or min(self.files) == 1) and not (told and torn(tail, 1 + len(aborted))))
        stopped = r["clean"] if self.kind_before in ("cut", "") else self.kind_before == "stop"
        self.find("I14", r["why"] not in STARTS or not r["clean"] == (r["why"] == "stop") == stopped
                  or (r["why"] == "first") != (self.tree.size == 1))
        if self.open is None:
            self.sess = self.passed = None
        else:
            self.find("I8", r["open"] != (self.open["sid"] if self.open else 0))
        if self.open:
            self.spend(self.open["cap_b"])
        self.open = 0
    def spend(self, count):
        """Bytes that a session passed, or may have passed."""
        self.passed = None if self.passed is None else self.passed + count
        self.expect(count)
    def expect(self, count):
        """Bytes that the uplink sends, or may have sent."""
        self.meters = {gen: (old, sent + count, sessions + 1) for gen, (old, sent, sessions) in self.meters.items()}
    def on_policy(self, r, p):
        beyond = any(not low <= r[name] <= high for name, (low, high) in LIMITS.items())
        self.find("I15", p or self.sealed is not None or beyond)
        self.policy = r
    def on_selftest(self, r, p):
        self.test = r
    def on_fault(self, r, p):
        self.latched = self.latched or r["latch"]
    def on_mute(self, r, p):
        self.find("I11", r["on"] and self.open)
        self.muted, self.muted_beats = r["on"], 0
    def on_beat(self, r, p):
        self.find("I11", self.muted not in (None, r["muted"]) or r["muted"] and self.muted_beats and r["frames"])
        self.muted_beats += r["muted"]
        if not self.open:
            self.find("I17", self.sess not in (None, r["sess"]) or self.passed not in (None, r["pass_b"]))
            self.sess = r["sess"] if self.sess is None else self.sess
            self.passed = r["pass_b"] if self.passed is None else self.passed
    def on_wake(self, r, p):
        newest = self.wids.get(self.boot, -1)
        self.wids[self.boot] = max(newest, r["wid"])
        self.find("I6", p and (r["s1"] < p["s1_min"] or r["s2"] < p["s2_min"] or r["lag_ms"] > p["lag_ms"]
                               or (r["m1"], r["m2"]) != (p["m1"], p["m2"])))
        self.find("I7", r["wid"] <= newest or not 0 <= r["t"] - r["wid"] <= 5000)
        self.find("I11", self.muted)
        self.find("I15", not p and not self.hidden)
    def on_open(self, r, p):
        self.find("I8", self.open or self.sess not in (None, r["sid"] - 1))
        self.find("I9", p and (r["cap_b"] > p["cap_b"] or r["cap_ms"] > p["cap_ms"]))
        self.opens = [(boot, t) for boot, t in self.opens if boot == self.boot and r["t"] - t <= 3600000]
        self.opens.append((self.boot, r["t"]))
        self.find("I10", p and len(self.opens) > p["hour"])
        walls = all(self.test[name] for name in ("deny", "kat", "mic", "net")) if self.test else self.hidden
        self.find("I16", self.latched or not walls)
        self.open, self.sess = {**r, "win_b": self.before["win_b"] if self.before["k"] == "wake" else None}, r["sid"]
        self.sessions.append({"sid": r["sid"], "where": place(self.where), "wall_s": r["w"], "bytes": r["cap_b"],
                              "why": "crash"})
    def on_close(self, r, p):
        o, self.open = self.open, 0
        if not o:
            self.find("I8", o == 0)
            self.sess = self.passed = None
            return
        win, whole = o["win_b"], r["why"] in ("end", "cap_b", "cap_ms", "rate", "stop")
        self.find("I8", r["sid"] != o["sid"])
        self.find("I9", r["bytes"] > o["cap_b"] or r["ms"] > min(o["cap_ms"], r["t"] - o["t"]) or win is not None and (
            whole and r["bytes"] < win or p and 1000 * (r["bytes"] - win - AHEAD) > p["rate"] * r["ms"]))
        self.sessions[-1].update(bytes=r["bytes"], why=r["why"])
        self.spend(r["bytes"])
    def on_stop(self, r, p):
        self.find("I8", self.open)
    def on_stats(self, r, p):
        if r["bytes"]:
            self.expect(r["bytes"])
    def on_kcount(self, r, p):
        old, sent, sessions = self.meters.get(r["gen"], (r, 0, 0))
        self.meters[r["gen"]] = r, 0, 0
        out, back, payload = (r[name] - old[name] for name in ("eg_b", "in_b", "uq_b"))
        self.find("I18", min(out, back, payload) < 0)
        beyond = "%d bytes beyond what the gate passed left by the uplink"
        self.find("I18", payload > sent + 22 * -(-sent // 1024) + 8192 * sessions, what=beyond % (payload - sent))
        self.find("I18", 100 * out > 150 * sent + 1638400 * sessions + 4 * back, what=beyond % (out - sent))

# --- what was kept elsewhere (I20), keys, the answer ------------------------------------------------------------------
def kept(content):
    """Of notes, one after the other, empty lines between: checkpoints, certificates, and how many are no note."""
    checkpoints, certificates, bad = [], [], 0
    for text, signed in re.findall("((?:[^\n]+\n)*)\n((?:\u2014 [^\n]*\n)*)", content + "\n\n"):
        lines, signatures = text.split("\n"), [line[2:].partition(" ")[::2] for line in signed.split("\n")[:-1]]
        signatures = [(name, unb64(raw)) for name, raw in signatures]
        good = signatures and all(raw is not None for _, raw in signatures)
        if good and lines[0] == CERTIFICATE and len(lines) == 8 and unb64(lines[6], 32):
            certificates.append((text, signatures, lines[1], unb64(lines[6])))
        elif (good and lines[0] != CERTIFICATE and len(lines) > 3 and re.fullmatch("0|[1-9][0-9]{0,15}", lines[1])
              and int(lines[1]) <= MAX and unb64(lines[2], 32)):
            checkpoints.append((text, signatures, lines[0], int(lines[1]), unb64(lines[2])))
        else:
            bad += text != ""
    return checkpoints, certificates, bad
def cosigned(text, signatures, services):
    """The times (s) at which services signed that they had seen the checkpoint."""
    for name, raw in signatures:
        for service, key in services:
            if name == service and len(raw) == 76 and raw[:4] == key_id(name, key, 4):
                time = int.from_bytes(raw[4:12], "big")
                if time <= MAX and signed_by(key, raw[12:], "cosignature/v1\ntime %d\n%s" % (time, text)):
                    yield time
def anchors(log, checkpoints, certificates, services):
    """I20: (sizes that matched, times of cosignatures on these, [why others were ignored])"""
    matched, newest, ignored, device = [], [], [], log.origin + "/device"
    keys = log.keys + [key for text, signatures, origin, key in certificates if origin == log.origin
                       and any(vouched(device, log.device, text, raw) for _, raw in signatures)]
    for text, signatures, origin, size, root in checkpoints:
        own = any(name == log.origin and vouched(name, key, text, raw) for key in keys for name, raw in signatures)
        times = list(cosigned(text, signatures, services))
        if not own and not times:
            ignored.append("checkpoint %d: signed by no key of this log and by no service given" % size)
        elif origin == log.origin and size <= log.tree.size and not log.roots[size]:
            ignored.append("checkpoint %d: lies before the oldest file" % size)
        elif origin != log.origin or log.roots[size] != {root} or size > log.tree.size:
            log.find("I20", where=(MAX, size))
        else:
            matched, newest = matched + [size], newest + times
    return matched, newest, ignored
def vkey(given, of="device"):
    """(name, 32 bytes) of NAME+ID+BASE64, or of the file that has it; of a device or a service."""
    text = (Path(given).read_text("utf-8-sig") if len(given) < 200 and Path(given).exists() else given).strip(" \t\n\v\f\r")
    kind, names = {"device": (1, "[a-z0-9./-]{1,128}/device"), "service": (4, "[!-*,-~]+")}[of]
    name, identity, material = (text.split("+", 2) + ["", ""])[:3]
    raw = unb64(material, 33)
    if not raw or raw[0] != kind or not re.fullmatch(names, name) or key_id(name, raw[1:], kind).hex() != identity:
        raise ValueError("not the public key of a %s (NAME+ID+BASE64): %s" % (of, given))
    return name, raw[1:]
def check(directory, key, receipts="", services=(), every=False, redacted=False):
    """What was found, as the object that --json prints; raises ValueError or OSError when nothing can be checked."""
    named = [path for path in Path(directory).iterdir() if re.fullmatch("[0-9]{8}[.]seg", path.name, re.A)]
    sizes = {path: path.stat().st_size for path in named if int(path.stem)}
    if not sizes:
        raise ValueError("no 00000001.seg or the like in %s" % directory)
    files = {int(path.stem): path.read_bytes() if size <= LARGEST else b"" for path, size in sizes.items()}
    checkpoints, certificates, bad = kept(receipts)
    log = Log(files, key, every, redacted, [size for _, _, _, size, _ in checkpoints])
    for path, size in sizes.items():
        log.find("I1", size > LARGEST, (int(path.stem), 0))
    matched, times, ignored = anchors(log, checkpoints, certificates, services)
    findings = [{"invariant": "I%d" % invariant, "where": place(where), "what": what}
                for (where, invariant), what in sorted(log.findings.items())]
    return {"holds": not findings, "origin": log.origin, "size": log.tree.size, "root": b64(log.tree.root()),
            "findings": findings, "sessions": log.sessions, "records_cut": len(log.cuts),
            "records_cut_beyond": len(log.beyond), "files_missing": min(files) - 1, "open_tail_bytes": log.open_tail,
            "signatures_checked": log.signatures, "receipts": len(checkpoints) + bad, "receipts_matched": len(matched),
            "receipts_ignored": ["a note that is none"] * bad + ignored, "newest_receipt_s": max(times, default=None),
            "newest_receipt_size": max(matched, default=0)}
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
        receipts = Path(given.receipts).read_text("utf-8-sig") if given.receipts else ""
        key, services = vkey(given.key), [vkey(one, "service") for one in given.witness]
        result = check(given.directory, key, receipts, services, given.all, given.redacted)
        exit_code = 0 if result["holds"] else 1
    except (ValueError, OSError) as error:
        print("verify_log: %s" % error, file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps(result))
        return exit_code
    for session in result.pop("sessions"):
        print("session %(sid)d  opened at %(wall_s)d s  %(bytes)d bytes  ended by %(why)s" % session)
    for found in result.pop("findings"):
        print("%(invariant)-4s %(where)-16s %(what)s" % found)
    for why in result.pop("receipts_ignored"):
        print("ignored: " + why)
    print("PASSED" if result.pop("holds") else "FAILED")
    print("; ".join("%s: %s" % (name.replace("_", " "), value) for name, value in result.items()))
    return exit_code

if __name__ == "__main__":
    sys.exit(main())
