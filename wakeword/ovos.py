"""OpenVoiceOS: both stages as a wake-word engine, and stage 2 alone as a verifier behind any other engine.

Loaded by its plugin manager through two entry points (pyproject.toml); docs/openvoiceos.md has the configuration. The
verifier is asked before a wake counts. There an exception, also one at its start, counts as accepted; so none leaves
here: whatever goes wrong is logged and refused. Models are loaded when a plugin is made, not when this is imported.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ovos_plugin_manager.templates.hotwords import HotWordEngine, HotWordVerifier

from wakeword.errors import ConfigError, WakewordError

if TYPE_CHECKING:
    from wakeword.pipeline.stage2 import Stage2

_log = logging.getLogger(__name__)


class WakewordEngine(HotWordEngine):
    """Both stages. Configuration: `model` (a shipped word or a folder; default: the key phrase), `point`, `stage1`."""

    def __init__(self, key_phrase: str = "computer", config: dict[str, Any] | None = None, lang: str = "en-us") -> None:
        """Raises `WakewordError` for a word or point that is not there; `lang` is not used: a word has its language."""
        super().__init__(key_phrase, config)
        from wakeword.names import canonical
        from wakeword.pipeline.pipeline import Detector

        word = str(self.config.get("model") or canonical(key_phrase))
        self._detector = Detector.load(word, point=str(self.config.get("point", "default")), stage1=self._stage1())
        self._held = b""
        self._found = False

    def _stage1(self) -> dict[str, str]:
        given = self.config.get("stage1", {})
        if not isinstance(given, dict):
            raise ConfigError("stage1 is a mapping", hint='such as {"alexa": "openwakeword:/path/alexa_v0.1.onnx"}')
        return {str(word): str(spec) for word, spec in given.items()}

    def update(self, chunk: bytes) -> None:
        """Hear 16-bit samples at 16 kHz, mono; any number of bytes."""
        import numpy as np

        from wakeword.events import Verdict

        held = self._held + chunk
        whole = len(held) - len(held) % 2
        self._held = held[whole:]
        for event in self._detector.process(np.frombuffer(held[:whole], "<i2").astype(np.int16)):
            self._found |= isinstance(event, Verdict) and event.accepted

    def found_wake_word(self, *_: object) -> bool:
        """Whether the word was said since this was last asked."""
        found, self._found = self._found, False
        return found

    def reset(self) -> None:
        """Forget what was heard."""
        self._detector.reset()
        self._held, self._found = b"", False


class WakewordVerifier(HotWordVerifier):
    """Stage 2 alone. Configuration: `word` or `words` (shipped words or folders), `point`.

    It is not told which engine found what: a sound is accepted when any of its words accepts it.
    """

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        """Raises `ConfigError` without a word: being installed is not being asked for. Nothing else leaves here."""
        super().__init__(config)
        words = self.config.get("words") or self.config.get("word")
        if not words:
            raise ConfigError("no word to verify", where="listener.ww_verifiers.ovos-ww-verifier-wakeword",
                hint='"word": "alexa"; or "enabled": false')  # fmt: skip
        self._judges: list[tuple[Stage2, float]] = []  # none: all is refused
        try:
            sessions: dict[bytes, Any] = {}
            self._judges = [self._judge(word, sessions) for word in ([words] if isinstance(words, str) else words)]
        except Exception:  # the listener would go on without a verifier
            _log.exception("cannot load %s: every wake will be refused", words)

    def _judge(self, word: str, sessions: dict[bytes, Any]) -> tuple[Stage2, float]:
        """The word's stage 2 and its threshold."""
        from wakeword.model import load
        from wakeword.pipeline.stage2 import Stage2

        model, point = load(word), str(self.config.get("point", "default"))
        if point not in model.points:
            raise ConfigError(f"'{word}' has no operating point '{point}'", hint=f"it has {', '.join(model.points)}")
        return Stage2(model, sessions), model.points[point].stage2

    def verify(self, chunk: bytes) -> bool:
        """Whether one of the words is in the last 2 s of these samples (16-bit, 16 kHz, mono; silence before them)."""
        try:
            segment = _segment(chunk)
            scores = [(judge.judge(segment), threshold) for judge, threshold in self._judges]
        except Exception:  # the listener would take any for a yes
            _log.exception("a sound could not be verified and is refused")
            return False
        return any(score >= threshold for score, threshold in scores)


def _segment(chunk: bytes) -> Any:  # Any: an array, whose library is loaded only here
    """(32000,) int16. Raises `WakewordError` for half a sample."""
    import numpy as np

    from wakeword.pipeline.stage2 import SEGMENT_SAMPLES

    if len(chunk) % 2:
        raise WakewordError(f"{len(chunk)} bytes are no whole number of samples")
    last = np.frombuffer(chunk, "<i2")[-SEGMENT_SAMPLES:]
    segment = np.zeros(SEGMENT_SAMPLES, np.int16)
    segment[SEGMENT_SAMPLES - len(last) :] = last
    return segment
