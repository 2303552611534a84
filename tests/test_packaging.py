"""What the wheel carries is what lies in the repository, and what is installed is what was tested."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import wakeword
from wakeword.evidence.export import TOOLS

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))


def test_every_package_is_listed() -> None:
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    code = {".".join(path.relative_to(REPOSITORY).parent.parts) for path in (REPOSITORY / "wakeword").rglob("*.py")}
    assert listed == code | {f"wakeword.{folder}" for folder in ("configs", "data", "docs", "models", "scripts")}


def test_every_other_file_of_the_package_is_carried() -> None:
    carried = {
        path
        for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items()
        if package != "wakeword.docs"  # of which only what an export encloses is carried
        for pattern in patterns
        for path in _folder(package).glob(pattern)
    }
    lying = [
        path
        for folder in ("wakeword", "models", "configs")
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file()
    ]
    assert {path for path in lying if path.suffix not in (".py", ".pyc")} == {
        path for path in carried if path.is_file()
    }


def test_what_an_export_encloses_is_carried() -> None:
    carried = PROJECT["tool"]["setuptools"]["package-data"]["wakeword.docs"]
    assert {name for folder, name in TOOLS if folder == "docs"} == set(carried)
    assert [(REPOSITORY / folder / name).is_file() for folder, name in TOOLS] == [True] * len(TOOLS)


def _folder(package: str) -> Path:
    above = PROJECT["tool"]["setuptools"]["package-dir"]
    return REPOSITORY / above.get(package, package.replace(".", "/"))


def test_the_version_is_the_same_everywhere() -> None:
    assert PROJECT["project"]["version"] == wakeword.__version__
    changelog = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## (?:Unreleased|{re.escape(wakeword.__version__)}\b)", changelog, re.MULTILINE)


@pytest.mark.parametrize("group", ["dependencies", "dev"])
def test_every_dependency_is_pinned_at_a_version_it_allows(group: str) -> None:
    project = PROJECT["project"]
    wanted = project["dependencies"] if group == "dependencies" else project["optional-dependencies"][group]
    lines = (REPOSITORY / "constraints.txt").read_text().lower().splitlines()
    pinned = dict(line.split("==")[:2] for line in lines if "==" in line)
    for requirement in wanted:
        name, _, least = requirement.partition(">=")
        assert name.lower() in pinned, f"{name} is not in constraints.txt"
        assert not least or _numbers(pinned[name.lower()].split(";")[0]) >= _numbers(least)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]
