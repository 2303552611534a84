"""`report.html`: a run as one file that opens without server or network.

First the values, then the page: `report_form.py` has the tables for the page's script, `report_clips.py` the sounds of
errors, `report_words.py` what is said in sentences. The page itself is page/report.html, its script page/report.js.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template

import wakeword
from wakeword.errors import ConfigError
from wakeword.eval import report_words
from wakeword.eval.html import asset, page
from wakeword.eval.report_clips import CLIPS, clips, wanted
from wakeword.eval.report_form import load_sweeps, run_form
from wakeword.eval.sounds import Sound
from wakeword.eval.tables import Run
from wakeword.model import Point, load

REPORT = "report.html"


def write(
    run: Run,
    sounds: Mapping[str, Sound],
    against: Run | None = None,
    progress: Callable[[int, int], object] = lambda done, whole: None,
    most_clips: int = CLIPS,
) -> Path:
    """Write the report of a finished run into its folder.

    `sounds` go by the names in `files.csv`; errors in recordings that are not among them cannot be heard. `against` is
    an earlier run to compare with. Raises `ConfigError`, `ModelError`.
    """
    models = [load(about["model"]) for about in run.about["words"].values()]
    sweeps = load_sweeps(run)
    points = [Point(one["threshold_stage1"], one["threshold_stage2"]) for one in run.about["words"].values()]
    errors = wanted(sweeps, points)
    kept = clips(errors, sounds, models, most_clips, progress)
    form = run_form(run, sweeps)
    for word, model in zip(form["words"], models, strict=True):
        word["points"] = {name: [point.stage1, point.stage2] for name, point in model.points.items()}
    body = Template(asset("report.html")).substitute(
        lead=html.escape(_lead(run)),
        summary=_list(report_words.summary(run, sweeps)),
        against="",
        kept=html.escape(report_words.kept(len(kept), len(errors))),
        fairness="",
        about=_list(report_words.about(run)),
    )
    payload = {"report": form, "clips": kept}
    path = run.folder / REPORT
    partial = path.with_suffix(".tmp")
    scripts = ["clip.js", "sweep.js", "charts.js", "report.js"]
    try:
        partial.write_text(page("wakeword: report", body, scripts, payload, ("report.css",)), "utf-8")
        partial.replace(path)
    except OSError as error:
        raise ConfigError((error.strerror or str(error)).lower(), where=str(path)) from error
    return path


def _lead(run: Run) -> str:
    heard = f"{', '.join(run.about['words'])}: {run.about['files']} recordings, {run.about['hours']:.2f} h"
    return f"{heard}. Made by wakeword {wakeword.__version__}."


def _list(sentences: list[str]) -> str:
    """Sentences as a list, escaped."""
    return "<ul>\n" + "".join(f"<li>{html.escape(sentence)}</li>\n" for sentence in sentences) + "</ul>\n"
