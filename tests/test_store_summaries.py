"""Summaries of a piece's parts against a real SQLite file: kept by their hash, gone with their piece."""

from pathlib import Path

import pytest

from writer_r1.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "library.db")


def test_a_summary_is_kept_for_its_piece_alone_and_taken_by_its_hash(store: Store) -> None:
    one, other = store.new_piece("A novel").id, store.new_piece("Another").id
    store.keep_summary(one, "a", "Ann goes. 👩‍👧")
    store.keep_summary(one, "b", "")
    store.keep_summary(one, "a", "Ann goes home. \ud800")
    assert store.summaries(one, ["a", "b", "c"]) == {"a": "Ann goes home. \ufffd", "b": ""}
    assert store.summaries(other, ["a"]) == {}


def test_the_newest_summaries_of_a_piece_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writer_r1.store.summaries.KEPT", 3)
    one, other = store.new_piece("A novel").id, store.new_piece("Another").id
    store.keep_summary(other, "z", "Stays.")
    for part in "abcde":
        store.keep_summary(one, part, part)
    assert set(store.summaries(one, list("abcde"))) == set("cde") and store.summaries(other, ["z"])


def test_of_a_piece_that_is_gone_none_is_kept_and_deleting_everything_leaves_no_word(store: Store) -> None:
    piece = store.new_piece("A novel").id
    store.keep_summary("nobody", "a", "Ann goes.")
    store.keep_summary(piece, "a", "Zanzibar is named.")
    assert store.summaries("nobody", ["a"]) == {}
    store.delete_all()
    assert store.summaries(piece, ["a"]) == {} and b"Zanzibar" not in store.path.read_bytes()
