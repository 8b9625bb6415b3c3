"""Who wrote what of a real piece: through rounds, reviews, restores, copies and pasted words in a real library."""

from pathlib import Path

import pytest
from test_provenance import OWN, ROUND, words

from writer_r1.authorship import written_by
from writer_r1.events import Accepted, Drafted, Finished
from writer_r1.provenance import AFTER, MINE, MODEL, Written, shares
from writer_r1.store import Piece, Source, Store, this_process
from writer_r1.ui.hands_board import hands_board, paragraphs

EVIL = "<img src=x onerror=alert(1)> said the keeper to all of them."


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "library.db")


def with_round(store: Store, text: str = "", round_: str = ROUND, by: str = "model") -> Piece:
    piece = store.new_piece("A storm", text)
    store.begin("run1", "A storm", "fake", this_process(), piece.id)
    drafted = Drafted(attempt=1, text=round_, by=by)
    store.append(
        "run1", [drafted, Accepted(attempt=1, why="first"), Finished(trajectory_id="run1", best_attempt=1, rounds=0)]
    )
    return piece


def taken(store: Store, piece: Piece) -> Piece:
    return store.save_piece(
        piece.id, piece.brief, ROUND, piece.revision, "First draft taken over", source=Source("run", "run1", 1)
    )


def test_a_round_an_edit_a_restore_and_a_copy(store: Store) -> None:
    piece = with_round(store, OWN)
    assert words(written_by(store, piece.id)) == [(MINE, OWN)]
    piece = taken(store, piece)
    assert words(written_by(store, piece.id)) == [(MODEL, ROUND)]
    piece = store.save_piece(
        piece.id, piece.brief, ROUND.replace("counted", "numbered"), piece.revision, "kept by hand"
    )
    edited = written_by(store, piece.id)
    assert [w for w in words(edited) if w[0] == AFTER] == [(AFTER, "numbered")]
    piece = store.restore_version(piece.id, 1, piece.revision)
    assert words(written_by(store, piece.id)) == [(MINE, OWN)]
    piece = store.restore_version(piece.id, 3, piece.revision)
    assert written_by(store, piece.id) == edited
    copy = store.new_piece("A storm", piece.text, "Copy", Source("piece", piece.id, piece.revision))
    assert written_by(store, copy.id) == edited
    copy = store.save_piece(copy.id, copy.brief, f"{copy.text} {OWN}", copy.revision, "kept by hand")
    assert words(written_by(store, copy.id))[-1] == (MINE, OWN)


def test_words_of_another_version_are_whose_they_were_there(store: Store) -> None:
    piece = taken(store, with_round(store))
    piece = store.restore_version(piece.id, 1, piece.revision)
    part = ROUND.split(". ")[0] + "."
    piece = store.save_piece(
        piece.id, "A storm", f"{OWN} {part}", piece.revision, "1 of 2 taken over", source=Source("piece", piece.id, 2)
    )
    assert words(written_by(store, piece.id)) == [(MINE, OWN), (MODEL, part)]


def test_a_text_of_ones_own_that_was_judged_and_put_back_is_mine(store: Store) -> None:
    piece = taken(store, with_round(store, by="user"))
    assert words(written_by(store, piece.id)) == [(MINE, ROUND)]


def test_a_round_that_was_pasted_by_hand_is_still_a_models(store: Store) -> None:
    piece = with_round(store)
    piece = store.save_piece(piece.id, "A storm", f"{ROUND} {OWN}", piece.revision)
    assert words(written_by(store, piece.id)) == [(MODEL, ROUND), (MINE, OWN)]


@pytest.mark.parametrize("source", ["run none 1", "run run1 9", "piece none 3", "piece {id} 99", "piece {id} 2"])
def test_a_source_that_is_not_there_makes_words_the_writers(store: Store, source: str) -> None:
    piece = store.new_piece("A storm", OWN)
    piece = store.save_piece(piece.id, "A storm", f"{OWN} And more of it.", 1, "x", source=Source("run", "a", 1))
    with store._transaction("BEGIN IMMEDIATE") as db:
        db.execute("UPDATE versions SET source = ?", (source.format(id=piece.id),))
    assert shares(written_by(store, piece.id))[MINE] == 100


def test_two_copies_of_each_other_come_to_an_end(store: Store) -> None:
    one, two = store.new_piece("", OWN), store.new_piece("", OWN)
    for piece, other in ((one, two), (two, one)):
        with store._transaction("BEGIN IMMEDIATE") as db:
            db.execute("UPDATE versions SET source = ? WHERE piece_id = ?", (f"piece {other.id} 1", piece.id))
    assert shares(written_by(store, one.id))[MINE] == 100


def test_nothing_written_is_nobodys(store: Store) -> None:
    assert written_by(store, "none") == Written("", "") and "empty" in hands_board(Written("", ""))


def test_the_board_marks_words_with_more_than_a_colour_and_takes_none_for_html(store: Store) -> None:
    written = Written(f"{EVIL}\n\n{ROUND}", MINE * (len(EVIL) + 2) + MODEL * 10 + AFTER * 8 + MODEL * (len(ROUND) - 18))
    html = hands_board(written)
    assert "<img" not in html and len(list(paragraphs(written))) == 2
    assert '<span class="by model"><span class="unseen">a model’s: </span>The keeper' in html
    assert '<span class="by after"><span class="unseen">yours, in place of a model’s words: </span>counted' in html
    assert html.count(" %</b>") == 3 and "&lt;img" in html
    assert "cannot be read" in hands_board("It cannot be read.") and "<b>" not in hands_board("<b>")
