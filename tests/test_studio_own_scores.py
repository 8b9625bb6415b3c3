"""Scores of the writer's own in a real Chromium on a live studio: given by key, seen beside the judge's, never lost."""

from collections.abc import Iterator

import pytest
from live import SOON_MS, Pages, Studio, done, eventually, write
from playwright.sync_api import Locator, Page, expect
from scripted import FIRST, revision
from test_studio_keyboard import reword, row, run_of, tab_to

from writer_r1.trajectory import Trajectory

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BRIEF = "A farewell from a lighthouse keeper to the sea."
TEXTS = [FIRST, revision("plainer"), revision("plain plain plain")]


@pytest.fixture
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    live = Studio(tmp_path_factory.mktemp("studio"))
    live.script(texts=TEXTS)
    live.start()
    yield live
    live.stop()


def line(page: Page, number: int, at: int = 0) -> Locator:
    """Return a criterion's row in the card of a text."""
    return page.locator(f"#rounds .round-card[data-attempt='{number}'] .rows details").nth(at)


def given(studio: Studio, run: Trajectory) -> dict[tuple[int, str], int]:
    return {(o.attempt, o.criterion.name): o.score for o in studio.store.own_scores(run.id)}


def test_a_score_is_given_by_key_on_either_board_and_outlives_reload_restart_and_another_judging(
    pages: Pages, studio: Studio
) -> None:
    page = pages.open()
    write(page, BRIEF, rounds=1)
    done(page)
    run = run_of(page, studio)
    assert run.rubric and run.best
    first, second, *_ = (c.name for c in run.rubric.criteria)

    page.locator("#rounds .round-card").first.focus()
    tab_to(page, line(page, 1).locator("summary"))
    page.keyboard.press("Enter")
    tab_to(page, line(page, 1).locator("select"), most=3)
    page.keyboard.press("7")
    expect(line(page, 1).locator(".yours")).to_have_text("yours 7", timeout=SOON_MS)
    expect(line(page, 1).locator("select")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(line(page, 1).locator(".yours")).to_have_text("yours 8", timeout=SOON_MS)
    eventually(lambda: given(studio, run) == {(1, first): 8})

    tab_to(page, row(page, second), back=True)
    tab_to(page, row(page, second).locator(".foot summary").first, most=4)
    page.keyboard.press("Enter")
    tab_to(page, row(page, second).locator("[data-act=own]"), most=4)
    page.keyboard.press("3")
    expect(row(page, second).locator(".yours")).to_have_text("yours 3", timeout=SOON_MS)
    expect(row(page, second).locator("[data-act=own]")).to_be_focused()
    expect(line(page, run.best, 1).locator(".yours")).to_have_text("yours 3", timeout=SOON_MS)
    wanted = {(1, first): 8, (run.best, second): 3}
    assert given(studio, run) == wanted and run_of(page, studio) == run  # nothing that was judged has moved

    reword(page, first, "The stairs are steep.")
    done(page)
    expect(line(page, 1).locator(".yours")).to_have_count(0, timeout=SOON_MS)  # other words were scored
    expect(line(page, run.best, 1).locator(".yours")).to_have_text("yours 3", timeout=SOON_MS)
    expect(page.locator("#criteria .pending")).to_have_count(0, timeout=SOON_MS)

    pages.leaving = True
    query = "?" + page.url.partition("?")[2]
    page.close()  # left open it would load itself again, at a moment of its own
    studio.stop()
    studio.start()
    page = pages.open(query=query)
    expect(row(page, second).locator(".yours")).to_have_text("yours 3", timeout=SOON_MS)
    expect(line(page, run.best, 1).locator(".yours")).to_have_text("yours 3", timeout=SOON_MS)
    assert given(studio, run) == wanted


def test_a_score_given_while_the_next_round_is_judged_is_kept_and_shown(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    studio.script(texts=TEXTS, delay=0.02, judging=0.3)
    write(page, BRIEF, rounds=1)
    expect(line(page, 1, 1).locator(".bar")).to_be_visible(timeout=60_000)
    line(page, 1, 1).locator("summary").click()
    for value in ("4", "9"):
        line(page, 1, 1).locator("select").select_option(value)
    expect(line(page, 1, 1).locator("select")).to_have_value("9")
    expect(line(page, 1, 1).locator(".yours")).to_have_text("yours 9", timeout=SOON_MS)
    expect(page.locator("#phase .phase.busy")).to_be_visible()  # and the run went on
    expect(line(page, 1, 1).locator("select")).to_have_value("9")
    line(page, 2).locator("summary").click(timeout=60_000)
    line(page, 2).locator("select").select_option("2")
    expect(line(page, 2).locator(".yours")).to_have_text("yours 2", timeout=SOON_MS)
    done(page, 120_000)
    run = run_of(page, studio)
    assert run.rubric
    first, second, *_ = (c.name for c in run.rubric.criteria)
    assert given(studio, run) == {(1, second): 9, (2, first): 2}


def test_a_score_that_the_studio_refuses_goes_back_and_says_why(pages: Pages, studio: Studio) -> None:
    page = pages.open()
    write(page, BRIEF)
    done(page)
    run = run_of(page, studio)
    line(page, 1).locator("summary").click()
    line(page, 1).locator("option").last.evaluate("option => (option.value = '11')")
    line(page, 1).locator("select").select_option("11")
    expect(page.get_by_text("A score of yours is a whole number from 1 to 10")).to_be_visible(timeout=SOON_MS)
    expect(line(page, 1).locator("select")).to_have_value("", timeout=SOON_MS)
    assert given(studio, run) == {}
