"""Who may import whom: a module imports only from those above it, and the heavy libraries stay where they belong."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import wakeword
from wakeword import pipeline

PACKAGE = Path(wakeword.__file__).parent

# Top to bottom. A name stands for a module or a whole package; a package's own order is its own affair.
ORDER = [
    "errors", "events", "names", "settings", "notices", "messages", "statusline", "notify", "hold", "lean", "sandbox",
    "forbidden",
    "evidence", "clerk", "outside", "passing", "states", "selftest", "housekeeping", "gate",
    "model", "peers", "pipeline", "source", "replay", "daily", "togate",
    "keep", "keeper", "listener", "hearing", "listen",
    "ovos", "openwakeword", "wyoming",
    "service", "uplink", "meter",
    "sections", "config", "places", "supervise", "lives", "onlookers", "display", "status", "mqtt", "plan",
    "join", "prepare",
    "demo", "eval", "fleet", "bench", "ordeal",
    "train", "versus", "studio", "cli",
]  # fmt: skip
AT_TOP = {"__init__", "__main__"}  # look down, lazily

# Libraries that only these may name, wherever in the module they do it.
RESERVED = {
    "torch": {"train"}, "onnx": {"train"}, "scipy": {"train"}, "hibari": {"train"},
    "pyroomacoustics": {"eval", "train"}, "dask": {"eval"}, "distributed": {"eval"},
    "librosa": set(), "numba": set(), "matplotlib": {"eval"},
    "onnxruntime": {"model", "train"}, "opendp": {"daily"},
    "pydantic": {"config", "eval"}, "rich": {"bench", "cli", "demo", "display"},
    "yaml": {"bench", "config", "demo", "eval", "model", "sections", "train"},
    "sounddevice": {"source"}, "soundfile": {"bench", "eval", "source", "demo", "studio", "train", "versus"},
    "soxr": {"source", "train"},
    "_webrtcvad": {"pipeline"}, "webrtcvad": set(), "websockets": {"service", "studio", "uplink"},
    "cryptography": {"evidence", "keep", "service"},
    "wyoming": {"wyoming", "service"}, "zeroconf": {"wyoming"}, "paho": {"mqtt"}, "openwakeword": set(),
    "pymicro_features": {"peers"}, "pymicro_wakeword": set(),
    "requests": set(), "urllib.request": set(), "http": {"service", "studio"}, "pickle": set(),
}  # fmt: skip


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def unit(path: Path) -> str:
    """The name in `ORDER` that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[str]:
    """Dotted names that a file imports anywhere, except for type checkers alone."""
    found = []
    nodes = [ast.parse(path.read_text("utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes += node.orelse
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        nodes += ast.iter_child_nodes(node)
    return found


def test_the_order_names_every_module_once() -> None:
    assert sorted(ORDER) == sorted({unit(path) for path in modules()} - AT_TOP)


@pytest.mark.parametrize(
    "path", [path for path in modules() if unit(path) not in AT_TOP], ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_a_module_imports_only_from_above(path: Path) -> None:
    own = ORDER.index(unit(path))
    for name in imports(path):
        if name.startswith("wakeword.") and name.split(".")[1] in ORDER:
            assert ORDER.index(name.split(".")[1]) <= own, f"{unit(path)} stands above {name}"


def test_few_import_training() -> None:
    users = {unit(path) for path in modules() if any(name.startswith("wakeword.train") for name in imports(path))}
    assert users == {"train", "studio", "versus", "cli"}


@pytest.mark.parametrize("library", RESERVED)
def test_a_library_is_named_only_where_it_belongs(library: str) -> None:
    users = {unit(path) for path in modules() if any(f"{name}.".startswith(f"{library}.") for name in imports(path))}
    assert users <= RESERVED[library]


def test_the_pipelines_own_order_is_the_one_its_docstring_lists() -> None:
    assert pipeline.__doc__ is not None
    listed = [line.split()[0] for line in pipeline.__doc__.splitlines() if line[:1].islower()]
    assert sorted(listed) == sorted(path.stem for path in (PACKAGE / "pipeline").glob("[!_]*.py"))
    for name in listed:
        own = [
            other.split(".")[2]
            for other in imports(PACKAGE / "pipeline" / f"{name}.py")
            if other.startswith("wakeword.pipeline.")
        ]
        assert all(listed.index(other) < listed.index(name) for other in own)


def test_the_pipeline_is_pure() -> None:
    """No clock, no file, no thread, no logging: arrays in, events out."""
    for path in (PACKAGE / "pipeline").glob("*.py"):
        named = {name.split(".")[0] for name in imports(path)}
        assert named <= {
            "__future__",
            "_webrtcvad",
            "collections",
            "copy",
            "dataclasses",
            "math",
            "numpy",
            "pathlib",
            "types",
            "typing",
            "wakeword",
        }


def test_public_names_are_few_and_all_there() -> None:
    assert len(wakeword.__all__) <= 10
    assert sorted(wakeword._HOME) == sorted(wakeword.__all__)
    for name in wakeword.__all__:
        assert name == "Event" or getattr(wakeword, name).__name__ == name  # Event is a union of others
    with pytest.raises(AttributeError, match="module 'wakeword' has no attribute 'nonsense'"):
        wakeword.nonsense  # noqa: B018 - looking it up is the test


def test_no_module_is_longer_than_400_lines() -> None:
    assert [str(path) for path in modules() if len(path.read_text("utf-8").splitlines()) > 400] == []
