"""What the pipeline says about a stream of samples. Standard library only.

Positions are sample numbers at 16 kHz counted from the stream's first sample; `end` is exclusive. Scores are calibrated
to [0, 1]: 0.5 means the same for every word (see `docs/models.md`).
"""

from __future__ import annotations

from dataclasses import dataclass

RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """Stage 1 asks: was this the word?"""

    word: str
    start: int  # best guess of the word's first sample
    end: int  # best guess of the sample after the word
    decided: int  # samples heard when stage 1 decided; the segment for stage 2 ends here
    stage1: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Stage 2 answers a candidate. `accepted` is true only when both stages reached their thresholds."""

    candidate: Candidate
    stage2: float
    accepted: bool
    segment_start: int  # the samples that stage 2 judged: segment_start to candidate.decided


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody began or ceased to speak (the hang-over included)."""

    speaking: bool
    at: int


Event = Candidate | Verdict | Voice
