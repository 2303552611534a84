"""The site of plain files: complete, no link that leads nowhere, nothing asked of anyone, no error in a browser."""

from __future__ import annotations

import importlib.util
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import started

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "scripts" / "site"
NEEDED = [name for name in ("sphinx", "furo", "myst_parser") if importlib.util.find_spec(name) is None]
LOADED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "audio": "src"}

needs_sphinx = pytest.mark.skipif(bool(NEEDED), reason=f"not installed: {', '.join(NEEDED)}: pip install '.[site]'")


class Page(HTMLParser):
    """What a page links to, what it loads, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.anchors.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED and LOADED[tag] in given and given.get("rel", "stylesheet") in ("stylesheet", "icon"):
            self.loads.append(given[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    ended = subprocess.run([sys.executable, str(SCRIPT), str(out)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html") if "_downloads" not in path.parts}


def test_every_document_has_its_place() -> None:
    script = runpy.run_path(str(SCRIPT))
    places = [place for places in script["CONTENTS"].values() for place in places]
    assert sorted(places) == sorted({str(path.with_suffix("")) for path in script["documents"]()} - {"README"})


@needs_sphinx
def test_the_pages_are_there(pages: dict[Path, Page], site: Path) -> None:
    names = {str(path.relative_to(site)) for path in pages}
    assert {"index.html", "docs/api.html", "docs/comparison.html", "docs/audit-log.html", "CHANGELOG.html"} <= names


@needs_sphinx
def test_no_link_leads_nowhere(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            found = pages.get(target)
            if not target.is_file() or (parts.fragment and found and parts.fragment not in found.anchors):
                broken.append((path.name, link))
    assert broken == []
    assert sum(len(page.links) for page in pages.values()) > 500


@needs_sphinx
def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Page]) -> None:
    loads = [(path, load) for path, page in pages.items() for load in page.loads if not load.startswith("data:")]
    assert [load for _, load in loads if urlsplit(load).scheme or load.startswith("//")] == []
    assert [load for path, load in loads if not (path.parent / unquote(urlsplit(load).path)).is_file()] == []


@needs_sphinx
def test_every_page_opens_without_an_error_or_a_request(pages: dict[Path, Page], site: Path) -> None:
    with started() as chromium, chromium.visit(site.as_uri() + "/") as opened:
        for path in sorted(pages):
            opened.page.goto(path.as_uri())
            assert "wakeword" in opened.page.title(), path
        assert opened.errors == []
        assert opened.requests == []


def test_a_folder_of_something_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    ended = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "no site of ours" in ended.stderr
    assert (tmp_path / "mine").read_text() == "x"
