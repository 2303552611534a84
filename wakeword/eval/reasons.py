"""An explanation in sentences, the verdict first. Plain text; nothing is computed but what is compared."""

from __future__ import annotations

from wakeword.eval.explain import Explanation
from wakeword.eval.hear import Span
from wakeword.eval.occlusion import EDGES_HZ, PATCH_S
from wakeword.events import RATE_HZ
from wakeword.model import Point
from wakeword.pipeline.stage2 import SEGMENT_SAMPLES
from wakeword.pipeline.voice import FLOOR_DBFS

_TELLING = 0.02  # chosen: a change of score under this is not worth a sentence


def reasons(found: Explanation) -> list[str]:
    """Two to four sentences: what happened, what other points would have made of it, what stage 2 looked at."""
    return [_verdict(found), *_other_points(found), *(_looked_at(found) if found.verdict else _not_asked(found))]


def compared(score: float, limit: float) -> str:
    """Both numbers with as many digits as it takes to see which is greater."""
    digits = next((digits for digits in (2, 3, 4) if f"{score:.{digits}f}" != f"{limit:.{digits}f}"), 6)
    return f"{score:.{digits}f}, needs {limit:.{digits}f}"


def _verdict(found: Explanation) -> str:
    at, point = f"at {found.decided / RATE_HZ:.2f} s", found.point
    second = f"({compared(found.stage2, point.stage2)})"
    if found.stage1 is None:
        return _not_heard(found, at)
    first = f"({compared(found.stage1, point.stage1)})"
    if found.verdict is None and found.stage1 >= point.stage1:
        return (
            f"Did not wake: stage 1's score {at} would do {first}, but no candidate came of it: a higher one "
            "stands less than half a second before it, or detection rested."
        )
    if found.verdict is None:
        return f"Did not wake: stage 1 never asked. Its highest score {first} is {at}."
    if found.woke:
        return f"Woke {at}: both stages agreed, stage 1 {first} and stage 2 {second}."
    return f"Did not wake: {at} stage 1 asked {first} and stage 2 refused {second}."


def _not_heard(found: Explanation, at: str) -> str:
    """Why stage 1 has no score."""
    rest = _around(found.rests, found.decided)
    if rest:
        since = f"{rest.start / RATE_HZ:.2f} to {rest.end / RATE_HZ:.2f} s"
        return f"Nothing was judged {at}: a session and its refractory time rested detection, {since}."
    if found.voice:
        return f"Nothing was judged {at}: the voice detector heard nobody speaking then."
    if found.loudest_dbfs < FLOOR_DBFS:
        return (
            f"Did not wake: it is too quiet. The loudest 80 ms have {found.loudest_dbfs:.0f} dBFS, and under "
            f"{FLOOR_DBFS:.0f} all is taken for silence."
        )
    return "Did not wake: the voice detector heard nobody speaking, so stage 1 never listened."


def _not_asked(found: Explanation) -> list[str]:
    """What stage 2 would have said."""
    return [f"Had it been asked then, stage 2 would have said {compared(found.stage2, found.point.stage2)}."]


def _other_points(found: Explanation) -> list[str]:
    """What the model's other points would have made of these very scores."""
    if found.stage1 is None:
        return []
    other = [name for name, point in found.points.items() if _agrees(found, point) != found.woke]
    if not other:
        return []
    names = " and ".join(f"'{name}'" for name in other)
    return [f"With these scores it would {'not ' if found.woke else ''}have woken at the point {names}."]


def _agrees(found: Explanation, point: Point) -> bool:
    return found.stage1 is not None and found.stage1 >= point.stage1 and found.stage2 >= point.stage2


def _looked_at(found: Explanation) -> list[str]:
    """The patches that did most for the word and against it."""
    occlusion, start_s = found.occlusion, (found.decided - SEGMENT_SAMPLES) / RATE_HZ
    sentences = []
    for sign, what in ((1, "leaned most on"), (-1, "was put off most by")):
        strongest = occlusion.strongest(sign)
        if strongest is None or abs(occlusion.scores[strongest] - occlusion.base) < _TELLING:
            continue
        row, band = strongest
        middle = start_s + float(occlusion.times_s[row])
        place = (
            f"{middle - PATCH_S / 2:.1f} to {middle + PATCH_S / 2:.1f} s, {EDGES_HZ[band]} to {EDGES_HZ[band + 1]} Hz"
        )
        moves = "falls" if sign > 0 else "rises"
        sentences.append(
            f"Stage 2 {what} {place}: with that blanked out, its score {moves} from {occlusion.base:.2f} to "
            f"{occlusion.scores[strongest]:.2f}."
        )
    return sentences


def _around(spans: tuple[Span, ...], at: int) -> Span | None:
    return next((span for span in spans if span.start <= at <= span.end), None)
