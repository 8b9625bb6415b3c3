"""The board of versions: a tree told in words, every word escaped, and what its buttons do to a piece."""

import json
import re
import time
from pathlib import Path

import pytest

from writer_r1.events import Drafted, Finished
from writer_r1.store import Step, Store, Version
from writer_r1.trajectory import Attempt, Criterion, Rubric, Trajectory
from writer_r1.ui.desk import Desk, Place
from writer_r1.ui.restoring import on_undo, on_versions, tree
from writer_r1.ui.version_board import AT_ONCE, Tree, lanes_of, listed, moved, version_board
from writer_r1.ui.view import View, outdated
from writer_r1.ui.write_tab import on_round
from writer_r1.workspace import Workspace

EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home", tmp_path / "models")


def step(revision: int, parent: int | None, why: str = "", name: str = "") -> Step:
    return Step(revision, parent, why, name, time.time() - 3600 * (20 - revision))


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def said(store: Store, piece_id: str, base: int | None = None) -> str:
    piece = store.piece(piece_id)
    assert piece is not None
    return json.dumps({"piece": piece_id, "base": piece.revision if base is None else base, "run": ""})


# The tree


def test_what_leads_to_the_present_is_the_trunk_and_a_branch_of_a_branch_stands_further_in() -> None:
    #  1 - 2 - 3 - 4        the newest is 8
    #       \    \- 6 - 7
    #        \- 5      1 - 8
    steps = [step(8, 1), step(7, 6), step(6, 3), step(5, 2), step(4, 3), step(3, 2), step(2, 1), step(1, None)]
    assert lanes_of(steps) == {8: 0, 1: 0, 2: 1, 3: 2, 4: 3, 5: 1, 6: 2, 7: 2}
    assert lanes_of([]) == {} and lanes_of([step(1, None)]) == {1: 0}


def test_a_tree_with_a_parent_that_is_not_there_or_its_own_is_still_listed() -> None:
    assert lanes_of([step(3, 2), step(2, 9)]) == {3: 0, 2: 0}
    assert lanes_of([step(2, 2), step(1, None)]) == {2: 0, 1: 0}


def test_each_version_says_what_it_is_how_long_and_what_changed() -> None:
    steps = [step(4, 2, "restored"), step(3, 2), step(2, 1, "Round 1 taken over", "The storm"), step(1, None, "begun")]
    texts = {1: "", 2: "Salt on the rail.", 3: "Salt on rope, here.", 4: "Salt on the rail."}
    html = version_board(Tree(steps, texts))
    now, left, taken, begun_ = (plain(row) for row in re.findall(r"<li .*?</li>", html, re.DOTALL))
    assert now.startswith("Restored from “The storm”, ") and "stands here now" in now
    assert now.endswith("4 words · no word changed")
    assert left.startswith("Saved while you wrote on a branch you left") and left.endswith("2 put in, 2 taken out")
    assert taken.startswith("“The storm” Round 1 taken over") and taken.endswith("4 words · 4 put in")
    assert begun_.startswith("Begun") and begun_.endswith("0 words")
    assert "4 versions." in html and "Show older" not in html


def test_what_was_brought_back_twice_is_called_what_it_was_at_first() -> None:
    steps = [step(5, 4, "undone"), step(4, 2, "restored"), step(3, 2), step(2, 1, "Round 1 taken over"), step(1, None)]
    html = plain(version_board(Tree(steps, dict.fromkeys(range(1, 6), "Salt."))))
    assert "Undone, back to Round 1 taken over, " in html and "Restored from Round 1 taken over, " in html
    named = [steps[0], steps[1]._replace(name="The storm"), *steps[2:]]
    assert "Undone, back to “The storm”, " in plain(version_board(Tree(named, {})))


def test_a_version_that_is_read_shows_what_restoring_it_would_change_and_the_brief_that_comes_back() -> None:
    steps = [step(2, 1, "kept by hand"), step(1, None, "begun")]
    texts = {1: "Salt on the rail.", 2: "Salt on the rope."}
    old = Version(1, "A fox", texts[1], "begun", 0.0)
    html = version_board(Tree(steps, texts, AT_ONCE, old, "A storm"))
    assert "<del>rope</del><ins>rail</ins>" in html and 'data-act="restore" data-revision="1"' in html
    assert "The brief then, which comes back with it: A fox" in plain(html)
    assert html.count('aria-expanded="true"') == 1
    here = version_board(Tree(steps, texts, AT_ONCE, Version(2, "A storm", texts[2], "", 0.0, 1), "A storm"))
    assert 'data-act="restore"' not in here and "This is what stands in your manuscript" in here


def test_nothing_of_a_text_is_taken_for_html() -> None:
    steps = [step(2, 1, EVIL, EVIL), step(1, None, EVIL, EVIL)]
    read = Version(1, EVIL, EVIL, EVIL, 0.0, None, EVIL)
    html = version_board(Tree(steps, {1: EVIL, 2: f"{EVIL} and more"}, AT_ONCE, read, "x"))
    assert "<img" not in html and "&lt;img" in html


def test_words_are_counted_wherever_they_stand() -> None:
    assert moved("a b c", "c b a") == "no word changed" and moved("a b", "a b c c") == "2 put in"
    assert moved("a b " * 600, "") == "1,200 taken out"


@pytest.mark.alone
def test_five_hundred_versions_of_three_thousand_words_open_in_a_second(workspace: Workspace) -> None:
    store = workspace.store
    text = " ".join(f"wave{n % 701} rolled." for n in range(1500))
    piece = store.new_piece("A storm", text)
    with store._transaction("BEGIN IMMEDIATE") as db:
        rows = [
            (piece.id, n, "A storm", f"{text} {n} more.", "kept by hand", 1e9 + n, n - 1, "") for n in range(2, 501)
        ]
        columns = "piece_id, revision, brief, text, why, created, parent, name"
        db.executemany(f"INSERT INTO versions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    place = Place(piece=piece.id)
    began = time.process_time()
    html = tree(workspace, place, {})
    assert time.process_time() - began < 1.0  # others may use the cores
    assert html.count("<li ") == AT_ONCE and "500 versions." in html and "Show older ones (460 more)" in html
    assert tree(workspace, place, {"shown": "80"}).count("<li ") == 80
    assert len(listed(store.steps(piece.id), AT_ONCE)) <= 2 * AT_ONCE + 1


def test_without_a_piece_the_board_says_when_there_will_be_a_version(workspace: Workspace) -> None:
    assert "as soon as you write" in tree(workspace, Place(), {}) and "<ol" not in version_board(None)


# Restoring


def test_restoring_keeps_what_was_typed_and_undo_brings_it_back(workspace: Workspace) -> None:
    store = workspace.store
    piece = store.new_piece("A storm", "One.")
    store.save_piece(piece.id, "A storm", "Two.", 1, "kept by hand")
    desk, board = on_versions(
        workspace, said(store, piece.id), "A storm", "Two, and typed.", {"act": "restore", "revision": "1"}
    )
    assert (desk.brief, desk.text) == ("A storm", "One.") and "stands here now" in board
    assert [v.text for v in store.versions(piece.id)] == ["One.", "Two, and typed.", "Two.", "One."]
    revision = re.search(r'data-act="undo" data-piece="\w+" data-revision="(\d+)"', desk.undo)
    assert revision and revision.group(1) == "3"
    wish = {"act": "undo", "piece": piece.id, "revision": "3"}
    back = on_undo(workspace, said(store, piece.id), "A storm", "One. And more, quickly.", wish)
    assert back.text == "Two, and typed." and "data-act" not in back.undo
    newest, typed, *_ = store.versions(piece.id)
    assert (newest.why, newest.parent, typed.text) == ("undone", 3, "One. And more, quickly.")


def test_a_round_taken_over_can_be_undone(workspace: Workspace) -> None:
    store = workspace.store
    piece = store.new_piece("A storm", "Mine.")
    store.begin("run1", "A storm", "fake", "999999999:1.00", piece.id)
    store.append("run1", [Drafted(attempt=1, text="Theirs."), Finished(trajectory_id="run1", best_attempt=1, rounds=0)])
    place = json.dumps({"piece": piece.id, "base": 1, "run": "run1"})
    desk = on_round(workspace, place, "A storm", "Mine, and typed.", {"act": "use", "attempt": "1"})
    assert desk.text == "Theirs." and "First draft is your manuscript now" in desk.undo
    wish = {"act": "undo", "piece": piece.id, "revision": "2"}
    assert f'data-revision="{wish["revision"]}"' in desk.undo
    back = on_undo(workspace, said(store, piece.id), "A storm", "Theirs.", wish)
    assert back.text == "Mine, and typed."
    again = on_round(workspace, said(store, piece.id).replace('"run": ""', '"run": "run1"'), "A storm", "Theirs.",
                     {"act": "use", "attempt": "1"})  # fmt: skip
    assert "data-act" not in again.undo  # it stood there already: there is nothing to undo


def test_a_restore_from_a_page_that_is_behind_is_refused_in_words(workspace: Workspace) -> None:
    store = workspace.store
    piece = store.new_piece("A storm", "One.")
    store.save_piece(piece.id, "A storm", "Of another tab.", 1, "kept by hand")
    for act in ("restore", "undo"):
        wish = {"act": act, "piece": piece.id, "revision": "1"}
        ask = on_undo if act == "undo" else lambda *given: on_versions(*given)[0]
        desk = ask(workspace, said(store, piece.id, 1), "A storm", "Typed here.", wish)
        assert "changed in another tab" in desk.trouble
    assert [v.text for v in store.versions(piece.id)] == ["Of another tab.", "One."]


@pytest.mark.parametrize("revision", ["", "99", "-1", "x", "１", "9" * 40])
def test_a_version_that_is_not_there_changes_nothing(workspace: Workspace, revision: str) -> None:
    piece = workspace.store.new_piece("A storm", "One.")
    before = workspace.store.versions(piece.id)
    for act in ("restore", "copy", "name"):
        wish = {"act": act, "revision": revision, "name": "x"}
        desk, _ = on_versions(workspace, said(workspace.store, piece.id), "A storm", "One.", wish)
        assert "not in the library any more" in desk.trouble
    assert workspace.store.versions(piece.id) == before and len(workspace.store.pieces()) == 1


def test_a_copy_is_a_piece_of_its_own_with_the_criteria(workspace: Workspace) -> None:
    store = workspace.store
    rubric = Rubric(prompt_id="p-1", criteria=(Criterion(name="Imagery", description="One can see it."),))
    piece = store.new_piece("A storm", "One.", "Sea")
    store.set_rubric(piece.id, rubric)
    store.save_piece(piece.id, "A storm", "Two.", 1, "kept by hand")
    store.name_version(piece.id, 1, "First try")
    desk, _ = on_versions(workspace, said(store, piece.id), "A storm", "Two.", {"act": "copy", "revision": "1"})
    copy = next(p for p in store.pieces() if p.id != piece.id)
    assert (copy.title, copy.text, copy.rubric, desk.text) == ("Sea (First try)", "One.", rubric, "One.")
    assert store.piece(piece.id).text == "Two."  # type: ignore[union-attr]


def test_a_name_is_kept_and_shown(workspace: Workspace) -> None:
    piece = workspace.store.new_piece("A storm", "One.")
    wish = {"act": "name", "revision": "1", "name": " Before <b> "}
    _, board = on_versions(workspace, said(workspace.store, piece.id), "A storm", "One.", wish)
    assert "“Before &lt;b&gt;”" in board and workspace.store.steps(piece.id)[0].name == "Before <b>"


# Rounds whose text was changed since


def test_w7_rounds_made_of_a_text_that_was_changed_since_are_marked() -> None:
    attempts = tuple(Attempt(number=n, parent=p, text="x") for n, p in ((1, None), (2, 1), (3, 2), (4, 2), (5, 1)))
    view = View(Trajectory(id="r", prompt="p", attempts=attempts), edited=2)
    assert [outdated(view, a) for a in attempts] == [False, False, True, True, False]
    assert not any(outdated(view._replace(edited=None), a) for a in attempts)
    assert [outdated(view._replace(edited=1), a) for a in attempts] == [False, True, True, True, True]


def test_the_run_is_followed_anew_only_where_its_marks_change(workspace: Workspace) -> None:
    store = workspace.store
    piece = store.new_piece("A storm", "Mine.")
    store.begin("run1", "A storm", "fake", "999999999:1.00", piece.id)
    store.append("run1", [Drafted(attempt=1, text="Mine."), Finished(trajectory_id="run1", best_attempt=1, rounds=0)])
    place = json.dumps({"piece": piece.id, "base": 1, "run": "run1"})

    def follow(edited: str) -> object:
        return on_versions(workspace, place, "A storm", "Mine.", {"act": "refresh", "edited": edited})[0].follow

    assert not isinstance(follow(""), str)
    store.save_piece(piece.id, "A storm", "Mine, better.", 1)
    assert isinstance(follow(""), str) and not isinstance(follow("1"), str)


def test_an_untouched_desk_changes_nothing(workspace: Workspace) -> None:
    desk, board = on_versions(workspace, "{}", "", "", {"act": "nonsense"})
    assert len(desk) == len(Desk._fields) and not any(isinstance(part, str) for part in (*desk, board))
