"""Work on a passage in a real Chromium on a live studio: marked, said three ways, chosen, gone on from, protected."""

import example_run as example
import pytest
from live import SOON_MS, Pages, Studio, eventually
from playwright.sync_api import Locator, Page, expect
from test_studio_keyboard import tab_to
from test_studio_proposals import MINE, library, review, written

from writer_r1.events import Chosen, Marked
from writer_r1.store import Piece

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

OLD = "the drawer which sticks"
WAYS = ["a drawer that never shuts", "plain pine, swollen with damp", "one drawer, stuck since March"]


def mark(page: Page, words: str) -> None:
    """Mark these words in the manuscript, as a hand on the keyboard or the mouse does."""
    page.locator("#manuscript textarea").evaluate(
        """(box, words) => { const at = box.value.indexOf(words);
           box.focus(); box.setSelectionRange(at, at + words.length); }""",
        words,
    )


def others(page: Page, studio: Studio, texts: list[str], words: str = OLD, **told: object) -> Locator:
    """Mark words, ask for other ways, and return the cards once all are there."""
    studio.script(texts=texts, **told)
    button = page.get_by_role("button", name="Three other ways")
    for _ in range(5):  # a page that takes up with a studio again loads its text, and the mark goes
        mark(page, words)
        page.wait_for_timeout(300)
        if button.is_enabled():
            break
        page.locator("#manuscript textarea").click()
    button.click()
    cards = page.locator("#passage .other")
    expect(cards).to_have_count(4, timeout=SOON_MS)
    return cards


def ready(page: Page) -> None:
    expect(page.locator("#passage .state")).to_have_text("Ready to choose from", timeout=SOON_MS)


def unchanged(pages: Pages, piece: Piece) -> bool:
    now = library(pages, piece)
    return now._replace(updated=piece.updated) == piece


def events(studio: Studio, piece: Piece) -> list[object]:
    run = studio.store.passage_run(piece.id)
    assert run
    return [event for _, event in studio.store.events(run.id)]


def test_a_marked_passage_gets_three_other_ways_beside_it_and_the_chosen_one_stands_in_its_place_until_undone(
    pages: Pages, studio: Studio
) -> None:
    with written(pages) as (page, piece):
        cards = others(page, studio, WAYS)
        ready(page)
        expect(cards.first.locator("h3")).to_have_text("As it stands")
        expect(cards.first.locator(".text b")).to_have_text(OLD)
        for n, way in enumerate(WAYS, 1):
            expect(cards.nth(n).locator(".text b")).to_have_text(way)
            expect(cards.nth(n).locator(".rows .change")).to_have_count(cards.nth(n).locator(".rows .bar").count())
        assert cards.first.locator(".rows .bar").count() > 2 and cards.first.locator(".change").count() == 0
        expect(cards.nth(1).locator(".guide")).to_contain_text("a guide, not a verdict")
        assert unchanged(pages, piece)  # nothing was put anywhere
        assert [run.id for run in studio.store.runs_of(piece.id)] == [f"run-{piece.id}"]  # it is no session
        expect(page.locator("#rounds .round-card")).to_have_count(3)
        box = page.locator("#manuscript textarea")
        box.press("Control+Home")
        page.keyboard.type("Dear all. ")  # the manuscript goes on meanwhile
        tab_to(page, cards.nth(2).locator("[data-do=use]"))
        page.keyboard.press("Enter")
        wanted = "Dear all. " + MINE.replace(OLD, WAYS[1])
        expect(box).to_have_value(wanted, timeout=SOON_MS)
        expect(page.locator("#passage .other")).to_have_count(0)
        assert library(pages, piece).text == wanted
        newest, before = studio.store.versions(piece.id)[:2]
        assert newest.why == f"“{OLD}” said another way" and before.text == "Dear all. " + MINE
        assert box.evaluate("b => b.value.slice(b.selectionStart, b.selectionEnd)") == WAYS[1]
        page.keyboard.press("Alt+z")
        expect(box).to_have_value("Dear all. " + MINE, timeout=SOON_MS)
        assert library(pages, piece).text == "Dear all. " + MINE
        pages.reload(page)
        page.wait_for_timeout(1000)
        expect(page.locator("#passage .other")).to_have_count(0)  # it was chosen: it does not come again


def test_none_of_them_leaves_every_byte_and_no_version(pages: Pages, studio: Studio) -> None:
    with written(pages) as (page, piece):
        others(page, studio, [WAYS[0], OLD.upper(), OLD, WAYS[1]])
        ready(page)
        expect(page.locator("#passage .fault")).to_contain_text("copied instead of written anew")
        expect(page.locator("#passage [data-do=use]")).to_have_count(2)  # what only says the same again is none
        page.get_by_role("button", name="None of these").click()
        expect(page.locator("#passage .other")).to_have_count(0)
        page.wait_for_timeout(3500)  # the page's own save, had it anything to save
        assert unchanged(pages, piece) and len(studio.store.versions(piece.id)) == 1
        assert events(studio, piece)[-1] == Chosen(attempt=None)


def test_words_that_are_gone_or_protected_by_now_are_refused_in_a_sentence(pages: Pages, studio: Studio) -> None:
    with written(pages) as (page, piece):
        others(page, studio, WAYS)
        ready(page)
        box = page.locator("#manuscript textarea")
        box.fill(MINE.replace(OLD, "the cupboard"))
        page.locator("#passage [data-do=use]").first.click()
        expect(page.locator("#passage > * .refusal")).to_contain_text(
            "do not stand in your manuscript", timeout=SOON_MS
        )
        expect(box).to_have_value(MINE.replace(OLD, "the cupboard"))
        box.fill(MINE)
        mark(page, OLD)
        page.get_by_role("button", name="Protect", exact=True).click()
        expect(page.locator("#marking .protections")).to_contain_text("1 protected passage", timeout=SOON_MS)
        page.locator("#passage [data-do=use]").first.click()
        expect(page.locator("#passage > * .refusal")).to_contain_text("a passage that you protected", timeout=SOON_MS)
        expect(box).to_have_value(MINE)
        page.locator("[data-do=unprotect]").click()
        expect(page.locator("#marking .protections li")).to_have_count(0, timeout=SOON_MS)
        page.locator("#passage [data-do=use]").first.click()
        expect(box).to_have_value(MINE.replace(OLD, WAYS[0]), timeout=SOON_MS)
        assert library(pages, piece).text == MINE.replace(OLD, WAYS[0])


def test_a_text_goes_on_from_the_caret_in_the_wanted_direction(pages: Pages, studio: Studio) -> None:
    on = "It was plain work, and she did it."
    with written(pages) as (page, piece):
        studio.script(texts=[f" {on}\n\nMore that is cut.", " Nothing came of it.", " He waited."])
        box = page.locator("#manuscript textarea")
        at = MINE.index("\n\n", 30)
        box.evaluate("(box, at) => { box.focus(); box.setSelectionRange(at, at); }", at)
        page.keyboard.press("Alt+c")
        field = page.get_by_label("In what direction?")
        expect(field).to_be_focused()
        page.keyboard.type("She goes down to the harbour")
        page.keyboard.press("Enter")
        expect(page.locator("#passage .other")).to_have_count(4, timeout=SOON_MS)
        ready(page)
        assert [e.direction for e in events(studio, piece) if isinstance(e, Marked)] == ["She goes down to the harbour"]
        page.locator("#passage [data-do=use]").first.click()
        wanted = f"{MINE[:at]} {on}{MINE[at:]}"
        expect(box).to_have_value(wanted, timeout=SOON_MS)
        assert library(pages, piece).text == wanted
        page.locator("#undo [data-act=undo]").click()
        expect(box).to_have_value(MINE, timeout=SOON_MS)


def test_a_protected_sentence_stays_when_a_round_is_reviewed_or_taken_over_whole(pages: Pages, studio: Studio) -> None:
    with written(pages) as (page, piece):
        mark(page, OLD)
        page.keyboard.press("Alt+p")
        expect(page.locator("#marking .protections")).to_contain_text(OLD, timeout=SOON_MS)
        pages.reload(page)
        expect(page.locator("#marking .protections")).to_contain_text(OLD, timeout=SOON_MS)
        changes = review(page)
        expect(changes).to_have_count(3)
        expect(changes.first).to_have_class("proposal protected")
        changes.first.click()
        expect(page.locator("#proposals .asked-by")).to_contain_text("a passage that you protected")
        expect(page.locator("#proposals [data-do=accept]")).to_be_disabled()
        page.keyboard.press("a")
        expect(page.locator("#announce")).to_contain_text("not put into your manuscript")
        page.locator("[data-do=accept-all]").click()
        page.locator("[data-do=put]").click()
        expect(page.locator("#proposals p.done")).to_contain_text("1 change left out", timeout=SOON_MS)
        wanted = example.SECOND.replace("the drawer that sticks", OLD)
        assert library(pages, piece).text == wanted
        page.locator("#proposals [data-do=close]").click()
        page.locator("#rounds .use[data-attempt='2']").click()
        expect(page.locator("#undo .note")).to_contain_text("without 1 change that touches what you protected")
        assert library(pages, piece).text == wanted


def test_what_is_written_for_a_passage_outlives_a_reload_a_stop_and_a_killed_studio(
    pages: Pages, studio: Studio
) -> None:
    with written(pages) as (page, piece):
        cards = others(page, studio, [WAYS[0], *[w * 40 for w in WAYS[1:]]], delay=0.15)
        expect(cards.nth(1).locator("[data-do=use]")).to_be_visible(timeout=SOON_MS)
        pages.reload(page)
        expect(cards.nth(1).locator(".text b")).to_have_text(WAYS[0], timeout=SOON_MS)
        expect(page.locator("#passage .state.busy")).to_contain_text("Writing text")
        pages.leaving = True
        studio.kill()
        studio.start()
        eventually(lambda: page.locator("#passage .state").count() and page.locator("#gone").is_hidden(), 40)
        expect(page.locator("#passage .state")).to_contain_text("Interrupted", timeout=SOON_MS)
        pages.leaving = False
        pages.faults[:] = [
            f for f in pages.faults if "network error" not in f and "Failed to fetch" not in f
        ]  # of a look that was on its way
        expect(cards.nth(1).locator(".text b")).to_have_text(WAYS[0])
        others(page, studio, [WAYS[1], *[w * 8 for w in WAYS[1:]]], delay=0.1)  # the next mark takes its place
        expect(cards.nth(1).locator(".text b")).to_have_text(WAYS[1], timeout=SOON_MS)
        page.locator("#passage [data-do=stop]").click()
        expect(page.locator("#passage .state")).to_contain_text("Stopped by you", timeout=SOON_MS)
        studio.script()
        cards.nth(1).locator("[data-do=use]").click()
        expect(page.locator("#manuscript textarea")).to_have_value(MINE.replace(OLD, WAYS[1]), timeout=SOON_MS)
        assert library(pages, piece).text == MINE.replace(OLD, WAYS[1])


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_the_toolbar_and_the_texts_are_reached_by_keyboard_fit_the_window_and_can_be_read_by_everyone(
    pages: Pages, studio: Studio, width: int, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    long = "\n\n".join([MINE] * 4)
    with written(pages, long, width, color_scheme=scheme) as (page, _):
        box = page.locator("#manuscript textarea")
        bar = page.locator("#marking .marking")
        expect(bar).to_have_attribute("data-at", "")
        box.evaluate("box => { box.focus({preventScroll: true}); box.setSelectionRange(4, 30); box.scrollTop = 0; }")
        page.evaluate("scrollTo(0, document.querySelector('#manuscript').getBoundingClientRect().top + scrollY - 80)")
        expect(bar).to_have_attribute("data-at", "bottom")  # away from what is marked
        page.keyboard.press("ArrowLeft")
        page.keyboard.type("x")
        expect(bar).to_have_attribute("data-at", "")  # nothing lies over what is typed
        mark(page, "The wick wants trimming at four")
        expect(page.get_by_role("button", name="Protect", exact=True)).to_be_enabled()
        tab_to(page, page.get_by_role("button", name="Protect", exact=True), most=8)
        page.keyboard.press("Enter")
        expect(page.locator("#marking .protections li")).to_have_count(1, timeout=SOON_MS)
        mark(page, long[60:110])
        studio.script(texts=[f"{w}." for w in WAYS])
        page.keyboard.press("Alt+w")
        expect(page.locator("#passage .other")).to_have_count(4, timeout=SOON_MS)
        ready(page)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        small = """buttons => buttons.map((b) => [b.textContent, b.getBoundingClientRect()])
          .filter(([, box]) => box.height && (box.height < 32 || box.width < 32)).map(([name]) => name)"""
        assert page.locator("#passage button, #marking button").evaluate_all(small) == []
        for part in ("#passage", "#marking"):
            found = Axe().run(page, context=part).response["violations"]
            assert [
                (v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")
            ] == []
