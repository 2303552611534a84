"""The configuration: precedence, origins, and every mistake named with its place and the nearest key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from wakeword.config import Config, Word, leaves, load, search
from wakeword.errors import ConfigError

DEFAULT = Path(__file__).parent.parent / "configs" / "default.yaml"
PIN = "sha256//" + "A" * 43 + "="


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "wakeword.yaml")


class Writer:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, text: str) -> Path:
        self.path.write_text(text, encoding="utf-8")
        return self.path


def test_the_shipped_file_equals_the_defaults() -> None:
    assert load(DEFAULT, environment={}).config == Config()


def test_the_shipped_file_names_every_key_and_comments_every_one() -> None:
    written = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    keys: set[tuple[str, ...]] = {
        (section, key) for section, inner in written.items() if isinstance(inner, dict) for key in inner
    }
    keys |= {(section,) for section, inner in written.items() if not isinstance(inner, dict)}
    assert keys == {key for key, _ in leaves(Config())}
    lines = DEFAULT.read_text(encoding="utf-8").splitlines()
    undescribed = [
        line for line in lines if line.startswith("  ") and ":" in line.partition("#")[0] and "#" not in line
    ]
    assert undescribed == []


def test_an_empty_file_and_empty_sections_are_the_defaults(write: Writer) -> None:
    assert load(write(""), environment={}).config == Config()
    assert load(write("source:\nsession:\n  # cap_ms: 1\n"), environment={}).config == Config()


def test_the_command_line_goes_before_the_environment_before_the_file_before_the_defaults(write: Writer) -> None:
    path = write("session:\n  silence_ms: 500\n  cap_ms: 9000\n  patience_ms: 700\n")
    environment = {"WAKEWORD_SESSION__CAP_MS": "8000", "WAKEWORD_SESSION__PATIENCE_MS": "800"}
    loaded = load(path, {("session", "patience_ms"): 900}, environment)
    session = loaded.config.session
    assert (session.silence_ms, session.cap_ms, session.patience_ms, session.refractory_ms) == (500, 8000, 900, 1000)
    assert loaded.origins[("session", "silence_ms")] == f"{path}:2"
    assert loaded.origins[("session", "cap_ms")] == "environment WAKEWORD_SESSION__CAP_MS"
    assert loaded.origins[("session", "patience_ms")] == "command line"
    assert ("session", "refractory_ms") not in loaded.origins


def test_the_text_shows_each_value_and_its_origin_and_is_yaml_that_loads_again(write: Writer, tmp_path: Path) -> None:
    path = write("words: [computer, {model: jarvis, point: keen}]\nuplink:\n  url: wss://speech.example/in\n")
    loaded = load(path, environment={"WAKEWORD_SOURCE__DEVICE": "2"})
    text = loaded.text()
    assert f"  # {path}:3" in next(line for line in text.splitlines() if "url:" in line)
    assert "# environment WAKEWORD_SOURCE__DEVICE" in next(line for line in text.splitlines() if "device:" in line)
    assert next(line for line in text.splitlines() if "lag_ms" in line).endswith("# default")
    (tmp_path / "again.yaml").write_text(text, encoding="utf-8")
    assert load(tmp_path / "again.yaml", environment={}).config == loaded.config


@pytest.mark.parametrize("given", ["computer, jarvis", "[computer, jarvis]"])
def test_words_may_be_listed_in_the_environment(given: str) -> None:
    assert load(environment={"WAKEWORD_WORDS": given}).config.words == [Word(model="computer"), Word(model="jarvis")]


def test_a_word_may_have_its_own_point_and_thresholds(write: Writer) -> None:
    path = write("words:\n  - model: jarvis\n    point: keen\n    stage1: 0.25\n    stage2: 1\n")
    assert load(path, environment={}).config.words == [Word(model="jarvis", point="keen", stage1=0.25, stage2=1.0)]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("source:\n  devcie: usb\n", 2, r"unknown key 'devcie' \(nearest: device\)"),
        ("session:\n  refactory_ms: 5\n", 2, r"unknown key 'refactory_ms' \(nearest: refractory_ms\)"),
        ("\nsorce:\n  device: usb\n", 2, r"unknown key 'sorce' \(nearest: source\)"),
        ("words:\n  - model: jarvis\n    piont: keen\n", 1, r"unknown key 'piont' \(nearest: point\)"),
        (
            "xyz: 1\n",
            1,
            r"unknown key 'xyz' \(known: words, source, session, uplink, evidence, policy, status, fleet, mute_\w+",
        ),
        ("session:\n  cap_ms: soon\n", 2, "session.cap_ms: input should be a valid integer, not 'soon'"),
        ("session:\n  cap_ms: '9000'\n", 2, "session.cap_ms: input should be a valid integer, not '9000'"),
        ("session:\n  cap_ms: true\n", 2, "session.cap_ms: input should be a valid integer, not True"),
        ("policy:\n  rate_bytes: 1.5\n", 2, "policy.rate_bytes: input should be a valid integer, not 1.5"),
        ("policy:\n  sessions_per_hour: 61\n", 2, "policy.sessions_per_hour: input should be less than or equal to 60"),
        ("policy:\n  window_bytes: 65535\n", 2, "policy.window_bytes: input should be a multiple of 2"),
        ("words:\n  - model: a\n    stage1: 0.05\n", 1, "words.0.stage1: input should be greater than or equal to 0.1"),
        ("words: []\n", 1, "words: list should have at least 1 item"),
        ("words:\n  - 5\n", 1, "words.0: input should be a valid dictionary"),
        ("uplink: wss://x\n", 1, "uplink: input should be a valid dictionary"),
        (
            "words:\n  - model: jarvis\n    point: loud\n",
            1,
            r"words.0.point: not an operating point: 'loud' \(strict, default",
        ),
        ("uplink:\n  url: http://x\n", 2, r"uplink.url: not an address of a service: 'http://x' \(ws://HOST:PORT/PATH"),
        ("uplink:\n  url: ws://a\n  url: ws://b\n", 3, r"key 'url' stands here twice \(first: line 2\)"),
        ("uplink:\n  url: tcp://x\n", 2, "uplink.url: not an address of a service: 'tcp://x'"),
        ("uplink:\n  language: en_GB!\n", 2, r"uplink.language: not a language: 'en_GB!' \(such as en or pt-BR\)"),
        ("a: [\n", 2, "not YAML: "),
        ("- computer\n", 1, "a mapping of keys to values is expected"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_what_was_meant(write: Writer, text: str, line: int, says: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError, match=says) as caught:
        load(path, environment={})
    assert caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (
            "session:\n  cap_ms: 5000\n  refractory_ms: 5001\n",
            3,
            "refractory_ms 5001 is longer than session.cap_ms 5000",
        ),
        ("session:\n  cap_ms: 2048\n  patience_ms: 100\n", 2, "cap_ms 2048 is not above the pre-roll, 2048 ms"),
        ("session:\n  silence_ms: 6000\n  cap_ms: 6000\n", 2, "silence_ms 6000 is not below session.cap_ms 6000"),
        ("session:\n  cap_ms: 6000\n  patience_ms: 6000\n", 3, "patience_ms 6000 is not below session.cap_ms 6000"),
        ("uplink:\n  url: ws://a.example/\n  token_file: t\n", 2, "would send the token readable to all"),
        ("uplink:\n  url: ws://127.evil.example/\n  token_file: t\n", 2, "would send the token readable to all"),
        ("words: [a, b, a]\n", 1, "words: 'a' stands there twice"),
        ("uplink:\n  url: tcp://a:10300\n  protocol: websocket\n", 3, "tcp:// addresses speak wyoming"),
        ("uplink:\n  url: ws://a\n  protocol: wyoming\n", 3, "ws:// addresses speak websocket"),
        ("uplink:\n  url: tcp://a:10300\n  token_file: t\n", 3, "a Wyoming server: it asks for none"),
        (f"uplink:\n  url: ws://a\n  pins: [{PIN}]\n", 3, "pins without a wss:// address"),
        ("uplink:\n  url: wss://a\n  pins: [sha256//short]\n", 3, "not a key's pin: 'sha256//short'"),
        ("uplink:\n  url: wss://a\n  addresses: [a.example]\n", 3, "not an address: 'a.example'"),
    ],
)
def test_an_impossible_pair_is_named_with_a_line(write: Writer, text: str, line: int, says: str) -> None:
    path = write(text)
    with pytest.raises(ConfigError, match=says) as caught:
        load(path, environment={})
    assert caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8765", "ws://localhost:1/x", "ws://[::1]:9/", "wss://a.example"])
def test_a_token_may_go_where_nobody_else_reads(write: Writer, url: str) -> None:
    assert load(write(f"uplink:\n  url: {url}\n  token_file: t\n"), environment={}).config.uplink.token_file == "t"


def test_the_first_of_several_mistakes_is_told_and_the_others_are_counted(write: Writer) -> None:
    with pytest.raises(ConfigError, match="unknown key 'aa'; 2 more"):
        load(write("source:\n  aa: 1\nsession:\n  bb: 1\ncc: 1\n"), environment={})


@pytest.mark.parametrize(
    ("environment", "where", "says"),
    [
        (
            {"WAKEWORD_SORUCE__DEVICE": "x"},
            "environment WAKEWORD_SORUCE__DEVICE",
            r"unknown key 'soruce' \(nearest: source\)",
        ),
        ({"WAKEWORD_SOURCE__DEVCIE": "x"}, "environment WAKEWORD_SOURCE__DEVCIE", "nearest: device"),
        ({"WAKEWORD_SOURCE": "x"}, "environment WAKEWORD_SOURCE", "WAKEWORD_SOURCE__KEY sets one of its keys"),
        ({"WAKEWORD_SESSION__CAP_MS": "x"}, "environment WAKEWORD_SESSION__CAP_MS", "valid integer, not 'x'"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(environment: dict[str, str], where: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        load(environment=environment)
    assert caught.value.where == where


def test_variables_that_are_not_settings_are_left_alone() -> None:
    assert load(environment={"WAKEWORD_CACHE": "/x", "HOME": "/nowhere"}).config == Config()


def test_a_number_may_name_a_device() -> None:
    assert load(options={("source", "device"): 3}, environment={}).config.source.device == "3"


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\xff\xfe", "not UTF-8"), (b"\0", "not YAML"), (b"a: &x 1\nb: *x\n", "anchors and aliases are not used here")],
)
def test_what_is_no_text_for_us_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        load(tmp_path / "x.yaml", environment={})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x\.yaml: no such file"):
        load(tmp_path / "x.yaml", environment={})


def test_the_users_file_is_found_and_a_named_one_goes_first(tmp_path: Path) -> None:
    mine = tmp_path / "wakeword" / "config.yaml"
    mine.parent.mkdir()
    mine.touch()
    assert search({"XDG_CONFIG_HOME": str(tmp_path)}) == mine
    assert search({"XDG_CONFIG_HOME": str(tmp_path), "WAKEWORD_CONFIG": "/other.yaml"}) == Path("/other.yaml")
