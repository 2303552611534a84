"""A real browser for pages that must work without a network: headless Chromium, which notes all that a page asks for.

Used through the fixture `chromium`. A page is opened from a file or from a server of ours, every other address is
refused and written down, and so is every error that the page's own console shows, a breach of its
Content-Security-Policy among them. A microphone is Chromium's own false device, which plays a WAV file.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required"
).split()
OWN = ("data:", "blob:", "about:")  # what never leaves the page
PATIENCE_MS = 60_000  # for a condition to become true on a busy machine; nothing is timed


@dataclass
class Opened:
    """A page that has loaded."""

    page: Any  # playwright's Page
    requests: list[str] = field(default_factory=list)  # addresses asked for, the page's own file left out
    errors: list[str] = field(default_factory=list)  # console errors and exceptions

    def run(self, script: str, argument: object = None) -> Any:
        """The value of a JavaScript expression or function in the page."""
        return self.page.evaluate(script, argument)

    def wait(self, script: str, argument: object = None) -> None:
        """Until the JavaScript expression is true. Asked from outside: a page's policy may forbid `eval` inside."""
        until = time.monotonic() + PATIENCE_MS / 1000
        while not self.run(script, argument):
            assert time.monotonic() < until, f"never true: {script}"
            self.page.wait_for_timeout(20)

    def text(self, selector: str) -> str:
        """The visible text of the one element that the selector finds."""
        return str(self.page.locator(selector).inner_text())


class Chromium:
    """One browser; each page in a profile of its own."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    @contextmanager
    def open(self, path: Path, *, width: int = 1200, height: int = 900, dark: bool = False) -> Iterator[Opened]:
        """Open a file as a page and wait until it has loaded."""
        address = path.resolve().as_uri()
        with self._opened(address, lambda asked: asked.split("#")[0] == address, width, height, dark=dark) as opened:
            yield opened

    @contextmanager
    def visit(
        self, address: str, *, microphone: bool = False, width: int = 1000, height: int = 900
    ) -> Iterator[Opened]:  # fmt: skip
        """A page of a server, which may load from below its own address; perhaps with leave to use a microphone."""
        with self._opened(
            address, lambda asked: asked.startswith(address), width, height, microphone=microphone
        ) as page:
            yield page

    @contextmanager
    def _opened(
        self, address: str, own: Callable[[str], bool], width: int, height: int, *,
        dark: bool = False, microphone: bool = False,
    ) -> Iterator[Opened]:  # fmt: skip
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light",
            permissions=["microphone"] if microphone else [], accept_downloads=True,
        )  # fmt: skip
        try:
            opened = Opened(context.new_page())

            def decide(route: Any) -> None:
                asked = route.request.url
                if own(asked) or asked.startswith(OWN):
                    route.continue_()
                    return
                opened.requests.append(asked)
                route.abort()

            context.route("**/*", decide)
            opened.page.on("console", lambda said: said.type == "error" and opened.errors.append(said.text))
            opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
            opened.page.set_default_timeout(PATIENCE_MS)
            opened.page.goto(address, timeout=PATIENCE_MS)
            yield opened
        finally:
            context.close()


@contextmanager
def started(sound: Path | None = None) -> Iterator[Chromium]:
    """A running browser; its microphone plays `sound`, anew each time it is opened. Skips where there is no browser."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("no Chromium: apt install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright (the extra `dev`)")
    with playwright.sync_playwright() as driver:
        false = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={sound}%noloop"]
        arguments = [*ARGUMENTS, *(false if sound else [])]
        browser = driver.chromium.launch(executable_path=executable, args=arguments)
        try:
            yield Chromium(browser)
        finally:
            browser.close()
