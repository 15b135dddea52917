"""A user's way through the site, in a real browser.

Set SCREENSHOTS to a folder to keep pictures of the pages.
"""

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Album, Faults, browser, installed_browser
from tests.e2e.conftest import REFERENCE
from tests.e2e.platform_process import PlatformProcess

AGENT = "Three-Way Match Checker"
OFFLINE = "Answered by the offline model: this is the agent’s example answer, no real model was asked."
# The first call of a function starts it, on a machine that may be busy.
PATIENCE_MS = 60_000

pytestmark = pytest.mark.skipif(
    installed_browser() is None, reason="no Chromium on this machine: install `chromium` (apt, dnf, brew …)"
)


@pytest.fixture
def page(platform: PlatformProcess) -> Iterator[Page]:
    """A page of a fresh browser, for the site's address; fails the test if anything went wrong behind the scenes."""
    executable = installed_browser()
    assert executable is not None
    with browser(executable) as launched:
        context = launched.new_context(
            base_url=platform.running["site"],
            viewport={"width": 1360, "height": 900},
            reduced_motion="reduce",
            timezone_id="UTC",
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        faults = Faults(page)
        yield page
        assert faults.lines == []


@pytest.fixture
def album(page: Page) -> Album:
    """Where pictures go, if anybody wants them."""
    folder = os.environ.get("SCREENSHOTS")
    return Album(page, Path(folder) if folder else None)


def test_a_new_user_finds_runs_and_reads_back_an_agent_then_signs_out(page: Page, album: Album) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    page.goto("/")
    expect(page).to_have_url(re.compile("/login"))
    album.keep("login")

    page.get_by_role("link", name="Create one").click()
    page.get_by_label("Name").fill("Kim Larsen")
    page.get_by_label("E-mail").fill(f"{uuid.uuid4().hex}@example.org")
    page.get_by_label("Password", exact=True).fill("a long pass phrase")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("button", name="Account of Kim Larsen")).to_be_visible()
    expect(page.get_by_role("article").first).to_be_visible()
    expect(page.get_by_role("navigation", name="Groups of agents").get_by_role("link").first).to_be_visible()
    album.keep("agents")

    page.get_by_role("searchbox", name="Search agents").fill("invoice against purchase order")
    expect(page).to_have_url(re.compile(r"\?q=invoice"))
    page.get_by_role("link", name=AGENT).click()
    expect(page).to_have_url(re.compile(f"/agents/{REFERENCE}$"))

    page.get_by_role("button", name="Run", exact=True).click()
    output = page.get_by_role("region", name="Output")
    expect(output.get_by_text("Pay part")).to_be_visible()
    expect(output.get_by_text("789")).to_be_visible()
    expect(output.get_by_role("note")).to_have_text(OFFLINE)
    cost = output.get_by_text(re.compile(r"^\$0\.\d{2,4}$")).inner_text()
    assert float(cost.removeprefix("$")) > 0
    album.keep("agent")

    page.reload()
    expect(page.get_by_role("heading", name=AGENT, level=1)).to_be_visible()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Executions").click()
    row = page.get_by_role("row").nth(1)
    expect(row).to_contain_text("Succeeded")
    expect(row).to_contain_text(cost)
    album.keep("executions")
    row.get_by_role("link").click()
    expect(page.get_by_role("region", name="Output").get_by_text("Pay part")).to_be_visible()
    expect(page.get_by_role("region", name="Input").get_by_text("INV-2291")).to_be_visible()
    album.keep("execution")

    page.get_by_role("button", name="Account of Kim Larsen").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto("/executions")
    expect(page).to_have_url(re.compile("/login"))


def test_a_run_in_the_background_a_batch_and_a_conversation_come_to_their_end(
    page: Page, platform: PlatformProcess, album: Album
) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    account = platform.account("demo")
    page.goto(f"/agents/{REFERENCE}")
    page.get_by_label("E-mail").fill(account["email"])
    page.get_by_label("Password", exact=True).fill(account["password"])
    page.get_by_role("button", name="Sign in").click()

    page.get_by_role("button", name="Run in background").click()
    expect(page).to_have_url(re.compile("/executions/"))
    expect(page.get_by_role("region", name="Output").get_by_text("Pay part")).to_be_visible()
    album.keep("background")

    page.goto(f"/agents/{REFERENCE}")
    page.get_by_role("link", name="Run a batch").click()
    page.get_by_role("button", name="Begin with the agent’s example").click()
    page.get_by_role("button", name="Start the batch").click()
    expect(page.get_by_role("region", name="Progress")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("Download"))).to_be_visible()
    album.keep("batch")

    page.goto("/agents/it-service-desk/remote-access-failure-isolator")
    page.get_by_role("button", name=re.compile("conversation", re.IGNORECASE)).first.click()
    expect(page).to_have_url(re.compile("/conversations/"))
    expect(page.get_by_text("Nothing was said yet")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text(re.compile(r"\b1 turn\b")).first).to_be_visible()
    expect(page.get_by_text("Nothing was said yet")).to_be_hidden()
    album.keep("conversation")


def test_the_site_fits_a_phone(page: Page, platform: PlatformProcess, album: Album) -> None:
    account = platform.account("demo")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/agents/{REFERENCE}")
    page.get_by_label("E-mail").fill(account["email"])
    page.get_by_label("Password", exact=True).fill(account["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name=AGENT, level=1)).to_be_visible(timeout=PATIENCE_MS)
    album.keep("phone")
    for address in (f"/agents/{REFERENCE}", "/", "/executions", "/batches"):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE_MS)
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide == 0, f"{address} scrolls sideways by {too_wide} px"
