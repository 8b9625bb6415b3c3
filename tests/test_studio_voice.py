"""A voice and a tone on the page: a sample of one's own, and the words in the brief's last line."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from live import SOON_MS, Pages, Studio, done, eventually, write
from playwright.sync_api import Browser, Page, expect
from scripted import FIRST

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BRIEF = "A farewell from a lighthouse keeper to the sea, 60 to 90 words."
OWN = "I walked home, and it rained all night. Nobody was on the road. </textarea><script>fail()</script> " * 8


@pytest.fixture
def pages(browser: Browser, studio: Studio) -> Iterator[Pages]:
    studio.script(texts=[FIRST * 2])
    opened = Pages(browser, studio)
    yield opened
    opened.close()
    assert opened.faults == []


def give_sample(page: Page, sample: str) -> None:
    page.locator("#criteria button[data-dialog=voice]").click()
    page.get_by_role("dialog").locator("textarea").fill(sample)
    page.get_by_role("dialog").get_by_role("button", name="Use it").click()


def test_w11_a_sample_of_ones_own_is_kept_asked_for_and_measured(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    page.locator("#brief textarea").fill(BRIEF)
    give_sample(page, "Too little.")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("from 80 words on", timeout=SOON_MS)
    assert page.get_by_role("dialog").locator("textarea").input_value() == "Too little."
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    give_sample(page, OWN)
    row = page.locator("#criteria .criterion", has_text="Your voice")
    expect(row).to_have_count(1, timeout=SOON_MS)
    write(page, BRIEF)
    done(page)
    expect(row.get_by_role("img", name="Your voice: ")).to_be_visible(timeout=SOON_MS)
    run = studio.store.trajectory(page.locator("#phase .phase").get_attribute("data-run") or "")
    assert run.rubric is not None
    (spoken,) = [c for c in run.rubric.criteria if c.check and c.check.type == "voice"]
    assert spoken.check is not None and spoken.check.value == OWN.strip()
    pages.reload(page)
    page.locator("#criteria button[data-dialog=voice]").click()
    assert page.get_by_role("dialog").locator("textarea").input_value() == OWN.strip()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_tone_is_a_word_in_the_briefs_last_line(pages: Pages, studio: Studio, scheme: str) -> None:
    page = pages.open(color_scheme=scheme)
    page.locator("#library .new").click()
    expect(page.locator("#brief textarea")).to_have_value("", timeout=SOON_MS)
    brief, dry, warm = (
        page.locator("#brief textarea"),
        page.locator("[data-tone=dry]"),
        page.locator("[data-tone=warm]"),
    )
    expect(dry).to_be_hidden()  # nothing is asked for yet: the examples stand there
    brief.fill(BRIEF)
    dry.click()
    warm.click()
    # The answer to "New piece" may come between, and what was typed before it is put back a moment later.
    expect(brief).to_have_value(f"{BRIEF}\nTone: dry, warm.", timeout=SOON_MS)
    expect(warm).to_have_attribute("aria-pressed", "true")
    found = Axe().run(page, context="#paper, #tones, #brief").response["violations"]
    assert [v for v in found if v["impact"] in ("serious", "critical")] == []
    dry.press("Enter")
    assert brief.input_value() == f"{BRIEF}\nTone: warm."
    brief.fill(f"{BRIEF}\nTone: dry.")  # by hand
    expect(dry).to_have_attribute("aria-pressed", "true")
    expect(warm).to_have_attribute("aria-pressed", "false")
    eventually(lambda: (piece := studio.store.pieces(1)) and piece[0].brief.endswith("Tone: dry."))
    pages.reload(page)
    expect(dry).to_have_attribute("aria-pressed", "true", timeout=SOON_MS)
    dry.click()
    assert brief.input_value() == BRIEF
