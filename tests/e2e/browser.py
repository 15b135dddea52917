"""A browser for the tests, and what goes wrong in it while nobody looks."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

# Headless, from any account, and silent on the network except for what the page asks for.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
# A search that is overtaken by the next keystroke is given up: that is no failure.
GIVEN_UP = "net::ERR_ABORTED"


def installed_browser() -> str | None:
    """Path of the Chromium of this machine; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def browser(executable: str) -> Iterator[Browser]:
    """A headless Chromium that is gone afterwards."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield launched
        finally:
            launched.close()


class Faults:
    """Collects errors on the console, uncaught exceptions and requests that failed, as lines to read."""

    def __init__(self, page: Page) -> None:
        self.lines: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.lines.append(f"uncaught: {error}"))
        page.on("requestfailed", self._on_failed)
        page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.lines.append(f"console: {message.text}")

    def _on_failed(self, request: Request) -> None:
        if request.failure != GIVEN_UP:
            self.lines.append(f"failed: {request.method} {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.lines.append(f"refused: {response.request.method} {response.url}: {response.status}")


class Album:
    """Screenshots of the pages, in a folder; without a folder none are taken."""

    def __init__(self, page: Page, folder: Path | None) -> None:
        self._page = page
        self._folder = folder

    def keep(self, name: str) -> None:
        """Store what the page shows now as `<name>.png`."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._page.mouse.move(0, 0)
        self._page.wait_for_timeout(400)  # fonts and transitions
        self._page.screenshot(path=self._folder / f"{name}.png")
