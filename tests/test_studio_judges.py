"""A judge is tested on the page, and the page says how far to trust it, in a real Chromium on a scripted model."""

import re
from collections.abc import Iterator

import pytest
from live import SOON_MS, Pages, Studio
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    live = Studio(tmp_path_factory.mktemp("studio"))
    live.start()
    yield live
    live.stop()


@pytest.fixture
def pages(browser: Browser, studio: Studio) -> Iterator[Pages]:
    opened = Pages(browser, studio)
    yield opened
    opened.close()
    assert opened.faults == []


def card(page: Page) -> Locator:
    """Open the Models tab and return the scripted model's card."""
    page.keyboard.press("Alt+3")
    found = page.locator("#models [data-model=fake]")
    expect(found).to_be_visible(timeout=SOON_MS)
    return found


def test_a_test_is_begun_stopped_and_gone_on_with_from_any_page(pages: Pages, studio: Studio) -> None:
    studio.script(judging=0.02)
    page = pages.open()
    mine = card(page)
    expect(mine).to_contain_text("As a judge: not measured")
    mine.get_by_role("button", name="Test as a judge").click()
    expect(mine.get_by_role("progressbar")).to_be_visible(timeout=SOON_MS)
    expect(mine).to_contain_text(re.compile(r"[1-9]\d* of 250 texts · about .* left"), timeout=SOON_MS)
    other = pages.open(390)
    theirs = card(other)
    stop = theirs.get_by_role("button", name="Stop")
    expect(stop).to_be_visible(timeout=SOON_MS)
    stop.focus()
    shown = theirs.locator(".pull .state").inner_text()
    expect(theirs.locator(".pull .state")).not_to_have_text(shown, timeout=SOON_MS)
    assert other.evaluate("document.activeElement.dataset.act") == "untest"  # it keeps the keyboard
    other.keyboard.press("Enter")
    go_on = mine.get_by_role("button", name="Go on")
    expect(go_on).to_be_visible(timeout=SOON_MS)
    expect(mine).to_contain_text("the test was stopped, what was read is kept")
    pages.reload(page)
    studio.script()
    card(page).get_by_role("button", name="Go on").click()
    expect(mine).to_contain_text(re.compile(r"As a judge: (some|low|no) trust · orders spoiled texts"), timeout=60_000)
    expect(page.locator(".toast-body")).to_contain_text("was tested as a judge")
    expect(mine.get_by_role("button", name=re.compile("Test|Go on|Stop"))).to_have_count(0)
