"""Compare: any two texts of a real library, what is offered first, and what is said of their differences."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import example_run as example
import pytest

from writer_r1.events import DraftDelta, Drafted, Evaluated, Event, RubricReady, Started
from writer_r1.store import Store, this_process
from writer_r1.trajectory import Criterion, Evaluation, JudgeInfo, Rubric
from writer_r1.ui import compare_tab
from writer_r1.ui import gradio as gr
from writer_r1.ui.compare_tab import NOTHING, choices, on_compare, on_open, opening
from writer_r1.workspace import Workspace

OTHER = Criterion(name="Weather", description="The weather is felt.")


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "home", tmp_path / "models")
    yield opened
    opened.close()


def stored(store: Store, run_id: str, events: list[Event], piece_id: str | None = None) -> None:
    store.begin(run_id, example.PROMPT, "writer-model", this_process(), piece_id)
    store.append(run_id, events)


def text_of(html: str) -> str:
    found: list[str] = []
    reader = HTMLParser()
    reader.handle_data = found.append  # type: ignore[method-assign]
    reader.feed(html)
    return "".join(found)


def test_j4_every_whole_text_of_every_session_can_be_chosen_by_piece_time_round_and_score(workspace: Workspace) -> None:
    piece = workspace.store.new_piece(example.PROMPT, title="The lamp")
    stored(workspace.store, "mine", example.whole_run("mine"), piece.id)
    stored(workspace.store, "loose", [*example.coding(), *example.attempt(1, example.FIRST)[:-9]])
    labels = dict((value, label) for label, value in choices(workspace))
    assert list(labels) == ["mine/1", "mine/2", "mine/3"]
    parts = labels["mine/2"].split(" · ")
    assert parts[0] == "The lamp" and parts[2] == "Round 1" and ":" in parts[1]
    assert parts[3].startswith("7.8 (") and "trust" in parts[3]


def test_a_session_that_went_on_is_read_again(workspace: Workspace) -> None:
    stored(workspace.store, "run1", [*example.coding(), *example.attempt(1, example.FIRST)])
    assert len(choices(workspace)) == 1
    workspace.store.append("run1", example.attempt(2, example.SECOND, parent=1))
    assert len(choices(workspace)) == 2


def test_the_newest_session_with_several_texts_is_offered_first_draft_against_best(workspace: Workspace) -> None:
    assert opening(workspace) == (None, None)
    stored(workspace.store, "older", example.whole_run("older"))
    stored(workspace.store, "newer", example.whole_run("newer"))
    stored(workspace.store, "single", [*example.coding(), *example.attempt(1, example.FIRST)])
    assert opening(workspace) == ("newer/1", "newer/2")


def test_two_rounds_of_one_session_show_what_changed_in_words_and_scores(workspace: Workspace) -> None:
    stored(workspace.store, "run1", example.whole_run("run1"))
    html = on_compare(workspace, "run1/2", "run1/3")
    text = text_of(html)
    assert "<del>Ines</del><ins>girl</ins>" in html and "−3.1" in text
    assert "writer-model" in text and "fake" in text and "a guide, not a verdict" in text
    assert html.count("<tr>") == 1 + len(example.CRITERIA)
    assert text_of(on_compare(workspace, "run1/3", "run1/2")).count("+3.1") == 1


def test_a_criterion_of_one_side_only_has_a_dash_on_the_other_and_no_change(workspace: Workspace) -> None:
    stored(workspace.store, "one", example.whole_run("one"))
    rubric = Rubric(prompt_id="p", criteria=(example.CRITERIA[0], OTHER))
    scores = (example.score(0, 0.9), example.score(0, 0.4).model_copy(update={"criterion_id": OTHER.id}))
    judged = example.evaluation(*scores[:1]).model_copy(
        update={"rubric_id": rubric.id, "scores": scores, "judge": JudgeInfo(model="another judge")}
    )
    attempt = [e for e in example.attempt(1, example.SECOND) if e.event not in ("score", "evaluation")]
    done = example.attempt(1, example.SECOND)[-1].model_copy(update={"evaluation": judged})
    start = Started(prompt=example.PROMPT, model="m", judge="j", seed=0)
    stored(workspace.store, "two", [start, RubricReady(rubric=rubric), *attempt, done])
    html = on_compare(workspace, "one/1", "two/1")
    rows = {text_of(row).split("4.6")[0]: row for row in html.split("<tr>")[2:]}
    weather = next(row for name, row in rows.items() if name.startswith("Weather"))
    lamp = next(row for name, row in rows.items() if name.startswith("The lamp's"))
    assert weather.count("<span class=none>—</span>") == 1 and '<span class="change"></span>' in weather
    assert "none" not in lamp and "+4.3" in text_of(lamp)
    assert len(rows) == len(example.CRITERIA) + 1
    assert "judged by different criteria" in html and "judged by different models" in html


def closely(by: float, **changes: object) -> Evaluation:
    """Return what the second text got, its first score moved by so much."""
    first, *others = example.SCORES[2].scores
    value = (first.value or 0.0) + by
    moved = first.model_copy(update={"value": value, "low": value - 0.06, "high": value + 0.06})
    return example.evaluation(moved, *others).model_copy(update=changes)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (closely(-0.2), True),  # 0.05 of the whole, where the ranges are 0.09 wide
        (closely(-0.4), False),
        (closely(-0.2, judge=JudgeInfo(model="fake", trust="low")), True),
        (closely(-0.2, judge=JudgeInfo(model="fake", calibration="another")), False),
        (closely(-0.2, rubric_id="another"), False),
        (closely(-0.2, reward=None), False),
    ],
)
def test_overall_scores_nearer_than_the_ranges_part_are_no_clear_difference(
    workspace: Workspace, given: Evaluation, says: bool
) -> None:
    events = [*example.attempt(1, example.FIRST), *example.attempt(2, example.SECOND, parent=1)]
    stored(workspace.store, "run1", [*example.coding(), *events])
    third = [Drafted(attempt=3, text=example.THIRD, parent=2), Evaluated(attempt=3, evaluation=given)]
    workspace.store.append("run1", third)
    said = "No clear difference between the two overall scores."
    shown = text_of(on_compare(workspace, "run1/2", "run1/3"))
    assert "The scores" in shown and (said in shown) is says
    assert said not in text_of(on_compare(workspace, "run1/1", "run1/2"))


def test_texts_with_little_in_common_stand_side_by_side_and_alike_ones_may(workspace: Workspace) -> None:
    other = "A poem of rain.\n\nNothing here is about any lamp whatsoever, only rain upon rain."
    stored(workspace.store, "a", [*example.coding(), Drafted(attempt=1, text=example.FIRST)])
    stored(workspace.store, "b", [*example.coding(), Drafted(attempt=1, text=other)])
    html = on_compare(workspace, "a/1", "b/1")
    assert "Rewritten" in html and "<ins>" not in html and "not judged" in html
    assert 'value="columns"' in html


@pytest.mark.parametrize("value", ["nowhere/1", "run1/9", "run1/x", "run1", "", "/", "run1/²"])
def test_a_text_that_is_not_there_is_answered_in_one_sentence(workspace: Workspace, value: str) -> None:
    stored(workspace.store, "run1", example.whole_run("run1"))
    html = on_compare(workspace, "run1/1", value)
    assert (NOTHING if not value else "no longer in the library") in html


def test_the_texts_of_a_deleted_piece_are_gone(workspace: Workspace) -> None:
    piece = workspace.store.new_piece("brief")
    stored(workspace.store, "run1", example.whole_run("run1"), piece.id)
    assert choices(workspace)
    workspace.store.delete_piece(piece.id)
    assert choices(workspace) == [] and "no longer in the library" in on_compare(workspace, "run1/1", "run1/2")


def test_no_text_becomes_markup(workspace: Workspace) -> None:
    bad = "<script>alert(1)</script> \"' <img src=x>"
    piece = workspace.store.new_piece("brief", title=bad)
    stored(workspace.store, "run1", [*example.coding(), Drafted(attempt=1, text=bad)], piece.id)
    stored(workspace.store, "run2", [*example.coding(), Drafted(attempt=1, text="Other. " + bad)], piece.id)
    html = on_compare(workspace, "run1/1", "run2/1")
    assert "<script" not in html and "<img" not in html and bad in text_of(html)


def test_opening_the_tab_keeps_what_was_chosen_and_offers_what_is_new(workspace: Workspace) -> None:
    assert "Nothing is written yet" in on_open(workspace, None, None)[2]
    stored(workspace.store, "run1", example.whole_run("run1"))
    left, right, html = on_open(workspace, None, None)
    assert (left.value, right.value) == ("run1/1", "run1/2") and "versus" in html
    stored(workspace.store, "run2", example.whole_run("run2"))
    left, right, _ = on_open(workspace, "run1/3", "run1/1")
    assert (left.value, right.value) == ("run1/3", "run1/1") and len(left.choices) == 6
    left, right, _ = on_open(workspace, "gone/1", "gone/2")
    assert (left.value, right.value) == ("run2/1", "run2/2")


def test_an_unreadable_library_is_said_on_the_page(workspace: Workspace) -> None:
    stored(workspace.store, "run1", example.whole_run("run1"))
    workspace.store.path.write_bytes(b"no library" * 1000)
    _, _, html = on_open(workspace, None, None)
    assert "damaged" in html and 'role="alert"' in html


def test_a_text_being_written_is_not_offered(workspace: Workspace) -> None:
    stored(workspace.store, "run1", [*example.coding(), DraftDelta(attempt=1, text="Dear")])
    assert choices(workspace) == []


def test_no_event_of_the_tab_is_public(workspace: Workspace) -> None:
    with gr.Blocks() as app, gr.Tab("Compare") as tab:
        wiring = compare_tab.build(workspace)
        tab.select(wiring.refresh, wiring.inputs, wiring.outputs, **compare_tab.QUIET)
    assert len(app.fns) == 3 and all(fn.api_visibility == "private" for fn in app.fns.values())
    stored(workspace.store, "run1", example.whole_run("run1"))
    swap = next(fn.fn for fn in app.fns.values() if fn.fn and fn.fn.__name__ == "swapped")
    assert swap("run1/1", "run1/2") == ("run1/2", "run1/1", on_compare(workspace, "run1/2", "run1/1"))
