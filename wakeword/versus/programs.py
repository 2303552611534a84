"""How another engine is run: `HARNESS` and one of these texts make a program for an interpreter that has the engine.

A text defines VERSION, WORDS (our name of a word: its own), STEP (samples it is fed at a time) and `load(words,
setting)`, which returns a function: STEP int16 samples in, [(word, score)] out, what it finds at the end of them. Each
engine is used as its own examples use it. The harness answers one line of JSON for each line of JSON it reads; an
engine begins anew with each recording.
"""

from __future__ import annotations

HARNESS = """
import json, os, sys, time, wave
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", ORT_DISABLE_TELEMETRY="1")
import numpy

def blocks(path):
    with wave.open(path, "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2), path
        while len(read := file.readframes(STEP)) == 2 * STEP:
            yield numpy.frombuffer(read, numpy.int16)

def peak_mib():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024

def serve():
    print(json.dumps({"version": VERSION, "words": WORDS}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        numpy.random.seed(0)  # openWakeWord's features begin with drawn sound
        listen = load([WORDS[word] for word in order["words"]], order["setting"])
        names = {WORDS[word]: word for word in order["words"]}
        rows, at, began_s = [], 0, time.process_time()
        for block in blocks(order["path"]):
            at += STEP
            for word, score in listen(block):
                if score >= order["floor"]:
                    rows.append([names[word], at, float(score)])
        spent_s = time.process_time() - began_s
        print(json.dumps({"rows": rows, "cpu_s": spent_s, "peak_mib": peak_mib()}), flush=True)
"""

OPENWAKEWORD = """
import importlib.metadata, os.path
import openwakeword
from openwakeword.model import Model

VERSION, STEP = importlib.metadata.version("openwakeword"), 1280
WORDS = {"alexa": "alexa_v0.1"}  # "hey jarvis" is another phrase

def load(words, setting):
    folder = os.path.join(os.path.dirname(openwakeword.__file__), "resources", "models")
    heads = [os.path.join(folder, word + ".onnx") for word in words]
    model = Model(wakeword_models=heads, inference_framework="onnx")
    return lambda block: model.predict(block).items()
"""

MICROWAKEWORD = """
import importlib.metadata
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

VERSION, STEP = importlib.metadata.version("pymicro-wakeword"), 1024
WORDS = {"alexa": "alexa"}

def load(words, setting):
    features, models = MicroWakeWordFeatures(), [(word, MicroWakeWord.from_builtin(Model(word))) for word in words]
    def listen(block):
        found = []
        for column in features.process_streaming(block.tobytes()):
            found += [(word, model.process_streaming_prob(column)) for word, model in models]
        return [(word, max(score for name, score in found if name == word)) for word, model in models if found]
    return listen
"""

PORCUPINE = """
import importlib.metadata
import pvporcupine

VERSION, STEP = importlib.metadata.version("pvporcupine"), 512
WORDS = {word.replace(" ", "_"): word for word in sorted(pvporcupine.KEYWORDS)}

def load(words, setting):
    engine = pvporcupine.create(keywords=words, sensitivities=[setting] * len(words))
    def listen(block):
        number = engine.process(block.tolist())
        return [(words[number], 1.0)] if number >= 0 else []
    return listen
"""

OURS = """
import wakeword
from wakeword import model as models
from wakeword.pipeline.pipeline import Detector

VERSION, STEP = "", 1280
class Folders(dict):
    def __missing__(self, word):
        return word
WORDS = Folders()

def load(words, setting):
    loaded = [models.load(word) for word in words]
    points = [models.Point(word.points["default"].stage1, 1.0) for word in loaded]  # stage 2 judges, none is satisfied
    detector = Detector(loaded, points)
    def listen(block):
        detector.process(block)
        return []
    return listen
"""

PROGRAMS = {"openwakeword": OPENWAKEWORD, "microwakeword": MICROWAKEWORD, "porcupine": PORCUPINE, "wakeword": OURS}
TITLES = {"openwakeword": "openWakeWord", "microwakeword": "microWakeWord", "porcupine": "Porcupine"}

SENSITIVITIES = (0.1, 0.3, 0.5, 0.7, 0.9)
WITHOUT_SCORE = frozenset({"porcupine"})  # heard once for each sensitivity
