"""A judge is tested on the page, and the page says how far to trust it, in a real Chromium on a scripted model."""

import re

import pytest
from judges import qualification
from live import SOON_MS, Pages, Studio, done, write
from playwright.sync_api import Locator, Page, expect

from writer_r1 import servers
from writer_r1.llm.fake import FakeLLM
from writer_r1.qualification import result_at
from writer_r1.servers import Abilities

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
    expect(mine).to_contain_text(
        re.compile(r"As a judge: (some|low|no) trust · puts the more spoiled of two texts lower"), timeout=60_000
    )
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


def test_a_server_is_added_by_its_address_and_text_leaves_only_after_that_was_said(
    pages: Pages, studio: Studio
) -> None:
    pytest.importorskip("openai", reason="models on servers need the server extra")
    from server_stand_in import StandIn

    away = servers.server_of("https://models.example.org/v1#big")
    servers.keep(away.model_copy(update={"can": Abilities(logprobs=True)}), studio.home / "models", set())
    stand_in = StandIn(FakeLLM(lambda request: "Hello."))
    stand_in.start()
    try:
        page = pages.open(390)
        card(page)
        field = page.locator("#model-path input, #model-path textarea")
        field.fill(f"{stand_in.url}#small")
        field.press("Enter")
        added = page.locator("#models [data-model^=small]")
        expect(added).to_contain_text("It can write and judge", timeout=SOON_MS)
        expect(added.get_by_role("button", name="Test connection")).to_be_visible()
    finally:
        stand_in.stop()
    hosted = page.locator("#models [data-model^=big]")
    hosted.get_by_role("button", name="Use for writing").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("all that big reads is sent to models.example.org")
    page.keyboard.press("Enter")  # the safe answer has the keyboard
    expect(dialog).to_have_count(0)
    expect(page.locator("#models .roles")).not_to_contain_text("models.example.org")
    hosted.get_by_role("button", name="Use for writing").click()
    dialog.get_by_role("button", name="Use this server").click()
    expect(page.locator("#models .roles")).to_contain_text("is sent to models.example.org", timeout=SOON_MS)
    card(page).get_by_role("button", name="Use for writing").click()  # and back
    expect(page.locator("#models .roles")).not_to_contain_text("models.example.org", timeout=SOON_MS)
