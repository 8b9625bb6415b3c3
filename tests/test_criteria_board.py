"""The criteria on the page: what each state shows; in a real Chromium under real Gradio: keys, dragging, focus."""

import json
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import example_run as example
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import eventually
from playwright.sync_api import Browser, Locator, Page, expect

from writer_r1.errors import RubricError
from writer_r1.events import Categorised, Coded, Drafted, Edited, Evaluated, Event, Proposed, Scored, Stopped
from writer_r1.rubric_edits import Deleted, apply, deleted
from writer_r1.store import SavedRubric
from writer_r1.trajectory import Criterion, Rubric, Source, Trajectory
from writer_r1.ui import criteria_board as module
from writer_r1.ui.criteria_board import criteria_board
from writer_r1.ui.criteria_dialogs import Stock
from writer_r1.ui.view import View, advance

UI = Path(module.__file__).parent
HOSTILE = "</p></template><script>alert(1)</script><img src=x onerror=alert(1)> \" onclick=x ' & ${1+1} {{x}} `"
OTHER = Rubric(prompt_id="p-x", criteria=(Criterion(name="Rope", description="Rope is named."),))
SAVED = SavedRubric("s-1", "Harbour stories", "A ferry in November.", OTHER, 0.0)
MINE = Criterion(name="Mine", description="It is mine.", source=Source(stage="user"))
WITH_MINE = example.RUBRIC.model_copy(update={"criteria": (*example.CRITERIA, MINE)})
EDITS = {"lock", "weight", "edit", "add", "delete", "dismiss", "undelete", "move", "voice"}
WISHES = EDITS | {"find", "save", "use", "merge", "forget"}


class Element(NamedTuple):
    tag: str
    attributes: dict[str, str | None]


class Parsed(HTMLParser):
    """What is on the page: elements, the text outside templates, and whether every element is closed."""

    VOID = ("input", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.text, self.open = "", list[str]()
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "template" not in self.open:
            self.text += data

    def having(self, name: str, value: str | None = None) -> list[dict[str, str | None]]:
        found = [e.attributes for e in self.elements if name in e.attributes]
        return [a for a in found if value is None or a[name] == value]

    @property
    def rows(self) -> list[str]:
        return [str(a["aria-label"]) for a in self.having("data-id") if a.get("role") == "listitem"]


def view_of(events: Sequence[Event]) -> View:
    return advance(View(Trajectory(id="run1", prompt=example.PROMPT)), list(enumerate(events, 1)))


def until(kind: type, count: int = 1) -> list[Event]:
    """Return the example run up to and with its `count`th event of a kind."""
    whole = example.whole_run("run1")
    return whole[: [i for i, e in enumerate(whole) if isinstance(e, kind)][count - 1] + 1]


WHOLE = view_of(example.whole_run("run1"))


def board(
    view: View | None = WHOLE,
    rubric: Rubric | None = example.RUBRIC,
    busy: bool = False,
    deleted: Deleted | None = None,
    **stock: Any,
) -> Parsed:
    return Parsed(criteria_board(view, rubric=rubric, busy=busy, stock=Stock(**stock), deleted=deleted))


def changed(rubric: Rubric, act: str, **fields: object) -> Rubric:
    found = apply(rubric, {"act": act} | fields, example.PROMPT)
    assert found
    return found


# What is shown


def test_without_criteria_one_may_add_find_or_take_saved_ones() -> None:
    page = board(None, None, saved=[SAVED])
    assert "Criteria appear when you start; or add your own." in page.text and page.rows == []
    usable = {a.get("data-act") or a.get("data-dialog") for a in page.having("data-key") if "disabled" not in a}
    assert usable >= {"add", "find", "library"}
    assert "disabled" in page.having("data-key", "save")[0]


def test_criteria_are_seen_to_come_about() -> None:
    reading = criteria_board(view_of(example.coding()[:2]), rubric=None, busy=True)
    assert "Reading the request …" in reading and "skeleton" in reading
    coded = board(view_of(until(Coded, 2)), None, busy=True)
    assert "keeper to successor" in coded.text and "What is handed over" not in coded.text
    grouped = board(view_of(until(Categorised)), None, busy=True)
    assert "What is handed over" in grouped.text and "Stated in your request" in grouped.text
    ghosts = criteria_board(view_of(until(Proposed, 2)), rubric=None, busy=True)
    assert ghosts.count("criterion ghost") == 2 and "Wording the next one …" in ghosts
    assert "skeleton" not in criteria_board(WHOLE, rubric=None, busy=False)


def test_a_run_stopped_before_its_criteria_says_so_and_waits_for_nothing() -> None:
    page = board(view_of([*until(Proposed), Stopped(why="user")])._replace(ended=True), None)
    said = page.text
    for opens_a_dialog in ("Your voice…", "Save…", "Use saved…"):
        said = said.replace(opens_a_dialog, "")
    assert "Stopped before the criteria were ready" in said and "…" not in said


def test_while_criteria_are_found_anew_ones_own_and_the_locked_stay_in_sight() -> None:
    finding = board(view_of(until(Coded, 3)), WITH_MINE, busy=True)
    assert finding.rows == [
        "Parting in plain sight, weight 1, not judged yet, locked",
        "Mine, weight 1, not judged yet",
    ]
    assert len(board(view_of(example.coding()[:2]), WITH_MINE, busy=True).rows) == 7  # nothing is looked for yet


def test_a_row_says_weight_score_and_lock_in_words() -> None:
    assert board().rows[:3] == [
        "The lamp's daily work, weight 2, 7.4 of 10",
        "One voice to one girl, weight 2, 6.9 of 10",
        "Parting in plain sight, weight 1, 7.1 of 10, locked",
    ]
    assert board(view_of(until(Evaluated)), busy=True).rows[5] == "Clear sentences, weight 1, not scored"
    assert board(None).rows[0].endswith("not judged yet")


def test_where_a_criterion_came_from_opens_to_its_category_codes_and_words() -> None:
    page = board()
    for words in ("Worded by the model", "Measured, not judged", "True of most good writing"):
        assert words in page.text
    row = criteria_board(WHOLE, rubric=example.RUBRIC, busy=False).split('role="listitem"')[2]
    text = Parsed(f"<li {row.rsplit('<li', 1)[0]}").text
    assert "Who speaks to whom" in text and "keeper to successor“a lighthouse keeper to the girl”" in text


def test_how_they_were_found_what_was_left_out_and_lessons_are_folded_away() -> None:
    page = board()
    assert {"how", "lessons-False"} <= {a["data-key"] for a in page.having("data-key")}
    assert "Emotional depth: could be said of any text" in page.text and "Recalled from earlier work (1)" in page.text
    assert not page.having("open")


# Scores as they are made


def test_only_what_has_no_score_yet_is_being_judged() -> None:
    first = criteria_board(view_of(until(Scored, 2)), rubric=None, busy=True)
    assert first.count('class="bar"') == 2 and first.count(">being judged<") == 4
    assert "Being judged …" in first and "overall</" not in first


def test_the_scores_of_the_last_text_stay_while_the_next_is_written() -> None:
    writing = board(view_of(until(Drafted, 2)[:-1]), None, busy=True)
    assert writing.rows[0] == "The lamp's daily work, weight 2, 4.8 of 10" and "First draft" in writing.text
    judging = board(view_of(until(Drafted, 2)), None, busy=True)
    assert judging.rows[0] == "The lamp's daily work, weight 2, being judged" and "Round 1" in judging.text


def test_after_an_edit_only_the_changed_criterion_is_grey_until_it_is_judged_again() -> None:
    lamp = example.CRITERIA[0]
    rubric = changed(example.RUBRIC, "edit", id=lamp.id, name=lamp.name, description="Another sentence.")
    html = criteria_board(view_of([*example.whole_run("run1"), Edited(rubric=rubric)]), rubric=rubric, busy=False)
    assert html.count('class="measure pending"') == html.count(">being judged again<") == 1
    assert html.count('class="bar"') == 5 and "Being judged again …" in html
    waiting = criteria_board(WHOLE, rubric=rubric, busy=False)  # kept with the piece, but no job judges by it yet
    assert waiting.count(">not judged yet<") == 1 and "being judged" not in waiting


def test_the_users_criteria_are_shown_except_while_a_run_brings_newer_ones() -> None:
    mine = changed(example.RUBRIC, "delete", id=example.CRITERIA[0].id)
    assert len(board(WHOLE, mine).rows) == 5 and board(WHOLE, None).rows == []  # the last one was deleted
    assert len(board(view_of(until(Drafted)), mine, busy=True).rows) == 6


# What can be done


def test_while_a_run_is_written_no_control_works_and_one_sentence_says_why() -> None:
    offered = {"saved": [SAVED], "suggestions": [(SAVED, 0.9)], "dismissed": OTHER.criteria}
    page = board(view_of(until(Drafted)), busy=True, **offered)
    assert page.text.count("You can change these when this session ends; press Stop to change them now.") == 1
    open_ = [a for a in page.having("data-key") if ("data-act" in a or "data-dialog" in a) and "disabled" not in a]
    assert [a["data-key"] for a in open_] == ["save"]  # which changes nothing
    assert "similar piece" not in page.text and "Bring back" not in page.text and not page.having("class", "grip")


def test_what_the_buttons_ask_for_is_understood() -> None:
    gone = Deleted(OTHER.criteria[0], 0)
    page = board(None, WITH_MINE, deleted=gone, saved=[SAVED], suggestions=[(SAVED, 0.9)], dismissed=OTHER.criteria)
    asked = page.having("data-act")
    assert {a["data-act"] for a in asked} == WISHES
    given: dict[str, object] = {"value": "0.25", "name": "New", "description": "New.", "weight": "1"}
    given["sample"] = "I walked home, and it rained. " * 20
    for attributes in asked:
        sent: dict[str, object] = {k.removeprefix("data-"): v for k, v in attributes.items() if k.startswith("data-")}
        if sent["act"] == "edit":
            sent["id"] = example.CRITERIA[0].id
        if sent["act"] in EDITS and not (sent["act"] == "move" and "disabled" in attributes):
            assert apply(WITH_MINE, given | sent, example.PROMPT) != WITH_MINE, sent
        elif sent["act"] not in EDITS:
            with pytest.raises(RubricError, match="does not know"):
                apply(example.RUBRIC, sent, example.PROMPT)


def test_each_dialog_a_button_opens_is_there_once_and_is_filled_with_the_row() -> None:
    page = board(saved=[SAVED])
    opened = page.having("data-dialog")
    templates = [e.attributes["data-dialog"] for e in page.elements if e.tag == "template"]
    assert len(templates) == len(set(templates)) and {a["data-dialog"] for a in opened} == set(templates)
    fill = json.loads(str(next(a["data-fill"] for a in page.having("data-fill") if a.get("data-dialog") == "edit")))
    lamp = example.CRITERIA[0]
    assert fill == {"id": lamp.id, "name": lamp.name, "description": lamp.description}


def test_measured_criteria_can_be_weighed_and_moved_but_not_reworded() -> None:
    keys = {str(a["data-key"]) for a in board().having("data-key")}
    for c in example.CRITERIA:
        assert (f"edit:{c.id}" in keys) == (c.kind == "judged")
        assert {f"{kind}:{c.id}" for kind in ("row", "lock", "weight", "up", "down", "delete")} <= keys
    assert len(keys) == len(board().having("data-key"))


@pytest.mark.parametrize("weight", [0.5, 1.0, 2.0, 3.0, 0.001, 7.25, 1000.0])
def test_the_present_weight_is_the_one_chosen_even_an_odd_one(weight: float) -> None:
    rubric = changed(example.RUBRIC, "weight", id=example.CRITERIA[0].id, value=weight)
    options = [e.attributes for e in board(None, rubric).elements if e.tag == "option"]
    assert float(str(next(o["value"] for o in options if "selected" in o))) == weight
    assert len(options) - len(WEIGHTS_OF_TEMPLATE) == 6 * 4 + (weight not in module.WEIGHTS)


WEIGHTS_OF_TEMPLATE = ("0.5", "1", "2", "3")  # of the dialog that adds one


def test_saved_criteria_are_offered_unless_they_are_here_already() -> None:
    offered = board(None, None, suggestions=[(SAVED, 0.9)], saved=[SAVED])
    assert "Criteria you saved for a similar piece: ‘Harbour stories’ (1)" in offered.text
    assert [a["data-rubric"] for a in offered.having("data-act", "use")] == ["s-1", "s-1"]  # also in the library
    assert offered.having("data-act", "merge") == []  # with nothing
    assert board(suggestions=[(SAVED, 0.9)]).having("data-act", "merge")
    assert "similar piece" not in board(rubric=OTHER, suggestions=[(SAVED, 0.9)]).text


def test_ones_own_criteria_are_deleted_and_all_others_are_said_to_be_not_for_this_piece() -> None:
    outs = [a for a in board(rubric=WITH_MINE).having("data-key") if str(a["data-key"]).startswith("delete:")]
    assert [a["data-act"] for a in outs] == ["dismiss"] * 6 + ["delete"]
    assert outs[3]["aria-label"] == "Not for this piece: No talk of courage" and outs[6]["aria-label"] == "Delete Mine"


def test_what_is_not_for_this_piece_is_folded_away_and_each_can_be_brought_back() -> None:
    assert "Not for this piece (" not in board().text
    page = board(None, None, dismissed=example.CRITERIA)
    assert "Not for this piece (6)" in page.text and page.having("data-key", "dismissed")
    for c, button in zip(example.CRITERIA, page.having("data-act", "undelete"), strict=True):
        assert button["aria-label"] == f"Bring back {c.name}"
        back: dict[str, object] = {k.removeprefix("data-"): v for k, v in button.items() if k.startswith("data-")}
        assert changed(OTHER, **back).criteria == (*OTHER.criteria, c)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("act", "said"), [("delete", "is deleted."), ("dismiss", "is taken out and will not be proposed again.")]
)
def test_what_is_taken_out_can_be_taken_back_from_the_page_alone(act: str, said: str) -> None:
    for c in example.CRITERIA:
        edit = {"act": act, "id": c.id}
        without = apply(example.RUBRIC, dict(edit), example.PROMPT)
        page = board(None, without, deleted=deleted(example.RUBRIC, dict(edit)))
        assert f"‘{c.name}’ {said}" in page.text
        [undo] = page.having("data-act", "undelete")
        back = {k.removeprefix("data-"): v for k, v in undo.items() if k.startswith("data-")}
        assert apply(without, dict(back), example.PROMPT) == example.RUBRIC


# Hostile and odd words


@given(st.sampled_from([HOSTILE, "حبر", "灯塔 🗼"]) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(deadline=None, max_examples=50)
def test_no_word_of_user_or_model_becomes_markup(text: str) -> None:
    words = text.strip() or "x"
    odd = Criterion(name=words[:80], description=words, source=Source(stage="user", codes=(words,), span=text))
    rubric = Rubric(prompt_id="p", criteria=(odd, *example.CRITERIA)) if words not in EXISTING else example.RUBRIC
    codes = [e.model_copy(update={"code": e.code.model_copy(update={"label": words, "span": text})}) for e in CODED]
    said = [Proposed(name=text, description=text), *until(Evaluated)[-2:]]
    view = view_of([*example.coding()[:-1], *codes, *said])._replace(dropped=(text,))
    lesson = example.LESSON.model_copy(update={"text": text, "criterion": text})
    view = view._replace(now=view.now.model_copy(update={"lessons": (lesson,)}))
    saved = SavedRubric(text, text, text, rubric, 0.0)
    for busy in (False, True):
        for own in (rubric, None):
            page = board(view, own, busy, Deleted(odd, 0), suggestions=[(saved, 1.0)], saved=[saved], dismissed=[odd])
            assert not {"script", "img", "iframe", "a"} & {e.tag for e in page.elements}
            assert not [n for e in page.elements for n in e.attributes if n.startswith("on") or n in ("src", "href")]
    assert board(None, rubric).rows[0].startswith(f"{odd.name}, " if words not in EXISTING else "The lamp")


EXISTING = {c.name for c in example.CRITERIA}
CODED = [e for e in example.coding() if isinstance(e, Coded)]


# In a browser, under real Gradio

SOON_MS = 20_000
browsing = pytest.mark.browser


class Live(SimpleNamespace):
    """A page with the board alone: what it sends is applied and shown again, as in the studio."""

    rubric: Rubric | None
    sent: list[dict[str, str]]
    saved: tuple[SavedRubric, ...]
    refuse: bool


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    import gradio as gr

    from writer_r1.ui.app import free_port, theme
    from writer_r1.ui.board import QUIET, Board, asked

    state = Live(rubric=example.RUBRIC, sent=[], saved=(), refuse=False)

    def shown(gone: Deleted | None = None) -> str:
        return criteria_board(WHOLE, rubric=state.rubric, busy=False, stock=Stock(state.saved), deleted=gone)

    def submitted(event: gr.EventData) -> Any:
        wish: dict[str, object] = dict(asked(event))
        state.sent.append(asked(event))
        if state.refuse:
            return gr.skip()
        if wish["act"] == "save" and state.rubric:
            state.saved = (SavedRubric("s-1", str(wish["name"]), "p", state.rubric, 0.0),)
            return shown()
        gone = deleted(state.rubric, wish)
        state.rubric = apply(state.rubric, wish, example.PROMPT)
        return shown(gone)

    with gr.Blocks(analytics_enabled=False) as app:
        criteria = Board(shown(), elem_id="criteria", script="criteria_board.js")
        criteria.submit(submitted, None, criteria, **QUIET)
        app.load(shown, None, criteria, **QUIET)
    css = "".join((UI / name).read_text("utf-8") for name in ("style.css", "criteria_board.css"))
    port = free_port(0)
    app.launch(server_port=port, prevent_thread_lock=True, quiet=True, ssr_mode=False, css=css, theme=theme())
    state.address = f"http://127.0.0.1:{port}"
    yield state
    app.close()


@pytest.fixture
def page(browser: Browser, live: Live) -> Iterator[Page]:
    live.rubric, live.saved, live.refuse = example.RUBRIC, (), False
    live.sent.clear()
    room = browser.new_context(viewport={"width": 1000, "height": 1200})
    opened, faults = room.new_page(), list[str]()
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(live.address)
    expect(rows(opened)).to_have_count(6, timeout=SOON_MS)
    yield opened
    room.close()
    assert faults == []


def rows(page: Page) -> Locator:
    return page.locator("#criteria .criterion[data-id]")


def order(page: Page, *names: str) -> None:
    expect(rows(page).locator(".name")).to_have_text(list(names), timeout=SOON_MS)


NAMES = [c.name for c in example.CRITERIA]


@browsing
def test_a_row_is_locked_moved_and_deleted_by_keys_and_the_keyboard_stays_with_it(page: Page, live: Live) -> None:
    first, second = rows(page).nth(0), rows(page).nth(1)
    first.focus()
    page.keyboard.press("l")
    expect(first.locator("[data-act=lock]")).to_have_attribute("aria-pressed", "true", timeout=SOON_MS)
    expect(first).to_be_focused()

    page.keyboard.press("Alt+ArrowDown")
    order(page, NAMES[1], NAMES[0], *NAMES[2:])
    expect(second).to_be_focused()  # the same criterion, which is second now
    page.keyboard.press("Alt+ArrowUp")
    order(page, *NAMES)
    expect(first).to_be_focused()

    page.keyboard.down("Delete")
    order(page, *NAMES[1:])
    page.keyboard.down("Delete")  # held down: a repeated key
    page.keyboard.up("Delete")
    expect(first).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    order(page, *NAMES)
    assert [w["act"] for w in live.sent] == ["lock", "move", "move", "dismiss", "undelete"]


@browsing
def test_ones_own_is_deleted_by_the_same_key_and_the_keyboard_goes_to_the_row_before(page: Page, live: Live) -> None:
    page.get_by_role("button", name="Add your own").click()
    page.get_by_role("dialog").locator("[name=name]").fill("Mine")
    page.get_by_role("dialog").locator("[name=description]").fill("It is mine.")
    page.keyboard.press("Control+Enter")
    order(page, *NAMES, "Mine")
    rows(page).nth(6).focus()
    page.keyboard.press("Delete")
    order(page, *NAMES)
    expect(rows(page).nth(5)).to_be_focused()
    page.keyboard.press("Control+z")
    order(page, *NAMES, "Mine")
    assert [w["act"] for w in live.sent] == ["add", "delete", "undelete"]


@browsing
def test_enter_edits_in_a_dialog_and_afterwards_the_keyboard_is_back_in_the_row(page: Page, live: Live) -> None:
    rows(page).nth(1).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[name=name]")).to_have_value(NAMES[1])
    dialog.locator("[name=name]").fill("One voice")
    dialog.locator("[name=description]").fill('He says "you" & <i>means</i> her.')
    dialog.locator("[type=submit]").click()
    order(page, NAMES[0], "One voice", *NAMES[2:])
    expect(rows(page).nth(1)).to_contain_text('He says "you" & <i>means</i> her.')
    expect(rows(page).nth(1).locator("[data-dialog=edit]")).to_be_focused()
    assert live.rubric and live.rubric.criteria[1].source.stage == "user"


@browsing
def test_a_weight_is_chosen_and_a_refused_one_goes_back(page: Page, live: Live) -> None:
    choice = rows(page).nth(2).locator("[data-act=weight]")
    choice.focus()
    choice.select_option("3.0")
    said = "Parting in plain sight, weight 3, 7.1 of 10, locked"
    expect(rows(page).nth(2)).to_have_attribute("aria-label", said, timeout=SOON_MS)
    expect(choice).to_be_focused()
    expect(choice).to_have_value("3.0")
    live.refuse = True
    choice.select_option("0.5")
    expect(choice).to_have_value("0.5")
    expect(choice).to_have_value("3.0", timeout=SOON_MS)
    eventually(lambda: live.sent[-1].get("value") == "0.5")  # a busy machine may hear of it only now
    live.refuse = False
    page.keyboard.press("Shift+Tab")  # to the lock of that row
    page.keyboard.press("Alt+ArrowUp")
    order(page, NAMES[0], NAMES[2], NAMES[1], *NAMES[3:])
    expect(rows(page).nth(1).locator("[data-act=weight]")).to_have_value("3.0")
    expect(rows(page).nth(2).locator("[data-act=weight]")).to_have_value("2.0")
    expect(rows(page).nth(1).locator("[data-act=lock]")).to_be_focused()


def grip(page: Page, number: int) -> tuple[float, float]:
    rows(page).nth(number).hover()
    box = rows(page).nth(number).locator(".grip").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@browsing
def test_a_row_is_dragged_by_its_handle_and_escape_or_its_own_place_change_nothing(page: Page, live: Live) -> None:
    top = rows(page).nth(0).bounding_box()
    assert top
    for steps in (("drop",), ("Escape", "drop"), ("home",)):
        x, y = grip(page, 4)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, top["y"] + 5, steps=4)
        expect(page.locator("#criteria .before")).to_have_count(1)
        for step in steps:
            if step == "Escape":
                page.keyboard.press("Escape")
            elif step == "home":
                page.mouse.move(x, y, steps=4)
        page.mouse.up()
        expect(page.locator("#criteria :is(.before, .after, .dragged)")).to_have_count(0)
        order(page, NAMES[4], *NAMES[:4], NAMES[5])
    assert [(w["act"], w["id"], w["to"]) for w in live.sent] == [("move", example.CRITERIA[4].id, "0")]


@browsing
def test_what_is_saved_is_in_the_library_at_once(page: Page) -> None:
    page.get_by_role("button", name="Use saved…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Nothing is saved yet")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Save…").click()
    page.get_by_role("dialog").locator("[name=name]").fill("Harbour <b>stories</b>")
    page.get_by_role("dialog").locator("[type=submit]").click()
    page.wait_for_function("document.querySelector('template[data-dialog=library]').innerHTML.includes('Harbour')")
    page.get_by_role("button", name="Use saved…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Harbour <b>stories</b>")


@browsing
def test_every_control_is_reached_by_tab_and_is_large_enough(page: Page) -> None:
    page.evaluate("document.querySelectorAll('#criteria details').forEach(d => (d.open = true))")
    wanted = page.locator("#criteria :is(button, select, summary, li[tabindex]):not(:disabled)")
    sizes = wanted.evaluate_all("nodes => nodes.map(n => [n.getBoundingClientRect().height, n.innerText])")
    assert len(sizes) > 40 and [s for s in sizes if s[0] < 31.9] == []
    wanted.first.focus()
    reached = 1
    while reached < len(sizes) and page.evaluate("document.activeElement.closest('#criteria') !== null"):
        page.keyboard.press("Tab")
        reached += 1
    assert reached == len(sizes) and page.evaluate("document.activeElement.closest('#criteria') !== null")


@browsing
@pytest.mark.parametrize(("width", "letters"), [(390, "100%"), (390, "200%"), (720, "200%")])
def test_nothing_is_cut_off_or_scrolls_sideways(page: Page, width: int, letters: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("size => (document.documentElement.style.fontSize = size)", letters)
    page.evaluate("document.querySelectorAll('#criteria details').forEach(d => (d.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    rights = page.locator("#criteria *").evaluate_all("nodes => nodes.map(n => n.getBoundingClientRect().right)")
    assert max(rights) <= width
