"""The whole writing page without a mouse, for every eye and ear: real Chromium, a live studio, a scripted model."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from live import SOON_MS, Pages, Studio, done, eventually
from playwright.sync_api import Browser, Locator, Page, expect
from scripted import ENDLESS, FIRST, revision

from writer_r1.events import Status
from writer_r1.trajectory import Trajectory

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BRIEF = "A farewell from a lighthouse keeper to the sea, 60 to 90 words."
ALIKE = "A farewell letter from a lighthouse keeper to the sea, 80 words."
TEXTS = [FIRST, revision("plainer"), revision("plain plain plain")]
RING = """() => {
  const node = document.activeElement;
  if (node === document.body) return null;
  const style = getComputedStyle(node), box = node.getBoundingClientRect();
  const ringed = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
  return [(node.id || node.className || node.tagName) + ' ' + (node.ariaLabel ?? node.innerText ?? '').slice(0, 40),
          ringed, box.width > 1 && box.height > 1];
}"""


@pytest.fixture
def pages(browser: Browser, studio: Studio) -> Iterator[Pages]:
    studio.script(texts=TEXTS)
    opened = Pages(browser, studio)
    yield opened
    opened.close()
    assert opened.faults == []


# What a hand on the keyboard does


def tab_to(page: Page, wanted: Locator, most: int = 150, back: bool = False) -> None:
    """Press Tab until this is focused; everything passed on the way can be seen to have the focus."""
    for _ in range(most):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if (found := page.evaluate(RING)) is None:
            continue  # round the end of the page, or what had the focus was just drawn anew
        name, ringed, seen = found
        assert ringed and seen, f"the focus cannot be seen on {name!r}"
        if wanted.evaluate("node => node === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached with {most} tabs")


def begin(page: Page) -> None:
    """Begin a piece of its own: the first stop of the page leads to the brief, the sidebar holds `New piece`."""
    tab_to(page, page.locator("#library .new"))
    page.keyboard.press("Enter")
    expect(page.locator("#brief textarea")).to_have_value("", timeout=SOON_MS)
    page.wait_for_timeout(400)
    tab_to(page, page.locator("#brief textarea"))


def say(page: Page, brief: str, rounds: int = 0) -> None:
    """Type the brief that has the focus, choose the rounds, and begin."""
    page.keyboard.type(brief)
    tab_to(page, page.locator("#count input[type=number]"))
    page.keyboard.press("Control+a")
    page.keyboard.type(str(rounds))
    page.keyboard.press("Control+Enter")


def written(page: Page, brief: str = BRIEF, rounds: int = 0) -> Page:
    begin(page)
    say(page, brief, rounds)
    expect(page.locator("#phase .phase")).not_to_contain_text("Ready", timeout=SOON_MS)
    done(page)
    return page


def rows(page: Page) -> Locator:
    return page.locator("#criteria .criterion[data-id]")


def names(page: Page) -> list[str]:
    return rows(page).locator(".name").all_inner_texts()


def row(page: Page, name: str) -> Locator:
    return rows(page).filter(has=page.locator(".name", has_text=name))


def run_of(page: Page, studio: Studio) -> Trajectory:
    run = page.locator("#phase .phase").get_attribute("data-run")
    assert run
    return studio.store.trajectory(run)


def judged_by_its_criteria(run: Trajectory) -> bool:
    """Return whether every text of the run has been judged by the criteria the run has now."""
    return bool(run.rubric and run.attempts) and all(
        a.evaluation is not None and run.rubric is not None and a.evaluation.rubric_id == run.rubric.id
        for a in run.attempts
    )


def reword(page: Page, name: str, sentence: str) -> None:
    """Give a criterion another sentence in its dialog, from its row."""
    row(page, name).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").locator("[name=name]")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type(sentence)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=SOON_MS)


# The whole way


def test_the_criteria_are_locked_weighed_moved_reworded_deleted_and_added_without_a_mouse(
    pages: Pages, studio: Studio
) -> None:
    """Acceptance 15, the criteria by keyboard, of the page's design."""
    page = written(pages.open())
    first, second, third, *_ = names(page)
    tab_to(page, rows(page).first)
    page.keyboard.press("l")
    expect(row(page, first).locator("[data-act=lock]")).to_have_attribute("aria-pressed", "true", timeout=SOON_MS)
    expect(row(page, first)).to_be_focused()
    tab_to(page, row(page, first).locator("[data-act=weight]"), most=3)
    before = row(page, first).locator("[data-act=weight]").input_value()
    page.keyboard.press("ArrowUp")
    expect(row(page, first).locator("[data-act=weight]")).not_to_have_value(before)
    weight = float(row(page, first).locator("[data-act=weight]").input_value())
    expect(row(page, first)).to_have_attribute("aria-label", re.compile(f"weight {weight:g}, .*locked"))
    tab_to(page, row(page, first), most=3, back=True)
    page.keyboard.press("Alt+ArrowDown")
    expect(rows(page).nth(1).locator(".name")).to_have_text(first, timeout=SOON_MS)
    expect(rows(page).nth(1)).to_be_focused()
    page.wait_for_timeout(300)
    assert names(page)[:3] == [second, first, third]

    reword(page, third, "What he feels is in his hands alone.")
    expect(row(page, third)).to_contain_text("in his hands alone", timeout=SOON_MS)
    expect(row(page, third).locator("[data-dialog=edit]")).to_be_focused()

    tab_to(page, row(page, second), back=True)
    page.keyboard.press("Delete")
    expect(row(page, second)).to_have_count(0, timeout=SOON_MS)
    expect(row(page, first)).to_be_focused()
    page.wait_for_timeout(1500)  # the scores of what is left have come, and the way back is still there
    undo = page.get_by_role("button", name="Undo")
    tab_to(page, undo, most=8, back=True)
    page.keyboard.press("Enter")
    expect(undo).to_have_count(0)
    expect(rows(page).first.locator(".name")).to_have_text(second, timeout=SOON_MS)

    tab_to(page, page.locator("button[data-dialog=add]"), back=True)
    page.keyboard.press("Enter")
    page.keyboard.type("The tin of polish")
    page.keyboard.press("Tab")
    page.keyboard.type("It is named once, by its brand.")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row(page, "The tin of polish")).to_be_visible(timeout=SOON_MS)
    done(page)
    eventually(lambda: judged_by_its_criteria(run_of(page, studio)))
    kept = run_of(page, studio).rubric
    assert kept and [c.name for c in kept.criteria][:3] == [second, first, third]
    assert kept.criteria[1].locked and kept.criteria[1].weight == weight
    assert kept.criteria[-1].name == "The tin of polish" and kept.criteria[-1].source.stage == "user"


def test_each_criterion_that_is_deleted_can_be_brought_back_also_before_anything_is_written(pages: Pages) -> None:
    page = pages.open()
    begin(page)
    page.keyboard.type("A recipe for quince jelly.")
    for name in ("Sugar", "Lemon"):
        page.locator("#criteria button[data-dialog=add]").first.click()
        page.locator("dialog [name=name]").fill(name)
        page.locator("dialog [name=description]").fill(f"{name} is weighed, never guessed.")
        page.keyboard.press("Control+Enter")
        expect(row(page, name)).to_be_visible(timeout=SOON_MS)
        expect(page.get_by_role("dialog")).to_have_count(0, timeout=SOON_MS)
    undo = page.get_by_role("button", name="Undo")
    for name in ("Sugar", "Lemon"):
        row(page, name).focus()
        page.keyboard.press("Delete")
        expect(row(page, name)).to_have_count(0, timeout=SOON_MS)
        expect(undo).to_be_visible(timeout=SOON_MS)
    undo.click()
    expect(row(page, "Lemon")).to_be_visible(timeout=SOON_MS)
    expect(undo).to_have_count(0)


@pytest.mark.parametrize("way", ["close", "beside", "Escape"])
def test_on_a_phone_the_list_of_pieces_is_closed_again_and_stops_nothing(
    pages: Pages, studio: Studio, way: str
) -> None:
    page = pages.open(390)
    studio.script(texts=[ENDLESS], delay=0.05)
    page.locator("#brief textarea").fill(BRIEF)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#phase .phase.busy")).to_be_visible(timeout=SOON_MS)
    page.locator(".masthead [data-shelf], [data-shelf]").first.click()
    expect(page.locator("#library .shelf")).to_be_visible()
    if way == "close":
        page.get_by_role("button", name="Close the list").click()
    elif way == "beside":
        page.mouse.click(380, 400)
    else:
        page.keyboard.press("Escape")
    expect(page.locator("#library .shelf")).to_be_hidden()
    page.wait_for_timeout(500)
    expect(page.locator("#phase .phase.busy")).to_be_visible()
    page.locator("#stop").click()
    expect(page.locator("#phase")).to_contain_text("Stopped by you", timeout=SOON_MS)


def test_rounds_are_walked_through_compared_and_taken_over_without_a_mouse(pages: Pages, studio: Studio) -> None:
    """Acceptance 15, from brief to manuscript by keyboard, of the page's design."""
    page = written(pages.open(), rounds=2)
    cards = page.locator("#rounds .round-card")
    expect(cards).to_have_count(3, timeout=SOON_MS)
    tab_to(page, cards.first)
    for key, number in (("]", 1), ("]", 2), ("]", 2), ("[", 1)):
        page.keyboard.press(key)
        expect(cards.nth(number)).to_be_focused()
    tab_to(page, cards.nth(1).locator("[data-words=changes]"))
    page.keyboard.press("Space")
    expect(cards.nth(1).locator(".as-changes")).to_be_visible()
    expect(cards.nth(1).locator("[data-words=changes]")).to_be_focused()
    tab_to(page, cards.nth(1).locator(".use"))
    page.keyboard.press("Enter")
    box = page.locator("#manuscript textarea")
    taken = run_of(page, studio).attempts[1].text
    expect(box).to_have_value(taken, timeout=SOON_MS)

    tab_to(page, box, back=True)
    page.keyboard.press("Control+End")
    page.keyboard.type(" And one line of mine.")
    page.keyboard.press("Control+s")
    expect(page.locator("#saved .state")).to_have_text("Saved; this version is kept", timeout=SOON_MS)
    piece = re.search(r"piece=([\w-]+)", page.url)
    assert piece
    newest, *older = studio.store.versions(piece[1])
    assert (newest.text, newest.why) == (f"{taken} And one line of mine.", "kept by hand")
    assert any(v.why.endswith("taken over") and v.text == taken for v in older)


def test_the_text_that_is_shown_is_taken_over_from_where_it_is_read(pages: Pages, studio: Studio) -> None:
    page = written(pages.open(), rounds=1)
    button = page.locator("#sheet [data-use]")
    tab_to(page, button)
    page.keyboard.press("Enter")
    run = run_of(page, studio)
    best = run.attempt(run.best or 0)
    assert best
    expect(page.locator("#manuscript textarea")).to_have_value(best.text, timeout=SOON_MS)


@pytest.mark.parametrize("width", [390, 1440])
def test_alt_and_a_number_goes_to_each_tab(pages: Pages, width: int) -> None:
    page = pages.open(width)
    shown = ("#brief", "#compare, .compare", "#train-start", ".models", "#settings")
    for number, part in [*enumerate(shown, 1), (1, "#brief")]:
        page.keyboard.press(f"Alt+{number}")
        expect(page.locator(part).first).to_be_visible(timeout=SOON_MS)


def test_the_first_stop_of_the_page_leads_to_the_brief_from_any_tab(pages: Pages) -> None:
    page = pages.open()
    page.keyboard.press("Alt+4")
    expect(page.locator(".models").first).to_be_visible(timeout=SOON_MS)
    page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
    tab_to(page, page.locator("[data-skip]"))
    page.keyboard.press("Enter")
    expect(page.locator("#brief textarea")).to_be_focused(timeout=SOON_MS)


def test_escape_closes_the_sheet_of_keys_first_and_then_stops_the_run(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    begin(page)
    studio.script(texts=[ENDLESS], delay=0.05)
    say(page, BRIEF)
    expect(page.locator("#phase .phase.busy")).to_be_visible(timeout=SOON_MS)
    page.keyboard.type("?")  # in a text field it is a character
    expect(page.get_by_role("dialog")).to_have_count(0)
    tab_to(page, page.locator("#stop"))
    page.keyboard.type("?")
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("Stop writing; what is written stays")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    expect(page.locator("#stop")).to_be_focused()
    page.wait_for_timeout(500)
    expect(page.locator("#phase .phase.busy")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#phase")).to_contain_text("Stopped by you", timeout=SOON_MS)


# What is typed into a dialog


def test_a_refused_edit_says_why_in_its_dialog_and_keeps_what_was_typed(pages: Pages) -> None:
    page = written(pages.open())
    first, second, *_ = names(page)
    row(page, first).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.locator("[name=name]").fill(second.upper())
    dialog.locator("[name=description]").fill("A sentence it took me a while to find.")
    page.keyboard.press("Control+Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Another criterion is named", timeout=SOON_MS)
    expect(dialog.locator("[name=description]")).to_have_value("A sentence it took me a while to find.")
    dialog.locator("[name=name]").fill("A name of its own")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_have_count(0, timeout=SOON_MS)
    expect(row(page, "A name of its own")).to_contain_text("took me a while", timeout=SOON_MS)


def test_a_dialog_with_words_in_it_outlives_a_slip_beside_it(pages: Pages) -> None:
    page = written(pages.open())
    row(page, names(page)[0]).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    page.mouse.click(5, 5)
    expect(dialog).to_have_count(0)
    page.keyboard.press("Enter")
    dialog.locator("[name=description]").fill("Half a thou")
    page.mouse.click(5, 5)
    box = dialog.bounding_box()
    assert box
    page.mouse.click(box["x"] + 4, box["y"] + 4)  # its own margin
    expect(dialog.locator("[name=description]")).to_have_value("Half a thou")


def test_a_first_criterion_that_is_refused_leaves_no_empty_piece_behind(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    begin(page)
    count = len(studio.store.pieces())
    tab_to(page, page.locator("button[data-dialog=add]"))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.locator("[name=name]").fill(" ")  # the browser lets a space pass
    dialog.locator("[name=description]").fill("A sentence.")
    page.keyboard.press("Control+Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("Give the criterion a name", timeout=SOON_MS)
    assert len(studio.store.pieces()) == count
    dialog.locator("[name=name]").fill("Salt")
    page.keyboard.press("Control+Enter")
    expect(row(page, "Salt")).to_be_visible(timeout=SOON_MS)
    eventually(lambda: len(studio.store.pieces()) == count + 1)


# Criteria and scores


def test_a_changed_criterion_goes_grey_and_every_round_is_judged_again_live(pages: Pages, studio: Studio) -> None:
    page = written(pages.open(), rounds=1)
    first, second, *_ = names(page)
    studio.script(texts=TEXTS, judging=0.8)
    reword(page, first, "The stairs are steep.")
    expect(row(page, first).locator(".measure.pending")).to_contain_text("being judged again", timeout=SOON_MS)
    expect(row(page, second).locator(".measure .bar")).to_be_visible()
    expect(page.locator("#criteria .measure.pending")).to_have_count(1)
    expect(page.locator("#rounds .round-card.stale").first).to_be_visible(timeout=SOON_MS)
    done(page)
    expect(row(page, first).locator(".measure .bar")).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#rounds .stale")).to_have_count(0, timeout=SOON_MS)
    run = run_of(page, studio)
    assert len(run.attempts) == 2 and judged_by_its_criteria(run)


def test_two_quick_edits_are_both_judged_by_in_every_round(pages: Pages, studio: Studio) -> None:
    page = written(pages.open(), rounds=1)
    first, second, *_ = names(page)
    studio.script(texts=TEXTS, judging=0.3)
    reword(page, first, "The stairs are steep.")
    reword(page, second, "The sea answers once.")
    expect(row(page, second).locator(".measure.pending")).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#criteria .pending")).to_have_count(0, timeout=60_000)
    done(page)
    run = run_of(page, studio)
    assert run.rubric and len(run.attempts) == 2 and judged_by_its_criteria(run)
    assert {c.description for c in run.rubric.criteria} >= {"The stairs are steep.", "The sea answers once."}


def test_saved_criteria_are_offered_for_a_brief_alike_and_can_be_used_or_merged(pages: Pages, studio: Studio) -> None:
    page = written(pages.open())
    count = rows(page).count()
    tab_to(page, page.locator("button[data-dialog=save]"), back=True)
    page.keyboard.press("Enter")
    page.keyboard.type("Farewells")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=SOON_MS)
    eventually(lambda: [s.name for s in studio.store.saved_rubrics()] == ["Farewells"])

    begin(page)
    page.keyboard.type(ALIKE)
    page.keyboard.press("Tab")
    offer = page.locator("#criteria .offer", has_text="Farewells")
    expect(offer).to_be_visible(timeout=SOON_MS)
    tab_to(page, offer.get_by_role("button", name="Use"))
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(count, timeout=SOON_MS)

    begin(page)
    page.keyboard.type("Something else: a recipe for quince jelly.")
    tab_to(page, page.locator("button[data-dialog=add]"))
    page.keyboard.press("Enter")
    page.keyboard.type("Sugar")
    page.keyboard.press("Tab")
    page.keyboard.type("It is weighed, never guessed.")
    page.keyboard.press("Control+Enter")
    expect(rows(page)).to_have_count(1, timeout=SOON_MS)
    tab_to(page, page.locator("button[data-dialog=library]"), most=6)
    page.keyboard.press("Enter")
    merge = page.get_by_role("dialog").get_by_role("button", name="Merge")
    tab_to(page, merge, most=6)
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(count + 1, timeout=SOON_MS)
    assert names(page)[0] == "Sugar"


def test_finding_anew_keeps_ones_own_and_the_locked_criteria(pages: Pages, studio: Studio) -> None:
    page = written(pages.open())
    mine, locked, lost, *_ = names(page)
    reword(page, mine, "This one is mine now.")
    done(page)
    row(page, locked).focus()
    page.keyboard.press("l")
    expect(row(page, locked).locator("[data-act=lock]")).to_have_attribute("aria-pressed", "true", timeout=SOON_MS)
    done(page)
    studio.script(texts=TEXTS, delay=0.005)
    tab_to(page, page.locator("[data-act=find]"), back=True)
    page.keyboard.press("Enter")
    expect(page.locator("#phase .phase.busy")).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#phase")).to_contain_text("The criteria are ready", timeout=60_000)
    found = {c.name: c for c in run_of(page, studio).rubric.criteria}  # type: ignore[union-attr]
    assert found[mine].description == "This one is mine now." and found[locked].locked
    expect(row(page, mine)).to_contain_text("This one is mine now.")
    expect(row(page, locked)).to_be_visible()
    assert run_of(page, studio).attempts == ()


def test_what_is_not_for_this_piece_is_not_found_anew_until_it_is_brought_back(pages: Pages, studio: Studio) -> None:
    page = written(pages.open())
    piece = studio.store.piece_of(run_of(page, studio).id)
    assert piece
    for kind in ("judged", "measured"):
        gone = next(c for c in run_of(page, studio).rubric.criteria if c.kind == kind)  # type: ignore[union-attr]
        row(page, gone.name).focus()
        page.keyboard.press("Delete")
        expect(row(page, gone.name)).to_have_count(0, timeout=SOON_MS)
        page.keyboard.press("Control+z")
        expect(row(page, gone.name)).to_be_visible(timeout=SOON_MS)
        eventually(lambda: studio.store.dismissed("", piece) == [])
        row(page, gone.name).focus()
        page.keyboard.press("Delete")
        expect(row(page, gone.name)).to_have_count(0, timeout=SOON_MS)
        eventually(lambda name=gone.name: [c.name for c in studio.store.dismissed("", piece)] == [name])
        done(page)

        tab_to(page, page.locator("[data-act=find]"), back=True)
        page.keyboard.press("Enter")
        expect(page.locator("#phase")).to_contain_text("The criteria are ready", timeout=60_000)
        expect(row(page, gone.name)).to_have_count(0)
        tab_to(page, page.locator("#criteria details[data-key=how] summary"))
        page.keyboard.press("Enter")
        expect(page.locator("#criteria")).to_contain_text(f"{gone.name}: you said it is not for this piece")

        pages.reload(page)
        back = page.locator("#criteria details[data-key=dismissed]")
        expect(back).to_contain_text("Not for this piece (1)", timeout=SOON_MS)
        tab_to(page, back.locator("summary"))
        page.keyboard.press("Enter")
        tab_to(page, back.get_by_role("button", name=f"Bring back {gone.name}"), most=2)
        page.keyboard.press("Enter")
        expect(rows(page).last.locator(".name")).to_have_text(gone.name, timeout=SOON_MS)
        expect(back).to_have_count(0)
        assert studio.store.dismissed("", piece) == []


def test_shown_the_criteria_first_one_changes_them_and_the_draft_is_written_by_those(
    pages: Pages, studio: Studio
) -> None:
    page = pages.open()
    begin(page)
    page.keyboard.type(BRIEF)
    tab_to(page, page.get_by_label("Show me the criteria first"))
    page.keyboard.press("Space")
    expect(page.get_by_label("Show me the criteria first")).to_be_checked()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#phase")).to_contain_text("The criteria are ready", timeout=60_000)
    assert run_of(page, studio).attempts == ()
    reword(page, names(page)[0], "Changed before a word was written.")
    expect(rows(page).first).to_contain_text("Changed before", timeout=SOON_MS)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#sheet .text")).to_be_visible(timeout=60_000)
    done(page)
    run = run_of(page, studio)
    assert run.rubric and run.rubric.criteria[0].description == "Changed before a word was written."
    assert run.attempts and judged_by_its_criteria(run)


def test_thorough_criteria_come_from_sample_drafts(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    begin(page)
    page.evaluate(WATCH)
    page.keyboard.type(BRIEF)
    tab_to(page, page.get_by_label("Thorough criteria"))
    page.keyboard.press("Space")
    expect(page.get_by_label("Thorough criteria")).to_be_checked()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#sheet .text")).to_be_visible(timeout=60_000)
    done(page)
    run = run_of(page, studio)
    said = [e.text for _, e in studio.store.events(run.id) if isinstance(e, Status)]
    assert "writing sample drafts to learn from" in said and "comparing the sample drafts" in said


# For every eye and ear

WATCH = """() => {
  const region = document.querySelector('#announce');
  window.heard = [];
  new MutationObserver(() => {
    const now = region.innerText.trim();
    if (now && now !== window.heard.at(-1)) window.heard.push(now);
  }).observe(region, { childList: true, characterData: true, subtree: true });
}"""
SPEAKING = "[aria-live]:not([aria-live=off]), [role=status], [role=log], [role=timer], output"


def test_one_polite_region_tells_the_phases_and_never_the_words_as_they_come(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    begin(page)
    regions = page.locator(SPEAKING).evaluate_all("nodes => nodes.map(n => [n.id, n.ariaLive, n.className])")
    ours = [(id_, live) for id_, live, named in regions if named != "sr-only"]  # gradio has one of its own
    assert ours == [("announce", "polite")], regions
    page.evaluate(WATCH)
    studio.script(texts=[FIRST], delay=0.05, judging=0.15)
    say(page, BRIEF, rounds=1)
    expect(page.locator("#sheet .text.writing")).to_be_visible(timeout=60_000)
    page.locator("#manuscript textarea").press_sequentially("Mine, meanwhile. ", delay=20)
    done(page, 120_000)
    page.wait_for_timeout(500)
    heard = page.evaluate("window.heard")
    assert page.locator(".sr-only[aria-live]").all_inner_texts() in ([], [""])
    assert heard[-1] == "Done: all rounds are written" and {"Drafting", "Judging", "Revising"} <= set(heard)
    run = run_of(page, studio)
    phases = {e.text[0].upper() + e.text[1:] for _, e in studio.store.events(run.id) if isinstance(e, Status)}
    assert set(heard) - phases <= {heard[-1], "Starting"}, heard
    assert len(heard) <= 2 + len([1 for _, e in studio.store.events(run.id) if isinstance(e, Status)])


def lost(page: Page) -> list[Any]:
    """Return the texts and controls that stand outside the page, or are cut off by what holds them."""
    return list(
        page.evaluate("""() => {
      const seen = (n) => n.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
      const apart = '.unseen, svg, #announce, .skip, .round-strip, option, .visually-hidden', found = [];
      for (const node of document.querySelectorAll('#masthead *, #tabs *, #library *')) {
        if (!seen(node) || node.closest(apart)) continue;
        const own = [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim());
        const control = node.matches('button, input, select, textarea, summary');
        if (!own && !control) continue;
        const box = node.getBoundingClientRect(), style = getComputedStyle(node);
        const said = [node.tagName, node.className, (node.innerText ?? '').slice(0, 40)].join(' ');
        if (box.right > innerWidth + 1 || box.left < -1) found.push(['outside', said]);
        const wide = node.scrollWidth > node.clientWidth + 1 && !node.matches('input, textarea');
        if (style.overflowX !== 'visible' && wide)
          found.push(['cut off', said]);
      }
      return found;
    }""")
    )


@pytest.mark.parametrize("how", ["zoom", "letters", "letters on a phone"])
def test_at_two_hundred_percent_nothing_is_lost(pages: Pages, how: str) -> None:
    width = {"zoom": 720, "letters": 1440, "letters on a phone": 390}[how]
    page = pages.open(width, device_scale_factor=2 if how == "zoom" else 1)
    page.locator("[data-skip]").focus()
    page.keyboard.press("Enter")
    page.evaluate("document.querySelector('[data-act=new]').click()")
    page.wait_for_timeout(600)
    if how != "zoom":
        page.evaluate("document.documentElement.style.fontSize = '200%'")
    page.locator("#brief textarea").focus()
    say(page, BRIEF, rounds=1)
    expect(page.locator("#rounds .round-card")).to_have_count(2, timeout=60_000)
    done(page)
    for number in (2, 3, 4, 5, 1):
        page.keyboard.press(f"Alt+{number}")
        page.wait_for_timeout(700)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, number
        assert lost(page) == [], number
    for part in ("#start", "#stop", "#phase .doing", "#brief textarea", "#manuscript textarea"):
        page.locator(part).scroll_into_view_if_needed()
        expect(page.locator(part)).to_be_in_viewport(ratio=0.4)


MOVING = """() => document.getAnimations()
  .filter((a) => a.playState === 'running' && a.effect.target?.checkVisibility?.())
  .map((a) => [a.animationName ?? a.transitionProperty, a.effect.target.className, a.effect.getTiming().duration,
               a.effect.getTiming().iterations === Infinity])"""


def test_nothing_moves_for_who_asked_for_that_and_nothing_flashes_for_anybody(pages: Pages, studio: Studio) -> None:
    for motion in ("reduce", "no-preference"):
        page = pages.open(reduced_motion=motion)
        begin(page)
        studio.script(texts=[ENDLESS], delay=0.03)
        say(page, BRIEF)
        expect(page.locator("#sheet .text.writing")).to_be_visible(timeout=60_000)
        page.evaluate("for (const n of document.querySelectorAll('#start, .criterion, #sheet .sheet')) n.here = true")
        for _ in range(8):
            moving = page.evaluate(MOVING)
            if motion == "reduce":
                assert moving == []
            assert [m for m in moving if m[2] < 400 and m[3]] == [], moving
            page.wait_for_timeout(150)
        # What is not new is not drawn anew: an update that swaps a part for its like is seen as a flash.
        again = page.locator("#start, .criterion, #sheet .sheet").evaluate_all("ns => ns.map((n) => n.here === true)")
        assert len(again) > 3 and all(again)
        page.keyboard.press("Escape")
        expect(page.locator("#phase")).to_contain_text("Stopped by you", timeout=SOON_MS)
        page.context.close()
