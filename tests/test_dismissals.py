"""Criteria that are not for a piece: what the library keeps of them, for which pieces, and that Undo forgets it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import example_run as example
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import FIRST, PROMPT, overlap, script

from writer_r1 import catalog
from writer_r1.events import RubricReady
from writer_r1.llm.fake import FakeLLM
from writer_r1.loop import Task
from writer_r1.review import DISMISSED
from writer_r1.store import Piece, Store, this_process
from writer_r1.trajectory import Criterion, Rubric, prompt_id
from writer_r1.ui.editing import Edited, on_criteria
from writer_r1.workspace import Workspace

SALT, ROPE = (Criterion(name=n, description=f"{n} is named.") for n in ("Salt", "Rope"))
LAMP, VOICE, *_ = example.CRITERIA
HERE = prompt_id(example.PROMPT)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "home", tmp_path / "models")
    real = catalog.path_of
    monkeypatch.setattr(catalog, "path_of", lambda name, folder: Path(name) if name == "fake" else real(name, folder))
    monkeypatch.setattr(opened, "similarity", overlap)
    opened._loaded["fake"] = FakeLLM(script())
    yield opened
    opened.close()


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return workspace.store


@pytest.fixture
def piece(store: Store) -> Piece:
    """Return a piece with criteria and a run."""
    store.begin("run1", example.PROMPT, "fake", this_process())
    store.append("run1", example.whole_run("run1"))
    return store.adopt("run1")


def asks(workspace: Workspace, piece: Piece, **wish: str) -> Edited:
    said = json.dumps({"piece": piece.id, "base": piece.revision, "run": ""})
    return on_criteria(workspace, said, piece.brief, piece.text, wish)


def names(store: Store, piece: Piece) -> list[str]:
    now = store.piece(piece.id)
    return [c.name for c in now.rubric.criteria] if now and now.rubric else []


# What is kept


def test_saved_criteria_that_are_used_take_the_place_of_all_but_ones_own_and_the_locked(
    workspace: Workspace, store: Store, piece: Piece
) -> None:
    assert piece.rubric
    saved = store.save_rubric("Farewells", piece.brief, piece.rubric.model_copy(update={"criteria": (ROPE,)}))
    own = SALT.model_copy(update={"source": SALT.source.model_copy(update={"stage": "user"})})
    first, second, *_ = piece.rubric.criteria
    mine = piece.rubric.model_copy(update={"criteria": (first.model_copy(update={"locked": True}), second, own)})
    store.set_rubric(piece.id, mine)
    asks(workspace, piece, act="use", rubric=saved.id)
    assert names(store, piece) == [first.name, SALT.name, ROPE.name]
    store.set_rubric(piece.id, mine.model_copy(update={"criteria": (second,)}))
    asks(workspace, piece, act="use", rubric=saved.id)
    assert names(store, piece) == [ROPE.name]


def test_what_was_dismissed_holds_for_its_piece_and_for_the_same_request_but_for_no_other(store: Store) -> None:
    one, other = store.new_piece("A storm"), store.new_piece("A storm")
    store.dismiss(one.id, "p-storm", SALT)
    store.dismiss(one.id, "p-calm", ROPE)
    assert store.dismissed("p-other", one.id) == [SALT, ROPE]
    assert store.dismissed("p-storm", other.id) == store.dismissed("p-storm") == [SALT]
    assert store.dismissed("p-other", other.id) == store.dismissed("p-other") == []
    store.dismiss(other.id, "p-storm", SALT)
    assert store.dismissed("p-storm", one.id) == [SALT, ROPE]  # each once
    assert Store(store.path).dismissed("p-storm", one.id) == [SALT, ROPE]


def test_what_is_brought_back_is_forgotten_wherever_it_held_and_nothing_else_is(store: Store) -> None:
    one, other = store.new_piece("A storm"), store.new_piece("A storm")
    for piece, prompt, criterion in ((one, "p-storm", SALT), (one, "p-storm", ROPE), (other, "p-calm", SALT)):
        store.dismiss(piece.id, prompt, criterion)
    store.readmit(other.id, "p-storm", SALT.id)
    assert store.dismissed("p-storm", one.id) == [ROPE] and store.dismissed("p-calm", other.id) == []
    store.readmit(one.id, "p-storm", "c-never")
    assert store.dismissed("p-storm") == [ROPE]


def test_a_deleted_pieces_word_counts_for_no_other_until_it_is_restored(store: Store) -> None:
    one = store.new_piece("A storm")
    store.dismiss(one.id, "p-storm", SALT)
    store.delete_piece(one.id)
    assert store.dismissed("p-storm") == []
    store.restore_piece(one.id)
    assert store.dismissed("p-storm") == [SALT]


def test_a_damaged_row_dismisses_nothing_and_the_others_hold(store: Store) -> None:
    piece = store.new_piece("A storm")
    store.dismiss(piece.id, "p", SALT)
    store.dismiss(piece.id, "p", ROPE)
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE dismissed SET criterion = '{torn' WHERE criterion_id = ?", (SALT.id,))
    assert store.dismissed("p") == [ROPE]


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=40)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.builds(Criterion, name=WORDS, description=WORDS), max_size=4, unique_by=lambda c: c.id), WORDS)
def test_any_criterion_comes_back_as_it_went_in(store: Store, criteria: list[Criterion], prompt: str) -> None:
    piece = store.new_piece("A storm")
    for criterion in criteria * 2:
        store.dismiss(piece.id, prompt, criterion)
    assert sorted(c.id for c in store.dismissed("p-none", piece.id)) == sorted(c.id for c in criteria)
    for criterion in criteria:
        store.readmit(piece.id, "p-none", criterion.id)
    assert store.dismissed(prompt, piece.id) == []


# What the board asks for


def test_one_button_takes_it_out_and_keeps_that_and_undo_brings_it_back_and_forgets_it(
    workspace: Workspace, store: Store, piece: Piece
) -> None:
    edited = asks(workspace, piece, act="dismiss", id=VOICE.id)
    assert VOICE.name not in names(store, piece) and store.dismissed(HERE, piece.id) == [VOICE]
    assert "will not be proposed again" in edited.criteria and "Not for this piece (1)" in edited.criteria
    edited = asks(workspace, piece, act="undelete", criterion=VOICE.model_dump_json(), at="1")
    assert names(store, piece) == [c.name for c in example.CRITERIA] and store.dismissed(HERE, piece.id) == []
    assert "Not for this piece (" not in edited.criteria


def test_a_plain_deletion_is_not_remembered(workspace: Workspace, store: Store, piece: Piece) -> None:
    edited = asks(workspace, piece, act="delete", id=VOICE.id)
    assert "is deleted." in edited.criteria and store.dismissed(HERE, piece.id) == []


@pytest.mark.parametrize(
    "wish",
    [
        {"act": "dismiss", "id": "c-none"},
        {"act": "dismiss"},
        {"act": "dismiss", "id": "x" * 20_000},
        {"act": "undelete", "criterion": "{}", "at": "0"},
        {"act": "undelete", "criterion": VOICE.model_dump_json(), "at": "0"},  # it is there
        {"act": "undelete"},
    ],
)
def test_what_cannot_be_done_changes_neither_criteria_nor_what_is_remembered(
    workspace: Workspace, store: Store, piece: Piece, wish: dict[str, str]
) -> None:
    store.dismiss(piece.id, HERE, SALT)
    refused = asks(workspace, piece, ticket="1", **wish)
    assert "data-ticket" in refused.answer and store.dismissed(HERE, piece.id) == [SALT]
    assert names(store, piece) == [c.name for c in example.CRITERIA]


def test_while_a_run_is_written_nothing_is_taken_out_or_remembered(
    workspace: Workspace, store: Store, piece: Piece
) -> None:
    store.begin("run2", piece.brief, "fake", this_process(), piece.id)
    said = json.dumps({"piece": piece.id, "base": piece.revision, "run": "run2"})
    on_criteria(workspace, said, piece.brief, "", {"act": "dismiss", "id": VOICE.id})
    assert VOICE.name in names(store, piece) and store.dismissed(HERE, piece.id) == []


# Found anew


def found(workspace: Workspace, brief: str, piece: Piece | None = None) -> RubricReady:
    task = Task("", brief, stop_after="criteria")
    run_id = workspace.start(task, model="fake", piece_id=piece.id if piece else None)
    [ready] = [e for _, e in workspace.jobs.follow(run_id) if isinstance(e, RubricReady)]
    return ready


def test_found_anew_it_stays_out_of_the_piece_and_of_every_other_of_the_very_same_request(
    workspace: Workspace, store: Store
) -> None:
    piece, twin = store.new_piece(PROMPT), store.new_piece(f"  {PROMPT}\n")
    worn, *_, length = (
        c for c in found(workspace, PROMPT, piece).rubric.criteria if c.name in ("Worn stairs", "Length")
    )
    for criterion in (worn, length):
        asks(workspace, piece, act="dismiss", id=criterion.id)
    for brief, where in ((PROMPT, piece), (f"{PROMPT}!", piece), (twin.brief, twin), (PROMPT, None)):
        ready = found(workspace, brief, where)
        assert not {"Worn stairs", "Length"} & {c.name for c in ready.rubric.criteria}, (brief, where)
        assert {f"Worn stairs: {DISMISSED}", f"Length: {DISMISSED}"} <= set(ready.dropped)
    other = found(workspace, f"{PROMPT}!", store.new_piece("Other"))
    assert {"Worn stairs", "Length"} <= {c.name for c in other.rubric.criteria}


def test_criteria_that_are_there_are_written_by_whatever_was_dismissed_before(
    workspace: Workspace, store: Store
) -> None:
    piece = store.new_piece(PROMPT)
    store.dismiss(piece.id, prompt_id(PROMPT), SALT)
    rubric = Rubric(prompt_id=prompt_id(PROMPT), criteria=(SALT,))
    run_id = workspace.start(Task("", PROMPT, rubric, rounds=0, text=FIRST), model="fake", piece_id=piece.id)
    assert [e for _, e in workspace.jobs.follow(run_id)][-1].event == "finished"
    assert store.trajectory(run_id).rubric == rubric


def test_where_nothing_is_left_the_run_ends_with_a_sentence_and_the_next_step(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("writer_r1.review.ALIKE", -1.0)
    monkeypatch.setattr("writer_r1.criteria.measured_criteria", lambda facts: ())
    piece = store.new_piece(PROMPT)
    store.dismiss(piece.id, "p", SALT)
    run_id = workspace.start(Task("", PROMPT), model="fake", piece_id=piece.id)
    last = [e for _, e in workspace.jobs.follow(run_id)][-1]
    assert last.event == "error" and "add one of your own, or bring one back" in last.message
