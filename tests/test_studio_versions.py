"""Versions in a real Chromium on a live studio: taken over, undone, a branch, a copy, and a backup put back."""

import os
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from live import SOON_MS, Pages, Studio, done, eventually, write
from playwright.sync_api import Locator, Page, expect
from scripted import FIRST, revision

from writer_r1.backup import restore

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BRIEF = "A farewell from a lighthouse keeper to the sea."
MORE = " And I go on counting."


@pytest.fixture
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    live = Studio(tmp_path_factory.mktemp("studio"))
    live.script(texts=[FIRST, revision("plainer")])
    live.start()
    yield live
    live.stop()


def manuscript(page: Page) -> Locator:
    return page.locator("#manuscript textarea")


def rows(page: Page) -> Locator:
    return page.locator("#versions .step-row")


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in found if v["impact"] in ("serious", "critical")]


def kept(studio: Studio) -> list[tuple[str, str, int | None]]:
    [piece] = studio.store.pieces()
    return [(v.why, v.text, v.parent) for v in studio.store.versions(piece.id)]


def test_w5_w6_a_round_taken_over_is_undone_restored_as_a_branch_and_nothing_is_lost(
    pages: Pages, studio: Studio
) -> None:
    page = pages.open()
    write(page, BRIEF, rounds=1)
    done(page)
    manuscript(page).fill("My own words.")
    page.locator("#rounds .use[data-attempt='1']").click()
    expect(manuscript(page)).to_have_value(FIRST, timeout=SOON_MS)
    note = page.locator("#undo .note")
    expect(note).to_contain_text("First draft is your manuscript now. What stood there is kept.")
    manuscript(page).press("Alt+z")
    expect(manuscript(page)).to_have_value("My own words.", timeout=SOON_MS)
    expect(note).to_contain_text("Undone")

    page.locator("#rounds .use[data-attempt='1']").click()
    expect(manuscript(page)).to_have_value(FIRST, timeout=SOON_MS)
    expect(page.locator("#rounds .based-on-an-older-text")).to_have_count(0)
    manuscript(page).press("Control+End")
    page.keyboard.type(MORE)
    page.keyboard.press("Control+s")
    expect(page.locator("#rounds [data-attempt='2'] .based-on-an-older-text")).to_be_visible(timeout=SOON_MS)

    page.locator("#versions summary").first.focus()  # from here on by keyboard alone
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(len(kept(studio)), timeout=SOON_MS)
    expect(rows(page).first).to_contain_text("Kept by you")
    old = page.locator("#versions .step-row", has_text="Undone, back to").locator(".step")
    old.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#versions .read .pairs")).to_be_visible(timeout=SOON_MS)
    expect(old).to_be_focused()
    before = kept(studio)
    page.locator("#versions [data-act=restore]").focus()
    page.keyboard.press("Enter")
    expect(manuscript(page)).to_have_value("My own words.", timeout=SOON_MS)
    expect(rows(page).first).to_contain_text("Restored from Saved while you wrote", timeout=SOON_MS)
    expect(rows(page).first.locator(".step")).to_be_focused()
    expect(page.locator("#versions .aside").first).to_contain_text("on a branch you left")
    assert kept(studio)[1:] == before and (kept(studio)[1][1], kept(studio)[0][1]) == (FIRST + MORE, "My own words.")
    expect(page.locator("#rounds .based-on-an-older-text")).to_have_count(0, timeout=SOON_MS)
    page.locator("#undo [data-act=undo]").click()
    expect(manuscript(page)).to_have_value(FIRST + MORE, timeout=SOON_MS)
    assert kept(studio)[2:] == before
    expect(page.locator("#saved .state")).to_have_text("Saved", timeout=SOON_MS)
    pages.reload(page)
    expect(manuscript(page)).to_have_value(FIRST + MORE, timeout=SOON_MS)


def test_the_list_and_the_note_fit_a_phone_in_both_themes_and_undo_goes_after_ten_seconds(
    pages: Pages, studio: Studio
) -> None:
    piece = studio.store.new_piece(BRIEF, "One. " * 40)
    piece = studio.store.save_piece(piece.id, BRIEF, "Two. " * 40, 1, "Round 1 taken over")
    piece = studio.store.restore_version(piece.id, 1, 2)
    studio.store.name_version(piece.id, 2, "Donaudampfschifffahrtsgesellschaftskapitän " * 2)
    for scheme in ("light", "dark"):
        page = pages.open(390, f"?piece={piece.id}", color_scheme=scheme)
        page.locator("#versions summary").first.click()
        page.locator("#versions .step-row[data-revision='2'] .step").click()
        expect(page.locator("#versions .read")).to_be_visible(timeout=SOON_MS)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        sizes = "[...document.querySelectorAll('#versions button, #undo button')].map((b) => b.offsetHeight)"
        page.locator("#versions [data-act=restore]").click()
        expect(page.locator("#undo .note")).to_be_visible(timeout=SOON_MS)
        assert min(page.evaluate(sizes)) >= 32
        assert serious(page) == []
        page.mouse.move(5, 5)
        expect(page.locator("#undo .note")).to_be_hidden(timeout=SOON_MS)
        latest = studio.store.piece(piece.id)
        assert latest is not None and latest.text == "Two. " * 40
        studio.store.restore_version(piece.id, 1, latest.revision)
        page.context.close()


def test_a_version_is_named_and_copied_and_a_backup_is_put_back_from_the_settings(pages: Pages, studio: Studio) -> None:
    piece = studio.store.new_piece(BRIEF, "Yesterday.")
    studio.store.backup(studio.store.backups, replace=True)
    studio.store.save_piece(piece.id, BRIEF, "Today.", 1, "kept by hand")
    page = pages.open(query=f"?piece={piece.id}")
    page.locator("#versions summary").first.click()
    page.locator("#versions .step-row[data-revision='1'] .step").click()
    page.get_by_role("button", name="Name it").click()
    page.locator("dialog input").fill("The first <day>")
    page.locator("dialog .main").click()
    expect(rows(page).last).to_contain_text("“The first <day>” Begun", timeout=SOON_MS)
    page.get_by_role("button", name="Copy to a new piece").click()
    expect(manuscript(page)).to_have_value("Yesterday.", timeout=SOON_MS)
    expect(page.locator("#library .title").first).to_contain_text("(The first <day>)", timeout=SOON_MS)
    assert len(studio.store.pieces()) == 2

    other = pages.tab(page.context.new_page(), f"?piece={piece.id}")
    expect(manuscript(other)).to_have_value("Today.", timeout=SOON_MS)
    page.bring_to_front()
    page.keyboard.press("Alt+5")
    expect(page.locator("#backups li")).to_have_count(1, timeout=SOON_MS)
    assert serious(page) == []
    page.get_by_role("button", name="Restore the backup of").click()
    pages.leaving = True
    page.locator("dialog .main").click()
    expect(page.locator("#backup-answer")).to_contain_text("Restored. What stood there is kept as", timeout=SOON_MS)
    expect(manuscript(page)).to_have_value("Yesterday.", timeout=SOON_MS)
    other.bring_to_front()
    expect(manuscript(other)).to_have_value("Yesterday.", timeout=SOON_MS)  # it loaded itself anew
    [restored] = studio.store.pieces()
    assert (restored.id, restored.text) == (piece.id, "Yesterday.")
    [before, _] = studio.store.kept_backups()
    restore(studio.store, studio.store.path.parent, before.path)
    eventually(lambda: {p.text for p in studio.store.pieces()} == {"Today.", "Yesterday."})
    assert os.path.exists(before.path)
