"""An explanation as a PNG, without a browser: what the page shows, on paper. Needs matplotlib (the extra `eval`)."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from wakeword.errors import ConfigError
from wakeword.eval.clip import LOUDEST_DB, RANGE_DB, spectrogram
from wakeword.eval.explain import Explanation
from wakeword.eval.explain_page import FULL_NATS
from wakeword.eval.occlusion import EDGES_HZ, STEP_S
from wakeword.eval.reasons import reasons
from wakeword.events import RATE_HZ
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES

ONE, TWO, MARK, LIGHT_MARK = "#1f6fb2", "#b3541e", "#6a3fb5", "#d9c8ff"  # the page's colours
COLUMNS_S, ROWS = 100, 128


def write_png(found: Explanation, path: Path) -> None:
    """1100 x 900 pixels. Raises `ConfigError` without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.colors import LinearSegmentedColormap
        from matplotlib.figure import Figure  # not pyplot: no window system is looked for, nothing stays open
    except ImportError as error:
        raise ConfigError("PNG needs matplotlib", hint="pip install 'wakeword[eval]'") from error
    figure = Figure(figsize=(11, 9), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    sound, spectrum, looked, scores = figure.subplots(4, 1, sharex=True, height_ratios=[1, 2.4, 2, 2.4])
    figure.suptitle(_title(found), fontsize=11, x=0.01, ha="left")
    _sound(sound, found)
    _spectrogram(spectrum, found)
    _map(looked, found, LinearSegmentedColormap.from_list("for and against", [TWO, "white", ONE]))
    _scores(scores, found)
    for axes, colour in ((sound, MARK), (spectrum, LIGHT_MARK), (scores, MARK)):
        axes.axvspan(
            (found.decided - SEGMENT_SAMPLES) / RATE_HZ, found.decided / RATE_HZ, fill=False, ec=colour, lw=1.5
        )
        axes.axvspan(found.said.start / RATE_HZ, found.said.end / RATE_HZ, fill=False, ec=colour, lw=1, ls="--")
    scores.set_xlim(found.clip.start_s, found.clip.end_s)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # of a file's name, missing in this font: a box stands for it
        figure.savefig(path, format="png", metadata={"Software": None})


def _title(found: Explanation) -> str:
    """File, word and all sentences. `$` would begin a formula."""
    lines = [f"“{found.word}” in {found.file}", *reasons(found)]
    return "\n".join(part for line in lines for part in textwrap.wrap(line, 140)).replace("$", r"\$")


def _sound(axes: Any, found: Explanation) -> None:
    clip = found.clip
    axes.plot(clip.start_s + np.arange(len(clip.samples)) / RATE_HZ, clip.samples / 32768, color="#5b616b", lw=0.4)
    for span in found.voice:
        axes.axvspan(span.start / RATE_HZ, span.end / RATE_HZ, color="#1d7a46", alpha=0.10, lw=0)
    for span in found.rests:
        axes.axvspan(span.start / RATE_HZ, span.end / RATE_HZ, color="#5a5a5a", alpha=0.2, lw=0)
    axes.set_ylabel("sound")


def _spectrogram(axes: Any, found: Explanation) -> None:
    clip = found.clip
    axes.imshow(
        spectrogram(clip.samples, COLUMNS_S, ROWS).T, origin="lower", aspect="auto", cmap="magma",
        vmin=LOUDEST_DB - RANGE_DB, vmax=LOUDEST_DB, extent=(clip.start_s, clip.end_s, 0, 8),
    )  # fmt: skip
    axes.set_ylabel("kHz")


def _map(axes: Any, found: Explanation, colours: Any) -> None:
    effect, start_s = found.occlusion.effect, (found.decided - SEGMENT_SAMPLES) / RATE_HZ
    edges = start_s + np.append(found.occlusion.times_s, found.occlusion.times_s[-1] + STEP_S) - STEP_S / 2
    full = max(FULL_NATS, float(abs(effect).max()))
    axes.pcolormesh(edges, np.arange(len(EDGES_HZ)), effect.T, cmap=colours, vmin=-full, vmax=full)
    axes.set_yticks(range(len(EDGES_HZ)), [str(edge) for edge in EDGES_HZ], fontsize=7)
    axes.set_ylabel("Hz: stage 2 looked\n(blue for, orange against)")


def _scores(axes: Any, found: Explanation) -> None:
    clip = found.clip
    axes.plot(clip.stage1_s, clip.stage1, color=ONE, label="stage 1")
    axes.plot(clip.stage2_s, clip.stage2, color=TWO, label="stage 2, if asked")
    axes.axhline(found.point.stage1, color=ONE, ls=(0, (5, 5)), lw=1)
    axes.axhline(found.point.stage2, color=TWO, ls=(5, (5, 5)), lw=1)  # between the other's dashes where both are equal
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("score")
    axes.set_xlabel("seconds")
    axes.legend(loc="upper left", fontsize=8)
