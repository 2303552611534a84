"""Only the page of this very studio, on this very machine, is let in."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from wakeword.studio.door import PAGES, SOCKET, Door
from wakeword.studio.folder import Folder, Place


@pytest.fixture
def door(folder: Folder) -> Door:
    return Door.new(folder)


def asked(door: Door, path: str, host: str = "127.0.0.1:8899", origin: str = "") -> Response | None:
    headers = Headers({"Host": host} | ({"Origin": origin} if origin else {}))
    return door.answer(Request(f"/{path}", headers))


def status(*arguments: str | Door) -> int:
    response = asked(*arguments)  # type: ignore[arg-type]
    return response.status_code if response else 101


def test_the_page_and_all_it_loads_are_there_and_may_load_from_here_alone(door: Door) -> None:
    for path in PAGES:
        response = asked(door, f"{door.token}/{path}")
        assert response
        assert response.status_code == 200
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert int(response.headers["Content-Length"]) == len(response.body)
    page = asked(door, f"{door.token}/")
    assert page
    for name in PAGES.keys() - {"", "capture.js"}:
        assert f'"{name}"'.encode() in page.body


@pytest.mark.parametrize("token", ["", "x", "studio.css", "ä"])
def test_without_the_token_there_is_nothing(door: Door, token: str) -> None:
    assert {status(door, f"{token}/{path}") for path in ("", "studio.js", SOCKET, "export/jarvis.zip")} == {404}
    assert status(door, token) == 404


def test_two_studios_have_two_tokens(folder: Folder) -> None:
    assert Door.new(folder).token != Door.new(folder).token
    assert len(Door.new(folder).token) >= 32


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8899", "127.0.0.1.evil.example", "", "[", "localhost@evil"]
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(door: Door, host: str) -> None:
    assert status(door, f"{door.token}/", host) == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8899", "localhost:9000", "[::1]:80", "localhost"])
def test_this_machine_is_let_in_also_through_a_tunnel(door: Door, host: str) -> None:
    assert status(door, f"{door.token}/", host) == 200
    assert status(door, f"{door.token}/{SOCKET}", host, f"http://{host}") == 101


def test_two_hosts_are_none(door: Door) -> None:
    headers = Headers([("Host", "127.0.0.1"), ("Host", "evil.example")])
    response = door.answer(Request(f"/{door.token}/", headers))
    assert response
    assert response.status_code == 421


@pytest.mark.parametrize(
    "origin", ["", "null", "http://evil.example", "https://127.0.0.1:8899", "http://127.0.0.1:8898"]
)
def test_a_websocket_from_another_page_is_refused(door: Door, origin: str) -> None:
    assert status(door, f"{door.token}/{SOCKET}", "127.0.0.1:8899", origin) == 403


def test_recordings_and_archives_are_served_and_nothing_beside_them(door: Door, jarvis: Place) -> None:
    path = jarvis.keep("said", np.arange(160, dtype=np.int16))
    sound = asked(door, f"{door.token}/sound/jarvis/said/0001.wav")
    assert sound
    assert sound.body == path.read_bytes()
    archive = asked(door, f"{door.token}/export/jarvis.zip")
    assert archive
    assert zipfile.ZipFile(io.BytesIO(archive.body)).namelist() == ["README.txt"]
    for bad in (
        "sound/jarvis/said/0002.wav", "sound/jarvis/said/..%2f..%2fword.json", "sound/..%2fjarvis/said/0001.wav",
        "sound/jarvis/model/0001.wav", "export/nobody.zip", "../pyproject.toml", "page.css/x",
        "sound/%00/said/0001.wav",
    ):  # fmt: skip
        assert status(door, f"{door.token}/{bad}") == 404
