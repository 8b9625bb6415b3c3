"""The round board: what each card says, what an update leaves alone, and what the reader's choices do in Chromium."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import example_run as example
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from writer_r1.events import DraftDelta, Drafted, Edited, Evaluated, Event, Rejected, Scored, Stopped
from writer_r1.store import OwnScore
from writer_r1.trajectory import Criterion, Rubric, Trajectory
from writer_r1.ui.drawn import Drawn, Sent
from writer_r1.ui.prose import FAULTS, differing, prose
from writer_r1.ui.round_board import round_board, sparkline
from writer_r1.ui.view import View, advance

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

UI = Path(__file__).parent.parent / "writer_r1" / "ui"
HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(1)> </textarea> \"' & ${1+1} {{x}}"
VOID = {"input", "circle", "polyline", "img", "br"}


def view_of(events: list[Event]) -> View:
    return advance(View(Trajectory(id="run1", prompt=example.PROMPT)), list(enumerate(events, 1)))


def until(kind: type, count: int = 1) -> list[Event]:
    """Return the example run up to and with its `count`th event of a kind."""
    whole = example.whole_run("run1")
    return whole[: [i for i, e in enumerate(whole) if isinstance(e, kind)][count - 1] + 1]


WHOLE = view_of(example.whole_run("run1"))


class Page_(HTMLParser):
    """What stands in a page: its text, tags, attributes, and the text of each card."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text, self.open = "", list[str]()
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def cards(html: str) -> list[str]:
    return ["<article" + part.split("</article>")[0] + "</article>" for part in html.split("<article")[1:]]


def board(view: View, busy: bool = False) -> str:
    return round_board(view, busy=busy)


def replaced(value: Any, text: str) -> Any:
    """Return stored JSON with every free text replaced."""
    free = {"text", "prompt", "name", "description", "reason", "quote", "edit", "why", "message", "fault", "status"}
    if isinstance(value, dict):
        return {k: text if k in free and isinstance(v, str) else replaced(v, text) for k, v in value.items()}
    return [replaced(v, text) for v in value] if isinstance(value, list) else value


# What is said


@given(st.sampled_from([HOSTILE, "حبر", "灯塔 🗼"]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(deadline=None, max_examples=60)
def test_no_text_of_user_or_model_becomes_markup(text: str) -> None:
    hostile = Criterion(name=(text.strip() or "x")[:80], description="d")
    rubric = Rubric(prompt_id="p", criteria=(hostile, *example.CRITERIA))
    now = Trajectory.model_validate(replaced(WHOLE.now.model_dump(exclude={"rubric"}), text))
    found = Page_(board(WHOLE._replace(now=now.model_copy(update={"rubric": rubric}))))
    assert not {"script", "img", "textarea", "a", "iframe"} & set(found.tags)
    assert not {name for name, _ in found.attributes if name.startswith("on") or name in ("src", "href")}


def test_nothing_is_shown_before_the_first_text_is_whole() -> None:
    assert round_board(None, busy=False) == "" and board(view_of(until(DraftDelta, 3))) == ""
    assert board(view_of(until(Drafted))) != ""


def test_each_card_is_named_by_its_round_its_score_and_what_became_of_it() -> None:
    labels = [dict(Page_(card).attributes[:6])["aria-label"] for card in cards(board(WHOLE))]
    assert labels == ["First draft, 6.0 of 10", "Round 1, 7.8 of 10, best", "Round 2, 7.0 of 10, not accepted"]


def test_the_board_is_a_list_of_cards_that_a_keyboard_reaches() -> None:
    html = board(WHOLE)
    assert html.count('role="list"') == 1 and html.count('role="listitem" tabindex="0"') == 3


def test_a_refused_round_says_why_and_what_was_asked_of_it() -> None:
    text = Page_(cards(board(WHOLE))[2]).text
    assert "Not accepted: One voice to one girl fell by 3.1" in text
    assert "What was asked" in text and example.ADVICE[3][0].edit in text


def test_length_stands_beside_the_score_with_its_change_since_the_parent() -> None:
    first, second, _ = (Page_(card).text for card in cards(board(WHOLE)))
    assert "117 words" in first and "(+" not in first
    assert "words (+" in second and "a guide, not a verdict" in second


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("no improvement", "Stopped because two rounds in a row brought nothing better."),
        ("round limit reached", "Stopped because all rounds are written."),
        ("target reached", "Stopped because the scores are high enough."),
        ("user", "Stopped by you"),
    ],
)
def test_the_board_says_why_the_rounds_ended(why: str, said: str) -> None:
    events = [Stopped(why=why) if isinstance(e, Stopped) else e for e in example.whole_run("run1")]
    assert said in Page_(board(view_of(events))).text


def test_every_fault_a_draft_can_have_is_said_in_plain_words() -> None:
    events: list[Event] = [*until(Drafted, 2)[:-1], Drafted(attempt=2, text="x", parent=1, faults=tuple(FAULTS))]  # type: ignore[arg-type]
    text = Page_(board(view_of([*events, Rejected(attempt=2, why="not judged: looping, off-language")]))).text
    assert all(words in text for words in FAULTS.values())
    assert "off-language" not in text and "it could not be judged" in text
    assert text.count("not judged") and "not judged yet" not in text, "nor will it be"


def test_a_criterion_not_yet_judged_has_no_bar_and_no_number() -> None:
    html = board(view_of(until(Scored, 2)))
    assert html.count('class="bar"') == 2 and Page_(html).text.count("not judged yet") == 4


def test_a_score_that_could_not_be_read_is_a_dash() -> None:
    first = cards(board(WHOLE))[0]
    assert "Clear sentences: not scored" in first and ">—<" in first


def test_all_cards_have_the_same_rows_so_that_they_stand_level() -> None:
    for view in (WHOLE, view_of(until(Scored, 8))):
        html = board(view)
        assert {card.count('<li class="row') for card in cards(html) if "being written" not in card} == {6}
        assert "--rows:6" in html


def test_rows_without_a_clear_change_are_marked_in_every_column_alike() -> None:
    html = board(WHOLE)
    quiet = {
        c.name
        for c in example.CRITERIA
        if f'<li class="row still"><span class="name" dir="auto" title="{c.name}"' in html
    }
    assert quiet == {"No talk of courage", "Clear sentences"}
    assert [card.count(' still"') for card in cards(html)] == [2, 2, 2]


def test_a_quote_that_stands_in_the_text_can_be_shown_there_and_another_cannot() -> None:
    html = board(WHOLE)
    assert 'data-quote="The wick wants"' in html
    lost = [
        e.model_copy(
            update={
                "evaluation": e.evaluation.model_copy(
                    update={"scores": tuple(s.model_copy(update={"quote_found": False}) for s in e.evaluation.scores)}
                )
            }
        )
        if isinstance(e, Evaluated)
        else e
        for e in example.whole_run("run1")
    ]
    assert "data-quote" not in board(view_of(lost)) and "not found in the text" in board(view_of(lost))


def test_a_complete_round_can_be_used_once_nothing_is_written_any_more() -> None:
    assert [f'data-act="use" data-attempt="{n}"' in board(WHOLE) for n in (1, 2, 3, 4)] == [True, True, True, False]
    assert board(WHOLE).count("disabled") == 0 and board(WHOLE, busy=True).count("disabled") == 3
    assert "data-act" not in cards(board(view_of(until(DraftDelta, 30))))[-1]


# Updates


def test_while_a_round_is_written_only_its_own_card_changes_and_only_every_ten_words() -> None:
    start = until(Drafted, 1) + until(Evaluated, 1)[len(until(Drafted, 1)) :]
    seen = []
    for count in range(1, 60):
        seen.append(board(view_of([*start, DraftDelta(attempt=2, text="word " * count, parent=1)]), busy=True))
    assert len({cards(html)[0] for html in seen}) == 1
    assert len({cards(html)[1] for html in seen}) == 6
    assert "being written, 50 words" in seen[-1] and "word word" not in seen[-1]


def test_what_a_stopped_round_left_can_be_read() -> None:
    view = view_of([*until(Evaluated, 1), DraftDelta(attempt=2, text="It was late", parent=1), Stopped(why="user")])
    html = board(view._replace(ended=True))
    assert "It was late" in html and "Round 1, unfinished" in html and "3 words were written" in html


def test_after_the_criteria_changed_old_scores_are_greyed_until_they_are_judged_again() -> None:
    rubric = Rubric(prompt_id="p", criteria=(*example.CRITERIA[:5], Criterion(name="New", description="Newly asked.")))
    edited = [*example.whole_run("run1"), Edited(rubric=rubric)]
    html = board(view_of(edited), busy=True)
    assert html.count("being judged again</span>") == 3 and all("stale" in card for card in cards(html))
    evaluation = example.SCORES[1].model_copy(update={"rubric_id": rubric.id})
    again = cards(board(view_of([*edited, Evaluated(attempt=1, evaluation=evaluation)]), busy=True))
    assert ["stale" in card for card in again] == [False, True, True]


# Parts


@given(st.lists(st.none() | st.floats(0, 1), max_size=8))
@settings(deadline=None)
def test_a_sparkline_has_a_dot_for_each_value_inside_its_box_and_none_for_a_missing_one(
    values: list[float | None],
) -> None:
    found = sparkline(values)
    assert found.count("<circle") == sum(v is not None for v in values)
    for part in found.split('cy="')[1:]:
        assert 0 <= float(part.split('"')[0]) <= 27
    assert 'aria-hidden="true"' in found or not found


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200).filter(str.strip))
@settings(deadline=None)
def test_the_text_is_shown_to_the_letter(text: str) -> None:
    assert Page_(prose(text)).text.split() == text.split()


def test_changes_are_marked_as_insertions_and_deletions_and_a_rewriting_is_shown_in_pairs() -> None:
    marked = differing(example.SECOND, example.THIRD, ("Round 1", "Round 2"))
    assert "<del>Ines</del><ins>girl</ins>" in marked
    other = differing(example.FIRST, "Something else, said anew. " * 30, ("First draft", "Round 1"))
    assert "Rewritten" in other and "<ins>" not in other and 'class="pair' in other
    assert "the same" in differing(example.FIRST, example.FIRST, ("a", "b"))


def test_a_line_break_put_in_or_taken_out_can_be_seen() -> None:
    assert "<ins>¶\n\n</ins>" in differing("One day. Two days.", "One day.\n\nTwo days.", ("a", "b")).replace(
        " </del>", "</del>"
    )
    assert "<del>¶ </del>" in differing("One day.\n\nTwo days.", "One day. Two days.", ("a", "b"))


# In a browser

SHELL = """<!doctype html><meta charset="utf-8"><style>* {{ box-sizing: border-box; }} {css}</style>
<body class="gradio-container"><button id="outside">Outside</button><div id="rounds"></div>
<script>{studio}</script><script>
const element = document.querySelector("#rounds");
const trigger = () => {{}};
const props = {{ value: "" }};
let drawAgain = () => {{}};
const watch = (name, act) => {{ drawAgain = act; }};
let shown = 0;
window.show = (html) => {{ props.value = `${{(shown += 1)}}<!--part-->${{html}}`; drawAgain(); }};
window.take = ([whole, since]) => {{
  if (props.value !== whole) {{ props.value = whole; drawAgain(); }}
  dispatchEvent(new CustomEvent("studio:rounds", {{ detail: since }}));
}};
{{ {board} }}
</script>"""


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    opened = browser.new_context(viewport={"width": 900, "height": 900}, reduced_motion="reduce").new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    css = "".join((UI / name).read_text("utf-8") for name in ("style.css", "round_board.css"))
    scripts = {"studio": (UI / "studio.js").read_text("utf-8"), "board": (UI / "round_board.js").read_text("utf-8")}
    opened.set_content(SHELL.format(css=css, **scripts))
    opened.evaluate("html => show(html)", board(WHOLE))
    yield opened
    assert faults == []


def given(*values: int) -> View:
    """Return the example run with these scores of the writer's own for its second text."""
    criteria = zip(values, example.CRITERIA, strict=False)
    own = (OwnScore("run1", 2, c, value, None, "fake", example.PROMPT, 0.0) for value, c in criteria)
    return WHOLE._replace(own=tuple(own))


def update(page: "Page") -> None:
    page.evaluate("html => show(html)", board(WHOLE, busy=True))


@pytest.mark.browser
def test_what_the_reader_chose_survives_an_update(page: "Page") -> None:
    page.click("[data-attempt='2'] [data-words='changes']")
    page.check("[data-only]")
    shrink = "text => { text.style.maxHeight = '60px'; text.scrollTop = 40; }"
    page.eval_on_selector("[data-attempt='3'] .as-text", shrink)
    page.focus("[data-attempt='3'] .as-text")
    page.wait_for_timeout(300)
    left = page.eval_on_selector(".round-strip", "strip => strip.scrollLeft")
    update(page)
    assert page.locator("[data-attempt='2'] .as-changes").is_visible()
    assert not page.locator("[data-attempt='2'] .as-text").is_visible()
    assert page.locator("[data-attempt='3'] .as-text").is_visible()
    assert page.locator("[data-only]").is_checked() and page.locator(".still >> visible=true").count() == 0
    assert left > 100 and page.eval_on_selector(".round-strip", "strip => strip.scrollLeft") == left
    assert page.evaluate("document.activeElement.matches(\"[data-attempt='3'] .as-text\")")


@pytest.mark.browser
def test_changes_laid_over_an_earlier_board_give_the_board_itself(page: "Page") -> None:
    """Some updates are passed over, as a busy browser does; what stands in the end is what a new page shows."""
    whole, drawn, sent = example.whole_run("run1"), Drawn(), Sent()
    laid = 0
    for end in range(1, len(whole) + 1):
        now = view_of(whole[:end])
        html = round_board(now, busy=True, drawn=drawn)
        told = sent.of(html)
        if end % 5 and end < len(whole):
            continue
        laid += bool(told[1])
        page.evaluate("told => take(told)", told)
        seen = page.evaluate("document.querySelector('#rounds').innerHTML")
        page.evaluate("take(['', ''])")
        assert page.evaluate("document.querySelector('#rounds').innerHTML") == ""
        page.evaluate("html => show(html)", html)
        assert page.evaluate("document.querySelector('#rounds').innerHTML") == seen
    assert laid > 5


@pytest.mark.browser
def test_a_card_that_did_not_change_stays_the_same_node(page: "Page") -> None:
    whole = example.whole_run("run1")
    third = next(i for i, e in enumerate(whole, 1) if isinstance(e, DraftDelta) and e.attempt == 3)
    sent = Sent()
    page.evaluate("told => take(told)", sent.of(board(view_of(whole[:third]), busy=True)))
    page.evaluate("document.querySelectorAll('.round-card').forEach((card) => { card.mine = true; })")
    for end in range(third, third + 5):
        page.evaluate("told => take(told)", sent.of(board(view_of(whole[:end]), busy=True)))
    kept = page.eval_on_selector_all(".round-card", "cards => cards.map((card) => Boolean(card.mine))")
    assert kept == [True, True, False]


@pytest.mark.browser
def test_an_update_leaves_the_focus_to_what_is_outside_the_board(page: "Page") -> None:
    page.focus("[data-attempt='2']")
    page.focus("#outside")
    update(page)
    assert page.evaluate("document.activeElement.id") == "outside"
    page.evaluate("document.activeElement.blur()")
    update(page)
    assert page.evaluate("document.activeElement === document.body")


@pytest.mark.browser
def test_bars_text_and_changes_show_that_alone_in_every_card(page: "Page") -> None:
    page.click("[data-show='bars']")
    assert page.locator(".bar >> visible=true").count() == 18 and page.locator(".words >> visible=true").count() == 0
    page.click("[data-show='changes']")
    assert page.locator(".bar >> visible=true").count() == 0
    assert [page.locator(f".as-{what} >> visible=true").count() for what in ("text", "changes")] == [1, 2]
    page.click("[data-show='text']")
    assert [page.locator(f".as-{what} >> visible=true").count() for what in ("text", "changes")] == [3, 0]
    assert page.get_attribute("[data-show='text']", "aria-pressed") == "true"


@pytest.mark.browser
def test_brackets_walk_through_the_rounds_and_stop_at_the_ends(page: "Page") -> None:
    page.focus("[data-attempt='1']")
    seen = []
    for key in "]]][":
        page.keyboard.press(key)
        seen.append(page.evaluate("document.activeElement.dataset.attempt"))
    assert seen == ["2", "3", "3", "2"]


@pytest.mark.browser
def test_a_quote_is_marked_in_its_own_card_even_where_changes_were_shown(page: "Page") -> None:
    page.click("[data-attempt='2'] [data-words='changes']")
    page.click("[data-attempt='2'] .rows summary >> nth=0")
    page.click("[data-attempt='2'] [data-quote] >> nth=0")
    where = "range.startContainer.parentElement.closest('.round-card').dataset.attempt"
    marked = f"[...CSS.highlights.get('quote')].map(range => [range.toString(), {where}])"
    assert page.evaluate(marked) == [["Wipe the lens from the top", "2"]]
    assert page.locator("[data-attempt='2'] .as-text").is_visible()
    update(page)
    assert page.evaluate(marked) == [["Wipe the lens from the top", "2"]]


CHOICE = "[data-attempt='2'] .rows details >> nth=0 >> select"


@pytest.mark.browser
def test_a_score_of_ones_own_stands_from_the_moment_it_is_chosen_whatever_is_drawn_before_it_is_kept(
    page: "Page",
) -> None:
    page.click("[data-attempt='2'] .rows summary >> nth=0")
    page.focus(CHOICE)
    for value in ("7", "8"):
        page.select_option(CHOICE, value)
        update(page)
        assert page.input_value(CHOICE) == value
        assert page.locator(CHOICE).evaluate("node => node === document.activeElement")
    page.evaluate("html => show(html)", board(given(7), busy=True))  # the answer to the first
    assert page.input_value(CHOICE) == "8" and "yours 7" in page.inner_text("[data-attempt='2']")
    page.evaluate("html => show(html)", board(given(8)))
    assert page.input_value(CHOICE) == "8" and "yours 8" in page.inner_text("[data-attempt='2']")
    page.evaluate("html => show(html)", board(WHOLE))  # taken back in another window
    assert page.input_value(CHOICE) == ""


@pytest.mark.browser
def test_a_score_that_was_refused_goes_back(page: "Page") -> None:
    page.evaluate("html => show(html)", board(given(3)))
    page.click("[data-attempt='2'] .rows summary >> nth=0")
    page.select_option(CHOICE, "9")
    page.wait_for_timeout(1000)
    assert page.input_value(CHOICE) == "9"
    page.wait_for_function("document.querySelector(\"[data-attempt='2'] .rows select\").value === '3'", timeout=8000)


@pytest.mark.browser
def test_a_list_that_is_open_is_not_drawn_anew_under_ones_hand(page: "Page") -> None:
    page.click("[data-attempt='2'] .rows summary >> nth=0")
    page.locator(CHOICE).evaluate("select => (select.here = true)")
    page.click(CHOICE)
    assert page.locator(CHOICE).evaluate("select => select.matches(':open')")
    update(page)
    page.wait_for_timeout(500)
    assert page.locator(CHOICE).evaluate("select => select.here === true && select.matches(':open')")
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    assert page.locator(CHOICE).evaluate("select => select.here === undefined")


@pytest.mark.browser
def test_a_score_of_ones_own_moves_no_bar_and_keeps_the_rows_level(page: "Page") -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    measure = (
        "rows => rows.map((row) => [row.querySelector('.track'), row.querySelector('.fill')].map((n) => n.offsetWidth))"
    )
    widths = page.eval_on_selector_all("[data-attempt='2'] .row", measure)
    page.evaluate("html => show(html)", board(given(1, 10, 5)))
    assert page.eval_on_selector_all("[data-attempt='2'] .row", measure) == widths
    tops = "rows => rows.map(row => Math.round(row.getBoundingClientRect().top))"
    heights = [page.eval_on_selector_all(f"[data-attempt='{n}'] .row", tops) for n in (1, 2, 3)]
    assert heights[0] == heights[1] == heights[2]
    for width in (1440, 700, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        high = page.eval_on_selector_all("[data-attempt='2'] .give select", "ns => ns.map((n) => n.offsetHeight)")
        assert all(h == 0 or h >= 32 for h in high)


@pytest.mark.browser
def test_criteria_stand_level_in_all_columns_and_the_page_never_scrolls_sideways(page: "Page") -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("[data-attempt='1'] .rows summary >> nth=0")
    tops = "rows => rows.map(row => Math.round(row.getBoundingClientRect().top))"
    heights = [page.eval_on_selector_all(f"[data-attempt='{n}'] .row", tops) for n in (1, 2, 3)]
    assert heights[0] == heights[1] == heights[2] and len(set(heights[0])) == 6
    assert page.eval_on_selector_all(".legend .row", tops) == heights[0]
    for width in (1440, 700, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.locator(".round-card[data-attempt='1']").bounding_box()
    assert box and 0.8 * 390 < box["width"] < 0.92 * 390
