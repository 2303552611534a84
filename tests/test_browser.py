"""The browser that other tests lean on sees what it must see: requests, errors, breaches of a page's own policy."""

from __future__ import annotations

from pathlib import Path

from browser import Chromium

POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'


def written(folder: Path, head: str, body: str) -> Path:
    path = folder / "page.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{head}<body>{body}", "utf-8")
    return path


def test_a_page_that_asks_for_nothing_is_seen_to_ask_for_nothing(chromium: Chromium, tmp_path: Path) -> None:
    with chromium.open(written(tmp_path, POLICY, "<p id=here>naïve</p>")) as opened:
        assert opened.text("#here") == "naïve"
        assert (opened.requests, opened.errors) == ([], [])


def test_every_address_that_a_page_asks_for_is_written_down_and_refused(chromium: Chromium, tmp_path: Path) -> None:
    body = "<img src='http://a.invalid/a.png'><script>fetch('https://a.invalid/b').catch(() => window.x = 1)"
    with chromium.open(written(tmp_path, "", body + "</script>")) as opened:
        opened.wait("window.x === 1")
        assert sorted(opened.requests) == ["http://a.invalid/a.png", "https://a.invalid/b"]


def test_a_file_beside_the_page_counts_as_a_request(chromium: Chromium, tmp_path: Path) -> None:
    (tmp_path / "other.js").write_text("window.loaded = 1")
    with chromium.open(written(tmp_path, "", "<script src=other.js></script>")) as opened:
        assert opened.requests == [(tmp_path / "other.js").as_uri()]
        assert opened.run("window.loaded") is None


def test_a_breach_of_the_pages_policy_and_an_exception_are_errors(chromium: Chromium, tmp_path: Path) -> None:
    with chromium.open(written(tmp_path, POLICY, "<script>window.x = 1</script>")) as opened:
        assert "Content Security Policy" in opened.errors[0]
    with chromium.open(written(tmp_path, "", "<script>nothing.here</script>")) as opened:
        assert "nothing is not defined" in opened.errors[0]
