"""The whole daemon and a maker that listens: without consent nobody connects; with it, exactly the logged bytes come.

A day here lasts two seconds: `stats_day_s` is the only thing that differs from `wakeword run`.
"""

from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from daemon import Service, serving, verify

from wakeword.config import Config, load
from wakeword.daily.report import parse
from wakeword.events import RATE_HZ
from wakeword.places import places, prepare
from wakeword.plan import make_plan
from wakeword.settings import SourceSettings
from wakeword.supervise import Supervisor

pytest.importorskip("opendp", reason="pip install 'wakeword[fleet]'")

DAY_S = 2


@dataclass
class Maker:
    """An HTTP server that keeps what reaches it."""

    url: str = ""
    connections: int = 0
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 204


@contextmanager
def listening() -> Iterator[Maker]:
    made = Maker()

    class Handler(http.server.BaseHTTPRequestHandler):
        def setup(self) -> None:
            made.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.requests.append((self.path, dict(self.headers), body))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}/fleet"
        with serving(server):
            yield made


@pytest.fixture
def maker() -> Iterator[Maker]:
    with listening() as made:
        yield made


def configuration(folder: Path, service: Service, **fleet: object) -> Config:
    path = folder / "wakeword.yaml"
    evidence = {"directory": str(folder / "state" / "evidence")}
    path.write_text(json.dumps({"uplink": {"url": service.url}, "evidence": evidence, "fleet": fleet}))
    return load(path, environment={}).config


def run(config: Config, sound: Path, *wanted: tuple[str, str]) -> list[dict[str, Any]]:
    """Hear it in real time until each wanted (process, event) was seen; all lines."""
    environment = {"HOME": str(sound.parent)}
    prepare(places(config, environment))
    plan = make_plan(config, SourceSettings("file", str(sound)), environment)
    plan = replace(plan, listen=replace(plan.listen, stats_day_s=DAY_S))
    lines: list[dict[str, Any]] = []
    with Supervisor(plan) as running:
        for line in running.lines():
            lines.append(line)
            if set(wanted) <= {(line["from"], line["event"]) for line in lines}:
                running.stop()
    assert running.exit_code == 0, running.failure
    return lines


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(RATE_HZ * 120, np.int16), RATE_HZ)
    return path


def stats_of(folder: Path) -> list[dict[str, Any]]:
    segments = sorted((folder / "state" / "evidence").glob("*.seg"))
    lines = [json.loads(line) for path in segments for line in path.read_text().splitlines()]
    return [line for line in lines if line["k"] == "stats"]


def counts_of(record: dict[str, Any]) -> list[int]:
    return [record[name] for name in ("day", "wakes", "cand", "rej", "cancel", "eps", "spent")]


def test_by_consent_exactly_the_logged_bytes_reach_the_maker_until_the_budget_is_spent(
    tmp_path: Path, receiver: Service, maker: Maker, silence: Path
) -> None:
    config = configuration(tmp_path, receiver, url=maker.url, consent=True, budget=1.5, every_days=1)
    run(config, silence, ("gate", "stats"), ("uplink", "reported"))
    [(path, headers, body)] = maker.requests
    [record] = stats_of(tmp_path)
    fields = {"v": 1} | {name: record[name] for name in ("day", "wakes", "cand", "rej", "cancel", "eps")}
    assert body == json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    assert (len(body), path) == (record["bytes"], "/fleet")
    assert parse(body).epsilon == record["eps"] == record["spent"] == 1_000
    assert set(headers) == {"Host", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent", "Connection"}

    run(config, silence, ("gate", "stats"))  # the next would cost more than is left
    repeated, refused = stats_of(tmp_path)[1:]
    assert counts_of(repeated) == counts_of(refused) == [record["day"], 0, 0, 0, 0, 1_000, 1_000]
    assert repeated["bytes"] == refused["bytes"] == 0
    assert (maker.connections, receiver.connections) == (1, 0)
    verify(tmp_path / "state" / "evidence")


def test_without_consent_nobody_connects_and_nothing_is_counted(
    tmp_path: Path, receiver: Service, maker: Maker, silence: Path
) -> None:
    soundfile.write(silence, np.zeros(RATE_HZ * 4 * DAY_S, np.int16), RATE_HZ)
    lines = run(configuration(tmp_path, receiver, url=maker.url, every_days=1), silence, ("listen", "ended"))
    heard_s = next(line["at_s"] for line in lines if line["event"] == "ended" and line["from"] == "listen")
    assert heard_s > 3 * DAY_S
    assert [line for line in lines if line["event"] in ("stats", "reported")] == stats_of(tmp_path) == []
    assert (maker.connections, receiver.connections) == (0, 0)


def test_a_maker_that_refuses_is_not_asked_again_and_the_budget_is_spent_all_the_same(
    tmp_path: Path, receiver: Service, maker: Maker, silence: Path
) -> None:
    maker.status = 500
    config = configuration(tmp_path, receiver, url=maker.url, consent=True, every_days=1)
    [error] = [line for line in run(config, silence, ("uplink", "error")) if line["event"] == "error"]
    assert error["what"].endswith("answered HTTP 500")
    assert (maker.connections, stats_of(tmp_path)[-1]["spent"]) == (1, 1_000)
