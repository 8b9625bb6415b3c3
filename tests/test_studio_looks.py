"""How the page looks in each of its states, in a real Chromium: nothing overflows, is cut off, covered, or restless."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import example_run as example
import pytest
from live import SOON_MS, Pages
from playwright.sync_api import Page, expect

from writer_r1.events import EVENT, DraftDelta, Drafted, Event, Failed, Finished, Rejected, RubricReady, Scored, Stopped
from writer_r1.store import this_process
from writer_r1.trajectory import Criterion

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WIDE, ZOOMED, PHONE = 1440, 720, 390  # a window of 1440 zoomed to 200 % is 720 wide
LONG_NAMES = (
    "Miscommunication between the two sisters",
    "Unvoiced tenderness",
    "Parting in plain sight, without announcing it to anybody at all",
    "No talk of courage",
    "Rechtsschutzversicherungsgesellschaften",
    "Clear sentences",
)
RUNS = ("reading", "wording", "drafting", "judging", "revising", "stopped", "failed", "ready", "three", "names", "long")
SEEN = {
    "reading": "#criteria .skeleton",
    "wording": "#criteria .ghost",
    "drafting": "#sheet .text.writing",
    "judging": "#criteria .pending",
    "revising": "#rounds .round-card >> nth=1",
    "failed": "#trouble .card",
    "ready": "#phase .phase.done",
}


# The states, told as events


def until(events: Sequence[Event], kind: type, count: int) -> list[Event]:
    """Return the events up to and with the `count`th of a kind."""
    return list(events[: [i for i, e in enumerate(events) if isinstance(e, kind)][count - 1] + 1])


def renamed(events: Sequence[Event]) -> list[Event]:
    """Return the events of the example run with long names for its criteria."""
    old = example.RUBRIC
    new = old.model_copy(update={"criteria": tuple(map(_named, old.criteria, LONG_NAMES))})
    pairs = [(old.id, new.id)]
    for before, after in zip(old.criteria, new.criteria, strict=True):
        pairs += [(before.id, after.id), (before.name, after.name)]
    lines = [e.model_dump_json() for e in events]
    for before_, after_ in pairs:
        lines = [line.replace(before_, after_) for line in lines]
    return [EVENT.validate_json(line) for line in lines]


def _named(criterion: Criterion, name: str) -> Criterion:
    return criterion.model_copy(update={"name": name})


def lengthened(event: Event) -> Event:
    return event.model_copy(update={"text": "\n\n".join([event.text] * 12)}) if isinstance(event, Drafted) else event


def three_rounds(run: str) -> list[Event]:
    third = [e.model_copy(update={"attempt": 4}) for e in example.attempt(3, example.SECOND, parent=2)]
    end = [Stopped(why="round limit reached"), Finished(trajectory_id=run, best_attempt=2, rounds=3)]
    return [*example.whole_run(run)[:-2], *third, Rejected(attempt=4, why="no better than Round 1"), *end]


def told(state: str, run: str) -> list[Event]:
    """Return what has happened in a run that stands in this state."""
    whole, first = example.whole_run(run), [*example.coding(), *example.attempt(1, example.FIRST)]
    end = Finished(trajectory_id=run, best_attempt=None, rounds=0)
    failed = Failed(message="There is not enough memory for this model; choose a smaller one on the Models page.")
    return {
        "reading": lambda: example.coding()[:2],
        "wording": lambda: example.coding()[:-2],
        "drafting": lambda: until(first, DraftDelta, 9),
        "judging": lambda: until(first, Scored, 2),
        "revising": lambda: until(whole, DraftDelta, 25),
        "stopped": lambda: [*until(whole, DraftDelta, 25), Stopped(why="user"), end],
        "failed": lambda: [*until(first, DraftDelta, 9), failed],
        "ready": lambda: [*example.coding(), Stopped(why="criteria ready"), end],
        "three": lambda: three_rounds(run),
        "names": lambda: renamed(three_rounds(run)),
        "long": lambda: [lengthened(e) for e in three_rounds(run)],
    }[state]()


@contextmanager
def staged(pages: Pages, state: str, width: int = WIDE, **context: str) -> Iterator[Page]:
    """Open a page on a run in this state, which this process writes, so that it stands still."""
    store = pages.studio.store
    piece = store.new_piece(example.PROMPT, "", f"A letter to the girl who will take over the lamp, {state}")
    run = f"run-{piece.id}"
    events = told(state, run)
    store.begin(run, example.PROMPT, "fake", this_process(), piece.id)
    store.append(run, events)
    for event in events:
        if isinstance(event, RubricReady):
            store.set_rubric(piece.id, event.rubric)
    try:
        page = pages.open(width, **context)
        expect(page.locator(SEEN.get(state, "#rounds .round-card")).first).to_be_visible(timeout=SOON_MS)
        yield page
        pages.leaving = True
        page.context.close()
        pages.leaving = False
    finally:
        if not isinstance(events[-1], Finished | Failed):
            store.append(run, [Finished(trajectory_id=run, best_attempt=None, rounds=0)])
        store.delete_piece(piece.id)


# What is looked at

SIDEWAYS = "document.documentElement.scrollWidth - innerWidth"
CLIPPED = """selector => [...document.querySelectorAll(selector)].filter((node) => {
  const style = getComputedStyle(node);
  const wide = style.display !== 'inline' && node.scrollWidth > node.clientWidth + 1;
  const high = style.overflowY === 'hidden' && node.scrollHeight > node.clientHeight + 2;
  return node.checkVisibility() && (wide || high);
}).map((node) => node.textContent)"""
WORDS = (
    ".round-card :is(h3, .name, .facts, .story p, .text p, .badge), .legend :is(.name, .row), #criteria :is(.name, p)"
)
RESTLESS = (
    "document.getAnimations().filter(a => a.playState === 'running').map(a => a.animationName ?? a.transitionProperty)"
)


def fits(page: Page) -> None:
    """Check that neither a phone nor a window at 200 % has to scroll sideways."""
    for width in (PHONE, ZOOMED):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(200)
        assert page.evaluate(SIDEWAYS) <= 0, width
        assert page.evaluate(CLIPPED, WORDS) == [], width


def test_the_first_page_never_scrolls_sideways(pages: Pages) -> None:
    page = pages.open(PHONE)
    expect(page.locator("#welcome .welcome")).to_be_visible(timeout=SOON_MS)
    fits(page)


@pytest.mark.parametrize("state", RUNS)
def test_no_state_scrolls_sideways_or_cuts_words_off_on_a_phone_or_at_200_percent(pages: Pages, state: str) -> None:
    with staged(pages, state, PHONE) as page:
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        fits(page)


@pytest.mark.parametrize("state", ["wording", "drafting", "three"])
def test_with_reduced_motion_nothing_moves(pages: Pages, state: str) -> None:
    with staged(pages, state, reduced_motion="reduce") as page:
        assert page.evaluate(RESTLESS) == []
        if state == "three":
            page.locator(".round-card summary.line").first.click()
            assert page.evaluate(RESTLESS) == []
    with staged(pages, "drafting") as page:  # where motion is welcome the text being written has a caret
        assert "breathe" in page.evaluate(RESTLESS)


def test_long_names_stand_whole_in_every_column_and_short_words_are_not_broken(pages: Pages) -> None:
    with staged(pages, "names") as page:
        assert page.evaluate(CLIPPED, WORDS) == []
        lines = """names => names.map((name) => {
          const range = document.createRange();
          const word = name.firstChild.data.indexOf(' ');
          range.setStart(name.firstChild, 0);
          range.setEnd(name.firstChild, word > 0 ? word : 1);
          return new Set([...range.getClientRects()].map((box) => box.top)).size;
        })"""
        first_words = page.eval_on_selector_all(".legend .row .name", lines)
        assert first_words == [1] * len(LONG_NAMES)


def test_what_can_be_done_with_a_criterion_stands_on_the_line_of_its_reason_beside_the_sidebar(pages: Pages) -> None:
    with staged(pages, "three") as page:
        expect(page.locator("#library")).to_be_visible()
        tops = """feet => feet.map((foot) => Math.round(
          foot.querySelector('.tools').getBoundingClientRect().top - foot.getBoundingClientRect().top))"""
        assert page.eval_on_selector_all("#criteria .foot", tops) == [0] * len(example.CRITERIA)


def test_a_pieces_tools_cover_no_word_of_its_title(pages: Pages) -> None:
    with staged(pages, "three") as page:
        row = page.locator("#library .piece").first
        row.hover()
        expect(row.locator(".tool")).to_have_count(2)
        for box in row.locator(".tool").evaluate_all("tools => tools.map((t) => t.getBoundingClientRect().toJSON())"):
            assert box["width"] >= 32 and box["height"] >= 32
            assert box["top"] >= row.locator(".title").evaluate("title => title.getBoundingClientRect().bottom") - 1


def test_on_a_phone_nothing_is_painted_over_start_and_stop(pages: Pages) -> None:
    with staged(pages, "drafting", PHONE) as page:
        for top in range(0, 1600, 120):
            page.evaluate("top => scrollTo({ top, behavior: 'instant' })", top)
            covered = """() => {
              const box = document.querySelector('#actions').getBoundingClientRect();
              const at = (x, y) => document.elementFromPoint(x * box.width, box.top + y * box.height);
              const places = [0.05, 0.3, 0.6, 0.95].flatMap((x) => [at(x, 0.2), at(x, 0.8)]);
              return places.filter((node) => !node?.closest('#actions')).length;
            }"""
            assert page.evaluate(covered) == 0, top
