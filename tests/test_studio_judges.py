"""A judge is tested on the page, and the page says how far to trust it, in a real Chromium on a scripted model."""

import re

import pytest
from judges import qualification
from live import SOON_MS, Pages, Studio, done, write
from playwright.sync_api import Locator, Page, expect

from writer_r1.qualification import result_at

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def card(page: Page) -> Locator:
    """Open the Models tab and return the scripted model's card."""
    page.keyboard.press("Alt+4")
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
    expect(mine).to_contain_text(re.compile(r"[1-9]\d* of 136 texts · about .* left"), timeout=SOON_MS)
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


def test_trust_stands_beside_every_overall_score_and_the_settings_say_what_it_means(
    pages: Pages, studio: Studio
) -> None:
    studio.script()
    path = result_at("fake", studio.home)
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    page = pages.open()
    write(page, "A farewell from a lighthouse keeper to the sea.")
    done(page)
    expect(page.locator("#criteria .overall")).to_contain_text("a guide, not a verdict · trust not measured yet")
    path.write_text(qualification().model_dump_json())
    page.evaluate("document.querySelector('[data-act=new]').click()")
    expect(page.locator("#brief textarea")).to_have_value("", timeout=SOON_MS)
    page.wait_for_timeout(400)
    write(page, "A letter from a lighthouse keeper to his sister.", rounds=1)
    done(page)
    for place in ("#criteria .overall", "#rounds .legend .whole", "#rounds .round-card .facts"):
        expect(page.locator(place).first).to_contain_text("a guide, not a verdict · some trust")
    said = page.locator("#criteria .overall .trust")
    expect(said).to_have_attribute("title", re.compile("The judge sees at least nine in ten faults"))
    page.keyboard.press("Alt+2")
    expect(page.locator("#comparison .trust").first).to_be_visible(timeout=SOON_MS)
    page.keyboard.press("Alt+5")
    section = page.locator("#trust")
    expect(section).to_contain_text("A scripted model judges, with some trust.", timeout=SOON_MS)
    expect(section.get_by_role("row", name=re.compile("Names exchanged"))).to_contain_text("69 to 85")
    section.locator("summary").click()
    expect(section).to_contain_text("tells spoiled texts from sound ones hardly better than chance")


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_a_judge_fit_the_window_and_axe_finds_nothing_serious(
    pages: Pages, studio: Studio, width: int, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    path = result_at("fake", studio.home)
    path.parent.mkdir(exist_ok=True)
    path.write_text(qualification().model_dump_json())
    page = pages.open(width, color_scheme=scheme)
    for key, place in (("4", "#models [data-model=fake]"), ("5", "#trust table")):
        page.keyboard.press(f"Alt+{key}")
        expect(page.locator(place).first).to_be_visible(timeout=SOON_MS)
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page).response["violations"]
        grave = [
            (v["id"], [n["html"][:160] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")
        ]
        assert grave == [], grave
