"""An auditor's questions, answered from a log as far as a log can, for a reader who is not an engineer.

Each answer says how sure it is. YES, NO and TOLD follow from the log and the device's key; PARTLY leaves something
that the sentence names; CANNOT says that no log could tell, and what could. Nothing is decided here that `verify.py`
did not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wakeword.evidence.record import FORBIDDEN_ACTS, Record
from wakeword.evidence.report import BYTES_PER_S, LATEST_S, PPM, Day, days, moment, most_bytes, stretches
from wakeword.evidence.rules import Session
from wakeword.evidence.verify import Result

YES, NO, TOLD, PARTLY, CANNOT = "yes", "no", "told", "partly", "cannot be told"
WHOLE = ("I1", "I2", "I3", "I4", "I14", "I19", "I20")  # while these hold, the records are those that were signed
Said = tuple[str, str]  # how sure, and the answer


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of an auditor."""

    number: int
    question: str
    sure: str
    answer: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about: the log's findings, a stretch of time (s since 1970), and hashes whose meaning is known."""

    result: Result
    from_s: int
    to_s: int
    code: Mapping[str, str]  # SHA-256 of a gate's code -> which one it is
    pinned: bool  # the device key came from elsewhere than the log

    def records(self, kind: str) -> list[Record]:
        """All records of a kind that can be read."""
        return [entry.record for entry in self.result.entries if entry.record["k"] == kind]

    def broken(self, *invariants: str) -> bool:
        """Whether any of these does not hold."""
        return any(finding.invariant in invariants for finding in self.result.findings)


def bounds(result: Result) -> tuple[int, int]:
    """The first and the last wall-clock second of the log; (0, 0) for an empty one."""
    walls = [int(entry.record["w"]) for entry in result.entries if 0 <= int(entry.record.get("w", -1)) <= LATEST_S]
    return (min(walls), max(walls)) if walls else (0, 0)


def answers(asked: Asked) -> list[Answer]:
    """Every question with its answer, in order."""
    span = f"between {moment(asked.from_s)} and {moment(asked.to_s)} UTC"
    questions = [
        (f"Was any sound sent {span}?", _sent),
        ("Did the device run the published gate?", _published),
        ("Who could have tampered with this log?", _tampered),
        ("Has anything been removed or changed since the checkpoints that were kept?", _changed),
        ("Has the end of the log been cut off?", _cut_off),
        ("Did both stages agree before each session?", _agreed),
        ("Is the sound that was uploaded the sound that was judged?", _same_sound),
        ("How many bytes of sound have ever left?", _bytes),
        ("Does the network's own count agree?", _network),
        ("When was the microphone muted?", _muted),
        ("Was the microphone in use at all?", _in_use),
        ("How often does it wake by mistake?", _mistakes),
        ("Was the device on all day?", _on),
        ("Were thresholds or models changed?", _rules),
        ("Could one wake word have opened two sessions?", _twice),
        ("Could sound from before the wake word have been sent?", _before),
        ("Did the service receive something that the log does not have?", _service),
        ("What did crashes hide?", _crashes),
        ("What was removed from the log, and when?", _pruned),
        ("Does the log itself betray the household?", _household),
        ("Were the walls round the processes standing?", _walls),
        ("Was anything else sent, with consent?", _consent),
    ]
    return [Answer(number, question, *_weighed(asked, ask)) for number, (question, ask) in enumerate(questions, 1)]


def _weighed(asked: Asked, ask: Callable[[Asked], Said]) -> Said:
    """Nothing follows surely from records that were changed, but what follows from the change."""
    sure, said = ask(asked)
    if sure in (PARTLY, CANNOT) or ask in (_changed, _cut_off) or not asked.broken(*WHOLE):
        return sure, said
    return PARTLY, f"{said} But records were changed or are missing, so this is not sure: see the findings."


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _spell(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 3_600:.1f} h" if seconds >= 7_200 else f"{seconds / 60:.0f} min"


def _sound(count: int) -> str:
    return f"{count:,} bytes ({count / BYTES_PER_S:.1f} s of sound)"


def _overlapping(asked: Asked) -> list[Session]:
    def end(session: Session) -> float:
        return session.wall_s + (session.cap_ms if session.why == "crash" else session.length_ms) / 1_000 + 1

    return [one for one in asked.result.sessions if one.wall_s <= asked.to_s and end(one) >= asked.from_s]


def _sent(asked: Asked) -> Said:
    sessions = _overlapping(asked)
    covered = sum(
        max(0, min(to_s, asked.to_s) - max(from_s, asked.from_s)) for from_s, to_s, _ in stretches(asked.result)
    )
    silent = max(0, asked.to_s - asked.from_s - min(covered, asked.to_s - asked.from_s))
    unsure = [_spell(silent) + " of it is not recorded: for that time the answer is unknown"] if silent > 2 else []
    if asked.result.cut_records:
        unsure += ["removed records may hide sessions"]
    if not all(beat["sync"] for beat in asked.records("beat")):
        unsure += ["the clock was not synchronised all the time"]
    if asked.result.findings:
        unsure += ["and something does not hold, see the findings"]
    rest = f" But {'; '.join(unsure)}." if unsure else ""
    if sessions:
        total = sum(most_bytes(session) for session in sessions)
        return YES, f"{_many(len(sessions), 'session')}, together at most {_sound(total)}.{rest}"
    return (PARTLY if unsure else NO), f"No session is recorded in that time.{rest}"


def _published(asked: Asked) -> Said:
    seen = sorted({str(key["code"]) for key in asked.records("key")})
    said = "; ".join(f"{code[:16]}… ({asked.code.get(code, 'not that of the gate installed here')})" for code in seen)
    rest = "A false gate can report any hash. Only a verified boot, or looking at the device, settles it."
    return CANNOT, f"The gate reports the hash of its own code: {said or 'none'}. {rest}"


def _tampered(asked: Asked) -> Said:
    result = asked.result
    pin = "The device key was given." if asked.pinned else "The key was found with the log: its owner could be anyone."
    anchor = "No checkpoint kept elsewhere pins any record against them."
    if result.receipts_matched:
        pinned = f"the first {result.newest_receipt_size:,} of {result.size:,} records"
        anchor = f"Checkpoints kept elsewhere pin {pinned} against all of them."
    who = "Whoever had the gate's memory could rewrite that day; whoever had the device key, everything."
    return PARTLY, f"{who} {anchor} {pin}"


def _changed(asked: Asked) -> Said:
    result = asked.result
    if asked.broken("I20"):
        return (
            YES,
            "A checkpoint that was kept elsewhere does not lie on this log: it was rewritten, or its end cut off.",
        )
    if result.receipts_matched:
        size = result.newest_receipt_size
        return NO, f"By {_many(result.receipts_matched, 'checkpoint')}: up to record {size:,} nothing was."
    return CANNOT, "No checkpoint was given that could tell."


def _cut_off(asked: Asked) -> Said:
    _, last = bounds(asked.result)
    what = f"The last record is of {moment(last)} UTC; nothing in a log shows that it went on after that."
    if asked.broken("I20"):
        return YES, "A later checkpoint was kept elsewhere, or another past was: see the findings of I20."
    size = asked.result.newest_receipt_size
    pinned = f" Up to record {size:,} the checkpoints show that it was not." if size else ""
    return PARTLY, what + pinned


def _agreed(asked: Asked) -> Said:
    if asked.broken("I5", "I6"):
        return NO, "A session's scores, models or order are not as the policy asks: see I5 and I6."
    scores = [min(one.stage1_ppm, one.stage2_ppm) for one in asked.result.sessions if one.window_bytes is not None]
    seen = f"The lowest score among them is {min(scores) / PPM:.3f}." if scores else "There is none."
    return PARTLY, (
        f"Each recorded session has two scores at or above its policy's thresholds. {seen} The scores are what the "
        "listening process claims; running the published models on the uploaded sound shows whether they are true."
    )


def _same_sound(asked: Asked) -> Said:
    if not asked.result.sessions:
        return YES, "Nothing was uploaded."
    return YES, (
        "For its beginning: the gate hashed the very bytes that it passed first, and win_h in each wake is that hash. "
        "Ask the service for a session's sound and compare. The rest is continuous by the listening process's word."
    )


def _bytes(asked: Asked) -> Said:
    beats = asked.records("beat")
    total = int(beats[-1]["pass_b"]) if beats else 0
    later = sum(most_bytes(one) for one in asked.result.sessions if beats and one.sid > int(beats[-1]["sess"]))
    sure = PARTLY if asked.broken("I17") else TOLD
    said = f"At most {_sound(total + later)} since the log began (a session that a crash cut short counts in full)."
    return sure, said if sure == TOLD else f"The totals contradict the records, see I17. They say: {said}"


def unknown_payload(records: Sequence[Record]) -> int:
    """TCP payload that the kernel counted and the uplink does not know of, where both counted the same time."""
    unknown, ours, own, ahead_before = 0, "", 0, dict[tuple[str, str], int]()
    for count in (record for record in records if record["k"] == "kcount"):
        generation, payload = str(count["gen"]), int(count["uq_b"])
        if count["src"] == "own":
            ours, own = generation, payload
            continue
        both, ahead = (generation, ours), payload - own
        unknown += max(0, ahead - ahead_before.get(both, ahead))
        ahead_before[both] = ahead
    return unknown


def _network(asked: Asked) -> Said:
    counts = asked.records("kcount")
    if asked.broken("I18"):
        worst = next(finding for finding in asked.result.findings if finding.invariant == "I18")
        return NO, f"At {worst.where}: {worst.what}."
    if len(counts) < 2:
        return CANNOT, "Nothing counted the uplink's bytes on this machine, or not twice."
    if unknown := unknown_payload(counts):
        said = f"The kernel counted {unknown:,} bytes of payload more than the uplink says it sent"
        return NO, f"{said}: {unknown:,} are unaccounted for."
    kernel = sum(count["src"] != "own" for count in counts)
    whose = "by the uplink itself of its own connections, which is a claim"
    if kernel:
        whose = f"({kernel:,} of them by the kernel, which counted no payload that the uplink does not know of)"
    return PARTLY, f"{_many(len(counts), 'count')} {whose}: never more than the sessions and their transport explain."


def _muted(asked: Asked) -> Said:
    total = sum(to_s - from_s for from_s, to_s, muted in stretches(asked.result) if muted)
    if asked.broken("I11"):
        return CANNOT, "The records contradict each other about mute: see I11."
    said = f"Muted for {_spell(total)} in all; nothing opened in that time." if total else "Never, as far as recorded."
    return PARTLY, f"{said} That it was electrically off only a switch that cuts its power proves."


def _in_use(asked: Asked) -> Said:
    heard = sum(int(beat["frames"]) for beat in asked.records("beat")) / 100
    return PARTLY, f"The listening process says that it heard {_spell(heard)}. It is a claim."


def _mistakes(asked: Asked) -> Said:
    tallies = asked.records("tally")
    candidates, rejected = (sum(int(tally[name]) for tally in tallies) for name in ("cand", "rej"))
    perday = len(asked.result.sessions) / max(1, len(days(asked.result)))
    counted = f"Stage 1 asked {candidates:,} times, stage 2 refused {rejected:,}." if tallies else "No day was tallied."
    return (
        CANNOT,
        f"{perday:.1f} sessions a day. {counted} Which of them were mistakes only sound or people could tell.",
    )


def _on(asked: Asked) -> Said:
    table: list[Day] = days(asked.result)
    if not table:
        return CANNOT, "No readable record says so."
    gaps = sum(day.gaps for day in table)
    covered = sum(day.covered_s for day in table)
    first, last = bounds(asked.result)
    whole = max(1, last - first)
    share = f"{min(covered, whole) / whole:.1%} of the time from {moment(first)} to {moment(last)} UTC is accounted for"
    return (YES if gaps == 0 else NO), f"{share}, with {_many(gaps, 'gap')}. The table of days has the details."


def _rules(asked: Asked) -> Said:
    seen: list[tuple[str, str]] = []
    for policy in asked.records("policy"):
        stages = f"stage 1 from {int(policy['s1_min']) / PPM:.3f}, stage 2 from {int(policy['s2_min']) / PPM:.3f}"
        caps = f"at most {int(policy['cap_ms']) / 1_000:.0f} s a session and {policy['hour']} sessions an hour"
        spelt = f"{stages}, {caps}, models {str(policy['m1'])[:8]}… and {str(policy['m2'])[:8]}…"
        if not seen or seen[-1][1] != spelt:
            seen.append((moment(int(policy["w"])), spelt))
    said = "; ".join(f"from {when} on {spelt}" for when, spelt in seen)
    return (YES if len(seen) > 1 else NO), (f"In force: {said}." if said else "No policy can be read.")


def _twice(asked: Asked) -> Said:
    if asked.broken("I7", "I8", "I5"):
        return YES, "A wake id or a session number was used against the rules: see I5, I7 and I8."
    return NO, "Every wake id was used once, and every session has its own."


def _before(asked: Asked) -> Said:
    most = max((session.window_bytes or 0 for session in asked.result.sessions), default=0)
    said = f"At most the window that was judged, which ends with the decision: {_sound(most)} in the longest case."
    return PARTLY, f"{said} A false listening process could lie about what is in it, not about its length."


def _service(asked: Asked) -> Said:
    given = f"{asked.result.receipts_matched} of {asked.result.receipts} checkpoints given lie on this log."
    return PARTLY, (
        f"{given} A service has one for each session: ask it for all of them and give them with --receipts. One that "
        "does not fit, or an upload without one, is a finding."
    )


def _crashes(asked: Asked) -> Said:
    gaps = [gap for gap in asked.records("gap") if gap["why"] == "crash"]
    if not gaps:
        return TOLD, "No crash is recorded."
    torn, sessions = sum(int(gap["tail_b"]) for gap in gaps), sum(bool(gap["open"]) for gap in gaps)
    hidden = sum(session.cap_bytes for session in asked.result.sessions if session.why == "crash")
    said = f"It crashed {_many(len(gaps), 'time')}: {torn:,} torn bytes, {_many(sessions, 'session')} cut short"
    return TOLD, f"{said}, which may have sent at most {_sound(hidden)}."


def _pruned(asked: Asked) -> Said:
    result = asked.result
    if asked.broken("I19"):
        return CANNOT, "Something is missing that no record accounts for: see I19."
    when = ", ".join(f"{moment(int(prune['w']))} ({prune['why']})" for prune in asked.records("prune")) or "never"
    lost = f"{_many(result.cut_records, 'record')} reduced to a hash, {_many(result.missing_files, 'file')} dropped"
    return TOLD, f"{lost}. Recorded: {when}."


def _household(asked: Asked) -> Said:
    first, last = bounds(asked.result)
    return PARTLY, (
        f"It shows when the assistant was used, muted and running over {_spell(last - first)}. It does not show who "
        "spoke, what was said, or when a wake word was rejected: there is no field for it."
    )


def _walls(asked: Asked) -> Said:
    tests, walls = asked.records("selftest"), asked.records("walls")
    failed = [test for test in tests if not all(test[wall] for wall in ("deny", "kat", "mic", "net"))]
    through = sorted({f"{wall['who']}: {act}" for wall in walls for act in FORBIDDEN_ACTS if wall[act] == 0})
    if asked.broken("I16"):
        return NO, "A session opened although a wall was missing: see I16."
    if failed or through:
        tried = ", ".join(through) or "nothing else"
        return NO, f"{_many(len(failed), 'self-test')} of the gate failed; what was not prevented elsewhere: {tried}."
    others = f" {_many(len(walls), 'report')} of other processes say so of theirs, as a claim." if walls else ""
    return PARTLY, f"Every self-test of the gate ({len(tests)}) found all of them.{others}"


def _consent(asked: Asked) -> Said:
    reports, kept = [one for one in asked.records("stats") if one["bytes"]], asked.records("collect")
    if not reports and not kept:
        return NO, "No report of counts was sent and no candidate was kept, as far as recorded."
    sent = f"{_many(len(reports), 'daily report')} of noisy counts, {sum(int(one['bytes']) for one in reports):,} bytes"
    stayed = (
        f"{sum(int(one['kept']) for one in kept):,} candidates were kept on the device" if kept else "nothing was kept"
    )
    return YES, f"{sent}; {stayed}. No sound is in such a report."
