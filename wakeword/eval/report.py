"""`report.html`: a run as one file that opens without server or network.

First the values, then the page: `report_form.py` has the tables for the page's script, `report_clips.py` the sounds of
errors, `report_words.py` what is said in sentences. The page itself is page/report.html, its script page/report.js.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import wakeword
from wakeword.errors import ConfigError, in_words
from wakeword.eval import compare, report_words, summary
from wakeword.eval.compare import Change
from wakeword.eval.figures import Word
from wakeword.eval.groups import Column
from wakeword.eval.html import asset, page
from wakeword.eval.report_clips import CLIPS, clips, wanted
from wakeword.eval.report_form import changes_form, run_form
from wakeword.eval.sounds import Sound
from wakeword.eval.tables import Run
from wakeword.model import SMOOTHED_STEPS, Point, load

REPORT = "report.html"
SCRIPTS = ["clip.js", "sweep.js", "charts.js", "report.js"]


@dataclass(frozen=True)
class Findings:
    """What was counted in a run (`summary.figures`), and what changed since an earlier one (`compare.compare`)."""

    words: Sequence[Word]
    groups: Sequence[Column]
    against: str = ""  # the earlier run's folder
    changes: Sequence[Change] = ()


def found(run: Run, against: Run | None = None) -> Findings:
    """Count a run, and compare it with an earlier one."""
    words, groups = summary.figures(run)
    if against is None:
        return Findings(words, groups)
    return Findings(words, groups, str(against.folder), compare.compare(summary.figures(against)[0], words))


def write(
    run: Run,
    findings: Findings,
    sounds: Mapping[str, Sound],
    progress: Callable[[int, int], object] = lambda done, whole: None,
    most_clips: int = CLIPS,
) -> Path:
    """Write the report of a finished run into its folder.

    `sounds` go by the names in `files.csv`; errors in recordings that are not among them cannot be heard. Raises
    `ConfigError`, `ModelError`.
    """
    models = [load(about["model"]) for about in run.about["words"].values()]
    sweeps = [word.sweep for word in findings.words]
    errors = wanted(sweeps, [Point(word.stage1, word.stage2) for word in findings.words])
    smoothed = [about.get("smoothed_steps", SMOOTHED_STEPS) for about in run.about["words"].values()]
    kept = clips(errors, sounds, models, most_clips, progress, smoothed)
    form = run_form(run, sweeps, models)
    form["changes"] = [changes_form(change, sweeps) for change in findings.changes]
    body = Template(asset("report.html")).substitute(
        lead=html.escape(_lead(run)),
        summary=_list(report_words.in_words(run, findings.words, findings.groups)),
        against=_against(findings),
        kept=html.escape(report_words.kept(len(kept), len(errors))),
        fairness=_fairness(findings.groups),
        about=_list(report_words.about(run)),
    )
    path = run.folder / REPORT
    partial = path.with_suffix(".tmp")
    whole = page("wakeword: report", body, SCRIPTS, {"report": form, "clips": kept}, ("report.css",))
    try:
        partial.write_text(whole, "utf-8")
        partial.replace(path)
    except OSError as error:
        raise ConfigError(in_words(error), where=str(path)) from error
    return path


def _lead(run: Run) -> str:
    heard = f"{', '.join(run.about['words'])}: {run.about['files']} recordings, {run.about['hours']:.2f} h"
    return f"{heard}. Made by wakeword {wakeword.__version__}."


def _against(findings: Findings) -> str:
    """The comparison's own card; the script adds which utterances changed sides."""
    if not findings.against:
        return ""
    before = html.escape(findings.against)
    return f"""<section class="card" aria-labelledby="against-head"><h2 id="against-head">Against an earlier run</h2>
<p class="small soft">Before: {before}. Paired by recording; chance deals out speakers; p corrected for all that was
compared.</p>
{_list(compare.sentences(findings.changes))}<div id="changed"></div></section>
"""


def _fairness(groups: Sequence[Column]) -> str:
    rows = report_words.fairness(groups)
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{head}</th>' for head in report_words.FAIRNESS_HEADS)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"""<div class="wide" tabindex="0" role="region" aria-label="Largest differences"><table>
<caption>Largest differences between groups, at the run's thresholds; p corrected for all that were compared</caption>
<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>
"""


def _list(sentences: list[str]) -> str:
    """Sentences as a list, escaped."""
    return "<ul>\n" + "".join(f"<li>{html.escape(sentence)}</li>\n" for sentence in sentences) + "</ul>\n"
