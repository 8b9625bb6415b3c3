"""Runs about a passage and protected passages in the library: kept, in nobody's way, gone with their piece."""

from pathlib import Path

import pytest
from test_store import FIXTURES, built, edit

from writer_r1.errors import StoreError
from writer_r1.events import Chosen, DraftDelta, Drafted, Finished, Marked
from writer_r1.passage import AROUND, Passage
from writer_r1.store import Store, this_process

WAVES = Passage(text="the waves", before="The keeper counted ", after=".")
SWELL = [
    Marked(passage=WAVES, ways=("Plainer",)),
    DraftDelta(attempt=2, text="the quaggy swell"),
    Drafted(attempt=2, text="the quaggy swell"),
    Finished(trajectory_id="p1", best_attempt=None, rounds=1),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "library.db")


def test_a_run_about_a_passage_is_kept_with_its_piece_and_in_no_list_and_no_search(store: Store) -> None:
    piece = store.new_piece("A lighthouse keeper", "The keeper counted the waves.")
    store.begin("r1", "A lighthouse keeper", "fake", this_process(), piece.id)
    store.append("r1", [Finished(trajectory_id="r1", best_attempt=None, rounds=0)])
    assert store.passage_run(piece.id) is None
    store.begin("p1", "A lighthouse keeper", "fake", this_process(), piece.id, passage=True)
    assert store.running() == [] and store.latest() == "r1"
    store.append("p1", SWELL)
    assert [r.id for r in store.runs_of(piece.id)] == ["r1"] == [r.id for r in store.runs()]
    assert [r.id for r in store.search("keeper")] == ["r1"] and store.search("quaggy") == []
    assert [hit.run_id for hit in store.find("quaggy")] == [] and store.loose_runs() == []
    found = store.passage_run(piece.id)
    assert found and (found.id, found.state) == ("p1", "finished")
    assert [event for _, event in store.events("p1")] == SWELL
    store.begin("p2", "A lighthouse keeper", "fake", this_process(), piece.id, passage=True)
    newest = store.passage_run(piece.id)
    assert newest and (newest.id, newest.state) == ("p2", "running")
    store.append("p1", [Chosen(attempt=2)])  # what became of it is told after its end
    assert store.events("p1")[-1][1] == Chosen(attempt=2)


def test_protected_passages_are_kept_by_piece_with_their_surroundings_until_they_are_let_go(store: Store) -> None:
    piece, other = store.new_piece("", "The keeper counted the waves."), store.new_piece("", "A fox.")
    one = store.protect(piece.id, WAVES)
    two = store.protect(piece.id, Passage(text="\ud800counted", before="x" * (AROUND + 5)))
    store.protect(other.id, Passage(text="A fox."))
    assert [(p.id, p.passage.text) for p in store.protected(piece.id)] == [(one.id, "the waves"), (two.id, "�counted")]
    assert store.protected(piece.id)[0].passage == WAVES and len(two.passage.before) == AROUND
    store.unprotect(other.id, one.id)  # of another piece: nothing
    store.unprotect(piece.id, one.id)
    assert [p.id for p in Store(store.path).protected(piece.id)] == [two.id] and store.protected(None) == []
    store.delete_piece(piece.id)
    with pytest.raises(StoreError, match="was deleted"):
        store.protect(piece.id, WAVES)
    edit(store, "UPDATE pieces SET deleted = 1 WHERE deleted IS NOT NULL")
    kept = Store(store.path)
    assert kept.protected(piece.id) == [] and len(kept.protected(other.id)) == 1
    kept.delete_all()
    assert kept.protected(other.id) == []


def test_a_library_with_passages_opens_and_one_from_before_has_none(tmp_path: Path) -> None:
    old = Store(built(FIXTURES / "m006_version_tree.sql", tmp_path / "old.db"))
    assert old.passage_run("aa01") is None and old.protected("aa01") == []
    assert [r.id for r in old.runs_of("aa01")] == ["5f2a"]
    store = Store(built(FIXTURES / "m007_passages.sql", tmp_path / "new.db"))
    run = store.passage_run("aa01")
    assert run and run.id == "7c01" and [r.id for r in store.runs_of("aa01")] == ["5f2a"]
    assert [p.passage.text for p in store.protected("aa01")] == ["counted"]
