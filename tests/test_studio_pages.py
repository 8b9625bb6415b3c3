"""The page in a real Chromium on a live studio with a scripted model: every state, and that nothing typed is lost."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from live import SOON_MS, Pages, Studio, done, eventually, write
from playwright.sync_api import Browser, Route, expect
from scripted import ENDLESS, FIRST, revision

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BRIEF = "A farewell from a lighthouse keeper to the sea."  # no length, so that a slow draft does not end by itself
HOSTILE = (
    "</textarea><script>document.title='owned'</script> ![x](http://evil.example/x.png) "
    "<img src=x onerror=alert(1)> {{value}} ${1+1}"
)


@pytest.fixture
def pages(browser: Browser, studio: Studio) -> Iterator[Pages]:
    studio.script(texts=[FIRST, revision("plainer"), revision("plain plain plain")])
    opened = Pages(browser, studio)
    yield opened
    opened.close()
    assert opened.faults == []


def new(page) -> None:  # type: ignore[no-untyped-def]
    """Begin a piece of its own."""
    page.evaluate("document.querySelector('[data-act=new]').click()")
    expect(page.locator("#brief textarea")).to_have_value("", timeout=SOON_MS)
    page.wait_for_timeout(400)


def test_first_run_says_what_to_do_and_an_empty_brief_is_answered_in_one_sentence(pages: Pages) -> None:
    page = pages.open()
    expect(page.locator("#criteria")).to_contain_text("Criteria appear when you start")
    expect(page.locator("#sheet")).to_contain_text("Your draft will appear here")
    expect(page.locator("#stop")).to_be_disabled()
    page.locator("#start").click()
    expect(page.locator("#trouble")).to_contain_text("Say in a sentence what the piece should do", timeout=SOON_MS)


def test_w3_without_a_model_the_page_says_what_to_do_where_and_keeps_the_brief(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    live = Studio(tmp_path, tmp_path / "none")
    live.start()
    pages = Pages(browser, live)
    page = pages.open()
    expect(page.locator("#welcome")).to_contain_text("None is on this machine yet")
    write(page, BRIEF)
    expect(page.locator("#trouble")).to_contain_text("press Download on the Models page", timeout=SOON_MS)
    page.wait_for_timeout(1500)  # the sidebar has told of the new piece by then
    expect(page.locator("#trouble")).to_contain_text("press Download on the Models page")
    expect(page.locator("#brief textarea")).to_have_value(BRIEF)
    page.locator("#welcome").get_by_role("button", name="Go to Models").click()
    expect(page.locator(".models").get_by_role("button", name="Download").first).to_be_visible(timeout=SOON_MS)
    pages.close()
    live.stop()
    assert pages.faults == []


def test_a_thought_in_one_go_is_a_folded_timeline_with_scores_and_no_tag_is_seen(pages: Pages, studio: Studio) -> None:
    studio.script(texts=[FIRST], delay=0.03)
    page = pages.open()
    new(page)
    page.get_by_label("Think in one go").check()
    write(page, BRIEF)
    thought = page.locator("#rounds .thought details[data-key=thought]")
    summary = thought.locator("> summary")
    expect(summary).to_contain_text(re.compile(r"The thought so far: \d+ words"), timeout=SOON_MS)
    expect(thought.locator("ol")).to_be_hidden()
    summary.press("Enter")
    expect(thought.locator("h4")).to_have_text(["Plan", "Draft"])
    expect(page.locator("#phase")).to_contain_text("Drafting", timeout=SOON_MS)
    expect(page.locator("#sheet")).to_contain_text("I have kept your lamp", timeout=SOON_MS)
    expect(thought.locator("h4")).to_have_text(["Plan", "Draft", "Reflection 1"], timeout=SOON_MS)
    expect(summary).to_be_focused()
    done(page)
    expect(page.locator("#phase")).to_contain_text("thought to the end")
    expect(summary).to_contain_text(re.compile(r"1 reflection, \d+ tokens · (1|none) of 1 helped"))
    expect(thought.locator("ol")).to_be_visible()
    expect(thought.locator("h4")).to_have_text(["Plan", "Draft", "Reflection 1"])
    expect(thought).to_contain_text("I want the stairs plainer")
    expect(thought.locator(".score b")).to_have_text([re.compile(r"\d\.\d")] * 3)
    expect(thought.locator("details ins, details p[data-side]").first).to_be_hidden()
    thought.get_by_text("What it changed").press("Enter")
    expect(thought.locator("details")).to_contain_text("plain, plain wood")
    thought.get_by_role("button", name="Go to Round 1").press("Enter")
    expect(page.locator("#rounds .round-card[data-attempt='2']")).to_be_focused()
    assert not re.search(r"</?(?:think|plan|draft|reflection|revision)", page.locator("body").inner_text())
    pages.reload(page)
    expect(page.locator("#rounds .thought summary").first).to_contain_text("1 reflection", timeout=SOON_MS)
    page.get_by_label("Think in one go").uncheck()


def test_a_run_goes_from_brief_to_rounds_and_a_round_enters_the_manuscript_only_when_asked(pages: Pages) -> None:
    page = pages.open()
    new(page)
    write(page, BRIEF, rounds=1)
    done(page)
    expect(page.locator("#rounds")).to_contain_text("First draft")
    manuscript = page.locator("#manuscript textarea")
    expect(manuscript).to_have_value("")
    page.locator("#rounds [data-act=use]").first.click()
    expect(manuscript).to_have_value(re.compile("thirty winters"), timeout=SOON_MS)
    pages.reload(page)
    expect(manuscript).to_have_value(re.compile("thirty winters"), timeout=SOON_MS)


def test_typing_during_a_run_loses_no_character(pages: Pages, studio: Studio) -> None:
    """Acceptance 4 of the page's design."""
    page = pages.open()
    new(page)
    studio.script(texts=[ENDLESS], delay=0.02)
    write(page, BRIEF)
    expect(page.locator("#sheet .text.writing")).to_be_visible(timeout=SOON_MS)
    box = page.locator("#manuscript textarea")
    said = "It was a cold spring and nobody came down to the water. " * 4
    box.press_sequentially(said, delay=5)
    expect(box).to_have_value(said)
    page.keyboard.press("Escape")
    expect(page.locator("#phase")).to_contain_text("Stopped by you", timeout=SOON_MS)
    expect(box).to_have_value(said)
    eventually(lambda: any(p.text == said for p in studio.store.pieces()))


def test_closing_the_page_leaves_the_run_going_and_a_new_page_finds_it(pages: Pages, studio: Studio) -> None:
    """Acceptance 1 of the page's design."""
    page = pages.open()
    new(page)
    studio.script(texts=[ENDLESS], delay=0.05)  # for a minute and a half: pages are opened slowly on a busy machine
    write(page, BRIEF)
    expect(page.locator("#sheet .text.writing")).to_be_visible(timeout=60_000)
    before = page.locator("#sheet .text").inner_text()
    pages.leaving = True
    page.context.close()
    page = pages.open()
    expect(page.locator("#phase .phase.busy")).to_be_visible(timeout=SOON_MS)
    page.wait_for_function(
        "n => (document.querySelector('#sheet .text')?.innerText.length ?? 0) > n", arg=len(before), timeout=SOON_MS
    )
    assert page.locator("#sheet .text").inner_text().startswith(before.rstrip()[:200])
    page.locator("#stop").click()
    expect(page.locator("#phase")).to_contain_text("Stopped by you", timeout=SOON_MS)


def test_w2_two_tabs_on_one_piece_the_stale_one_gets_a_choice_and_both_texts_live(pages: Pages, studio: Studio) -> None:
    """Acceptance 7 of the page's design."""
    first = pages.open()
    new(first)
    first.locator("#brief textarea").fill("Two tabs on one piece.")
    first.locator("#manuscript textarea").fill("Common ground.")
    expect(first.locator("#saved .state")).to_have_text("Saved", timeout=SOON_MS)
    piece = re.search(r"piece=([\w-]+)", first.url)
    assert piece
    second = pages.tab(first.context.new_page(), f"?piece={piece[1]}")
    expect(second.locator("#manuscript textarea")).to_have_value("Common ground.", timeout=SOON_MS)
    second.wait_for_timeout(500)
    second.locator("#manuscript textarea").fill("Common ground. Said in the second.")
    expect(second.locator("#saved .state")).to_have_text("Saved", timeout=SOON_MS)
    eventually(lambda: studio.store.piece(piece[1]).text.endswith("second."))  # type: ignore[union-attr]
    first.locator("#manuscript textarea").fill("Common ground. Said in the first.")
    dialog = first.locator("dialog.choice")
    expect(dialog).to_contain_text("Said in the second.", timeout=SOON_MS)
    expect(dialog).to_contain_text("Said in the first.")
    assert studio.store.piece(piece[1]).text.endswith("second.")  # type: ignore[union-attr]
    dialog.get_by_role("button", name="Keep what I typed here").click()
    eventually(lambda: studio.store.piece(piece[1]).text.endswith("first."))  # type: ignore[union-attr]
    assert any(v.text.endswith("second.") for v in studio.store.versions(piece[1]))


def test_the_other_choice_keeps_my_text_as_a_piece_of_its_own(pages: Pages, studio: Studio) -> None:
    """Acceptance 7 of the page's design."""
    page = pages.open()
    new(page)
    page.locator("#manuscript textarea").fill("Mine, begun.")
    expect(page.locator("#saved .state")).to_have_text("Saved", timeout=SOON_MS)
    piece = re.search(r"piece=([\w-]+)", page.url)
    assert piece
    there = studio.store.piece(piece[1])
    assert there
    studio.store.save_piece(there.id, there.brief, "Theirs, meanwhile.", there.revision)
    page.locator("#manuscript textarea").fill("Mine, gone on.")
    page.locator("dialog.choice").get_by_role("button", name="Take the other").click(timeout=SOON_MS)
    expect(page.locator("#manuscript textarea")).to_have_value("Theirs, meanwhile.", timeout=SOON_MS)
    eventually(lambda: any(p.text == "Mine, gone on." for p in studio.store.pieces()))
    assert studio.store.piece(piece[1]).text == "Theirs, meanwhile."  # type: ignore[union-attr]


def test_who_types_without_a_pause_has_a_copy_that_is_a_second_old_at_most(pages: Pages) -> None:
    page = pages.open()
    new(page)
    box = page.locator("#manuscript textarea")
    copy = """() => Object.keys(localStorage).filter(k => k.startsWith("writer-r1.piece."))
        .map(k => localStorage.getItem(k)).some(v => v.includes("It was a cold"))"""
    seen = False
    for _ in range(12):
        box.press_sequentially("It was a cold spring. ", delay=12)  # some 0.3 s, and never 0.4 s between two keys
        seen = seen or page.evaluate(copy)
    assert seen


def test_a_killed_and_restarted_studio_finds_text_that_was_never_saved(browser: Browser, tmp_path: Path) -> None:
    """Acceptance 6 of the page's design."""
    live = Studio(tmp_path)
    live.start()
    pages = Pages(browser, live)
    page = pages.open()
    page.locator("#manuscript textarea").fill("Saved before.")
    expect(page.locator("#saved .state")).to_have_text("Saved", timeout=SOON_MS)
    pages.leaving = True
    live.kill()
    page.locator("#manuscript textarea").fill("Saved before. And this while it was dead.")
    expect(page.locator("#gone")).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#gone")).to_contain_text("Your text is safe in this browser")
    live.start()
    expect(page.locator("#gone")).to_be_hidden(timeout=SOON_MS)
    expect(page.locator("#manuscript textarea")).to_have_value(
        "Saved before. And this while it was dead.", timeout=SOON_MS
    )
    eventually(lambda: any(p.text.endswith("while it was dead.") for p in live.store.pieces()))
    pages.close()
    live.stop()


def test_a_failed_run_says_what_happened_and_keeps_the_brief(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    new(page)
    studio.script(fail="The model file was removed; choose another on the Models page.")
    write(page, BRIEF)
    expect(page.locator("#trouble")).to_contain_text("The model file was removed", timeout=SOON_MS)
    expect(page.locator("#brief textarea")).to_have_value(BRIEF)
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#library").get_by_role("searchbox").fill("farewell")  # what the sidebar does is no reason to hide it
    page.wait_for_timeout(1200)
    expect(page.locator("#trouble")).to_contain_text("The model file was removed")


def test_w9_stop_in_the_middle_lets_no_second_run_overlap(pages: Pages, studio: Studio) -> None:
    """Acceptance 5 of the page's design."""
    page = pages.open()
    new(page)
    studio.script(texts=[ENDLESS], delay=0.05)
    write(page, BRIEF)
    expect(page.locator("#phase .phase.busy")).to_be_visible(timeout=SOON_MS)
    search = page.locator("#library input[type=search]")
    search.fill("harbour")
    search.press("Escape")  # empties the search, and no more
    page.keyboard.press("Alt+3")
    base = page.get_by_label("3 · Base model")
    base.click()
    expect(base).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")  # closes the list
    expect(base).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Alt+1")
    page.wait_for_timeout(500)
    assert len(studio.store.running()) == 1
    began = time.monotonic()
    page.keyboard.press("Escape")
    expect(page.locator("#phase")).to_contain_text("Stopped by you", timeout=SOON_MS)
    assert time.monotonic() - began < 10 and studio.store.running() == []


def test_a_stopped_run_can_be_asked_why_it_scored_as_it_did(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    new(page)
    studio.script(texts=[FIRST, ENDLESS], delay=0.03)
    write(page, BRIEF, rounds=1)
    expect(page.locator("#phase .phase")).to_contain_text("Revising", timeout=60_000)
    page.keyboard.press("Escape")
    expect(page.locator("#phase")).to_contain_text("Stopped by you", timeout=SOON_MS)
    studio.script()
    row = page.locator("#rounds .round-card").first.locator(".row", has=page.locator(".ask")).first
    row.locator("summary").click()
    row.get_by_role("button", name="Ask why").click()
    expect(page.locator("#rounds .ask")).to_have_count(0, timeout=SOON_MS)
    expect(page.locator("#phase")).to_contain_text("Stopped by you", timeout=SOON_MS)


def test_hostile_text_stays_text_everywhere(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    new(page)
    studio.script(texts=[HOSTILE + " " + FIRST])
    write(page, f"{BRIEF} {HOSTILE}")
    done(page)
    page.locator("#rounds [data-act=use]").first.click()
    expect(page.locator("#manuscript textarea")).to_have_value(re.compile(r"\$\{1\+1\}"), timeout=SOON_MS)
    expect(page.locator("#sheet .text")).to_contain_text("<script>document.title='owned'</script>")
    expect(page.locator("#sheet .text")).to_contain_text("{{value}} ${1+1}")
    assert page.title() != "owned" and page.locator("#sheet img, #rounds img, #library img").count() == 0


def test_pieces_are_found_renamed_deleted_and_brought_back(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    new(page)
    page.locator("#brief textarea").fill("A letter about quinces.")
    expect(page.locator("#saved .state")).to_have_text("Saved", timeout=SOON_MS)
    page.wait_for_timeout(300)
    pages.reload(page)
    shelf = page.locator("#library")
    shelf.get_by_role("searchbox").fill("quinces")
    expect(shelf.locator("li")).to_have_count(1, timeout=SOON_MS)
    shelf.get_by_role("searchbox").fill("")
    row = shelf.locator("li", has_text="quinces")
    expect(row).to_be_visible(timeout=SOON_MS)
    row.hover()
    row.get_by_role("button", name="Rename").click()
    page.locator("dialog input[name=title]").fill("Quince letter")
    page.keyboard.press("Enter")
    expect(shelf.locator("li", has_text="Quince letter")).to_be_visible(timeout=SOON_MS)
    row = shelf.locator("li", has_text="Quince letter")
    row.hover()
    row.get_by_role("button", name="Delete").click()
    listed = shelf.locator(".kept > li", has_text="Quince letter")
    expect(listed).to_have_count(0, timeout=SOON_MS)
    shelf.get_by_role("button", name="Undo").click()
    expect(listed).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#brief textarea")).to_have_value("A letter about quinces.", timeout=SOON_MS)
    listed.hover()
    listed.get_by_role("button", name="Delete").click()
    expect(listed).to_have_count(0, timeout=SOON_MS)
    pages.reload(page)  # and without an Undo at hand
    shelf.locator(".bin summary").click()
    shelf.get_by_role("button", name="Bring back Quince letter").click()
    expect(listed).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#brief textarea")).to_have_value("A letter about quinces.", timeout=SOON_MS)


OWN = "  The keeper says goodbye to the sea.\n\n\nHe owes it nothing.\t\n\nThe lamp goes out… \n"


def test_new_pieces_one_upon_the_other_are_pieces_of_their_own(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    for words in ("The first of three.", "The second of three.", "The third of three."):
        new(page)
        page.locator("#brief textarea").fill(words)
        eventually(lambda words=words: words in {piece.brief for piece in studio.store.pieces(3)})
    assert [piece.brief.split()[1] for piece in studio.store.pieces(3)] == ["third", "second", "first"]


def test_words_typed_before_the_studio_has_answered_are_in_the_piece_they_were_typed_in(
    pages: Pages, studio: Studio
) -> None:
    store = studio.store
    one, other = store.new_piece("The brief of one.", "One."), store.new_piece("The brief of the other.", "Other.")
    page = pages.open(query=f"?piece={one.id}")
    brief, held = page.locator("#brief textarea"), list[Route]()

    def answer() -> None:
        eventually(lambda: page.wait_for_timeout(50) or held)
        while held:
            held.pop(0).continue_()
        page.unroute("**/queue/join**")

    expect(brief).to_have_value(one.brief, timeout=SOON_MS)
    page.route("**/queue/join**", lambda route: held.append(route))
    page.locator(f'#library [data-act=open][data-piece="{other.id}"]').click()
    brief.fill("Typed into one.")
    answer()
    expect(brief).to_have_value(other.brief, timeout=SOON_MS)
    eventually(lambda: (kept := store.piece(one.id)) and (kept.brief, kept.text) == ("Typed into one.", "One."))
    page.route("**/queue/join**", lambda route: held.append(route))
    page.locator("#library .new").click()
    expect(brief).to_have_value("")  # before any answer
    brief.fill("Typed into a new one.")
    answer()
    eventually(lambda: store.pieces(1)[0].brief == "Typed into a new one.")
    expect(brief).to_have_value("Typed into a new one.")
    kept = store.piece(other.id)
    assert kept and (kept.brief, kept.text) == (other.brief, other.text)


def test_start_pressed_before_a_new_piece_is_there_makes_one_piece_and_not_two(pages: Pages, studio: Studio) -> None:
    page, held = pages.open(), list[Route]()
    before = len(studio.store.pieces())
    page.route("**/queue/join**", lambda route: held.append(route))
    page.locator("#library .new").click()
    expect(page.locator("#brief textarea")).to_have_value("")
    page.locator("#brief textarea").fill("Begun at once.")
    page.locator("#start").click()
    eventually(lambda: page.wait_for_timeout(50) or held)
    while held:
        held.pop(0).continue_()
    page.unroute("**/queue/join**")
    done(page)
    page.wait_for_timeout(4000)  # the next save, had there been one
    assert [p.brief for p in studio.store.pieces()][: -before or None] == ["Begun at once."]


@pytest.mark.parametrize("rounds", [0, 2])
def test_ones_own_text_is_judged_and_revised_and_stays_as_it_is_to_the_letter(
    pages: Pages, studio: Studio, rounds: int
) -> None:
    """Acceptance 12 of the page's design, as far as it is built: what is not taken over changes nothing."""
    page = pages.open()
    new(page)
    manuscript = page.locator("#manuscript textarea")
    manuscript.fill(OWN)
    page.locator("#brief textarea").fill(BRIEF)
    page.locator("#count input[type=number]").fill(str(rounds))
    page.locator("#judge").click()
    done(page)
    expect(page.locator("#judge")).to_be_enabled()
    run = studio.store.trajectory(str(studio.store.latest()))
    first, *later = run.attempts
    assert (first.text, first.by) == (OWN, "user") and first.evaluation and len(later) <= rounds
    assert all(a.parent is not None and a.by == "model" for a in later) and bool(later) == bool(rounds)
    expect(page.locator("#rounds .round-card").first).to_contain_text("Your text")
    expect(page.locator("#rounds")).not_to_contain_text("First draft")
    if rounds:
        expect(page.locator("#rounds")).to_contain_text("Round 1")
    else:
        expect(page.locator("#phase")).to_contain_text("your text is judged")
    expect(manuscript).to_have_value(OWN)
    pages.reload(page)
    expect(manuscript).to_have_value(OWN, timeout=SOON_MS)
    piece = studio.store.piece_of(run.id)
    assert piece and studio.store.piece(piece).text == OWN  # type: ignore[union-attr]


def test_without_a_manuscript_there_is_nothing_to_judge_and_one_sentence_says_so(pages: Pages) -> None:
    page = pages.open()
    new(page)
    page.locator("#brief textarea").fill(BRIEF)
    page.locator("#judge").click()
    expect(page.locator("#trouble")).to_contain_text("Your manuscript is empty; write or paste", timeout=SOON_MS)


@pytest.mark.parametrize("choice", ["Keep what I typed here", "Take the other"])
def test_a_text_that_only_this_browser_holds_outlives_the_choice_between_it_and_a_newer_one(
    pages: Pages, studio: Studio, choice: str
) -> None:
    page = pages.open()
    new(page)
    page.locator("#manuscript textarea").fill("Common ground.")
    expect(page.locator("#saved .state")).to_have_text("Saved", timeout=SOON_MS)
    here = re.search(r"piece=([\w-]+)", page.url)
    assert here
    piece = studio.store.piece(here[1])
    assert piece
    copy = {"brief": "", "text": "Typed here, never saved.", "base": piece.revision, "at": 1}
    page.evaluate(
        "([key, copy]) => localStorage.setItem(key, JSON.stringify(copy))", [f"writer-r1.piece.{piece.id}", copy]
    )
    studio.store.save_piece(piece.id, "", "Saved there.", piece.revision, "there")
    pages.reload(page)
    dialog = page.locator("dialog.choice")
    expect(dialog).to_contain_text("Typed here, never saved.", timeout=SOON_MS)
    expect(dialog).to_contain_text("Saved there.")
    dialog.get_by_role("button", name=choice).click()
    expect(dialog).to_be_hidden(timeout=SOON_MS)
    stays = "Typed here, never saved." if choice.startswith("Keep") else "Saved there."
    expect(page.locator("#manuscript textarea")).to_have_value(stays, timeout=SOON_MS)
    eventually(lambda: studio.store.piece(piece.id).text == stays)  # type: ignore[union-attr]
    eventually(lambda: any(p.text == "Typed here, never saved." for p in studio.store.pieces()))
    assert any(v.text == "Saved there." for v in studio.store.versions(piece.id))


def test_an_example_that_was_chosen_is_in_the_library_before_anything_is_asked_for_it(pages: Pages) -> None:
    page = pages.open()
    new(page)
    page.locator("#examples .example").first.click()
    expect(page.locator("#brief textarea")).not_to_have_value("")
    assert '"piece":""' not in page.evaluate("window.studio.flush()")


def test_how_a_run_shall_go_is_as_it_was_after_a_reload(pages: Pages) -> None:
    page = pages.open()
    number = page.locator("#count input[type=number]")
    first, look, one_go = page.locator("#setup input[type=checkbox]").all()
    number.fill("1")
    look.check()
    one_go.check()
    page.wait_for_timeout(300)
    pages.reload(page)
    expect(number).to_have_value("1", timeout=SOON_MS)
    expect(page.locator("#count input[type=range]")).to_have_value("1", timeout=SOON_MS)
    expect(look).to_be_checked()
    expect(one_go).to_be_checked()
    expect(first).not_to_be_checked()
    other = pages.open()  # in another browser they are the usual ones
    expect(other.locator("#count input[type=number]")).to_have_value("3", timeout=SOON_MS)


@pytest.mark.parametrize("width", [390, 1440])
def test_no_tab_scrolls_sideways_and_stop_is_in_sight(pages: Pages, width: int) -> None:
    page = pages.open(width)
    for number in range(1, 6):
        page.keyboard.press(f"Alt+{number}")
        page.wait_for_timeout(600)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, number
    page.keyboard.press("Alt+1")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(page.locator("#stop")).to_be_in_viewport()


def test_the_library_is_closed_at_start_on_a_narrow_screen_and_open_on_a_wide_one(pages: Pages) -> None:
    expect(pages.open(390).locator("#library")).to_be_hidden()
    expect(pages.open(1440).locator("#library")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_tab(pages: Pages, scheme: str) -> None:
    """Acceptance 15, the checks of both themes, of the page's design."""
    from axe_playwright_python.sync_playwright import Axe

    page = pages.open(color_scheme=scheme)
    new(page)
    write(page, BRIEF, rounds=1)
    done(page)
    for number in range(1, 6):
        page.keyboard.press(f"Alt+{number}")
        page.wait_for_timeout(800)
        found = Axe().run(page).response["violations"]
        grave = [
            (v["id"], [n["html"][:160] for n in v["nodes"]]) for v in found if v["impact"] in ("serious", "critical")
        ]
        assert grave == [], (number, grave)
