"""A manuscript of 60,000 words in a real Chromium on a live studio: opened, searched, typed in, one scene worked on."""

import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest
from live import SOON_MS, Pages, done, eventually
from manuscripts import HARD, chaptered
from playwright.sync_api import Page, expect

from writer_r1.checks import word_count
from writer_r1.events import Drafted
from writer_r1.scenes import chapters, label, scenes
from writer_r1.store import Piece

pytestmark = [pytest.mark.browser, pytest.mark.alone, pytest.mark.timeout(300)]

NOVEL = chaptered()
BRIEF = "A novel of 60,000 words about a harbour."
BOX = "#manuscript textarea"
ODD = [
    "Before.\n\n# One #\nA.\n***\nB\n---\n\n## Two ##\n\nC\n    # no heading\n\t# Tab\n#tag\n#\n\n* *\n*\n\nD\n",
    "# T\n\n## A\n\nx\n\n### n\n\ny\n\n## B\n\nz", "", "\n\n", "# only",
    "no end\n\n⁂\n\n  ", "a\n- - -\nb\n_ _ _\nc\n **  **\n",
]  # fmt: skip


@pytest.fixture(scope="module")
def novel(studio: Any) -> Piece:
    made: Piece = studio.store.new_piece(BRIEF, NOVEL, "A long one")
    return made


@pytest.fixture
def page(pages: Pages, novel: Piece) -> Iterator[Page]:
    opened = pages.open(query=f"?piece={novel.id}")
    expect(opened.locator("#outline .parts button")).to_have_count(24 * 4, timeout=SOON_MS)
    yield opened
    pages.leaving = True
    opened.context.close()
    pages.leaving = False


def held(pages: Pages, piece: Piece) -> Piece:
    found = pages.studio.store.piece(piece.id)
    assert found
    return found


def opened(pages: Pages, piece: Piece, ready: str) -> float:
    """Return how long it takes from the way to the page until this is true of it."""
    room = pages.browser.new_context(viewport={"width": 1440, "height": 900})
    page, began = room.new_page(), time.monotonic()
    page.goto(f"{pages.studio.address}?piece={piece.id}")
    page.wait_for_function(ready)
    took = time.monotonic() - began
    room.close()
    return took


def test_it_opens_within_two_seconds_with_its_outline(pages: Pages, novel: Piece) -> None:
    """The best of five; where others use the cores, so that even a letter takes longer, little longer than a letter."""
    letter = pages.studio.store.new_piece("A letter", "My girl,")
    text = f"document.querySelector('{BOX}')?.value"
    outline = "document.querySelectorAll('#outline .parts button').length === 96"
    long, short = list[float](), list[float]()
    for _ in range(5):
        long.append(opened(pages, novel, f"{text}.length > 300000 && {outline}"))
        short.append(opened(pages, letter, f"{text} === 'My girl,'"))
    told = {"novel_opens_s": round(statistics.median(long), 2), "letter_opens_s": round(statistics.median(short), 2)}
    print(f"RESULT {json.dumps(told)}")
    assert min(long) <= max(2.0, min(short) + max(0.8, 0.6 * min(short)))


def test_the_page_and_the_studio_read_chapters_and_scenes_alike(page: Page) -> None:
    for text in [*HARD.values(), *ODD, NOVEL[:9_000]]:
        seen = page.evaluate(
            "text => window.studio.chapters(text).map((c) => [c.title, c.scenes.map((s) => [s.start, s.end, s.name])])",
            text,
        )
        units = [0]
        for character in text:  # places in a page are counted in UTF-16
            units.append(units[-1] + (2 if ord(character) > 0xFFFF else 1))
        expected = [[c.title, [[units[s.start], units[s.end], s.name] for s in c.scenes]] for c in chapters(text)]
        assert seen == expected, text[:80]


def test_the_page_and_the_studio_count_words_alike(page: Page) -> None:
    odd = [
        "",
        "Don’t — it's twenty-one.",
        "昨夜，風停了。 Then rain.",
        "यह एक छोटी कहानी है।",
        "שָׁלוֹם עולם",
        "Ὀδυσσεύς",
        "a_b",
    ]
    for text in [*odd, NOVEL[:9_000]]:
        assert page.evaluate("text => window.studio.words(text)", text) == word_count(text), text[:80]


def test_typing_in_it_waits_for_nothing(page: Page) -> None:
    """From a key to what is painted; and no long task but those that a save makes after the last key."""
    page.evaluate(
        f"() => {{ const t = document.querySelector('{BOX}'); t.focus(); t.setSelectionRange(170000, 170000); }}"
    )
    page.wait_for_timeout(600)
    took = page.evaluate(
        """async () => {
          const found = [];
          for (let i = 0; i < 30; i++) {
            const began = performance.now();
            document.execCommand("insertText", false, "x");
            await new Promise((r) => requestAnimationFrame(() => setTimeout(r)));
            found.push(performance.now() - began);
          }
          return found.sort((a, b) => a - b);
        }"""
    )
    print(f"RESULT {json.dumps({'key_to_paint_ms': {'median': round(took[15]), 'worst': round(took[-1])}})}")
    assert took[5] < 150  # 20 on an idle machine; it was 400 where the box was fitted to its text at each key
    for _ in range(30):
        page.keyboard.press("Backspace")
    expect(page.locator("#saved .state")).to_have_text("Saved", timeout=SOON_MS)


def test_words_are_found_and_walked_through_within_a_fifth_of_a_second(page: Page) -> None:
    field, wanted = page.locator("#outline .finding input"), " ".join(NOVEL.split()[31_000:31_003])
    page.locator(BOX).focus()
    page.keyboard.press("Control+f")
    expect(field).to_be_focused()
    field.fill(wanted)
    expect(page.locator("#outline .found")).to_have_text("1 found")
    took = page.evaluate(
        """async () => {
          const found = [], next = document.querySelector("#outline [data-step='1']");
          const input = document.querySelector("#outline .finding input");
          for (const words of ["the", "vel", "corden the", "zzzz", input.value]) {
            const tries = [];
            for (let i = 0; i < 3; i++) {
              const began = performance.now();
              input.value = words;
              next.disabled = false;
              next.click();
              await new Promise((r) => requestAnimationFrame(() => setTimeout(r)));
              tries.push(performance.now() - began);
            }
            found.push(Math.min(...tries));
          }
          return found;
        }"""
    )
    print(f"RESULT {json.dumps({'find_ms': [round(t) for t in took]})}")
    assert max(took) <= 200
    places = "['selectionStart', 'selectionEnd', 'scrollTop']"
    chosen = page.evaluate(f"{places}.map(name => document.querySelector('{BOX}')[name])")
    assert NOVEL[chosen[0] : chosen[1]] == wanted and chosen[2] > 1000
    expect(page.locator(BOX)).to_be_focused()
    expect(page.locator("#outline .found")).to_have_text("1 of 1")
    page.keyboard.press("Shift+F3")
    expect(page.locator("#outline .found")).to_have_text("1 of 1")


def test_the_library_is_searched_within_a_fifth_of_a_second(pages: Pages, novel: Piece) -> None:
    store = pages.studio.store
    words, took = " ".join(NOVEL.split()[50_000:50_003]), []
    for query in (words, "harbour", "vel", "zzzz"):
        tries = []
        for _ in range(3):
            began = time.monotonic()
            found = store.find(query)
            tries.append(time.monotonic() - began)
        took.append(min(tries))
        assert (novel.id in {hit.piece.id for hit in found}) is (query != "zzzz")
    print(f"RESULT {json.dumps({'library_find_ms': [round(1000 * t) for t in took]})}")
    assert max(took) <= 0.2


def test_the_outline_leads_to_a_scene_by_key_and_says_which_one_is_worked_on(page: Page) -> None:
    first = page.locator("#outline .parts button[tabindex='0']")
    first.focus()
    for _ in range(5):  # from the scene that is open
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(BOX)).to_be_focused()
    place = scenes(NOVEL)[4]
    at = page.evaluate(f"document.querySelector('{BOX}').selectionStart")
    assert at == place.start
    expect(page.locator("#outline .scope [data-whole='']")).to_contain_text("Chapter 2, scene 2 of 3 · ")
    expect(page.locator("#outline .scope [data-whole='']")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#outline .scope [data-whole='1']")).to_be_disabled()
    page.keyboard.press("Control+Home")
    expect(page.locator("#outline .scope [data-whole='']")).to_contain_text("Chapter 1, scene 1 of 3 · ")


def typed(page: Page, text: str) -> None:
    page.evaluate("text => window.studio.put('text', text)", text)


def go_to(page: Page, number: int) -> None:
    page.locator(f"#outline .parts [data-scene='{number}']").click()
    expect(page.locator("#outline .scope [data-whole='']")).to_contain_text(
        label(chapters(NOVEL), scenes(NOVEL)[number])
    )


def test_a_scene_is_judged_revised_reviewed_and_put_back_with_the_rest_untouched(
    page: Page, pages: Pages, novel: Piece
) -> None:
    place = scenes(NOVEL)[10]
    words = NOVEL[place.start : place.end]
    new = "The rope came in wet, and she counted it twice before she let it go."
    pages.studio.script(texts=[new])
    go_to(page, 10)
    page.locator("#count input[type=number]").fill("1")
    page.locator("#judge").click()
    done(page)
    run = pages.studio.store.runs_of(novel.id)[0]
    texts = [e.text for _, e in pages.studio.store.events(run.id) if isinstance(e, Drafted)]
    assert texts[0] == words and len(texts) == 2 and new in texts[1]
    expect(page.locator("#rounds .board-head")).to_contain_text("Of Chapter 4, scene 2 of 3")
    page.locator("#rounds .story-so-far summary").click()
    expect(page.locator("#rounds .story-so-far dt").first).to_have_text("Chapter 1")
    expect(page.locator("#rounds .story-so-far dd")).to_have_count(25)
    took = page.evaluate("""async () => {
      const began = performance.now();
      document.querySelector("#rounds [data-review='2']").click();
      while (!document.querySelector("#proposals .review h2")) await new Promise((r) => requestAnimationFrame(r));
      return (performance.now() - began) / 1000;
    }""")
    expect(page.locator("#proposals .review h2")).to_have_text("Changes of Round 1 in Chapter 4, scene 2 of 3")
    print(f"RESULT {json.dumps({'review_opens_s': round(took, 2)})}")
    assert took <= 2.0  # a fraction of it where nobody else uses the cores
    page.locator("#proposals [data-do='accept-all']").click()
    page.locator("#proposals [data-do='put']").click()
    there = NOVEL[: place.start] + texts[1] + NOVEL[place.end :]
    eventually(lambda: held(pages, novel).text == there)
    expect(page.locator("#outline .scope [data-whole='']")).to_contain_text("Chapter 4, scene 2 of 3")
    # Changed meanwhile it is found again by its words; and the first text goes back, byte for byte.
    page.locator("#rounds .round-card[data-attempt='1'] .use").click()
    eventually(lambda: held(pages, novel).text == NOVEL)
    expect(page.locator("#undo .note")).to_contain_text("Your text is Chapter 4, scene 2 of 3 now.")


def test_a_scene_that_is_gone_is_refused_in_a_sentence_and_nothing_is_changed(
    page: Page, pages: Pages, novel: Piece
) -> None:
    page.locator("#rounds .round-card[data-attempt='2'] .use").wait_for(timeout=SOON_MS)
    place = scenes(NOVEL)[10]
    other = NOVEL[: place.start] + "Nothing of it is left." + NOVEL[place.end :]
    typed(page, other)
    page.locator("#rounds .round-card[data-attempt='2'] .use").click()
    expect(page.locator("#trouble")).to_contain_text("“Chapter 4, scene 2 of 3” was not found again", timeout=SOON_MS)
    assert held(pages, novel).text == other
    typed(page, NOVEL)
    eventually(lambda: held(pages, novel).text == NOVEL)


def test_on_a_phone_the_outline_is_folded_and_nothing_is_wider_than_the_page(pages: Pages, novel: Piece) -> None:
    page = pages.open(390, query=f"?piece={novel.id}")
    expect(page.locator("#outline summary")).to_have_text("Outline: 24 chapters, 72 scenes", timeout=SOON_MS)
    assert page.locator("#outline details").get_attribute("open") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#outline summary").click()
    page.locator("#outline .parts [data-scene='70']").click()
    expect(page.locator(BOX)).to_be_focused()
    pages.leaving = True
    page.context.close()
    pages.leaving = False


def test_a_short_piece_shows_no_outline(pages: Pages) -> None:
    piece = pages.studio.store.new_piece("A letter", "My girl,\n\nTrim at four.")
    page = pages.open(query=f"?piece={piece.id}")
    page.wait_for_function(f"document.querySelector('{BOX}').value.startsWith('My girl')")
    expect(page.locator("#outline .plan")).to_be_hidden()
