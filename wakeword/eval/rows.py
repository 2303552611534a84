"""What was heard in one recording, as rows of the tables: candidates named after their utterances, and the reverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wakeword.eval.corpus import condition_parts
from wakeword.eval.decide import Course, Decided
from wakeword.eval.items import Item
from wakeword.eval.match import Window, lies_in, pair
from wakeword.eval.score import Scored
from wakeword.eval.tables import IGNORED, Alternative, Candidate, File, Utterance
from wakeword.events import RATE_HZ
from wakeword.model import Point
from wakeword.pipeline.stage1 import STEP_SAMPLES
from wakeword.settings import SessionSettings


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of one recording."""

    file: File
    utterances: list[Utterance]
    candidates: list[Candidate]
    alternatives: list[Alternative]


@dataclass(frozen=True, slots=True)
class _Said:
    """A word's utterances in this recording: their windows and names, those that do not count last."""

    windows: list[Window]
    names: list[str]  # IGNORED for those that do not count

    def name_of(self, time_s: float) -> str:
        number = lies_in(self.windows, time_s)
        return "" if number is None else self.names[number]


def file_row(item: Item, samples: int = 0, problem: str = "", room: str = "") -> File:
    """A recording's own row; without samples and with a problem: one that could not be read."""
    entry = item.entry
    condition = item.condition.name if entry.condition == "clean" else entry.condition
    noise, snr_db = condition_parts(condition)
    return File(
        item.name, entry.path, entry.kind, samples / RATE_HZ / 3600, condition, noise, snr_db, room, entry.speaker,
        problem, True, dict(entry.groups),
    )  # fmt: skip


def unread_row(item: Item, problem: str) -> File:
    """A recording that could not be read."""
    return replace(file_row(item, problem=problem), read=False)


def rows(
    item: Item,
    file: File,
    scored: Scored,
    decided: Decided,
    words: Sequence[str],
    points: Sequence[Point],
    session: SessionSettings,
) -> Rows:
    """Everything that is written of a recording that was heard. `words` and `points` in the detector's order."""
    utterances = _utterances(item, file, scored)
    said = {word: _said(item, utterances, word) for word in words}
    candidates, latencies = _candidates(file.file, scored, decided, words, said)
    heard = [_matched(utterance, candidates, latencies) for utterance in utterances]
    return Rows(file, heard, candidates, _alternatives(file.file, scored, words, said, Course(scored, session), points))


def _utterances(item: Item, file: File, scored: Scored) -> list[Utterance]:
    """What is said in a positive, not yet matched."""
    if item.entry.kind != "positive":
        return []
    lead_s = item.sound.lead / RATE_HZ if item.sound else 0.0
    found = []
    for number, one in enumerate(sorted(item.entry.said, key=lambda one: one.start_s or 0.0)):
        timed = one.start_s is not None and one.end_s is not None
        start_s = (one.start_s or 0.0) + (lead_s if timed else 0.0)
        end_s = (one.end_s or 0.0) + lead_s if timed else scored.samples / RATE_HZ
        name = f"{file.file}:{number + 1}"
        found.append(
            Utterance(
                name, file.file, one.word, start_s, end_s, timed, False, None, None, None, None, file.condition,
                file.noise, file.snr_db, file.room, file.speaker, dict(file.groups),
            )
        )  # fmt: skip
    return found


def _said(item: Item, utterances: list[Utterance], word: str) -> _Said:
    own = [utterance for utterance in utterances if utterance.word == word]
    windows = [Window(utterance.start_s, utterance.end_s) for utterance in own]
    ignored = [one for one in item.entry.said if item.entry.kind == "negative" and one.word == word]
    places = [Window(one.start_s or 0.0, float("inf") if one.end_s is None else one.end_s) for one in ignored]
    return _Said(windows + places, [utterance.utterance for utterance in own] + [IGNORED] * len(places))


def _candidates(
    file: str, scored: Scored, decided: Decided, words: Sequence[str], said: dict[str, _Said]
) -> tuple[list[Candidate], dict[str, float]]:
    """Those of the lowest threshold and of the daemon, in order of decision; and when each utterance was heard."""
    found: dict[tuple[int, int, int], Candidate] = {}
    for one in scored.asked:
        if one.above == 0:
            place = ((one.decided + 1) * STEP_SAMPLES, one.word, (one.peak + 1) * STEP_SAMPLES)
            found[place] = Candidate(file, words[one.word], place[2] / RATE_HZ, one.stage1, one.stage2, False)
    for made in decided.decisions:
        place = (made.decided, made.word, made.end)
        time_s = made.end / RATE_HZ
        found[place] = Candidate(file, words[made.word], time_s, made.stage1, made.stage2, made.accepted)
    latencies: dict[str, float] = {}
    names: dict[tuple[int, int, int], str] = {}
    for number, word in enumerate(words):
        windows, labels = said[word].windows, said[word].names
        wakes = [place for place in sorted(found) if place[1] == number and found[place].accepted]
        for place, paired in zip(wakes, pair(windows, [found[place].time_s for place in wakes]), strict=True):
            names[place] = "" if paired is None else labels[paired]
            latencies[names[place]] = place[0] / RATE_HZ
    return [
        replace(candidate, utterance=names.get(place, said[candidate.word].name_of(candidate.time_s)))
        for place, candidate in sorted(found.items())
    ], latencies


def _matched(utterance: Utterance, candidates: list[Candidate], decided_s: dict[str, float]) -> Utterance:
    own = [candidate for candidate in candidates if candidate.utterance == utterance.utterance]
    wake = next((candidate for candidate in own if candidate.accepted), None)
    best = wake or max(own, key=lambda one: min(one.stage1, one.stage2), default=None)
    if best is None:
        return utterance
    late = decided_s[utterance.utterance] - utterance.end_s if wake and utterance.timed else None
    return replace(
        utterance, heard=wake is not None, time_s=best.time_s, stage1=best.stage1, stage2=best.stage2, latency_s=late
    )


def _alternatives(
    file: str, scored: Scored, words: Sequence[str], said: dict[str, _Said], course: Course, points: Sequence[Point]
) -> list[Alternative]:
    found = []
    for one in scored.asked:
        time_s = (one.peak + 1) * STEP_SAMPLES / RATE_HZ
        decided_s = (one.decided + 1) * STEP_SAMPLES / RATE_HZ
        found.append(
            Alternative(
                file, words[one.word], time_s, decided_s, one.stage1, one.stage2, one.above, one.upto,
                course.rest_until(one, points[one.word]) / RATE_HZ, said[words[one.word]].name_of(time_s),
            )
        )  # fmt: skip
    return found
