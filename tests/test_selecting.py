"""What a page asks about a passage: exact or refused, whatever it sends and whatever became of the manuscript."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judges import qualification
from scripted import FIRST, PROMPT, criterion, evaluation, rubric_of
from test_differences import TEXTS

from writer_r1.authorship import written_by
from writer_r1.events import Chosen, Drafted, Evaluated, Event, Failed, Finished, Marked, RubricReady, Status
from writer_r1.passage import Passage, one_line_end
from writer_r1.provenance import MODEL
from writer_r1.qualification import result_at
from writer_r1.store import Piece, this_process
from writer_r1.ui.passage_board import parts, shown_of, toolbar
from writer_r1.ui.selecting import chooser, marker
from writer_r1.workspace import Workspace

RUBRIC = rubric_of(criterion("Warmth"), criterion("<b>Salt</b>"))
STAIRS = "The stairs are worn where my left boot falls."


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home", tmp_path / "models")


def marked(text: str, start: int, end: int) -> Passage:
    """Return these characters as a text box gives them: with its own line ends."""
    rows = (one_line_end(part) for part in (text[start:end], text[:start], text[end:]))
    words, before, after = rows
    return Passage(text=words, before=before[-2000:], after=after[:2000])


def told(passage: Passage, *texts: str, ways: tuple[str, ...] = ("Plainer", "Closer", "Another order")) -> list[Event]:
    events: list[Event] = [Marked(passage=passage, ways=ways), RubricReady(rubric=RUBRIC)]
    events += [Drafted(attempt=1, text=passage.text, by="user")]
    events += [Drafted(attempt=n, text=text, faults=() if text else ("empty",)) for n, text in enumerate(texts, 2)]
    rows = [(1, (0.4, 0.4)), (2, (0.5, 0.8))]
    events += [Evaluated(attempt=n, evaluation=evaluation(RUBRIC, *values, width=0.2)) for n, values in rows]
    return [*events, Finished(trajectory_id="p1", best_attempt=None, rounds=3)]


def begun(workspace: Workspace, text: str, passage: Passage, *texts: str, run: str = "p1") -> Piece:
    """Return a piece with a run about a passage of it that is over."""
    piece = workspace.store.new_piece(PROMPT, text)
    workspace.store.begin(run, PROMPT, "fake", this_process(), piece.id, passage=True)
    workspace.store.append(run, told(passage, *texts))
    now = workspace.store.piece(piece.id)
    assert now
    return now


def ask(workspace: Workspace, what: str, piece: Piece, **more: Any) -> dict[str, Any]:
    functions = {f.__name__: f for f in (*marker(workspace), *chooser(workspace))}
    sent = json.loads(json.dumps({"piece": piece.id, "base": piece.revision, "run": "p1"} | more))
    return functions[what](sent)


# Putting a text in place


@given(TEXTS, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), st.data())
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_chosen_text_takes_the_place_of_exactly_the_marked_characters_and_none_leaves_every_byte(
    workspace: Workspace, text: str, new: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, max(0, len(text) - 1)))
    end = data.draw(st.integers(start, len(text)))
    passage = marked(text, start, end)
    split = "\r\n" in (text[start - 1 : start + 1], text[end - 1 : end + 1])
    if split or not (passage.text or passage.before) or not new.strip() or not text.strip():
        return
    run = f"p{len(workspace.store.pieces(100_000))}"
    piece = begun(workspace, text, passage, new, run=run)
    answer = ask(workspace, "use", piece, attempt=2, run=run)
    now = workspace.store.piece(piece.id)
    assert now
    if "error" in answer:
        assert "several places" in answer["error"] and now == piece
        assert ask(workspace, "none", piece, run=run) == {"run": ""} and workspace.store.piece(piece.id) == piece
    else:
        put = one_line_end(new).replace("\n", "\r\n") if "\r\n" in text else new
        assert now.text == text[:start] + put + text[end:] == answer["text"]
        assert [v.text for v in workspace.store.versions(piece.id)][-1] == text
        first, last = answer["at"]
        assert one_line_end(now.text)[first:last] == one_line_end(put)


def test_a_text_is_put_once_and_only_where_the_page_has_the_newest_words(workspace: Workspace) -> None:
    at = FIRST.index(STAIRS)
    piece = begun(workspace, FIRST, marked(FIRST, at, at + len(STAIRS)), "They dip where I tread.", "", "Worn, all.")
    assert "another tab" in ask(workspace, "use", piece, attempt=2, base=piece.revision + 1)["error"]
    for attempt in (1, 3, 5, 0):  # what stands, what is empty, what there is none of
        assert "not in the library" in ask(workspace, "use", piece, attempt=attempt)["error"]
    assert "not in the library" in ask(workspace, "use", piece, attempt=2, run="r9")["error"]
    assert "could not be read" in ask(workspace, "use", piece, attempt="two")["error"]
    assert workspace.store.piece(piece.id) == piece
    answer = ask(workspace, "use", piece, attempt=4)
    assert 'data-act="undo"' in answer["note"] and f'data-revision="{piece.revision}"' in answer["note"]
    now = workspace.store.piece(piece.id)
    assert now and now.text == FIRST.replace(STAIRS, "Worn, all.")
    assert ask(workspace, "look", now) == {"run": ""}  # a reload does not bring them back
    assert "error" in ask(workspace, "use", now, attempt=2)
    assert workspace.store.events("p1")[-1][1] == Chosen(attempt=4)


def test_the_words_of_a_chosen_text_are_known_to_be_a_models(workspace: Workspace) -> None:
    at, new = FIRST.index(STAIRS), "Up there the lamp burned by itself."
    piece = begun(workspace, FIRST, marked(FIRST, at, at + len(STAIRS)), new)
    assert "error" not in ask(workspace, "use", piece, attempt=2)
    found = written_by(workspace.store, piece.id)
    begins = found.text.index(new)
    assert set(found.hands[begins : begins + len(new)]) == {MODEL} and MODEL not in found.hands[:begins]


def test_a_text_that_would_alter_a_protected_passage_is_refused(workspace: Workspace) -> None:
    at = FIRST.index(STAIRS)
    piece = begun(workspace, FIRST, marked(FIRST, at, at + len(STAIRS)), "They dip where I tread.")
    words = {"text": "left boot", "before": FIRST[: FIRST.index("left boot")], "after": " falls. The brass"}
    assert ask(workspace, "protect", piece, **words)["count"] == 1
    assert "already" in ask(workspace, "protect", piece, **words)["error"]
    assert "“left boot”" in ask(workspace, "use", piece, attempt=2)["error"]
    for text in (STAIRS, ""):
        wish = marked(FIRST, at, at + len(STAIRS)) if text else marked(FIRST, at + 30, at + 30)
        assert "you protected" in ask(workspace, "begin", piece, **wish.model_dump())["error"]
    assert workspace.store.piece(piece.id) == piece
    (one,) = workspace.store.protected(piece.id)
    assert ask(workspace, "unprotect", piece, id=one.id)["count"] == 0
    assert "text" in ask(workspace, "use", piece, attempt=2)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"text": "  "}, "Mark some words first"),
        ({"text": "words that stand nowhere"}, "do not stand in your manuscript"),
        ({"text": ""}, "nothing before the caret"),
        ({"text": "word " * 400}, "400 words"),
        ({"text": 7}, "could not be read"),
        ({"text": "x" * 100_000}, "could not be read"),
    ],
)
def test_what_cannot_be_met_is_refused_and_nothing_begins(workspace: Workspace, words: Any, why: str) -> None:
    piece = workspace.store.new_piece(PROMPT, FIRST)
    assert why in ask(workspace, "begin", piece, **words)["error"]
    assert workspace.store.passage_run(piece.id) is None
    gone = piece._replace(id="nope")
    assert "not in the library" in ask(workspace, "begin", gone, text=STAIRS)["error"]
    assert ask(workspace, "look", gone) == {"run": ""} and ask(workspace, "protected", gone)["count"] == 0


def test_a_protected_passage_that_the_writer_changed_by_hand_is_told_so(workspace: Workspace) -> None:
    piece = workspace.store.new_piece(PROMPT, FIRST)
    assert ask(workspace, "protect", piece, text=" ")["error"].startswith("Mark the words")
    told_ = ask(workspace, "protect", piece, text=f" {STAIRS} ", before="mine.\n\n", after="The brass")
    assert "was protected" not in told_["html"] and "1 protected passage" in told_["html"]
    assert workspace.store.protected(piece.id)[0].passage.text == STAIRS
    piece = workspace.store.save_piece(piece.id, PROMPT, FIRST.replace("left", "right"), 1)
    assert "not in your manuscript any more" in ask(workspace, "protected", piece)["html"]


# What a page shows


def test_the_board_shows_what_stands_first_then_each_text_in_its_sentence_with_its_scores() -> None:
    at = FIRST.index("worn where")
    shown = shown_of("p1", PROMPT, "finished", told(marked(FIRST, at, at + 29), "hollow", "", "smooth"))
    found = parts(shown)
    assert list(found) == ["head", "1", "2", "3", "4"]
    assert "Ready to choose from" in found["head"] and "stays as it is until you choose" in found["head"]
    assert "As it stands" in found["1"] and 'data-do="use"' not in found["1"] and "worn where my left" in found["1"]
    assert '<span class="pale">The stairs are </span><b>hollow</b><span class="pale">.</span>' in found["2"]
    assert "No clear difference" in found["2"] and "change up" in found["2"] and 'data-n="2"' in found["2"]
    assert "nothing was written" in found["3"] and 'data-do="use"' not in found["3"]
    assert "&lt;b&gt;Salt&lt;/b&gt;" in found["2"] and "<b>Salt" not in found["2"]


def test_texts_scored_before_their_judge_was_measured_say_what_was_measured_since(workspace: Workspace) -> None:
    at = FIRST.index(STAIRS)
    piece = begun(workspace, FIRST, marked(FIRST, at, at + len(STAIRS)), "They dip where I tread.")
    assert "trust not measured yet" in ask(workspace, "look", piece)["parts"]["2"]
    path, judge = result_at("fake", workspace.home), evaluation(RUBRIC, 0.4, 0.4, width=0.2).judge
    path.parent.mkdir()
    path.write_text(qualification(prompt_hash=judge.prompt_hash).model_dump_json())
    assert "some trust" in ask(workspace, "look", piece)["parts"]["2"]


def test_nothing_of_a_text_or_a_direction_reaches_the_page_unescaped() -> None:
    evil = '<img src=x onerror=alert(1)>"'
    passage = Passage(before=f"Salt {evil}.", after=f"{evil} And so on.")
    events = told(passage, f"New {evil}", ways=(evil, "Closer", "Third"))
    events[0] = Marked(passage=passage, direction=evil, ways=(evil,))
    found = "".join(parts(shown_of("p1", PROMPT, "finished", [*events, Failed(message=evil)])).values())
    marked_ = "".join(parts(shown_of("p1", PROMPT, "running", [Status(text=evil)])).values())
    around = "".join(parts(shown_of("p1", PROMPT, "finished", told(Passage(text=evil, before=evil), evil))).values())
    assert "<img" not in found + marked_ + around and "&lt;img" in found and "&lt;img" in around


@pytest.mark.parametrize(
    ("state", "more", "said"),
    [
        ("running", [Status(text="writing text 1 of 3")], "Writing text 1 of 3"),
        ("interrupted", [], "Interrupted"),
        ("failed", [Failed(message="The disk is full.")], "Failed"),
    ],
)
def test_the_board_says_how_far_it_is(state: str, more: list[Event], said: str) -> None:
    at = FIRST.index(STAIRS)
    events = [Marked(passage=marked(FIRST, at, at + len(STAIRS)), ways=("Plainer",)), *more]
    found = parts(shown_of("p1", PROMPT, state, events))
    assert said in found["head"] and ('data-do="stop"' in found["head"]) == (state == "running")
    assert "no criteria yet" in found["head"]
    assert parts(shown_of("p1", PROMPT, "running", [Status(text="waiting for the model")])).keys() == {"head"}
    assert toolbar().count("<button") == 5
