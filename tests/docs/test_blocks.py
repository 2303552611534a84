"""Every code block of every document is run: here, line by line in a folder that has what the lines name; or in another
test, named below; or not, and then it is said why. A line that no rule knows fails, and so does a rule without a line.

`yaml` goes through the daemon's own loader, `json` is parsed, `python` is run by the tests that `ELSEWHERE` names.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from wakeword import config
from wakeword.cli import main
from wakeword.eval import bars

REPOSITORY = Path(__file__).resolve().parents[2]
VECTORS = REPOSITORY / "tests" / "evidence_vectors"
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])
RATE = 16_000
HANG_S = 300

ELSEWHERE = {  # (document, language) -> the test that runs it
    ("README.md", "python"): "tests/docs/test_readme.py",
    ("README.md", "text"): "tests/docs/test_readme.py",
    ("api.md", "python"): "tests/docs/test_api_doc.py",
    ("service.md", "python"): "tests/docs/test_service_doc.py",
    ("versus.md", "python"): "tests/docs/test_blocks.py",
    ("tuning.md", "sh"): "tests/docs/test_tuning_doc.py",
    ("tuning.md", "yaml"): "tests/docs/test_tuning_doc.py",
    ("status.md", "text"): "tests/processes/test_status.py",
}


@dataclass(frozen=True)
class Rule:
    """What is done with the lines that begin so. Without `less`, `starts` or `why_not` a line is run as it stands."""

    pattern: str
    less: tuple[tuple[str, str], ...] = ()  # replaced first: less of the same, or without what cannot be here
    starts: bool = False  # goes on for ever: started, heard of, and ended by Ctrl-C
    why_not: str = ""
    needs: tuple[str, ...] = ()  # libraries of an extra


RULES = (
    Rule(r"sudo |systemctl |journalctl ", why_not="root and a systemd: tests/systemd installs the units for real"),
    Rule(r"\S*pip install|python3 -m venv", why_not="a package index: scripts/wheel installs the wheel in CI"),
    Rule(r"scripts/(check|test|demo|site|wheel)\b|\.ci/run", why_not="CI is these"),
    Rule(r"scripts/", why_not="minutes to hours: tests/ordeal, tests/bench, tests/studio run a little of them"),
    Rule(r"python -m wakeword\.(bench|versus)", why_not="corpora and other programs' interpreters"),
    Rule(r"(python -m )?wakeword(\.| )train", why_not="corpora, and up to a day: tests/train trains small ones"),
    Rule(r"wakeword run --model words/", why_not="the model that the line before it trains: tests/train"),
    Rule(r"python -m (script\.run|wyoming_satellite)", why_not="other programs: tests/wyoming plays them"),
    Rule(r"wakeword (replay|wyoming) .*(open|micro)wakeword:", why_not="other programs' models: tests/peers"),
    Rule(r"wakeword devices", why_not="a microphone: tests/processes/test_microphone.py"),
    Rule(r"wakeword (status|monitor|hold)", why_not="a daemon that listens: tests/processes/test_status.py"),
    Rule(r"wakeword mqtt", why_not="a broker: tests/processes/test_mqtt.py has one"),
    Rule(r"wakeword studio", why_not="a browser: tests/studio drives it"),
    Rule(r"wakeword (collect|forget|eval --collected)", why_not="asks, and needs what was collected: tests/keep"),
    Rule(r"wakeword (eval --positives DIR|tune run --max-fa-per-hour 1$)", why_not="what a studio left: tests/studio"),
    Rule(r"wakeword audit verify /var/lib", why_not="a service that was installed: tests/systemd"),
    Rule(r"wakeword run --(print-config|config)"),
    Rule(r"(\w+=\S+ )*wakeword run", less=((r"$", " --print-config"),)),  # its settings; tests/processes run it
    Rule(r"wakeword service", less=((r"$", " --listen 127.0.0.1:0"),), starts=True),
    Rule(r"wakeword wyoming", less=((r" --uri \S+| --zeroconf( \w+)?", ""), (r"$", " --uri tcp://127.0.0.1:0")),
         starts=True, needs=("wyoming",)),
    Rule(r"wakeword tune run .*--promise", less=((r"0\.5", "5000"),)),  # so little talk promises nothing less
    Rule(r"wakeword (mute|completion|audit|explain|tune)"),
    Rule(r"wakeword eval .*--rooms simulate", needs=("pyroomacoustics", "matplotlib")),
    Rule(r"wakeword eval", needs=("matplotlib",)),
    Rule(r"wakeword fleet (simulate|attack)", less=((r"100000", "500"), (r"1000\b", "60"), (r"400000", "2000")),
         needs=("opendp",)),
    Rule(r"wakeword fleet"),
    Rule(r"python3 scripts/verify_log\.py"),
)  # fmt: skip


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """(language, text) of each fenced block."""
    for found in re.finditer(r"^```(\w*)\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        yield found[1], found[2]


def lines(path: Path) -> list[str]:
    """The commands of the `sh` blocks: one a line, comments and continuations resolved; `a && b` is two."""
    found = []
    for language, text in blocks(path):
        if language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                command = " ".join(re.sub(r"\s+#.*", "", f" {line}").split())
                found += [part for part in command.split(" && ") if part]
    return found


def rule_of(line: str) -> Rule:
    fitting = [rule for rule in RULES if re.match(rule.pattern, line)]
    assert fitting, f"no rule says what to do with: {line}"
    return fitting[0]


RUN = {path.name: lines(path) for path in DOCUMENTS if lines(path) and (path.name, "sh") not in ELSEWHERE}


def test_every_line_has_its_rule_and_every_rule_a_line() -> None:
    used = {rule_of(line) for told in RUN.values() for line in told}
    assert [rule.pattern for rule in RULES if rule not in used] == []
    for rule in RULES:
        for place in re.findall(r"tests/[\w/.]+", rule.why_not):
            assert (REPOSITORY / place.rstrip(".")).exists(), place


def test_every_language_is_seen_to() -> None:
    seen = {(path.name, language) for path in DOCUMENTS for language, _ in blocks(path)}
    here = {pair for pair in seen if pair[1] in ("sh", "yaml", "json", "")}  # "": drawings, wire formats, records
    assert seen - here - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) <= seen
    assert all((REPOSITORY / test).is_file() for test in ELSEWHERE.values())


@pytest.fixture
def house(tmp_path: Path, room: np.ndarray, said: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the documents name: recordings, a log, reports, settings."""
    for folder in ("said/jarvis", "said/computer", "said/alexa", "talk", "music", "noise"):
        (tmp_path / folder).mkdir(parents=True)

    def cut(name: str, start_s: float, length_s: float) -> None:
        samples = room[int(start_s * RATE) : int((start_s + length_s) * RATE)]
        soundfile.write(tmp_path / name, samples, RATE)

    rows = ["path,word,start_s,end_s,speaker"]
    for number, row in enumerate(row for row in said if row["word"] in ("jarvis", "computer", "alexa")):
        name = f"said/{row['word']}/{number}.wav"
        cut(name, float(row["start_s"]) - 0.4, 2.5)
        rows.append(f"{name},{row['word']},0.3,1.6,{row['who']}")
    (tmp_path / "said.csv").write_text("\n".join(rows) + "\n")
    cut("talk/morning.wav", 0, 8)
    cut("music/song.wav", 40, 6)
    cut("noise/fan.wav", 0, 4)
    (tmp_path / "talk.csv").write_text("path,word,start_s,end_s,speaker\ntalk/morning.wav,,,,\n")
    shutil.copytree(tmp_path / "said", tmp_path / "recordings")
    cut("one.wav", 5, 8)
    keys = json.loads((VECTORS / "keys.json").read_text())
    for log in (tmp_path / ".local/state/wakeword/evidence", tmp_path / "LOG"):
        shutil.copytree(VECTORS / "good", log)
    (tmp_path / "device.vkey").write_text(keys["device_vkey"] + "\n")
    (tmp_path / ".local/state/wakeword/evidence/device.vkey").write_text(keys["device_vkey"] + "\n")
    (tmp_path / "service.vkey").write_text(keys["service_vkey"] + "\n")
    shutil.copy(VECTORS / "good" / "receipts.txt", tmp_path)
    report = '{"cancel":-6,"cand":-412,"day":20455,"eps":1000,"rej":897,"v":1,"wakes":135}\n'
    (tmp_path / "reports.jsonl").write_text(report * 3)
    (tmp_path / "my.yaml").write_text("words: [jarvis]\nuplink: {url: 'ws://127.0.0.1:8765'}\n")
    (tmp_path / ".local/share/bash-completion/completions").mkdir(parents=True)
    for name in ("scripts", "configs"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PWD", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("XDG_", "WAKEWORD_"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.parametrize("name", RUN)
def test_the_commands_of_a_document_run_in_their_order(name: str, house: Path) -> None:
    done = 0
    for shown in RUN[name]:
        rule, line = rule_of(shown), shown
        if rule.why_not:
            continue
        if missing := [library for library in rule.needs if not _installed(library)]:
            pytest.skip(f"{line}: not installed: {', '.join(missing)}")
        for old, new in rule.less:
            line = re.sub(old, new, line, count=1 if old == r"$" else 0)
        if rule.starts:
            _starts(line, house)
        else:
            assert _ran(line, house) == 0, line
        done += 1
    assert done or all(rule_of(line).why_not for line in RUN[name])


def _installed(library: str) -> bool:
    return subprocess.run([sys.executable, "-c", f"import {library}"], capture_output=True, check=False).returncode == 0


def _ran(line: str, house: Path) -> int:
    """Its exit code. Our own commands in this process, which saves a second each; what the shell does, a shell does."""
    if not re.search(r"[<>|=$~]", line) and line.startswith("wakeword "):
        with contextlib.redirect_stdout(None):
            return main(shlex.split(line)[1:])
    shell = f'wakeword() {{ "{sys.executable}" -m wakeword "$@"; }}\npython3() {{ "{sys.executable}" "$@"; }}\n{line}'
    ended = subprocess.run(
        ["bash", "-c", shell], cwd=house, capture_output=True, text=True, check=False, timeout=HANG_S
    )
    assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
    return ended.returncode


def _starts(line: str, house: Path) -> None:
    """It says something, goes on, and ends in order when it is asked to."""
    command = [sys.executable, "-u", "-m", *shlex.split(line)]
    process = subprocess.Popen(command, cwd=house, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout
        assert "127.0.0.1" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=HANG_S)
        assert process.returncode == 0, rest
    finally:
        process.kill()
        process.communicate()


def test_an_engine_of_ones_own_as_versus_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Engine:
        def __init__(self, words: list[str]) -> None:
            self.words = words

        def feed(self, block: np.ndarray) -> list[tuple[str, float]]:
            return [(word, len(block) / 1_280) for word in self.words]

    mine = types.ModuleType("mine")
    mine.__dict__.update(__version__="7", Engine=Engine)
    monkeypatch.setitem(sys.modules, "mine", mine)
    (program,) = [text for language, text in blocks(REPOSITORY / "docs" / "versus.md") if language == "python"]
    shown: dict[str, Any] = {}
    exec(program, shown)
    assert shown["load"](list(shown["WORDS"]), None)(np.zeros(shown["STEP"], np.int16)) == [("alexa", 1.0)]


YAML = [(path.name, text) for path in DOCUMENTS for language, text in blocks(path) if language == "yaml"]
JSON = [(path.name, text) for path in DOCUMENTS for language, text in blocks(path) if language == "json"]


@pytest.mark.parametrize(("name", "text"), YAML, ids=[name for name, _ in YAML])
def test_yaml_is_taken_by_what_reads_it(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "shown.yaml"
    path.write_text(text)
    if name == "metrics.md":
        assert bars.read(path)
    else:
        assert config.load(path, environment={}).origins


@pytest.mark.parametrize(("name", "text"), JSON, ids=[name for name, _ in JSON])
def test_json_is_json(name: str, text: str) -> None:
    assert json.loads(text)
