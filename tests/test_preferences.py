"""Decisions of reviews: kept with their piece, gone with it, and made into pairs of texts."""

import json
import time
from pathlib import Path

import example_run as example
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from test_proposals import drafts

from writer_r1.cli import main
from writer_r1.preferences import Review, choices, preferences, scored_preferences
from writer_r1.proposals import Asked, Decision, apply, proposals
from writer_r1.store import Choice, Piece, ScoredPair, Store, this_process
from writer_r1.store.pieces import DELETED_S
from writer_r1.ui.files import HEADER, PATH, Files
from writer_r1.ui.files_menu import preferences_part
from writer_r1.ui.settings_tab import library_facts
from writer_r1.workspace import Workspace

OLD = "A first paragraph.\n\nThe cat sat on the wall. It rained.\n\nA last one."
NEW = OLD.replace("sat", "slept")


def piece(text: str) -> Piece:
    return Piece("p1", "Title", "A storm", text, 1, None, 0.0, 0.0)


def decided(verdict: str, own: str = "", asked: Asked | None = None) -> list[Choice]:
    found = [one._replace(asked=asked) for one in proposals(OLD, NEW)]
    given_ = {one.id: Decision(verdict, own) for one in found}  # type: ignore[arg-type]
    return choices(piece(OLD), found, given_, Review("A storm", "run r1 2", 4))


@pytest.mark.parametrize(
    ("verdict", "chosen", "rejected"),
    [("accept", "slept", "sat"), ("reject", "sat", "slept"), ("edit", "lay", "slept")],
)
def test_a_decision_is_a_pair_of_paragraphs(verdict: str, chosen: str, rejected: str) -> None:
    [row] = preferences(decided(verdict, "lay", Asked("Rest", "it is tired")))
    assert row == {
        "prompt": "A storm",
        "chosen": f"The cat {chosen} on the wall. It rained.",
        "rejected": f"The cat {rejected} on the wall. It rained.",
        "criterion": "Rest",
        "source": "review of run r1 2",
    }


@given(drafts(), st.sampled_from(["accept", "reject", "edit"]))
def test_both_texts_of_a_pair_differ_and_hold_words(pair: tuple[str, str], verdict: str) -> None:
    old, new = pair
    found = proposals(old, new)
    given_ = {one.id: Decision(verdict, "mine") for one in found}  # type: ignore[arg-type]
    kept = choices(piece(old), found, given_, Review("x", "run r 1", 1))
    assert len(kept) == len(found)
    for row in preferences(kept):
        assert row["chosen"].strip() and row["rejected"].strip() and row["chosen"] != row["rejected"]
    if len(found) == 1 and verdict == "accept" and (rows := list(preferences(kept))):
        assert rows[0]["chosen"] in apply(old, found, given_) and rows[0]["rejected"] in old


def test_what_was_left_open_or_came_to_nothing_is_no_pair() -> None:
    found = proposals(OLD, NEW)
    assert choices(piece(OLD), found, {}, Review("x", "run r 1", 1)) == []
    assert list(preferences(decided("edit", "slept"))) == []  # its own words are the round's
    gone = choices(piece("Out."), proposals("Out.", ""), {}, Review("x", "run r 1", 1))
    assert list(preferences(gone)) == []


def test_the_command_prints_them_and_the_settings_count_and_export_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    workspace = Workspace()
    assert main(["history", "preferences"]) == 0 and capsys.readouterr().out == ""
    client = TestClient(Files(PlainTextResponse("page"), workspace), headers={HEADER: "page"})
    assert "nothing to export" in client.get(f"{PATH}preferences").json()["error"]
    assert "is kept here" in library_facts(workspace) and "data-library" not in library_facts(workspace)
    one = workspace.store.new_piece("A storm", OLD)
    workspace.store.keep_choices([c._replace(piece_id=one.id) for c in decided("accept")])
    assert main(["history", "preferences"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)["chosen"] == "The cat slept on the wall. It rained."
    assert printed.endswith("}\n") and printed.count("\n") == 1
    assert "1 decision of your reviews is kept" in library_facts(workspace)
    answer = client.get(f"{PATH}preferences")
    assert answer.text == printed and ".jsonl" in answer.headers["content-disposition"]
    workspace.close()


def test_two_texts_that_their_writer_scored_differently_on_one_criterion_are_a_pair(
    capsys: pytest.CaptureFixture[str],
) -> None:
    workspace, (lamp, voice, *_) = Workspace(), example.CRITERIA
    store = workspace.store
    store.begin("run1", example.PROMPT, "fake", this_process())
    store.append("run1", example.whole_run("run1"))
    for attempt, criterion, score in ((1, lamp, 3), (2, lamp, 8), (3, lamp, 8), (1, voice, 9), (2, voice, 4)):
        store.set_own_score("run1", attempt, criterion.id, score)
    assert "3 pairs of texts by your own scores are kept" in library_facts(workspace)
    assert main(["history", "preferences"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    texts = {a.number: a.text.strip() for a in store.trajectory("run1").attempts}
    assert {(row["criterion"], row["chosen"], row["rejected"]) for row in rows} == {
        (lamp.name, texts[2], texts[1]),
        (lamp.name, texts[3], texts[1]),
        (voice.name, texts[1], texts[2]),
    }
    assert {row["prompt"] for row in rows} == {example.PROMPT}
    assert "own scores of run run1, text 2 over 1" in {row["source"] for row in rows} and len(rows) == 3
    store.delete_piece(store.adopt("run1").id)
    assert (store.scored_pairs(), store.scored_pair_count()) == ([], 0)
    workspace.close()


def test_own_scores_that_tell_nothing_apart_are_no_pair() -> None:
    pair = ScoredPair("r", "A fox", example.CRITERIA[0], 2, "One text.", 1, " \n")
    assert list(scored_preferences([pair, pair._replace(worse_text="One text.\n")])) == []


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((0, 0, 1), "1 pair of texts by your own scores is kept"),
        ((1, 2, 0), "1 decision of your reviews and 2 blind choices are kept"),
        ((1200, 1, 2), "1,200 decisions of your reviews, 1 blind choice and 2 pairs of texts by your own scores are"),
    ],
)
def test_the_settings_say_what_there_is_to_export(counts: tuple[int, int, int], said: str) -> None:
    assert said in preferences_part(*counts)


def test_decisions_go_with_their_piece_and_with_everything(tmp_path: Path) -> None:
    store = Store(tmp_path / "library.db")
    kept, thrown = store.new_piece("A fox", OLD), store.new_piece("A storm", OLD)
    for one in (kept, thrown):
        store.keep_choices([c._replace(piece_id=one.id, new="\ud83d") for c in decided("accept")])
        store.keep_choices([c._replace(piece_id=one.id) for c in decided("reject")])  # a second thought
    assert [(c.piece_id, c.verdict) for c in store.decisions()] == [(kept.id, "reject"), (thrown.id, "reject")]
    assert all(time.time() - c.created < 60 for c in store.decisions())
    store.delete_piece(thrown.id)
    assert store.decision_count() == 1
    store.restore_piece(thrown.id)
    assert store.decision_count() == 2
    store.delete_piece(thrown.id)
    with store._transaction("BEGIN IMMEDIATE") as db:
        db.execute("UPDATE pieces SET deleted = deleted - ? WHERE deleted IS NOT NULL", (DELETED_S + 1,))
    Store(store.path)
    with store._transaction("BEGIN") as db:
        assert db.execute("SELECT piece_id FROM decisions").fetchall() == [(kept.id,)]
    store.forget_choices(kept.id, 3)
    assert store.decision_count() == 1
    store.delete_all()
    assert store.decisions() == []
