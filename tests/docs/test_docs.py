"""The documents hold: commands parse, links and paths lead somewhere, and what there is to name is named."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import pytest
import yaml

from wakeword import config, events, messages, model
from wakeword.cli import COMMANDS, build_parser

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])
TEXTS = {path.name: path.read_text("utf-8") for path in DOCUMENTS}
MODULES = sorted((REPOSITORY / "wakeword").rglob("*.py"))
PATH = re.compile(r"(?<![\w/.])((?:wakeword|tests|docs|scripts|configs|models|\.ci)/[\w./-]*\w)")

each_document = pytest.mark.parametrize("name", TEXTS)


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[list[str]]:
    """The words of each `wakeword …` in `sh` blocks: without comments, and without what the shell does itself."""
    found = []
    for line in "".join(blocks(text, "sh")).replace("\\\n", " ").splitlines():
        for part in re.split(r"\|\||&&|\||;", line):
            words = shlex.split(re.split(r"[<>]", part)[0], comments=True)
            if words and words[0] == "wakeword":
                found.append(words[1:])
    return found


EXAMPLES = [(name, words) for name, text in TEXTS.items() for words in commands(text)]


def test_there_are_documents_and_examples() -> None:
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "processes.md", "pipeline.md", "service.md"} <= set(TEXTS)
    assert len(EXAMPLES) > 12


@pytest.mark.parametrize(("name", "words"), EXAMPLES, ids=[f"{name}: {' '.join(words)}" for name, words in EXAMPLES])
def test_every_example_command_parses(name: str, words: list[str]) -> None:
    assert build_parser(words[0]).parse_args(words).command == words[0]


def epilogs() -> list[tuple[str, list[str]]]:
    """The examples that `--help` shows, of all commands."""
    found = []
    for name in COMMANDS:
        for path in (REPOSITORY / "wakeword" / "cli").glob(f"{name}.py"):
            for line in re.findall(
                r"^ +(?:arecord[^|]*\| )?wakeword (.*?)(?: {2,}.*)?$", path.read_text("utf-8"), re.MULTILINE
            ):
                found.append((name, shlex.split(re.split(r"[<>…]", line)[0], comments=True)))
    return [(name, words) for name, words in found if words]


@pytest.mark.parametrize(
    ("name", "words"), epilogs(), ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_every_example_of_a_help_text_parses(name: str, words: list[str]) -> None:
    assert build_parser(words[0]).parse_args(words).command == words[0]


def test_every_command_is_named_in_the_documents() -> None:
    together = "\n".join(TEXTS.values())
    assert [name for name in COMMANDS if f"wakeword {name}" not in together] == []


@each_document
def test_every_link_leads_somewhere(name: str) -> None:
    folder = REPOSITORY if name in {path.name for path in REPOSITORY.glob("*.md")} else REPOSITORY / "docs"
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[name]):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        linked = (folder / path).resolve() if path else folder / name
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@each_document
def test_every_path_that_a_document_names_exists(name: str) -> None:
    assert [path for path in PATH.findall(TEXTS[name]) if not (REPOSITORY / path).exists()] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_document_and_test_that_a_module_names_exists(path: Path) -> None:
    named = re.findall(r"\b((?:docs|tests|configs|scripts)/[\w./-]*\w)", path.read_text("utf-8"))
    assert [one for one in named if not (REPOSITORY / one).exists()] == []


# --- what there is to name


def test_every_setting_is_in_the_complete_configuration_and_its_section_explained() -> None:
    text = TEXTS["configuration.md"]
    for name, field in config.Config.model_fields.items():
        assert f"| `{name}` |" in text
        section = field.annotation
        for key in getattr(section, "model_fields", {}):
            assert re.search(rf"^  {key}: ", (REPOSITORY / "configs" / "default.yaml").read_text("utf-8"), re.MULTILINE)


def test_the_example_configuration_is_accepted(tmp_path: Path) -> None:
    (example,) = blocks(TEXTS["configuration.md"], "yaml")
    path = tmp_path / "config.yaml"
    path.write_text(example)
    loaded = config.load(path, environment={})
    assert [word.model for word in loaded.config.words] == ["computer", "jarvis"]
    assert loaded.config.uplink.url == yaml.safe_load(example)["uplink"]["url"]


def test_every_message_between_the_processes_is_named() -> None:
    lists = (
        messages.LISTEN_TO_GATE, messages.GATE_TO_LISTEN, messages.GATE_TO_UPLINK, messages.UPLINK_TO_GATE,
        messages.METER_TO_GATE,
    )  # fmt: skip
    for kinds in lists:
        for kind in kinds:
            assert f"`{kind.__name__}`" in TEXTS["processes.md"]


@pytest.mark.parametrize("kind", [events.Candidate, events.Verdict, events.Voice])
def test_every_event_is_documented_with_its_fields(kind: type) -> None:
    (row,) = re.findall(rf"^\| `{kind.__name__}` \| ([^|]*) \|", TEXTS["pipeline.md"], re.MULTILINE)
    assert row == ", ".join(f"`{field.name}`" for field in dataclasses.fields(kind))


def test_every_entry_of_a_manifest_is_documented() -> None:
    named = set(re.findall(r"`(\w+)`", TEXTS["models.md"]))
    for word in model.shipped_words():
        manifest = model.load_manifest(model.find(word))
        assert set(manifest) <= named
        assert set(manifest["operating_points"]) <= named


def test_exit_codes_of_the_processes_are_those_of_their_files() -> None:
    (row,) = re.findall(r"^\| ends with \| (.*) \| (.*) \| (.*) \|$", TEXTS["processes.md"], re.MULTILINE)
    for name, cell in zip(("listen", "gate", "uplink"), row, strict=True):
        head = (REPOSITORY / "wakeword" / f"{name}.py").read_text("utf-8").split('"""')[1]
        told = re.search(r"(?:Exit codes:|Ends with) (.*)", head, re.DOTALL)
        assert told
        assert set(re.findall(r"\b(\d+) ", cell)) <= set(re.findall(r"\b(\d+)\b", told[1]))


@each_document
def test_documents_are_in_british_spelling_and_name_no_address_of_a_machine(name: str) -> None:
    american = r"\b(?:behavior|color(?!\w*s?ys)|normaliz\w+|synthesiz\w+|recogniz\w+|initializ\w+|center|analyz\w+)\b"
    prose = re.sub(r"```.*?```|`[^`]*`", "", TEXTS[name], flags=re.DOTALL)
    assert re.findall(american, prose) == []
    assert re.findall(r"/root/|/work/|/home/\w+", TEXTS[name]) == []
