"""The page's place: what is put into its boxes, and upon which revision the next save of it is made."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import example_run as example
import pytest

from writer_r1.store import Piece, this_process
from writer_r1.ui.desk import Desk, on_load, on_shelf
from writer_r1.ui.editing import on_criteria
from writer_r1.ui.following import follow
from writer_r1.ui.saving import saver
from writer_r1.ui.settings_tab import library_facts
from writer_r1.ui.write_tab import NO_TEXT, Wishes, on_judge, task_of
from writer_r1.workspace import Workspace

SKIPPED = {"__type__": "update"}
LOCK = {"act": "lock", "id": example.CRITERIA[0].id}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    opened = Workspace(tmp_path / "home", tmp_path / "models")
    yield opened
    opened.close()


@pytest.fixture
def piece(workspace: Workspace) -> Piece:
    """Return a piece with criteria, a run, and a text that another page has saved since."""
    store = workspace.store
    store.begin("run1", example.PROMPT, "fake", this_process())
    store.append("run1", example.whole_run("run1"))
    piece = store.adopt("run1")
    return store.save_piece(piece.id, piece.brief, "Saved by another page.", piece.revision)


def place(piece: str = "", base: int = 0, run: str = "") -> str:
    return json.dumps({"piece": piece, "base": base, "run": run})


def base_of(mark: str) -> int:
    found = re.search(r'data-revision="(\d+)"', mark)
    assert found
    return int(found[1])


def test_a_page_that_changes_criteria_is_not_told_a_revision_whose_words_it_never_showed(
    workspace: Workspace, piece: Piece
) -> None:
    """Acceptance 7 of the page's design: told it, the page would save over what the other one saved."""
    edited = on_criteria(workspace, place(piece.id, piece.revision - 1), piece.brief, "Older words.", LOCK)
    assert base_of(edited.piece) == piece.revision - 1
    words = {"piece": piece.id, "base": base_of(edited.piece), "brief": piece.brief, "text": "Older words, gone on."}
    assert saver(workspace)(words)["stale"]["text"] == "Saved by another page."


def test_a_session_of_the_open_piece_leaves_the_boxes_and_their_revision_alone(
    workspace: Workspace, piece: Piece
) -> None:
    desk = on_shelf(workspace, place(piece.id, piece.revision - 1), {"act": "session", "run": "run1"})
    assert base_of(desk.piece) == piece.revision - 1 and desk.text == desk.brief == SKIPPED
    assert f"{piece.id}/run1#" in desk.follow


def test_a_session_of_another_piece_brings_that_pieces_words_with_it(workspace: Workspace, piece: Piece) -> None:
    other = workspace.store.new_piece("Another brief.", "Other words.")
    desk = on_shelf(workspace, place(other.id, other.revision), {"act": "session", "run": "run1"})
    assert (desk.brief, desk.text, base_of(desk.piece)) == (piece.brief, piece.text, piece.revision)


def test_an_address_of_a_deleted_piece_says_so_and_the_piece_can_be_brought_back(
    workspace: Workspace, piece: Piece
) -> None:
    workspace.store.delete_piece(piece.id)
    for desk in (on_load(workspace, piece.id, "run1"), on_load(workspace, piece.id, None)):
        assert desk.brief == desk.text == "" and next(follow(workspace, desk.follow)).trouble == SKIPPED
        assert "The piece of this address is not there." in desk.trouble
        assert "Deleted (1)" in desk.shelf and f'data-act="undelete" data-piece="{piece.id}"' in desk.shelf
    for address in ((None, None), ("new", None)):
        assert on_load(workspace, *address).trouble == ""
    back = on_shelf(workspace, place(), {"act": "undelete", "piece": piece.id})
    assert back.text == piece.text and "Deleted (" not in back.shelf


def test_pieces_beyond_the_first_two_hundred_are_listed_when_asked_for(workspace: Workspace) -> None:
    for number in range(203):
        workspace.store.new_piece(f"Piece {number}")
    shelf = on_load(workspace, None, None).shelf
    assert "Show older ones (3 more)" in shelf and 'data-shown="400"' in shelf and ">Piece 2<" not in shelf
    for act in ("older", "refresh"):
        more = on_shelf(workspace, place(), {"act": act, "shown": "400"}).shelf
        assert "Show older" not in more and ">Piece 2<" in more and ">Piece 0<" in more
    assert "203 pieces" in library_facts(workspace)


# Judging the user's own text


def judge_now(workspace: Workspace, text: str) -> Desk:
    return on_judge(workspace, place(), "A farewell to the sea.", text, Wishes(rounds=0))


def test_there_must_be_a_text_to_judge(workspace: Workspace) -> None:
    desk = judge_now(workspace, " \n ")
    assert NO_TEXT in desk.trouble and workspace.store.latest() is None


def test_what_is_judged_is_saved_first_even_where_no_model_is_ready(workspace: Workspace) -> None:
    desk = judge_now(workspace, "My keeper says goodbye.")
    assert "not downloaded yet" in desk.trouble and desk.text == SKIPPED
    assert [p.text for p in workspace.store.pieces()] == ["My keeper says goodbye."]


def test_the_text_is_judged_by_the_criteria_that_are_there_for_as_many_rounds_as_are_wished(
    workspace: Workspace, piece: Piece
) -> None:
    task = task_of(piece, example.PROMPT, Wishes(rounds=2, own="Mine."))
    assert (task.text, task.rounds, task.stop_after) == ("Mine.", 2, "rounds")
    assert task_of(piece, example.PROMPT, Wishes(rounds=2)).text == ""
