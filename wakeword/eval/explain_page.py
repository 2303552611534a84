"""An explanation as one HTML file. The page's script is page/explain.js; here is only what it is given."""

from __future__ import annotations

import html
from typing import Any

import wakeword
from wakeword.eval.clip import page_form
from wakeword.eval.explain import Explanation
from wakeword.eval.hear import Span
from wakeword.eval.html import page
from wakeword.eval.occlusion import EDGES_HZ, STEP_S
from wakeword.eval.reasons import reasons
from wakeword.events import RATE_HZ
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES

FULL_NATS = 2.0  # of logit: the map's strongest colour at least; a score of 0.5 falls to 0.12
READING = (
    "What stage 2 looked at: each cell is blanked out in turn. Blue: its score falls without it, so it spoke for the "
    "word. Orange: its score rises, so it spoke against it. Stage 2 does not hear above 3.8 kHz. Its curve says what "
    "it would answer at that moment; it is asked only when stage 1 asks. Click in a plot to play from there."
)


def explain_page(found: list[Explanation]) -> str:
    """The page for one recording's explanations, at least one."""
    file, seconds = found[0].file, found[0].seconds
    body = f"""<header><h1>Why it woke, or did not</h1>
<p class="soft">{html.escape(file)}, {seconds:.1f} s. Made by wakeword {wakeword.__version__}.</p></header>
<main></main>
<footer>Computed by the daemon's own pipeline. Plots: uPlot (MIT licence, in this file).</footer>"""
    return page(f"{file}: explained", body, ["clip.js", "explain.js"], {"explanation": {"items": [*map(item, found)]}})


def item(found: Explanation) -> dict[str, Any]:
    """One word's card."""
    start = found.decided - SEGMENT_SAMPLES
    effect = found.occlusion.effect
    marks = {
        "limits": [found.point.stage1, found.point.stage2],
        "segment": _seconds(Span(start, found.decided)),
        "word": _seconds(found.said),
        "voice": [_seconds(span) for span in found.voice],
        "rests": [_seconds(span) for span in found.rests],
        "map": {
            "times": [round(start / RATE_HZ + float(time), 3) for time in found.occlusion.times_s],
            "edges": list(EDGES_HZ),
            "step": STEP_S,
            "effect": effect.round(3).tolist(),
            "full": max(FULL_NATS, float(abs(effect).max())),
        },
    }
    candidates = [
        [f"{verdict.candidate.end / RATE_HZ:.2f}", f"{verdict.candidate.stage1:.3f}", f"{verdict.stage2:.3f}",
         "woke" if verdict.accepted else "refused"]
        for verdict in found.verdicts
    ]  # fmt: skip
    return {
        "word": found.word, "woke": found.woke, "sentences": reasons(found), "name": f"“{found.word}” in {found.file}",
        "clip": page_form(found.clip), "marks": marks, "candidates": candidates, "reading": READING,
    }  # fmt: skip


def _seconds(span: Span) -> list[float]:
    return [round(span.start / RATE_HZ, 3), round(span.end / RATE_HZ, 3)]
