"""A YAML file of sections, as an owner writes one -> its values, each with the line on which it stands.

No anchors, no tags, no key twice: what is not plain is a `ConfigError` that names file and line. What the keys mean is
for `config.py`.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from wakeword.errors import ConfigError, in_words

Key = tuple[str, ...]  # a section and a key of it, or one key alone


def values_of(path: Path) -> tuple[dict[Key, object], dict[Key, str]]:
    """Values of a YAML file of sections, and the `file:line` of each. Raises `ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise ConfigError("anchors and aliases are not used here", where=str(path))
        node = yaml.compose(text, yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(in_words(error), where=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("not UTF-8", where=str(path)) from error
    except yaml.MarkedYAMLError as error:
        place = f"{path}:{error.problem_mark.line + 1}" if error.problem_mark else str(path)
        raise ConfigError(f"not YAML: {error.problem or error.context}", where=place) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}", where=str(path)) from error
    values: dict[Key, object] = {}
    origins: dict[Key, str] = {}
    if node is not None:
        for (name, line), value in _entries(node, path):
            origins[(name,)] = f"{path}:{line}"
            if isinstance(value, yaml.MappingNode):
                for (inner, inner_line), given in _entries(value, path):
                    values[(name, inner)] = _plain(given, path)
                    origins[(name, inner)] = f"{path}:{inner_line}"
            elif not _empty(value):  # empty: a section all of whose keys are commented out
                values[(name,)] = _plain(value, path)
    return values, origins


def _entries(node: yaml.Node, path: Path) -> list[tuple[tuple[str, int], yaml.Node]]:
    """The keys of a mapping, each with its line, and their nodes."""
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError("a mapping of keys to values is expected", where=f"{path}:{node.start_mark.line + 1}")
    seen: dict[str, int] = {}
    found = []
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = str(key.value)
        if name in seen:
            first = f"first: line {seen[name]}"
            raise ConfigError(f"key {name!r} stands here twice", where=f"{path}:{line}", hint=first)
        seen[name] = line
        found.append(((name, line), value))
    return found


def _plain(node: yaml.Node, path: Path) -> object:
    """What the node says, as YAML's own types."""
    if isinstance(node, yaml.MappingNode):
        return {name: _plain(value, path) for (name, _), value in _entries(node, path)}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, path) for item in node.value]
    return scalar(node.value) if _unquoted(node) else node.value


def scalar(text: str) -> object:
    """A plain scalar by YAML's rules: 5 is a number, true a truth, the rest text."""
    try:
        value: object = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if isinstance(value, bool | int | float | None) else text


def _empty(node: yaml.Node) -> bool:
    return _unquoted(node) and node.value in ("", "~", "null")


def _unquoted(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None
