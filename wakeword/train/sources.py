"""What the shipped words were trained on, with licences: for manifest and card."""

from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """One kind of data."""

    what: str
    amount: str
    licence: str


SOURCES = (
    Source("recordings of wake words: Picovoice wake-word-benchmark, train speakers only", "770 clips", "Apache-2.0"),
    Source("voices of Kokoro-82M, flite and hibari", "2 471 clips", "Apache-2.0, BSD-like"),
    Source("fotaq, game dialogue", "5.6 h", "freeware, redistribution allowed"),
    Source("speechocean762, train speakers only", "3.8 h", "free for commercial and non-commercial use"),
    Source("fillets-ng Czech, stamps, letters, words: Debian packages", "5.6 h", "GPL-2+, CC0, CC BY"),
    Source("Festival's Russian voice", "1.6 h", "BSD-like"),
    Source("Asterisk prompts, Spanish and French", "1.1 h", "CC BY-SA 3.0"),
    Source("LJ Speech, 141 clips", "0.3 h", "public domain"),
    Source("music and effects of Debian's games", "2.2 h", "GPL-2+, GFDL, MIT, CC0"),
    Source("donateacry, Speech Commands background noise", "0.3 h", "ODbL 1.0, DbCL 1.0, CC BY 4.0"),
    Source("room responses, 14 recorded and 240 simulated", "", "Apache-2.0, MIT"),
    Source("stage 2's first weights: Google speech_embedding as in openwakeword 0.5.1", "0.33 M weights", "Apache-2.0"),
)
