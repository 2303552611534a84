"""`wakeword studio` from outside: what it prints, whom it serves, how it ends."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import pytest
import studio_bed as bed

from wakeword.cli import main


def test_the_address_that_it_prints_is_served_and_no_other(tmp_path: Path) -> None:
    with bed.studio(tmp_path / "kept") as url:
        assert url.startswith("http://127.0.0.1:")
        assert b"wakeword studio" in urllib.request.urlopen(url).read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(url.rsplit("/", 2)[0] + "/")
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url)


def test_the_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    with bed.studio(tmp_path / "kept"):
        assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


def test_what_cannot_be_is_an_error_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["studio", "--port", "70000"]) == 2
    assert main(["studio", "--folder", str(tmp_path / "file")]) == 2
    assert main(["studio", "--folder", str(tmp_path / "kept"), "--train", "'"]) == 2
    told = capsys.readouterr().err
    assert "--port: 0 to 65535" in told
    assert "(--folder DIR)" in told
    assert "--train: No closing quotation" in told
