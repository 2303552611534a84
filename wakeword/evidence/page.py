"""The auditor's report as one HTML file: no script, no network, nothing of the log taken for markup."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from wakeword.evidence import report
from wakeword.evidence.answers import Answer
from wakeword.evidence.report import DAY_S, LATEST_S, moment
from wakeword.evidence.verify import Result

MOST_ROWS = 500
MOST_DAYS = 400

STYLE = """
:root { color-scheme: light dark; --ink: #1c2326; --soft: #5b676c; --paper: #fbfbf9; --card: #fff; --edge: #d5dadb;
  --good: #1d7a4c; --bad: #b3261e; --warn: #8a5a00; --accent: #1f5fae; --covered: #b9dcc6; --muted: #c3c7d6;
  --none: #f0efe9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ea; --soft: #9aa7ad; --paper: #14181a; --card: #1c2225;
  --edge: #38434a; --good: #62c998; --bad: #ff8a80; --warn: #e5b35a; --accent: #82b4f0; --covered: #2c5c42;
  --muted: #47506b; --none: #22292c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.2rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } .soft { color: var(--soft); }
.verdict { font-size: 1.25rem; font-weight: 600; padding: .8rem 1rem; border: 2px solid; border-radius: 10px; }
.holds { color: var(--good); } .violated { color: var(--bad); }
.answer { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: .7rem 1rem;
  margin: .6rem 0; }
.answer h3 { font-size: 1rem; margin: 0; } .answer p { margin: .3rem 0 0; }
.sure { float: right; font-size: .85rem; font-weight: 600; padding: .1rem .6rem; border-radius: 1rem; border: 1px solid;
  margin-left: .6rem; }
.yes, .no, .told { color: var(--accent); } .partly { color: var(--warn); } .cannot { color: var(--soft); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--edge); white-space: nowrap; }
td.long { white-space: normal; min-width: 14rem; } svg { display: block; } .none { fill: var(--none); }
.covered { fill: var(--covered); } .muted { fill: var(--muted); } .session { fill: var(--accent); }
"""

LIMITS = (
    "That this device ran the published software: a false gate can write a perfect false log.",
    "That the scores are true: they are what the listening process claims.",
    "That nothing went on after the last record, unless somebody kept a later checkpoint.",
)


def html(result: Result, answers: Sequence[Answer], *, pinned: bool) -> str:
    """The whole page."""
    policy = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{policy}'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Evidence report: {escape(result.origin)}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
        "<h1>What this device let out</h1>",
        f'<p class="soft">Evidence log {escape(result.origin)}, {result.size:,} records; {_span(result)}, UTC.</p>',
        _verdict(result, pinned=pinned),
        "<h2>Questions</h2>",
        *(_answer(answer) for answer in answers),
        *_findings(result),
        *_days(result),
        *_sessions(result),
        "<h2>What no log can show</h2><ul>",
        *(f"<li>{escape(limit)}</li>" for limit in LIMITS),
        "</ul>",
        f'<p class="soft">Root of the tree: {escape(report.as_json(result)["root"])}</p>',  # type: ignore[arg-type]
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _span(result: Result) -> str:
    walls = [int(entry.record["w"]) for entry in result.entries if 0 <= int(entry.record.get("w", -1)) <= LATEST_S]
    return f"{moment(min(walls))} to {moment(max(walls))}" if walls else "no time is recorded"


def _verdict(result: Result, *, pinned: bool) -> str:
    if result.findings:
        count = len(result.findings)
        words, kind = f"Violated: {count} finding{'s' if count > 1 else ''}, listed below", "violated"
    else:
        words, kind = "Holds: nothing was found against this log", "holds"
    notes = [] if pinned else ["The device key was found with the log: who could rewrite one could rewrite both."]
    if result.open_tail_bytes:
        notes.append(f"The newest {result.open_tail_bytes:,} bytes are not sealed and are no evidence.")
    if not result.receipts_matched:
        notes.append("No checkpoint kept elsewhere was given: a rewritten or shortened log would not show.")
    return f'<p class="verdict {kind}">{words}</p>' + "".join(f"<p>{escape(each)}</p>" for each in notes)


def _answer(answer: Answer) -> str:
    kind = answer.sure.split()[0]
    question = f"{answer.number}. {escape(answer.question)}"
    head = f'<span class="sure {kind}">{escape(answer.sure)}</span><h3>{question}</h3>'
    return f'<div class="answer">{head}<p>{escape(answer.answer)}</p></div>'


def _table(head: Iterable[str], rows: Sequence[Sequence[str]]) -> str:
    shown = [f"<tr>{''.join(row)}</tr>" for row in rows[:MOST_ROWS]]
    if len(rows) > MOST_ROWS:
        shown.append(f"<tr><td>… and {len(rows) - MOST_ROWS:,} more</td></tr>")
    cells = "".join(f"<th>{escape(each)}</th>" for each in head)
    return f'<div class="scroll"><table><tr>{cells}</tr>{"".join(shown)}</table></div>'


def _cell(content: object, *, long: bool = False) -> str:
    return f"<td{' class=long' if long else ''}>{escape(str(content))}</td>"


def _findings(result: Result) -> list[str]:
    if not result.findings:
        return []
    rows = [[_cell(one.invariant), _cell(one.where), _cell(one.what, long=True)] for one in result.findings]
    return ["<h2>Findings</h2>", _table(("rule", "file and line", "what"), rows)]


def _days(result: Result) -> list[str]:
    table = report.days(result)
    if not table:
        return []
    pictures = _pictures(result)
    rows = [
        [
            _cell(day.date), f"<td>{pictures.get(day.date, '')}</td>", _cell(f"{day.covered_s / 3_600:.1f} h"),
            _cell(f"{day.muted_s / 3_600:.1f} h"), _cell(day.gaps), _cell(day.sessions), _cell(f"{day.bytes:,}"),
        ]
        for day in table[-MOST_DAYS:]
    ]  # fmt: skip
    head = ("day", "midnight to midnight", "accounted for", "muted", "gaps", "sessions", "bytes")
    key = "Green: accounted for. Blue-grey: muted. Pale: no records. Strokes: sessions."
    return ["<h2>Days</h2>", f'<p class="soft">{key}</p>', _table(head, rows)]


def _pictures(result: Result) -> dict[str, str]:
    """Date -> the day as a bar of 240 units, six minutes each."""
    bars: dict[str, list[str]] = {}
    for start_s, end_s, muted in _joined(result):
        for from_s, seconds in report.by_day(start_s, end_s):
            where = f'x="{from_s % DAY_S / 360:.2f}" width="{max(0.3, seconds / 360):.2f}"'
            kind = "muted" if muted else "covered"
            bars.setdefault(moment(from_s)[:10], []).append(f'<rect {where} height="14" class="{kind}"/>')
    for session in result.sessions:
        where = f'x="{session.wall_s % DAY_S / 360:.2f}" width="0.8"'
        bars.setdefault(moment(session.wall_s)[:10], []).append(f'<rect {where} height="14" class="session"/>')
    ground = '<rect width="240" height="14" class="none"/>'
    return {
        date: f'<svg width="240" height="14" role="img" aria-label="{date}">{ground}{"".join(parts)}</svg>'
        for date, parts in bars.items()
    }


def _joined(result: Result) -> list[tuple[int, int, bool]]:
    joined: list[tuple[int, int, bool]] = []
    for start_s, end_s, muted in report.stretches(result):
        if joined and joined[-1][1:] == (start_s, muted):
            joined[-1] = (joined[-1][0], end_s, muted)
        else:
            joined.append((start_s, end_s, muted))
    return joined


def _sessions(result: Result) -> list[str]:
    if not result.sessions:
        return []
    rows = [
        [
            _cell(one.sid), _cell(moment(one.wall_s)), _cell(f"{one.stage1_ppm / report.PPM:.3f}"),
            _cell(f"{one.stage2_ppm / report.PPM:.3f}"), _cell(f"{one.length_ms / 1_000:.1f}"),
            _cell(("at most " if one.why == "crash" else "") + f"{report.most_bytes(one):,}"),
            _cell(report.ENDS[one.why]),
        ]
        for one in result.sessions
    ]  # fmt: skip
    head = ("number", "opened", "stage 1", "stage 2", "seconds", "bytes", "ended by")
    return ["<h2>Sessions: all sound that left</h2>", _table(head, rows)]
