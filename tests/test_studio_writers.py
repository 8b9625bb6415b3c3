"""Two writers at one browser, one after the other."""

from collections.abc import Iterator

import pytest
from live import SOON_MS, Pages, Studio, done, eventually, write
from playwright.sync_api import Browser, Page, expect
from shared_studio import PASSWORDS, library, shared_studio

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    made = shared_studio(tmp_path_factory.mktemp("shared"))
    yield made
    made.stop()


def sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_who_signs_in_after_another_finds_nothing_of_theirs(browser: Browser, studio: Studio) -> None:
    pages = Pages(browser, studio)
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.on("console", pages._read)
    page.goto(studio.address)
    expect(page.get_by_label("Name")).to_be_focused()
    sign_in(page, "anna", "not hers")
    expect(page.get_by_role("alert")).to_contain_text("No writer has this name and this password")
    expect(page.get_by_label("Password")).to_be_focused()
    sign_in(page, "Anna", PASSWORDS["anna"])
    expect(page.locator(".masthead .who")).to_contain_text("anna", timeout=SOON_MS)
    expect(page.locator("#library .shelf")).to_be_attached(timeout=SOON_MS)
    write(page, "A fable about a proud kettle")
    done(page)
    box = page.locator("#manuscript textarea")
    box.fill("Words that only Anna may read.")  # not saved yet when she leaves
    pages.leaving = True
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Name")).to_be_visible(timeout=SOON_MS)
    eventually(lambda: [p.text for p in library(studio, "anna").pieces() if "only Anna" in p.text] != [])
    sign_in(page, "ben", PASSWORDS["ben"])
    expect(page.locator("#library .shelf")).to_be_attached(timeout=SOON_MS)
    expect(page.locator(".masthead .who")).to_contain_text("ben")
    page.wait_for_timeout(500)
    assert "kettle" not in page.content() and box.input_value() == ""
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    studio.stop()  # the session ends with the studio: an open page shows the way in, and what was typed is kept
    box.fill("Half a sentence of Ben's")
    studio.start()
    expect(page.get_by_label("Name")).to_be_visible(timeout=30_000)
    sign_in(page, "ben", PASSWORDS["ben"])
    expect(box).to_have_value("Half a sentence of Ben's", timeout=SOON_MS)
    pages.close()
    assert [fault for fault in pages.faults if "401" not in fault] == []  # how the page learns that it is signed out
